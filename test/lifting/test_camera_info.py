"""CameraInfo as drivers send it, to the camera of the image that was sent."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import ALIASES, DISTORTIONS, project, rays
from alphapose_ros.lifting.camera_info import read_camera

K = [500.0, 0, 320, 0, 510, 240, 0, 0, 1]


def info(**changes):
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    values = {
        **{"k": K, "d": [], "distortion_model": "plumb_bob", "width": 640, "height": 480},
        **{"binning_x": 0, "binning_y": 0, "roi": roi},
    }
    return SimpleNamespace(**{**values, **changes})


def test_the_matrix_and_the_size_are_read():
    camera = read_camera(info())
    assert camera.matrix.tolist() == [[500, 0, 320], [0, 510, 240], [0, 0, 1]]
    assert (camera.width, camera.height, camera.distortion.tolist()) == (640, 480, [0] * 4)


def test_the_names_of_ros_1_are_understood():
    message = info(K=K, D=[0.1, 0, 0, 0, 0])
    del message.k, message.d
    camera = read_camera(message)
    assert camera.matrix[1, 1] == 510 and camera.distortion[0] == 0.1


def test_a_part_of_the_sensor_with_binned_pixels_is_what_was_sent():
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    camera = read_camera(info(roi=roi, binning_x=2, binning_y=2))
    # By hand: the centre is 220 and 200 px into the part, and everything is halved.
    assert camera.matrix.tolist() == [[250, 0, 110], [0, 255, 100], [0, 0, 1]]
    assert (camera.width, camera.height) == (200, 150)


def test_an_uncalibrated_camera_is_none():
    assert read_camera(info(k=[0.0] * 9)) is None
    assert read_camera(info(k=np.zeros(9))) is None


@pytest.mark.parametrize(
    ("model", "d", "expected"),
    [
        ("", [0.1] * 5, ("plumb_bob", 5)),
        ("radtan", [0.1] * 4, ("plumb_bob", 4)),
        ("plumb_bob", [0.1] * 5 + [0.0] * 3, ("plumb_bob", 5)),  # zeros say nothing
        ("rational_polynomial", [0.1] * 8, ("rational_polynomial", 8)),
        ("fisheye", [0.1] * 4, ("equidistant", 4)),
        ("kannala_brandt4", [0.1] * 4, ("equidistant", 4)),
        ("none", [], ("plumb_bob", 4)),
        ("none", [0.0], ("plumb_bob", 4)),
    ],
)
def test_lenses_are_read_under_all_their_names(model, d, expected):
    camera = read_camera(info(distortion_model=model, d=d))
    assert (camera.distortion_model, len(camera.distortion)) == expected


@pytest.mark.parametrize("count", [0, 4, 5, 8, 12, 14])
@pytest.mark.parametrize("name", [*DISTORTIONS, *ALIASES])
def test_what_is_read_and_what_is_computed_with_are_the_same_lenses(name, count):
    d = np.resize([0.1, -0.02, 0.001, 0.002], count)
    taken = Camera(matrix=np.reshape(K, (3, 3)), distortion=d, distortion_model=name)
    if count and count not in DISTORTIONS[ALIASES.get(name, name)]:
        for use in (
            lambda: read_camera(info(distortion_model=name, d=d)),
            lambda: rays(np.zeros((1, 2)), taken),
            lambda: project(np.ones((1, 3)), taken),
        ):
            with pytest.raises(ValueError, match=f"has {DISTORTIONS[ALIASES.get(name, name)][0]}"):
                use()
        return
    read = read_camera(info(distortion_model=name, d=d))
    assert read.distortion_model in DISTORTIONS
    pixels = np.array([[300.0, 200.0], [350.0, 280.0]])
    points = rays(pixels, read)
    assert np.isfinite(points).all()
    np.testing.assert_array_equal(points, rays(pixels, taken))
    np.testing.assert_allclose(project(2 * points, taken), pixels, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": [-1.0, *K[1:]]}, "no camera matrix"),
        ({"k": [float("nan"), *K[1:]]}, "no camera matrix"),
        ({"distortion_model": "polynomial9"}, "none of plumb_bob"),
        ({"d": [0.1] * 3}, "4 or 5 coefficients"),
        ({"d": [0.1, 0, 0, float("inf")]}, "coefficients"),
    ],
)
def test_what_cannot_be_a_camera_is_told(changes, message):
    with pytest.raises(ValueError, match=message):
        read_camera(info(**changes))
