"""People followed through one video: found by the pipeline, or given by labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from alphapose_ros.config import Config, with_values
from alphapose_ros.frame import Detections, Frame, Poses, Tracks
from alphapose_ros.pipeline import Pipeline
from alphapose_ros.tracking import build_tracker

NOTHING, BOXES, POSES = "nothing", "boxes", "poses"
GIVEN = (NOTHING, BOXES, POSES)


@dataclass(frozen=True)
class Step:
    """One frame of a video to follow people through."""

    index: int  # number of the frame, from 0
    stamp_ns: int
    read: Callable[[], np.ndarray]  # the picture (H, W, 3) BGR
    people: Detections | Poses | None = None  # those given, if any


def follow(
    steps: Iterable[Step], config: Config, given: str = NOTHING
) -> Iterator[tuple[int, Tracks]]:
    """Yield the index of each frame of a video, and those seen in it; ids begin at 1.

    Args:
        steps: the frames in the order of time.
        config: all settings.
        given: "nothing": the pipeline finds everybody. "boxes": each step brings its boxes in
            place of the detector, and no pose is suppressed. "poses": each step brings its poses,
            and only the tracker works.

    Raises:
        ValueError: ``given`` is none of GIVEN.
    """
    track = _TRACKERS[_checked(given)](config)
    for step in steps:
        tracks = track(step)
        yield step.index, tracks[tracks.detection_rows >= 0]


def _checked(given: str) -> str:
    if given not in GIVEN:
        raise ValueError(f"given: {given!r} is none of {', '.join(GIVEN)}")
    return given


def _in_pictures(config: Config) -> Callable[[Step], Tracks]:
    pipeline = Pipeline(config)
    return lambda step: pipeline(_frame(step))


def _in_boxes(config: Config) -> Callable[[Step], Tracks]:
    boxes = Detections.empty()
    config = with_values(config, {"suppression.name": "none"})
    pipeline = Pipeline(config, find=lambda image, index: boxes)

    def track(step: Step) -> Tracks:
        nonlocal boxes
        boxes = step.people
        return pipeline(_frame(step))

    return track


def _of_poses(config: Config) -> Callable[[Step], Tracks]:
    tracker = build_tracker(config.tracker)
    return lambda step: tracker.update(step.people, step.stamp_ns)


def _frame(step: Step) -> Frame:
    return Frame(image=step.read(), stamp_ns=step.stamp_ns, index=step.index)


_TRACKERS = {NOTHING: _in_pictures, BOXES: _in_boxes, POSES: _of_poses}
