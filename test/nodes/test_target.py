"""The one person who is followed: services and topics of a node in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from made_tracks import somebody, tracks_of
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rgbd_rig import RANGE_M, Rig, depth_of, plane
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from alphapose_ros.config import GestureConfig, TargetConfig
from alphapose_ros.following.records import SelectBy, TargetState
from alphapose_ros.following.records import TargetStatus as Status
from alphapose_ros.frame import Frame, Tracks
from alphapose_ros.lifting.moving import Placed, unknown
from alphapose_ros.msg import TargetStatus
from alphapose_ros.nodes.target import Follower, to_pose, to_status, to_wish
from alphapose_ros.skeletons import skeleton
from alphapose_ros.srv import SetTarget

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


def call(graph, kind, name, request=None):
    client = graph.node.create_client(kind, f"pose_node/{name}")
    graph.spin_until(client.service_is_ready)
    future = client.call_async(request or kind.Request())
    graph.spin_until(future.done)
    graph.node.destroy_client(client)
    return future.result()


def test_the_numbers_of_messages_and_of_the_library_are_the_same():
    assert {status.name: status.value for status in Status} == {
        name: getattr(TargetStatus, name)
        for name in ("NONE", "SELECTING", "TRACKING", "LOST", "REIDENTIFYING")
    }
    assert {mode.name: mode.value for mode in SelectBy} == {
        name: getattr(SetTarget.Request, name)
        for name in ("NEAREST", "CENTRE", "TRACK_ID", "PERSON_ID", "PIXEL")
    }


def test_a_target_is_chosen_told_of_and_given_up(graph, tmp_path):
    rig = Rig(graph, tmp_path, **{"target.predict_s": 0.3})
    poses = graph.listen(PoseStamped, "target/pose", RELIABLE)
    statuses = graph.listen(TargetStatus, "target/status", RELIABLE)
    graph.spin_until(lambda: graph.node.count_publishers("target/pose"))
    rig.send_infos()

    def last():
        graph.spin_until(lambda: statuses and statuses[-1].header.stamp.sec == rig.sec)
        return statuses[-1]

    rig.show(depth_of(plane()))
    assert (last().state, last().track_id) == (TargetStatus.NONE, 0)
    assert not poses
    wrong = call(graph, SetTarget, "set_target", SetTarget.Request(mode=2, track_id=77))
    assert not wrong.success
    assert wrong.message == "track 77 is not in view; in view are 1"
    right = call(graph, SetTarget, "set_target", SetTarget.Request(mode=4, x=50.0, y=50.0))
    assert (right.success, right.track_id) == (True, 1)

    person = rig.show(depth_of(plane()))
    assert (last().state, last().track_id) == (TargetStatus.TRACKING, 1)
    assert last().header == rig.answers[-1].header
    graph.spin_until(lambda: poses)
    assert poses[-1].header == rig.answers[-1].header
    assert poses[-1].pose.position == person.position
    assert poses[-1].pose.position.z == pytest.approx(RANGE_M, abs=0.3)

    count = len(poses)
    rig.show()  # where the target is, nothing says any more
    assert last().state == TargetStatus.TRACKING
    assert len(poses) == count
    assert call(graph, Trigger, "clear_target").success
    rig.show(depth_of(plane()))
    assert (last().state, last().reason) == (TargetStatus.NONE, "cleared")
    graph.spin_for(0.2)
    assert len(poses) == count


def test_the_last_status_is_none_and_nobody_can_be_chosen_then(graph, tmp_path):
    rig = Rig(graph, tmp_path)
    statuses = graph.listen(TargetStatus, "target/status", RELIABLE)
    graph.spin_until(lambda: graph.node.count_publishers("target/status"))
    rig.show()
    assert call(graph, SetTarget, "set_target", SetTarget.Request(mode=2, track_id=1)).success
    rig.show()
    graph.spin_until(lambda: statuses and statuses[-1].state == TargetStatus.TRACKING)
    count = len(statuses)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    assert call(graph, ChangeState, "change_state", request).success
    graph.spin_until(lambda: len(statuses) > count)
    graph.spin_for(0.2)
    (word,) = statuses[count:]
    assert (word.state, word.reason) == (TargetStatus.NONE, "deactivated")
    assert word.header == statuses[count - 1].header
    answer = call(graph, SetTarget, "set_target")
    assert (answer.success, answer.message) == (False, "no image has been processed yet")


def test_a_restarted_node_finds_who_was_enrolled(graph, tmp_path):
    """The same noise in the same box is the same person to the re-ID network."""
    file = tmp_path / "owner.npz"
    settings = {"target.file": file, "reid.name": "small"}
    rig = Rig(graph, tmp_path, **settings)
    refused = call(graph, Trigger, "enroll")
    assert not refused.success
    assert "it is not known yet who the target is" in refused.message
    rig.show()
    assert call(graph, SetTarget, "set_target", SetTarget.Request(mode=2, track_id=1)).success
    for _ in range(20):
        if rig.show().person_id:
            break
    assert rig.show().person_id == "1"
    answer = call(graph, Trigger, "enroll")
    assert (answer.success, file.is_file()) == (True, True)
    assert answer.message.startswith(f"person 1 is written to {file}")

    statuses = graph.listen(TargetStatus, "target/status", RELIABLE)
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert call(graph, ChangeState, "change_state", request).success
    graph.spin_until(rig.colour.get_subscription_count)
    for _ in range(30):
        rig.colour.publish(rig.image())
        rig.sec += 2
        graph.spin_for(0.1)
        if statuses and statuses[-1].state == TargetStatus.TRACKING:
            break
    assert (statuses[-1].state, statuses[-1].person_id) == (TargetStatus.TRACKING, "1")
    assert graph.end(rig.process)[0] == 0

    statuses = graph.listen(TargetStatus, "target/status", RELIABLE)
    again = Rig(graph, tmp_path, **settings)
    again.show()
    graph.spin_until(lambda: statuses)
    assert statuses[0].state in (TargetStatus.SELECTING, TargetStatus.REIDENTIFYING)
    for _ in range(30):
        again.show()
        graph.spin_for(0.02)
        if statuses[-1].state == TargetStatus.TRACKING:
            break
    assert statuses[-1].state == TargetStatus.TRACKING
    assert statuses[-1].person_id == "1"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"mode": 9}, "mode 9 is none of 0 NEAREST, 1 CENTRE"),
        ({"mode": 3, "person_id": "me"}, "person_id 'me' is none"),
        ({"mode": 3, "person_id": ""}, "person_id '' is none"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(fields, text):
    with pytest.raises(ValueError, match=text):
        to_wish(SetTarget.Request(**fields))


def test_a_status_says_all_of_the_state():
    state = TargetState(
        status=Status.LOST,
        track_id=3,
        person_id=2,
        confidence=0.5,
        time_since_seen_s=2.25,
        reason="hidden",
    )
    header = Header(frame_id="camera")
    message = to_status(state, header)
    since = message.time_since_seen
    assert (message.state, message.track_id, message.person_id) == (TargetStatus.LOST, 3, "2")
    assert (since.sec, since.nanosec, message.reason) == (2, 250_000_000, "hidden")
    assert to_pose(state, header) is None


def test_where_tf_fails_the_predicted_pose_stays_in_the_frame_in_which_it_was_measured():
    follower, config = Follower(TargetConfig()), TargetConfig(predict_s=0.5)
    people = tracks_of(somebody(1, at=(5.0, 2.0)))
    in_odom = Placed(people, "odom", np.zeros(3))
    in_camera = Placed(unknown(people), "front_camera", np.zeros(3))
    header = Header(frame_id="front_camera")

    def pose(placed, stamp_ns):
        image = np.zeros((480, 640, 3), np.uint8)
        frame = Frame(image=image, stamp_ns=stamp_ns, frame_id="front_camera")
        return to_pose(follower.update(placed, frame, config), header)

    assert pose(in_odom, 10**9) is None
    assert follower.set_target(SetTarget.Request(), SetTarget.Response()).success
    measured, predicted = pose(in_odom, 11 * 10**8), pose(in_camera, 12 * 10**8)
    assert (measured.header.frame_id, measured.pose.position.x) == ("odom", 5.0)
    assert predicted == measured
    assert pose(in_camera, 2 * 10**9) is None


def test_how_a_raised_hand_is_told_may_change_between_two_images():
    follower = Follower(TargetConfig())
    tracks = Tracks.empty(skeleton("coco_17"))
    frame = Frame(image=np.zeros((10, 10, 3), np.uint8))
    placed = Placed(tracks, "camera", np.zeros(3))
    changed = GestureConfig(gap_s=1.5)
    follower.update(placed, frame, TargetConfig())
    assert follower._target.gestures == GestureConfig()
    for gestures in (changed, None):
        follower.update(placed, frame, TargetConfig(), gestures)
        assert follower._target.gestures is changed
