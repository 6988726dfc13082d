import numpy as np

from alphapose_ros.evaluation.datasets.extents import (
    boxes_around,
    distance,
    longer_sides,
    tight_boxes,
)
from alphapose_ros.skeletons import skeleton

PEOPLE = np.zeros((3, 14, 3))
PEOPLE[0, 0], PEOPLE[0, 3], PEOPLE[0, 9] = (10, 20, 1), (30, 60, 2), (999, -999, 0)
PEOPLE[1, 5] = (-4, 7, 2)


def test_boxes_hold_what_is_labelled():
    tight = [[10, 20, 30, 60], [-4, 7, -4, 7], [0, 0, 0, 0]]
    assert tight_boxes(PEOPLE).tolist() == tight
    assert boxes_around(PEOPLE).tolist() == [[8, 16, 32, 64], *tight[1:]]
    assert longer_sides(tight_boxes(PEOPLE)).tolist() == [40, 0, 0]


def test_distances_need_both_ends():
    layout = skeleton("lsp_14")
    apart = distance(PEOPLE, layout, "right_ankle", "left_hip")
    np.testing.assert_allclose(apart, [np.hypot(20, 40), np.nan, np.nan])


def test_nobody_has_no_boxes():
    nobody = np.zeros((0, 14, 3))
    assert tight_boxes(nobody).shape == boxes_around(nobody).shape == (0, 4)
    assert longer_sides(np.zeros((0, 4))).shape == (0,)
    assert distance(nobody, skeleton("lsp_14"), "neck", "head_top").shape == (0,)
