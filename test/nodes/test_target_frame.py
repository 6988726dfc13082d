"""The target as a frame of TF: what is broadcast, and what is said where that cannot be."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from geometry_msgs.msg import PoseStamped, Quaternion, TransformStamped
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rgbd_rig import Rig, depth_of, plane
from stand_ins import tf2_ros as stand_in

from alphapose_ros.msg import TargetStatus
from alphapose_ros.nodes import transforms
from alphapose_ros.nodes.target_frame import TargetFrame, to_transform
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
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent), prepend=os.pathsep)
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


def test_where_tf_fails_the_pose_is_told_in_the_frame_in_which_it_was_measured(
    graph, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent), prepend=os.pathsep)
    sent = graph.listen(TransformStamped, "tf_sent_for_test", 100)
    poses = graph.listen(PoseStamped, "target/pose")
    settings = {"target_frame": "odom", "target.tf_frame": "person", "target.predict_s": 5.0}
    rig = Rig(graph, tmp_path, **settings)
    tf = graph.node.create_publisher(TransformStamped, "tf_for_test", 10)
    graph.spin_until(tf.get_subscription_count)
    camera = TransformStamped(child_frame_id="front_camera")
    camera.header.frame_id, camera.transform.translation.x = "odom", 10.0
    camera.transform.rotation = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)  # looks along x
    for sec in (1, 20):
        camera.header.stamp.sec = sec
        tf.publish(camera)
    graph.spin_for(0.2)
    follow_somebody(graph, rig)
    while rig.sec < 20:
        rig.show(depth_of(plane()))
    rig.show(depth_of(plane()))  # of a later stamp than TF knows
    assert rig.answers[-1].header.frame_id == "front_camera"
    assert not rig.answers[-1].people[0].position_valid
    graph.spin_until(lambda: sent and poses and sent[-1].header.stamp.sec == rig.sec)
    graph.spin_until(lambda: poses[-1].header == sent[-1].header)
    assert {pose.header.frame_id for pose in poses} == {"odom"}
    assert all(pose.pose.position.x > 12 for pose in poses)  # as odom has it


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
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent), prepend=os.pathsep)
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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("odom", "the frame in which positions are told"),
        ("front_camera", "the frame of the images"),
        ("/person", "names in TF begin without a slash"),
    ],
)
def test_names_that_break_the_tree_are_refused_once(name, reason, monkeypatch):
    monkeypatch.setattr(transforms, "tf2_ros", stand_in)
    log, sent = [], []
    node = SimpleNamespace(
        get_logger=lambda: SimpleNamespace(error=log.append),
        create_publisher=lambda *_: SimpleNamespace(publish=sent.append),
    )
    shown = TargetFrame(node)
    pose = PoseStamped()
    pose.header.frame_id = "odom"
    for sec in range(3):
        pose.header.stamp.sec = sec
        shown.show(pose, name, "front_camera")
    assert not sent
    (told,) = log
    assert f"target.tf_frame is {name!r}" in told
    assert reason in told
    shown.show(pose, "person", "front_camera")
    assert sent == [to_transform(pose, "person")]


@pytest.mark.parametrize("name", ["person", "target_1"])
def test_a_pose_and_its_transform_say_the_same(name):
    pose = PoseStamped()
    pose.header.frame_id, pose.header.stamp.sec = "odom", 7
    pose.pose.position.x, pose.pose.orientation.z, pose.pose.orientation.w = 1.5, 0.6, 0.8
    found = to_transform(pose, name)
    assert (found.header, found.child_frame_id) == (pose.header, name)
    assert found.transform.translation.x == 1.5
    assert found.transform.rotation == pose.pose.orientation
