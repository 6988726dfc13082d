"""Keypoints and boxes as numbers of files: absent ones, their order, decimals read as the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from alphapose_ros.skeletons import Skeleton

ABSENT = np.array([np.nan, np.nan, 0.0])


def zeros_absent(keypoints: np.ndarray) -> np.ndarray:
    """Return keypoints (..., 3) of a file: 0 0 0 is absent."""
    is_absent = (keypoints == 0).all(axis=-1)
    return np.where(is_absent[..., None], ABSENT, keypoints)


def absent_zeros(keypoints: np.ndarray) -> np.ndarray:
    """Return keypoints (..., 3) for a file: absent ones are 0 0 0."""
    is_there = np.isfinite(keypoints).all(axis=-1)
    return np.where(is_there[..., None], keypoints, 0)


def flat(keypoints: np.ndarray) -> np.ndarray:
    """Return keypoints (N, K, 3) as (N, 3 K), also for N = 0."""
    return keypoints.reshape(len(keypoints), 3 * keypoints.shape[1])


def in_layout(keypoints: np.ndarray, source: Skeleton, target: Skeleton) -> np.ndarray:
    """Take keypoints (N, K, 3) over into another skeleton by name; others are absent."""
    if source.names == target.names:
        return keypoints
    rows = source.rows_of(target)
    moved = np.tile(ABSENT.astype(keypoints.dtype), (len(keypoints), len(rows), 1))
    moved[:, rows >= 0] = keypoints[:, rows[rows >= 0]]
    return moved


def extent(keypoints: np.ndarray) -> np.ndarray:
    """Return the box (4,) around keypoints (K, 3); NaN where all are absent."""
    places = keypoints[np.isfinite(keypoints[:, :2]).all(axis=1), :2]
    if not len(places):
        return np.full(4, np.nan)
    return np.concatenate((places.min(axis=0), places.max(axis=0)))


def mean_score(keypoints: np.ndarray) -> float:
    """Return the mean score of the keypoints (K, 3) that are there, at most 1; 0 without any."""
    is_there = np.isfinite(keypoints[:, :2]).all(axis=1)
    return min(float(keypoints[is_there, 2].mean()), 1.0) if is_there.any() else 0.0


def shortest(values: np.ndarray) -> list[Any]:
    """Return float32 numbers of any shape as the shortest decimals that are read as the same."""
    values = np.asarray(values, np.float32)
    return values.astype("U").astype(np.float64).tolist()


def exact_xywh(boxes: np.ndarray) -> list[list[float]]:
    """Return x y width height of float32 boxes (N, 4) so that `exact_box` gives the same again."""
    boxes = np.asarray(boxes, np.float32)
    sizes = boxes[:, 2:].astype(np.float64) - boxes[:, :2]
    short = np.array([float(f"{size:.9g}") for size in sizes.ravel()]).reshape(sizes.shape)
    is_exact = (boxes[:, :2] + short).astype(np.float32) == boxes[:, 2:]
    return [
        [*corner, *size]
        for corner, size in zip(
            shortest(boxes[:, :2]), np.where(is_exact, short, sizes).tolist(), strict=True
        )
    ]


def exact_box(xywh: np.ndarray) -> np.ndarray:
    """Return x1 y1 x2 y2 of x y width height, (4,)."""
    corner = xywh[:2].astype(np.float32)
    return np.concatenate((corner, corner + xywh[2:].astype(np.float64)))
