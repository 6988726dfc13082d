"""CameraInfo to the camera that took the image which was sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from alphapose_ros.frame import Camera

# The distortion models and how many coefficients each may have, in OpenCV's order: k1 k2 p1 p2 k3,
# then k4 k5 k6, then those of a thin prism, then of a tilted sensor; k1 k2 k3 k4 of a fisheye.
DISTORTIONS = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (4, 5, 8, 12, 14),
    "equidistant": (4,),
}
ALIASES = {  # other names that drivers use for them
    "": "plumb_bob",
    "radtan": "plumb_bob",
    "thin_prism": "rational_polynomial",
    "fisheye": "equidistant",
    "kannala_brandt": "equidistant",
}


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
    model, coefficients = _distortion(info)
    binning = np.maximum((info.binning_x, info.binning_y), 1)  # 0 means 1
    matrix[:2, 2] -= info.roi.x_offset, info.roi.y_offset
    matrix[:2] /= binning[:, None]
    return Camera(
        matrix=matrix,
        distortion=coefficients,
        distortion_model=model,
        width=(info.roi.width or info.width) // int(binning[0]),
        height=(info.roi.height or info.height) // int(binning[1]),
    )


def _distortion(info: Any) -> tuple[str, np.ndarray]:
    """Return one of DISTORTIONS, and as many coefficients as it has; zeros where none are sent."""
    model = ALIASES.get(info.distortion_model, info.distortion_model)
    values = np.array(info.d if hasattr(info, "d") else info.D, np.float64)
    if model not in DISTORTIONS:
        raise ValueError(
            f"camera_info has distortion model {info.distortion_model!r}, which is none of "
            f"{', '.join(DISTORTIONS)}; calibrate the camera with one of these"
        )
    counts = DISTORTIONS[model]
    if not len(values):
        return model, np.zeros(counts[0])
    fitting = [n for n in counts if n <= len(values) and not values[n:].any()]  # zeros say nothing
    if not fitting or not np.isfinite(values).all():
        raise ValueError(
            f"camera_info has D = {values.tolist()}, but {model} has "
            f"{' or '.join(map(str, counts))} coefficients; calibrate the camera again"
        )
    return model, values[: fitting[-1]]
