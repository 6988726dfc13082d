from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros import boxes

# Worked by hand: 10 x 10 and its half, a quarter overlap, apart, the same, an empty box.
SQUARE = [0, 0, 10, 10]
CASES = [
    ([0, 0, 5, 10], 50 / 100),
    ([5, 5, 15, 15], 25 / 175),
    ([20, 20, 30, 30], 0.0),
    (SQUARE, 1.0),
    ([10, 0, 20, 10], 0.0),  # touching
    ([3, 3, 3, 3], 0.0),
]


@pytest.mark.parametrize(("other", "expected"), CASES)
def test_iou_of_hand_made_pairs(other, expected):
    assert boxes.iou(np.array([SQUARE]), np.array([other]))[0, 0] == pytest.approx(expected)


def test_iou_equals_counting_pixels():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, (30, 2, 2))
    some = np.concatenate((corners.min(axis=1), corners.max(axis=1) + 1), axis=1)
    grid = np.zeros((len(some), 22, 22), bool)
    for mask, (x1, y1, x2, y2) in zip(grid, some, strict=True):
        mask[y1:y2, x1:x2] = True
    shared = (grid[:, None] & grid[None]).sum(axis=(2, 3))
    union = (grid[:, None] | grid[None]).sum(axis=(2, 3))
    np.testing.assert_allclose(boxes.iou(some, some), shared / union)


def test_iou_of_nothing_has_the_right_shape():
    assert boxes.iou(np.empty((0, 4)), np.array([SQUARE])).shape == (0, 1)


def test_forms_of_boxes_convert_there_and_back():
    box = np.array([[2.0, 3.0, 12.0, 33.0]])
    np.testing.assert_array_equal(boxes.to_xywh(box), [[2, 3, 10, 30]])
    np.testing.assert_array_equal(boxes.to_centre_size(box), [[7, 18, 10, 30]])
    np.testing.assert_array_equal(boxes.from_xywh(boxes.to_xywh(box)), box)
    np.testing.assert_array_equal(boxes.from_centre_size(boxes.to_centre_size(box)), box)


def test_growing_widens_tall_boxes_and_heightens_wide_ones():
    tall, wide = [10, 0, 20, 40], [0, 10, 60, 20]
    grown = boxes.grow_to_aspect(np.array([tall, wide]), aspect=0.75, padding=1.0)
    np.testing.assert_allclose(grown, [[0, 0, 30, 40], [0, -25, 60, 55]])


def test_unusable_boxes_are_found():
    rows = [SQUARE, [0, 0, 0, 10], [5, 0, 4, 9], [np.nan, 0, 1, 1], [0, 0, np.inf, 1]]
    assert boxes.is_usable(np.array(rows, float)).tolist() == [True] + [False] * 4


def test_clipping_keeps_boxes_inside():
    cut = boxes.clip(np.array([[-5, -5, 700, 500]]), 640, 480)
    np.testing.assert_array_equal(cut, [[0, 0, 640, 480]])
