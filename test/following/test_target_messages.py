"""The target as messages."""

from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.following.messages import orientation, pose_to_message
from alphapose_ros.following.records import TargetState, TargetStatus
from alphapose_ros.io.bag import message_types
from alphapose_ros.io.bag_messages import bag_dialect, header_of

UP = np.array([0.0, 0.0, 1.0])


def turned(quaternion, vector):
    """Rotate by x y z w, by the formula of quaternions."""
    q, w = quaternion[:3], quaternion[3]
    t = 2 * np.cross(q, vector)
    return vector + w * t + np.cross(q, t)


@pytest.mark.parametrize("up", [UP, np.array([0.0, -1.0, 0.0])])
@pytest.mark.parametrize("facing", [(1, 0, 0), (-1, 0, 0.2), (0.5, -0.5, 0.7), (0.1, 0.9, -0.3)])
def test_the_pose_looks_where_the_target_faces_and_stands_upright(facing, up):
    facing = np.array(facing, float)
    level = facing - (facing @ up) * up
    level /= np.linalg.norm(level)
    found = orientation(facing, up)
    np.testing.assert_allclose(turned(found, np.array([1.0, 0, 0])), level, atol=1e-9)
    np.testing.assert_allclose(turned(found, UP), up, atol=1e-9)


@pytest.mark.parametrize("facing", [None, np.array([0.0, 0.1, 0.99]), np.full(3, np.nan)])
def test_a_yaw_that_is_not_known_is_none(facing):
    assert orientation(facing, UP).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("measured_in", "told_in", "up"),
    [("", "camera", -1), ("camera", "camera", -1), ("odom", "odom", 0)],
)
def test_a_pose_is_in_the_frame_in_which_its_place_was_measured(measured_in, told_in, up):
    dialect = bag_dialect(message_types())
    header = header_of(7_000_000_005, "camera", dialect)
    state = TargetState(
        status=TargetStatus.TRACKING,
        position=np.array([5.0, 2.0, 1.0]),
        facing=np.array([1.0, 0.0, 0.0]),
        frame_id=measured_in,
    )
    pose = pose_to_message(state, header, dialect)
    assert pose.header == header_of(7_000_000_005, told_in, dialect)
    assert header.frame_id == "camera"
    at, to = pose.pose.position, pose.pose.orientation
    assert (at.x, at.y, at.z) == (5.0, 2.0, 1.0)
    above = turned(np.array([to.x, to.y, to.z, to.w]), UP)
    np.testing.assert_allclose(above, (0, up, 1 + up), atol=1e-9)  # y of a camera points down
