"""Depth of the same picture in another size."""

from __future__ import annotations

import numpy as np

MAX_ASPECT_ERROR = 0.01  # of two sizes of what is called the same picture
REMEDY = (  # where depth turns out not to be registered
    "Take depth that is registered to the image (often called aligned_depth_to_color); or live set "
    "lifting.depth_registered to false, and in a bag record the CameraInfo of both"
)


def is_same_picture(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether two sizes, width and height, can be those of one picture: by their ratios."""
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= MAX_ASPECT_ERROR


def resized(depth: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return depth of the same picture in another size, each pixel the value at its middle.

    Args:
        depth: (h, w) [m].
        width: wanted [px].
        height: wanted [px].

    Raises:
        ValueError: the sides have another ratio: it cannot be the same picture.
    """
    found = depth.shape
    if found == (height, width):
        return depth
    if not is_same_picture((width, height), (found[1], found[0])):
        raise ValueError(
            f"depth has {found[1]} x {found[0]} pixels, the image {width} x {height}: not the same "
            f"picture. {REMEDY}"
        )
    rows = ((np.arange(height) + 0.5) * found[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * found[1] / width).astype(np.intp)
    return depth[rows[:, None], columns]
