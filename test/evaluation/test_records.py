from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.evaluation.records import Cases, Picture, Predictions, Truth
from alphapose_ros.skeletons import SKELETONS, skeleton


def truth(count=3, **changes):
    columns = {
        "name": "made",
        "skeleton": skeleton("coco_17"),
        "pictures": (Picture(id=1, file="a.jpg"), Picture(id=2, file="b.jpg")),
        "rows": np.arange(count) % 2,
        "keypoints": np.arange(count * 17 * 3, dtype=float).reshape(count, 17, 3),
        "boxes": np.zeros((count, 4)),
        "areas": np.arange(count),
        "ids": np.arange(count) + 10,
        "is_crowd": np.zeros(count, bool),
    }
    return Truth(**{**columns, **changes})


def predictions(name="coco_17", count=2, **changes):
    keypoints = len(skeleton(name).names)
    columns = {
        "skeleton": skeleton(name),
        "rows": np.zeros(count),
        "keypoints": np.random.default_rng(0).random((count, keypoints, 3)),
        "scores": np.ones(count),
    }
    return Predictions(**{**columns, **changes})


def test_selecting_people_keeps_the_pictures():
    chosen = truth(is_valid=np.array([[True], [False], [True]]))[np.array([False, True, True])]
    assert len(chosen) == 2 and len(chosen.pictures) == 2
    assert chosen.ids.tolist() == [11, 12] and chosen.rows.tolist() == [1, 0]
    assert chosen.is_valid.tolist() == [[False], [True]] and chosen.track_ids is None


def test_nobody_is_an_ordinary_data_set():
    assert len(truth(0)) == 0 and truth(0).is_labelled.shape == (0, 17)
    assert len(truth()[[]]) == 0


def test_labelled_is_what_has_a_visibility():
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, :3, 2] = 1, 2, 0.14  # COCO-WholeBody's hands have fractions
    keypoints[0, 3, :2] = 5
    assert truth(1, keypoints=keypoints).is_labelled[0].nonzero()[0].tolist() == [0, 1, 2]


def test_keypoints_must_be_the_skeletons():
    with pytest.raises(ValueError, match="has 17 keypoints, skeleton halpe_26 has 26"):
        truth(skeleton=skeleton("halpe_26"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("areas", np.zeros(2)),
        ("boxes", np.zeros((3, 5))),
        ("keypoints", np.zeros((3, 17, 2))),
        ("is_valid", np.zeros((2, 5))),
    ],
)
def test_columns_of_another_length_are_refused(column, value):
    with pytest.raises(ValueError, match=rf"Truth\.{column} must have shape"):
        truth(**{column: value})


def test_columns_cannot_be_written_into():
    with pytest.raises(ValueError, match="read-only"):
        truth().keypoints[:] = 0


def test_a_layout_is_taken_by_name():
    found = predictions("halpe_136")
    other = found.in_layout(skeleton("coco_wholebody_133"))
    for name in ("nose", "left_small_toe", "right_heel", "chin", "right_hand_little_4"):
        here, there = found.skeleton.index(name), other.skeleton.index(name)
        np.testing.assert_array_equal(other.keypoints[:, there], found.keypoints[:, here])
    assert not np.isnan(other.keypoints).any()  # Halpe has all of COCO-WholeBody's


def test_keypoints_that_were_not_predicted_are_absent():
    other = predictions("coco_17").in_layout(skeleton("halpe_26"))
    np.testing.assert_array_equal(other.keypoints[:, 17:], np.full((2, 9, 3), [np.nan, np.nan, 0]))
    assert np.isfinite(other.keypoints[:, :17]).all()


def test_other_columns_go_along_but_not_scores_of_other_groups():
    found = predictions(
        boxes=np.ones((2, 4)),
        group_scores=np.ones((2, 1)),
        track_ids=np.array([4, 5]),
        truth_ids=np.array([6, -1]),
    )
    other = found.in_layout(skeleton("halpe_26"))
    assert other.track_ids.tolist() == [4, 5] and other.truth_ids.tolist() == [6, -1]
    assert other.boxes.tolist() == found.boxes.tolist() and other.group_scores is None
    assert found.in_layout(skeleton("coco_17")) is found


@pytest.mark.parametrize("name", SKELETONS)
def test_nobody_changes_layout(name):
    other = predictions(count=0).in_layout(skeleton(name))
    assert other.keypoints.shape == (0, len(skeleton(name).names), 3)


def test_the_worst_cases_come_first_and_in_order_where_equal():
    quality = np.array([0.5, 0.0, 0.9, 0.0])
    cases = Cases(rows=np.arange(4), truth=np.arange(4), found=-np.ones(4), quality=quality)
    assert cases.worst(3).truth.tolist() == [1, 3, 0]
    assert len(cases.worst(9)) == 4 and len(cases.worst(0)) == 0
