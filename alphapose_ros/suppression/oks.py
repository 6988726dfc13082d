"""OKS-NMS, hard and soft: what boxes' NMS is by IoU, by the similarity of keypoints."""

from __future__ import annotations

import numpy as np

from alphapose_ros.keypoints import oks

SMALLEST_SCORE = 1e-3  # below which soft-NMS gives a pose up


def oks_nms(
    keypoints: np.ndarray,
    areas: np.ndarray,
    scores: np.ndarray,
    sigmas: tuple[float, ...] | np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Return the rows that stay, best first: no two of an OKS above ``threshold``.

    Args:
        keypoints: (N, K, 3) x y [px], score; what is at 0 in the better pose does not count.
        areas: (N,) of the people [px^2]; a pair is measured by the mean of its two.
        scores: (N,).
        sigmas: K standard deviations, as in Skeleton. The reference takes 0.025 for the face and
            the hands of 136 keypoints, Halpe's evaluation and our skeleton 0.015.
        threshold: [0, 1].
    """
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[_oks(keypoints, areas, sigmas, best, waiting) <= threshold]
    return np.array(kept, dtype=np.intp)


def soft_oks_nms(
    keypoints: np.ndarray,
    areas: np.ndarray,
    scores: np.ndarray,
    sigmas: tuple[float, ...] | np.ndarray,
    threshold: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows, best first, and their scores, which fall by likeness to better poses.

    A pose loses by the factor exp(-OKS^2 / threshold) to each better one. Only those whose score
    falls below 0.001 by this go.

    Args:
        keypoints: (N, K, 3) x y [px], score.
        areas: (N,) of the people [px^2].
        scores: (N,).
        sigmas: K standard deviations, as in Skeleton.
        threshold: (0, 1], how mild the loss is.

    Source: soft-NMS (Bodla et al. 2017), with OKS in place of IoU.
    """
    left = np.array(scores, np.float64)
    waiting = np.arange(len(left))
    kept = []
    while len(waiting):
        best = waiting[np.argmax(left[waiting])]
        kept.append(best)
        waiting = waiting[waiting != best]
        left[waiting] *= np.exp(-(_oks(keypoints, areas, sigmas, best, waiting) ** 2) / threshold)
        is_lost = (left[waiting] < SMALLEST_SCORE) & (left[waiting] < scores[waiting])
        waiting = waiting[~is_lost]
    rows = np.array(kept, dtype=np.intp)
    return rows, left[rows]


def _oks(
    keypoints: np.ndarray,
    areas: np.ndarray,
    sigmas: tuple[float, ...] | np.ndarray,
    best: int,
    others: np.ndarray,
) -> np.ndarray:
    mean_areas = (areas[best] + areas[others]) / 2
    return oks(keypoints[best], keypoints[others], mean_areas, sigmas)
