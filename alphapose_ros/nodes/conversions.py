"""ROS images and stamps to frames and back, and how rclpy wants messages made."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, Vector3
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from alphapose_ros import msg as own
from alphapose_ros.conversions import flat
from alphapose_ros.frame import Camera, Frame
from alphapose_ros.images import read_image
from alphapose_ros.lifting.camera_info import read_camera
from alphapose_ros.messages import Dialect

Setter = Callable[[Any, Any], None]  # of one attribute: message, value
_consume = deque(maxlen=0).extend


@cache
def _form(make: type) -> tuple[dict[str, Setter], bool | None]:
    """Return what sets each field of a message class, and whether its messages check them.

    None: they do not hold that, which is so in Humble.
    """
    checks = getattr(make(), "_check_fields", None)
    attribute = "{}" if checks else "_{}"  # the properties check, their attributes do not
    names = make.get_fields_and_field_types()
    return {name: getattr(make, attribute.format(name)).__set__ for name in names}, checks


def fields_of(make: type, **columns: Iterable[Any]) -> list[Any]:
    """Make a message of each row of the columns, which are all of its fields.

    The constructors of rclpy's messages make every inner message anew before they take the one
    that they are given, and its properties copy every array: that is most of their time.

    Args:
        make: the class.
        columns: values as messages hold them: float32[] as an array.array, float32[9] as a NumPy
            array of float32, which is not copied.

    Raises:
        TypeError: a field is missing, or none of its.
        ValueError: the columns are not of the same length.
    """
    setters, checks = _form(make)
    if setters.keys() != columns.keys():
        raise TypeError(f"{make.__name__}: {sorted(setters.keys() ^ columns)} missing or unknown")
    values = {name: list(column) for name, column in columns.items()}
    count = max(map(len, values.values()))
    if any(len(column) != count for column in values.values()):
        lengths = {name: len(column) for name, column in values.items()}
        raise ValueError(f"{make.__name__}: columns must have one length, got {lengths}")
    messages = [make.__new__(make) for _ in range(count)]
    if checks is not None:
        _consume(map(make._check_fields.__set__, messages, repeat(checks)))
    for name, column in values.items():  # by column: nothing but C for each value
        _consume(map(setters[name], messages, column))
    return messages


RCLPY = Dialect(
    msgs=SimpleNamespace(
        ColorRGBA=ColorRGBA,
        Duration=Duration,
        Marker=Marker,
        MarkerArray=MarkerArray,
        PersonPose=own.PersonPose,
        Point=Point,
        Pose=Pose,
        PoseArray=own.PoseArray,
        PoseStamped=PoseStamped,
        Quaternion=Quaternion,
        SkeletonDefinition=own.SkeletonDefinition,
        TargetStatus=own.TargetStatus,
        TrackedPerson=own.TrackedPerson,
        TrackedPersonArray=own.TrackedPersonArray,
        Vector3=Vector3,
    ),
    flat=flat,
    rows_of=fields_of,
)


def to_ns(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 10**9 + stamp.nanosec


def to_frame(
    image: Image | CompressedImage,
    index: int,
    info: CameraInfo | None = None,
    read: Callable[[CameraInfo], Camera | None] | None = None,
    stamp_ns: int | None = None,
) -> Frame:
    """Read an image message, without a copy where it is bgr8 already.

    Args:
        image: raw, or a JPEG or PNG file.
        index: running number in the stream.
        info: what the driver says of the camera.
        read: makes a camera of ``info``; read_camera(), or a CameraReader, which never raises.
        stamp_ns: when it was taken, where that is not what it says.

    Raises:
        ValueError: the image is empty, damaged or of an unknown encoding.
    """
    return Frame(
        image=read_image(image),
        stamp_ns=to_ns(image.header.stamp) if stamp_ns is None else stamp_ns,
        frame_id=image.header.frame_id,
        index=index,
        camera=None if info is None else (read or read_camera)(info),
    )


def to_image(image: np.ndarray, header: Header) -> Image:
    """Make a bgr8 sensor_msgs/Image of (H, W, 3) uint8."""
    data = array("B")
    data.frombytes(memoryview(np.ascontiguousarray(image)).cast("B"))
    height, width = image.shape[:2]
    return Image(
        header=header, height=height, width=width, encoding="bgr8", step=3 * width, data=data
    )
