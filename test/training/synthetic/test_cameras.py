from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.training.synthetic import cameras, rays, rotations

SIZE = (48, 64)
EYE = np.array([0.0, 1.5, 3.0])


@pytest.fixture
def camera():
    return cameras.Camera(cameras.pinhole(50.0, SIZE), cameras.looking(0, 0, 0), EYE)


def test_a_level_camera_sees_right_and_down_as_pictures_have_them(camera):
    # Two metres ahead, half a metre to the right (+x), a quarter below: 50 * 0.25 = 12.5 px, ...
    x, y, depth = camera.project(np.array([0.5, 1.25, 1.0]))
    assert (x, y, depth) == pytest.approx((31.5 + 12.5, 23.5 + 6.25, 2.0))


def test_angles_turn_the_view_as_they_say():
    def sees(point, **angles):
        rotation = cameras.looking(**({"yaw": 0, "pitch": 0, "roll": 0} | angles))
        return cameras.Camera(cameras.pinhole(50.0, SIZE), rotation, EYE).project(point)

    ahead = np.array([0.0, 1.5, 0.0])
    assert sees(ahead, yaw=0.2)[0] < 31.5  # looks right, so what was ahead is now left
    assert sees(ahead, pitch=0.2)[1] < 23.5  # looks down, so it is above
    above = np.array([0.0, 2.0, 0.0])
    assert sees(above, roll=0.2)[0] > 31.5  # the picture turns clockwise


def test_looking_at_puts_the_target_in_the_middle():
    target = np.array([1.0, 0.2, -2.0])
    rotation = cameras.looking_at(EYE, target, roll=0.3)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    seen = cameras.Camera(cameras.pinhole(50.0, SIZE), rotation, EYE).project(target)
    assert seen[:2] == pytest.approx((31.5, 23.5))
    assert seen[2] == pytest.approx(np.linalg.norm(target - EYE))


def test_a_window_moves_and_scales_pixels(camera):
    point = np.array([0.3, 1.0, -1.0])
    x, y, _ = camera.project(point)
    cut = camera.window(10.0, 5.0, 2.0).project(point)
    assert cut[:2] == pytest.approx(((x - 10) * 2, (y - 5) * 2))


def test_finer_pixels_lie_inside_their_pixel(camera):
    # Pixel 3 of width 1 reaches from 2.5 to 3.5: at double resolution these are pixels 6 and 7,
    # whose middle, 6.5, is the centre of pixel 3.
    fine = camera.finer(2)
    point = camera.eye + camera.rotation.T @ np.linalg.solve(camera.matrix, [3.0, 4.0, 1.0]) * 2
    assert camera.project(point)[:2] == pytest.approx((3, 4))
    assert fine.project(point)[:2] == pytest.approx((6.5, 8.5))


def test_rays_lead_to_what_is_projected(camera):
    way = rays.through(camera, SIZE)
    point = camera.eye + 2.5 * way[7, 50]
    assert camera.project(point) == pytest.approx((50, 7, 2.5), abs=1e-4)


def test_the_map_has_x_forward_y_left_z_up():
    forward, left, up = cameras.TO_MAP @ np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]).T
    np.testing.assert_array_equal(np.stack([forward, left, up]), np.eye(3))
    assert np.linalg.det(cameras.TO_MAP) == pytest.approx(1)  # and is right-handed


def test_rotations_do_as_they_say():
    quarter = rotations.about(np.array([0, 0, 2.0]), np.pi / 2)
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-9)
    rng = np.random.default_rng(0)
    start, stop = rng.normal(size=(2, 5, 3))
    turned = (rotations.aligning(start, stop) @ start[..., None])[..., 0]
    unit = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, stop / np.linalg.norm(stop, axis=1, keepdims=True), atol=1e-6)


def test_the_nearest_rotation_undoes_noise_and_keeps_rotations():
    rng = np.random.default_rng(1)
    turn = rotations.about(rng.normal(size=(6, 3)), rng.uniform(0, 3, 6))
    np.testing.assert_allclose(rotations.nearest(turn), turn, atol=1e-9)
    noisy = rotations.nearest(turn + rng.normal(0, 0.01, turn.shape))
    np.testing.assert_allclose(noisy, turn, atol=0.05)
    np.testing.assert_allclose(np.linalg.det(noisy), 1)
