"""Where people are: the point between their hips, from depth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import Camera, Poses
from alphapose_ros.lifting.camera import rays
from alphapose_ros.lifting.depth import Lifted
from alphapose_ros.lifting.patches import surface

SURFACE_M, SURFACE_STD_M = 0.15, 0.04  # of the body, in front of the joints within
HIPS_STD_M = 0.035  # across the ray: where exactly hips are, by eye
PIXEL_STD = 0.01  # of the point between two keypoints, in box heights
TORSO_LENGTH_M = 0.45  # from shoulders to hips
BORROWED_STD_M = 0.1  # along the ray, of hips seen in the image whose depth is the torso's
LEAN_STD_M = 0.15  # of the hips, where only the shoulders are seen
HALF_HIPS_M, HALF_SHOULDERS_M = 0.1, 0.18  # from one of the two to the middle
BOX_HIPS = (0.5, 0.48)  # of a box, x and y, where no keypoints are seen
BOX_STD = 0.12  # of these, in box heights
BOX_STD_M = 0.15  # along the ray
REACH_M = 0.4  # from the torso's depth


class Places(NamedTuple):
    """Where N people are."""

    hips: np.ndarray  # (N, 3) [m], between the hips, in the optical frame; NaN where unknown
    noise: np.ndarray  # (N, 3, 3) [m^2], of what differs from frame to frame
    lasting: np.ndarray  # (N, 3, 3) [m^2], of what is wrong in the same way for long


def hips_in_depth(
    poses: Poses,
    lifted: Lifted,
    depth: np.ndarray,
    camera: Camera,
    config: LiftingConfig,
    up: np.ndarray,
) -> Places:
    """Find people by their hips, or else their shoulders, or else the middle of their boxes.

    The body's surface is seen, and the joints are within: SURFACE_M is added along the ray, and
    SURFACE_STD_M to what is uncertain.

    Args:
        poses: N people.
        lifted: the same keypoints on the surface.
        depth: (H, W) [m].
        camera: of the image.
        config: as for ``lift``.
        up: (3,) unit vector, away from the ground as far as is known.
    """
    seen = _seen(poses, lifted, depth, config)
    ray = rays(seen.pixels, camera)
    length = np.linalg.norm(ray, axis=1)
    line = ray / length[:, None]
    points = ray * seen.z[:, None] + SURFACE_M * line
    points[seen.by_shoulders] -= TORSO_LENGTH_M * up
    focal = np.sqrt(camera.matrix[0, 0] * camera.matrix[1, 1])
    to_metres = seen.box_heights * seen.z / focal  # of parts of a box's height
    along, across = _lasting(seen, to_metres)
    return Places(
        points,
        _ellipsoids(line, seen.variances * length**2, (PIXEL_STD * to_metres) ** 2),
        _ellipsoids(line, along, across),
    )


class _Seen(NamedTuple):
    """What of N people tells where their hips are."""

    pixels: np.ndarray  # (N, 2) middle of hips, else of shoulders, else of the box
    z: np.ndarray  # (N,) [m] of the surface there
    variances: np.ndarray  # (N,) [m^2] of these
    by_hips: np.ndarray  # (N,)
    by_shoulders: np.ndarray  # (N,)
    is_borrowed: np.ndarray  # (N,) hips are seen, and their depth is that of the torso
    one_hip: np.ndarray  # (N,) of the two
    one_shoulder: np.ndarray  # (N,)
    box_heights: np.ndarray  # (N,) [px]


def _seen(poses: Poses, lifted: Lifted, depth: np.ndarray, config: LiftingConfig) -> _Seen:
    """Choose for each person what is seen best."""
    boxes = poses.boxes.astype(np.float64)
    size = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    hips, one_hip, hip_z = _pair("hip", poses, lifted, config)
    shoulders, one_shoulder, shoulder_z = _pair("shoulder", poses, lifted, config)
    middles = np.stack((hips, shoulders), axis=1)
    z, variances = _middle_depths(middles, size, lifted, depth, config)
    hip_z = _median(np.concatenate((hip_z, z[:, :1]), axis=1))
    shoulder_z = _median(np.concatenate((shoulder_z, z[:, 1:]), axis=1))
    is_borrowed = np.isnan(hip_z) & np.isfinite(hips[:, 0])
    hip_z = np.where(is_borrowed, _or(shoulder_z, lifted.torsos), hip_z)
    by_hips = np.isfinite(hip_z)
    by_shoulders = ~by_hips & np.isfinite(shoulder_z)
    choice = [by_hips, by_shoulders]
    centre = boxes[:, :2] + BOX_HIPS * (boxes[:, 2:] - boxes[:, :2])
    single = lifted.noise**2  # where the patch in the middle says nothing
    return _Seen(
        np.select([chosen[:, None] for chosen in choice], [hips, shoulders], centre),
        np.select(choice, [hip_z, shoulder_z], lifted.torsos),
        np.select(choice, [_or(variances[:, column], single) for column in (0, 1)], single),
        *(by_hips, by_shoulders, is_borrowed, one_hip, one_shoulder, size),
    )


def _lasting(seen: _Seen, to_metres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return variances (N,) [m^2] of what is wrong for long, along the rays and across.

    Args:
        seen: of N people.
        to_metres: (N,) how long a box's height is at the person [m].
    """
    choice = [seen.by_hips, seen.by_shoulders]
    along = np.select(choice, [seen.is_borrowed * BORROWED_STD_M**2, LEAN_STD_M**2], BOX_STD_M**2)
    across = np.select(
        choice,
        [
            (HALF_HIPS_M * seen.one_hip) ** 2,
            (HALF_SHOULDERS_M * seen.one_shoulder) ** 2 + LEAN_STD_M**2,
        ],
        (BOX_STD * to_metres) ** 2,
    )
    return SURFACE_STD_M**2 + along, HIPS_STD_M**2 + across


def _or(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return ``values``, and ``others`` where they are NaN."""
    return np.where(np.isnan(values), others, values)


def _pair(
    name: str, poses: Poses, lifted: Lifted, config: LiftingConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middle of left and right (N, 2) [px], whether only one is seen, and both z.

    The middle is that one where only one is seen; NaN where neither is, or is no keypoint.
    """
    names = [f"{side}_{name}" for side in ("left", "right")]
    if not set(names) <= set(poses.skeleton.names):
        count = len(poses)
        return np.full((count, 2), np.nan), np.zeros(count, bool), np.full((count, 2), np.nan)
    rows = [poses.skeleton.index(side) for side in names]
    both = poses.keypoints[:, rows].astype(np.float64)
    is_seen = (both[..., 2] >= config.keypoint_score) & np.isfinite(both).all(axis=2)
    count = is_seen.sum(axis=1)
    total = np.where(is_seen[..., None], both[..., :2], 0).sum(axis=1)
    middle = total / np.where(count > 0, count, np.nan)[:, None]
    return middle, count == 1, lifted.points[:, rows, 2]


def _middle_depths(
    middles: np.ndarray,
    size: np.ndarray,
    lifted: Lifted,
    depth: np.ndarray,
    config: LiftingConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Return z and its variance (N, M) at ``middles`` (N, M, 2) [px] of boxes of height (N,)."""
    z, variances = np.full((2, *middles.shape[:2]), np.nan)
    rows, columns = np.nonzero(
        np.isfinite(middles).all(axis=2) & np.isfinite(lifted.torsos)[:, None]
    )
    near = lifted.torsos[rows], np.full(len(rows), REACH_M)
    half, noise = config.patch * size[rows], lifted.noise[rows]
    z[rows, columns], variances[rows, columns] = surface(
        middles[rows, columns], half, near, noise, depth, config
    )
    return z, variances


def _median(values: np.ndarray) -> np.ndarray:
    """Return the median of each row (N, M), without NaN; NaN where there is nothing else."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    found = (ordered[rows, low] + ordered[rows, np.minimum(high, values.shape[1] - 1)]) / 2
    return np.where(count > 0, found, np.nan)


def _ellipsoids(
    line: np.ndarray, along: np.ndarray | float, across: np.ndarray | float
) -> np.ndarray:
    """Return (N, 3, 3) with variance ``along`` unit vectors ``line`` (N, 3) and ``across``."""
    outer = line[:, :, None] * line[:, None, :]
    along, across = (np.broadcast_to(v, len(line))[:, None, None] for v in (along, across))
    return along * outer + across * (np.eye(3) - outer)
