"""PoseTrack 2018: labelled videos, and results in the same form.

Source: posetrack.net, data format of 2018, which is COCO's with one file per video. A keypoint has
one of 17 slots; those of the ears are never labelled and are left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.boxes import area, to_xywh
from alphapose_ros.evaluation.datasets.coco_form import rows_of, size_of
from alphapose_ros.evaluation.fields import Entry, read_object
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.skeletons import skeleton

BODY = skeleton("posetrack_15")
EARS = ("left_ear", "right_ear")
SLOTS = (*BODY.names[:3], *EARS, *BODY.names[3:])  # nose and both ends of the head come first
LABELLED_SLOTS = [row for row, name in enumerate(SLOTS) if name not in EARS]
HEAD_SHARE = 0.6  # of the diagonal of the head's box is the size that distances are divided by


def read_posetrack(annotations: Path) -> Truth:
    """Read a file of PoseTrack18, or all of a folder.

    A file may hold several videos: each picture belongs to the one that its folder names. Keypoints
    are unlabelled where all three numbers are 0; any other has a place, and so visibility 1 at
    least. ``sizes_px`` is 0.6 of the diagonal of the head's box.

    Args:
        annotations: a JSON file, or a folder of which all ``*.json`` are read, ordered by name.

    Raises:
        FileNotFoundError: there is no such file, or none in the folder.
        ValueError: an entry is malformed, or two pictures have the same id.
    """
    contents = [read_object(path) for path in _files(annotations)]
    people = [person for content in contents for person in content.entries("annotations")]
    crowded = {person.integer("image_id") for person in people}
    images = [image for content in contents for image in content.entries("images")]
    pictures = tuple(_picture(image, crowded, row) for row, image in enumerate(images))
    _check_ids(pictures)
    keypoints = _stacked([_labelled(person) for person in people])
    boxes = _boxes(people, keypoints)
    heads = np.array([person.box("bbox_head") for person in people]).reshape(-1, 4)
    return Truth(
        name="posetrack",
        skeleton=BODY,
        pictures=pictures,
        rows=rows_of(people, pictures),
        keypoints=keypoints,
        boxes=boxes,
        areas=area(boxes),
        ids=np.array([person.integer("id", row) for row, person in enumerate(people)], np.int64),
        is_crowd=np.array([person.flag("iscrowd", False) for person in people], bool),
        sizes_px=HEAD_SHARE * np.hypot(*(heads[:, 2:] - heads[:, :2]).T),
        track_ids=np.array([person.integer("track_id") for person in people], np.int64),
        size_meaning="head: 0.6 of the diagonal of its box",
    )


def read_posetrack_results(results: Path, truth: Truth) -> Predictions:
    """Read what was found in the videos of ``truth``, in the form of PoseTrack18.

    Scores of keypoints are those of ``scores``, or where it is missing or empty the third numbers
    of ``keypoints``. A keypoint was not found where all three numbers are 0. A pose's score is
    ``score``, or the mean over its keypoints. Without any ``track_id`` there are no identities.

    Args:
        results: a JSON file, or a folder with ``SEQUENCE.json`` for each video.
        truth: the pictures that the ``image_id`` belong to.

    Raises:
        FileNotFoundError: there is no such file, or none for one of the videos.
        ValueError: an entry is malformed or of an unknown picture, or only some people have
            identities.
    """
    if results.is_dir():
        paths = [results / f"{sequence}.json" for sequence in _sequences(truth.pictures)]
    else:
        paths = [results]
    people = [person for path in paths for person in read_object(path).entries("annotations")]
    found = [_found(person) for person in people]
    keypoints = _stacked([pose.keypoints for pose in found])
    return Predictions(
        skeleton=BODY,
        rows=rows_of(people, truth.pictures),
        keypoints=keypoints,
        scores=np.array([pose.score for pose in found]),
        boxes=_boxes(people, keypoints),
        track_ids=_identities(people),
    )


def write_posetrack_results(folder: Path, found: Predictions, truth: Truth) -> None:
    """Write ``SEQUENCE.json`` for each video of ``truth``, in the form that PoseTrack18 wants.

    Keypoints that were not found are 0 0 0; ears always are. Scores stand both in ``scores`` and as
    third numbers.
    """
    found = found.in_layout(BODY)
    category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(SLOTS)}
    folder.mkdir(parents=True, exist_ok=True)
    for sequence in _sequences(truth.pictures):
        rows = [row for row, it in enumerate(truth.pictures) if it.sequence == sequence]
        content = {
            "images": [_image_entry(truth.pictures[row]) for row in rows],
            "annotations": [
                _person_entry(found, person, truth)
                for row in rows
                for person in np.flatnonzero(found.rows == row)
            ],
            "categories": [category],
        }
        path = folder / f"{sequence}.json"
        path.write_text(json.dumps(content), encoding="utf-8")


@dataclass(frozen=True)
class _Pose:
    keypoints: np.ndarray  # (K, 3) x y [px], score; NaN NaN 0 where absent
    score: float


def _files(annotations: Path) -> list[Path]:
    if not annotations.is_dir():
        return [annotations]
    paths = sorted(annotations.glob("*.json"))
    if not paths:
        raise FileNotFoundError(f"{annotations} holds no *.json of PoseTrack18")
    return paths


def _picture(image: Entry, crowded: set[int], row: int) -> Picture:
    """Return a frame; one that does not say whether it is labelled is where people are."""
    file, number = Path(image.text("file_name")), image.integer("id")
    return Picture(
        id=number,
        file=str(file),
        size=size_of(image),
        sequence=file.parent.name,
        frame=int(file.stem) if file.stem.isdecimal() else row,
        is_labelled=image.flag("is_labeled", number in crowded),
        ignored_regions=_regions(image),
    )


def _regions(image: Entry) -> tuple[np.ndarray, ...]:
    """Return polygons (P, 2); the file has their x and their y apart."""
    all_x, all_y = (_list(image, f"ignore_regions_{axis}") for axis in "xy")
    if len(all_x) != len(all_y):
        raise image.error("ignore_regions_y", f"has {len(all_y)} regions, x has {len(all_x)}")
    try:
        regions = tuple(
            np.array([x, y], np.float64).reshape(2, -1).T for x, y in zip(all_x, all_y, strict=True)
        )
    except (TypeError, ValueError, OverflowError):
        raise image.error("ignore_regions_x", "must be lists as long as those of y") from None
    if not all(np.isfinite(region).all() for region in regions):
        raise image.error("ignore_regions_x", "or y: holds NaN or Inf")
    return regions


def _list(image: Entry, field: str) -> list:
    found = image.get(field, [])
    if not isinstance(found, list):
        raise image.error(field, f"must be a list, is {found!r}")
    return found


def _labelled(person: Entry) -> np.ndarray:
    keypoints = person.keypoints("keypoints", len(SLOTS))[LABELLED_SLOTS]
    is_placed = (keypoints != 0).any(axis=1)
    keypoints[:, 2] = np.where(is_placed, np.maximum(keypoints[:, 2], 1), 0)
    return keypoints


def _found(person: Entry) -> _Pose:
    keypoints = person.keypoints("keypoints", len(SLOTS))
    is_placed = (keypoints != 0).any(axis=1)
    if person.get("scores"):
        keypoints[:, 2] = person.array("scores", len(SLOTS))
    keypoints[~is_placed] = np.nan, np.nan, 0
    keypoints, is_placed = keypoints[LABELLED_SLOTS], is_placed[LABELLED_SLOTS]
    mean = float(keypoints[is_placed, 2].mean()) if is_placed.any() else 0.0
    return _Pose(keypoints, person.number("score", mean))


def _boxes(people: Sequence[Entry], keypoints: np.ndarray) -> np.ndarray:
    """Return the field ``bbox``, or where it is missing the extent of the keypoints."""
    boxes = [
        person.box("bbox") if "bbox" in person else _extent(points)
        for person, points in zip(people, keypoints, strict=True)
    ]
    return np.array(boxes, np.float64).reshape(-1, 4)


def _extent(keypoints: np.ndarray) -> np.ndarray:
    """Return the box (4,) around what has a place; zeros where nothing has."""
    places = keypoints[np.isfinite(keypoints[:, 0]) & (keypoints != 0).any(axis=1), :2]
    return np.concatenate((places.min(axis=0), places.max(axis=0))) if len(places) else np.zeros(4)


def _check_ids(pictures: Sequence[Picture]) -> None:
    """Refuse pictures, perhaps of several files, of which two have the same id."""
    row_of = {picture.id: row for row, picture in enumerate(pictures)}
    if len(row_of) < len(pictures):
        twice = next(it for row, it in enumerate(pictures) if row_of[it.id] != row)
        raise ValueError(f"{twice.file}: another picture has the id {twice.id}, too")


def _identities(people: Sequence[Entry]) -> np.ndarray | None:
    if people and not any("track_id" in person for person in people):
        return None
    return np.array([person.integer("track_id") for person in people], np.int64)


def _stacked(keypoints: Sequence[np.ndarray]) -> np.ndarray:
    return np.array(keypoints, np.float64).reshape(-1, len(BODY.names), 3)


def _sequences(pictures: Sequence[Picture]) -> list[str]:
    return list(dict.fromkeys(picture.sequence for picture in pictures))


def _image_entry(picture: Picture) -> dict[str, Any]:
    return {"id": picture.id, "frame_id": picture.id, "file_name": picture.file}


def _person_entry(found: Predictions, person: int, truth: Truth) -> dict[str, Any]:
    points = np.zeros((len(SLOTS), 3))
    points[LABELLED_SLOTS] = np.nan_to_num(found.keypoints[person])
    entry = {
        "image_id": truth.pictures[found.rows[person]].id,
        "category_id": 1,
        "keypoints": points.ravel().tolist(),
        "scores": points[:, 2].tolist(),
        "score": float(found.scores[person]),
    }
    if found.track_ids is not None:
        entry["track_id"] = int(found.track_ids[person])
    if found.boxes is not None:
        entry["bbox"] = to_xywh(found.boxes[person]).tolist()
    return entry
