"""Finding people in an image: detectors by name, and what follows each of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alphapose_ros.boxes import is_usable
from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection.boxes_file import FileDetector
from alphapose_ros.detection.candidates import Candidates
from alphapose_ros.detection.hog import HogDetector
from alphapose_ros.detection.letterbox import build_yolox
from alphapose_ros.detection.nms import nms, soft_nms
from alphapose_ros.devices import Compute, pick_compute
from alphapose_ros.frame import Detections

CANDIDATES = 3000  # most boxes that are compared with each other, the best ones
Finder = Callable[[np.ndarray, int], Detections]  # image (H, W, 3) BGR, number of the frame


def on_image(detector: Callable[[np.ndarray], Detections]) -> Finder:
    """Return ``detector`` for callers who also pass the number of the frame."""
    return lambda image, index: detector(image)


DETECTORS: dict[str, Callable[[DetectorConfig, Compute], Finder]] = {
    "yolox": lambda config, compute: on_image(build_yolox(config, compute)),
    "yolov3": lambda config, compute: on_image(build_yolox(config, compute)),
    "hog": lambda config, compute: on_image(HogDetector(config.hog_smallest_person)),
    "file": lambda config, compute: FileDetector(config.boxes_file),
}


class Detector:
    """A detector by name, then unusable and weak boxes away, then box NMS.

    ``config`` may be exchanged between two calls; only its live settings then take effect.
    """

    def __init__(self, config: DetectorConfig, compute: Compute) -> None:
        self.config = config
        self._find = DETECTORS[config.name](config, compute)

    def __call__(self, image: np.ndarray, index: int = 0) -> Detections:
        """Return the people in an image.

        Args:
            image: (H, W, 3) BGR.
            index: number of the frame in its stream; only detector "file" asks for it.

        Returns:
            At most ``max_people`` boxes, best first.
        """
        found = self._find(image, index)
        found = found[is_usable(found.boxes) & (found.scores >= self.config.score_threshold)]
        if len(found) > CANDIDATES:
            found = found[np.argsort(-found.scores, kind="stable")[:CANDIDATES]]
        if isinstance(found, Candidates):
            found = found.by_objectness()
        return self._thinned(found)[: self.config.max_people]

    def _thinned(self, found: Detections) -> Detections:
        if self.config.nms == "hard":
            return nms(found, self.config.nms_iou)
        return soft_nms(
            found,
            self.config.nms_iou,
            decay=self.config.nms,
            min_score=self.config.score_threshold,
        )


def build_detector(config: DetectorConfig, compute: Compute | None = None) -> Detector:
    """Return the detector that ``config`` names: (H, W, 3) BGR -> Detections.

    Args:
        config: its settings.
        compute: what networks run on; None for the best there is.

    Raises:
        ValueError: there is no such model, or what networks run on cannot read its file.
        FileNotFoundError: a file that it needs is missing.
        CheckpointError, GraphError: a file does not fit.
    """
    return Detector(config, compute or pick_compute())
