"""Keypoints of the people in an image: crop, network, decode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alphapose_ros.frame import Detections, Poses
from alphapose_ros.pose.crop import MEAN_RGB, crop_boxes, crop_people
from alphapose_ros.pose.heatmap import decode
from alphapose_ros.skeletons import Skeleton

MAX_WEIGHT = 1.25  # of the best keypoint's score in the score of a pose


@dataclass(frozen=True)
class TorchBackend:
    """A pose network in PyTorch: image and boxes in, keypoints out.

    Crops go to ``device`` as bytes; heatmaps never leave it.
    """

    network: nn.Module  # in eval mode, on ``device``
    input_size: tuple[int, int]  # height, width of the crops [px]
    device: torch.device
    batch_size: int = 32
    decode_method: str = "heatmap"

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return keypoints (N, K, 3) for boxes (N, 4), N > 0, in an image (H, W, 3) BGR."""
        regions = crop_boxes(boxes, self.input_size)
        parts = np.array_split(regions, -(-len(regions) // self.batch_size))
        return np.concatenate([self._run(image, part) for part in parts])

    @torch.inference_mode()
    def _run(self, image: np.ndarray, regions: np.ndarray) -> np.ndarray:
        crops = torch.from_numpy(crop_people(image, regions, self.input_size))
        heatmaps = self.network(normalised(crops.to(self.device)))
        return decode(heatmaps, regions, self.decode_method)


def normalised(crops: Tensor) -> Tensor:
    """Turn crops (N, h, w, 3) RGB uint8 into the network's input (N, 3, h, w) float32."""
    mean = torch.tensor(MEAN_RGB, device=crops.device)
    return (crops.float() / 255 - mean).permute(0, 3, 1, 2).contiguous()


class PoseEstimator:
    """Poses of detected people.

    Args:
        backend: (image, boxes (N, 4)) -> keypoints (N, K, 3), called for N > 0 only.
        skeleton: what the K keypoints are.
    """

    def __init__(self, backend: TorchBackend, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self._backend = backend

    def __call__(self, image: np.ndarray, people: Detections) -> Poses:
        """Return one pose per detection, in the same order."""
        if len(people) == 0:
            return Poses.empty(self.skeleton)
        keypoints = self._backend(image, people.boxes)
        return Poses(
            skeleton=self.skeleton,
            keypoints=keypoints,
            boxes=people.boxes,
            box_scores=people.scores,
            scores=pose_scores(keypoints, people.scores),
            embeddings=people.embeddings,
        )


def pose_scores(keypoints: np.ndarray, box_scores: np.ndarray) -> np.ndarray:
    """Rate poses (N, K, 3) of boxes with scores (N,): (N,) in [0, 1].

    The reference adds the mean of the keypoint scores, the box score and 1.25 times the best
    keypoint score; here the sum is divided by its largest value, which keeps the order.
    """
    scores = keypoints[..., 2]
    total = scores.mean(axis=1) + box_scores + MAX_WEIGHT * scores.max(axis=1)
    return total / (2 + MAX_WEIGHT)
