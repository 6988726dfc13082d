"""Annotated pictures: a folder with ``images/`` and ``annotations.json`` in the layout of COCO.

``info.skeleton`` names the keypoint layout. Beyond COCO's, an annotation may have ``weights`` (how
much each label is worth) and ``absent`` (how surely a keypoint is not there), K numbers each, and a
picture a ``group``: the clip or source that it comes from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from alphapose_ros.skeletons import Skeleton, skeleton


@dataclass(frozen=True, eq=False)
class AnnotatedPictures:
    """What annotations.json lists."""

    folder: Path
    pictures: list[dict[str, Any]]
    people: list[dict[str, Any]]  # sorted by picture
    rows: np.ndarray  # (M,) int64: picture of each person
    boxes: np.ndarray  # (M, 4) float32 x y width height [px] of the people
    groups: np.ndarray  # (N,) int64: clip or source of each picture; its own without a name
    skeleton_id: str | None

    @property
    def is_ignored(self) -> np.ndarray:
        """Which people (M,) are marked as crowds."""
        return np.array([bool(person.get("iscrowd")) for person in self.people], bool)

    @property
    def skeleton(self) -> Skeleton:
        """The layout of the keypoints.

        Raises:
            ValueError: the annotations do not name it, or it is unknown.
        """
        if self.skeleton_id is None:
            raise ValueError(f"{self.folder}/annotations.json: info.skeleton must name the layout")
        return skeleton(self.skeleton_id)

    def read(self, row: int) -> np.ndarray:
        """Return a picture, (H, W, 3) uint8 BGR.

        Raises:
            FileNotFoundError: it is missing or damaged.
        """
        path = self.folder / "images" / self.pictures[row]["file_name"]
        image = cv2.imread(str(path))
        if image is None:
            raise FileNotFoundError(f"{path}: no readable picture, but annotations.json lists it")
        return image


def read_annotated(folder: str | Path) -> AnnotatedPictures:
    """Read the annotations of a folder, but no picture yet.

    Raises:
        FileNotFoundError: there are no annotations.
        ValueError: they do not have the layout of COCO, list no pictures, or people in unlisted
            pictures.
    """
    folder = Path(folder)
    path = folder / "annotations.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected images/ and COCO annotations")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        pictures, people = content["images"], content["annotations"]
        row_of = {picture["id"]: row for row, picture in enumerate(pictures)}
        rows = np.array([row_of[person["image_id"]] for person in people], np.int64)
        order = np.argsort(rows, kind="stable")
        people = [people[i] for i in order]
        boxes = np.array([person["bbox"] for person in people], np.float32).reshape(-1, 4)
        groups = [_number(str(item.get("group", item["file_name"]))) for item in pictures]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: not COCO's layout: {error!r} is missing or wrong") from None
    if not pictures:
        raise ValueError(f"{path}: lists no images")
    return AnnotatedPictures(
        folder=folder,
        pictures=pictures,
        people=people,
        rows=rows[order],
        boxes=boxes,
        groups=np.array(groups, np.int64),
        skeleton_id=content.get("info", {}).get("skeleton"),
    )


def _number(name: str) -> int:
    """Return the same 63 bits for the same name, always."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 1
