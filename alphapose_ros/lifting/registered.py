"""Whether depth is registered: seen by the camera of the image, pixel by pixel."""

from __future__ import annotations

import numpy as np

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import scaled
from alphapose_ros.lifting.resizing import REMEDY

SAME_PX = 1.0  # of two matrices: drivers differ by half a pixel in how they scale one
MAX_LENS_ERROR = 0.03  # of what drivers say of one lens; moves who is at the border by a hand


def check_registered(
    frame_id: str, depth_frame_id: str, camera: Camera, depth_camera: Camera | None
) -> None:
    """Refuse depth of another camera than that of the image.

    Where both lenses are known to be the same, it does not matter what the frames are called.

    Args:
        frame_id: of the image.
        depth_frame_id: of depth.
        camera: of the image.
        depth_camera: of depth, if it is known.

    Raises:
        ValueError: it is of another one; the message tells by what, and the remedy.
    """
    if depth_camera is not None:
        if is_same_lens(depth_camera, camera):
            return
        _check_lenses(camera, depth_camera)
    check_frames(frame_id, depth_frame_id)


def check_frames(frame_id: str, depth_frame_id: str) -> None:
    """Refuse depth in another frame than the image; nothing is said of where one has no name.

    Raises:
        ValueError: the frames differ; the message names both, and the remedy.

    Source: REP-118 (registered depth is in the frame of the image).
    """
    names = [name.removeprefix("/") for name in (frame_id, depth_frame_id)]
    if all(names) and names[0] != names[1]:
        raise ValueError(
            f"depth is in frame {depth_frame_id!r}, the image in {frame_id!r}: not the same "
            f"camera. {REMEDY}"
        )


def is_same_lens(first: Camera, second: Camera) -> bool:
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


def _check_lenses(camera: Camera, depth_camera: Camera) -> None:
    try:
        found = scaled(depth_camera, camera.width, camera.height).matrix
    except ValueError as error:  # sides of another ratio
        raise ValueError(f"`depth_camera_info` is not of the depth image: {error}") from None
    focal, other = np.diag(camera.matrix)[:2], np.diag(found)[:2]
    middle, other_middle = camera.matrix[:2, 2], found[:2, 2]
    is_near = np.allclose(other, focal, rtol=MAX_LENS_ERROR, atol=0.0)
    if not (is_near and (abs(other_middle - middle) <= MAX_LENS_ERROR * focal).all()):
        raise ValueError(
            "`depth_camera_info` is of another lens than `camera_info` (at the size of the image, "
            f"focal length {other[0]:.0f} px, middle {other_middle[0]:.0f} {other_middle[1]:.0f}; "
            f"the image's {focal[0]:.0f} px, {middle[0]:.0f} {middle[1]:.0f}). {REMEDY}"
        )
