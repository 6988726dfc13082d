"""Result files: what was found in the pictures of a data set, in the forms of COCO and AlphaPose.

Source: cocodataset.org, Results format; COCO-WholeBody, evaluation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from alphapose_ros.boxes import to_xywh
from alphapose_ros.evaluation.datasets.coco import PERSON_ID
from alphapose_ros.evaluation.datasets.wholebody import FEET, PARTS, whole_body
from alphapose_ros.evaluation.fields import Entry, read_list
from alphapose_ros.evaluation.records import Predictions, Truth
from alphapose_ros.skeletons import ID_OF_COUNT, Skeleton
from alphapose_ros.skeletons import skeleton as skeleton_named

NUMBERED = re.compile(r"(?:COCO_\w+_)?(\d+)")  # names of files that are COCO's ids of pictures


def read_results(path: Path, truth: Truth, skeleton: Skeleton | None = None) -> Predictions:
    """Read poses found in the pictures of ``truth``.

    The file is a JSON list with ``image_id``, ``keypoints`` and ``score`` of each pose. The first
    is the id of a picture or, as AlphaPose writes it, its file. ``foot_kpts``, ``face_kpts``,
    ``lefthand_kpts`` and ``righthand_kpts`` hold more keypoints of COCO-WholeBody's, and
    ``body_score``, ``foot_score`` ... score them apart. ``bbox`` (x y width height), ``track_id``
    or ``idx`` and ``annotation_id`` (the labelled person meant) may be there, in all poses or none.
    A keypoint 0 0 0 is absent. Other categories than people are left out. AlphaPose's ``box`` is
    not looked at, as COCO's tools do not: they tell how large such a pose is by its keypoints.

    Args:
        path: of the file.
        truth: what the results are for.
        skeleton: of the keypoints; by default found by their number, the data set's own first.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed, its picture is not among those of ``truth``, or there
            are entries but none of a person.
    """
    poses = _people(read_list(path), path)
    if skeleton is None:
        skeleton = _skeleton_of(poses, truth)
    rows = _rows(poses, truth)
    return Predictions(
        skeleton=skeleton,
        rows=rows,
        keypoints=_keypoints(poses, skeleton),
        scores=np.array([pose.number("score") for pose in poses]),
        boxes=_column(poses, Entry.box, "bbox"),
        group_scores=_group_scores(poses, skeleton),
        track_ids=_track_ids(poses, rows),
        truth_ids=_truth_ids(poses),
    )


def _people(entries: Sequence[Entry], path: Path) -> list[Entry]:
    """Return the entries that are people."""
    people = [one for one in entries if one.integer("category_id", PERSON_ID) == PERSON_ID]
    if entries and not people:
        raise ValueError(f"{path}: no entry has category_id {PERSON_ID}, which people have")
    return people


def write_results(path: Path, found: Predictions, truth: Truth) -> None:
    """Write poses so that `read_results` and the tools of COCO read them.

    Absent keypoints are 0 0 0, since JSON knows no NaN.

    Raises:
        ValueError: a score or a box is NaN, or anything infinite.
    """
    is_absent = np.isnan(found.keypoints[..., :2]).any(axis=2)
    keypoints = np.where(is_absent[..., None], 0, found.keypoints)
    columns: dict[str, Sequence[Any]] = {
        "image_id": [truth.pictures[row].id for row in found.rows],
        "category_id": [PERSON_ID] * len(found),
        "keypoints": keypoints.reshape(len(found), 3 * len(found.skeleton.names)).tolist(),
        "score": found.scores.tolist(),
    }
    if found.boxes is not None:
        columns["bbox"] = to_xywh(found.boxes).tolist()
    if found.group_scores is not None:
        columns |= zip(_score_fields(found.skeleton), found.group_scores.T.tolist(), strict=True)
    if found.track_ids is not None:
        columns["track_id"] = found.track_ids.tolist()
    if found.truth_ids is not None:
        columns["annotation_id"] = found.truth_ids.tolist()
    poses = (
        json.dumps(dict(zip(columns, values, strict=True)), allow_nan=False)
        for values in zip(*columns.values(), strict=True)
    )
    Path(path).write_text("[\n" + ",\n".join(poses) + "\n]\n", encoding="utf-8")


def _skeleton_of(poses: Sequence[Entry], truth: Truth) -> Skeleton:
    if not poses:
        return truth.skeleton
    if _first(poses, FEET) is not None:
        return skeleton_named("coco_wholebody_133")
    numbers, own = len(poses[0].array("keypoints", -1)), truth.skeleton
    if numbers == 3 * len(own.names):
        return own
    if numbers % 3 or numbers // 3 not in ID_OF_COUNT:
        raise poses[0].error(
            "keypoints",
            f"holds {numbers} numbers; known are 3 times {len(own.names)} ({own.id}), "
            f"{', '.join(map(str, ID_OF_COUNT))}; name the skeleton",
        )
    return skeleton_named(ID_OF_COUNT[numbers // 3])


def _keypoints(poses: Sequence[Entry], skeleton: Skeleton) -> np.ndarray:
    count = len(skeleton.names)
    if skeleton.groups.keys() == PARTS.keys():
        found = [whole_body(pose, skeleton) for pose in poses]
    else:
        found = [pose.keypoints("keypoints", count) for pose in poses]
    keypoints = np.array(found, np.float64).reshape(-1, count, 3)
    keypoints[(keypoints == 0).all(axis=2)] = np.nan, np.nan, 0
    return keypoints


def _rows(poses: Sequence[Entry], truth: Truth) -> np.ndarray:
    """Find the picture of each pose: by id, file, name of the file, or number in that."""
    row_of: dict[Any, int | None] = {}
    for row, picture in enumerate(truth.pictures):
        name = PurePath(picture.file).name
        row_of[name] = None if name in row_of else row
    row_of |= {picture.file: row for row, picture in enumerate(truth.pictures)}
    row_of |= {picture.id: row for row, picture in enumerate(truth.pictures)}
    return np.array([_row(pose, row_of, truth) for pose in poses], np.int64)


def _row(pose: Entry, row_of: dict[Any, int | None], truth: Truth) -> int:
    wanted = pose.value("image_id")
    for key in _keys(wanted):
        if key in row_of:
            row = row_of[key]
            if row is None:
                raise pose.error(
                    "image_id", f"several pictures are called {key!r}; give the path or the id"
                )
            return row
    raise pose.error(
        "image_id",
        f"{wanted!r} is none of the {len(truth.pictures)} pictures of {truth.name}; "
        "are the annotations those of another part of it?",
    )


def _keys(wanted: Any) -> list[int | str]:
    """Return what a picture may be known by, the surest first."""
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return [wanted]
    if not isinstance(wanted, str):
        return []
    name = PurePath(wanted)
    number = NUMBERED.fullmatch(name.stem)
    return [wanted, name.name, *([int(number[1])] if number else [])]


def _group_scores(poses: Sequence[Entry], skeleton: Skeleton) -> np.ndarray | None:
    fields = _score_fields(skeleton)
    if _first(poses, *fields) is None:
        return None
    scores = [[pose.number(field) for field in fields] for pose in poses]
    return np.array(scores).reshape(-1, len(fields))


def _score_fields(skeleton: Skeleton) -> list[str]:
    return [f"{PARTS.get(group, group)}_score" for group in skeleton.groups]


def _track_ids(poses: Sequence[Entry], rows: np.ndarray) -> np.ndarray | None:
    """Return the tracks; AlphaPose's ``idx`` is one only if no picture has it twice."""
    ids = _column(poses, Entry.integer, "track_id")
    if ids is not None:
        return ids
    ids = _column(poses, _index, "idx")
    if ids is None or len(set(zip(rows.tolist(), ids.tolist(), strict=True))) < len(ids):
        return None
    return ids


def _index(pose: Entry, field: str) -> int:
    """Return a whole number, of which AlphaPose also makes [number] and [[number], ...]."""
    numbers = pose.array(field, -1)
    if not len(numbers) or numbers[0] != int(numbers[0]):
        raise pose.error(field, f"must be a whole number, is {pose.get(field)!r}")
    return int(numbers[0])


def _truth_ids(poses: Sequence[Entry]) -> np.ndarray | None:
    if _first(poses, "annotation_id") is None:
        return None
    return np.array([pose.integer("annotation_id", -1) for pose in poses], np.int64)


def _column(
    poses: Sequence[Entry], read: Callable[[Entry, str], Any], *fields: str
) -> np.ndarray | None:
    """Read a field of all poses; None where no pose has any of ``fields``."""
    field = _first(poses, *fields)
    return None if field is None else np.array([read(pose, field) for pose in poses])


def _first(poses: Sequence[Entry], *fields: str) -> str | None:
    return next((field for field in fields if any(field in pose for pose in poses)), None)
