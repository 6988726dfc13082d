"""People in another frame: the geometry by hand, and TF in time, late or missing over topics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rgbd_rig import RANGE_M, Rig, depth_of, plane
from stand_ins import tf2_ros as stand_in

from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.nodes import transforms
from alphapose_ros.nodes.transforms import (
    Mover,
    NoTransformError,
    Transforms,
    moved,
    to_matrix,
    unknown,
)
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
OPTICAL = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)  # of a camera that looks ahead (REP-103)
HEIGHT_M = 1.2


def somebody(place=(1.0, 2.0, 3.0), velocity=(0.5, 0.0, 0.0)):
    poses = Poses(
        skeleton=BODY,
        keypoints=np.zeros((1, 17, 3)),
        boxes=[[0, 0, 1, 1]],
        box_scores=[1],
        scores=[1],
        keypoints_3d=np.tile(np.float32(place), (1, 17, 1)),
    )
    return Tracks(
        poses=poses,
        ids=[1],
        states=[1],
        ages_s=[0],
        unseen_s=[0],
        hits=[1],
        detection_rows=[0],
        velocities_px=[[0, 0]],
        person_ids=[-1],
        identity_scores=[np.nan],
        positions=[place],
        position_covariances=[np.diag([1.0, 4.0, 9.0])],
        velocities=[velocity],
        velocity_covariances=[np.diag([1.0, 2.0, 3.0])],
        position_sources=[1],
        facings=[[0.0, 0.0, -1.0]],
        facing_stds=[0.1],
    )


def optical_to_base():
    translation = Vector3(x=0.1, y=0.0, z=HEIGHT_M)
    return to_matrix(Transform(translation=translation, rotation=OPTICAL))


def test_a_camera_that_looks_ahead_sees_x_to_the_right_and_z_ahead():
    there = moved(somebody(), optical_to_base())
    # x right, y down, z ahead of the camera: x ahead, y to the left, z up of the robot
    np.testing.assert_allclose(there.positions, [[3.1, -1.0, HEIGHT_M - 2.0]], atol=1e-12)
    np.testing.assert_allclose(there.poses.keypoints_3d[0, 5], there.positions[0], atol=1e-6)
    np.testing.assert_allclose(there.velocities, [[0.0, -0.5, 0.0]], atol=1e-12)
    np.testing.assert_allclose(there.facings, [[-1.0, 0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(there.position_covariances, [np.diag([9, 1, 4])], atol=1e-12)
    np.testing.assert_allclose(there.velocity_covariances, [np.diag([3, 1, 2])], atol=1e-12)
    assert there.facing_stds[0] == 0.1


def test_whoever_walks_beside_a_robot_moves_in_the_world():
    mover, there = Mover(), None
    for frame in range(3):  # the robot goes ahead by 1 m/s, and the person stays where it sees them
        matrix = optical_to_base()
        matrix[0, 3] += 0.1 * frame
        there = mover(somebody(velocity=(0, 0, 0)), matrix, frame * 100_000_000)
        expected = [[1.0 if frame else 0.0, 0.0, 0.0]]
        np.testing.assert_allclose(there.velocities, expected, atol=1e-9)
    mover.reset()
    there = mover(somebody(velocity=(0, 0, 0)), optical_to_base(), 300_000_000)
    np.testing.assert_allclose(there.velocities, 0)


def test_a_rotation_that_is_none_is_no_transform():
    with pytest.raises(NoTransformError, match="which is none"):
        to_matrix(Transform(rotation=Quaternion(x=0.0, y=0.0, z=0.0, w=0.0)))


def test_nothing_in_metres_is_left_of_people_without_transform():
    lost = unknown(somebody())
    assert lost.positions is lost.velocities is lost.facings is lost.poses.keypoints_3d is None
    assert lost.ids.tolist() == [1]


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
    monkeypatch.setenv("PYTHONPATH", str(Path(stand_in.__file__).parent))


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
