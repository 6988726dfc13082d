"""Runs of few frames, for sinks and pages."""

from __future__ import annotations

import numpy as np

from alphapose_ros.config import Config, with_values
from alphapose_ros.frame import Frame, Poses, Tracks
from alphapose_ros.io.ends import FrameResult, Item, Job, Processed
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

SKELETON = skeleton("halpe_136")
SIZE = 320, 240  # width, height [px]


def job(**settings):
    names = {name.replace("__", "."): value for name, value in settings.items()}
    return Job(config=with_values(Config(), names), skeleton=SKELETON, rate_hz=10.0)


def people(boxes, ids=None, states=None, person_ids=None, **columns):
    """Tracks with keypoints spread over their boxes, all of them sure."""
    boxes = np.array(boxes, float).reshape(-1, 4)
    n, k = len(boxes), len(SKELETON.names)
    x = boxes[:, :1] + np.linspace(0.1, 0.9, k) * (boxes[:, 2:3] - boxes[:, :1])
    y = boxes[:, 1:2] + np.linspace(0.1, 0.9, k) * (boxes[:, 3:] - boxes[:, 1:2])
    keypoints = np.stack((x, y, np.full((n, k), 0.8)), axis=2)
    poses = Poses(
        skeleton=SKELETON,
        keypoints=columns.pop("keypoints", keypoints),
        boxes=boxes,
        box_scores=np.full(n, 0.9),
        scores=np.full(n, 0.75),
    )
    usual = {
        "ids": np.arange(1, n + 1) if ids is None else ids,
        "states": np.ones(n) if states is None else states,
        "person_ids": -np.ones(n) if person_ids is None else person_ids,
        "detection_rows": np.arange(n),
        "velocities_px": np.zeros((n, 2)),
        **dict.fromkeys(("ages_s", "unseen_s", "hits", "identity_scores"), np.ones(n)),
    }
    return Tracks(poses=poses, **(usual | columns))


def processed(number, tracks, image=None, name=""):
    image = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8) if image is None else image
    frame = Frame(image=image, stamp_ns=number * 10**8, index=number)
    return Processed(
        item=Item(frame=frame, name=name or f"{number}.jpg", received_ns=frame.stamp_ns),
        result=Result(poses=tracks.poses, tracks=tracks, stage_ms={}),
    )


def frame_result(number, tracks):
    return FrameResult(
        name=f"{number}.jpg",
        index=number,
        stamp_ns=number * 10**8,
        width=SIZE[0],
        height=SIZE[1],
        tracks=tracks,
    )
