"""CameraInfo that says the same again and again, something else, and nonsense."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alphapose_ros.lifting.camera_reader import CameraReader

K = [600.0, 0.0, 320.0, 0.0, 610.0, 240.0, 0.0, 0.0, 1.0]
P = [500.0, 0.0, 310.0, 0.0, 0.0, 510.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def roi(**changes):
    return SimpleNamespace(**{"x_offset": 0, "y_offset": 0, "width": 0, "height": 0, **changes})


def info(**changes):
    values = {
        **{"k": K, "d": [], "p": P, "distortion_model": "plumb_bob", "roi": roi()},
        **{"width": 640, "height": 480, "binning_x": 0, "binning_y": 0},
    }
    return SimpleNamespace(**{**values, **changes})


@pytest.mark.parametrize("d", [[1, 2, 3], [1, 2, 3, np.nan]])
def test_what_is_wrong_is_said_once(d):
    reports = []
    read = CameraReader(reports.append)
    assert [read(info(d=d)) for _ in range(5)] == [None] * 5
    assert len(reports) == 1
    assert "plumb_bob has 4 or 5 coefficients" in reports[0]
    assert read(info(d=[1, 2, 3, 4])).distortion.tolist() == [1, 2, 3, 4]
    assert read(info(d=[1, 2])) is None
    assert len(reports) == 2
    for _ in range(3):  # a good one and a bad one in turns
        assert read(info()) is not None
        assert read(info(d=d)) is None
    assert len(reports) == 2


def test_a_camera_is_read_anew_only_when_something_of_it_changed():
    read = CameraReader(pytest.fail)
    camera = read(info())
    assert read(info(header="another")) is camera
    changes = [
        {"k": [601.0, *K[1:]]},
        {"d": [1, 2, 3, 4]},
        {"distortion_model": "rational_polynomial", "d": range(8)},
        {"width": 320},
        {"binning_x": 2},
        {"roi": roi(x_offset=1)},
    ]
    for change in changes:
        assert read(info(**change)) is not read(info()), change
    assert read(None) is None


def test_the_names_of_ros_1_are_understood():
    message = info(K=K, D=[], P=P)
    del message.k, message.d, message.p
    np.testing.assert_array_equal(CameraReader(pytest.fail)(message).matrix, np.reshape(K, (3, 3)))


def test_the_camera_of_rectified_images_is_read_from_p_and_anew_when_that_changes():
    bent = {"distortion_model": "mirror_ball", "d": [1]}
    read = CameraReader(pytest.fail, is_rectified=True)
    np.testing.assert_array_equal(
        read(info(**bent)).matrix, [[500, 0, 310], [0, 510, 230], [0, 0, 1]]
    )
    assert read(info(**bent, p=[400.0, *P[1:]])).matrix[0, 0] == 400
