"""A detector in PyTorch: on a GPU, and for weights that have no graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.detection.yolox import YOLOX, decode, yolox
from alphapose_ros.devices import Compute
from alphapose_ros.zoo import Weights


@dataclass(frozen=True)
class TorchBackend:
    """A square in, the boxes and scores of all cells out."""

    network: YOLOX  # of one class, in eval mode, on ``device``
    device: torch.device

    @torch.inference_mode()
    def __call__(self, square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (A, 4) x1 y1 x2 y2 and scores (A,) for a square (s, s, 3) BGR uint8."""
        image = torch.from_numpy(square).to(self.device).permute(2, 0, 1)[None]
        boxes, scores = decode(self.network(image.float()), *square.shape[:2])
        return boxes[0].cpu().numpy(), scores[0, :, 0].cpu().numpy()


def build_torch_backend(weights: Weights, file: Path, compute: Compute) -> tuple[TorchBackend, int]:
    """Return the network of ``weights``, filled from ``file``, and the side of its square [px].

    Raises:
        FileNotFoundError: the file is missing.
        CheckpointError: it does not fit the network.
    """
    torch.set_num_threads(compute.threads)
    device = torch.device(compute.device)
    network = load_checkpoint(yolox(weights.network), file).eval().to(device)
    return TorchBackend(network, device), weights.input_size[0]
