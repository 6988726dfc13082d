"""Files of the MOTChallenge: boxes and tracks, no keypoints, frames and pixels counted from 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alphapose_ros.boxes import to_xywh
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.entries import unit_scores
from alphapose_ros.io.formats.growing import GrowingFile
from alphapose_ros.io.formats.numbers import ABSENT
from alphapose_ros.io.formats.people import Found, Picture, frame_results, person_scores, seen
from alphapose_ros.io.formats.results import Given, Results
from alphapose_ros.io.mot import FIRST_PIXEL, UNKNOWN, read_mot
from alphapose_ros.skeletons import Skeleton, skeleton

LONGEST = 10_000_000  # frames of a video; more is a damaged file


class MotWriter:
    """Writes a line for each box seen, with its track or -1; no line where there is no box.

    Args:
        path: of the file.
        body: skeleton of all poses, of which nothing is written.
    """

    def __init__(self, path: Path, body: Skeleton) -> None:
        del body
        self._file = GrowingFile(path)

    def __enter__(self) -> MotWriter:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def add(self, frame: FrameResult) -> None:
        """Write the boxes of one frame."""
        here = seen(frame.tracks)
        here = here[np.isfinite(here.poses.boxes).all(axis=1)]
        boxes = to_xywh(here.poses.boxes.astype(np.float64))
        boxes[:, :2] += FIRST_PIXEL
        scores = person_scores(here.poses)
        lines = []
        for track, box, score in zip(here.ids.tolist(), boxes.tolist(), scores, strict=True):
            numbers = ",".join(f"{number:.12g}" for number in (*box, score))
            unknown = 3 * f",{UNKNOWN}"
            lines.append(f"{frame.index + 1},{track},{numbers}{unknown}\n")
        self._file.append("".join(lines).encode())


def read_mot_results(given: Given) -> Results:
    """Read boxes; their keypoints are absent ones of coco_17, or of the skeleton asked for.

    All frames from 1 to the last with a box are there, since the files count them.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    notes: list[str] = []
    body = given.skeleton or skeleton("coco_17")
    boxes = read_mot(given.path, first_pixel=0)
    count = int(boxes.frames.max(initial=0))
    if count > LONGEST:
        raise ValueError(f"{given.path}: frame {count} is beyond {LONGEST}; is the file damaged?")
    scores = unit_scores(boxes.scores, 1.0, notes)
    absent = np.tile(ABSENT, (len(body.names), 1))
    pictures = [Picture(name=f"{index}.jpg", index=index) for index in range(count)]
    for frame, track, box, score in zip(
        boxes.frames.tolist(), boxes.ids.tolist(), boxes.boxes, scores.tolist(), strict=True
    ):
        pictures[frame - 1].people.append(
            Found(keypoints=absent, box=box, score=score, id=max(track, UNKNOWN))
        )
    return Results(
        skeleton=body,
        frames=frame_results(pictures, body, given.rate_hz),
        source_name=given.path.stem,
        has_stamps=False,
        notes=tuple(notes),
    )
