"""A re-identification network in PyTorch: on a GPU, and for weights that have no graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alphapose_ros.checkpoints import load_network, read_shapes
from alphapose_ros.devices import Compute
from alphapose_ros.reid import POSE_GUIDED, build_reid_network
from alphapose_ros.reid.embedder import HEATMAP_STRIDE
from alphapose_ros.reid.heatmaps import BODY
from alphapose_ros.zoo import Weights

MEAN_RGB, DEVIATION_RGB = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's


@dataclass(frozen=True)
class TorchBackend:
    """Pictures in, embeddings out; one way to the device for all people, and one back."""

    network: nn.Module  # in eval mode, on ``device``
    input_size: tuple[int, int]  # height, width of the pictures [px]
    dimensions: int
    device: torch.device
    batch_size: int = 32

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray, heatmaps: np.ndarray | None = None) -> np.ndarray:
        """Return embeddings (N, D) float32, not of unit length.

        Args:
            pictures: (N, h, w, 3) RGB uint8; N > 0. They travel as bytes.
            heatmaps: (N, 12, h/4, w/4) float32, for networks that a pose guides.
        """
        arrays = [pictures] if heatmaps is None else [pictures, heatmaps]
        batches = [
            torch.from_numpy(array).to(self.device).split(self.batch_size) for array in arrays
        ]
        found = [
            self.network(normalised(part), *guides) for part, *guides in zip(*batches, strict=True)
        ]
        return torch.cat(found).cpu().numpy()


def normalised(pictures: Tensor) -> Tensor:
    """Turn pictures (N, h, w, 3) RGB uint8 into the network's input (N, 3, h, w) float32."""
    mean, deviation = (torch.tensor(v, device=pictures.device) for v in (MEAN_RGB, DEVIATION_RGB))
    return ((pictures.float() / 255 - mean) / deviation).permute(0, 3, 1, 2).contiguous()


def build_torch_backend(
    weights: Weights, file: Path, compute: Compute, batch_size: int
) -> TorchBackend:
    """Return the network of ``weights``, filled from ``file``, whatever its number of classes.

    Raises:
        FileNotFoundError: the file is missing.
        CheckpointError: it does not fit the network.
    """
    torch.set_num_threads(compute.threads)
    build = partial(build_reid_network, weights.network, **_sizes(weights.network, file))
    device = torch.device(compute.device)
    network = load_network(build, file).to(device)
    dimensions = _dimensions(network, weights, device)
    return TorchBackend(network, weights.input_size, dimensions, device, batch_size)


def _sizes(network: str, file: Path) -> dict[str, int]:
    if network in POSE_GUIDED:
        return {}
    classes = read_shapes(file).get("classifier.weight", (0,))[0]
    return {"classes": classes}


@torch.inference_mode()
def _dimensions(network: nn.Module, weights: Weights, device: torch.device) -> int:
    height, width = weights.input_size
    inputs = [torch.zeros(1, 3, height, width, device=device)]
    if weights.network in POSE_GUIDED:
        rows, columns = height // HEATMAP_STRIDE, width // HEATMAP_STRIDE
        inputs.append(torch.zeros(1, len(BODY), rows, columns, device=device))
    return network(*inputs).shape[1]
