"""PoseTrack 2018: one file per video with its images and the people in them.

A keypoint has one of 17 slots: those of posetrack_15 and the ears, which are never filled. Ends of
the head come from skeletons that have them, or what stands in (`layouts.HEADS`): Halpe's head is
the top, and its neck lies a little lower than PoseTrack's end at the bottom.

Source: posetrack.net, data format of 2018.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from alphapose_ros.evaluation.datasets.posetrack import LABELLED_SLOTS, SLOTS
from alphapose_ros.evaluation.fields import Entry
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.entries import box_in, unit_scores
from alphapose_ros.io.formats.growing import TwoLists
from alphapose_ros.io.formats.layouts import POSETRACK, for_posetrack
from alphapose_ros.io.formats.names import NOBODY, PictureIds, indices_of
from alphapose_ros.io.formats.numbers import absent_zeros, exact_xywh, flat, shortest, zeros_absent
from alphapose_ros.io.formats.people import Found, Picture, frame_results, person_scores, seen
from alphapose_ros.io.formats.results import Given, Results
from alphapose_ros.skeletons import Skeleton

PERSON = 1  # category_id


class PoseTrackWriter:
    """Writes one video; images are numbered by their names or index, not as PoseTrack numbers them.

    Args:
        path: of the file.
        body: skeleton of all poses.
    """

    def __init__(self, path: Path, body: Skeleton) -> None:
        category = {"id": PERSON, "name": "person", "supercategory": "person"}
        category["keypoints"] = list(SLOTS)
        others = json.dumps({"categories": [category]})[1:-1]
        self._file = TwoLists(path, ("annotations", "images"), others)
        self._body, self._ids = body, PictureIds()

    def __enter__(self) -> PoseTrackWriter:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def add(self, frame: FrameResult) -> None:
        """Write one frame, with or without people."""
        here, number = seen(frame.tracks), self._ids.of(frame)
        image = {"id": number, "frame_id": frame.index, "file_name": frame.name}
        if frame.width:
            image |= {"width": frame.width, "height": frame.height}
        slots = np.zeros((len(here), len(SLOTS), 3))
        slots[:, LABELLED_SLOTS] = absent_zeros(for_posetrack(here.poses.keypoints, self._body))
        keypoints = shortest(flat(slots))
        scores, boxes = shortest(person_scores(here.poses)), exact_xywh(here.poses.boxes)
        has_box = np.isfinite(here.poses.boxes).all(axis=1)
        people = []
        for row, track in enumerate(here.ids.tolist()):
            person = {"image_id": number, "category_id": PERSON, "keypoints": keypoints[row]}
            person |= {"scores": keypoints[row][2::3], "score": scores[row]}
            if track != NOBODY:
                person["track_id"] = track
            if has_box[row]:
                person["bbox"] = boxes[row]
            people.append(json.dumps(person, allow_nan=False))
        self._file.append(people, json.dumps(image))


def read_posetrack(given: Given) -> Results:
    """Read results or labels of one video.

    Scores of keypoints are those of ``scores``, or the third numbers of ``keypoints``. A keypoint
    whose numbers are all 0 is absent. A person without ``score`` has the mean over its keypoints.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    notes: list[str] = []
    content = Entry(given.content, str(given.path))
    images = list(content.entries("images"))
    names = [image.text("file_name") for image in images]
    pictures = {
        image.key("id"): Picture(
            name=name,
            index=index,
            size=(image.integer("width", 0), image.integer("height", 0)),
        )
        for image, name, index in zip(images, names, indices_of(names), strict=True)
    }
    people = list(content.entries("annotations"))
    scores = unit_scores(np.array([one.number("score", np.nan) for one in people]), 1.0, notes)
    for one, score in zip(people, scores.tolist(), strict=True):
        if one.key("image_id") not in pictures:
            raise one.error("image_id", f"no image has the id {one.get('image_id')!r}")
        box = box_in(one, "bbox")
        track = max(one.integer("track_id", NOBODY), NOBODY)
        found = Found(keypoints=_keypoints(one), score=score, box=box, id=track)
        pictures[one.key("image_id")].people.append(found)
    return Results(
        skeleton=POSETRACK,
        frames=frame_results(pictures.values(), POSETRACK, given.rate_hz),
        source_name=given.path.stem,
        has_stamps=False,
        notes=tuple(notes),
    )


def _keypoints(person: Entry) -> np.ndarray:
    slots = person.keypoints("keypoints", len(SLOTS))
    is_there = (slots != 0).any(axis=1)
    if person.get("scores"):
        slots[:, 2] = person.array("scores", len(SLOTS))
    return zeros_absent(np.where(is_there[:, None], slots, 0))[LABELLED_SLOTS]
