"""Keypoints of the people in an image: what is common to all backends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alphapose_ros.frame import Detections, Poses
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.skeletons import Skeleton

Backend = Callable[[np.ndarray, np.ndarray], np.ndarray]  # image, boxes (N, 4) -> (N, K, 3)


class PoseEstimator:
    """Poses of detected people.

    Args:
        backend: crop, network and decoding; called for N > 0 only.
        skeleton: what the K keypoints are.
    """

    def __init__(self, backend: Backend, skeleton: Skeleton) -> None:
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
