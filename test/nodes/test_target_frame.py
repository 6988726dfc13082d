"""The target as a frame of TF: what is broadcast, and what is said where that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from geometry_msgs.msg import PoseStamped, TransformStamped
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rgbd_rig import Rig, depth_of, plane
from stand_ins import tf2_ros as stand_in

from alphapose_ros.msg import TargetStatus
from alphapose_ros.nodes.target_frame import to_transform
from alphapose_ros.srv import SetTarget


def follow_somebody(graph, rig):
    """Choose the only person, once there is one."""
    rig.send_infos()
    rig.show(depth_of(plane()))
    client = graph.node.create_client(SetTarget, "pose_node/set_target")
    graph.spin_until(client.service_is_ready)
    future = client.call_async(SetTarget.Request(mode=SetTarget.Request.TRACK_ID, track_id=1))
    graph.spin_until(future.done)
    assert future.result().success


def test_the_target_is_broadcast_under_the_stamp_of_its_image(graph, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent))
    sent = graph.listen(TransformStamped, "tf_sent_for_test", 100)
    poses = graph.listen(PoseStamped, "target/pose")
    statuses = graph.listen(TargetStatus, "target/status")
    rig = Rig(graph, tmp_path, **{"target.tf_frame": "person"})
    follow_somebody(graph, rig)
    assert not sent

    def shown():
        rig.show(depth_of(plane()))
        graph.spin_for(0.1)
        return sent

    graph.spin_until(shown)
    graph.spin_until(lambda: poses[-1].header == sent[-1].header)
    assert (sent[-1].header.frame_id, sent[-1].child_frame_id) == ("front_camera", "person")
    assert sent[-1] == to_transform(poses[-1], "person")
    assert sent[-1].header.stamp.sec == rig.sec
    at, to = poses[-1].pose.position, sent[-1].transform.translation
    assert (at.x, at.y, at.z) == (to.x, to.y, to.z)
    assert to.z > 2
    count = len(sent)
    rig.show()  # where the target is, nothing says any more
    graph.spin_until(lambda: statuses[-1].header.stamp.sec == rig.sec)
    graph.spin_for(0.3)
    assert len(sent) == count


def test_without_tf2_ros_it_is_said_once_and_all_else_goes_on(graph, tmp_path):
    rig = Rig(graph, tmp_path, **{"target.tf_frame": "person"})
    poses = graph.listen(PoseStamped, "target/pose")
    graph.spin_until(lambda: graph.node.count_publishers("target/pose"))
    follow_somebody(graph, rig)
    for _ in range(3):
        rig.show(depth_of(plane()))
    graph.spin_until(lambda: poses)
    _, said = graph.end(rig.process)
    assert said.count("no frame of the target in TF: tf2_ros cannot be imported") == 1
    assert "Traceback" not in said


def test_the_frame_of_positions_is_no_frame_for_the_target(graph, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent))
    sent = graph.listen(TransformStamped, "tf_sent_for_test", 100)
    rig = Rig(graph, tmp_path)
    client = graph.node.create_client(SetParameters, "pose_node/set_parameters")
    graph.spin_until(client.service_is_ready)
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="front_camera")
    parameter = Parameter(name="target.tf_frame", value=value)
    future = client.call_async(SetParameters.Request(parameters=[parameter]))
    graph.spin_until(future.done)
    assert future.result().results[0].successful  # live
    follow_somebody(graph, rig)
    for _ in range(3):
        rig.show(depth_of(plane()))
    graph.spin_for(0.3)
    assert not sent
    _, said = graph.end(rig.process)
    assert said.count("target.tf_frame is 'front_camera', the frame in which") == 1


@pytest.mark.parametrize("name", ["person", "target_1"])
def test_a_pose_and_its_transform_say_the_same(name):
    pose = PoseStamped()
    pose.header.frame_id, pose.header.stamp.sec = "odom", 7
    pose.pose.position.x, pose.pose.orientation.z, pose.pose.orientation.w = 1.5, 0.6, 0.8
    found = to_transform(pose, name)
    assert (found.header, found.child_frame_id) == (pose.header, name)
    assert found.transform.translation.x == 1.5
    assert found.transform.rotation == pose.pose.orientation
