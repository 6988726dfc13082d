"""Where people are looked for in the pictures of a data set: true boxes, a file's, or detected."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from alphapose_ros.boxes import is_usable
from alphapose_ros.config import DetectorConfig, leaves
from alphapose_ros.detection import build_detector
from alphapose_ros.detection.choice import NETWORK_DETECTORS, choose
from alphapose_ros.devices import Compute
from alphapose_ros.evaluation.fields import Entry, read_list
from alphapose_ros.evaluation.records import Picture, Truth
from alphapose_ros.frame import Detections

PERSON = 1  # category_id

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Boxes:
    """Where to look for people in one picture."""

    people: Detections
    truth_ids: np.ndarray | None = None  # (N,) annotations that the boxes are of


class BoxSource(Protocol):
    """Boxes of every picture of a data set."""

    def needs_picture(self, row: int) -> bool:
        """Tell whether picture number ``row`` must be read: to detect people, or to crop them."""

    def __call__(self, row: int, image: np.ndarray | None) -> Boxes:
        """Return the boxes in picture number ``row``, which is None where it was not needed."""

    def described(self) -> dict[str, Any]:
        """Return names and values, in JSON, of all that the boxes depend on."""


class GivenBoxes:
    """Boxes known beforehand, one entry per picture."""

    def __init__(self, kind: str, by_picture: Sequence[Boxes]) -> None:
        self._kind, self._by_picture = kind, by_picture

    def needs_picture(self, row: int) -> bool:
        """Tell whether there is anybody."""
        return len(self._by_picture[row].people) > 0

    def __call__(self, row: int, image: np.ndarray | None) -> Boxes:
        """Return the boxes in picture number ``row``; the picture is not looked at."""
        return self._by_picture[row]

    def described(self) -> dict[str, Any]:
        """Return the kind of boxes, and a digest of their numbers."""
        digest = hashlib.sha256()
        for row, boxes in enumerate(self._by_picture):
            digest.update(f"{row}:".encode())
            digest.update(boxes.people.boxes.tobytes() + boxes.people.scores.tobytes())
            digest.update(b"" if boxes.truth_ids is None else boxes.truth_ids.tobytes())
        return {"boxes": self._kind, "boxes_sha256": digest.hexdigest()}


class DetectedBoxes:
    """Boxes that the detector finds.

    Args:
        config: of the detector.
        compute: what it runs on.
        min_score: boxes below it do not count.

    Raises:
        ValueError: the detector is a file.
        FileNotFoundError, CheckpointError, GraphError: from build_detector().
    """

    def __init__(self, config: DetectorConfig, compute: Compute, min_score: float) -> None:
        if config.name == "file":
            raise ValueError(
                "detector.name: 'file' counts the frames of a video; give the file of boxes as "
                "`boxes` instead, which finds pictures by their id or name"
            )
        self._detect = build_detector(config, compute)
        self._config, self._compute, self._min_score = config, compute, min_score

    def needs_picture(self, row: int) -> bool:
        """Tell that every picture is needed."""
        return True

    def __call__(self, row: int, image: np.ndarray | None) -> Boxes:
        """Return who is found in ``image`` (H, W, 3) BGR."""
        people = self._detect(image, row)
        return Boxes(people[people.scores >= self._min_score])

    def described(self) -> dict[str, Any]:
        """Return the detector's settings, and the digest of its weights."""
        found = {f"detector.{name}": value for name, (value, _) in leaves(self._config).items()}
        if self._config.name in NETWORK_DETECTORS:
            found["detector.weights"] = file_digest(choose(self._config, self._compute).file)
        return {"boxes": "detected", "min_box_score": self._min_score, **found}


def true_boxes(truth: Truth) -> GivenBoxes:
    """Return the boxes of all people who have a labelled keypoint; crowds are nobody.

    Who has a keypoint but no box of any extent cannot be looked at, and is missed.
    """
    is_person = truth.is_labelled.any(axis=1) & ~truth.is_crowd
    is_there = is_person & is_usable(truth.boxes)
    if (is_person & ~is_there).any():
        logger.warning(
            "%d labelled people of %s have boxes without extent: they are missed",
            (is_person & ~is_there).sum(),
            truth.name,
        )
    by_picture = []
    for rows in rows_by_picture(truth.rows, len(truth.pictures)):
        mine = rows[is_there[rows]]
        people = Detections(boxes=truth.boxes[mine], scores=np.ones(len(mine)))
        by_picture.append(Boxes(people, truth.ids[mine]))
    return GivenBoxes("true", by_picture)


def boxes_of_file(path: Path, pictures: Sequence[Picture], min_score: float = 0.0) -> GivenBoxes:
    """Read detections in COCO's form of results.

    Args:
        path: a list of ``{"image_id", "category_id", "bbox": [x, y, w, h], "score"}``. An image_id
            is the picture's id or its file, with folders or, where there is one only of that
            name, without. Categories but 1 are not people; boxes without extent nobody.
        pictures: of the data set; boxes in other ones are left out.
        min_score: boxes below it do not count.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is malformed (the entry is named), or knows none of the pictures.
    """
    entries = [entry for entry in read_list(path) if entry.integer("category_id", PERSON) == PERSON]
    names = rows_by_name(pictures)
    rows = np.array([names.get(_image_id(entry), -1) for entry in entries], np.intp)
    boxes = np.array([entry.box("bbox") for entry in entries]).reshape(-1, 4)
    scores = np.array([entry.number("score") for entry in entries])
    if len(rows) and (rows < 0).all():
        raise ValueError(
            f"{path}: no box is of one of the {len(pictures)} pictures, the first has image_id "
            f"{entries[0].get('image_id')!r}; is it for this data set?"
        )
    if (rows < 0).any():
        logger.warning("%s: %d boxes are of pictures left out here", path, (rows < 0).sum())
    is_there = (rows >= 0) & is_usable(boxes) & (scores >= min_score)
    found = Detections(boxes=boxes, scores=np.clip(scores, 0, 1))[is_there]
    by_picture = rows_by_picture(rows[is_there], len(pictures))
    return GivenBoxes("file", [Boxes(found[mine]) for mine in by_picture])


def _image_id(entry: Entry) -> int | str:
    found = entry.value("image_id")
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise entry.error("image_id", f"must be a number or a file name, is {found!r}")
    return found


def rows_by_name(pictures: Sequence[Picture]) -> dict[int | str, int]:
    """Return the numbers of pictures by id, by file, and by file without folders where unique."""
    bare = [Path(picture.file).name for picture in pictures]
    counts = Counter(bare)
    rows: dict[int | str, int] = {name: row for row, name in enumerate(bare) if counts[name] == 1}
    rows.update({picture.file: row for row, picture in enumerate(pictures)})
    rows.update({str(picture.id): row for row, picture in enumerate(pictures)})
    rows.update({picture.id: row for row, picture in enumerate(pictures)})
    return rows


def rows_by_picture(rows: np.ndarray, count: int) -> list[np.ndarray]:
    """Return, for each of ``count`` pictures, where it stands in ``rows`` (N,), in order."""
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.searchsorted(rows[order], np.arange(1, count)))[:count]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
