"""Detectors that see squares: the image is scaled into one, and boxes are mapped back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name

import cv2
import numpy as np

from alphapose_ros.boxes import clip
from alphapose_ros.config import DetectorConfig
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections
from alphapose_ros.zoo import find_weights, pick_file

PAD = 114  # grey of the rest of the square, as YOLOX is trained

Backend = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
BACKENDS = {  # runtime: weights, file, compute -> (backend, side of its square)
    "onnx": "alphapose_ros.detection.onnx_backend:build_onnx_backend",
    "torch": "alphapose_ros.detection.torch_backend:build_torch_backend",
}


@dataclass(frozen=True)
class LetterboxDetector:
    """Finds people by a network that takes squares.

    Attributes:
        backend: square (s, s, 3) BGR uint8 -> boxes (A, 4) x1 y1 x2 y2 in it, scores (A,).
        size: side s of the square [px].
    """

    backend: Backend
    size: int

    def __call__(self, image: np.ndarray) -> Detections:
        """Return boxes, unsuppressed and cut at the borders, in an image (H, W, 3) BGR."""
        square, (height, width) = letterbox(image, self.size)
        boxes, scores = self.backend(square)
        factors = np.array([image.shape[1] / width, image.shape[0] / height] * 2)
        return Detections(
            boxes=clip(boxes * factors, image.shape[1], image.shape[0]), scores=scores
        )


def letterbox(image: np.ndarray, size: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Scale an image (H, W, 3) into the upper left of a grey square; its aspect stays.

    Returns:
        The square (size, size, 3) and the height and width of the image in it.
    """
    factor = size / max(image.shape[:2])
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    square = np.full((size, size, 3), PAD, np.uint8)
    square[:height, :width] = cv2.resize(image, (width, height), interpolation=method)
    return square, (height, width)


def build_yolox(config: DetectorConfig, compute: Compute) -> LetterboxDetector:
    """Return the YOLOX network that ``config`` names, with its weights loaded.

    Raises:
        ValueError: there is no such model, or the runtime cannot read its file.
        FileNotFoundError: the file is missing.
        CheckpointError, GraphError: the file does not fit.
    """
    weights = find_weights(config.model, "detection")
    runtime, file = pick_file(weights, config.weights, compute)
    return LetterboxDetector(*resolve_name(BACKENDS[runtime])(weights, file, compute))
