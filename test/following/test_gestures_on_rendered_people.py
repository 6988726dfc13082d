"""Gestures of rendered people: their true keypoints in the picture, lifted with rendered depth."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from made_tracks import somebody, tracks_of

from alphapose_ros.config import GestureConfig, LiftingConfig
from alphapose_ros.following.gestures import GestureReader
from alphapose_ros.lifting import build_lifter
from alphapose_ros.training.synthetic.studio import Sources, Studio

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from gesture_scenes import POINTING_DEG, clip

SIZE = (320, 240)  # height and width [px]
SCORES = {2: 0.9, 1: 0.5, 0: 0.0}  # of keypoints seen, hidden, out of the picture
SEEDS = (1, 3)
GESTURES = {
    "hanging": None,
    "raised": "is_raised",
    "waving": "is_waving",
    "stop": "is_stop",
    "pointing": "is_pointing",
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


def with_keypoints(label):
    """Return Tracks of one person with true keypoints."""
    keypoints = label.keypoints.copy()
    keypoints[:, 2] = [SCORES[int(seen)] for seen in keypoints[:, 2]]
    one = tracks_of(somebody(1), metres=False)
    return replace(one, poses=replace(one.poses, keypoints=keypoints[None], boxes=label.box[None]))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", GESTURES)
def test_gestures_are_told(name, seed, studio):
    expected = GESTURES[name]
    reader = GestureReader(GestureConfig())
    lifter = build_lifter(LiftingConfig(name="depth"))
    count = 16 if expected == "is_waving" else 8
    for frame, label in clip(studio(seed), seed, name, count, SIZE):
        found = reader(lifter(with_keypoints(label), frame), frame.stamp_ns)
    assert len(found) == 1
    signs = ("is_raised", "is_waving", "is_stop", "is_pointing")
    said = {sign: getattr(found, sign)[0].tolist() for sign in signs}
    for sign in signs:
        if sign == expected:
            assert said[sign] == [False, True], said
        elif (expected, sign) != ("is_waving", "is_raised"):  # a hand may be raised and wave
            assert said[sign] == [False, False], said
    if expected == "is_pointing":
        direction, angle = found.directions[0, 1], np.radians(POINTING_DEG)
        print("points to", direction.round(2))
        assert direction @ [-np.cos(angle), 0, -np.sin(angle)] > np.cos(0.45)
