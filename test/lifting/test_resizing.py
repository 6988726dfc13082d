import numpy as np
import pytest

from alphapose_ros.lifting.resizing import resized


def test_each_pixel_has_the_value_at_its_middle():
    depth = np.array([[1.0, 2.0], [3.0, np.nan]], np.float32)
    assert resized(depth, 2, 2) is depth
    np.testing.assert_array_equal(resized(depth, 4, 4), np.kron(depth, np.ones((2, 2))))
    large = np.arange(36.0).reshape(6, 6)
    np.testing.assert_array_equal(resized(large, 2, 2), large[1::3, 1::3])


def test_another_ratio_of_sides_is_another_picture():
    with pytest.raises(ValueError, match="4 x 2 pixels, the image 4 x 4: not the same picture"):
        resized(np.ones((2, 4), np.float32), 4, 4)
