"""Cameras of a bag as their CameraInfo tells, and depth brought to the pixels of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alphapose_ros.frame import Camera, Frame
from alphapose_ros.io.bag_transforms import STATIC, BagTransforms
from alphapose_ros.lifting.camera import register, scaled
from alphapose_ros.lifting.camera_info import read_camera
from alphapose_ros.lifting.registered import check_frames, is_same_lens
from alphapose_ros.lifting.resizing import resized


class CameraReader:
    """CameraInfo messages to cameras, read when they change.

    A camera that cannot be read is none, so that no image is lost because of it.

    Args:
        report: gets what is wrong, once for each thing that a CameraInfo says.
        is_rectified: whether the images have been rectified.
    """

    def __init__(self, report: Callable[[str], None], *, is_rectified: bool = False) -> None:
        self._report, self._is_rectified = report, is_rectified
        self._known: tuple = ()
        self._camera: Camera | None = None

    def __call__(self, info: Any | None) -> Camera | None:
        """Return the camera, the same object as long as the messages say the same."""
        if info is None:
            return None
        told = told_by(info)
        if told != self._known:
            self._known, self._camera = told, None
            try:
                self._camera = read_camera(info, is_rectified=self._is_rectified)
            except ValueError as error:
                self._report(str(error))
        return self._camera


def on_image(
    metres: np.ndarray,
    frame: Frame,
    camera: Camera | None,
    frame_id: str,
    transforms: BagTransforms,
) -> np.ndarray:
    """Return depth (H, W) [m] with the pixels of the image.

    Depth whose camera is that of the image, or is not known while the frames are the same, has
    these pixels already, perhaps in another size; other depth is registered.

    Args:
        metres: (h, w) [m].
        frame: of the image, with its camera if that is known.
        camera: of depth.
        frame_id: of depth.
        transforms: where the cameras are.

    Raises:
        ValueError: sizes or frames do not go together, or it is not known where the depth camera
            is.
    """
    height, width = frame.image.shape[:2]
    if camera is None or frame.camera is None:
        check_frames(frame.frame_id, frame_id)
        return resized(metres, width, height)
    picture_camera = replace(scaled(frame.camera, width, height), width=width, height=height)
    if is_same_lens(camera, picture_camera):
        return resized(metres, width, height)
    move = transforms.find(frame.frame_id, frame_id, frame.stamp_ns)
    if move is None:
        raise ValueError(
            f"{STATIC} does not tell where {frame_id!r} is seen from {frame.frame_id!r}; record "
            "it too, or depth that is registered to the image"
        )
    return register(metres, camera, picture_camera, move)


def told_by(info: Any) -> tuple:
    """Return what a CameraInfo says, such that it can be compared; as bytes NaN equals itself."""
    matrix = info.k if hasattr(info, "k") else info.K
    coefficients = info.d if hasattr(info, "d") else info.D
    projection = info.p if hasattr(info, "p") else info.P
    roi = info.roi
    return (
        np.array((*matrix, *projection, *coefficients)).tobytes(),
        info.distortion_model,
        (info.width, info.height, info.binning_x, info.binning_y),
        (roi.x_offset, roi.y_offset, roi.width, roi.height),
    )
