"""Boxes as arrays (N, 4) of x1 y1 x2 y2 in pixels."""

from __future__ import annotations

import numpy as np


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the overlap of every pair as intersection over union.

    Args:
        boxes: (N, 4) x1 y1 x2 y2.
        others: (M, 4).

    Returns:
        (N, M) in [0, 1]; 0 where both boxes are empty.
    """
    boxes, others = np.asarray(boxes, np.float64), np.asarray(others, np.float64)
    top_left = np.maximum(boxes[:, None, :2], others[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    union = area(boxes)[:, None] + area(others)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the areas (N,) [px^2]; 0 for boxes without extent."""
    return np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)


def to_xywh(boxes: np.ndarray) -> np.ndarray:
    """Turn x1 y1 x2 y2 into x y width height; any leading shape."""
    boxes = np.asarray(boxes)
    return np.concatenate((boxes[..., :2], boxes[..., 2:] - boxes[..., :2]), axis=-1)


def from_xywh(boxes: np.ndarray) -> np.ndarray:
    """Turn x y width height into x1 y1 x2 y2; any leading shape."""
    boxes = np.asarray(boxes)
    return np.concatenate((boxes[..., :2], boxes[..., :2] + boxes[..., 2:]), axis=-1)


def to_centre_size(boxes: np.ndarray) -> np.ndarray:
    """Turn x1 y1 x2 y2 into centre x, centre y, width, height; any leading shape."""
    boxes = np.asarray(boxes)
    return np.concatenate(
        ((boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]), axis=-1
    )


def from_centre_size(boxes: np.ndarray) -> np.ndarray:
    """Turn centre x, centre y, width, height into x1 y1 x2 y2; any leading shape."""
    boxes = np.asarray(boxes)
    half = boxes[..., 2:] / 2
    return np.concatenate((boxes[..., :2] - half, boxes[..., :2] + half), axis=-1)


def scale_about_centre(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    """Multiply the widths and heights of ``boxes`` (N, 4); the centres stay."""
    return from_centre_size(to_centre_size(boxes) * np.array([1.0, 1.0, width, height]))


def grow_to_aspect(boxes: np.ndarray, aspect: float, padding: float) -> np.ndarray:
    """Widen or heighten boxes to one aspect, then enlarge them; the centres stay.

    Args:
        boxes: (N, 4).
        aspect: width / height of the result.
        padding: factor of the enlargement, e.g. 1.25.
    """
    centre_size = to_centre_size(np.asarray(boxes, np.float32))
    width, height = centre_size[:, 2], centre_size[:, 3]
    grown = np.stack(
        (np.maximum(width, height * aspect), np.maximum(height, width / aspect)), axis=1
    )
    return from_centre_size(np.concatenate((centre_size[:, :2], grown * padding), axis=1))


def clip(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Cut boxes (N, 4) off at the borders of an image."""
    return np.clip(boxes, 0, np.array([width, height, width, height]))


def is_usable(boxes: np.ndarray) -> np.ndarray:
    """Return which boxes (N, 4) are finite and have a width and a height."""
    finite = np.isfinite(boxes).all(axis=1)
    safe = np.where(finite[:, None], boxes, 0)  # no warnings from Inf - Inf
    return finite & (safe[:, 2] > safe[:, 0]) & (safe[:, 3] > safe[:, 1])
