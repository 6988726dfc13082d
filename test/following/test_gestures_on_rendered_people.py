"""Gestures of rendered people: their true keypoints in the picture, lifted with rendered depth."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from made_tracks import somebody, tracks_of

from alphapose_ros import Frame
from alphapose_ros.config import LiftingConfig
from alphapose_ros.following.gesture_config import GestureConfig
from alphapose_ros.following.gestures import GestureReader
from alphapose_ros.frame import Camera
from alphapose_ros.lifting import build_lifter
from alphapose_ros.training.synthetic import cameras, gait, rotations
from alphapose_ros.training.synthetic.labels import label_people
from alphapose_ros.training.synthetic.lights import draw_lights
from alphapose_ros.training.synthetic.rooms import draw_room
from alphapose_ros.training.synthetic.studio import Sources, Studio, compose, feet_of, hide_in_room

ROOT = Path(__file__).resolve().parents[2]
SIZE, FOCAL_PX, RATE_HZ = (320, 240), 280.0, 6
SCORES = {2: 0.9, 1: 0.5, 0: 0.0}  # of keypoints seen, hidden, out of the picture
X, Y, Z = np.eye(3)
STYLE = gait.Style(phase=0.0, arms_deg=10.0, swing=1.0, lean_deg=0.0, wave_hz=0.3)
SEEDS = (1, 3)
HAND_OPEN = np.zeros((2, 5, 3))


def turned(axis, degrees):
    return rotations.about(axis, np.radians(degrees))


def hanging(time_s):
    return {}


def raised(time_s):
    up = turned(Z, -80)  # of the right arm, which lies along -x at rest
    return {"rShldr": up, "rForeArm": up, "rHand": up}


def waving(time_s):
    lean = 30 * np.sin(2 * np.pi * 1.25 * time_s)
    fore = turned(Z, -90 + lean)
    return {"rShldr": turned(Z, -5), "rForeArm": fore, "rHand": fore}


def stop(time_s):
    forward = turned(Y, 85)
    return {"rShldr": forward, "rForeArm": forward, "rHand": turned(X, -85) @ forward}


def pointing(time_s):
    out = turned(Y, 35)
    return {"rShldr": out, "rForeArm": out, "rHand": out}


GESTURES = {
    "hanging": (hanging, None),
    "raised": (raised, "is_raised"),
    "waving": (waving, "is_waving"),
    "stop": (stop, "is_stop"),
    "pointing": (pointing, "is_pointing"),
}


@pytest.fixture(scope="module")
def assets():
    folder = Path(os.environ.get("ALPHAPOSE_ASSETS", ROOT / "../shared/assets/synthetic_people"))
    if not folder.is_dir():
        pytest.skip(f"needs the assets of docs/synthetic.md in {folder} (or ALPHAPOSE_ASSETS)")
    return folder


@pytest.fixture(scope="module")
def studio(assets):
    """Return a function from a seed to a studio."""
    return cache(lambda seed: Studio(Sources(assets, seed)))


def frames(studio, seed, arms, count):
    """Yield pictures with depth of somebody 2.6 m away, who faces the camera, and true tracks."""
    rng = np.random.default_rng(seed)
    person, _ = studio.draw_person(0, rng)
    room, lights = draw_room(rng), draw_lights(rng)
    matrix = cameras.pinhole(FOCAL_PX, SIZE)
    camera = cameras.Camera(matrix, cameras.looking(0.0, 0.0, 0.0), np.array([0.0, 1.1, 2.6]))
    seen_by = Camera(matrix=matrix, distortion=np.zeros(5), height=SIZE[0], width=SIZE[1])
    joints = studio.crowd.assets.pose_joints
    for number in range(count):
        pose = gait.stride_pose(joints, 0.0, 0.0, STYLE, number / RATE_HZ)
        for name, turn in arms(number / RATE_HZ).items():
            pose[joints.index(name)] = turn
        people = [studio.crowd.place(person, pose, HAND_OPEN)]
        layer = studio.renderer(people, camera, SIZE, lights)
        background, behind = room.view(camera, SIZE, feet_of(people))
        layer = hide_in_room(layer, behind)
        image = compose(layer, layer.owners > 0, background)
        depths_m = studio.crowd.keypoint_model.depths_m
        labels, owners, depths = label_people(people, layer, camera, 1, depths_m)
        frame = Frame(
            image=image,
            depth=np.where(owners > 0, depths, behind),
            camera=seen_by,
            stamp_ns=round(number / RATE_HZ * 1e9),
        )
        keypoints = labels[0].keypoints.copy()
        keypoints[:, 2] = [SCORES[int(seen)] for seen in keypoints[:, 2]]
        one = tracks_of(somebody(1), metres=False)
        poses = replace(one.poses, keypoints=keypoints[None], boxes=labels[0].box[None])
        yield frame, replace(one, poses=poses)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", GESTURES)
def test_gestures_are_told(name, seed, studio):
    arms, expected = GESTURES[name]
    reader = GestureReader(GestureConfig())
    lifter = build_lifter(LiftingConfig(name="depth"))
    count = 16 if expected == "is_waving" else 8
    for frame, tracks in frames(studio(seed), seed, arms, count):
        found = reader(lifter(tracks, frame), frame.stamp_ns)
    assert len(found) == 1
    signs = ("is_raised", "is_waving", "is_stop", "is_pointing")
    said = {sign: getattr(found, sign)[0].tolist() for sign in signs}
    for sign in signs:
        if sign == expected:
            assert said[sign] == [False, True], said
        elif (expected, sign) != ("is_waving", "is_raised"):  # a hand may be raised and wave
            assert said[sign] == [False, False], said
    if expected == "is_pointing":
        direction = found.directions[0, 1]
        print("points to", direction.round(2))
        assert direction @ [-np.cos(np.radians(35)), 0, -np.sin(np.radians(35))] > np.cos(0.45)
