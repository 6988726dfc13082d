import numpy as np
import pytest

from alphapose_ros.frame import Camera
from alphapose_ros.lifting import resizing
from alphapose_ros.lifting.camera import scaled
from alphapose_ros.lifting.resizing import is_same_picture, resized


def test_each_pixel_has_the_value_at_its_middle():
    depth = np.array([[1.0, 2.0], [3.0, np.nan]], np.float32)
    assert resized(depth, 2, 2) is depth
    np.testing.assert_array_equal(resized(depth, 4, 4), np.kron(depth, np.ones((2, 2))))
    large = np.arange(36.0).reshape(6, 6)
    np.testing.assert_array_equal(resized(large, 2, 2), large[1::3, 1::3])


def test_another_ratio_of_sides_is_another_picture():
    with pytest.raises(ValueError, match="4 x 2 pixels, the image 4 x 4: not the same picture"):
        resized(np.ones((2, 4), np.float32), 4, 4)


@pytest.mark.parametrize(
    ("size", "is_same"),
    [((640, 480), True), ((320, 240), True), ((424, 318), True), ((640, 484), True)]
    + [((640, 400), False), ((640, 490), False), ((480, 640), False)],
)
def test_sizes_of_one_picture_have_one_ratio(size, is_same):
    assert is_same_picture(size, (640, 480)) == is_same


def test_depth_and_cameras_go_by_the_same_rule(monkeypatch):
    camera = Camera(matrix=np.eye(3), distortion=np.zeros(5), width=640, height=480)
    monkeypatch.setattr(resizing, "MAX_ASPECT_ERROR", 0.5)
    assert scaled(camera, 640, 400).height == 400
    assert resized(np.ones((480, 640), np.float32), 640, 400).shape == (400, 640)
