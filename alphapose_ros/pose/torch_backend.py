"""A pose network in PyTorch: on a GPU, and for weights that have no graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alphapose_ros.checkpoints import load_network
from alphapose_ros.devices import Compute
from alphapose_ros.pose import build_pose_network
from alphapose_ros.pose.crop import MEAN_RGB, keypoints_by_crops
from alphapose_ros.pose.flip import averaged, mirrored
from alphapose_ros.pose.heatmap import decode
from alphapose_ros.zoo import Weights


@dataclass(frozen=True)
class TorchBackend:
    """Image and boxes in, keypoints out.

    Crops go to ``device`` as bytes; heatmaps never leave it. With a ``flip_order``, every crop is
    looked at twice, once mirrored, and the heatmaps (logits, for integral decodings) are averaged.
    """

    network: nn.Module  # in eval mode, on ``device``
    input_size: tuple[int, int]  # height, width of the crops [px]
    device: torch.device
    batch_size: int = 32
    decode_method: str = "heatmap"
    flip_order: tuple[int, ...] = ()  # of the skeleton, for the flip test; () for none

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return keypoints (N, K, 3) for boxes (N, 4), N > 0, in an image (H, W, 3) BGR."""
        return keypoints_by_crops(image, boxes, self.input_size, self.batch_size, self.on_crops)

    @torch.inference_mode()
    def on_crops(self, crops: np.ndarray, regions: np.ndarray) -> np.ndarray:
        """Return keypoints of crops, which may be of several images, in one run of the network.

        Args:
            crops: (N, h, w, 3) RGB uint8, from crop_people(); N > 0.
            regions: (N, 4) what they show [px of their image].

        Returns:
            (N, K, 3) float32: x y [px of the image], score.
        """
        inputs = normalised(torch.from_numpy(crops).to(self.device))
        heatmaps = self.network(inputs)
        if self.flip_order:
            heatmaps = averaged(heatmaps, self.network(mirrored(inputs)), self.flip_order)
        return decode(heatmaps, regions, self.decode_method)


def normalised(crops: Tensor) -> Tensor:
    """Turn crops (N, h, w, 3) RGB uint8 into the network's input (N, 3, h, w) float32."""
    mean = torch.tensor(MEAN_RGB, device=crops.device)
    return (crops.float() / 255 - mean).permute(0, 3, 1, 2).contiguous()


def build_torch_backend(
    weights: Weights, file: Path, compute: Compute, batch_size: int
) -> TorchBackend:
    """Return the network of ``weights``, filled from ``file``.

    Raises:
        FileNotFoundError: the file is missing.
        CheckpointError: it does not fit the network.
    """
    torch.set_num_threads(compute.threads)
    build = partial(build_pose_network, weights.network, weights.skeleton, **weights.options)
    device = torch.device(compute.device)
    network = load_network(build, file).to(device)
    return TorchBackend(network, weights.input_size, device, batch_size, weights.decode)
