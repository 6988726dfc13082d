"""Leaves out people whom a robot does not care for: by region, mask, number and keypoints."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.config import FilterConfig
from alphapose_ros.frame import Detections, Poses

MOST = 0.5  # a larger part of a box in the mask: it lies there for the most
WHITE = 128  # smallest grey of a mask that is white
SURE = 0.4  # score from which a box is hardly ever nobody's; that which begins a track
SPARE = 2  # boxes that get a pose above max_people: some are nobody's, or somebody's second


class PeopleFilter:
    """Chooses the people who count; ``config`` may be exchanged between two frames.

    The mask is read once, here.

    Raises:
        FileNotFoundError, ValueError: the mask is not there or is no picture.
    """

    def __init__(self, config: FilterConfig) -> None:
        self.config = config
        self._mask = _read_mask(config.mask) if config.mask else None  # (h, w) 0 or 1
        self._sums: np.ndarray | None = None  # (H + 1, W + 1) of the mask, for images H x W

    def detections(self, found: Detections, image_shape: tuple[int, ...]) -> np.ndarray:
        """Tell who is in the region and not in the mask, and of these among the first to count.

        With ``max_people`` those are up to SPARE more; poses() leaves so many of them.

        Args:
            found: N people, N may be 0.
            image_shape: of the image that they were found in, (H, W, ...).

        Returns:
            (N,) bool.
        """
        counts = np.ones(len(found), bool)
        if len(found) == 0:
            return counts
        corners = np.array(self.config.corners)
        if len(corners):
            height, width = image_shape[:2]
            middles = 0.5 * (found.boxes[:, :2] + found.boxes[:, 2:]) / (width, height)
            counts &= is_inside(middles, corners)
        if self._mask is not None:
            counts &= self._masked_part(found.boxes, image_shape[:2]) <= MOST
        if self.config.max_people:
            rows = np.flatnonzero(counts)
            first = _first(found.boxes[rows], found.scores[rows], self.config.max_people + SPARE)
            counts[np.delete(rows, first)] = False
        return counts

    def poses(self, poses: Poses) -> Poses:
        """Return those of whom enough keypoints are seen, and of these the first to count."""
        if self.config.min_keypoints and len(poses):
            is_there = np.isfinite(poses.keypoints).all(axis=2)
            seen = is_there & (poses.keypoints[..., 2] >= self.config.keypoint_score)
            poses = poses[seen.sum(axis=1) >= self.config.min_keypoints]
        if 0 < self.config.max_people < len(poses):
            poses = poses[_first(poses.boxes, poses.box_scores, self.config.max_people)]
        return poses

    def _masked_part(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return the part (N,) of each box that the mask covers, of what lies in the image.

        By sums over the rectangles from the image's corner, so that large boxes cost no more.
        """
        height, width = size
        if self._sums is None or self._sums.shape != (height + 1, width + 1):
            fitted = cv2.resize(self._mask, (width, height), interpolation=cv2.INTER_NEAREST)
            self._sums = cv2.integral(fitted)
        x1, y1 = np.clip(np.floor(boxes[:, :2]), 0, (width, height)).astype(int).T
        x2, y2 = np.clip(np.ceil(boxes[:, 2:]), 0, (width, height)).astype(int).T
        sums = self._sums
        masked = sums[y2, x2] - sums[y1, x2] - sums[y2, x1] + sums[y1, x1]
        return masked / np.maximum((x2 - x1) * (y2 - y1), 1)


def is_inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Tell which points lie in a polygon.

    Args:
        points: (N, 2).
        corners: (C, 2), in order. Where its sides cross, what is enclosed twice is outside.

    Returns:
        (N,) bool: those from which a ray to the right crosses the sides an odd number of times.
    """
    (x, y), (x1, y1) = points.T[:, :, None], corners.T
    x2, y2 = np.roll(corners, -1, axis=0).T
    straddles = (y1 > y) != (y2 > y)  # never where y1 = y2
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        return (straddles & (x < crossing)).sum(axis=1) % 2 == 1


def _first(boxes: np.ndarray, scores: np.ndarray, most: int) -> np.ndarray:
    """Return the rows, in order, of the ``most`` of N boxes that count before others.

    Those are boxes that are SURE, then the larger ones, which are of people nearby. Without the
    former, a large thing that hardly looks like somebody would take the place of a person.

    Args:
        boxes: (N, 4) [px].
        scores: (N,) of the boxes.
        most: how many.
    """
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.sort(np.lexsort((-areas, scores < SURE))[:most])  # equal: the first


def _read_mask(path: str) -> np.ndarray:
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"filter.mask: there is no file {path}; give the full path of a picture whose white "
            "parts are to be ignored, or leave it empty"
        )
    picture = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError(
            f"filter.mask: {path} is no picture that can be read; save it as PNG, white where "
            "people are to be ignored"
        )
    return (picture >= WHITE).astype(np.uint8)
