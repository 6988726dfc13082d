"""The target as messages."""

from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.following.messages import orientation

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
