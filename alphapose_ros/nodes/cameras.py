"""Images and CameraInfo of ROS, read without the messages of this package.

Thus whoever examines a camera before they are compiled reads it as the pose node does.
"""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from alphapose_ros.frame import Camera
from alphapose_ros.images import read_image
from alphapose_ros.lifting.camera_info import read_camera


def to_pixels(image: Image | CompressedImage) -> np.ndarray:
    """Return an image as (H, W, 3) uint8, BGR, without a copy where it is bgr8 already.

    Raises:
        ValueError: it is empty, damaged or of an unknown encoding.
    """
    return read_image(image)


def to_camera(info: CameraInfo) -> Camera | None:
    """Read a sensor_msgs/CameraInfo; None where the driver left it uncalibrated (all zero).

    Raises:
        ValueError: the matrix or the distortion cannot be one.
    """
    return read_camera(info)
