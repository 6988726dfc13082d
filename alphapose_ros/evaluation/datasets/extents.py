"""Extents of labelled people: boxes around their keypoints, and distances between two of these."""

from __future__ import annotations

import numpy as np

from alphapose_ros.boxes import scale_about_centre
from alphapose_ros.skeletons import Skeleton

GROWN = 1.2  # keypoints lie inside of a person, not on the outline


def tight_boxes(keypoints: np.ndarray) -> np.ndarray:
    """Return the smallest boxes (N, 4) around the labelled keypoints (N, K, 3); 0 without any."""
    is_labelled = keypoints[..., 2:] > 0
    low = np.where(is_labelled, keypoints[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(is_labelled, keypoints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    boxes = np.concatenate((low, high), axis=1)
    return np.where(is_labelled.any(axis=1), boxes, 0.0)


def boxes_around(keypoints: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) for people whose file has none: a fifth larger than the tight ones."""
    return scale_about_centre(tight_boxes(keypoints), GROWN, GROWN)


def longer_sides(boxes: np.ndarray) -> np.ndarray:
    """Return the longer of width and height (N,) of boxes (N, 4)."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)


def distance(keypoints: np.ndarray, skeleton: Skeleton, start: str, stop: str) -> np.ndarray:
    """Return how far two keypoints of (N, K, 3) are apart (N,); NaN where one has no label."""
    ends = keypoints[:, [skeleton.index(start), skeleton.index(stop)]]
    apart = np.linalg.norm(ends[:, 0, :2] - ends[:, 1, :2], axis=1)
    return np.where((ends[..., 2] > 0).all(axis=1), apart, np.nan)
