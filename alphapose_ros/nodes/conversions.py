"""ROS images and stamps to frames and back, and how rclpy wants messages made."""

from __future__ import annotations

from array import array
from types import SimpleNamespace

import cv2
import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Vector3
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from alphapose_ros import msg as own
from alphapose_ros.frame import Camera, Frame
from alphapose_ros.images import to_bgr
from alphapose_ros.messages import Dialect


def flat(values: np.ndarray) -> array:
    """Return an array of any shape as an array.array, the fast legal value of a message field."""
    numbers = array(values.dtype.char)
    numbers.frombytes(np.ascontiguousarray(values).tobytes())
    return numbers


RCLPY = Dialect(
    msgs=SimpleNamespace(
        Duration=Duration,
        PersonPose=own.PersonPose,
        Point=Point,
        PoseArray=own.PoseArray,
        SkeletonDefinition=own.SkeletonDefinition,
        TrackedPerson=own.TrackedPerson,
        TrackedPersonArray=own.TrackedPersonArray,
        Vector3=Vector3,
    ),
    flat=flat,
)


def to_ns(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 10**9 + stamp.nanosec


def to_frame(image: Image | CompressedImage, index: int, info: CameraInfo | None = None) -> Frame:
    """Read an image message, without a copy where it is bgr8 already.

    Raises:
        ValueError: the image is empty, damaged or of an unknown encoding.
    """
    return Frame(
        image=_pixels(image),
        stamp_ns=to_ns(image.header.stamp),
        frame_id=image.header.frame_id,
        index=index,
        camera=None if info is None else to_camera(info),
    )


def _pixels(image: Image | CompressedImage) -> np.ndarray:
    if isinstance(image, CompressedImage):
        return decompress(image.data, image.format)
    return to_bgr(
        image.data,
        height=image.height,
        width=image.width,
        encoding=image.encoding,
        step=image.step,
        is_bigendian=bool(image.is_bigendian),
    )


def decompress(data: array, name: str) -> np.ndarray:
    """Read a JPEG or PNG file in memory as (H, W, 3) BGR.

    Raises:
        ValueError: it is neither, or damaged; ``name`` is the format that the message states.
    """
    file = np.frombuffer(data, np.uint8)
    picture = cv2.imdecode(file, cv2.IMREAD_COLOR) if len(file) else None
    if picture is None:
        raise ValueError(
            f"compressed image of {len(file)} bytes, format {name!r}, is no JPEG or PNG; check "
            "the camera driver"
        )
    return picture


def to_camera(info: CameraInfo) -> Camera | None:
    """Read a sensor_msgs/CameraInfo; None where the driver left it uncalibrated (all zero)."""
    if info.k[0] == 0:
        return None
    return Camera(
        matrix=np.reshape(info.k, (3, 3)),
        distortion=np.asarray(info.d),
        distortion_model=info.distortion_model,
        width=info.width,
        height=info.height,
    )


def to_image(image: np.ndarray, header: Header) -> Image:
    """Make a bgr8 sensor_msgs/Image of (H, W, 3) uint8."""
    data = array("B")
    data.frombytes(memoryview(np.ascontiguousarray(image)).cast("B"))
    height, width = image.shape[:2]
    return Image(
        header=header, height=height, width=width, encoding="bgr8", step=3 * width, data=data
    )
