from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from alphapose_ros.reid.crop import crop_pictures, crop_regions, is_usable, resized

SIZE = (100, 200)  # height, width


@pytest.mark.parametrize(
    ("box", "usable"),
    [
        ([10, 10, 50, 90], True),
        ([10, 10, 18, 26], True),  # 8 x 16 pixels
        ([10, 10, 17.9, 26], False),
        ([10, 10, 18, 25.9], False),
        ([-40, 10, 40, 90], True),  # half of it is seen
        ([-41, 10, 39, 90], False),
        ([195, 0, 235, 100], False),  # 5 pixels are seen
        ([300, 10, 350, 90], False),
        ([50, 90, 10, 10], False),  # corners swapped
        ([0, 0, 200, 100], True),
        ([np.nan, 10, 50, 90], False),
        ([-np.inf, 10, np.inf, 90], False),
        ([-1e30, -1e30, 1e30, 1e30], False),
    ],
)
def test_boxes_must_show_enough(box, usable):
    with np.errstate(all="raise"):
        assert is_usable(np.array([box]), SIZE).tolist() == [usable]


def test_no_boxes_are_no_trouble():
    none = np.empty((0, 4), np.float32)
    assert is_usable(none, SIZE).shape == (0,)
    assert crop_pictures(
        np.zeros((*SIZE, 3), np.uint8), crop_regions(none, SIZE), (8, 4)
    ).shape == (
        0,
        8,
        4,
        3,
    )


def test_regions_are_the_pixels_of_the_image_that_boxes_touch():
    found = crop_regions(np.array([[10.2, 20.9, 30.1, 60.0], [-5, -5, 300, 300]]), SIZE)
    assert found.tolist() == [[10, 20, 31, 60], [0, 0, 200, 100]]


def test_a_picture_of_the_right_size_is_copied_with_red_first():
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    (found,) = crop_pictures(image, np.array([[20, 10, 36, 42]]), (32, 16))
    np.testing.assert_array_equal(found, image[10:42, 20:36, ::-1])


def test_a_small_part_is_interpolated_between_the_middles_of_its_pixels():
    # 4 pixels for 2: middles at 0.25 0.75 1.25 1.75, of pixels whose middles are at 0.5 and 1.5.
    row = np.repeat(np.array([[0, 100]], np.uint8)[..., None], 3, axis=2)
    assert resized(row, (1, 4))[0, :, 0].tolist() == [0, 25, 75, 100]


def test_a_large_part_is_averaged():
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resized(stripes, (10, 10)) == 100).all()


@pytest.mark.parametrize("box", [(270, 40, 510, 390), (0, 0, 640, 425), (300, 60, 340, 400)])
def test_pictures_are_nearly_those_of_the_loader_that_networks_are_trained_with(data, box):
    image = cv2.imread(str(data / "pose_datasets/coco/images/000000000785.jpg"))
    (found,) = crop_pictures(image, np.array([box]), (256, 128))
    x1, y1, x2, y2 = box
    part = Image.fromarray(np.ascontiguousarray(image[y1:y2, x1:x2, ::-1]))
    expected = np.asarray(part.resize((128, 256), Image.Resampling.BILINEAR)).astype(float)
    plain = cv2.resize(np.asarray(part), (128, 256), interpolation=cv2.INTER_LINEAR)
    error = np.abs(found - expected)
    assert error.mean() < 1.5
    assert error.mean() < 0.5 * np.abs(plain - expected).mean()
