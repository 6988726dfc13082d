"""Detectors that see squares: the image is scaled into one, and boxes are mapped back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pkgutil import resolve_name

import cv2
import numpy as np

from alphapose_ros.boxes import clip
from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection.candidates import Candidates
from alphapose_ros.detection.choice import choose
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections

PAD = 114  # grey of the rest of the square, as YOLOX is trained
USUAL = "letterbox"  # of weights that name no preprocessing

Backend = Callable[[np.ndarray], tuple[np.ndarray, ...]]
BACKENDS = {  # runtime: weights, file, compute -> (backend, side of its square)
    "onnx": "alphapose_ros.detection.onnx_backend:build_onnx_backend",
    "torch": "alphapose_ros.detection.torch_backend:build_torch_backend",
}


@dataclass(frozen=True)
class Square:
    """An image (H, W, 3) in a square.

    Attributes:
        pixels: (s, s, 3) BGR uint8.
        corner: x, y of the image's upper left corner in it [px].
        size: width, height of the image in it [px].
    """

    pixels: np.ndarray
    corner: tuple[int, int]
    size: tuple[int, int]

    def in_image(self, boxes: np.ndarray, width: int, height: int) -> np.ndarray:
        """Turn boxes (N, 4) x1 y1 x2 y2 [px of the square] into those of the image, cut there.

        Each direction has its own factor: sizes in the square are whole pixels.
        """
        factors = np.array([width / self.size[0], height / self.size[1]] * 2)
        return clip((boxes - np.array(self.corner * 2)) * factors, width, height)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a network was trained to see an image; its aspect stays.

    Attributes:
        shrinks, enlarges: OpenCV's interpolations.
        whole: turns a scaled side into a whole number of pixels.
        is_centred: whether the image lies in the middle, else in the upper left.
        pad: grey of the rest.
        is_rgb: whether the network takes RGB, else BGR.
        divisor: of the network's input, 255 for colours in 0..1.
    """

    shrinks: int
    enlarges: int
    whole: Callable[[float], int]
    is_centred: bool = False
    pad: int = PAD
    is_rgb: bool = False
    divisor: float = 1.0

    def __call__(self, image: np.ndarray, side: int) -> Square:
        """Scale an image (H, W, 3) into a square of ``side`` pixels."""
        factor = side / max(image.shape[:2])
        height, width = (max(1, self.whole(length * factor)) for length in image.shape[:2])
        left, top = ((side - width) // 2, (side - height) // 2) if self.is_centred else (0, 0)
        method = self.shrinks if factor < 1 else self.enlarges
        pixels = np.full((side, side, 3), self.pad, np.uint8)
        pixels[top : top + height, left : left + width] = cv2.resize(
            image, (width, height), interpolation=method
        )
        return Square(pixels, (left, top), (width, height))


PREPROCESSING = {
    "letterbox": Preprocessing(shrinks=cv2.INTER_AREA, enlarges=cv2.INTER_LINEAR, whole=round),
    "yolox": Preprocessing(shrinks=cv2.INTER_LINEAR, enlarges=cv2.INTER_LINEAR, whole=int),
    "yolov3": Preprocessing(
        shrinks=cv2.INTER_CUBIC,
        enlarges=cv2.INTER_CUBIC,
        whole=int,
        is_centred=True,
        pad=128,
        is_rgb=True,
        divisor=255.0,
    ),
}


@dataclass(frozen=True)
class LetterboxDetector:
    """Finds people by a network that takes squares.

    Attributes:
        backend: square (s, s, 3) BGR uint8 -> boxes (N, 4) x1 y1 x2 y2 in it, scores (N,) and,
            where they are asked for, objectness (N,).
        size: side s of the square [px].
        preprocessing: how an image gets into it.
    """

    backend: Backend
    size: int
    preprocessing: Preprocessing = PREPROCESSING[USUAL]

    def __call__(self, image: np.ndarray) -> Detections:
        """Return boxes, unsuppressed and cut at the borders, in an image (H, W, 3) BGR."""
        square = self.preprocessing(image, self.size)
        boxes, scores, *objectness = self.backend(square.pixels)
        boxes = square.in_image(boxes, image.shape[1], image.shape[0])
        if objectness:
            return Candidates(boxes=boxes, scores=scores, objectness=objectness[0])
        return Detections(boxes=boxes, scores=scores)


def letterbox(image: np.ndarray, size: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Scale an image (H, W, 3) into the upper left of a grey square; its aspect stays.

    Returns:
        The square (size, size, 3) and the height and width of the image in it.
    """
    square = PREPROCESSING[USUAL](image, size)
    return square.pixels, square.size[::-1]


def build_yolox(config: DetectorConfig, compute: Compute) -> LetterboxDetector:
    """Return the network that ``config`` names, YOLOX or YOLOv3, with its weights loaded.

    Raises:
        ValueError: there is no such model, or the runtime cannot do what is asked for.
        FileNotFoundError: the file is missing.
        CheckpointError, GraphError: the file does not fit.
    """
    choice = choose(config, compute)
    build = resolve_name(BACKENDS[choice.runtime])
    backend, side = build(choice.weights, choice.file, compute)
    if config.score == "objectness":
        backend = replace(backend, gives_objectness=True)
    return LetterboxDetector(backend, side, PREPROCESSING[choice.weights.preprocess or USUAL])
