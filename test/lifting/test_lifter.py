from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bodies import (
    HALPE,
    SIZE,
    body_in_camera,
    facing_of,
    frame_of,
    painted,
    pinhole,
    poses_of,
    tracks_of,
)

from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import Camera, PositionSource, TrackState
from alphapose_ros.lifting import Ground, build_lifter
from alphapose_ros.lifting.facing import MAX_STD
from alphapose_ros.lifting.hips import SURFACE_M
from alphapose_ros.lifting.lifter import DOUBT_S, PREDICT_S, TURN_STD

DT_S = 1 / 15


def lifter_of(name="depth", **settings):
    return build_lifter(LiftingConfig(name=name, depth_noise=0.002, **settings))


def seen_at(places, turn=0.0, states=None, ids=None):
    """Tracks, and the depth in which they are seen: boards SURFACE_M before the hips."""
    poses = poses_of([body_in_camera(turn, place) for place in places])
    depth = painted(poses, [place[2] - SURFACE_M for place in places])
    return tracks_of(poses, ids, states), depth


def walk(lifter, places, start_s=0.0, noise=0.0, seed=0):
    rng, found = np.random.default_rng(seed), []
    for step, place in enumerate(places):
        tracks, depth = seen_at([place])
        depth = depth + rng.normal(0, noise, SIZE).astype(np.float32) if noise else depth
        found.append(lifter(tracks, frame_of(depth, start_s + step * DT_S)))
    return found


def lost(lifter, stamp_s, ids=(1,), state=TrackState.LOST):
    tracks, depth = seen_at([[0, 0, 3.0]] * len(ids), states=[state] * len(ids), ids=list(ids))
    return lifter(tracks, frame_of(np.full_like(depth, np.nan), stamp_s))


def test_none_is_no_lifter():
    assert build_lifter(LiftingConfig()) is None


def test_all_fields_are_filled():
    places = [[-0.6, 0.1, 3.0], [0.7, 0.1, 4.0]]
    tracks, depth = seen_at(places, turn=0.5)
    lifter = lifter_of()
    lifter(tracks, frame_of(depth))
    found = lifter(tracks, frame_of(depth, DT_S))
    np.testing.assert_allclose(found.positions, places, atol=0.03)
    assert (found.position_sources == PositionSource.DEPTH).all()
    assert (np.linalg.eigvalsh(found.position_covariances) > 0).all()
    np.testing.assert_allclose(found.velocities, 0, atol=1e-6)
    assert (np.linalg.eigvalsh(found.velocity_covariances) > 0).all()
    assert (found.facings @ facing_of(0.5) > 0.9).all() and (found.facing_stds < 0.5).all()
    assert np.isfinite(found.poses.keypoints_3d[:, 0]).all()
    assert (found.ids == tracks.ids).all()


def test_the_velocity_is_that_of_the_walk_and_nothing_lags():
    places = [[-1 + 1.2 * step * DT_S, 0, 3.5 - 0.5 * step * DT_S] for step in range(30)]
    last = walk(lifter_of(), places)[-1]
    np.testing.assert_allclose(last.velocities[0], [1.2, 0, -0.5], atol=0.1)
    np.testing.assert_allclose(last.positions[0], places[-1], atol=0.03)


def test_at_rest_noise_is_smoothed():
    places = [[0, 0, 3.0]] * 40
    steady, raw = (walk(lifter_of(smoothing_hz=hz), places, noise=0.1) for hz in (1.5, 0.0))
    steady, raw = (np.array([t.positions[0, 2] for t in found[10:]]) for found in (steady, raw))
    assert steady.std() < 0.6 * raw.std()


def test_the_covariance_holds_what_cannot_be_averaged_out():
    found = walk(lifter_of(), [[0, 0, 3.0]] * 40, noise=0.02)
    first, last = (np.sqrt(found[i].position_covariances[0, 2, 2]) for i in (0, -1))
    assert 0.04 <= last < first + 0.01  # never surer than where the hips lie within the body


def test_the_lost_are_predicted_less_and_less_surely_and_then_nowhere():
    lifter = lifter_of()
    places = [[-1 + step * DT_S, 0, 3.0] for step in range(20)]
    walk(lifter, places)
    seen_s = 19 * DT_S
    early, late = lost(lifter, seen_s + 0.3), lost(lifter, seen_s + 0.9)
    np.testing.assert_allclose(late.positions[0] - early.positions[0], [0.6, 0, 0], atol=0.06)
    assert np.trace(late.position_covariances[0]) > 2 * np.trace(early.position_covariances[0])
    assert late.position_sources[0] == PositionSource.DEPTH
    gone = lost(lifter, seen_s + PREDICT_S + 0.1)
    assert np.isnan(gone.positions).all() and np.isnan(gone.velocities).all()
    assert gone.position_sources[0] == PositionSource.NONE


def test_who_comes_back_is_where_it_is_seen():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 10)
    lost(lifter, 2.0)
    back = walk(lifter, [[0.8, 0, 3.0]], start_s=3.0)[0]
    np.testing.assert_allclose(back.positions[0], [0.8, 0, 3.0], atol=0.1)


def test_states_follow_ids_and_not_rows():
    lifter = lifter_of()
    left, right = [-0.6, 0, 3.0], [0.7, 0, 4.0]
    for step in range(5):
        pair = ([left, right], [1, 2]) if step % 2 else ([right, left], [2, 1])
        tracks, depth = seen_at(pair[0], ids=pair[1])
        found = lifter(tracks, frame_of(depth, step * DT_S))
        np.testing.assert_allclose(found.positions, pair[0], atol=0.03)
    assert np.linalg.norm(found.velocities, axis=1).max() < 0.01


def test_a_removed_track_is_forgotten():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 5)
    lost(lifter, 0.4, state=TrackState.REMOVED)
    assert np.isnan(lost(lifter, 0.45).positions).all()


def test_one_wild_measurement_is_left_out_and_many_are_believed():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 10)
    wild = walk(lifter, [[0, 0, 5.0]], start_s=10 * DT_S)[0]
    assert wild.positions[0, 2] == pytest.approx(3, abs=0.05)
    steps = int(DOUBT_S / DT_S) + 3
    moved = walk(lifter, [[0, 0, 5.0]] * steps, start_s=11 * DT_S)[-1]
    assert moved.positions[0, 2] == pytest.approx(5, abs=0.05)
    assert not np.abs(moved.velocities[0]).max() > 1


def facings_of(lifter, turns):
    found = []
    for step, turn in enumerate(turns):
        tracks, depth = seen_at([[0, 0, 3.0]], turn=turn)
        found.append(lifter(tracks, frame_of(depth, step * DT_S)).facings[0])
    return np.array(found)


def test_a_back_taken_for_a_chest_now_and_then_turns_nobody():
    back = [np.pi] * 16
    found = facings_of(lifter_of(), [*back, 0, *back, *[0] * 10, np.pi])
    assert (found @ facing_of(np.pi) > 0.8).all()


def test_who_was_seen_the_wrong_way_round_at_first_is_put_right():
    found = facings_of(lifter_of(), [*[0] * 6, *[np.pi] * 10])
    assert found[-1] @ facing_of(np.pi) > 0.9


def test_who_turns_round_is_followed():
    turns = np.linspace(0, np.pi, 16)  # in a good second
    found = facings_of(lifter_of(), [*[0] * 20, *turns, np.pi, np.pi])
    assert found[-1] @ facing_of(np.pi) > 0.9


def with_only(tracks, *names):
    """The tracks of whom nothing but keypoints ``names`` is seen."""
    keypoints = tracks.poses.keypoints.copy()
    keypoints[:, [row for row, name in enumerate(HALPE.names) if name not in names], 2] = 0
    return replace(tracks, poses=replace(tracks.poses, keypoints=keypoints))


@pytest.mark.parametrize("name", ["depth", "ground"])
def test_of_whom_only_a_place_is_known_no_facing_is(name):
    lifter = lifter_of(name)
    for step in range(5):
        tracks, depth = seen_at([[0.2, 0.12, 3.0]])
        tracks = with_only(tracks, "left_ankle", "right_ankle")
        found = lifter(tracks, frame_of(depth, step * DT_S), Ground.from_pitch(1.0))
        assert np.isfinite(found.positions).all()
        assert np.isnan(found.facings).all() and np.isnan(found.facing_stds).all()


@pytest.mark.parametrize("hz", [5, 15, 60])
@pytest.mark.parametrize("is_seen", [True, False])
def test_a_facing_grows_less_sure_with_time_and_then_is_unknown(hz, is_seen):
    lifter = lifter_of()
    known = walk(lifter, [[0, 0, 3.0]] * 10)[-1]
    seen_s, std = 9 * DT_S, known.facing_stds[0]
    assert std < 0.5
    for step in range(1, hz + 1):
        if is_seen:  # but not its shoulders, hips, face or feet
            tracks, depth = seen_at([[0, 0, 3.0]])
            tracks = with_only(tracks, "left_knee", "right_knee")
            found = lifter(tracks, frame_of(depth, seen_s + step / hz))
        else:
            found = lost(lifter, seen_s + step / hz)
        # By hand: people turn at 2 rad/s, give or take.
        want = np.hypot(std, TURN_STD * step / hz)
        if want > MAX_STD:
            assert np.isnan(found.facings).all() and np.isnan(found.facing_stds).all()
            continue
        assert found.facing_stds[0] == pytest.approx(want, rel=1e-3)
        np.testing.assert_allclose(found.facings, known.facings, atol=1e-6)
    assert np.isnan(found.facings).all()  # a second later at the latest


def test_a_facing_comes_back_when_it_is_seen_again():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 10)
    lost(lifter, 9 * DT_S + 0.8)
    again = walk(lifter, [[0, 0, 3.0]], start_s=9 * DT_S + 0.9)[0]
    assert again.facings[0] @ facing_of(0) > 0.9


@pytest.mark.parametrize("name", ["depth", "ground", "auto"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("first", [0, 3])
def test_one_box_that_is_none_costs_one_frame(name, value, first):
    lifter = lifter_of(name)
    for step in range(8):
        tracks, depth = seen_at([[0.2, 0.12, 3.0]])
        if step == first:
            boxes = np.full_like(tracks.poses.boxes, value)
            tracks = replace(tracks, poses=replace(tracks.poses, boxes=boxes))
        with np.errstate(invalid="ignore", over="ignore"):
            found = lifter(tracks, frame_of(depth, step * DT_S), Ground.from_pitch(1.0))
        is_there = np.isfinite(found.positions).all(axis=1)
        assert (is_there == (found.position_sources != PositionSource.NONE)).all()
        assert (is_there == np.isfinite(found.position_covariances).all(axis=(1, 2))).all()
        assert is_there[0] or step == first
    assert np.isfinite(found.velocities).all()
    np.testing.assert_allclose(found.positions[0], [0.2, 0.12, 3.0], atol=0.25)


def test_position_covariance_and_source_are_known_together():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 3)
    lifter._states["lasting"] = np.nan  # however that may come about
    found = lost(lifter, 3 * DT_S)
    assert np.isnan(found.positions).all() and np.isnan(found.position_covariances).all()
    assert found.position_sources[0] == PositionSource.NONE


def test_from_the_ground_nobody_beyond_the_farthest_range_has_a_position():
    place = np.array([0.2, 0.12, 3.0])
    tracks, _ = seen_at([place])
    ground, metres = Ground.from_pitch(1.0), np.linalg.norm(place)
    for range_m, is_there in ((metres + 0.4, True), (metres - 0.4, False)):
        found = lifter_of("ground", max_range_m=range_m)(tracks, frame_of(None), ground)
        assert np.isfinite(found.positions).all() == is_there


@pytest.mark.parametrize("camera", [True, None])
def test_without_depth_or_camera_nothing_is_known(camera):
    tracks, depth = seen_at([[0, 0, 3.0]])
    frame = frame_of(depth if camera is None else None, camera=camera)
    found = lifter_of()(tracks, frame)
    for values in (found.positions, found.velocities, found.facings, found.facing_stds):
        assert np.isnan(values).all()
    assert np.isnan(found.poses.keypoints_3d).all()
    assert (found.position_sources == PositionSource.NONE).all()


def test_a_frame_without_depth_goes_on_by_prediction():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 5)
    tracks, _ = seen_at([[0, 0, 3.0]])
    found = lifter(tracks, frame_of(None, 5 * DT_S))
    assert found.positions[0, 2] == pytest.approx(3, abs=0.05)


def test_the_ground_takes_over_where_depth_says_nothing():
    place = [0.2, 0.12, 3.0]  # hips 0.88 m above the floor, the camera 1 m
    tracks, depth = seen_at([place])
    ground = Ground.from_pitch(1.0)
    for name, image, want in (
        ("auto", depth, PositionSource.DEPTH),
        ("auto", None, PositionSource.GROUND),
        ("ground", depth, PositionSource.GROUND),
    ):
        found = lifter_of(name)(tracks, frame_of(image), ground)
        assert found.position_sources[0] == want
        np.testing.assert_allclose(found.positions[0], place, atol=0.25)
    by_settings = lifter_of("ground", camera_height_m=1.0)(tracks, frame_of(None))
    np.testing.assert_allclose(by_settings.positions, found.positions)
    sure = lifter_of("auto")(tracks, frame_of(depth), ground).position_covariances[0]
    assert np.trace(found.position_covariances[0]) > 4 * np.trace(sure)
    assert np.isnan(lifter_of("ground")(tracks, frame_of(depth)).positions).all()


def test_the_camera_of_another_size_is_scaled_or_refused():
    tracks, depth = seen_at([[0, 0, 3.0]])
    half = pinhole()
    k = half.matrix / 2
    k[:2, 2] -= 0.25
    k[2, 2] = 1
    half = Camera(matrix=k, distortion=np.zeros(5), width=320, height=240)
    found = lifter_of()(tracks, frame_of(depth, camera=half))
    np.testing.assert_allclose(found.positions[0], [0, 0, 3], atol=0.03)
    with pytest.raises(ValueError, match=r"640 x 480 .* 640 x 400"):
        lifter_of()(tracks, frame_of(depth, camera=replace(half, width=640, height=400)))


def test_stamps_that_go_back_a_little_are_endured_and_a_jump_starts_afresh():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 5, start_s=100.0)
    little = walk(lifter, [[0, 0, 3.0]], start_s=100.1)[0]
    assert np.isfinite(little.velocities).all()
    afresh = walk(lifter, [[0, 0, 4.0]], start_s=3.0)[0]
    np.testing.assert_allclose(afresh.positions[0], [0, 0, 4.0], atol=0.03)
    assert np.isnan(afresh.velocities).all()


def test_settings_may_change_and_reset_forgets():
    lifter = lifter_of()
    walk(lifter, [[0, 0, 3.0]] * 3)
    lifter.config = LiftingConfig(name="depth", max_range_m=2.0)
    tracks, depth = seen_at([[0, 0, 3.0]])
    assert np.isnan(lifter(tracks, frame_of(depth, 3 * DT_S)).poses.keypoints_3d).all()
    lifter.reset()
    assert np.isnan(lost(lifter, 0.3).positions).all()


def test_nobody_is_no_special_case():
    lifter = lifter_of("auto")
    tracks, depth = seen_at([[0, 0, 3.0]])
    for step in range(3):
        found = lifter(tracks[:0], frame_of(depth, step * DT_S), Ground.from_pitch(1.0))
        assert found.positions.shape == (0, 3) and found.velocity_covariances.shape == (0, 3, 3)
