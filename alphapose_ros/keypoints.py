"""Measures between poses: OKS, and the similarity that pose NMS and tracking share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.skeletons import Skeleton

BODY = "body"  # the group of keypoints that poses are told apart by, where there is one
NEAR = 0.05  # half of a tenth of the box: Eq. 17's box around a keypoint, scale-free


@dataclass(frozen=True)
class PoseSimilarity:
    """How much poses are alike, in parts of the box; larger is more alike.

    The result does not change with a person's distance from the camera, nor, since sums became
    means, with the number of keypoints. A keypoint that is NaN in either pose counts as unlike.

    Source: paper Eq. 17 (keypoints within a box of a tenth of the size support each other),
        Eq. 18 (closeness), Eq. 19 (their weighted sum).
    """

    score_scale: float = 0.3  # sigma_1
    distance_scale: float = 0.01  # sigma_2, in squared parts of the box
    distance_weight: float = 1.0  # lambda

    def __call__(self, pose: np.ndarray, size: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Compare one pose to others.

        Args:
            pose: (K, 3) x y [px], score.
            size: (2,) width and height of its box [px].
            others: (N, K, 3).

        Returns:
            (N,), at most 1 + distance_weight.
        """
        dx = (others[..., 0] - pose[:, 0]) / size[0]
        dy = (others[..., 1] - pose[:, 1]) / size[1]
        weight = np.tanh(others[..., 2] / self.score_scale) * np.tanh(pose[:, 2] / self.score_scale)
        near = np.maximum(np.abs(dx), np.abs(dy)) <= NEAR  # False where NaN
        closeness = np.nan_to_num(np.exp(-(dx**2 + dy**2) / self.distance_scale))
        return (near * weight + self.distance_weight * closeness).mean(axis=-1)

    def distance(self, pose: np.ndarray, size: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return (N,) in [0, 1]: 0 for the very same pose, 1 for nothing in common.

        The similarity is divided by the geometric mean of those of each pose with itself.
        1 where a pose has no keypoints at all.
        """
        alike = self(pose, size, others)
        scale = np.sqrt(self._to_itself(pose) * self._to_itself(others))
        ratio = np.divide(alike, scale, out=np.zeros_like(alike), where=scale > 0)
        return np.clip(1 - ratio, 0, 1)

    def _to_itself(self, poses: np.ndarray) -> np.ndarray:
        """Return the similarity of each pose (..., K, 3) to itself (...)."""
        weight = np.tanh(poses[..., 2] / self.score_scale) ** 2
        return (np.isfinite(poses[..., 0]) * (weight + self.distance_weight)).mean(axis=-1)


def oks(pose: np.ndarray, others: np.ndarray, area: float, sigmas: tuple[float, ...]) -> np.ndarray:
    """Return the object keypoint similarity of ``others`` to ``pose``.

    Args:
        pose: (K, 3) x y [px], and score or visibility; keypoints at 0 or below do not count.
        others: (N, K, 3) or (N, K, 2).
        area: of the person in ``pose`` [px^2].
        sigmas: K standard deviations in units of sqrt(area), as in Skeleton.

    Returns:
        (N,) in [0, 1]; 0 where nothing counts.

    Source: COCO keypoint evaluation.
    """
    labelled = pose[:, 2] > 0
    if not labelled.any():
        return np.zeros(len(others))
    squared = ((others[:, labelled, :2] - pose[labelled, :2]) ** 2).sum(axis=2)
    variance = (2 * np.asarray(sigmas)[labelled]) ** 2
    exponent = squared / (2 * variance * (area + np.spacing(1)))
    return np.nan_to_num(np.exp(-exponent)).mean(axis=1)


def shifted(keypoints: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Carry keypoints (K, 3) along as their box (4,) ``source`` moves and scales to ``target``."""
    size = np.maximum(source[2:] - source[:2], 1e-6)
    moved = (keypoints[:, :2] - source[:2]) / size * (target[2:] - target[:2]) + target[:2]
    return np.concatenate((moved, keypoints[:, 2:]), axis=1)


def comparable_rows(skeleton: Skeleton) -> slice:
    """Return the keypoints that tell poses apart best: the body's, where the skeleton has one."""
    return skeleton.group(BODY) if BODY in skeleton.groups else slice(None)
