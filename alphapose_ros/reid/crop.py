"""From boxes to pictures of people, as re-identification networks are trained on them.

They show the box itself, stretched to the network's input: neither its aspect nor the margin that
crops for poses have.
"""

from __future__ import annotations

import cv2
import numpy as np

from alphapose_ros.boxes import area

SMALLEST_PX = (8, 16)  # width, height in the image below which colours say nothing of a person
SMALLEST_PART = 0.5  # of the box that must lie in the image


def is_usable(boxes: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Tell which boxes show enough of a person.

    Args:
        boxes: (N, 4) x1 y1 x2 y2 [px]; NaN for none.
        image_size: height and width [px].

    Returns:
        (N,) bool: true where at least 8 x 16 pixels and half of the box lie in the image.
    """
    boxes = np.asarray(boxes, np.float64)
    is_finite = np.isfinite(boxes).all(axis=1)
    boxes = np.where(is_finite[:, None], boxes, 0.0)
    inside = clipped(boxes, image_size)
    is_large = (inside[:, 2:] - inside[:, :2] >= SMALLEST_PX).all(axis=1)
    return is_finite & is_large & (area(inside) >= SMALLEST_PART * area(boxes))


def crop_regions(boxes: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Return which pixels the pictures show.

    Args:
        boxes: (N, 4) x1 y1 x2 y2 [px], usable ones.
        image_size: height and width [px].

    Returns:
        (N, 4) integers x1 y1 x2 y2, x2 and y2 exclusive, in the image: all pixels that the box
        touches.
    """
    inside = clipped(np.asarray(boxes, np.float64), image_size)
    corners = (np.floor(inside[:, :2]), np.ceil(inside[:, 2:]))
    return np.concatenate(corners, axis=1).astype(np.int64)


def clipped(boxes: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Return the parts (N, 4) of boxes (N, 4) that lie in an image of height and width [px]."""
    height, width = image_size
    return np.clip(boxes, 0, (width, height, width, height))


def crop_pictures(
    image: np.ndarray, regions: np.ndarray, input_size: tuple[int, int]
) -> np.ndarray:
    """Cut the pictures out of an image and bring them to one size.

    Args:
        image: (H, W, 3) BGR uint8.
        regions: (N, 4) from crop_regions().
        input_size: height h and width w of a picture.

    Returns:
        (N, h, w, 3) RGB uint8.
    """
    pictures = np.empty((len(regions), *input_size, 3), np.uint8)
    for picture, (x1, y1, x2, y2) in zip(pictures, regions, strict=True):
        cv2.cvtColor(resized(image[y1:y2, x1:x2], input_size), cv2.COLOR_BGR2RGB, dst=picture)
    return pictures


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image (H, W, 3) at another height and width.

    Sides that shrink are averaged, so that a person near the camera gives the picture that he or
    she gives from afar; then sides that grow are interpolated linearly.
    """
    rows, columns = image.shape[:2]
    height, width = min(rows, size[0]), min(columns, size[1])
    if (height, width) != (rows, columns):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if (height, width) != size:
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    return image
