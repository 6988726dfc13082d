"""Annotation files in COCO's form that label other keypoints than COCO."""

from __future__ import annotations

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
            "areas": np.array([person.number("area", float(size)) for person, size in areas]),
            "ids": np.array([person.integer("id") for person in self.people]),
            "is_crowd": np.array([person.integer("iscrowd", 0) for person in self.people], bool),
        }


def read_coco_form(annotations: Path) -> CocoForm:
    """Read a file with the lists `images` and `annotations`.

    Raises:
        ValueError: an entry is malformed, two images share an id, or an annotation's image is
            not in the file.
    """
    content = read_object(annotations)
    images = list(content.entries("images"))
    row_of: dict[int | str, int] = {}
    for row, image in enumerate(images):
        if row_of.setdefault(_image_id(image, "id"), row) != row:
            raise image.error("id", f"{image.get('id')!r} is another image's, too")
    people = list(content.entries("annotations"))
    for person in people:
        if _image_id(person, "image_id") not in row_of:
            raise person.error("image_id", f"{person.get('image_id')!r} is no image of the file")
    return CocoForm(
        pictures=tuple(_picture(image) for image in images),
        images=images,
        people=people,
        rows=np.array([row_of[person.get("image_id")] for person in people], dtype=np.int64),
    )


def _picture(image: Entry) -> Picture:
    size = None
    if "width" in image and "height" in image:
        size = image.integer("width"), image.integer("height")
    return Picture(id=image.get("id"), file=image.text("file_name"), size=size)


def _image_id(entry: Entry, field: str) -> int | str:
    value = entry.value(field)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise entry.error(field, f"must be a number or a string, is {value!r}")
    return value
