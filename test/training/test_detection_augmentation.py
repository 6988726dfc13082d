from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.training.detection_augmentation import (
    DetectionAugmentation,
    DetectionAugmentationConfig,
    Example,
    flipped,
    put,
    visible,
)

PLAIN = DetectionAugmentationConfig(
    colour=0.0, grey=0.0, low_resolution=0.0, blur=0.0, jpeg=0.0, smallest_person_px=0.0
)
RED = (0, 0, 255)


def example(*people, size=(200, 160), colours=(RED,)):
    """Return a black picture with a rectangle of some colour for each box."""
    picture = np.zeros((*size, 3), np.uint8)
    for (x1, y1, x2, y2), colour in zip(people, colours, strict=True):
        picture[y1:y2, x1:x2] = colour
    boxes = np.array(people, np.float32).reshape(-1, 4)
    return Example(picture, boxes, np.zeros(len(boxes), bool))


def painted(picture, colour):
    """Return the box around a colour, on black or grey."""
    other = [channel for channel in range(3) if not colour[channel]]
    is_it = (picture.max(axis=2) > 127) & (picture[..., other] < 60).all(axis=2)
    rows, columns = np.nonzero(is_it)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("count", "place"), [(1, 0), (4, 0), (4, 1), (4, 2), (4, 3)])
def test_boxes_go_with_their_people(seed, count, place):
    examples = [example(colours=())] * count
    examples[place] = example((60, 40, 100, 160))
    augmentation = DetectionAugmentation(PLAIN)
    out = augmentation.mosaic(tuple(examples), 256, np.random.default_rng(seed))
    assert out.picture.shape == (256, 256, 3)
    assert len(out.boxes) == 1
    np.testing.assert_allclose(out.boxes[0], painted(out.picture, RED), atol=2.5)


def test_the_mirror_image():
    one = flipped(example((10, 40, 50, 160)))
    np.testing.assert_allclose(one.boxes, [[110, 40, 150, 160]])
    assert painted(one.picture, RED) == [110, 40, 150, 160]
    twice = flipped(one)
    np.testing.assert_allclose(twice.boxes, [[10, 40, 50, 160]])


@pytest.mark.parametrize(
    ("factors", "offset"),
    [((1, 1), (0, 0)), ((0.5, 0.25), (10, 20)), ((2, 2), (-60, -90)), ((1.37, 0.61), (-31.4, 7.7))],
)
def test_put_by_the_formula(factors, offset):
    place = np.full((120, 140, 3), 114, np.uint8)
    one = put(example((60, 40, 100, 160)), place, factors, offset)
    x1, y1, x2, y2 = 60, 40, 100, 160
    expected = np.array([x1, y1, x2, y2]) * np.tile(factors, 2) + np.tile(offset, 2)
    expected = np.clip(expected, 0, [140, 120, 140, 120])
    np.testing.assert_allclose(one.boxes[0], expected, atol=1.5)
    np.testing.assert_allclose(painted(place, RED), one.boxes[0], atol=1.5)


def test_padding_stays_grey():
    place = np.full((100, 100, 3), 114, np.uint8)
    put(example((60, 40, 100, 160)), place, (0.25, 0.25), (20, 30))
    assert (place[:30] == 114).all()
    assert (place[:, 60:] == 114).all()
    assert (place[30:80, 20:60].max(axis=2) != 114).all()


def test_people_of_whom_little_is_left_are_ignored_and_then_gone():
    boxes = np.array([[0, 0, 10, 100], [-60, 0, 40, 100], [-90, 0, 10, 100], [-99, 0, 1, 100]])
    left, is_ignored = visible(boxes, np.zeros(4, bool), (0, 0, 200, 200), 0.0)
    np.testing.assert_allclose(left, [[0, 0, 10, 100], [0, 0, 40, 100], [0, 0, 10, 100]])
    assert is_ignored.tolist() == [False, False, True]


def test_small_people_are_ignored():
    boxes = np.array([[0, 0, 9, 9.5], [0, 0, 9, 11], [0, 0, 4, 50]])
    _, is_ignored = visible(boxes, np.zeros(3, bool), (0, 0, 99, 99), 10.0)
    assert is_ignored.tolist() == [True, False, True]


def test_what_was_ignored_stays_so():
    one = example((60, 40, 100, 160))._replace(is_ignored=np.array([True]))
    assert put(one, np.zeros((200, 160, 3), np.uint8), (1, 1), (0, 0)).is_ignored.tolist() == [True]


def test_the_same_numbers_give_the_same_picture():
    augmentation = DetectionAugmentation(DetectionAugmentationConfig())
    four = 4 * (example((60, 40, 100, 160)),)
    first, second, third = (
        augmentation.mosaic(four, 128, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.picture, second.picture)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    assert (first.picture != third.picture).any()


def test_the_picture_given_is_not_changed():
    one = example((60, 40, 100, 160))
    before = one.picture.copy()
    settings = replace(DetectionAugmentationConfig(), grey=1.0, blur=1.0, low_resolution=0.0)
    DetectionAugmentation(settings).mosaic((one,), 128, np.random.default_rng(0))
    np.testing.assert_array_equal(one.picture, before)
