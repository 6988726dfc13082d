"""Rotation matrices, alone and in arrays."""

from __future__ import annotations

import numpy as np


def about(axis: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Return rotations (..., 3, 3) by ``angle`` [rad] (...) about ``axis`` (..., 3).

    Source: Rodrigues' formula.
    """
    axis = np.asarray(axis, np.float64)
    axis = axis / (np.linalg.norm(axis, axis=-1, keepdims=True) + 1e-12)
    angle = np.asarray(angle, np.float64)[..., None, None]
    zero = np.zeros(axis.shape[:-1])
    x, y, z = np.moveaxis(axis, -1, 0)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*axis.shape[:-1], 3, 3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def aligning(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return the smallest rotations (..., 3, 3) that turn ``start`` (..., 3) to ``stop``."""
    start = start / np.linalg.norm(start, axis=-1, keepdims=True)
    stop = stop / np.linalg.norm(stop, axis=-1, keepdims=True)
    axis = np.cross(start, stop)
    angle = np.arctan2(np.linalg.norm(axis, axis=-1), (start * stop).sum(-1))
    return about(axis, angle)


def nearest(matrices: np.ndarray) -> np.ndarray:
    """Return the rotations nearest to ``matrices`` (..., 3, 3), for instance sums of rotations."""
    left, _, right = np.linalg.svd(np.asarray(matrices, np.float64))
    flip = np.sign(np.linalg.det(left @ right))
    left[..., :, 2] *= flip[..., None]
    return left @ right
