"""What it costs to say that a person of this frame is a track: (T, N), small is likely."""

from __future__ import annotations

import numpy as np

from alphapose_ros.keypoints import PoseSimilarity, ReadyPoses

IMPOSSIBLE = 3.0  # a cost above all limits
CHUNK = 4096  # pairs of poses compared at once, so that all of it stays in the processor's cache
EDGE = 1 / 80  # of the image's width, within which a box ends at its side
SIMILARITY = PoseSimilarity()


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the IoU (T, N) of boxes (T, 4) and others (N, 4); as boxes.iou, x and y apart."""
    x1, y1, x2, y2 = boxes.T[..., None]
    a1, b1, a2, b2 = np.asarray(others, np.float64).T
    shared = np.maximum(np.minimum(x2, a2) - np.maximum(x1, a1), 0)
    shared *= np.maximum(np.minimum(y2, b2) - np.maximum(y1, b1), 0)
    area = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    union = area + np.maximum(a2 - a1, 0) * np.maximum(b2 - b1, 0) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def upright_overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the IoU (T, N) of the upright extents of boxes (T, 4) and others (N, 4)."""
    top, bottom = boxes[:, 1:2], boxes[:, 3:]
    shared = np.maximum(np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1]), 0)
    total = np.maximum(bottom, others[:, 3]) - np.minimum(top, others[:, 1])
    return shared / np.maximum(total, 1e-6)


def is_as_tall(boxes: np.ndarray, others: np.ndarray, max_growth: float) -> np.ndarray:
    """Return the mask (T, N) of pairs of like height: nobody grows much within a frame."""
    heights = np.maximum(boxes[:, 3:] - boxes[:, 1:2], 1e-6)
    ratio = np.maximum(others[:, 3] - others[:, 1], 1e-6) / heights
    return (ratio < max_growth) & (ratio > 1 / max_growth)


def cut_off(boxes: np.ndarray, width: int) -> np.ndarray:
    """Return where boxes (N, 4) end at the left and right sides of an image: a mask (N, 2)."""
    margin = EDGE * width
    return np.stack((boxes[:, 0] <= margin, boxes[:, 2] >= width - margin), axis=1)


def covered(boxes: np.ndarray) -> np.ndarray:
    """Return the largest part (N,) of each box (N, 4) that another one covers, in [0, 1]."""
    x1, y1, x2, y2 = np.asarray(boxes, np.float64).T
    width = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    height = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    shared = np.fmax(width, 0) * np.fmax(height, 0)
    np.fill_diagonal(shared, 0)
    return shared.max(axis=1, initial=0) / np.maximum((x2 - x1) * (y2 - y1), 1e-6)


def pose_distances(
    keypoints: np.ndarray, sizes: np.ndarray, others: np.ndarray, pairs: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Return the normalised pose distance of pairs, in [0, 1]: 0 for the very same pose.

    The similarity of Eq. 19, divided by the geometric mean of those of each pose with itself,
    taken from 1. NaN where one of the two has no keypoints at all.

    Args:
        keypoints: (T, K, 3) x y [px], score: of the tracks, where they should be now.
        sizes: (T, 2) widths and heights of their boxes [px].
        others: (N, K, 3) of the people.
        pairs: rows of the tracks and of the people, (P,) both.

    Returns:
        (P,).

    Source: paper Eq. 19 and 22. There poses are laid over each other by the centres of their
        boxes; here by where the track should be now, which also tells how far it is off.
    """
    people = SIMILARITY.ready(np.concatenate((keypoints, others)))
    scale = np.sqrt(_to_itself(people))
    ones, many = pairs[0], pairs[1] + len(keypoints)
    sizes = sizes.astype(keypoints.dtype)
    alike = np.empty(len(ones))
    for start in range(0, len(ones), CHUNK):
        part = slice(start, start + CHUNK)
        alike[part] = SIMILARITY.compare(people, sizes, ones[part], many[part])
    scale = scale[ones] * scale[many]
    ratio = np.divide(alike, scale, out=np.full_like(alike, np.nan), where=scale > 0)
    return np.clip(1 - ratio, 0, 1)


def embedding_distances(embeddings: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return cosine distances (T, N) of unit vectors (T, D), (N, D); IMPOSSIBLE where NaN."""
    if embeddings.shape[1] != others.shape[1]:
        return np.full((len(embeddings), len(others)), IMPOSSIBLE)
    distances = 1 - embeddings @ others.T
    return np.where(np.isfinite(distances), distances, IMPOSSIBLE)


def _to_itself(people: ReadyPoses) -> np.ndarray:
    """Return the similarity of each pose to itself (N,); 0 where it has no keypoints."""
    return (people.weights * (people.support + SIMILARITY.distance_weight)).sum(axis=1)
