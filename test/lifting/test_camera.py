from __future__ import annotations

import cv2
import numpy as np
import pytest

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import project, rays, register, scaled

K = np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])
LENSES = {
    "plumb_bob": [-0.25, 0.08, 0.001, -0.002, -0.01],
    "rational_polynomial": [0.5, -0.2, 0.0005, 0.0003, -0.02, 0.6, -0.15, -0.03],
    "thin_prism": [-0.2, 0.05, 0.001, 0.001, 0, 0.01, 0, 0, 0.002, -0.001, 0.001, 0.0005],
    "equidistant": [0.02, -0.005, 0.001, -0.0002],
}


def camera(model="plumb_bob", distortion=(), width=640, height=480, matrix=K):
    return Camera(
        matrix=matrix,
        distortion=np.array(distortion, float),
        distortion_model=model,
        width=width,
        height=height,
    )


def in_view(count=200):
    rng = np.random.default_rng(1)
    z = rng.uniform(0.5, 6, count)
    return np.stack(
        (rng.uniform(-0.45, 0.45, count) * z, rng.uniform(-0.35, 0.35, count) * z, z), 1
    )


def projected_by_opencv(points, model):
    project_points = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    found, _ = project_points(
        points[:, None], np.zeros(3), np.zeros(3), K, np.array(LENSES[model], float)
    )
    return found[:, 0]


def test_a_ray_by_hand():
    # (420 - 320) / 500 = 0.2, (291 - 240) / 510 = 0.1
    np.testing.assert_allclose(rays(np.array([420.0, 291.0]), camera()), [0.2, 0.1, 1])


def test_a_pixel_by_hand():
    np.testing.assert_allclose(project(np.array([0.4, 0.2, 2.0]), camera()), [420, 291])


def test_a_fisheye_by_hand():
    # Equidistant: the distance from the middle is f times the angle; 45 degrees is x = z.
    pixel = np.array([320 + 500 * np.pi / 4, 240.0])
    np.testing.assert_allclose(
        rays(pixel, camera("equidistant", [0, 0, 0, 0])), [1, 0, 1], atol=1e-6
    )


@pytest.mark.parametrize("model", LENSES)
def test_rays_are_the_inverse_of_what_opencv_projects(model):
    points = in_view()
    pixels = projected_by_opencv(points, model)
    np.testing.assert_allclose(
        rays(pixels, camera(model, LENSES[model])), points / points[:, 2:], atol=1e-5
    )


@pytest.mark.parametrize("model", LENSES)
def test_pixels_are_those_of_opencv(model):
    points = in_view()
    np.testing.assert_allclose(
        project(points, camera(model, LENSES[model])), projected_by_opencv(points, model)
    )


def test_leading_axes_stay_and_absent_points_are_nan():
    pixels = np.full((2, 3, 2), 100.0)
    pixels[1, 2] = np.nan
    for lens in ((), LENSES["plumb_bob"]):
        found = rays(pixels, camera(distortion=lens))
        assert found.shape == (2, 3, 3)
        assert np.isnan(found).all(axis=2).tolist() == [[False] * 3, [False, False, True]]


def test_behind_the_camera_is_no_pixel():
    found = project(np.array([[0.1, 0, 1], [0.1, 0, -1], [0.1, 0, 0], [np.nan] * 3]), camera())
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, True]


def test_where_a_lens_model_has_no_ray_there_is_none():
    found = rays(np.array([[320.0, 240.0], [9000.0, 240.0]]), camera(distortion=[-0.3, 0, 0, 0, 0]))
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()


@pytest.mark.parametrize(
    ("model", "coefficients", "said"),
    [
        ("double_sphere", [0.1] * 4, "double_sphere"),
        ("plumb_bob", [0.1] * 3, "plumb_bob has 4 or 5 coefficients"),
        ("plumb_bob", [0.1] * 8, "plumb_bob has 4 or 5 coefficients"),
        ("equidistant", [0.1] * 2, "equidistant has 4 coefficients"),
    ],
)
def test_an_unknown_lens_is_refused(model, coefficients, said):
    with pytest.raises(ValueError, match=said):
        rays(np.zeros((1, 2)), camera(model, coefficients))
    with pytest.raises(ValueError, match=said):
        project(np.ones((1, 3)), camera(model, coefficients))


def test_a_picture_of_half_the_size_has_the_same_rays():
    half = scaled(camera(), 320, 240)
    # Corners of the picture lie half a pixel outside of the middles of its first and last pixels.
    corners = np.array([[-0.5, -0.5], [639.5, 479.5]])
    halved = np.array([[-0.5, -0.5], [319.5, 239.5]])
    np.testing.assert_allclose(rays(halved, half), rays(corners, camera()))


def test_a_picture_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"640 x 400 .* 640 x 480"):
        scaled(camera(), 640, 400)


def test_depth_in_its_own_place_stays_as_it_is():
    depth = np.random.default_rng(0).uniform(1, 4, (480, 640)).astype(np.float32)
    depth[5, 7] = np.nan
    depth[8, 9] = 0
    found = register(depth, camera(), camera())
    assert np.isnan(found[5, 7]) and np.isnan(found[8, 9])
    depth[depth == 0] = np.nan
    np.testing.assert_allclose(found, depth, rtol=1e-6)


def test_depth_of_half_the_size_fills_the_picture():
    depth = np.full((240, 320), 2, np.float32)
    depth[:, 160:] = 3
    found = register(depth, camera(), camera())
    assert found.shape == (480, 640)
    assert (found[:, :320] == 2).all() and (found[:, 320:] == 3).all()


def test_a_camera_beside_sees_depth_shifted():
    # 0.1 m to the left of the colour camera, at 2 m: 500 * 0.1 / 2 = 25 pixels to the right... of
    # where the depth camera sees it, seen from 0.1 m further to the right: to the left.
    depth = np.full((480, 640), np.nan, np.float32)
    depth[200:210, 300:310] = 2
    move = np.eye(4)
    move[0, 3] = -0.1
    found = register(depth, camera(), camera(), move)
    assert (found[200:210, 275:285] == 2).all() and np.isfinite(found).sum() == 100


def test_what_is_nearer_covers_what_is_behind():
    depth = np.full((480, 640), 4, np.float32)
    depth[200:210, 300:310] = 1
    move = np.eye(4)
    move[0, 3] = -0.1  # 50 pixels at 1 m, 12.5 at 4 m
    found = register(depth, camera(), camera(), move)
    assert (found[200:210, 250:260] == 1).all()


def test_sizes_that_do_not_go_together_are_refused():
    depth = np.ones((480, 640), np.float32)
    with pytest.raises(ValueError, match=r"640 x 480 .* 640 x 400"):
        register(depth, camera(height=400), camera())
    with pytest.raises(ValueError, match="no size"):
        register(depth, camera(), camera(width=0))
    with pytest.raises(ValueError, match=r"\(480, 640, 1\)"):
        register(depth[..., None], camera(), camera())
    with pytest.raises(ValueError, match="4 x 4"):
        register(depth, camera(), camera(), np.eye(3))
