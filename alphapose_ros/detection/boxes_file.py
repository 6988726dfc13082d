"""Boxes from a file in place of a detector: COCO results or AlphaPose detections."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.boxes import from_xywh
from alphapose_ros.frame import Detections

PERSON = 1  # category_id


class FileDetector:
    """Hands out the boxes that a JSON file holds for each frame, in the order of the frames.

    The file is a list of ``{"image_id", "category_id", "bbox": [x, y, w, h], "score"}``. An
    image_id is the number of a frame, counted from 0, bare (COCO) or as the digits of a file
    name such as ``12.jpg`` (AlphaPose).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not of that form; the entry is named.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"boxes file {path} does not exist; set detector.boxes_file")
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: not JSON ({error})") from None
        if not isinstance(entries, list):
            raise ValueError(f"{path}: holds no list of detections but a {type(entries).__name__}")
        self._frames: dict[int, list[tuple[list[float], float]]] = {}
        for number, entry in enumerate(entries):
            self._add(entry, f"{path}: entry {number}")

    def _add(self, entry: Any, where: str) -> None:
        try:
            x, y, width, height = (float(value) for value in entry["bbox"])
            index, score = frame_index(entry["image_id"]), float(entry["score"])
            is_person = entry.get("category_id", PERSON) == PERSON
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{where}: needs image_id, bbox [x, y, w, h] and score ({error!r})"
            ) from None
        if is_person:
            self._frames.setdefault(index, []).append(([x, y, width, height], score))

    def __call__(self, image: np.ndarray, index: int) -> Detections:
        """Return the boxes of frame number ``index``; the image is not looked at."""
        rows = self._frames.get(index, [])
        if not rows:
            return Detections.empty()
        boxes, scores = zip(*rows, strict=True)
        return Detections(boxes=from_xywh(np.array(boxes)), scores=np.clip(scores, 0, 1))


def frame_index(image_id: int | str) -> int:
    """Return the frame number in an image_id: 12, "12" or "clip/000012.jpg".

    Raises:
        ValueError: there is no number in it.
    """
    numbers = re.findall(r"\d+", Path(str(image_id)).stem)
    if not numbers:
        raise ValueError(f"no frame number in image_id {image_id!r}")
    return int(numbers[-1])
