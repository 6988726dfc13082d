"""Lists of results as the evaluators of COCO, COCO-WholeBody and Halpe take them.

An entry is a person, ``image_id`` a number: the one in the name of a picture of COCO's, else the
index of the frame. ``wholebody`` has feet, face and hands in fields of their own.

Source: cocodataset.org, Results format; COCO-WholeBody, evaluation; Halpe-FullBody.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.evaluation.datasets.wholebody import FEET, PARTS, whole_body
from alphapose_ros.evaluation.fields import Entry
from alphapose_ros.frame import Tracks
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.alphapose import LARGEST_SCORE
from alphapose_ros.io.formats.entries import box_in, entries_of, unit_scores
from alphapose_ros.io.formats.growing import JsonFile
from alphapose_ros.io.formats.layouts import halpe_of
from alphapose_ros.io.formats.names import NOBODY, PictureIds
from alphapose_ros.io.formats.numbers import (
    ABSENT,
    absent_zeros,
    exact_xywh,
    flat,
    in_layout,
    shortest,
    zeros_absent,
)
from alphapose_ros.io.formats.people import (
    Found,
    frame_results,
    person_scores,
    pictures_by_name,
    seen,
    skeleton_of,
)
from alphapose_ros.io.formats.results import Given, Results
from alphapose_ros.skeletons import Skeleton, skeleton

PERSON = 1  # category_id
LABELLED = 2  # visibility of a keypoint in a data set
COCO_17, WHOLE_BODY = skeleton("coco_17"), skeleton("coco_wholebody_133")


class CocoWriter:
    """Writes a list of results with the 17 keypoints of COCO; those of others by name.

    Args:
        path: of the file.
        body: skeleton of all poses.
    """

    target: Callable[[Skeleton], Skeleton] = staticmethod(lambda body: COCO_17)

    def __init__(self, path: Path, body: Skeleton) -> None:
        self._file = JsonFile(path)
        self._body, self._target = body, self.target(body)
        self._ids = PictureIds()

    def __enter__(self) -> CocoWriter:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def add(self, frame: FrameResult) -> None:
        """Write the people of one frame."""
        here, image = seen(frame.tracks), self._ids.of(frame)
        columns = {
            "image_id": [image] * len(here),
            "category_id": [PERSON] * len(here),
            **self._keypoints(in_layout(here.poses.keypoints, self._body, self._target)),
            "score": shortest(person_scores(here.poses)),
        }
        self._file.append(people_as_json(columns, here))

    def _keypoints(self, keypoints: np.ndarray) -> dict[str, list]:
        return {"keypoints": shortest(flat(absent_zeros(keypoints)))}


class HalpeWriter(CocoWriter):
    """Writes a list of results with the 26, 68 or 136 keypoints of Halpe; of others by name."""

    target = staticmethod(halpe_of)


class WholeBodyWriter(CocoWriter):
    """Writes a list of results with the 133 keypoints of COCO-WholeBody; of others by name."""

    target = staticmethod(lambda body: WHOLE_BODY)

    def _keypoints(self, keypoints: np.ndarray) -> dict[str, list]:
        numbers = absent_zeros(keypoints)
        return {
            _field(group, part): shortest(flat(numbers[:, WHOLE_BODY.group(group)]))
            for group, part in PARTS.items()
        }


def read_coco(given: Given) -> Results:
    """Read a list of results: of COCO, COCO-WholeBody or Halpe, told by fields and numbers.

    Entries without keypoints, as results of detectors are, give boxes. Scores above 1 are divided
    by 3.25, up to which AlphaPose's go, or by the largest. Frames without people are unknown.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    notes: list[str] = []
    people = entries_of(given.content, given.path)
    persons = [one for one in people if one.integer("category_id", PERSON) == PERSON]
    if people and not persons:
        raise ValueError(f"{given.path}: no entry has category_id {PERSON}, which people have")
    if len(persons) < len(people):
        notes.append(f"{len(people) - len(persons)} entries are no people and left out")
    body = given.skeleton or skeleton_told(persons)
    scores = unit_scores(np.array([one.number("score") for one in persons]), LARGEST_SCORE, notes)
    found = [
        (
            f"{one.key('image_id')}.jpg",
            Found(
                keypoints=keypoints_of(one, body),
                score=float(score),
                box=box_in(one, "bbox"),
                id=track_of(one),
            ),
        )
        for one, score in zip(persons, scores, strict=True)
    ]
    return Results(
        skeleton=body,
        frames=frame_results(pictures_by_name(found), body, given.rate_hz),
        source_name=given.path.stem,
        has_stamps=False,
        notes=tuple(notes),
    )


def people_as_json(columns: dict[str, Any], here: Tracks) -> list[str]:
    """Return one JSON object per person, with box and track where there are any."""
    has_box = np.isfinite(here.poses.boxes).all(axis=1).tolist()
    boxes, people = exact_xywh(here.poses.boxes), []
    for row, values in enumerate(zip(*columns.values(), strict=True)):
        person = dict(zip(columns, values, strict=True))
        if has_box[row]:
            person["bbox"] = boxes[row]
        if here.ids[row] != NOBODY:
            person["track_id"] = int(here.ids[row])
        people.append(json.dumps(person, allow_nan=False))
    return people


def _field(group: str, part: str) -> str:
    return "keypoints" if group == "body" else f"{part}_kpts"


def skeleton_told(people: list[Entry]) -> Skeleton:
    """Tell the skeleton by the first person with keypoints."""
    first = next((one for one in people if one.get("keypoints")), None)
    if first is None:
        return COCO_17
    if FEET in first:
        return WHOLE_BODY
    return skeleton_of(len(first.array("keypoints", -1)), f"{first.where}.keypoints")


def keypoints_of(person: Entry, body: Skeleton) -> np.ndarray:
    """Return the keypoints (K, 3) of an entry; all absent where it is a box only."""
    if "keypoints" not in person and "bbox" in person:
        return np.tile(ABSENT, (len(body.names), 1))
    read = whole_body if body is WHOLE_BODY else _all
    return zeros_absent(read(person, body))


def _all(person: Entry, body: Skeleton) -> np.ndarray:
    return person.keypoints("keypoints", len(body.names))


def track_of(person: Entry) -> int:
    """Return the track of an entry, or NOBODY."""
    return max(person.integer("track_id", NOBODY), NOBODY)
