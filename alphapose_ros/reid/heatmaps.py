"""Heatmaps of the body from decoded keypoints, for networks that a pose guides.

So they run with pose networks of any kind: graphs give keypoints and keep their heatmaps.
"""

from __future__ import annotations

import numpy as np

from alphapose_ros.frame import Poses

SIGMA_PX = 1.0  # of a heatmap 32 high: in parts of the crop, that on which poses are trained
BODY = tuple(  # one map each, in this order
    f"{side}_{name}"
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)


def body_keypoints(people: Poses) -> np.ndarray:
    """Return the keypoints of BODY, found by name.

    Returns:
        (N, 12, 3) x y [px], score; NaN NaN 0 for those that the skeleton has not.
    """
    names = people.skeleton.names
    rows = [names.index(name) if name in names else len(names) for name in BODY]
    nowhere = np.full((len(people), 1, 3), (np.nan, np.nan, 0.0), np.float32)
    return np.concatenate((people.keypoints, nowhere), axis=1)[:, rows]


def body_heatmaps(keypoints: np.ndarray, regions: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw keypoints as Gaussians into what pictures show.

    Args:
        keypoints: (N, J, 3) x y [px of the image], score.
        regions: (N, 4) x1 y1 x2 y2 [px of the image] that the maps cover; not empty.
        size: height h and width w of the maps.

    Returns:
        (N, J, h, w) float32: Gaussians as high as the score, cut to [0, 1], of a standard
        deviation of 1 pixel of the map. Pixel (0, 0) stands for its middle. All zero where the
        position is NaN or the score is 0 or NaN.
    """
    corner, extent = regions[:, None, :2], regions[:, None, 2:] - regions[:, None, :2]
    position = (keypoints[..., :2] - corner) / extent * np.array(size[::-1]) - 0.5  # (N, J, 2)
    score = keypoints[..., 2]
    is_there = np.isfinite(position).all(axis=-1) & (score > 0)
    height = np.where(is_there, np.clip(score, 0, 1), 0)
    x, y = np.moveaxis(np.where(is_there[..., None], position, 0), -1, 0)
    across, down = _gaussian(x, size[1]), _gaussian(y, size[0])
    return ((height[..., None] * down)[..., None] * across[..., None, :]).astype(np.float32)


def _gaussian(centres: np.ndarray, length: int) -> np.ndarray:
    """Return (N, J, length): values at 0, 1, ... around centres (N, J), 1 at a centre."""
    distance = np.arange(length) - centres[..., None]
    return np.exp(-(distance**2) / (2 * SIGMA_PX**2))
