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
from alphapose_ros.lifting.resizing import resized

SAME_PX = 1.0  # of two matrices: drivers differ by half a pixel in how they scale one


class CameraReader:
    """CameraInfo messages to cameras, read when they change.

    A camera that cannot be read is none, so that no image is lost because of it.

    Args:
        report: gets what is wrong, once for each thing that a CameraInfo says.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._known: tuple = ()
        self._camera: Camera | None = None

    def __call__(self, info: Any | None) -> Camera | None:
        """Return the camera, the same object as long as the messages say the same."""
        if info is None:
            return None
        told = _told(info)
        if told != self._known:
            self._known, self._camera = told, None
            try:
                self._camera = read_camera(info)
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

    Depth whose camera is that of the image, or is not known, has these pixels already, perhaps in
    another size; other depth is registered.

    Args:
        metres: (h, w) [m].
        frame: of the image, with its camera if that is known.
        camera: of depth.
        frame_id: of depth.
        transforms: where the cameras are.

    Raises:
        ValueError: sizes do not go together, or it is not known where the depth camera is.
    """
    height, width = frame.image.shape[:2]
    if camera is None or frame.camera is None:
        return resized(metres, width, height)
    picture_camera = replace(scaled(frame.camera, width, height), width=width, height=height)
    if _is_same(camera, picture_camera):
        return resized(metres, width, height)
    move = transforms.find(frame.frame_id, frame_id, frame.stamp_ns)
    if move is None:
        raise ValueError(
            f"{STATIC} does not tell where {frame_id!r} is seen from {frame.frame_id!r}; record "
            "it too, or depth that is registered to the image"
        )
    return register(metres, camera, picture_camera, move)


def _told(info: Any) -> tuple:
    """Return what a CameraInfo says, such that it can be compared; as bytes NaN equals itself."""
    matrix = info.k if hasattr(info, "k") else info.K
    coefficients = info.d if hasattr(info, "d") else info.D
    roi = info.roi
    return (
        np.array((*matrix, *coefficients)).tobytes(),
        info.distortion_model,
        (info.width, info.height, info.binning_x, info.binning_y),
        (roi.x_offset, roi.y_offset, roi.width, roi.height),
    )


def _is_same(first: Camera, second: Camera) -> bool:
    """Tell whether two cameras see the same, but for the size of their images."""
    try:
        resized_first = scaled(first, second.width, second.height)
    except ValueError:  # sides of another ratio
        return False
    return (
        np.allclose(resized_first.matrix, second.matrix, rtol=1e-3, atol=SAME_PX)
        and first.distortion_model == second.distortion_model
        and len(first.distortion) == len(second.distortion)
        and np.allclose(first.distortion, second.distortion, atol=1e-6)
    )
