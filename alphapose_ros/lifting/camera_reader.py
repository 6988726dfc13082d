"""The camera of a stream of CameraInfo messages, which say the same again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera_info import read_camera


class CameraReader:
    """CameraInfo messages to cameras, read when they change; what is wrong is said once.

    A camera that cannot be read is none, so that no image is lost because of it.

    Args:
        report: gets what is wrong and its remedy.
        is_rectified: whether the images have been rectified.
    """

    def __init__(self, report: Callable[[str], None], *, is_rectified: bool = False) -> None:
        self._report, self._is_rectified = report, is_rectified
        self._known: tuple = ()
        self._camera: Camera | None = None
        self._told: set[str] = set()  # two publishers may take turns

    def __call__(self, info: Any | None) -> Camera | None:
        """Return the camera, the same object as long as the messages say the same.

        Args:
            info: as read_camera() takes it, or None, of no camera.
        """
        if info is None:
            return None
        said = _said_by(info)
        if said != self._known:
            self._known, self._camera = said, self._read(info)
        return self._camera

    def _read(self, info: Any) -> Camera | None:
        try:
            return read_camera(info, is_rectified=self._is_rectified)
        except ValueError as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                self._report(str(error))
            return None


def _said_by(info: Any) -> tuple:
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
