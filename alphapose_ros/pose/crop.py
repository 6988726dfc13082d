"""From boxes to the network's input images, exactly as the reference does it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from alphapose_ros.boxes import grow_to_aspect

PADDING = 1.25  # a crop shows this much more than the box
MEAN_RGB = (0.406, 0.457, 0.480)  # ImageNet's in BGR order on RGB, as the reference trains


def crop_boxes(boxes: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """Return the regions that the crops show.

    Args:
        boxes: (N, 4) x1 y1 x2 y2 [px].
        input_size: height and width of a crop.

    Returns:
        (N, 4) around the same centres, of the crop's aspect, not cut off at the image.
    """
    height, width = input_size
    return grow_to_aspect(boxes, width / height, PADDING)


def crop_people(image: np.ndarray, regions: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """Cut the crops out of an image, scaled, black outside of it.

    Args:
        image: (H, W, 3) BGR uint8.
        regions: (N, 4) from crop_boxes().
        input_size: height h and width w of a crop.

    Returns:
        (N, h, w, 3) RGB uint8. Pixel x of a crop shows x1 + x * (x2 - x1) / w of the image; there
        is no half-pixel shift, as in the reference, whose networks are trained so.
    """
    height, width = input_size
    crops = np.empty((len(regions), height, width, 3), np.uint8)
    for crop, (x1, y1, x2, _) in zip(crops, regions, strict=True):
        step = (x2 - x1) / width  # the aspects are equal, so this holds for y too
        to_image = np.array([[step, 0, x1], [0, step, y1]])
        cv2.warpAffine(
            image,
            to_image,
            (width, height),
            dst=crop,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=crop)
    return crops


def keypoints_by_crops(
    image: np.ndarray,
    boxes: np.ndarray,
    input_size: tuple[int, int],
    batch_size: int,
    on_crops: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Look at the people in an image, at most ``batch_size`` at once, in batches of like size.

    Args:
        image: (H, W, 3) BGR uint8.
        boxes: (N, 4) x1 y1 x2 y2 [px], N > 0.
        input_size: height h and width w of a crop.
        batch_size: most crops in one call.
        on_crops: crops (M, h, w, 3) RGB uint8 and the regions (M, 4) that they show -> (M, K, 3).

    Returns:
        (N, K, 3) keypoints.
    """
    regions = crop_boxes(boxes, input_size)
    parts = np.array_split(regions, -(-len(regions) // batch_size))
    return np.concatenate([on_crops(crop_people(image, part, input_size), part) for part in parts])


def from_crops(
    keypoints: np.ndarray, regions: np.ndarray, input_size: tuple[int, int]
) -> np.ndarray:
    """Move keypoints (N, K, 3) from crops of ``input_size``, height and width, to the image.

    Args:
        keypoints: x y [px of the crop], score.
        regions: (N, 4) what the crops show [px of the image].
        input_size: of the crops.

    Returns:
        (N, K, 3) float32: x y [px of the image], score.
    """
    size = np.array(input_size[::-1])
    step = (regions[:, None, 2:] - regions[:, None, :2]) / size
    position = keypoints[..., :2] * step + regions[:, None, :2]
    return np.concatenate((position, keypoints[..., 2:]), axis=-1, dtype=np.float32)
