"""The plane that people stand on, and where on it they are by their images alone, without depth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alphapose_ros.frame import Camera, Poses
from alphapose_ros.lifting.camera import rays
from alphapose_ros.lifting.hips import Places
from alphapose_ros.lifting.pole import HIP_SHARE, Cues, Poles, stood
from alphapose_ros.skeletons import Skeleton

HIP_HEIGHT_STD_M = 0.04  # of the point between the hips, at a known stature: knees bend
HIP_STD_M = 0.04  # and across, from over the feet
ACROSS_PIXEL_STD = 0.01  # of a person in the image, in box heights
CUT_OFF, CUT_OFF_PX = 0.03, 3.0  # in box heights, at least: who ends so near to the lower side ...
MIN_PIXEL_STD_PX = 2.0
MAX_SLOPE, MIN_FOOT_SLOPE = 3.0, 0.02  # of rays that count: to bodies, and down to feet


class Part(NamedTuple):
    """Keypoints that are taken as one place on the body."""

    names: tuple[str, ...]
    share: float  # how high it is, of the stature
    std_m: float  # and give or take
    pixel_std: float  # of its place in the image, in box heights


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(f"{side}_{name}" for name in names for side in ("left", "right"))


# Source of the shares: Drillis, Contini: Body Segment Parameters, New York University, 1966.
BODY = (
    Part(("head",), 1.0, 0.03, 0.02),
    Part(("nose", *_sides("eye", "ear")), 0.93, 0.03, 0.02),
    Part(_sides("shoulder"), 0.81, 0.03, 0.02),
    Part(_sides("hip"), HIP_SHARE, 0.03, 0.025),
)
FOOT_HEIGHTS_M = {"ankle": 0.09, "heel": 0.04, "big_toe": 0.02, "small_toe": 0.02}
FEET = tuple(
    Part(tuple(f"{side}_{name}" for name in FOOT_HEIGHTS_M), 0.0, 0.03, 0.025)
    for side in ("left", "right")
)
BOX = Part((), 0.0, 0.06, 0.03)  # the lower side of a box, where no feet are found
BOX_HEIGHT_M = 0.02
PARTS = (*BODY, *FEET, BOX)
IS_FOOT = np.array([part.share == 0 for part in PARTS])


class Ground(NamedTuple):
    """The plane that people stand on, seen from the camera: normal . p + height_m = 0."""

    normal: np.ndarray  # (3,) unit vector up, in the optical frame
    height_m: float  # of the camera above the plane

    @classmethod
    def from_pitch(cls, height_m: float, pitch_deg: float = 0.0) -> Ground:
        """Return the ground of a camera that stands upright and looks down by ``pitch_deg``.

        Raises:
            ValueError: the camera is not above the ground.
        """
        pitch = np.radians(pitch_deg)
        return _above(np.array([0.0, -np.cos(pitch), -np.sin(pitch)]), height_m)

    @classmethod
    def from_transform(cls, transform: np.ndarray) -> Ground:
        """Return the ground z = 0 of a frame whose z is up (REP-105: map, odom, base_link).

        Args:
            transform: (4, 4), takes points of the camera's optical frame to that frame.

        Raises:
            ValueError: ``transform`` is no (4, 4), or the camera is not above the ground.
        """
        matrix = np.asarray(transform, np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ValueError(f"transform must be a finite 4 x 4 matrix, got shape {matrix.shape}")
        return _above(matrix[2, :3], float(matrix[2, 3]))


def stand(
    poses: Poses, camera: Camera, ground: Ground, size: tuple[int, int], min_score: float
) -> Places:
    """Find people on the ground by their feet and bodies; NaN where too little of them is seen.

    Args:
        poses: N people.
        camera: of the image.
        ground: the plane.
        size: height and width of the image [px].
        min_score: smallest score of a keypoint that counts.
    """
    pixels, heights = _seen(poses, size, min_score)
    box_height = poses.boxes[:, 3:].astype(np.float64) - poses.boxes[:, 1:2]
    focal = np.sqrt(camera.matrix[0, 0] * camera.matrix[1, 1])
    n = ground.normal
    ray = rays(pixels, camera)
    rise = ray @ n
    level = ray - rise[..., None] * n
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.linalg.norm(level, axis=-1)
        slopes = rise / length
        is_seen = np.where(IS_FOOT, slopes < -MIN_FOOT_SLOPE, np.abs(slopes) < MAX_SLOPE)
        bearing = np.nan_to_num(level / length[..., None] * is_seen[..., None]).sum(axis=1)
        bearing /= np.linalg.norm(bearing, axis=1, keepdims=True)
    cues = Cues(
        slopes=np.where(is_seen, slopes, 0.0),
        is_seen=is_seen,
        shares=np.array([part.share for part in PARTS]),
        heights_m=heights,
        stds_m=np.array([part.std_m for part in PARTS]),
        angle_stds=np.maximum(
            np.array([part.pixel_std for part in PARTS]) * box_height, MIN_PIXEL_STD_PX
        )
        / focal,
    )
    return _placed(stood(cues, ground.height_m), bearing, ACROSS_PIXEL_STD * box_height / focal, n)


def _placed(poles: Poles, bearing: np.ndarray, across: np.ndarray, n: np.ndarray) -> Places:
    """Go up to the hips of poles in directions ``bearing`` (N, 3) +- ``across`` (N, 1) [rad]."""
    range_m, stature_m = poles.values.T[..., None]
    hips = range_m * bearing + (HIP_SHARE * stature_m - poles.height_m) * n
    ways = np.stack((bearing, np.broadcast_to(HIP_SHARE * n, bearing.shape)), axis=2)  # (N, 3, 2)
    turned = np.swapaxes(ways, 1, 2)
    upright = np.outer(n, n)
    side = ((across * range_m) ** 2)[..., None] * np.eye(3)
    lasting = HIP_STD_M**2 * (np.eye(3) - upright)
    up = HIP_HEIGHT_STD_M**2 + poles.tilts_m**2
    lasting = lasting + up[:, None, None] * upright
    return Places(hips, ways @ poles.noise @ turned + side, ways @ poles.lasting @ turned + lasting)


def _seen(poses: Poses, size: tuple[int, int], min_score: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where PARTS are in the image (N, P, 2) [px], NaN where not; heights (N, P) [m].

    Feet at the lower side of the image, or of a box that ends there, are not those of the person.
    """
    boxes = poses.boxes.astype(np.float64)
    margin = np.maximum(CUT_OFF * (boxes[:, 3] - boxes[:, 1]), CUT_OFF_PX)[:, None]
    is_cut_off = boxes[:, 3:] >= size[0] - margin
    pixels = np.full((len(poses), len(PARTS), 2), np.nan)
    heights = np.zeros((len(poses), len(PARTS)))
    for column, part in enumerate(PARTS[:-1]):
        rows, foot_heights = _found(part, poses.skeleton)
        seen = poses.keypoints[:, rows].astype(np.float64)
        counts = seen[..., 2] >= min_score  # NaN is not
        if IS_FOOT[column]:
            counts &= ~is_cut_off & (seen[..., 1] < size[0] - 1 - margin)
        total = counts.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            summed = np.where(counts[..., None], seen[..., :2], 0).sum(axis=1)
            pixels[:, column] = summed / total[:, None]
            heights[:, column] = np.nan_to_num((counts * foot_heights).sum(axis=1) / total)
    has_feet = np.isfinite(pixels[:, IS_FOOT, 0]).any(axis=1)
    below = np.stack(((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]), axis=1)
    pixels[:, -1] = np.where(has_feet[:, None] | is_cut_off, np.nan, below)
    heights[:, -1] = BOX_HEIGHT_M
    return pixels, heights


def _found(part: Part, skeleton: Skeleton) -> tuple[list[int], np.ndarray]:
    """Return the rows of a part's keypoints (M,), and their own heights (M,) [m] if feet."""
    names = [name for name in part.names if name in skeleton.names]
    bare = [name.removeprefix("left_").removeprefix("right_") for name in names]
    heights = np.array([FOOT_HEIGHTS_M.get(name, 0.0) for name in bare])
    return [skeleton.index(name) for name in names], heights


def _above(normal: np.ndarray, height_m: float) -> Ground:
    if not height_m > 0:
        raise ValueError(f"the camera is {height_m:g} m above the ground; it must be above it")
    return Ground(normal / np.linalg.norm(normal), float(height_m))
