"""TF in time, late or missing, over topics; and what people in another frame come to by it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rgbd_rig import RANGE_M, Rig, depth_of, plane
from stand_ins import tf2_ros as stand_in

from alphapose_ros.nodes import transforms
from alphapose_ros.nodes.transforms import (
    NoTransformError,
    Transforms,
    to_matrix,
)

OPTICAL = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)  # of a camera that looks ahead (REP-103)
HEIGHT_M = 1.2


def test_a_transform_is_a_matrix():
    translation = Vector3(x=0.1, y=0.0, z=HEIGHT_M)
    found = to_matrix(Transform(translation=translation, rotation=OPTICAL))
    # x right, y down, z ahead of the camera: x ahead, y to the left, z up of the robot
    expected = [[0, 0, 1, 0.1], [-1, 0, 0, 0], [0, -1, 0, HEIGHT_M], [0, 0, 0, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_rotation_that_is_none_is_no_transform():
    with pytest.raises(NoTransformError, match="which is none"):
        to_matrix(Transform(rotation=Quaternion(x=0.0, y=0.0, z=0.0, w=0.0)))


def test_after_a_wait_in_vain_the_next_images_do_not_wait(graph, monkeypatch):
    monkeypatch.setattr(transforms, "tf2_ros", stand_in)
    monkeypatch.setattr(transforms, "RETRY_S", 600.0)
    naps = []
    monkeypatch.setattr(transforms.time, "sleep", naps.append)
    lookup = Transforms(graph.node)
    with pytest.raises(NoTransformError, match="'camera' to 'odom' at the stamp of the image"):
        lookup("odom", "camera", 5, 0.01)
    assert naps
    count = len(naps)
    with pytest.raises(NoTransformError):
        lookup("odom", "camera", 6, 600.0)
    assert len(naps) == count
    np.testing.assert_array_equal(lookup("camera", "camera", 6, 0.0), np.eye(4))
    lookup.stop()


def test_no_transform_is_looked_for_before_the_beginning_of_time(graph, monkeypatch):
    monkeypatch.setattr(transforms, "tf2_ros", stand_in)
    lookup = Transforms(graph.node)
    with pytest.raises(NoTransformError, match="negative"):
        lookup("odom", "camera", -5, 0.0)
    lookup.stop()


def test_a_stream_that_begins_anew_meets_none_of_the_transforms_before(graph, monkeypatch):
    monkeypatch.setattr(transforms, "tf2_ros", stand_in)
    lookup = Transforms(graph.node)
    lookup._buffer.add(transform("odom", "camera", 100))
    lookup._buffer.add(transform("odom", "camera", 90))
    lookup("odom", "camera", 100 * 10**9, 0.0)
    lookup("odom", "camera", 100 * 10**9 - 1, 0.0)  # only out of order
    with pytest.raises(NoTransformError):
        lookup("odom", "camera", 90 * 10**9, 0.0)
    lookup.stop()


def transform(parent, child, sec, x=0.0):
    found = TransformStamped(child_frame_id=child)
    found.header.frame_id, found.header.stamp.sec = parent, sec
    found.transform.translation = Vector3(x=x, y=0.0, z=HEIGHT_M)
    found.transform.rotation = OPTICAL
    return found


@pytest.fixture
def with_tf(monkeypatch):
    """Have the processes of a test find the stand-in for tf2_ros."""
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent), prepend=os.pathsep)


def test_people_are_told_in_the_frame_that_is_asked_for(graph, tmp_path, with_tf):
    settings = {"target_frame": "odom", "tf_timeout_s": 2.0, "image_timeout_s": 600.0}
    rig = Rig(graph, tmp_path, **settings)
    tf = graph.node.create_publisher(TransformStamped, "tf_for_test", 10)
    graph.spin_until(tf.get_subscription_count)
    rig.send_infos()
    person = rig.show(depth_of(plane()))
    assert not person.position_valid
    assert rig.answers[-1].header.frame_id == "front_camera"
    rig.tells("no transform from 'front_camera' to 'odom' at the stamp of the image")

    tf.publish(transform("odom", "front_camera", 1, x=10.0))
    tf.publish(transform("odom", "front_camera", 1000, x=10.0))
    graph.spin_for(0.2)
    person = rig.show(depth_of(plane()))
    message = rig.answers[-1]
    assert (message.header.frame_id, message.image_frame_id) == ("odom", "front_camera")
    assert message.header.stamp.sec == rig.sec
    assert person.position_valid
    assert 10.0 + RANGE_M <= person.position.x <= 10.3 + RANGE_M
    assert abs(person.position.z - HEIGHT_M) < 1.0
    graph.spin_until(lambda: rig.status().message == "nothing is amiss")


def test_a_transform_that_comes_late_is_waited_for(graph, tmp_path, with_tf):
    rig = Rig(graph, tmp_path, **{"target_frame": "odom", "tf_timeout_s": 2.0})
    tf = graph.node.create_publisher(TransformStamped, "tf_for_test", 10)
    graph.spin_until(tf.get_subscription_count)
    rig.send_infos()
    timer = graph.node.create_timer(
        0.5, lambda: tf.publish(transform("odom", "front_camera", rig.sec))
    )
    for _ in range(10):  # soon after one in vain, there is no wait
        person = rig.show(depth_of(plane()))
        if person.position_valid:
            break
        graph.spin_for(0.3)
    graph.node.destroy_timer(timer)
    assert person.position_valid
    assert rig.answers[-1].header.frame_id == "odom"


def test_the_ground_of_the_target_frame_is_what_people_stand_on(graph, tmp_path, with_tf):
    settings = {"lifting.name": "auto", "target_frame": "odom", "image_timeout_s": 600.0}
    rig = Rig(graph, tmp_path, **settings)
    tf = graph.node.create_publisher(TransformStamped, "tf_for_test", 10)
    graph.spin_until(tf.get_subscription_count)
    rig.send_infos()
    tf.publish(transform("odom", "front_camera", 0))
    graph.spin_for(0.2)
    person = rig.show()
    assert person.position_source == person.POSITION_GROUND
    assert person.position_valid
    # The box ends 42 px below the middle of the image, at a focal length of 100 px
    assert person.position.x == pytest.approx(HEIGHT_M / 0.42, rel=0.2)


def test_without_tf_a_target_frame_is_refused_with_the_remedy(graph, tmp_path):
    process = graph.start("pose_node", target_frame="odom")
    graph.spin_until(lambda: graph.node.count_publishers("/diagnostics"))
    code, said = graph.end(process)
    assert code == 0
    assert "cannot be configured: TF is needed, but tf2_ros cannot be imported" in said
    assert "apt install" in said
