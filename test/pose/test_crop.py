from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from alphapose_ros.pose.crop import MEAN_RGB, crop_boxes, crop_people
from alphapose_ros.pose.torch_backend import normalised

SIZE = (256, 192)


@pytest.fixture(scope="module")
def reference(data):
    return np.load(data / "reference/vectors/crop_affine.npz")


@pytest.fixture(scope="module")
def image(data):
    return cv2.imread(str(data / "pose_datasets/coco/images/000000000785.jpg"))


def test_the_regions_are_those_of_the_reference(reference):
    np.testing.assert_allclose(
        crop_boxes(reference["boxes"], SIZE), reference["new_box"], atol=1e-3
    )


@pytest.mark.parametrize("number", range(8))
def test_the_crops_are_those_of_the_reference(reference, image, number):
    crops = crop_people(image, crop_boxes(reference["boxes"], SIZE), SIZE)
    ours = crops[number].transpose(2, 0, 1) / 255 - np.reshape(MEAN_RGB, (3, 1, 1))
    if f"crop{number}" in reference:
        expected = reference[f"crop{number}"]
    else:
        expected, ours = reference[f"crop{number}_sub"], ours[:, ::8, ::8]
    difference = 255 * np.abs(ours - expected)
    assert difference.max() < 4.1  # of OpenCV 4 and 5, with the very same matrix
    assert difference.mean() < 0.11


@pytest.mark.parametrize("number", range(8))
def test_the_reference_s_affine_matrix_gives_the_same_crops(reference, image, number):
    ours = crop_people(image, crop_boxes(reference["boxes"], SIZE), SIZE)[number]
    theirs = cv2.warpAffine(image, reference["affine"][number], SIZE[::-1])[:, :, ::-1]
    difference = np.abs(ours.astype(int) - theirs)  # OpenCV rounds places to 1/32 px
    assert (difference > 1).mean() < 0.02
    assert difference.mean() < 0.1


def test_a_crop_shows_its_region_without_a_half_pixel_shift():
    image = np.zeros((100, 100, 3), np.uint8)
    image[40, 30] = (10, 20, 200)  # BGR
    crop = crop_people(image, np.array([[24.0, 32.0, 48.0, 64.0]]), (32, 24))[0]
    assert np.argwhere(crop.any(axis=2)).tolist() == [[8, 6]]
    assert crop[8, 6].tolist() == [200, 20, 10]


def test_what_lies_outside_of_the_image_is_black():
    image = np.full((20, 20, 3), 255, np.uint8)
    crop = crop_people(image, np.array([[-12.0, -16.0, 12.0, 16.0]]), (32, 24))[0]
    assert crop[:16, :12].max() == 0
    assert crop[17:, 13:].min() == 255


def test_nobody_gives_no_crops():
    assert crop_people(np.zeros((5, 5, 3), np.uint8), np.empty((0, 4)), SIZE).shape == (0, *SIZE, 3)


def test_dark_crops_are_normalised_as_all_others():
    crops = np.zeros((3, 8, 8, 3), np.uint8)
    crops[1, 4, 4], crops[2, 4, 4] = 1, 2  # the reference shows all of 1 as bright as 255
    shown = normalised(torch.from_numpy(crops)) + torch.tensor(MEAN_RGB)[:, None, None]
    for crop, brightest in zip(shown, (0, 1, 2), strict=True):
        assert crop.max().item() == pytest.approx(brightest / 255, abs=1e-6)
