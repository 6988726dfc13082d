"""COCO's form of data sets: images, also those without people, and annotations.

COCO's own tools open it as they do a data set.

Source: cocodataset.org, Data format.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.fields import Entry
from alphapose_ros.frame import Tracks
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.alphapose import LARGEST_SCORE
from alphapose_ros.io.formats.coco import (
    PERSON,
    keypoints_of,
    people_as_json,
    skeleton_told,
    track_of,
)
from alphapose_ros.io.formats.entries import box_in, unit_scores
from alphapose_ros.io.formats.growing import TwoLists
from alphapose_ros.io.formats.names import PictureIds
from alphapose_ros.io.formats.numbers import ABSENT, absent_zeros, flat, shortest
from alphapose_ros.io.formats.people import Found, Picture, frame_results, person_scores, seen
from alphapose_ros.io.formats.results import Given, Results
from alphapose_ros.skeletons import Skeleton, skeleton

LABELLED = 2  # visibility of a keypoint


class CocoDatasetWriter:
    """Writes images and annotations; keypoints of every skeleton, which ``info`` names.

    Beside COCO's fields, an image has ``frame_index`` and ``stamp_ns``, and a person ``score``,
    ``keypoint_scores`` and, where there is one, ``track_id``.

    Args:
        path: of the file.
        body: skeleton of all poses.
    """

    def __init__(self, path: Path, body: Skeleton) -> None:
        category = {"id": PERSON, "name": "person", "supercategory": "person"}
        edges = [[start + 1, stop + 1] for start, stop in body.edge_rows.tolist()]
        category |= {"keypoints": list(body.names), "skeleton": edges}
        others = {"categories": [category], "info": {"skeleton": body.id}}
        self._file = TwoLists(path, ("annotations", "images"), json.dumps(others)[1:-1])
        self._ids, self._people = PictureIds(), 0

    def __enter__(self) -> CocoDatasetWriter:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def add(self, frame: FrameResult) -> None:
        """Write one frame, with or without people."""
        here = seen(frame.tracks)
        image = {
            "id": self._ids.of(frame),
            "file_name": frame.name,
            "width": frame.width,
            "height": frame.height,
            "frame_index": frame.index,
            "stamp_ns": frame.stamp_ns,
        }
        self._file.append(self._annotations(here, image["id"]), json.dumps(image))
        self._people += len(here)

    def _annotations(self, here: Tracks, image: int) -> list[str]:
        count = len(here)
        is_there = np.isfinite(here.poses.keypoints).all(axis=2)
        numbers = absent_zeros(here.poses.keypoints)
        labelled = np.concatenate((numbers[..., :2], LABELLED * is_there[..., None]), axis=2)
        columns = {
            "id": range(self._people + 1, self._people + 1 + count),
            "image_id": [image] * count,
            "category_id": [PERSON] * count,
            "iscrowd": [0] * count,
            "area": shortest(np.nan_to_num(area(here.poses.boxes))),
            "num_keypoints": is_there.sum(axis=1).tolist(),
            "keypoints": shortest(flat(labelled)),
            "keypoint_scores": shortest(numbers[..., 2]),
            "score": shortest(person_scores(here.poses)),
        }
        return people_as_json(columns, here)


def read_coco_dataset(given: Given) -> Results:
    """Read images and annotations: what `CocoDatasetWriter` writes, or labels of a data set.

    Labels have no scores: a labelled keypoint has 1, a person without ``score`` the mean.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    notes: list[str] = []
    content = Entry(given.content, str(given.path))
    persons = [
        one for one in content.entries("annotations") if one.integer("category_id", 1) == PERSON
    ]
    body = given.skeleton or _named(content) or skeleton_told(persons)
    images = list(content.entries("images"))
    has_stamps = bool(images) and all("stamp_ns" in image for image in images)
    pictures = {
        image.key("id"): Picture(
            name=image.text("file_name"),
            index=image.integer("frame_index", row),
            stamp_ns=image.get("stamp_ns") if has_stamps else None,
            size=(image.integer("width", 0), image.integer("height", 0)),
        )
        for row, image in enumerate(images)
    }
    scores = np.array([one.number("score", np.nan) for one in persons])
    scores = unit_scores(scores, LARGEST_SCORE, notes)
    for one, score in zip(persons, scores.tolist(), strict=True):
        if one.key("image_id") not in pictures:
            raise one.error("image_id", f"no image has the id {one.get('image_id')!r}")
        found = Found(
            keypoints=_labelled(one, body), score=score, box=box_in(one, "bbox"), id=track_of(one)
        )
        pictures[one.key("image_id")].people.append(found)
    return Results(
        skeleton=body,
        frames=frame_results(pictures.values(), body, given.rate_hz),
        source_name=given.path.stem,
        has_stamps=has_stamps,
        notes=tuple(notes),
    )


def _named(content: Entry) -> Skeleton | None:
    info = content.get("info")
    name = info.get("skeleton") if isinstance(info, dict) else None
    return None if name is None else skeleton(str(name))


def _labelled(person: Entry, body: Skeleton) -> np.ndarray:
    """Return keypoints of a data set: visibility becomes the score, or 1 where there is none."""
    keypoints = keypoints_of(person, body)
    is_there = keypoints[:, 2] > 0
    count = len(body.names)
    scores = person.array("keypoint_scores", count) if "keypoint_scores" in person else is_there
    keypoints[:, 2] = scores
    return np.where(is_there[:, None], keypoints, ABSENT)
