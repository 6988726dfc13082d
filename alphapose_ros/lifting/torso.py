"""How far away torsos are, by votes of depth on them, and how much that depth is noise."""

from __future__ import annotations

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.config import LiftingConfig
from alphapose_ros.keypoints import comparable_rows
from alphapose_ros.lifting.patches import FEW, MANY, read
from alphapose_ros.skeletons import Skeleton

TORSO = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
TORSO_BOX = (0.35, 0.2, 0.65, 0.5)  # of a box, where keypoints do not say it: x1 y1 x2 y2
TORSO_SIDE = 7  # values along each side of a torso
KEYPOINT_VOTES = 2  # of each keypoint of the body, for the depth of its torso
FAIR_PART = 0.2  # of the votes
COVERED_PART = 0.15  # of a box that another one shares, who may stand in front
BODY_ROWS = slice(0, 17)  # of unknown skeletons
TORSO_M = 0.5  # depth within which the values of a torso lie, noise apart
LEAST_NOISE = 0.1  # of the noise that the settings say


def torso_depths(
    keypoints: np.ndarray,
    boxes: np.ndarray,
    depth: np.ndarray,
    config: LiftingConfig,
    skeleton: Skeleton | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return z of the torsos' surfaces (N,) [m], and the noise of single values there (N,) [m].

    Values between shoulders and hips vote, and those at the body's keypoints. Where neither are
    seen, those in the middle of the box do, and there what is nearer counts, as far as it is a
    fair part: behind people are walls. Who votes for the depth of somebody in front, who covers
    them, gets what else they have voted for. NaN where there are few votes.

    The noise is seen in the differences of neighbours; what the settings say is its upper limit.
    Arguments as of ``lift``.
    """
    corners, is_torso = _torso_corners(keypoints, boxes, config, skeleton)
    step = (np.arange(TORSO_SIDE) + 0.5) / TORSO_SIDE
    across = corners[:, 0, None] + step[:, None] * (corners[:, 1] - corners[:, 0])[:, None]
    below = corners[:, 3, None] + step[:, None] * (corners[:, 2] - corners[:, 3])[:, None]
    places = across[:, None] + step[:, None, None] * (below - across)[:, None]
    places = places.reshape(len(boxes), TORSO_SIDE**2, 2)
    within = np.float32(config.min_range_m), np.float32(config.max_range_m)
    grid = read(depth, places[..., 0], places[..., 1], *within)
    body = keypoints[:, BODY_ROWS if skeleton is None else comparable_rows(skeleton)]
    is_seen = body[..., 2] >= config.keypoint_score
    places = np.where(is_seen[..., None], body[..., :2], np.nan)
    voters = read(depth, places[..., 0], places[..., 1], *within)
    has_body = np.isfinite(voters).sum(axis=1) >= FEW
    votes = np.concatenate(
        (np.where((is_torso | ~has_body)[:, None], grid, np.nan), *[voters] * KEYPOINT_VOTES),
        axis=1,
    )
    found = _voted(votes, boxes, is_torso | has_body, config)
    return found, _seen_noise(grid, found, config)


def _voted(
    votes: np.ndarray, boxes: np.ndarray, is_body: np.ndarray, config: LiftingConfig
) -> np.ndarray:
    """Return the depths (N,) [m] that values (N, V) vote for, NaN where there are few.

    Args:
        votes: depths [m], NaN where there is none.
        boxes: (N, 4), to tell who covers whom.
        is_body: (N,) the values are seen on bodies; otherwise anywhere in boxes.
        config: noise.
    """
    z = np.sort(votes, axis=1)
    total = np.maximum(np.isfinite(z).sum(axis=1), 1)
    with np.errstate(invalid="ignore"):
        window = TORSO_M + 2 * _stated_noise(z, config)
        counts = (z[:, None] <= (z + window)[..., None]).sum(axis=2) - np.arange(z.shape[1])
    counts[np.isnan(z)] = 0
    enough = (counts >= FAIR_PART * total[:, None]) & (counts >= FEW)
    first = np.where(is_body, counts.argmax(axis=1), enough.argmax(axis=1))
    found, count = _cluster(z, counts, first)
    is_apart = (np.abs(z - found[:, None]) > window) & enough & (z > found[:, None])
    others, other_count = _cluster(z, counts, np.where(is_apart, counts, 0).argmax(axis=1))
    share, rest = count / total, is_apart.any(axis=1) & (other_count >= FEW)
    common = np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - np.maximum(
        boxes[:, None, :2], boxes[:, :2]
    )
    common = np.clip(common, 0, None).prod(axis=2) / np.maximum(area(boxes), 1)[:, None]
    with np.errstate(invalid="ignore"):
        is_same = np.abs(found[:, None] - found) < TORSO_M
    is_covered = (is_same & (common > COVERED_PART) & (share > share[:, None])).any(axis=1)
    found = np.where(is_covered & rest, others, found)
    return np.where(count >= FEW, found, np.nan)


def _cluster(z: np.ndarray, counts: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median (N,) and number (N,) of values of sorted rows (N, V) from ``first`` on."""
    rows = np.arange(len(z))
    count = counts[rows, first]
    return z[rows, np.minimum(first + count // 2, z.shape[1] - 1)], count


def _seen_noise(values: np.ndarray, z: np.ndarray, config: LiftingConfig) -> np.ndarray:
    """Return the standard deviation of single values of torsos (N, S) [m] at depths ``z`` (N,)."""
    grid = values.reshape(-1, TORSO_SIDE, TORSO_SIDE)
    steps = np.abs(np.diff(grid, axis=1)).reshape(len(grid), TORSO_SIDE * (TORSO_SIDE - 1))
    steps = np.sort(steps, axis=1)  # NaN last
    count = np.isfinite(steps).sum(axis=1)
    seen = steps[np.arange(len(steps)), np.maximum(count - 1, 0) // 2] * (1.4826 / np.sqrt(2))
    stated = _stated_noise(z, config)
    return np.where(count >= MANY, np.clip(seen, LEAST_NOISE * stated, stated), stated)


def _torso_corners(
    keypoints: np.ndarray, boxes: np.ndarray, config: LiftingConfig, skeleton: Skeleton | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return what lies around the torso (N, 4, 2) [px], and whether that is shoulders and hips.

    Otherwise (N,) it is the middle of the box.
    """
    start, size = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    x1, y1, x2, y2 = TORSO_BOX
    corners = start + size * np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    if skeleton is None or not set(TORSO) <= set(skeleton.names):
        return corners, np.zeros(len(boxes), bool)
    seen = keypoints[:, [skeleton.index(name) for name in TORSO]].astype(np.float64)
    is_seen = (seen[..., 2] >= config.keypoint_score) & np.isfinite(seen).all(axis=2)
    is_torso = is_seen.all(axis=1)
    corners[is_torso] = seen[is_torso, :, :2]
    return corners, is_torso


def _stated_noise(z: np.ndarray, config: LiftingConfig) -> np.ndarray:
    """Return the standard deviation of single depth values at ``z`` [m], as the settings say."""
    return config.depth_noise * z**2
