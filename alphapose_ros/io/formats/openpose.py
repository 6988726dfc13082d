"""The layouts of OpenPose and CMU: AlphaPose's `--format`, OpenPose's own files, CMU Panoptic's.

AlphaPose's is one object with a member per frame, ``{"0.jpg": {"version": ..., "people": [...]}}``,
OpenPose's a folder of such members, a file each. ``cmu`` says ``bodies`` and ``joints`` for
``people`` and ``pose_keypoints_2d``. Frames without people are there. The neck, and in BODY_25 the
middle of the hips, are the skeleton's own, or computed from both sides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.evaluation.fields import Entry
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.entries import load_json, members_of
from alphapose_ros.io.formats.growing import JsonFile
from alphapose_ros.io.formats.layouts import (
    BODY_25,
    COCO_18,
    FACE,
    FACE_COUNT,
    LEFT_HAND,
    PANOPTIC_19,
    RIGHT_HAND,
    has_feet,
    picked,
)
from alphapose_ros.io.formats.names import NOBODY, Names
from alphapose_ros.io.formats.numbers import ABSENT, absent_zeros, flat, shortest, zeros_absent
from alphapose_ros.io.formats.people import Found, frame_results, in_order, seen
from alphapose_ros.io.formats.results import Given, Results
from alphapose_ros.skeletons import Skeleton, skeleton

OPENPOSE_VERSION, CMU_VERSION = 1.3, 0.1
M_PER_CM = 0.01
ENDING = "_keypoints"  # of the names of OpenPose's files
SIDES = ("left", "right")
PARTS = {  # field -> names of its keypoints, numbers in it
    "face_keypoints_2d": (FACE, 3 * FACE_COUNT),
    "hand_left_keypoints_2d": (LEFT_HAND, 3 * len(LEFT_HAND)),
    "hand_right_keypoints_2d": (RIGHT_HAND, 3 * len(RIGHT_HAND)),
}
POSES = {3 * len(COCO_18): COCO_18, 3 * len(BODY_25): BODY_25}


class OpenPoseWriter:
    """Writes AlphaPose's ``--format openpose``: frames by name, ``people`` in each.

    Skeletons with feet fill BODY_25, others COCO-18; faces and hands come in fields of their own,
    pupils as absent. ``person_id`` is the track. Of two frames of one name the second is called
    ``NAME#2``.

    Args:
        path: of the file.
        body: skeleton of all poses.
    """

    def __init__(self, path: Path, body: Skeleton) -> None:
        self._file = JsonFile(path, "{}")
        self._body = body
        self._names = Names()

    def __enter__(self) -> OpenPoseWriter:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def add(self, frame: FrameResult) -> None:
        """Write one frame, with or without people."""
        name, number = frame.name, 1
        while name in self._names:
            number += 1
            name = f"{frame.name}#{number}"
        self._names.add(name)
        content = json.dumps(self._content(frame), allow_nan=False)
        self._file.append([f"{json.dumps(name)}: {content}"])

    def _content(self, frame: FrameResult) -> dict[str, Any]:
        here = seen(frame.tracks)
        keypoints = here.poses.keypoints
        columns = {"pose_keypoints_2d": self._flat(keypoints, self._pose)}
        for field, (names, count) in PARTS.items():
            has_part = set(names) <= set(self._body.names)
            flat = self._flat(keypoints, names) if has_part else [[] for _ in range(len(here))]
            columns[field] = [one + [0] * (count - len(one)) * has_part for one in flat]
        people = [
            {"person_id": [track]} | {field: column[row] for field, column in columns.items()}
            for row, track in enumerate(here.ids.tolist())
        ]
        return {"version": OPENPOSE_VERSION, "people": people}

    @property
    def _pose(self) -> tuple[str, ...]:
        return BODY_25 if has_feet(self._body) else COCO_18

    def _flat(self, keypoints: np.ndarray, names: tuple[str, ...]) -> list[list[float]]:
        return shortest(flat(absent_zeros(picked(keypoints, self._body, names))))


class CmuWriter(OpenPoseWriter):
    """Writes AlphaPose's ``--format cmu``: as openpose, but ``bodies``, and COCO-18 only."""

    def _content(self, frame: FrameResult) -> dict[str, Any]:
        here = seen(frame.tracks)
        joints = self._flat(here.poses.keypoints, COCO_18)
        bodies = [
            {"id": track, "joints": flat}
            for track, flat in zip(here.ids.tolist(), joints, strict=True)
        ]
        return {"version": CMU_VERSION, "bodies": bodies}


def read_openpose(given: Given) -> Results:
    """Read OpenPose's layout: an object with all frames, one of OpenPose's files or a folder.

    COCO-18 becomes coco_17, of which the neck is no part; BODY_25 halpe_26 without its top of the
    head, halpe_68 where there are hands and halpe_136 where there is a face. Pupils are left out.
    People's scores are the means of their keypoints', boxes the extents.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    frames = _frames(given, "people")
    people = [person for _, members in frames for person in members]
    body = given.skeleton or _skeleton_of(people)
    notes = []
    if body.id == "coco_17" and people:
        notes.append(f"necks of {len(people)} people are left out: coco_17 has none")
    pupils = sum(any((one.get("face_keypoints_2d") or ())[3 * len(FACE) :]) for one in people)
    if pupils:
        notes.append(f"pupils of {pupils} faces are left out: no skeleton of ours has them")
    found = [(name, [_person(one, body) for one in members]) for name, members in frames]
    return _results(given, found, body, notes)


def read_cmu(given: Given) -> Results:
    """Read CMU's layout: an object with all frames, or body3DScene files of CMU Panoptic.

    Of the latter come keypoints in metres (of their world) and no places in an image.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    frames = _frames(given, "bodies")
    people = [person for _, members in frames for person in members]
    is_3d = any("joints19" in person for person in people)
    body = given.skeleton or skeleton("halpe_26" if is_3d else "coco_17")
    read = _panoptic_person if is_3d else _cmu_person
    notes = []
    if not is_3d and people and "neck" not in body.names:
        notes.append(f"necks of {len(people)} people are left out: {body.id} has none")
    found = [(name, [read(one, body) for one in members]) for name, members in frames]
    return _results(given, found, body, notes)


def _results(
    given: Given, found: list[tuple[str, list[Found]]], body: Skeleton, notes: list[str]
) -> Results:
    return Results(
        skeleton=body,
        frames=frame_results(in_order(found), body, given.rate_hz),
        source_name=given.path.stem,
        has_stamps=False,
        notes=tuple(notes),
    )


def _frames(given: Given, field: str) -> list[tuple[str, list[Entry]]]:
    """Return the names of the frames and the people in each."""
    if given.path.is_dir():
        paths = sorted(given.path.glob("*.json"))
        if not paths:
            raise FileNotFoundError(f"{given.path} holds no *.json")
        return [(_name_of(path), _people(load_json(path), path, field)) for path in paths]
    if isinstance(given.content, dict) and field in given.content:
        return [(_name_of(given.path), _people(given.content, given.path, field))]
    return [
        (name, list(member.entries(field)))
        for name, member in members_of(given.content, given.path).items()
    ]


def _people(content: Any, path: Path, field: str) -> list[Entry]:
    return list(Entry(content, str(path)).entries(field))


def _name_of(path: Path) -> str:
    return f"{path.stem.removesuffix(ENDING)}.jpg"


def _person(person: Entry, body: Skeleton) -> Found:
    """Read body, face and hands of one of OpenPose's people."""
    flat = person.array("pose_keypoints_2d", -1)
    if len(flat) not in POSES:
        raise person.error(
            "pose_keypoints_2d",
            f"holds {len(flat)} numbers; known are 54 (COCO-18) and 75 (BODY_25)",
        )
    keypoints = _placed(flat, POSES[len(flat)], body)
    for field, (names, count) in PARTS.items():
        if person.get(field):
            keypoints = _placed(person.array(field, count), names, body, keypoints)
    return Found(keypoints=zeros_absent(keypoints), id=_track(person, "person_id"))


def _cmu_person(person: Entry, body: Skeleton) -> Found:
    keypoints = _placed(person.array("joints", 3 * len(COCO_18)), COCO_18, body)
    return Found(keypoints=zeros_absent(keypoints), id=_track(person, "id"))


def _panoptic_person(person: Entry, body: Skeleton) -> Found:
    """Read keypoints in space; their confidence is -1 where they were not found."""
    joints = person.array("joints19", len(PANOPTIC_19), 4)
    is_there = joints[:, 3] >= 0
    places = np.full((len(body.names), 3), np.nan)
    for name, joint in zip(PANOPTIC_19, np.where(is_there[:, None], joints, np.nan), strict=True):
        if name in body.names:
            places[body.index(name)] = joint[:3] * M_PER_CM
    return Found(
        keypoints=np.tile(ABSENT, (len(body.names), 1)),
        score=float(np.clip(joints[is_there, 3].mean(), 0, 1)) if is_there.any() else 0.0,
        id=person.integer("id") + 1,  # theirs begin at 0
        keypoints_3d=places,
    )


def _placed(
    flat: np.ndarray, names: tuple[str, ...], body: Skeleton, into: np.ndarray | None = None
) -> np.ndarray:
    """Return keypoints (K, 3) of ``body`` with those called ``names`` from a field."""
    keypoints = np.zeros((len(body.names), 3)) if into is None else into
    for name, keypoint in zip(names, flat.reshape(-1, 3), strict=False):  # pupils have no name
        if name in body.names:
            keypoints[body.index(name)] = keypoint
    return keypoints


def _track(person: Entry, field: str) -> int:
    """Return the track, a number or [number]; NOBODY where it is -1 or missing."""
    if field not in person:
        return NOBODY
    numbers = person.array(field, -1)
    return int(numbers[0]) if len(numbers) and numbers[0] > 0 else NOBODY


def _skeleton_of(people: list[Entry]) -> Skeleton:
    """Return the skeleton that has all that is told of anybody."""
    if any(person.get("face_keypoints_2d") for person in people):
        return skeleton("halpe_136")
    if any(person.get(f"hand_{side}_keypoints_2d") for person in people for side in SIDES):
        return skeleton("halpe_68")
    has_feet = any(
        len(person.get("pose_keypoints_2d") or ()) == 3 * len(BODY_25) for person in people
    )
    return skeleton("halpe_26" if has_feet else "coco_17")
