import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import follow_me as benchmark
import follow_me_world as world

from alphapose_ros.following.records import TargetStatus


@pytest.fixture(scope="module")
def moments():
    return benchmark.main([])


def test_the_robot_follows_the_same_person_to_the_end(moments):
    figures = benchmark.report(moments)
    assert figures["followed_to_the_end"] == 1
    assert figures["wrong"] == 0
    assert figures["told"] > 140
    assert abs(figures["end_distance"] - 2.0) < 0.3
    start, end = moments[0].robot, moments[-1].robot
    assert np.hypot(end.x - start.x, end.z - start.z) > 5


def test_who_crosses_between_hides_the_target_and_is_not_taken(moments):
    crossing = [m for m in moments if 4 < m.time_s < 8]
    assert min(m.shares[world.TARGET] for m in crossing) == 0
    assert crossing[-1].state.status == TargetStatus.TRACKING


def test_while_the_target_is_hidden_there_is_silence_and_the_robot_stands(moments):
    figures = benchmark.report(moments)
    assert figures["hidden_for"] >= 3
    assert figures["silent_for"] >= figures["hidden_for"] - 0.5  # predict_s and a frame
    assert figures["moving_in_silence"] == 0
    hidden = [m for m in moments if m.state.position is None and m.time_s > 10]
    assert {m.state.status for m in hidden} == {TargetStatus.LOST, TargetStatus.REIDENTIFYING}
    assert hidden[-1].state.time_since_seen_s > 3


def test_the_look_alike_who_comes_meanwhile_is_seen_and_not_taken(moments):
    assert benchmark.report(moments)["stranger_seen_for"] > 2
    tracks = [m.seen.tracks for m in moments if m.state.status == TargetStatus.LOST]
    strangers = [t.person_ids[t.detection_rows >= 0] for t in tracks]
    assert max(np.concatenate(strangers)) == 3  # known as the third person there is


def test_the_target_is_found_again_soon_and_is_the_same_person(moments):
    assert benchmark.report(moments)["found_after"] < 2.5
    persons = {m.state.person_id for m in moments if m.state.status == TargetStatus.TRACKING}
    assert persons - {-1} == {1}


def test_a_follower_without_a_fresh_goal_stops():
    follower, robot = world.Follower(timeout_s=0.5), world.Robot()
    assert follower.command(robot, 0.0) == (0.0, 0.0)
    follower.hear(np.array([0.0, 1.0, 0.0]), 1.0)  # 4 m ahead
    assert follower.command(robot, 1.4)[0] > 0
    assert follower.command(robot, 1.6) == (0.0, 0.0)


def test_the_robot_drives_where_it_looks():
    robot = world.Robot(x=0.0, z=0.0, yaw=0.0)
    for _ in range(50):
        robot = robot.drive(1.0, 0.0, 0.1)
    assert robot.x == 0
    assert -5.0 < robot.z < -4.5  # along -z, less the time to speed up
    right = world.Robot(yaw=np.pi / 2).drive(1.0, 0.0, 0.1)
    assert right.x > 0
    np.testing.assert_allclose(right.ahead, [1, 0, 0], atol=1e-12)


def test_metres_of_the_camera_become_metres_of_the_world(moments):
    moment = moments[-1]
    where = moment.state.position[[0, 2]]
    assert np.linalg.norm(where - moment.places[world.TARGET]) < 0.2


def test_the_run_can_be_drawn(moments, tmp_path):
    benchmark.write_gif(moments[:40], tmp_path / "run.gif")
    assert (tmp_path / "run.gif").read_bytes()[:6] == b"GIF89a"
