"""Which way each pixel of a camera looks."""

from __future__ import annotations

import numpy as np

from alphapose_ros.training.synthetic.cameras import Camera


def through(camera: Camera, size: tuple[int, int]) -> np.ndarray:
    """Return the way (H, W, 3) float32 in the world that leads one metre deep into the picture.

    The point that a pixel shows is the camera's place plus its depth times this.
    """
    height, width = size
    rays = np.ones((height, width, 3), np.float32)
    rays[..., 0] = (np.arange(width) - camera.matrix[0, 2]) / camera.matrix[0, 0]
    rays[..., 1] = ((np.arange(height) - camera.matrix[1, 2]) / camera.matrix[1, 1])[:, None]
    return rays @ camera.rotation.astype(np.float32)
