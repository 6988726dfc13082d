"""ROS images and stamps to frames and back, and how rclpy wants messages made."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Vector3
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from alphapose_ros import msg as own
from alphapose_ros.conversions import flat
from alphapose_ros.frame import Camera, Frame
from alphapose_ros.images import decompress, to_bgr
from alphapose_ros.messages import Dialect

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


def to_frame(
    image: Image | CompressedImage,
    index: int,
    info: CameraInfo | None = None,
    read: Callable[[CameraInfo], Camera | None] | None = None,
) -> Frame:
    """Read an image message, without a copy where it is bgr8 already.

    Args:
        image: raw, or a JPEG or PNG file.
        index: running number in the stream.
        info: what the driver says of the camera.
        read: makes a camera of ``info``; to_camera(), or a Calibration, which never raises.

    Raises:
        ValueError: the image is empty, damaged or of an unknown encoding.
    """
    return Frame(
        image=_pixels(image),
        stamp_ns=to_ns(image.header.stamp),
        frame_id=image.header.frame_id,
        index=index,
        camera=None if info is None else (read or to_camera)(info),
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


def to_camera(info: CameraInfo) -> Camera | None:
    """Read a sensor_msgs/CameraInfo; None where the driver left it uncalibrated (all zero).

    The message describes the whole sensor at its full resolution. Where the driver sends a part of
    it or puts pixels together, the camera is the one that took the image which was sent.

    Raises:
        ValueError: the matrix or the distortion cannot be one.

    Source: sensor_msgs/CameraInfo (roi, binning); scaled as image_geometry does it, without the
        half pixel by which the centres of larger pixels shift.
    """
    if not any(info.k):
        return None
    matrix = np.reshape(info.k, (3, 3)).astype(np.float64)
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise ValueError(
            f"camera_info has K = {list(map(float, info.k))}, which is no camera matrix; calibrate "
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


def _distortion(info: CameraInfo) -> tuple[str, np.ndarray]:
    """Return one of DISTORTIONS, and as many coefficients as it has; zeros where none are sent."""
    model = ALIASES.get(info.distortion_model, info.distortion_model)
    values = np.array(info.d, np.float64)
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


class Calibration:
    """CameraInfo messages to cameras, read when they change; what is wrong is said once.

    A camera that cannot be read is none, so that no image is lost because of it.

    Args:
        report: gets what is wrong and its remedy.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._known: tuple | None = None
        self._camera: Camera | None = None

    def __call__(self, info: CameraInfo) -> Camera | None:
        """Return the camera, the same object as long as the messages say the same."""
        size = (info.width, info.height, info.binning_x, info.binning_y)
        numbers = np.array((*info.k, *info.d)).tobytes()  # as bytes NaN equals itself
        told = (*size, info.roi, info.distortion_model, numbers)
        if told != self._known:
            self._known = told
            try:
                self._camera = to_camera(info)
            except ValueError as error:
                self._camera = None
                self._report(str(error))
        return self._camera


def to_image(image: np.ndarray, header: Header) -> Image:
    """Make a bgr8 sensor_msgs/Image of (H, W, 3) uint8."""
    data = array("B")
    data.frombytes(memoryview(np.ascontiguousarray(image)).cast("B"))
    height, width = image.shape[:2]
    return Image(
        header=header, height=height, width=width, encoding="bgr8", step=3 * width, data=data
    )
