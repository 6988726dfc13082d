"""Pixels to rays and back, through every lens that CameraInfo can describe; depth to its image."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.resizing import is_same_picture

# The distortion models and how many coefficients each may have, in OpenCV's order: k1 k2 p1 p2 k3,
# then k4 k5 k6, then those of a thin prism, then of a tilted sensor; k1 k2 k3 k4 of a fisheye.
FISHEYE = "equidistant"
DISTORTIONS = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (4, 5, 8, 12, 14),
    FISHEYE: (4,),
}
ALIASES = {  # other names that drivers use for them
    "": "plumb_bob",
    "none": "plumb_bob",
    "radtan": "plumb_bob",
    "thin_prism": "rational_polynomial",
    "fisheye": FISHEYE,
    "kannala_brandt": FISHEYE,
    "kannala_brandt4": FISHEYE,
}
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9)  # of undistortion
MAX_MISS_PX = 0.5  # of a ray, projected again: beyond it the lens model has no answer


class Lens(NamedTuple):
    """What a lens does to rays."""

    model: str  # one of DISTORTIONS
    coefficients: np.ndarray  # as many as the model can have

    @property
    def is_fisheye(self) -> bool:
        """Whether it is one; even with zeros a fisheye is no pinhole."""
        return self.model == FISHEYE

    @property
    def bends(self) -> bool:
        """Whether it bends rays at all."""
        return self.is_fisheye or bool(self.coefficients.any())


def lens_of(name: str, values: np.ndarray) -> Lens:
    """Return the lens that a CameraInfo or a Camera describes.

    Args:
        name: of its model, or another one that drivers use for it.
        values: (D,) its coefficients; none, or nothing but zeros, where it has no distortion.

    Raises:
        ValueError: the distortion model is unknown, or its number of coefficients wrong.
    """
    model = ALIASES.get(name, name)
    if model not in DISTORTIONS:
        raise ValueError(
            f"the camera has distortion model {name!r}, which is none of "
            f"{', '.join(DISTORTIONS)}; calibrate it with one of these, or take the rectified "
            "image (image_proc's image_rect) and set image_rectified"
        )
    values, counts = np.asarray(values, np.float64), DISTORTIONS[model]
    if len(values) < counts[0] and not values.any():
        return Lens(model, np.zeros(counts[0]))
    fitting = [n for n in counts if n <= len(values) and not values[n:].any()]  # zeros say nothing
    if not fitting or not np.isfinite(values).all():
        raise ValueError(
            f"the camera has D = {values.tolist()}, but {model} has "
            f"{' or '.join(map(str, counts))} coefficients; calibrate the camera again"
        )
    return Lens(model, values[: fitting[-1]])


def rays(points_px: np.ndarray, camera: Camera) -> np.ndarray:
    """Return the rays of pixels, undistorted: times the depth they are the points in metres.

    Args:
        points_px: (..., 2) x y [px], whole numbers in the middle of pixels; NaN where absent.
        camera: intrinsics and lens.

    Returns:
        (..., 3) float64 x y 1 in the optical frame (x right, y down, z forward). NaN where a point
        is absent, or so far outside that the lens model has no ray for it.

    Raises:
        ValueError: the distortion model is unknown, or its number of coefficients wrong.

    Source: sensor_msgs/CameraInfo; REP-103 (optical frames).
    """
    points = np.asarray(points_px, np.float64)
    found = np.ones((*points.shape[:-1], 3))
    lens = lens_of(camera.distortion_model, camera.distortion)
    if not lens.bends:
        k = camera.matrix
        found[..., 1] = (points[..., 1] - k[1, 2]) / k[1, 1]
        found[..., 0] = (points[..., 0] - k[0, 2] - k[0, 1] * found[..., 1]) / k[0, 0]
        found[~np.isfinite(found).all(axis=-1)] = np.nan
        return found
    is_there = np.isfinite(points).all(axis=-1)
    found[~is_there] = np.nan
    if is_there.any():
        found[is_there] = _undistorted(points[is_there], camera.matrix, lens)
    return found


def project(points_m: np.ndarray, camera: Camera) -> np.ndarray:
    """Return the pixels of points.

    Args:
        points_m: (..., 3) [m] in the optical frame of the camera.
        camera: intrinsics and lens.

    Returns:
        (..., 2) float64 x y [px], which may lie outside the image; NaN where a point is absent or
        not in front of the camera.

    Raises:
        ValueError: the distortion model is unknown, or its number of coefficients wrong.
    """
    points = np.asarray(points_m, np.float64)
    lens = lens_of(camera.distortion_model, camera.distortion)
    found = np.full((*points.shape[:-1], 2), np.nan)
    is_seen = np.isfinite(points).all(axis=-1) & (points[..., 2] > 0)
    if is_seen.any():
        found[is_seen] = _projected(points[is_seen], camera.matrix, lens)
    return found


def scaled(camera: Camera, width: int, height: int) -> Camera:
    """Return the camera of the same picture in another size.

    Args:
        camera: whose own width and height, where they are 0, are taken to be these already.
        width: of the picture [px].
        height: of the picture [px].

    Raises:
        ValueError: the picture's sides have another ratio: it is no mere change of size.
    """
    if not (camera.width and camera.height) or (camera.width, camera.height) == (width, height):
        return camera
    if not is_same_picture((width, height), (camera.width, camera.height)):
        raise ValueError(
            f"the picture has {width} x {height} pixels, its CameraInfo is for "
            f"{camera.width} x {camera.height}; give the CameraInfo that belongs to the picture"
        )
    x, y = width / camera.width, height / camera.height
    k = camera.matrix.copy()
    k[0, :2] *= x
    k[1, 1] *= y
    k[:2, 2] = (k[:2, 2] + 0.5) * [x, y] - 0.5
    return Camera(
        matrix=k,
        distortion=camera.distortion,
        distortion_model=camera.distortion_model,
        width=width,
        height=height,
    )


def register(
    depth: np.ndarray, depth_camera: Camera, camera: Camera, transform: np.ndarray | None = None
) -> np.ndarray:
    """Return depth as the colour camera would see it, pixel by pixel that of its image.

    Every depth pixel is carried over as a small patch; where several meet, the nearest counts.

    Args:
        depth: (h, w) [m], NaN where there is no value.
        depth_camera: that of the depth image, of its size or a multiple of it.
        camera: that of the colour image.
        transform: (4, 4), takes points of the depth camera's optical frame to that of the colour
            camera; the same place by default.

    Returns:
        (camera.height, camera.width) float32 [m], NaN where nothing is known.

    Raises:
        ValueError: sizes do not go together, the colour camera's is unknown, or ``transform`` is
            no (4, 4).
    """
    depth = np.asarray(depth, np.float32)
    if depth.ndim != 2 or 0 in depth.shape:
        raise ValueError(f"depth must have shape (H, W), got {depth.shape}")
    if not (camera.width and camera.height):
        raise ValueError("the CameraInfo of the image says no size; depth cannot be brought there")
    move = np.eye(4) if transform is None else np.asarray(transform, np.float64)
    if move.shape != (4, 4) or not np.isfinite(move).all():
        raise ValueError(f"transform must be a finite 4 x 4 matrix, got shape {move.shape}")
    depth_camera = scaled(depth_camera, depth.shape[1], depth.shape[0])
    rows, columns = np.nonzero(depth > 0)  # neither 0 nor NaN
    z = depth[rows, columns].astype(np.float64)
    points = rays(np.stack((columns, rows), axis=-1), depth_camera) * z[:, None]
    points = points @ move[:3, :3].T + move[:3, 3]
    pixels = project(points, camera)
    # From one depth pixel to the next so many pixels of the image are to be filled.
    size = np.array([camera.matrix[0, 0], camera.matrix[1, 1]]) / [
        depth_camera.matrix[0, 0],
        depth_camera.matrix[1, 1],
    ]
    return _nearest(pixels, points[:, 2], size, (camera.height, camera.width))


def _nearest(
    pixels: np.ndarray, z: np.ndarray, size: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Draw patches of ``size`` (2,) [px] at ``pixels`` (P, 2), the nearest in front."""
    found = np.full(shape, np.inf, np.float32)
    flat = found.reshape(-1)
    with np.errstate(invalid="ignore"):
        is_near = (np.abs(pixels) < 1e6).all(axis=1)  # NaN is not
    pixels, z = pixels[is_near], z[is_near].astype(np.float32)
    wide, high = (max(1, math.ceil(side - 0.05)) for side in size)
    first = np.ceil(pixels - [wide / 2, high / 2]).astype(np.int64)
    for down in range(high):
        for right in range(wide):
            x, y = first[:, 0] + right, first[:, 1] + down
            inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
            np.minimum.at(flat, y[inside] * shape[1] + x[inside], z[inside])
    found[np.isinf(found)] = np.nan
    return found


def _undistorted(points: np.ndarray, matrix: np.ndarray, lens: Lens) -> np.ndarray:
    """Return rays (P, 3) of pixels (P, 2)."""
    pixels = points[:, None]
    if lens.is_fisheye:
        flat = cv2.fisheye.undistortPoints(pixels, matrix, lens.coefficients, criteria=STOP)
    else:
        flat = cv2.undistortPointsIter(pixels, matrix, lens.coefficients, None, None, criteria=STOP)
    found = np.ones((len(points), 3))
    found[:, :2] = flat[:, 0]
    with np.errstate(invalid="ignore", over="ignore"):
        miss = np.abs(_projected(found, matrix, lens) - points).max(axis=1)
    found[~(miss <= MAX_MISS_PX)] = np.nan
    return found


def _projected(points: np.ndarray, matrix: np.ndarray, lens: Lens) -> np.ndarray:
    """Return pixels (P, 2) of points (P, 3) in front of the camera."""
    if not lens.bends:
        return (points[:, :2] / points[:, 2:]) @ matrix[:2, :2].T + matrix[:2, 2]
    nothing, column = np.zeros(3), points[:, None]
    if lens.is_fisheye:
        found, _ = cv2.fisheye.projectPoints(column, nothing, nothing, matrix, lens.coefficients)
    else:
        found, _ = cv2.projectPoints(column, nothing, nothing, matrix, lens.coefficients)
    return found[:, 0]
