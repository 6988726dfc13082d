"""Tracks made by hand."""

from __future__ import annotations

import numpy as np

from alphapose_ros.following.records import View
from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.skeletons import skeleton

BODY = skeleton("halpe_136")
VIEW = View(width=640, height=480)
DT_NS = 100_000_000


def somebody(track_id, **values):
    """One row: who it is and where; `at` is x and z in metres."""
    known = {
        "person_id": -1,
        "at": (0.0, 3.0),
        "box": None,
        "state": TrackState.TRACKED,
        "score": np.nan,
        "velocity": (0.0, 0.0, 0.0),
    }
    assert not set(values) - set(known)
    return {"id": track_id, **known, **values}


def tracks_of(*people, metres=True):
    """Return Tracks of rows as somebody() makes them."""
    count = len(people)
    seen = np.array(
        [p["state"] in (TrackState.TRACKED, TrackState.TENTATIVE) for p in people], bool
    )
    boxes = [p["box"] or box_at(*p["at"]) for p in people]
    keypoints = np.tile(np.float32([np.nan, np.nan, 0]), (count, len(BODY.names), 1))
    poses = Poses(
        skeleton=BODY,
        keypoints=keypoints,
        boxes=np.reshape(boxes, (count, 4)),
        box_scores=np.full(count, 0.9),
        scores=np.full(count, 0.8),
    )
    places = np.array([(p["at"][0], 0.0, p["at"][1]) for p in people]).reshape(count, 3)
    spaces = {}
    if metres:
        spaces = {
            "positions": places,
            "position_covariances": np.tile(0.01**2 * np.eye(3), (count, 1, 1)),
            "velocities": np.array([p["velocity"] for p in people]).reshape(count, 3),
            "velocity_covariances": np.tile(0.1**2 * np.eye(3), (count, 1, 1)),
            "facings": np.tile([0.0, 0.0, -1.0], (count, 1)),
            "facing_stds": np.full(count, 0.2),
        }
    return Tracks(
        poses=poses,
        ids=[p["id"] for p in people],
        states=[p["state"] for p in people],
        ages_s=np.ones(count),
        unseen_s=np.zeros(count),
        hits=np.ones(count),
        detection_rows=np.where(seen, np.arange(count), -1),
        velocities_px=np.zeros((count, 2)),
        person_ids=[p["person_id"] for p in people],
        identity_scores=[p["score"] for p in people],
        **spaces,
    )


def box_at(x, z):
    """Return the box of somebody 1.7 m tall, seen with a focal length of 500 px."""
    middle, half, tall = 320 + 500 * x / z, 500 * 0.3 / z, 500 * 1.7 / z
    return (middle - half, 240 - tall / 2, middle + half, 240 + tall / 2)
