"""Sources, pipelines and sinks made for tests: quick, and the same every time."""

from __future__ import annotations

import numpy as np

from alphapose_ros.config import Config
from alphapose_ros.frame import Detections, Frame, Poses, Tracks, TrackState
from alphapose_ros.io.ends import Item, Problem
from alphapose_ros.pipeline import Detected, Result
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")


def image_of(index, size=(64, 48)):
    """A grey picture with one brighter square, which moves."""
    image = np.full((size[1], size[0], 3), 60, np.uint8)
    x = 2 * index % (size[0] - 8)
    image[20:28, x : x + 8] = 200
    return image


class MadeSource:
    """Frames that are made when they are asked for."""

    def __init__(self, count=12, *, is_sequence=True, name="made", fails_at=None, change=0):
        self.name, self.rate_hz, self.frame_count = name, 10.0, count
        self.is_sequence, self.problems = is_sequence, []
        self._fails_at, self._change = fails_at, change

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def __iter__(self):
        for index in range(self.frame_count):
            if index == self._fails_at:
                raise OSError(f"{self.name}: the cable is loose")
            if index % 5 == 4:
                self.problems.append(Problem(where=f"{self.name}, frame {index}", what="dark"))
            image = image_of(index + self._change)
            frame = Frame(image=image, stamp_ns=index * 10**8, index=index)
            yield Item(frame=frame, name=f"{index}.jpg", received_ns=frame.stamp_ns)


class MadePipeline:
    """One person where the square is; the networks' work is counted, and may fail."""

    skeleton = BODY

    def __init__(self, config=None, fails=()):
        self.config = config or Config()
        self.networks = self.resets = self.kept = 0
        self._fails = dict(fails)  # part: index of the frame
        self._hits = 0

    def detect(self, frame):
        self._check("detect", frame)
        self.networks += 1
        x = int(frame.image[24, :, 0].argmax())
        people = Detections(boxes=[(x, 20, x + 8, 28), (0, 0, 5, 5)], scores=[0.9, 0.2])
        return Detected(people=people, counts=[True, False])

    def estimate(self, frame, detected):
        self._check("estimate", frame)
        people = detected.people[np.asarray(detected.counts)]
        keypoints = np.full((len(people), 17, 3), 0.5)
        keypoints[:, :, 0] = people.boxes[:, :1] + np.arange(17) / 7
        keypoints[:, 3] = np.nan, np.nan, 0
        return Poses(
            skeleton=BODY,
            keypoints=keypoints,
            boxes=people.boxes,
            box_scores=people.scores,
            scores=people.scores / 3,
        )

    def finish(self, frame, detected, found, ground=None):
        self._check("finish", frame)
        self._hits += 1
        tracks = Tracks(
            poses=found,
            ids=[1],
            states=[TrackState.TRACKED],
            ages_s=[self._hits / 10],
            unseen_s=[0],
            hits=[self._hits],
            detection_rows=[0],
            velocities_px=[(20, 0)],
            person_ids=[-1],
            identity_scores=[np.nan],
        )
        return Result(poses=found, tracks=tracks, stage_ms={}, found=found)

    def reset(self):
        self.resets += 1
        self._hits = 0

    def keep(self):
        self.kept += 1

    def _check(self, part, frame):
        if self._fails.get(part) == frame.index:
            raise RuntimeError(f"{part} of frame {frame.index}")


class Kept:
    """A sink that keeps in memory what it gets, and may fail."""

    def __init__(self, *, enter=None, add=None, leave=None, at=3):
        self.seen, self.events, self.left_with = [], [], None
        self._enter, self._add, self._leave, self._at = enter, add, leave, at

    def __enter__(self):
        if self._enter:
            raise self._enter
        self.events.append("open")
        return self

    def add(self, processed):
        if self._add and processed.item.frame.index == self._at:
            raise self._add
        tracks = processed.result.tracks
        self.seen.append(
            (
                processed.item.name,
                tracks.hits.tolist(),
                tracks.poses.keypoints.tobytes(),
                tracks.poses.scores.tolist(),
            )
        )

    def __exit__(self, kind, *exception):
        self.left_with = kind
        self.events.append("closed")
        if self._leave:
            raise self._leave
