from __future__ import annotations

import numpy as np

from alphapose_ros.lifting.axes import DOWN, DOWN_OF_CAMERA, UP, UP_OF_CAMERA
from alphapose_ros.lifting.ground import Ground

OPTICAL = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # REP-103: x right, y down, z forward


def test_up_of_a_camera_is_up_in_other_frames():
    np.testing.assert_array_equal(OPTICAL @ UP_OF_CAMERA, UP)
    np.testing.assert_array_equal(OPTICAL @ DOWN_OF_CAMERA, DOWN)
    np.testing.assert_array_equal(np.negative(UP), DOWN)


def test_the_ground_of_a_level_camera_agrees():
    np.testing.assert_allclose(Ground.from_pitch(1.0).normal, UP_OF_CAMERA)
