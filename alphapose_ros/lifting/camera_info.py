"""CameraInfo to the camera that took the image which was sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import lens_of


def read_camera(info: Any) -> Camera | None:
    """Read a CameraInfo; None where the driver left it uncalibrated (all zero).

    The message describes the whole sensor at its full resolution. Where the driver sends a part of
    it or puts pixels together, the camera is the one that took the image which was sent.

    Args:
        info: with the fields of sensor_msgs/CameraInfo of ROS 2, or of ROS 1 (K and D).

    Raises:
        ValueError: the matrix or the distortion cannot be one.

    Source: sensor_msgs/CameraInfo (roi, binning); scaled as image_geometry does it, without the
        half pixel by which the centres of larger pixels shift.
    """
    k = info.k if hasattr(info, "k") else info.K
    if not any(k):
        return None
    matrix = np.reshape(k, (3, 3)).astype(np.float64)
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise ValueError(
            f"camera_info has K = {list(map(float, k))}, which is no camera matrix; calibrate "
            "the camera, or leave K all zero"
        )
    lens = lens_of(info.distortion_model, info.d if hasattr(info, "d") else info.D)
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
