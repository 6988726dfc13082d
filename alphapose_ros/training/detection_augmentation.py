"""Pictures of people as a detector is shown them: cut, stretched, put together and spoilt.

All on bytes: one scaling for each tile, one table of colours and at most one spoiling a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from alphapose_ros.config import Section, setting
from alphapose_ros.detection.letterbox import PAD
from alphapose_ros.training.augmentation import coarse, compressed, recoloured, without_colour

MIN_VISIBLE = 0.35  # part of a box; with less, it is ignored
MIN_TRACE = 0.05  # with less than this, it is gone


class Example(NamedTuple):
    """A picture and the people in it."""

    picture: np.ndarray  # (h, w, 3) uint8 BGR
    boxes: np.ndarray  # (M, 4) float32 x1 y1 x2 y2 [px]
    is_ignored: np.ndarray  # (M,) bool


@dataclass(frozen=True)
class DetectionAugmentationConfig(Section):
    """How far pictures depart from what they were; chances are in [0, 1]."""

    mosaic: float = setting(0.5, "Chance of four pictures in one", low=0.0, high=1.0)
    smallest: float = setting(
        0.65, "Least size of a picture, 1 just showing all of it", low=0.05, high=1.0
    )
    largest: float = setting(1.8, "Greatest size, the rest being cut off", low=1.0, high=10.0)
    aspect: float = setting(0.2, "Spread of the logarithm of the aspect", low=0.0, high=1.0)
    flip: float = setting(0.5, "Chance of left and right changing places", low=0.0, high=1.0)
    colour: float = setting(1.0, "Strength of the changes of light and colour", low=0.0, high=4.0)
    grey: float = setting(0.08, "Chance of a picture without colour", low=0.0, high=1.0)
    low_resolution: float = setting(0.2, "Chance of fewer pixels", low=0.0, high=1.0)
    blur: float = setting(0.08, "Chance of a lens out of focus", low=0.0, high=1.0)
    jpeg: float = setting(0.15, "Chance of the traces of compression", low=0.0, high=1.0)
    smallest_person_px: float = setting(
        10.0, "Lower people are neither taught nor denied", low=0.0, high=1000.0
    )


@dataclass(frozen=True)
class DetectionAugmentation:
    """From pictures to what the network is shown."""

    config: DetectionAugmentationConfig

    def mosaic(self, examples: tuple[Example, ...], size: int, rng: np.random.Generator) -> Example:
        """Return four pictures around a random point of a square, or one that fills it.

        Args:
            examples: one or four.
            size: of the square [px].
            rng: what is different next time.
        """
        if len(examples) == 1:
            parts = [(0, 0, size, size)]
        else:
            x, y = (int(size * rng.uniform(0.3, 0.7)) for _ in range(2))
            parts = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
        square = np.full((size, size, 3), PAD, np.uint8)
        boxes, is_ignored = [], []
        for example, (left, top, right, bottom) in zip(examples, parts, strict=True):
            place = square[top:bottom, left:right]
            tile = self._view(example, place, rng, is_tile=len(examples) > 1)
            boxes.append(tile.boxes + np.float32([left, top, left, top]))
            is_ignored.append(tile.is_ignored)
        picture = self._spoilt(square, rng)
        return Example(picture, np.concatenate(boxes), np.concatenate(is_ignored))

    def _view(
        self, example: Example, place: np.ndarray, rng: np.random.Generator, *, is_tile: bool
    ) -> Example:
        """Fill ``place`` (h, w, 3) with a random part of a picture; tiles have little padding."""
        config = self.config
        if rng.random() < config.flip:
            example = flipped(example)
        height, width = example.picture.shape[:2]
        zoom = np.exp(rng.uniform(np.log(config.smallest), np.log(config.largest)))
        fit = place.shape[0] / height, place.shape[1] / width
        zoom *= max(fit) if is_tile else min(fit)
        stretch = np.exp(np.clip(rng.normal(0, config.aspect), -0.5, 0.5))
        factors = zoom * stretch, zoom / stretch
        # What is larger than the place is cut off at either side, what is smaller lies anywhere.
        free = place.shape[1] - width * factors[0], place.shape[0] - height * factors[1]
        offset = rng.uniform(0, 1) * free[0], rng.uniform(0, 1) * free[1]
        return put(example, place, factors, offset, self.config.smallest_person_px)

    def _spoilt(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        config = self.config
        if rng.random() < config.low_resolution:
            picture = coarse(picture, rng.uniform(0.35, 0.85), rng)
        elif rng.random() < config.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4))
        elif rng.random() < config.jpeg:
            picture = compressed(picture, int(rng.integers(25, 92)))
        if config.colour:
            picture = recoloured(picture, config.colour, rng)
        if rng.random() < config.grey:
            picture = without_colour(picture)
        return picture


def flipped(example: Example) -> Example:
    """Return the mirror image."""
    boxes = example.boxes.copy()
    boxes[:, [0, 2]] = example.picture.shape[1] - boxes[:, [2, 0]]
    return Example(example.picture[:, ::-1], boxes, example.is_ignored)


def put(
    example: Example,
    place: np.ndarray,
    factors: tuple[float, float],
    offset: tuple[float, float],
    smallest_px: float = 0.0,
) -> Example:
    """Scale a picture and write what of it falls into ``place``.

    Args:
        example: the picture.
        place: (h, w, 3) uint8, written to.
        factors: of x and y.
        offset: x y of the scaled picture's corner in the place [px].
        smallest_px: people lower than this are ignored.

    Returns:
        The place with the people who are still to be seen there.
    """
    height, width = example.picture.shape[:2]
    limits = place.shape[1], place.shape[0]
    source, target, scale, shift = [], [], [], []
    for side, length, factor, begin in zip((width, height), limits, factors, offset, strict=True):
        low = int(np.clip(round(begin), 0, length - 1))
        high = int(np.clip(round(begin + factor * side), low + 1, length))
        first = int(np.clip((low - begin) / factor, 0, side - 1))
        last = int(np.clip(np.ceil((high - begin) / factor), first + 1, side))
        source.append(slice(first, last))
        target.append(slice(low, high))
        scale.append((high - low) / (last - first))  # whole pixels: not quite the factor
        shift.append(low - first * scale[-1])
    part = example.picture[source[1], source[0]]
    sides = (target[0].stop - target[0].start, target[1].stop - target[1].start)
    method = cv2.INTER_AREA if min(scale) < 1 else cv2.INTER_LINEAR
    place[target[1], target[0]] = cv2.resize(part, sides, interpolation=method)
    boxes = example.boxes * np.float32(scale * 2) + np.float32(shift * 2)
    seen = (target[0].start, target[1].start, target[0].stop, target[1].stop)
    return Example(place, *visible(boxes, example.is_ignored, seen, smallest_px))


def visible(
    boxes: np.ndarray, is_ignored: np.ndarray, seen: tuple[int, ...], smallest_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cut boxes at the borders of what is seen; those of which little is left are ignored.

    Args:
        boxes: (M, 4) [px].
        is_ignored: (M,) bool.
        seen: x1 y1 x2 y2 [px].
        smallest_px: lower boxes are ignored.

    Returns:
        Boxes (L, 4) float32 and whether they are ignored (L,), L <= M.
    """
    low, high = np.tile(seen[:2], 2), np.tile(seen[2:], 2)
    cut = np.clip(boxes, low, high).astype(np.float32)
    areas = [np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (cut, boxes)]
    part = areas[0] / np.maximum(areas[1], 1e-6)
    is_small = (cut[:, 3] - cut[:, 1] < smallest_px) | (cut[:, 2] - cut[:, 0] < smallest_px / 2)
    is_there = part > MIN_TRACE
    return cut[is_there], (is_ignored | is_small | (part < MIN_VISIBLE))[is_there]
