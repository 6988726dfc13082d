"""People on the ground plane: where the rays through their feet meet it, without depth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alphapose_ros.frame import Camera, Poses
from alphapose_ros.lifting.camera import rays
from alphapose_ros.lifting.hips import Places

HIP_HEIGHT_M, HIP_HEIGHT_STD_M = 0.88, 0.11  # of the point between the hips, above the feet
HIP_STD_M = 0.05  # and across
PITCH_STD = np.radians(1.0)  # of the plane's direction, as it is measured or calibrated
HEIGHT_STD = 0.02  # of the camera's height, in parts of it
LIFTED_STD_M = 0.04  # how far a foot is off the ground in walking
FOOT_PIXEL_STD = 0.02  # of a keypoint of a foot, in box heights
BOX_PIXEL_STD = 0.03  # of the lower side of a box
BOX_FOOT_HEIGHT_M, BOX_LIFTED_STD_M = 0.02, 0.06
MIN_PIXEL_STD_PX = 2.0
CUT_OFF_PX = 3.0  # a box that ends so near to the lower side of the image shows no feet
MIN_SINE = 0.02  # of the angle between ray and plane; flatter rays say nothing

FEET = {  # keypoints of the left foot without their side, and how high they are [m]
    "ankle": 0.09,
    "heel": 0.04,
    "big_toe": 0.02,
    "small_toe": 0.02,
}


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
    """Find people on the ground by their feet, or else by the lower side of their boxes.

    Args:
        poses: N people.
        camera: of the image.
        ground: the plane.
        size: height and width of the image [px].
        min_score: smallest score of a keypoint that counts.
    """
    pixels, heights, pixel_stds, lifted_stds = _contacts(poses, size, min_score)
    r = rays(pixels, camera)
    n = ground.normal
    above = ground.height_m - heights  # of the camera, over the plane in which the point lies
    with np.errstate(invalid="ignore", divide="ignore"):
        sine = -(r @ n) / np.linalg.norm(r, axis=-1)
        t = np.where((sine > MIN_SINE) & (above > 0), -above / (r @ n), np.nan)
    points = t[..., None] * r
    slope = r[..., :, None] * n / (r @ n)[..., None, None]
    by_ray = t[..., None, None] * (np.eye(3) - slope)  # d point / d ray
    variances = pixel_stds**2 / np.diag(camera.matrix)[:2, None, None] ** 2  # x, y of the ray
    of_pixels = (by_ray[..., :2] * np.moveaxis(variances, 0, -1)[..., None, :]) @ np.swapaxes(
        by_ray[..., :2], -1, -2
    )
    per_metre = points / above[..., None]  # d point / d height
    of_steps = lifted_stds[..., None, None] ** 2 * _outer(per_metre)
    return _together(points, of_pixels + of_steps, ground)


def _together(points: np.ndarray, noise: np.ndarray, ground: Ground) -> Places:
    """Weigh the M feet of each person, (N, M, 3) and (N, M, 3, 3), and go up to the hips."""
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.nan_to_num(1 / np.trace(noise, axis1=-2, axis2=-1))
        weight /= weight.sum(axis=1, keepdims=True)  # NaN where no foot is seen
    feet = (weight[..., None] * np.nan_to_num(points)).sum(axis=1)
    # Not divided by the number of points: those of one foot are off together.
    noise = (weight[..., None, None] * np.nan_to_num(noise)).sum(axis=1)
    n = ground.normal
    along = np.linalg.norm(feet - (feet @ n)[:, None] * n, axis=1)  # on the plane
    scale = (PITCH_STD * along / ground.height_m) ** 2 + HEIGHT_STD**2  # of squared distances
    lasting = scale[:, None, None] * _outer(feet) + HIP_STD_M**2 * np.eye(3)
    lasting += (HIP_HEIGHT_STD_M**2 - HIP_STD_M**2) * np.outer(n, n)
    return Places(feet + HIP_HEIGHT_M * n, noise, lasting)


def _contacts(
    poses: Poses, size: tuple[int, int], min_score: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return where people touch the ground: M places each, NaN where they are not seen.

    Returns:
        pixels (N, M, 2), heights above the ground (M,) [m], standard deviations of the pixels
        (N, M) [px] and of the heights (M,) [m]. The last place is the lower middle of the box.
    """
    skeleton = poses.skeleton
    wanted = {f"{side}_{name}": high for name, high in FEET.items() for side in ("left", "right")}
    names = [name for name in wanted if name in skeleton.names]
    seen = poses.keypoints[:, [skeleton.index(name) for name in names]].astype(np.float64)
    pixels = seen[..., :2].copy()
    pixels[~(seen[..., 2] >= min_score)] = np.nan
    boxes = poses.boxes.astype(np.float64)
    below = np.stack(((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]), axis=1)
    has_feet = np.isfinite(pixels).all(axis=2).any(axis=1)
    is_cut_off = boxes[:, 3] >= size[0] - CUT_OFF_PX
    below[has_feet | is_cut_off] = np.nan
    box_height = (boxes[:, 3] - boxes[:, 1])[:, None]
    parts = np.array([FOOT_PIXEL_STD] * len(names) + [BOX_PIXEL_STD])
    return (
        np.concatenate((pixels, below[:, None]), axis=1),
        np.array([wanted[name] for name in names] + [BOX_FOOT_HEIGHT_M]),
        np.maximum(parts * box_height, MIN_PIXEL_STD_PX),
        np.array([LIFTED_STD_M] * len(names) + [BOX_LIFTED_STD_M]),
    )


def _above(normal: np.ndarray, height_m: float) -> Ground:
    if not height_m > 0:
        raise ValueError(f"the camera is {height_m:g} m above the ground; it must be above it")
    return Ground(normal / np.linalg.norm(normal), float(height_m))


def _outer(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., :, None] * vectors[..., None, :]
