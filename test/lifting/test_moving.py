"""People brought to another frame: the geometry by hand."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.lifting.moving import Mover, moved, unknown
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
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
    """Of a camera that looks ahead, 0.1 m before the middle of a robot (REP-103)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat([-0.5, 0.5, -0.5, 0.5]).as_matrix()
    matrix[:3, 3] = 0.1, 0.0, HEIGHT_M
    return matrix


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


def test_nothing_in_metres_is_left_of_people_without_transform():
    lost = unknown(somebody())
    assert lost.positions is lost.velocities is lost.facings is lost.poses.keypoints_3d is None
    assert lost.ids.tolist() == [1]
