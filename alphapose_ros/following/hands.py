"""What the arms and hands of people say in one frame.

Both sides at once: (N, 2) columns are the left and the right one of the person.
"""

from __future__ import annotations

import numpy as np

from alphapose_ros.config import GestureConfig
from alphapose_ros.frame import Poses
from alphapose_ros.lifting.axes import DOWN_OF_CAMERA
from alphapose_ros.skeletons import Skeleton

SIDES = ("left", "right")
FINGERS = ("index", "middle", "ring", "little")
WIDE = 1.3  # lengths of the trunk per width of the shoulders seen from the front
OPEN = 1.3  # a stretched finger's tip is so much farther from the wrist than its root
OPEN_FINGERS = 3
UPRIGHT = np.cos(np.radians(50))  # of fingers that point up
HEAD = 0.6  # of the trunk's length above the shoulders: no chest height any more
FOREARM = 0.45  # of the trunk's length: a forearm that is seen no longer points at the camera


def missing_keypoints(skeleton: Skeleton) -> tuple[list[str], str]:
    """Return what a skeleton lacks for gestures.

    Returns:
        Keypoints without which nothing can be said; and, in words, what else cannot be told.
    """
    names = set(skeleton.names)
    needed = [f"{side}_{part}" for part in ("shoulder", "wrist") for side in SIDES]
    palm = ["hand_wrist", *(f"hand_{finger}_{joint}" for finger in FINGERS for joint in (1, 4))]
    lost = []
    if not {f"{side}_elbow" for side in SIDES} <= names:
        lost.append("elbows, for waves and arms that point")
    if not {f"{side}_{part}" for part in palm for side in SIDES} <= names:
        lost.append("hands, for palms that say stop")
    return [name for name in needed if name not in names], " and no ".join(lost)


def raised_hands(poses: Poses, config: GestureConfig) -> np.ndarray:
    """Tell whose hands are held up, above the shoulders and the elbow: (N, 2) bool."""
    wrist, elbow = _both(poses, "wrist", config), _both(poses, "elbow", config)
    is_up = _height(poses, config) >= config.raise_height
    return is_up & ~(elbow[..., 1] <= wrist[..., 1])  # y points down; NaN does not forbid


def swings(poses: Poses, config: GestureConfig) -> np.ndarray:
    """Return how far wrists are beside their elbows (N, 2), in lengths of the trunk.

    NaN where the hand is not up: below the elbow, or lower than ``wave_height``.
    """
    wrist, elbow = _both(poses, "wrist", config), _both(poses, "elbow", config)
    away = (wrist - elbow) / _trunk_px(poses, config)[:, None, None]
    is_up = (away[..., 1] < 0) & (_height(poses, config) >= config.wave_height)
    return np.where(is_up, away[..., 0], np.nan)


def stop_palms(
    poses: Poses, config: GestureConfig, place: tuple[float, float, float]
) -> np.ndarray:
    """Tell whose open palms are held towards the camera at chest height: (N, 2) bool.

    The arm is seen short; and where ``keypoints_3d`` tell, the wrist is well before the trunk. The
    arm itself says little there: its shoulder and elbow are hidden behind the hand.

    Args:
        poses: N people, with keypoints of the hands; of other skeletons nothing is said.
        config: the settings.
        place: of the camera, in the frame of ``keypoints_3d`` [m]; NaN where unknown.
    """
    is_at_chest = (_height(poses, config) <= HEAD) & (_height(poses, config) >= -1)
    is_short = _is_seen_short(poses, config)
    is_behind = _before_trunk(poses, config, np.asarray(place)) < config.stop_forward_m  # NaN: no
    return is_at_chest & is_short & ~is_behind & _open_palms(poses, config)


def pointing(
    poses: Poses, config: GestureConfig, down: tuple[float, float, float] = DOWN_OF_CAMERA
) -> tuple[np.ndarray, np.ndarray]:
    """Return where stretched arms that do not hang point to, by ``keypoints_3d``.

    Args:
        poses: N people.
        config: the settings.
        down: where trunks hang whose hips are hidden, a unit vector.

    Returns:
        Origins (N, 2, 3) [m] and unit vectors (N, 2, 3), NaN where no arm points.
    """
    shoulder, elbow, wrist = (
        _both_3d(poses, part, config) for part in ("shoulder", "elbow", "wrist")
    )
    hips = _both_3d(poses, "hip", config).mean(axis=1)
    trunk = np.where(np.isfinite(hips), hips - shoulder.mean(axis=1), down)
    is_straight = _angles(elbow - shoulder, wrist - elbow) <= np.radians(config.straight_deg)
    lift = _angles(wrist - shoulder, trunk[:, None])
    points = is_straight & (lift >= np.radians(config.pointing_lift_deg))
    eyes = np.repeat(_both_3d(poses, "eye", config).mean(axis=1)[:, None], 2, axis=1)
    origins = {"eyes": eyes, "shoulder": shoulder, "elbow": elbow}[config.pointing_from]
    origins = np.where(np.isfinite(origins), origins, shoulder)
    origins = np.where(points[..., None], origins, np.nan)
    return origins, _unit(wrist - origins)


def _height(poses: Poses, config: GestureConfig) -> np.ndarray:
    """Return how far wrists are above the shoulders (N, 2), in lengths of the trunk."""
    wrist = _both(poses, "wrist", config)[..., 1]
    shoulders = _both(poses, "shoulder", config)[..., 1].mean(axis=1)
    return (shoulders[:, None] - wrist) / _trunk_px(poses, config)[:, None]


def _trunk_px(poses: Poses, config: GestureConfig) -> np.ndarray:
    """Return the length of the trunk (N,) [px], by the shoulders' width where hips are hidden."""
    shoulders, hips = _both(poses, "shoulder", config), _both(poses, "hip", config)
    long = np.linalg.norm(hips.mean(axis=1) - shoulders.mean(axis=1), axis=-1)
    wide = WIDE * np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=-1)
    length = np.fmax(long, wide)
    return np.where(length > 0, length, np.nan)


def _before_trunk(poses: Poses, config: GestureConfig, place: np.ndarray) -> np.ndarray:
    """Return by how much wrists are nearer to the camera than the trunk (N, 2) [m]."""
    trunk = [_both_3d(poses, part, config) for part in ("shoulder", "hip")]
    ranges = np.sort(np.linalg.norm(np.concatenate(trunk, axis=1) - place, axis=-1), axis=1)
    known = np.isfinite(ranges).sum(axis=1)  # NaN come last
    middle = np.take_along_axis(ranges, np.minimum(known // 2, 3)[:, None], axis=1)
    middle = np.where(known[:, None] > 0, middle, np.nan)
    return middle - np.linalg.norm(_both_3d(poses, "wrist", config) - place, axis=-1)


def _is_seen_short(poses: Poses, config: GestureConfig) -> np.ndarray:
    """Tell whether arms are seen so short that they point at the camera: (N, 2) bool."""
    shoulder, elbow, wrist = (_both(poses, part, config) for part in ("shoulder", "elbow", "wrist"))
    trunk = _trunk_px(poses, config)[:, None]
    is_short = np.linalg.norm(wrist - shoulder, axis=-1) <= config.stop_reach * trunk
    return is_short & ~(np.linalg.norm(wrist - elbow, axis=-1) > FOREARM * trunk)


def _open_palms(poses: Poses, config: GestureConfig) -> np.ndarray:
    """Tell whose hands show an open palm with the fingers up: (N, 2) bool.

    Seen from the palm's side and with the fingers up, the index of a left hand is on the left in
    the image, that of a right hand on the right.
    """
    wrist = _both(poses, "hand_wrist", config)
    roots, tips = (
        np.stack([_both(poses, f"hand_{finger}_{joint}", config) for finger in FINGERS], axis=2)
        - wrist[:, :, None]
        for joint in (1, 4)
    )  # (N, 2, 4, 2)
    is_long = np.linalg.norm(tips, axis=-1) >= OPEN * np.linalg.norm(roots, axis=-1)
    is_open = is_long.sum(axis=2) >= OPEN_FINGERS
    up = -_unit(tips[:, :, 1:3].mean(axis=2))[..., 1]  # of the two in the middle
    (index_x, index_y), (little_x, little_y) = (np.moveaxis(roots[:, :, i], -1, 0) for i in (0, 3))
    turn = index_x * little_y - index_y * little_x
    return is_open & (up >= UPRIGHT) & (turn * [1.0, -1.0] > 0)


def _both(poses: Poses, part: str, config: GestureConfig) -> np.ndarray:
    """Return the left and the right keypoint of a name (N, 2, 2) [px], NaN where not seen."""
    rows, keypoints = _rows(poses, part), poses.keypoints[:, _rows(poses, part)]
    is_seen = (keypoints[..., 2] >= config.keypoint_score) & (rows >= 0)
    return np.where(is_seen[..., None], keypoints[..., :2], np.nan).astype(np.float64)


def _both_3d(poses: Poses, part: str, config: GestureConfig) -> np.ndarray:
    """Return the same in space (N, 2, 3) [m]."""
    if poses.keypoints_3d is None:
        return np.full((len(poses), 2, 3), np.nan)
    is_seen = np.isfinite(_both(poses, part, config)).all(axis=-1, keepdims=True)
    return np.where(is_seen, poses.keypoints_3d[:, _rows(poses, part)], np.nan).astype(np.float64)


def _rows(poses: Poses, part: str) -> np.ndarray:
    """Return the rows of the left and the right keypoint (2,), -1 where the skeleton has none."""
    names = poses.skeleton.names
    return np.array(
        [names.index(f"{side}_{part}") if f"{side}_{part}" in names else -1 for side in SIDES]
    )


def _angles(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the angles between vectors (..., D) [rad]."""
    return np.arccos(np.clip((_unit(ones) * _unit(others)).sum(axis=-1), -1, 1))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (..., D) of length 1, NaN where they have no length."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, np.nan)
