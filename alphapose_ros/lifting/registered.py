"""Whether depth is registered: seen by the camera of the image, pixel by pixel."""

from __future__ import annotations

import numpy as np

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import Lens, lens_of, scaled
from alphapose_ros.lifting.resizing import REMEDY

SAME_PX = 1.0  # of two matrices: drivers differ by half a pixel in how they scale one
OF_ONE_LENS = "; or, if one lens sees both, remap `depth_camera_info` to the CameraInfo of depth"
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
    check_frames(frame_id, depth_frame_id, OF_ONE_LENS if depth_camera is None else "")


def camera_of_depth(camera: Camera, own: Camera | None, said: Camera | None) -> Camera | None:
    """Return the camera of depth as its CameraInfo means it.

    What says the same as that of the image speaks of the image's camera. That is another than
    either says where the image has been rectified: both tell of the lens.

    Args:
        camera: of the image, as it came.
        own: as the image's CameraInfo tells it, by K, if it does.
        said: as that of depth tells it, if it does.
    """
    if said is None or own is None or not is_same_lens(said, own):
        return said
    return camera


def check_frames(frame_id: str, depth_frame_id: str, advice: str = "") -> None:
    """Refuse depth in another frame than the image; nothing is said of where one has no name.

    Raises:
        ValueError: the frames differ; the message names both, and the remedy with ``advice``.

    Source: REP-118 (registered depth is in the frame of the image).
    """
    names = [name.removeprefix("/") for name in (frame_id, depth_frame_id)]
    if all(names) and names[0] != names[1]:
        raise ValueError(
            f"depth is in frame {depth_frame_id!r}, the image in {frame_id!r}: not the same "
            f"camera. {REMEDY}{advice}"
        )


def is_same_lens(first: Camera, second: Camera) -> bool:
    """Tell whether two cameras see the same, but for the size of their images."""
    if first is second:
        return True
    try:
        resized_first = scaled(first, second.width, second.height)
    except ValueError:  # sides of another ratio
        return False
    return np.allclose(
        resized_first.matrix, second.matrix, rtol=1e-3, atol=SAME_PX
    ) and _bends_alike(*(lens_of(one.distortion_model, one.distortion) for one in (first, second)))


def _bends_alike(first: Lens, second: Lens) -> bool:
    """Tell whether two lenses do the same; a model that adds nothing but zeros does."""
    count = max(len(first.coefficients), len(second.coefficients))
    one, other = (
        np.pad(lens.coefficients, (0, count - len(lens.coefficients))) for lens in (first, second)
    )
    return first.is_fisheye == second.is_fisheye and np.allclose(one, other, atol=1e-6)


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
