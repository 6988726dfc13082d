"""Depth of a bag brought to the pixels of the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alphapose_ros.frame import Camera, Frame
from alphapose_ros.io.bag_transforms import STATIC, BagTransforms
from alphapose_ros.lifting.camera import register, scaled
from alphapose_ros.lifting.registered import check_frames, is_same_lens
from alphapose_ros.lifting.resizing import resized


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
