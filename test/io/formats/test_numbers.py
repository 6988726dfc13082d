from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alphapose_ros.io.formats.numbers import (
    absent_zeros,
    exact_box,
    exact_xywh,
    extent,
    in_layout,
    mean_score,
    shortest,
    zeros_absent,
)
from alphapose_ros.skeletons import skeleton

PLACES = st.floats(-1e4, 1e4, width=32).map(lambda value: value if abs(value) > 1e-3 else 0.0)


@given(arrays(np.float32, (3, 2), elements=st.floats(width=32, allow_nan=False)))
def test_decimals_are_read_as_the_same_numbers(values):
    again = np.float32(json.loads(json.dumps(shortest(values))))
    np.testing.assert_array_equal(again, values)


def test_decimals_are_short():
    assert json.dumps(shortest(np.float32([0.1, 1234.5, 1 / 3]))) == "[0.1, 1234.5, 0.33333334]"
    assert exact_xywh(np.float32([[10, 20, 40.5, 60]])) == [[10, 20, 30.5, 40]]


@given(arrays(np.float32, (5, 4), elements=PLACES))
def test_boxes_are_read_as_the_same_numbers(boxes):
    boxes = np.concatenate((boxes[:, :2], np.maximum(boxes[:, :2], boxes[:, 2:])), axis=1)
    text = json.dumps(exact_xywh(boxes))
    again = [exact_box(np.array(box)).astype(np.float32) for box in json.loads(text)]
    np.testing.assert_array_equal(again, boxes)


def test_absent_keypoints_are_zeros_in_files():
    keypoints = np.array([[[1, 2, 0.5], [np.nan, np.nan, 0], [0, 0, 0.25]]])
    numbers = absent_zeros(keypoints)
    assert numbers.tolist() == [[[1, 2, 0.5], [0, 0, 0], [0, 0, 0.25]]]
    np.testing.assert_array_equal(zeros_absent(numbers), keypoints)


def test_extents_and_means_leave_out_what_is_absent():
    keypoints = np.array([[1, 8, 0.5], [np.nan, np.nan, 0], [3, 2, 1.0]])
    assert extent(keypoints).tolist() == [1, 2, 3, 8]
    assert mean_score(keypoints) == 0.75
    assert np.isnan(extent(keypoints[1:2])).all()
    assert mean_score(keypoints[1:2]) == 0
    assert mean_score(np.array([[1, 1, 1.5]])) == 1  # heatmaps of the reference go beyond 1


def test_keypoints_move_by_name():
    body, target = skeleton("halpe_26"), skeleton("coco_wholebody_133")
    keypoints = np.random.default_rng(0).random((2, 26, 3))
    moved = in_layout(keypoints, body, target)
    for name in ("left_heel", "right_big_toe", "nose"):
        np.testing.assert_array_equal(moved[:, target.index(name)], keypoints[:, body.index(name)])
    assert np.isnan(moved[:, target.index("chin"), 0]).all()
    assert in_layout(keypoints[:0], body, target).shape == (0, 133, 3)
