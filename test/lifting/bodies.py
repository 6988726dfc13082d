"""A person made of few keypoints, cameras and records, for the tests of lifting."""

from __future__ import annotations

import numpy as np

from alphapose_ros.frame import Camera, Frame, Poses, Tracks, TrackState
from alphapose_ros.skeletons import skeleton

FOCAL = 600.0
SIZE = (480, 640)
HALPE = skeleton("halpe_136")
MIDDLE = (SIZE[1] / 2 - 0.5, SIZE[0] / 2 - 0.5)
BODY = {  # x to the person's left, y up from between the hips, z forward [m]
    "nose": (0, 0.68, 0.11),
    "left_ear": (0.07, 0.68, 0),
    "right_ear": (-0.07, 0.68, 0),
    "left_shoulder": (0.18, 0.47, 0),
    "right_shoulder": (-0.18, 0.47, 0),
    "left_hip": (0.1, 0, 0),
    "right_hip": (-0.1, 0, 0),
    "left_knee": (0.1, -0.42, 0),
    "right_knee": (-0.1, -0.42, 0),
    "left_ankle": (0.1, -0.79, 0),
    "right_ankle": (-0.1, -0.79, 0),
    "left_heel": (0.1, -0.84, -0.04),
    "right_heel": (-0.1, -0.84, -0.04),
    "left_big_toe": (0.1, -0.86, 0.16),
    "right_big_toe": (-0.1, -0.86, 0.16),
}


def pinhole(size=SIZE):
    return Camera(
        matrix=[[FOCAL, 0, MIDDLE[0]], [0, FOCAL, MIDDLE[1]], [0, 0, 1]],
        distortion=np.zeros(5),
        width=size[1],
        height=size[0],
    )


def body_in_camera(turn, place):
    """Points (P, 3) of somebody at ``place``, turned to the left by ``turn`` from facing it."""
    left, up, forward = np.array(list(BODY.values()), float).T
    # Facing the camera, the left hand is on the right of the image.
    x = np.cos(turn) * left - np.sin(turn) * forward
    z = -np.cos(turn) * forward - np.sin(turn) * left
    return np.stack((x, -up, z), axis=1) + place


def facing_of(turn):
    return np.array([-np.sin(turn), 0, -np.cos(turn)])


def poses_of(bodies, score=0.9):
    """Poses of points (N, P, 3) in the camera, projected by hand."""
    bodies = np.asarray(bodies, float).reshape(-1, len(BODY), 3)
    keypoints = np.zeros((len(bodies), len(HALPE.names), 3), np.float32)
    keypoints[..., :2] = np.nan
    rows = [HALPE.index(name) for name in BODY]
    keypoints[:, rows, :2] = FOCAL * bodies[..., :2] / bodies[..., 2:] + MIDDLE
    keypoints[:, rows, 2] = score
    with np.errstate(all="ignore"):
        low, high = keypoints[:, rows, :2].min(axis=1), keypoints[:, rows, :2].max(axis=1)
    boxes = np.concatenate((low - 8, high + 8), axis=1)
    count = len(bodies)
    return Poses(
        skeleton=HALPE,
        keypoints=keypoints,
        boxes=boxes,
        box_scores=np.ones(count),
        scores=np.ones(count),
    )


def tracks_of(poses, ids=None, states=None):
    count = len(poses)
    states = np.full(count, TrackState.TRACKED) if states is None else np.array(states)
    return Tracks(
        poses=poses,
        ids=np.arange(1, count + 1) if ids is None else np.array(ids),
        states=states,
        ages_s=np.zeros(count),
        unseen_s=np.zeros(count),
        hits=np.ones(count),
        detection_rows=np.where(states >= TrackState.LOST, -1, np.arange(count)),
        velocities_px=np.zeros((count, 2)),
        person_ids=np.full(count, -1),
        identity_scores=np.full(count, np.nan),
    )


def painted(poses, depths, behind=8.0):
    """A depth image of upright boards in place of people, as wide as their boxes."""
    depth = np.full(SIZE, behind, np.float32)
    for box, z in sorted(zip(poses.boxes, depths, strict=True), key=lambda pair: -pair[1]):
        x1, y1, x2, y2 = np.rint(box).astype(int).clip(0)
        depth[y1:y2, x1:x2] = z
    return depth


def frame_of(depth, stamp_s=0.0, camera=True):
    return Frame(
        image=np.zeros((*SIZE, 3), np.uint8),
        stamp_ns=round(stamp_s * 1e9),
        depth=depth,
        camera=pinhole() if camera is True else camera,
    )
