from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_poses import HANGING, RANGE_M, person, seen, unit
from made_tracks import BODY, DT_NS, tracks_of

from alphapose_ros.config import GestureConfig, TargetConfig
from alphapose_ros.following.gestures import Gesture, GestureReader
from alphapose_ros.following.records import TargetStatus, View
from alphapose_ros.following.target import Target
from alphapose_ros.frame import TrackState
from alphapose_ros.lifting.axes import DOWN

VIEW = View(width=640, height=480)
UP = ((0.5, -0.5, 0.0), (0.0, -1.0, 0.0))
SIDEWAYS = ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0))
FORWARD = ((0.0, 0.1, -1.0), (0.0, 0.1, -1.0))
FOLDED = ((0.2, 1.0, 0.0), (0.0, -1.0, -0.2))  # the hand beside the shoulder
ARMS = {"hanging": HANGING, "up": UP, "sideways": SIDEWAYS, "forward": FORWARD, "folded": FOLDED}


def after(points, frames=8, in_space=False, **settings):
    """Return what somebody says who holds still for some frames at 10 Hz."""
    reader = GestureReader(GestureConfig(**settings))
    for number in range(frames):
        found = reader(seen(points, in_space=in_space), number * DT_NS)
    return found


def said(found):
    names = ("is_raised", "is_waving", "is_stop", "is_pointing")
    return {
        name[3:]: getattr(found, name)[0].tolist() for name in names if getattr(found, name).any()
    }


@pytest.mark.parametrize("in_space", [False, True])
def test_who_stands_says_nothing(in_space):
    assert said(after(person(palms=("left", "right")), in_space=in_space)) == {}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(UP, HANGING, [True, False]), (HANGING, UP, [False, True]), (UP, UP, [True, True])],
)
def test_a_hand_held_up_is_raised(left, right, expected):
    assert said(after(person(left, right))) == {"raised": expected}


def test_a_hand_counts_only_after_it_was_held():
    reader = GestureReader(GestureConfig(hold_s=0.5))
    up = seen(person(UP))
    raised = [reader(up, number * DT_NS).is_raised[0, 0] for number in range(8)]
    assert raised == [False] * 5 + [True] * 3


def test_a_short_gap_does_not_end_a_gesture_and_a_long_one_does():
    reader = GestureReader(GestureConfig(hold_s=0.5, gap_s=0.35))
    up, down, gone = seen(person(UP)), seen(person()), tracks_of()
    story = [up] * 4 + [down, gone] + [up] * 2 + [down] * 4 + [up]
    raised = [reader(tracks, n * DT_NS).is_raised[:, 0].any() for n, tracks in enumerate(story)]
    assert raised == [False] * 6 + [True] * 5 + [False] * 2


def test_a_gesture_is_new_once_and_since_it_was_first_seen():
    reader = GestureReader(GestureConfig(hold_s=0.3, gap_s=0.35))
    up, down, gone = seen(person(UP)), seen(person()), tracks_of()
    story = [down, *[up] * 5, gone, gone, up, *[down] * 4, *[up] * 5]
    found = [reader(tracks, number * DT_NS) for number, tracks in enumerate(story)]
    new = [n for n, one in enumerate(found) if one.is_new.any()]
    since = [
        int(one.since_ns[0, 0, Gesture.HAND_RAISED - 1]) for one in found if one.is_raised.any()
    ]
    assert new == [4, 16]  # and not in 8, after two frames without anybody
    assert since == [DT_NS] * 6 + [13 * DT_NS] * 2


def test_a_gesture_is_not_new_again_where_its_settings_change():
    reader = GestureReader(GestureConfig(hold_s=0.3))
    up = seen(person(UP))
    new = 0
    for number in range(12):
        reader.config = GestureConfig(hold_s=0.3 if number % 2 else 0.5)
        new += int(reader(up, number * DT_NS).is_new.sum())
    assert new == 1


def test_a_wave_is_new_once_as_long_as_it_lasts():
    reader, new, since = GestureReader(GestureConfig()), 0, set()
    for number in range(60):
        lean = 0.5 * np.sin(2 * np.pi * 1.25 * number * 0.1)
        found = reader(seen(person(((0.6, -0.1, 0.0), (lean, -1.0, 0.0)))), number * DT_NS)
        new += int(found.is_new[..., Gesture.WAVE - 1].sum())
        since |= {int(found.since_ns[0, 0, Gesture.WAVE - 1])}
    assert new == 1
    assert len(since - {-1}) == 1


def test_those_who_are_gone_are_forgotten():
    reader = GestureReader(GestureConfig())
    for number in range(1000):
        reader(seen(person(UP, UP), track_id=number), number * DT_NS)
    assert len(reader._told) < 100
    assert len(reader._swinging._swings) < 100
    assert len(reader._holding._spans) < 10


def test_the_trunk_hangs_down_wherever_that_is():
    """Hips hidden, in a frame whose z axis points up."""
    points = person((unit((1.0, 0.1, 0.0)), unit((1.0, 0.1, 0.0))))
    points[[BODY.index(f"{side}_hip") for side in ("left", "right")]] = np.nan
    turn = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    tracks = seen(points, in_space=True)
    poses = replace(tracks.poses, keypoints_3d=tracks.poses.keypoints_3d @ turn.T)
    reader = GestureReader(GestureConfig(pointing_lift_deg=60.0))
    for number in range(8):
        found = reader(replace(tracks, poses=poses), number * DT_NS, down=DOWN)
    assert found.is_pointing[0, 0]


def test_keypoints_of_low_score_say_nothing():
    reader = GestureReader(GestureConfig(keypoint_score=0.3))
    for number in range(8):
        found = reader(seen(person(UP), score=0.2), number * DT_NS)
    assert said(found) == {}


def wave(reader, hz, reach=0.5, seconds=3.0, rate_hz=15, low=False):
    found = None
    for number in range(round(seconds * rate_hz)):
        lean = reach * np.sin(2 * np.pi * hz * number / rate_hz)
        upper = (0.3, 1.0, -0.2) if low else (0.6, -0.1, 0.0)
        found = reader(seen(person((upper, (lean, -1.0, 0.0)))), round(number / rate_hz * 1e9))
    return said(found).get("waving")


@pytest.mark.parametrize("hz", [1.0, 1.5, 2.5])
def test_a_wrist_that_goes_to_and_fro_above_the_elbow_waves(hz):
    assert wave(GestureReader(GestureConfig()), hz) == [True, False]


@pytest.mark.parametrize(
    "motion",
    [{"hz": 0.2}, {"hz": 1.5, "reach": 0.05}, {"hz": 1.5, "low": True}],
    ids=["slow", "small", "low"],
)
def test_other_motions_are_no_wave(motion):
    assert wave(GestureReader(GestureConfig()), **motion) is None


def test_a_wave_ends():
    reader = GestureReader(GestureConfig())
    assert wave(reader, 1.5) == [True, False]
    for number in range(40):
        found = reader(seen(person()), 3_000_000_000 + number * DT_NS)
    assert said(found) == {}


@pytest.mark.parametrize("in_space", [False, True])
@pytest.mark.parametrize("side", [0, 1])
def test_an_open_palm_towards_the_camera_says_stop(side, in_space):
    arms = [HANGING, HANGING]
    arms[side] = FORWARD
    palm = ("left", "right")[side]
    expected = [side == 0, side == 1]
    assert said(after(person(*arms, palms=(palm,)), in_space=in_space)) == {"stop": expected}


@pytest.mark.parametrize("in_space", [False, True])
def test_the_back_of_a_hand_does_not_say_stop(in_space):
    found = said(after(person(FORWARD, backs=("left",)), in_space=in_space))
    assert "stop" not in found


@pytest.mark.parametrize("in_space", [False, True])
@pytest.mark.parametrize("arm", ["hanging", "up", "sideways", "folded"])
def test_a_palm_elsewhere_does_not_say_stop(arm, in_space):
    assert "stop" not in said(after(person(ARMS[arm], palms=("left",)), in_space=in_space))


@pytest.mark.parametrize("start", ["shoulder", "elbow", "eyes"])
def test_a_stretched_arm_points_where_it_is_stretched(start):
    towards = unit((0.8, 0.3, -0.5))
    points = person((towards, towards))
    found = after(points, in_space=True, pointing_from=start)
    assert said(found) == {"pointing": [True, False]}
    if start != "eyes":
        np.testing.assert_allclose(found.directions[0, 0], towards, atol=1e-5)
    else:
        np.testing.assert_allclose(found.origins[0, 0], (0, -0.72, RANGE_M), atol=1e-5)
        wrist = np.array([0.2, -0.5, RANGE_M]) + 0.55 * towards
        expected = unit(wrist - [0, -0.72, RANGE_M])
        np.testing.assert_allclose(found.directions[0, 0], expected, atol=1e-5)
    assert np.isnan(found.directions[0, 1]).all()


def test_bent_and_hanging_arms_do_not_point():
    assert said(after(person(((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))), in_space=True)) == {}
    assert said(after(person(((0.4, 1.0, 0.0), (0.4, 1.0, 0.0))), in_space=True)) == {}


def test_without_3d_nobody_points():
    assert said(after(person(SIDEWAYS))) == {}


def test_without_people_there_are_no_gestures():
    found = GestureReader(GestureConfig())(tracks_of(), 0)
    assert len(found) == 0
    assert found.directions.shape == (0, 2, 3)


def test_stamps_that_go_back_begin_anew():
    reader = GestureReader(GestureConfig(hold_s=0.5))
    up = seen(person(UP))
    for number in range(8):
        reader(up, 10**10 + number * DT_NS)
    assert not reader(up, 0).is_raised.any()


@pytest.mark.parametrize("back_s", [0.02, 0.999])
def test_images_out_of_order_do_not(back_s):
    reader = GestureReader(GestureConfig(hold_s=0.3))
    up = seen(person(UP))
    stamps = [number * DT_NS for number in range(20)]
    stamps.insert(12, stamps[11] - round(back_s * 1e9))
    found = [reader(up, stamp) for stamp in stamps]
    assert [n for n, one in enumerate(found) if one.is_new.any()] == [3]
    assert all(one.is_raised[0, 0] for one in found[3:])
    assert {int(one.since_ns[0, 0, 0]) for one in found[3:]} == {0}


def test_more_than_a_second_back_begins_anew():
    reader = GestureReader(GestureConfig(hold_s=0.3))
    up = seen(person(UP))
    for number in range(20):
        reader(up, number * DT_NS)
    assert not reader(up, 8 * DT_NS).is_raised.any()


def test_a_track_that_is_not_confirmed_says_nothing():
    reader = GestureReader(GestureConfig(hold_s=0.3))
    up = seen(person(UP))
    tentative = replace(up, states=np.array([TrackState.TENTATIVE]))
    assert not any(len(reader(tentative, number * DT_NS)) for number in range(8))
    raised = [reader(up, number * DT_NS).is_raised.any() for number in range(8, 13)]
    assert raised == [False] * 3 + [True] * 2  # held as a confirmed one


# A raised hand chooses the target


def test_who_holds_a_hand_up_long_enough_becomes_the_target():
    target = Target(TargetConfig(select="raised_hand", raised_hand_s=3.0))
    states = [target.update(seen(person(UP)), n * DT_NS, VIEW) for n in range(35)]
    assert {s.status for s in states[:30]} == {TargetStatus.SELECTING}
    assert (states[30].status, states[30].reason) == (TargetStatus.TRACKING, "raised_hand")
    assert states[30].position is not None


def test_nobody_else_takes_over_with_a_raised_hand():
    target = Target(TargetConfig(select="raised_hand", raised_hand_s=1.0))
    for number in range(15):
        target.update(seen(person(UP), track_id=1), number * DT_NS, VIEW)
    for number in range(15, 40):
        tracks = seen(person(UP), track_id=2)
        state = target.update(tracks, number * DT_NS, VIEW)
    assert state.track_id == 2  # without re-ID the first one's target has ended with the track


def test_hands_do_not_count_where_only_the_service_chooses():
    target = Target(TargetConfig(select="service", raised_hand_s=1.0))
    states = [target.update(seen(person(UP)), n * DT_NS, VIEW) for n in range(35)]
    assert {s.status for s in states} == {TargetStatus.NONE}


def test_people_too_far_away_choose_nobody():
    config = TargetConfig(select="raised_hand", raised_hand_s=1.0, max_range_m=2.0)
    target = Target(config)
    states = [target.update(seen(person(UP)), n * DT_NS, VIEW) for n in range(35)]
    assert {s.status for s in states} == {TargetStatus.SELECTING}
