"""How the camera itself moved between two frames, from what does not move."""

from __future__ import annotations

import cv2
import numpy as np

WIDTH_PX = 320  # of the reduced picture; smaller ones stay as they are
MAX_POINTS = 200
POINT_QUALITY = 0.01  # of a corner, in parts of the best one's
POINT_DISTANCE_PX = 8  # between corners, in the reduced picture
MAX_ERROR_PX = 1.5  # of a point that moves with the camera, in the reduced picture
FEWEST_POINTS = 12
FEWEST_PART = 0.4  # of the points that move with the camera
STILL = np.eye(2, 3)


class CameraMotion:
    """Follows corners of the background from frame to frame.

    Turning and moving camera are taken for a shift, a turn and a change of size of the whole
    picture, which is right for what is far away.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._last: np.ndarray | None = None
        self._points = np.empty((0, 1, 2), np.float32)

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return what takes places in the last frame to those in this one.

        Args:
            image: (H, W, 3) BGR.
            boxes: (N, 4) x1 y1 x2 y2 [px] of the people in it, who move by themselves.

        Returns:
            (2, 3) of a similarity [px]; nothing moves in the first frame, after a change of size,
            and where too few points agree.
        """
        scale = min(1.0, WIDTH_PX / image.shape[1])
        size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        matrix = self._since_last(grey)
        self._last, self._points = grey, _corners(grey, boxes * scale)
        return matrix * [1, 1, 1 / scale]

    def _since_last(self, grey: np.ndarray) -> np.ndarray:
        is_same_size = self._last is not None and self._last.shape == grey.shape
        if not is_same_size or len(self._points) < FEWEST_POINTS:
            return STILL
        found, is_found, _ = cv2.calcOpticalFlowPyrLK(self._last, grey, self._points, None)
        is_found = is_found[:, 0] > 0
        if is_found.sum() < FEWEST_POINTS:
            return STILL
        matrix, is_used = cv2.estimateAffinePartial2D(
            self._points[is_found],
            found[is_found],
            method=cv2.RANSAC,
            ransacReprojThreshold=MAX_ERROR_PX,
        )
        fewest = max(FEWEST_POINTS, FEWEST_PART * len(self._points))
        return STILL if matrix is None or is_used.sum() < fewest else matrix


def _corners(grey: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return corners (P, 1, 2) outside of boxes."""
    mask = np.full(grey.shape, 255, np.uint8)
    limits = np.array(grey.shape[::-1] * 2)
    usable = boxes[np.isfinite(boxes).all(axis=1)]
    for x1, y1, x2, y2 in np.clip(np.round(usable), 0, limits).astype(int):
        mask[y1:y2, x1:x2] = 0
    points = cv2.goodFeaturesToTrack(grey, MAX_POINTS, POINT_QUALITY, POINT_DISTANCE_PX, mask=mask)
    return np.empty((0, 1, 2), np.float32) if points is None else points
