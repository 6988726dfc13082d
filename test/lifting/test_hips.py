from __future__ import annotations

import numpy as np
import pytest
from bodies import FOCAL, HALPE, MIDDLE, body_in_camera, painted, pinhole, poses_of

from alphapose_ros.config import LiftingConfig
from alphapose_ros.lifting.depth import lift
from alphapose_ros.lifting.hips import SURFACE_M, SURFACE_STD_M, TORSO_LENGTH_M, hips_in_depth

CONFIG, UP = LiftingConfig(depth_noise=0.002), np.array([0.0, -1.0, 0.0])
PLACE = np.array([0.5, 0.1, 3.0])


def found(poses, depth):
    lifted = lift(poses.keypoints, poses.boxes, depth, pinhole(), CONFIG, HALPE)
    return hips_in_depth(poses, lifted, depth, pinhole(), CONFIG, UP)


def without(poses, *names):
    keypoints = poses.keypoints.copy()
    for name in names:
        keypoints[:, HALPE.index(name)] = np.nan, np.nan, 0
    return type(poses)(**{**vars(poses), "keypoints": keypoints})


@pytest.fixture
def poses():
    return poses_of([body_in_camera(0, PLACE)])


def test_hips_are_behind_the_surface_on_its_ray(poses):
    places = found(poses, painted(poses, [3.0]))
    ray = PLACE / np.linalg.norm(PLACE)
    np.testing.assert_allclose(places.hips[0], PLACE + SURFACE_M * ray, atol=1e-4)


def test_what_lasts_is_as_sure_along_the_ray_as_the_surface_s_distance(poses):
    places = found(poses, painted(poses, [3.0]))
    ray = PLACE / np.linalg.norm(PLACE)
    assert ray @ places.lasting[0] @ ray == pytest.approx(SURFACE_STD_M**2)
    across = np.cross(ray, UP) / np.linalg.norm(np.cross(ray, UP))
    assert across @ places.lasting[0] @ across < SURFACE_STD_M**2


def test_a_hand_before_one_hip_does_not_count(poses):
    depth = painted(poses, [3.0])
    x, y = np.rint(poses.keypoints[0, HALPE.index("left_hip"), :2]).astype(int)
    depth[y - 12 : y + 13, x - 12 : x + 13] = 2.85
    np.testing.assert_allclose(found(poses, depth).hips[0, 2], 3 + SURFACE_M, atol=0.01)


def test_one_hip_is_less_sure_than_two(poses):
    depth = painted(poses, [3.0])
    both, one = found(poses, depth), found(without(poses, "left_hip"), depth)
    assert np.trace(one.lasting[0]) > 2 * np.trace(both.lasting[0])
    assert abs(one.hips[0, 0] - both.hips[0, 0]) == pytest.approx(0.1, abs=0.01)  # half of 0.2 m


def test_without_hips_they_are_below_the_shoulders(poses):
    no_hips = without(poses, "left_hip", "right_hip")
    places = found(no_hips, painted(poses, [3.0]))
    shoulders = PLACE - [0, 0.47, 0]
    want = shoulders + SURFACE_M * shoulders / np.linalg.norm(shoulders) + [0, TORSO_LENGTH_M, 0]
    np.testing.assert_allclose(places.hips[0], want, atol=1e-3)
    assert np.trace(places.lasting[0]) > 5 * np.trace(found(poses, painted(poses, [3])).lasting[0])


def test_without_keypoints_they_are_in_the_box(poses):
    nobody = without(poses, *HALPE.names)
    places = found(nobody, painted(poses, [3.0]))
    assert places.hips[0, 2] == pytest.approx(3 + SURFACE_M, abs=0.01)
    middle = (poses.boxes[0, 0] + poses.boxes[0, 2]) / 2
    assert places.hips[0, 0] == pytest.approx(3 * (middle - MIDDLE[0]) / FOCAL, abs=0.05)


def test_hips_in_a_hole_take_the_torso_s_depth(poses):
    depth = painted(poses, [3.0])
    x, y = np.rint(poses.keypoints[0, HALPE.index("left_hip"), :2]).astype(int)
    depth[y - 15 : y + 16, x - 80 : x + 30] = np.nan
    places = found(poses, depth)
    np.testing.assert_allclose(places.hips[0, :2] / places.hips[0, 2], PLACE[:2] / 3, atol=1e-4)
    assert places.hips[0, 2] == pytest.approx(3 + SURFACE_M, abs=0.01)


def test_without_depth_nothing_is_known(poses):
    places = found(poses, np.full((480, 640), np.nan, np.float32))
    assert np.isnan(places.hips).all()


def test_nobody_has_no_hips(poses):
    assert found(poses[:0], painted(poses, [3.0])).hips.shape == (0, 3)
