"""Keypoints to points on the visible surface: what of a patch of depth is the person.

Around each keypoint a grid of depth values is read. Those farther from the torso than that part
of a body can be do not count. Of the others the nearest that keep together are the person: what
lies between arm and body is behind. Their median is the depth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import rays, scaled
from alphapose_ros.lifting.patches import surface
from alphapose_ros.lifting.torso import torso_depths
from alphapose_ros.skeletons import Skeleton

PIXEL_STD = 0.012  # of a keypoint's place, in box heights
MIN_PIXEL_STD_PX = 1.0

FOOT = ("heel", "big_toe", "small_toe")
FAR_M = 1.0  # from the torso's depth, whatever it is
REACHES_M = {  # how far parts of the body can be from the depth of its torso
    **dict.fromkeys(("shoulder", "hip", "neck", "thorax", "pelvis"), 0.4),
    **dict.fromkeys(("nose", "eye", "ear", "head", "head_top"), 0.6),
    "elbow": 0.7,
    "knee": 0.8,
}
NEAR_M = 0.3  # from the depth of that which they hang on, where it is known:
HANG_ON = {  # groups, or feet without their side
    "face": "nose",
    "left_hand": "left_wrist",
    "right_hand": "right_wrist",
    **{f"{side}_{part}": f"{side}_ankle" for side in ("left", "right") for part in FOOT},
}


class Lifted(NamedTuple):
    """Points on the visible surface, and how sure they are."""

    points: np.ndarray  # (N, K, 3) [m] in the optical frame; NaN where unknown
    depth_variances: np.ndarray  # (N, K) [m^2] of z, the points moving along their rays
    pixel_variances: np.ndarray  # (N, K) [px^2] of each coordinate of the keypoint
    torsos: np.ndarray  # (N,) [m], z of the torsos' surfaces; NaN where unknown
    noise: np.ndarray  # (N,) [m], standard deviation of single depth values on them

    @classmethod
    def nothing(cls, count: int, keypoints: int) -> Lifted:
        """Return that of people of whom no depth is known."""
        unknown = np.full((count, keypoints), np.nan)
        points = np.full((count, keypoints, 3), np.nan)
        return cls(points, unknown, unknown, unknown[:, 0], unknown[:, 0])

    def covariances(self, camera: Camera) -> np.ndarray:
        """Return (N, K, 3, 3) [m^2]: long along the ray, small across."""
        z = self.points[..., 2]
        ray = self.points / z[..., None]
        found = self.depth_variances[..., None, None] * (ray[..., :, None] * ray[..., None, :])
        across = self.pixel_variances * z**2
        found[..., 0, 0] += across / camera.matrix[0, 0] ** 2
        found[..., 1, 1] += across / camera.matrix[1, 1] ** 2
        return found


def lift(
    keypoints: np.ndarray,
    boxes: np.ndarray,
    depth: np.ndarray,
    camera: Camera,
    config: LiftingConfig,
    skeleton: Skeleton | None = None,
) -> Lifted:
    """Find keypoints in depth: where their rays meet what the camera sees of the person.

    Args:
        keypoints: (N, K, 3) x y [px], score; NaN where absent.
        boxes: (N, 4) x1 y1 x2 y2 [px].
        depth: (H, W) [m] with the pixels of the image; NaN or 0 where there is no value.
        camera: of the image.
        config: ranges, smallest score, size of patches, noise.
        skeleton: which parts the keypoints are; without it the torso is looked for in the box and
            every keypoint may be as far from it as a hand.

    Raises:
        ValueError: sizes do not go together.
    """
    keypoints, boxes = np.asarray(keypoints), np.asarray(boxes, np.float64)
    camera = checked(keypoints, boxes, depth, camera)
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    is_there = keypoints[..., 2] >= config.keypoint_score  # NaN is not
    is_there &= np.isfinite(keypoints[..., 0] + keypoints[..., 1])
    torsos, noise = torso_depths(keypoints, boxes, depth, config, skeleton)
    is_there &= np.isfinite(torsos)[:, None]

    shape = keypoints.shape[:2]
    points, depth_variances = np.full((*shape, 3), np.nan), np.full(shape, np.nan)
    parents, reach = reaches(skeleton, shape[1])
    for is_part in (parents < 0, parents >= 0):  # first that on which others hang
        rows, columns = np.nonzero(is_there & is_part)
        near = torsos[rows], reach[columns]
        if parents[is_part].max(initial=-1) >= 0:
            of_parent = points[rows, parents[columns], 2]
            is_known = np.isfinite(of_parent)
            near = np.where(is_known, of_parent, near[0]), np.where(is_known, NEAR_M, near[1])
        centres = keypoints[rows, columns, :2].astype(np.float32)
        z, depth_variances[rows, columns] = surface(
            centres, height[rows] * config.patch, near, noise[rows], depth, config
        )
        points[rows, columns] = rays(centres, camera) * z[:, None]
    pixel = np.maximum(PIXEL_STD * height, MIN_PIXEL_STD_PX)[:, None] ** 2
    return Lifted(points, depth_variances, np.broadcast_to(pixel, shape), torsos, noise)


def checked(keypoints: np.ndarray, boxes: np.ndarray, depth: np.ndarray, camera: Camera) -> Camera:
    """Return the camera of the depth's size, after looking at all sizes.

    Raises:
        ValueError: sizes do not go together.
    """
    if keypoints.ndim != 3 or keypoints.shape[2] != 3 or boxes.shape != (len(keypoints), 4):
        raise ValueError(
            f"keypoints (N, K, 3) and boxes (N, 4) expected, got {keypoints.shape} and "
            f"{boxes.shape}"
        )
    if depth.ndim != 2 or depth.dtype.kind != "f":
        raise ValueError(
            f"depth must be metres of shape (H, W), got {depth.dtype} of {depth.shape}; "
            "images.to_metres() converts depth images"
        )
    return scaled(camera, depth.shape[1], depth.shape[0])


def reaches(skeleton: Skeleton | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return on which keypoint each of ``count`` hangs (K,), -1 for none, and how far it reaches.

    The latter (K,) [m] is from the depth of the torso.
    """
    parents, reach = np.full(count, -1), np.full(count, FAR_M)
    if skeleton is None:
        return parents, reach
    bare = [name.removeprefix("left_").removeprefix("right_") for name in skeleton.names]
    reach[:] = [REACHES_M.get(name, FAR_M) for name in bare]
    for name, parent in HANG_ON.items():
        if parent in skeleton.names and name in (*skeleton.groups, *skeleton.names):
            is_group = name in skeleton.groups
            rows = skeleton.group(name) if is_group else skeleton.index(name)
            parents[rows] = skeleton.index(parent)
    if "face" in skeleton.groups:
        reach[skeleton.group("face")] = REACHES_M["head"]
    return parents, reach
