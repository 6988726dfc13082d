"""The videos of data sets whose people have identities: frames to follow, and files of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.evaluation.datasets.posetrack import write_posetrack_results
from alphapose_ros.evaluation.following import NOTHING, POSES, Step
from alphapose_ros.evaluation.mot_rules import LabelledSequence, is_person
from alphapose_ros.evaluation.pictures import PictureError, read_picture
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.frame import Detections, Poses, Tracks
from alphapose_ros.io.mot import FIRST_PIXEL, UNKNOWN, TrackedBoxes, write_mot

USUAL_RATE_HZ = 25.0  # of videos whose files do not say it
ABSENT = (np.nan, np.nan, 0.0)
Followed = Sequence[tuple[int, Tracks]]  # index of each frame, those seen in it


@dataclass(frozen=True)
class Video:
    """One video of a data set."""

    name: str
    length: int  # frames
    suffix: str  # of a file of its results
    steps: Iterable[Step]
    write: Callable[[Path, Followed], None]  # into a folder, as NAME.SUFFIX


def posetrack_videos(
    truth: Truth, images: Path, given: str, rate_hz: float | None = None
) -> Iterator[Video]:
    """Yield the videos of PoseTrack; where labels are given, there is nobody in frames without.

    Args:
        truth: the data set.
        images: folder of its pictures.
        given: one of following.GIVEN.
        rate_hz: frames per second, for which PoseTrack has no place.
    """
    for name, rows in sequences(truth.pictures):
        video = _only(truth, rows)
        yield Video(
            name=name,
            length=len(rows),
            suffix=".json",
            steps=_posetrack_steps(video, images, given, rate_hz or USUAL_RATE_HZ),
            write=partial(_write_posetrack, video),
        )


def mot_videos(
    truth: Sequence[LabelledSequence], images: Path, given: str, rate_hz: float | None = None
) -> Iterator[Video]:
    """Yield the sequences of the MOTChallenge.

    Args:
        truth: the sequences.
        images: the benchmark's folder (SEQUENCE/img1/000001.jpg), the one of a single sequence or
            of its pictures, or for one sequence a video file.
        given: "nothing" or "boxes": those of the ground truth that count.
        rate_hz: frames per second; None: as the sequence says.

    Raises:
        ValueError: poses are to be given, which MOTChallenge has not.
        FileNotFoundError: there are no pictures of a sequence, or one of its frames is missing.
        PictureError: when frames are asked for: a picture cannot be read, or the film is too short.
    """
    if given == POSES:
        raise ValueError("MOTChallenge labels boxes only: there are no true poses to track")
    for sequence in truth:
        length = sequence.length or int(sequence.boxes.frames.max(initial=0))
        frames = _mot_frames(sequence.name, images, length)
        stated = sequence.frame_rate_hz
        rate = rate_hz or (stated if stated > 0 else USUAL_RATE_HZ)
        yield Video(
            name=sequence.name,
            length=length,
            suffix=".txt",
            steps=_mot_steps(sequence, frames, given, rate),
            write=partial(_write_mot, sequence.name),
        )


def sequences(pictures: Sequence[Picture]) -> Iterator[tuple[str, list[int]]]:
    """Yield each video's name and the rows of its pictures in the order of time."""

    def place(row: int) -> tuple[str, int]:
        return pictures[row].sequence, pictures[row].frame

    for name, rows in groupby(
        sorted(range(len(pictures)), key=place), key=lambda row: place(row)[0]
    ):
        yield name, list(rows)


def given_people(people: Truth, given: str) -> Detections | Poses | None:
    """Return what the labels of one picture give: nothing, boxes, or boxes and poses."""
    if given == NOTHING:
        return None
    people = people[~people.is_crowd]
    scores = np.ones(len(people))
    if given != POSES:
        return Detections(boxes=people.boxes, scores=scores)
    keypoints = np.where(people.is_labelled[..., None], people.keypoints, ABSENT)
    keypoints[..., 2] = people.is_labelled
    return Poses(
        skeleton=people.skeleton,
        keypoints=keypoints,
        boxes=people.boxes,
        box_scores=scores,
        scores=scores,
    )


def _only(truth: Truth, rows: Sequence[int]) -> Truth:
    """Return the data set with some of its pictures, in the order of ``rows``."""
    place = np.full(len(truth.pictures), -1)
    place[rows] = np.arange(len(rows))
    people = truth[place[truth.rows] >= 0]
    return replace(
        people,
        pictures=tuple(truth.pictures[row] for row in rows),
        rows=place[people.rows],
    )


def _posetrack_steps(video: Truth, images: Path, given: str, rate_hz: float) -> Iterator[Step]:
    for row, picture in enumerate(video.pictures):
        yield Step(
            index=row,
            stamp_ns=round(picture.frame * 1e9 / rate_hz),
            read=partial(read_picture, picture, images),
            people=given_people(video[video.rows == row], given),
        )


def _write_posetrack(video: Truth, folder: Path, followed: Followed) -> None:
    found = [
        Predictions(
            skeleton=tracks.poses.skeleton,
            rows=np.full(len(tracks), row),
            keypoints=tracks.poses.keypoints,
            scores=tracks.poses.scores,
            boxes=tracks.poses.boxes,
            track_ids=tracks.ids,
        )
        for row, tracks in followed
    ]
    write_posetrack_results(folder, Predictions.joined(found), video)


def _mot_frames(name: str, images: Path, length: int) -> Iterator[np.ndarray]:
    """Yield the first ``length`` pictures of a sequence as they are asked for."""
    if images.is_file():
        return _film(images, length)
    folders = (images / name / "img1", images / "img1", images / name, images)
    for folder in folders:
        files = {int(path.stem): path for path in folder.glob("*.*") if path.stem.isdecimal()}
        if files:
            return _numbered(files, folder, length)
    raise FileNotFoundError(f"no pictures 000001.jpg, ... of {name} in {folders[0]} or {images}")


def _numbered(files: Mapping[int, Path], folder: Path, length: int) -> Iterator[np.ndarray]:
    """Return the pictures 1 to ``length``, by the numbers that their files are named."""
    numbers = range(1, length + 1)
    missing = [number for number in numbers if number not in files]
    if missing:
        raise FileNotFoundError(
            f"{folder} has no picture of frame {missing[0]}, and of {len(missing) - 1} others "
            f"neither; the labels count {length}"
        )
    pictures = (Picture(id=number, file=files[number].name) for number in numbers)
    return (read_picture(picture, folder) for picture in pictures)


def _film(path: Path, length: int) -> Iterator[np.ndarray]:
    film = cv2.VideoCapture(str(path))
    if not film.isOpened():
        raise PictureError(f"{path} is no video that OpenCV can read")
    for index in range(length):
        is_there, image = film.read()
        if not is_there:
            raise PictureError(f"{path} ends after {index} frames, the labels count {length}")
        yield image


def _mot_steps(
    sequence: LabelledSequence, frames: Iterator[np.ndarray], given: str, rate_hz: float
) -> Iterator[Step]:
    people = sequence.boxes[is_person(sequence.boxes)]
    for index, image in enumerate(frames):
        boxes = people.boxes[people.frames == index + 1] - FIRST_PIXEL
        yield Step(
            index=index,
            stamp_ns=round(index * 1e9 / rate_hz),
            read=lambda image=image: image,
            people=None
            if given == NOTHING
            else Detections(boxes=boxes, scores=np.ones(len(boxes))),
        )


def _write_mot(name: str, folder: Path, followed: Followed) -> None:
    counts = [len(tracks) for _, tracks in followed]
    tracks = [tracks for _, tracks in followed]
    boxes = TrackedBoxes(
        frames=np.repeat([index + 1 for index, _ in followed], counts),
        ids=np.concatenate([np.empty(0), *(one.ids for one in tracks)]),
        boxes=np.concatenate([np.empty((0, 4)), *(one.poses.boxes for one in tracks)]),
        scores=np.concatenate([np.empty(0), *(one.poses.box_scores for one in tracks)]),
        classes=np.full(sum(counts), UNKNOWN),
        visibilities=np.full(sum(counts), np.nan),
    )
    write_mot(folder / f"{name}.txt", boxes, first_pixel=0)
