"""Pose NMS by the rule and the constants of the AlphaPose reference, for comparison with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ABSENT = np.float32(1e-5)  # takes the place of a score of 0
BODY_LIMIT_PX, MERGE_LIMIT_PX = 7.0, 15.0  # caps of the radii for counting and for merging
FINE = 110  # keypoints of face and hands, the last of a whole body
HANDS = 42
AREA_FACTOR = 2.25  # of the keypoints' box, before it is compared with min_area
COUNTED = (slice(0, 26), slice(26, 94), slice(94, None))  # Halpe's, for COCO-WholeBody as well
FINENESS = (1.0, 1.9, 0.55)  # factors of distances for body, face and hands
SCORE_WEIGHTS = (1.0, 1.0, 0.1)
DISTANCE_WEIGHTS = (1.0, 1.0, 1.5)
WHOLE_BODIES = (133, 136)


@dataclass(frozen=True)
class Constants:
    """The numbers of one of the reference's two sets."""

    score_scale: float  # delta_1
    distance_weight: float  # mu
    distance_scale_px: float  # delta_2
    threshold: float  # gamma
    min_score: float  # of the best keypoint
    min_matches: float  # keypoints
    radius: float  # in parts of the longer side of the box


CONSTANTS = {
    "heatmap": Constants(1.0, 1.7, 2.65, 22.48, 0.3, 5.0, 0.1),
    "regression": Constants(1.0, 1.65, 8.0, 3.6, 0.01, 3.0, 0.15),
}


def constants_for(name: str, num_keypoints: int) -> Constants:
    """Return the constants of a head; those for regression serve whole bodies only.

    The reference writes the latter over the former for the rest of the process; here every call
    has its own.

    Raises:
        ValueError: there are no constants of that name.
    """
    if name not in CONSTANTS:
        raise ValueError(f"constants {name!r} are none of {', '.join(CONSTANTS)}")
    return CONSTANTS[name if num_keypoints in WHOLE_BODIES else "heatmap"]


def reference_nms(
    keypoints: np.ndarray, boxes: np.ndarray, constants: Constants, min_area: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Suppress and merge poses as the reference does, with its quirks.

    A pose removes those that are like it by a score, or that match it in enough keypoints, and
    becomes their mean. All distances are in pixels. For whole bodies the count of matches is
    divided by the number of poses that are left, so that it hardly ever decides in a crowd.

    Args:
        keypoints: (N, K, 3) x y [px], score; NaN matches nothing.
        boxes: (N, 4).
        constants: see ``constants_for``.
        min_area: smallest area of a person [px^2].

    Returns:
        The rows that stay, in the order in which they were picked, and their merged keypoints
        (M, K, 3), NaN NaN 0 where nothing supports a keypoint.

    Source: the AlphaPose reference implementation, of which this is an own account.
    """
    keypoints = np.array(keypoints, np.float32)
    keypoints[keypoints[..., 2] == 0, 2] = ABSENT
    sides = boxes[:, 2:] - boxes[:, :2]
    radii = constants.radius * sides.max(axis=1)
    human_scores = keypoints[..., 2].mean(axis=1)
    is_whole_body = keypoints.shape[1] in WHOLE_BODIES
    is_alike = _is_alike_whole_body if is_whole_body else _is_alike_body

    rows, merged = [], []
    left = np.arange(len(keypoints))
    while len(left):
        picked = left[human_scores[left].argmax()]
        distances = np.hypot(*np.moveaxis(keypoints[left, :, :2] - keypoints[picked, :, :2], -1, 0))
        goes = is_alike(keypoints[picked], keypoints[left], distances, radii[picked], constants)
        if not goes.any():
            goes = left == picked
        if keypoints[picked, :, 2].max() >= constants.min_score:
            pose = _merged(keypoints[left[goes]], distances[goes], radii[picked])
            if _is_somebody(pose, constants.min_score, min_area):
                rows.append(picked)
                merged.append(pose)
        left = left[~goes]
    poses = np.array(merged, np.float32).reshape(-1, *keypoints.shape[1:])
    return np.array(rows, dtype=np.intp), poses


def _is_alike_body(
    pose: np.ndarray,
    others: np.ndarray,
    distances: np.ndarray,
    radius_px: float,
    constants: Constants,
) -> np.ndarray:
    """Return which of ``others`` (N, K, 3) go for ``pose``; ``distances`` (N, K) [px]."""
    weights = np.tanh(others[..., 2] / constants.score_scale) * np.tanh(
        pose[:, 2] / constants.score_scale
    )
    closeness = _closeness(distances / constants.distance_scale_px)
    score = ((distances <= 1) * weights).sum(axis=1)
    score += constants.distance_weight * closeness.sum(axis=1)
    matches = (distances <= min(radius_px, BODY_LIMIT_PX)).sum(axis=1)
    return (score > constants.threshold) | (matches >= constants.min_matches)


def _is_alike_whole_body(
    pose: np.ndarray,
    others: np.ndarray,
    distances: np.ndarray,
    radius_px: float,
    constants: Constants,
) -> np.ndarray:
    """Return which of ``others`` (N, K, 3) go for ``pose``; ``distances`` (N, K) [px]."""
    num_keypoints = len(pose)
    is_weak = others[..., 2] < constants.min_score
    weights = np.tanh(others[..., 2] / constants.score_scale) * np.tanh(
        pose[:, 2] / constants.score_scale
    )
    support = (distances <= 1) * is_weak * weights  # of the weak: inverted in the reference
    parts = (
        slice(0, num_keypoints - FINE),
        slice(num_keypoints - FINE, num_keypoints - HANDS),
        slice(num_keypoints - HANDS, None),
    )
    score = np.zeros(len(others), np.float32)
    for part, factor, of_score, of_distance in zip(
        parts, FINENESS, SCORE_WEIGHTS, DISTANCE_WEIGHTS, strict=True
    ):
        closeness = _closeness(distances[:, part] / (factor * constants.distance_scale_px))
        closeness[is_weak[:, part]] = 0
        score += of_score * support[:, part].mean(axis=1)
        score += constants.distance_weight * of_distance * closeness.mean(axis=1)
    matches = _matches(pose, distances, min(radius_px, BODY_LIMIT_PX), constants)
    return (score > constants.threshold) | (matches >= constants.min_matches)


def _matches(
    pose: np.ndarray, distances: np.ndarray, radius_px: float, constants: Constants
) -> np.ndarray:
    """Count the keypoints of a whole body that match, (N,), as the reference scales the count."""
    visible = int((pose[:, 2] > constants.min_score / 2).sum())
    if len(distances) * visible < 1:
        return np.zeros(len(distances))
    near = distances / radius_px
    count = sum(
        (near[:, part] <= factor).sum(axis=1)
        for part, factor in zip(COUNTED, FINENESS, strict=True)
    )
    return count * len(pose) / (4 * len(distances) * visible)


def _closeness(ratios: np.ndarray) -> np.ndarray:
    """Return exp(-ratio), 0 where NaN."""
    return np.exp(-np.where(np.isnan(ratios), np.inf, ratios))


def _merged(poses: np.ndarray, distances: np.ndarray, radius_px: float) -> np.ndarray:
    """Return the mean (K, 3) of poses (N, K, 3) where they are near, weighted by scores."""
    is_near = distances <= min(radius_px, MERGE_LIMIT_PX)
    weights = is_near * poses[..., 2]
    total = weights.sum(axis=0)
    is_there = total > 0
    weights /= np.where(is_there, total, 1)
    places = np.where(is_near[..., None], poses[..., :2], 0)
    merged = np.empty(poses.shape[1:], np.float32)
    merged[:, :2] = (weights[..., None] * places).sum(axis=0)
    merged[:, 2] = (weights * poses[..., 2]).sum(axis=0)
    merged[~is_there] = [np.nan, np.nan, 0]
    return merged


def _is_somebody(pose: np.ndarray, min_score: float, min_area: float) -> bool:
    if pose[:, 2].max() < min_score:
        return False
    places = pose[np.isfinite(pose[:, 0]), :2]
    sides = np.ptp(places, axis=0) if len(places) else np.zeros(2)
    return bool(AREA_FACTOR * sides.prod() >= min_area)
