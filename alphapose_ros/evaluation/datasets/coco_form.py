"""Files in COCO's form: what all data sets do alike that list `images` and `annotations`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.datasets.extents import boxes_around
from alphapose_ros.evaluation.fields import Entry, read_object
from alphapose_ros.evaluation.records import Picture


@dataclass(frozen=True)
class CocoForm:
    """Pictures, and the annotations of people in them with the row of each one's picture."""

    pictures: tuple[Picture, ...]
    images: list[Entry]
    people: list[Entry]
    rows: np.ndarray  # (N,)

    def keypoints(self, count: int) -> np.ndarray:
        """Return the field `keypoints` of all people, (N, count, 3)."""
        labelled = [person.keypoints("keypoints", count) for person in self.people]
        return np.array(labelled).reshape(-1, count, 3)

    def columns(self, keypoints: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns of a Truth that every file in this form has.

        Boxes and areas that a file has not are made from ``keypoints`` (N, K, 3).
        """
        boxes = boxes_around(keypoints)
        for row, person in enumerate(self.people):
            if "bbox" in person:
                boxes[row] = person.box("bbox")
        areas = zip(self.people, area(boxes), strict=True)
        return {
            "rows": self.rows,
            "keypoints": keypoints,
            "boxes": boxes,
            "areas": np.array([person.size("area", float(size)) for person, size in areas]),
            "ids": ids_of(self.people),
            "is_crowd": np.array([person.flag("iscrowd", False) for person in self.people], bool),
        }


def read_coco_form(annotations: Path) -> CocoForm:
    """Read a file that labels other keypoints than COCO, with one category of people.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed, two images share an id, or an annotation's image is
            not in the file.
    """
    content = read_object(annotations)
    pictures = pictures_of(content)
    people = list(content.entries("annotations"))
    return CocoForm(
        pictures=pictures,
        images=list(content.entries("images")),
        people=people,
        rows=rows_of(people, pictures),
    )


def pictures_of(content: Entry) -> tuple[Picture, ...]:
    """Return the pictures of the list `images`, of which no two have the same id."""
    pictures: dict[int | str, Picture] = {}
    for image in content.entries("images"):
        key = image.key("id")
        if key in pictures:
            raise image.error("id", f"{key!r} is the id of another picture, too")
        pictures[key] = Picture(
            id=key,
            file=image.text("file_name"),
            size=size_of(image),
            crowd_index=image.number("crowdIndex", np.nan),
        )
    return tuple(pictures.values())


def size_of(image: Entry) -> tuple[int, int] | None:
    """Return width and height, where the file has them."""
    if "width" not in image and "height" not in image:
        return None
    return image.integer("width"), image.integer("height")


def rows_of(people: Sequence[Entry], pictures: Sequence[Picture]) -> np.ndarray:
    """Return the row of the picture of each annotation (N,)."""
    row_of = {picture.id: row for row, picture in enumerate(pictures)}
    rows = np.zeros(len(people), np.int64)
    for number, person in enumerate(people):
        key = person.key("image_id")
        if key not in row_of:
            raise person.error("image_id", f"no picture has the id {key!r}")
        rows[number] = row_of[key]
    return rows


def ids_of(people: Sequence[Entry]) -> np.ndarray:
    """Return the ids of the annotations (N,), of which none may occur twice."""
    ids = [person.integer("id") for person in people]
    known: set[int] = set()
    for person, number in zip(people, ids, strict=True):
        if number in known:
            raise person.error("id", f"{number} is the id of another annotation, too")
        known.add(number)
    return np.array(ids, np.int64)
