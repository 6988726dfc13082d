from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.training.synthetic import gait

JOINTS = (
    *("hip", "abdomen", "chest", "neck", "head"),
    *(f"r{name}" for name in ("Collar", "Shldr", "ForeArm", "Hand")),
    *(f"l{name}" for name in ("Collar", "Shldr", "ForeArm", "Hand")),
    *(f"{side}{name}" for side in "rl" for name in ("Thigh", "Shin", "Foot")),
)
STYLE = gait.Style(phase=0.0, arms_deg=8.0, swing=1.0, lean_deg=3.0, wave_hz=0.3)
STAMPS = np.arange(40) / 10
DOWN = np.array([0, -1.0, 0])


def pose(phase, strength=1.0, time_s=0.0):
    values = gait.stride_pose(JOINTS, phase, strength, STYLE, time_s)
    return dict(zip(JOINTS, values, strict=True))


def test_at_heel_strike_the_left_leg_and_the_right_arm_are_in_front():
    at = pose(0.0)
    # A thigh points down at rest, an arm of the capture's rest pose to the side.
    assert (at["lThigh"] @ DOWN)[2] > 0.3
    assert (at["rThigh"] @ DOWN)[2] < -0.2
    assert (at["rShldr"] @ [-1, 0, 0])[2] > 0.2
    assert (at["lShldr"] @ [1, 0, 0])[2] < -0.2


def test_half_a_cycle_later_the_sides_are_exchanged():
    left, right = pose(0.7), pose(0.7 + np.pi)
    for name in ("Thigh", "Shin", "Foot"):
        np.testing.assert_allclose(left[f"l{name}"], right[f"r{name}"], atol=1e-12)


def test_knees_bend_backwards_only():
    for phase in np.linspace(0, 2 * np.pi, 30):
        at = pose(phase)
        bend = at["lThigh"].T @ at["lShin"] @ DOWN
        assert bend[2] <= 1e-9


def test_who_stands_has_straight_legs():
    at = pose(1.0, strength=0.0, time_s=0.4)
    for name in ("lThigh", "rThigh", "lShin", "rShin"):
        np.testing.assert_allclose(at[name], np.eye(3), atol=1e-12)


def test_a_walker_follows_the_marks_and_faces_ahead():
    track = gait.follow(
        np.array([0.0, 2.0, 4.0]), np.array([[0, 0], [2.4, 0], [2.4, 2.4]]), STAMPS, STYLE, 0.0
    )
    np.testing.assert_allclose(track.places[20], [2.4, 0], atol=1e-6)
    assert track.headings[5] == pytest.approx(np.pi / 2)  # towards +x
    assert track.headings[35] == pytest.approx(0)  # towards +z
    assert track.strengths[10] == pytest.approx(1.2 / 1.1, rel=0.02)
    steps = np.diff(track.phases[5:15]) / (2 * np.pi)  # cycles a frame, of 0.12 m
    np.testing.assert_allclose(0.12 / steps, 1.45 * 1.2 / 1.1, rtol=0.02)


def test_who_stays_keeps_facing_as_told():
    track = gait.follow(np.array([0.0]), np.array([[1.0, -2.0]]), STAMPS, STYLE, 0.4)
    np.testing.assert_allclose(track.places, [[1.0, -2.0]] * 40)
    np.testing.assert_allclose(track.headings, 0.4)
    np.testing.assert_allclose(track.strengths, 0)
