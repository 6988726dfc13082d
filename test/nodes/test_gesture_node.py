"""The gesture node in a process of its own: people hold their arms as told, and it answers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped, Vector3
from made_poses import HANGING, RANGE_M, person, seen, unit
from made_tracks import somebody, tracks_of
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from stand_ins import tf2_ros as stand_in
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from alphapose_ros import from_numpy, skeleton
from alphapose_ros.following.gestures import Gesture as Kind
from alphapose_ros.frame import TrackState
from alphapose_ros.msg import Gesture, GestureArray, SkeletonDefinition, TrackedPersonArray

DT_S = 0.1
PLACE_M = (5.0, 1.0, 2.0)
UP = ((0.5, -0.5, 0.0), (0.0, -1.0, 0.0))
FORWARD = ((0.0, 0.1, -1.0), (0.0, 0.1, -1.0))
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Reader:
    """A gesture node, before which people are shown image by image."""

    def __init__(self, graph, *arguments, start_s=100.0, **parameters):
        self.graph, self.now_s = graph, start_s
        self.process = graph.start("gesture_node", *arguments, **parameters)
        self.tracks = graph.node.create_publisher(TrackedPersonArray, "tracks", 50)
        self.skeletons = graph.node.create_publisher(SkeletonDefinition, "skeleton", LATCHED)
        self.heard = graph.listen(GestureArray, "gestures")
        graph.spin_until(self.tracks.get_subscription_count)
        graph.spin_until(lambda: graph.node.count_publishers("gestures"))
        graph.spin_until(self.is_heard)

    def is_heard(self):
        self.publish(tracks_of())
        self.graph.spin_for(0.1)
        return self.heard

    def publish(self, tracks, frame_id="camera", image_frame_id="camera"):
        header = Header(frame_id=image_frame_id)
        header.stamp.sec, header.stamp.nanosec = divmod(round(self.now_s * 1e9), 10**9)
        message = from_numpy(tracks, TrackedPersonArray, header)
        message.header = Header(stamp=header.stamp, frame_id=frame_id)
        self.tracks.publish(message)
        return message

    def show(self, tracks, step_s=DT_S, **frames):
        """Show one image; return the answer to it."""
        self.now_s += step_s
        asked = self.publish(tracks, **frames)
        self.graph.spin_until(lambda: self.heard[-1].header == asked.header)
        return self.heard[-1]

    def show_for(self, seconds, tracks, **frames):
        """Show somebody who holds still; return seconds and gesture of every row told."""
        began_s, told = self.now_s, []
        for _ in range(round(seconds / DT_S)):
            rows = self.show(tracks, **frames).gestures
            told += [(round(self.now_s - began_s, 3), row) for row in rows]
        return told


def seconds(stamp):
    return stamp.sec + stamp.nanosec / 1e9


def kinds(told):
    return {(row.gesture, row.hand) for _, row in told}


def test_the_numbers_of_messages_and_of_the_library_are_the_same():
    assert {kind.name: kind.value for kind in Kind} == {
        name: getattr(Gesture, name) for name in ("HAND_RAISED", "WAVE", "STOP", "POINTING")
    }
    assert (Gesture.LEFT, Gesture.RIGHT) == (1, 2)


def test_a_hand_that_is_held_up_is_new_once_and_lasts(graph):
    reader = Reader(graph, **{"gestures.hold_s": 0.5})
    told = reader.show_for(1.0, seen(person(UP), track_id=7))
    assert [time for time, _ in told] == [0.6, 0.7, 0.8, 0.9, 1.0]  # seen first at 0.1 s
    rows = [row for _, row in told]
    assert [row.is_new for row in rows] == [True, False, False, False, False]
    assert kinds(told) == {(Gesture.HAND_RAISED, Gesture.LEFT)}
    assert {row.track_id for row in rows} == {7}
    assert {round(seconds(row.since), 3) for row in rows} == {100.1}
    assert np.isnan([rows[0].origin.x, rows[0].direction.z]).all()
    told = reader.show_for(0.6, seen(person(), track_id=7))  # down; then up again
    assert [time for time, _ in told] == [0.1, 0.2]  # as long as it might be a gap
    told = reader.show_for(0.7, seen(person(UP), track_id=7))
    assert [row.is_new for _, row in told] == [True, False]


def test_each_person_and_each_hand_has_a_row_of_its_own(graph):
    reader = Reader(graph)
    one, other = seen(person(UP, UP), track_id=1), seen(person(HANGING, UP), track_id=2)
    rows = [0, 1]
    both = tracks_of(somebody(1), somebody(2, person_id=5))
    keypoints = np.concatenate((one.poses.keypoints, other.poses.keypoints))
    both = replace(both, poses=replace(both.poses, keypoints=keypoints))[rows]
    told = reader.show_for(0.6, both)
    assert [(row.track_id, row.person_id, row.hand) for _, row in told] == [
        *((1, "", Gesture.LEFT), (1, "", Gesture.RIGHT), (2, "5", Gesture.RIGHT))
    ]


def test_a_wave_is_told_while_the_hand_goes_to_and_fro(graph):
    reader, told = Reader(graph), []
    for number in range(30):
        lean = 0.5 * np.sin(2 * np.pi * 1.25 * number * DT_S)
        rows = reader.show(seen(person(((0.6, -0.1, 0.0), (lean, -1.0, 0.0))))).gestures
        told += [(number * DT_S, row) for row in rows if row.gesture == Gesture.WAVE]
    assert kinds(told) == {(Gesture.WAVE, Gesture.LEFT)}
    # The hand turns at 0.2 s and every 0.4 s from then on; three turns make a wave.
    assert 1.0 <= told[0][0] <= 1.6
    assert [row.is_new for _, row in told] == [True] + [False] * (len(told) - 1)
    assert len({seconds(row.since) for _, row in told}) == 1
    assert 0.2 <= seconds(told[0][1].since) - 100.1 <= 0.6
    assert told[-1][0] == pytest.approx(2.9)
    assert all(time <= 0.3 for time, _ in reader.show_for(3.0, seen(person())))  # a gap


@pytest.mark.parametrize(("hand", "arms"), [(1, (FORWARD, HANGING)), (2, (HANGING, FORWARD))])
def test_a_palm_held_out_says_stop(graph, hand, arms):
    palm = ("left", "right")[hand - 1]
    told = Reader(graph).show_for(0.6, seen(person(*arms, palms=(palm,))))
    assert [(time, row.gesture, row.hand) for time, row in told] == [(0.6, Gesture.STOP, hand)]


@pytest.mark.parametrize("towards", [(0.8, 0.3, -0.5), (0.9, -0.1, 0.4), (0.5, 0.2, -0.8)])
def test_an_arm_points_where_it_is_stretched(graph, towards):
    reader = Reader(graph, **{"gestures.pointing_from": "shoulder"})
    towards = unit(towards)
    told = reader.show_for(0.6, seen(person((towards, towards)), in_space=True))
    assert kinds(told) == {(Gesture.POINTING, Gesture.LEFT)}
    origin, direction = told[-1][1].origin, told[-1][1].direction
    np.testing.assert_allclose([origin.x, origin.y, origin.z], (0.2, -0.5, RANGE_M), atol=1e-5)
    found = np.array([direction.x, direction.y, direction.z])
    assert np.linalg.norm(found) == pytest.approx(1)
    assert np.degrees(np.arccos(min(found @ towards, 1.0))) < 2
    assert reader.show_for(0.6, seen(person((towards, towards)))) == []  # without depth


def test_in_another_frame_the_direction_is_told_in_that_frame(graph):
    """x ahead, y to the left, z up, as of a robot; hips hidden, so that `down` matters."""
    reader = Reader(graph, **{"gestures.pointing_from": "shoulder"})
    turn = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    towards = unit((1.0, 0.1, 0.0))
    points = person((towards, towards))
    points[[skeleton("halpe_136").index(f"{side}_hip") for side in ("left", "right")]] = np.nan
    tracks = seen(points, in_space=True)
    lifted = tracks.poses.keypoints_3d @ turn.T + [0.0, 0.0, 1.2]
    tracks = replace(tracks, poses=replace(tracks.poses, keypoints_3d=lifted))
    told = reader.show_for(0.6, tracks, frame_id="odom")
    assert kinds(told) == {(Gesture.POINTING, Gesture.LEFT)}
    found = told[-1][1].direction
    np.testing.assert_allclose([found.x, found.y, found.z], turn @ towards, atol=1e-5)
    assert reader.heard[-1].header.frame_id == "odom"


def pressed_flat():
    """Somebody whose palm looks held out in the picture, and is not by its depth."""
    tracks = seen(person(FORWARD, palms=("left",)), in_space=True)
    lifted = tracks.poses.keypoints_3d.copy()
    lifted[0, skeleton("halpe_136").index("left_wrist"), 2] = RANGE_M
    lifted += PLACE_M  # of the camera in odom, which has its axes here
    return replace(tracks, poses=replace(tracks.poses, keypoints_3d=lifted))


def test_how_far_a_palm_is_held_out_is_told_by_tf(graph, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent), prepend=os.pathsep)
    reader = Reader(graph)
    told = reader.show_for(0.6, pressed_flat(), frame_id="odom")  # TF does not say yet
    assert kinds(told) == {(Gesture.STOP, Gesture.LEFT)}
    tf = graph.node.create_publisher(TransformStamped, "tf_for_test", 10)
    graph.spin_until(tf.get_subscription_count)
    transform = TransformStamped(header=Header(frame_id="odom"), child_frame_id="camera")
    transform.transform.translation = Vector3(**dict(zip("xyz", PLACE_M, strict=True)))
    tf.publish(transform)
    graph.spin_for(0.3)
    told = reader.show_for(1.5, pressed_flat(), frame_id="odom")
    assert all(time <= 0.3 for time, _ in told)  # a gap
    _, said = graph.end(reader.process)
    assert said.count("no transform from 'camera' to 'odom' at the stamp of the image") == 1


def test_without_tf_palms_are_told_by_the_picture_and_that_is_said_once(graph):
    reader = Reader(graph)
    told = reader.show_for(0.8, pressed_flat(), frame_id="odom")
    assert kinds(told) == {(Gesture.STOP, Gesture.LEFT)}
    _, said = graph.end(reader.process)
    assert said.count("tf2_ros is not installed") == 1


def test_a_clock_that_stands_still_stops_nothing(graph):
    reader = Reader(graph, use_sim_time=True)
    assert [time for time, _ in reader.show_for(0.6, seen(person(UP)))] == [0.6]


def test_nobody_and_people_who_do_nothing_yield_empty_messages_under_the_header(graph):
    reader = Reader(graph)
    for tracks in (tracks_of(), seen(person())):
        answer = reader.show(tracks)
        assert (answer.header.frame_id, list(answer.gestures)) == ("camera", [])
        assert seconds(answer.header.stamp) == pytest.approx(reader.now_s)


def test_who_is_lost_or_removed_says_nothing(graph):
    reader = Reader(graph)
    assert reader.show_for(0.6, seen(person(UP)))
    for state in (TrackState.LOST, TrackState.REMOVED):
        assert not reader.show(tracks_of(somebody(1, state=state))).gestures


def test_stamps_that_go_back_begin_anew(graph):
    reader = Reader(graph)
    assert reader.show_for(0.6, seen(person(UP)))
    reader.now_s -= 50
    told = reader.show_for(0.6, seen(person(UP)))
    assert [(time, row.is_new) for time, row in told] == [(0.6, True)]
    code, said = graph.end(reader.process)
    assert code == 0
    assert "stamps went back" in said


def test_settings_change_while_it_runs_and_wrong_ones_are_refused(graph):
    reader = Reader(graph)
    client = graph.node.create_client(SetParameters, "gesture_node/set_parameters")
    graph.spin_until(client.service_is_ready)

    def change(name, value):
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
        request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        future = client.call_async(request)
        graph.spin_until(future.done)
        (result,) = future.result().results
        return result.successful, result.reason

    assert change("gestures.hold_s", 0.2) == (True, "")
    assert [time for time, _ in reader.show_for(0.4, seen(person(UP)))] == [0.3, 0.4]
    ok, reason = change("gestures.hold_s", -1.0)
    assert (ok, "0.05" in reason) == (False, True)
    ok, reason = change("gestures.holds", 0.4)
    assert not ok
    assert "did you mean gestures.hold_s" in reason
    assert reader.show(seen(person(UP))).gestures

    describe = graph.node.create_client(DescribeParameters, "gesture_node/describe_parameters")
    graph.spin_until(describe.service_is_ready)
    future = describe.call_async(DescribeParameters.Request(names=["gestures.gap_s"]))
    graph.spin_until(future.done)
    (found,) = future.result().descriptors
    assert found.description == "Longest gap that does not end a gesture [s]"
    assert found.floating_point_range[0].to_value == 5.0


def test_a_file_of_the_pose_node_serves_it_too(graph, root, tmp_path):
    text = (root / "config/pose.yaml").read_text()
    assert "    hold_s: 0.5\n" in text
    file = tmp_path / "pose.yaml"
    changed = text.replace("    hold_s: 0.5\n", "    hold_s: 0.3\n")
    file.write_text(changed.replace("    device:", "    devise: x\n    device:"))
    reader = Reader(graph, "--ros-args", "--params-file", str(file))
    client = graph.node.create_client(GetParameters, "gesture_node/get_parameters")
    graph.spin_until(client.service_is_ready)
    future = client.call_async(GetParameters.Request(names=["gestures.hold_s"]))
    graph.spin_until(future.done)
    assert future.result().values[0].double_value == 0.3
    _, said = graph.end(reader.process)
    assert "'devise'" in said
    assert said.count("parameter ignored") == 1


def test_a_wrong_value_at_the_start_ends_it_with_the_reason(graph):
    process = graph.start("gesture_node", **{"gestures.pointing_from": "nose"})
    graph.processes.remove(process)
    said, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "gestures.pointing_from: 'nose' is none of eyes, shoulder, elbow" in said


def of_skeleton(definition, people=1):
    """Return people as they are, called those of another skeleton."""
    tracks = seen(person(UP))
    keypoints = np.full((1, len(definition.names), 3), 0.9, np.float32)
    poses = replace(tracks.poses, skeleton=definition, keypoints=keypoints, keypoints_3d=None)
    return replace(tracks, poses=poses)


def test_people_without_wrists_are_told_of_once_and_others_go_on(graph):
    reader, face = Reader(graph), skeleton("face_68")
    for _ in range(3):
        reader.now_s += DT_S
        reader.publish(of_skeleton(face))
    assert [time for time, _ in reader.show_for(0.6, seen(person(UP)))] == [0.6]
    _, said = graph.end(reader.process)
    assert said.count("no gestures: skeleton 'face_68' has no left_shoulder") == 1
    assert "Take a pose model" in said


def test_a_skeleton_of_somebody_elses_is_taken_from_the_topic(graph):
    """All rows in another order, under a name that nobody knows here."""
    reader, ours = Reader(graph), skeleton("halpe_136")
    turned = replace(ours, id="mine", names=ours.names[::-1], groups={"all": (0, 136)})
    tracks = seen(person(UP))
    poses = replace(tracks.poses, skeleton=turned, keypoints=tracks.poses.keypoints[:, ::-1])
    tracks = replace(tracks, poses=poses)
    reader.publish(tracks)
    reader.publish(tracks)
    graph.spin_for(0.5)
    reader.skeletons.publish(from_numpy(turned, SkeletonDefinition))
    graph.spin_for(0.5)
    assert kinds(reader.show_for(0.6, tracks)) == {(Gesture.HAND_RAISED, Gesture.LEFT)}
    _, said = graph.end(reader.process)
    assert said.count("people are of skeleton 'mine', which is not known here") == 1


def test_an_error_and_then_a_warning_are_both_told(graph):
    """To rclpy a line of code has one severity for good."""
    reader, tracks = Reader(graph), seen(person(UP))
    reader.publish(of_skeleton(skeleton("face_68")))  # an error
    reader.publish(of_skeleton(skeleton("mpii_16")))  # a warning: some gestures only
    assert [time for time, _ in reader.show_for(0.6, tracks)] == [0.6]
    code, said = graph.end(reader.process)
    assert code == 0
    assert "[ERROR]" in said
    assert "[WARN]" in said
    assert "Traceback" not in said


def test_ids_beyond_those_of_markers_are_survived(graph):
    reader = Reader(graph)
    markers = graph.listen(MarkerArray, "gesture_markers")
    graph.spin_until(lambda: graph.node.count_publishers("gesture_markers"))
    towards = unit((0.8, 0.3, -0.5))
    tracks = replace(seen(person((towards, towards)), in_space=True), ids=np.array([2**62 + 5]))
    reader.show_for(0.6, tracks)
    graph.spin_until(lambda: markers and markers[-1].markers)
    assert markers[-1].markers[0].id // 2 == 5


def test_damaged_people_and_skeletons_are_survived(graph):
    reader = Reader(graph)
    reader.skeletons.publish(SkeletonDefinition(id="bad", keypoint_names=["nose"], edges=[0, 7]))
    damaged = from_numpy(seen(person(UP)), TrackedPersonArray, Header())
    damaged.people[0].pose.keypoints = [1.0, 2.0, 0.5]
    reader.tracks.publish(damaged)
    assert [time for time, _ in reader.show_for(0.6, seen(person(UP)))] == [0.6]
    _, said = graph.end(reader.process)
    assert "people cannot be read" in said
    assert "skeleton 'bad' cannot be read" in said


def test_an_arrow_is_drawn_where_somebody_points_and_goes_again(graph):
    reader = Reader(graph)
    markers = graph.listen(MarkerArray, "gesture_markers")
    graph.spin_until(lambda: graph.node.count_publishers("gesture_markers"))

    def shown():
        reader.show(seen(person()))
        graph.spin_for(0.1)
        return markers

    graph.spin_until(shown)
    towards = unit((0.8, 0.3, -0.5))
    reader.show_for(0.6, seen(person((towards, towards)), in_space=True))
    graph.spin_until(lambda: markers[-1].markers)
    (arrow,) = markers[-1].markers
    assert (arrow.type, arrow.action) == (Marker.ARROW, Marker.ADD)
    start, stop = (np.array([point.x, point.y, point.z]) for point in arrow.points)
    row = reader.heard[-1].gestures[0].direction
    np.testing.assert_allclose(unit(stop - start), (row.x, row.y, row.z), atol=1e-9)
    count = len(markers)
    reader.show_for(0.6, seen(person(), in_space=True))
    graph.spin_until(lambda: len(markers) >= count + 6)
    gone = [marker for message in markers[count:] for marker in message.markers]
    assert (arrow.id, Marker.DELETE) in {(marker.id, marker.action) for marker in gone}
    assert markers[-1].markers == []
