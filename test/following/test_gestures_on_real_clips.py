"""Gestures of real people: nobody in these clips makes one, but a signer holds her hands high."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from alphapose_ros import Frame, Pipeline, load_config
from alphapose_ros.config import GestureConfig, with_values
from alphapose_ros.following.gestures import GestureReader

CLIPS = {  # frames per second
    "intel/asl_book.mkv": 30,
    "intel/asl_walk.mkv": 30,
    "intel/asl_sister.mkv": 30,
    "sam2/juggle.mp4": 24,
    "walking/white_cane_toward.mp4": 30,
    "intel/face_demographics_walking.mp4": 12,
    "intel/store_aisle.mp4": 15,
}
RATE_HZ = 10
SIGNS = ("is_raised", "is_waving", "is_stop", "is_pointing")


@pytest.fixture(scope="module")
def people(data):
    """Return a function from the name of a clip to stamps and tracks at 10 Hz or so."""
    config = with_values(load_config(None), {"reid.name": "none"})
    known = {}

    def of(clip):
        if clip not in known:
            video, pipeline = cv2.VideoCapture(str(data / "videos" / clip)), Pipeline(config)
            known[clip], every, number = [], round(CLIPS[clip] / RATE_HZ), 0
            while (image := video.read()[1]) is not None:
                if number % every == 0:
                    stamp_ns = round(number / CLIPS[clip] * 1e9)
                    frame = Frame(image=image, stamp_ns=stamp_ns)
                    known[clip].append((stamp_ns, pipeline(frame)))
                number += 1
            assert known[clip], clip
        return known[clip]

    return of


@pytest.mark.parametrize("clip", CLIPS)
def test_nobody_who_signs_juggles_or_walks_makes_a_gesture(clip, people):
    reader, seen, alarms = GestureReader(GestureConfig()), 0, dict.fromkeys(SIGNS, 0)
    for stamp_ns, tracks in people(clip):
        found = reader(tracks, stamp_ns)
        seen += len(found)
        for name in SIGNS:
            alarms[name] += int(getattr(found, name).any(axis=1).sum())
    print(f"{clip}: {seen} people in all frames, of these {alarms}")
    assert seen > 20
    assert sum(alarms.values()) == 0


def test_hands_held_before_the_mouth_count_as_long_as_they_are_there(people):
    reader = GestureReader(GestureConfig(raise_height=-0.5, hold_s=0.3))
    times = []
    for stamp_ns, tracks in people("intel/asl_book.mkv"):
        found = reader(tracks, stamp_ns)
        if found.is_raised.all(axis=1).any():
            times.append(stamp_ns / 1e9)
    # By eye: both hands are up from 0.4 s to 3.1 s.
    assert 0.65 < min(times) < 0.95
    assert 3.0 < max(times) < 3.4
    assert np.diff(times).max() < 0.15
