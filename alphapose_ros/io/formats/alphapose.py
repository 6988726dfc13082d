"""AlphaPose's own form: a list with one entry per person and frame.

``image_id`` is the file of the frame, ``score`` that of the person from 0 to 3.25, ``box`` x y
width height, ``idx`` the track. Files of older versions have neither box nor idx.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from alphapose_ros.evaluation.fields import Entry
from alphapose_ros.frame import Tracks
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.entries import box_in, entries_of
from alphapose_ros.io.formats.growing import JsonFile
from alphapose_ros.io.formats.names import NOBODY
from alphapose_ros.io.formats.numbers import absent_zeros, exact_xywh, flat, shortest, zeros_absent
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
LARGEST_SCORE = 3.25  # of a person in that form: mean + box + 1.25 x best keypoint
UNTRACKED = 0  # idx of everybody where nobody is tracked


class AlphaPoseWriter:
    """Writes the people seen in each frame; frames without people leave no trace.

    Args:
        path: of the file.
        body: skeleton of all poses.
    """

    def __init__(self, path: Path, body: Skeleton) -> None:
        del body  # an entry does not name it
        self._file = JsonFile(path)

    def __enter__(self) -> AlphaPoseWriter:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def add(self, frame: FrameResult) -> None:
        """Write the people of one frame."""
        self._file.append(entries(frame.tracks, frame.name))


def entries(tracks: Tracks, image_id: str) -> list[str]:
    """Return the people seen in one frame, each as JSON.

    Scores are brought back to AlphaPose's range of 0 to 3.25. Absent keypoints are 0 0 0, since
    JSON knows no NaN; a box that is not finite is left out. All numbers are read as the same.
    """
    here = seen(tracks)
    keypoints = shortest(flat(absent_zeros(here.poses.keypoints)))
    boxes = exact_xywh(here.poses.boxes)
    has_box = np.isfinite(here.poses.boxes).all(axis=1)
    found = []
    for row, score in enumerate(person_scores(here.poses)):
        entry = {
            "image_id": image_id,
            "category_id": PERSON,
            "keypoints": keypoints[row],
            "score": _scaled(score),
            "box": boxes[row],
            "idx": max(int(here.ids[row]), UNTRACKED),
        }
        if not has_box[row]:
            del entry["box"]
        found.append(json.dumps(entry, allow_nan=False))
    return found


def _scaled(score: float) -> float:
    """Return the score in AlphaPose's range, as short as it can be."""
    wanted, exact = np.float32(score), float(score) * LARGEST_SCORE
    for digits in (4, 6, 7, 8, 9):
        if np.float32(round(exact, digits) / LARGEST_SCORE) == wanted:
            return round(exact, digits)
    return exact


def read_alphapose(given: Given) -> Results:
    """Read AlphaPose's form, also of older versions.

    ``idx`` is a track only where no frame has it twice and it is above 0: without a tracker
    AlphaPose writes 0 for everybody. It may be a number, [number] or [[number], ...]. Keypoints
    that are 0 0 0 are absent; a box that is missing is the extent of the keypoints.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    notes: list[str] = []
    people = entries_of(given.content, given.path)
    persons = [one for one in people if one.integer("category_id", PERSON) == PERSON]
    if len(persons) < len(people):
        notes.append(f"{len(people) - len(persons)} entries are no people and left out")
    body = given.skeleton or _skeleton_of(persons)
    found = [(_name(one), _found(one, body)) for one in persons]
    above = [person for _, person in found if person.score > 1]
    for person in above:
        person.score = 1.0
    if above:
        notes.append(f"{len(above)} scores above {LARGEST_SCORE:g} are taken as {LARGEST_SCORE:g}")
    tracked = [(name, person.id) for name, person in found if person.id != NOBODY]
    if len(set(tracked)) < len(tracked):
        notes.append("idx occurs twice in a frame: it is not taken as a track")
        for _, person in found:
            person.id = NOBODY
    return Results(
        skeleton=body,
        frames=frame_results(pictures_by_name(found), body, given.rate_hz),
        source_name=given.path.stem,
        has_stamps=False,
        notes=tuple(notes),
    )


def _skeleton_of(people: list[Entry]) -> Skeleton:
    if not people:
        return skeleton("coco_17")
    return skeleton_of(len(people[0].array("keypoints", -1)), f"{people[0].where}.keypoints")


def _name(person: Entry) -> str:
    name = person.key("image_id")
    return name if isinstance(name, str) else f"{name}.jpg"


def _found(person: Entry, body: Skeleton) -> Found:
    return Found(
        keypoints=zeros_absent(person.keypoints("keypoints", len(body.names))),
        score=max(person.number("score"), 0.0) / LARGEST_SCORE,
        box=box_in(person, "box"),
        id=_track(person) if "idx" in person else NOBODY,
    )


def _track(person: Entry) -> int:
    """Return the track, of which AlphaPose makes a number, [number] and [[number], ...]."""
    numbers = person.array("idx", -1)
    if not len(numbers) or numbers[0] != int(numbers[0]):
        raise person.error("idx", f"must be a whole number, is {person.get('idx')!r}")
    return int(numbers[0]) if numbers[0] > UNTRACKED else NOBODY
