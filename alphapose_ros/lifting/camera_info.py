"""CameraInfo to the camera that took the image which was sent."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import lens_of

RECTIFIED = re.compile(r"(?<![a-z])rect(ified)?(?![a-z])")  # in topics: image_rect, not direct


def read_camera(info: Any, *, is_rectified: bool = False) -> Camera | None:
    """Read a CameraInfo; None where the driver left it uncalibrated (all zero).

    The message describes the whole sensor at its full resolution. Where the driver sends a part of
    it or puts pixels together, the camera is the one that took the image which was sent.

    Args:
        info: with the fields of sensor_msgs/CameraInfo of ROS 2, or of ROS 1 (K, D and P).
        is_rectified: whether the image has been rectified. Its camera is P then, and no lens bends
            rays any more; where the first camera of a pair is (Tx, Ty) does not matter to it.

    Raises:
        ValueError: the matrix or the distortion cannot be one.

    Source: sensor_msgs/CameraInfo (P, roi, binning); scaled as image_geometry does it, without the
        half pixel by which the centres of larger pixels shift.
    """
    k = info.k if hasattr(info, "k") else info.K
    if not any(k):
        return None
    if is_rectified:
        p = info.p if hasattr(info, "p") else info.P
        matrix, lens = _matrix("P", p)[:, :3], lens_of("none", np.empty(0))
    else:
        matrix = _matrix("K", k)
        lens = lens_of(info.distortion_model, _distortion(info))
    binning = np.maximum((info.binning_x, info.binning_y), 1)  # 0 means 1
    matrix[:2, 2] -= info.roi.x_offset, info.roi.y_offset
    matrix[:2] /= binning[:, None]
    return Camera(
        matrix=matrix,
        distortion=lens.coefficients,
        distortion_model=lens.model,
        width=(info.roi.width or info.width) // int(binning[0]),
        height=(info.roi.height or info.height) // int(binning[1]),
    )


def doubt(info: Any, topic: str) -> str:
    """Return that images which are not said to be rectified seem to be, with the remedy; or "".

    Args:
        info: CameraInfo of ROS 2 or ROS 1.
        topic: of its images. That of the raw ones is beside them, so only the name can tell.
    """
    if not RECTIFIED.search(topic.lower()) or not np.any(_distortion(info)):
        return ""
    return (
        f"images of {topic} seem to be rectified, but the distortion in their CameraInfo is taken "
        "out of them once more: set image_rectified, or take the raw images"
    )


def _distortion(info: Any) -> Any:
    return info.d if hasattr(info, "d") else info.D


def _matrix(name: str, values: Any) -> np.ndarray:
    """Return K (3, 3) or P (3, 4).

    Raises:
        ValueError: it is no camera's.
    """
    matrix = np.reshape(values, (3, -1)).astype(np.float64)
    if np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0:
        return matrix
    remedy = "calibrate the camera, or leave K all zero"
    if name == "P":
        remedy = "calibrate the camera, or take the raw image and unset image_rectified"
    raise ValueError(
        f"camera_info has {name} = {list(map(float, values))}, which is no camera matrix; {remedy}"
    )
