from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.keypoints import (
    PoseSimilarity,
    keypoint_weights,
    oks,
    pose_scores,
    shifted,
)
from alphapose_ros.skeletons import skeleton

SIZE = np.array([50.0, 100.0])
SIMILARITY = PoseSimilarity(score_scale=0.3, distance_scale=0.01, distance_weight=2.0)


def pose(count=4, score=0.6, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate((rng.random((count, 2)) * SIZE, np.full((count, 1), score)), axis=1)


def test_the_formula_of_equations_17_to_19_written_out():
    one, other = pose(seed=1), pose(seed=2)
    other[:2, :2] = one[:2, :2] + 1  # two of four are near
    one[:, 2], other[:, 2] = (0.2, 0.9, 0.5, 0.4), (0.8, 0.1, 0.3, 0.6)
    shares = np.array([1.0, 1.0, 0.5, 0.1])
    expected = total = 0.0
    for (x, y, c), (u, v, d), share in zip(one, other, shares, strict=True):
        weight = share * np.tanh(c / 0.3)  # Eq. 17's first factor is the mean's weight
        total += weight
        if abs(u - x) <= 0.05 * 50 and abs(v - y) <= 0.05 * 100:
            expected += weight * np.tanh(d / 0.3)
        expected += weight * 2.0 * np.exp(-((u - x) ** 2 + (v - y) ** 2) / 100**2 / 0.01)
    similarity = PoseSimilarity(0.3, 0.01, 2.0, weights=shares)
    assert similarity(one, SIZE, other[None])[0] == pytest.approx(expected / total)


def test_who_is_displaced_as_a_whole_is_less_alike():
    one = pose(score=9.0)
    strict = PoseSimilarity(0.3, 0.01, 2.0, shift_scale=0.01)
    moved = one + (6, 8, 0)  # 10 px of 100: exp(-0.1^2 / 0.01) = 1 / e
    there_and_back = one + np.array([(6, 8, 0), (6, 8, 0), (-6, -8, 0), (-6, -8, 0)])
    others = np.array([moved, there_and_back])
    ratio = strict(one, SIZE, others) / SIMILARITY(one, SIZE, others)
    np.testing.assert_allclose(ratio, [np.exp(-1), 1], rtol=1e-6)


def test_the_displacement_is_that_of_keypoints_which_both_have():
    strict = PoseSimilarity(0.3, 0.01, 2.0, shift_scale=0.01)
    one = pose(score=9.0)
    half = one + (6, 8, 0)
    half[2:] = [np.nan, np.nan, 0]
    ratio = strict(one, SIZE, half[None]) / SIMILARITY(one, SIZE, half[None])
    np.testing.assert_allclose(ratio, np.exp(-1), rtol=1e-6)


def test_keypoints_of_which_the_pose_is_not_sure_do_not_count():
    one = pose(score=9.0)
    one[1, 2] = 0
    other = one + [[0, 0, 0], [400, 0, 9], [0, 0, 0], [0, 0, 0]]
    assert SIMILARITY(one, SIZE, other[None])[0] == pytest.approx(3.0)


def test_a_group_counts_by_its_weight_and_not_by_its_number_of_keypoints():
    whole = skeleton("halpe_136")
    shares = keypoint_weights(whole, body=1.0, feet=0.5, face=0.25, hands=0.125)
    sums = {name: shares[whole.group(name)].sum() for name in whole.groups}
    expected = {"body": 1, "feet": 0.5, "face": 0.25, "left_hand": 1 / 16, "right_hand": 1 / 16}
    assert sums == pytest.approx(expected)


def test_where_weights_leave_nothing_all_keypoints_count_alike():
    hand = skeleton("single_hand_21")
    assert keypoint_weights(hand, body=1.0, hands=0.0).tolist() == [1.0] * 21


def test_the_same_pose_with_certain_scores_reaches_the_largest_value():
    one = pose(score=9.0)
    assert SIMILARITY(one, SIZE, one[None])[0] == pytest.approx(3.0)


def test_likeness_does_not_depend_on_the_size_in_the_picture():
    one, other = pose(seed=1), pose(seed=1) + (2, 1, 0)
    near = SIMILARITY(one, SIZE, other[None])
    far = SIMILARITY(one * [0.1, 0.1, 1], SIZE / 10, other[None] * [0.1, 0.1, 1])
    np.testing.assert_allclose(near, far)


@pytest.mark.parametrize(("way", "supports"), [(0.049, True), (0.051, False)])
def test_keypoints_support_each_other_within_a_tenth_of_the_box(way, supports):
    one = pose(score=9.0)
    only_near = PoseSimilarity(distance_weight=0.0)
    for direction in (SIZE * (way, 0), SIZE * (0, -way)):
        moved = one + (*direction, 0)
        assert only_near(one, SIZE, moved[None])[0] == pytest.approx(float(supports))


def test_absent_keypoints_count_as_unlike():
    one = pose(score=9.0)
    half = one.copy()
    half[:2] = [np.nan, np.nan, 0]
    assert SIMILARITY(one, SIZE, half[None])[0] == pytest.approx(1.5)


def test_the_distance_is_0_for_the_same_pose_and_1_for_a_stranger():
    one, stranger = pose(), pose() + (500, 0, 0)
    absent = np.full_like(one, np.nan) * [1, 1, 0]
    absent[:, 2] = 0
    found = SIMILARITY.distance(one, SIZE, np.array([one, stranger, absent]))
    np.testing.assert_allclose(found, [0, 1, 1], atol=1e-9)


def test_the_distance_grows_with_the_way():
    one = pose()
    others = np.array([one + (way, 0, 0) for way in (0, 1, 2, 4, 8, 16)])
    assert (np.diff(SIMILARITY.distance(one, SIZE, others)) > 0).all()


def test_oks_equals_pycocotools():
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    rng = np.random.default_rng(3)
    truth = np.concatenate((rng.random((17, 2)) * 200, rng.integers(0, 3, (17, 1))), axis=1)
    found = truth[None] + rng.normal(0, 8, (5, 17, 3))
    area = 9000.0
    evaluator = cocoeval.COCOeval(iouType="keypoints")
    gt = {"keypoints": truth.ravel().tolist(), "area": area, "bbox": [0, 0, 200, 200], "ignore": 0}
    evaluator._gts[1, 1] = [gt]
    evaluator._dts[1, 1] = [
        {"keypoints": one.ravel().tolist(), "score": 1 - rank} for rank, one in enumerate(found)
    ]
    expected = evaluator.computeOks(1, 1)[:, 0]
    np.testing.assert_allclose(oks(truth, found, area, skeleton("coco_17").sigmas), expected, 1e-9)


def test_oks_of_a_person_without_labels_is_0():
    nothing = np.zeros((17, 3))
    assert oks(nothing, nothing[None], 100.0, skeleton("coco_17").sigmas).tolist() == [0]


def test_keypoints_move_and_grow_with_their_box():
    keypoints = np.array([[5.0, 10.0, 0.7], [np.nan, np.nan, 0.0]])
    moved = shifted(keypoints, np.array([0, 0, 10, 20]), np.array([100, 0, 120, 40]))
    np.testing.assert_allclose(moved[0], [110, 20, 0.7])
    assert np.isnan(moved[1, :2]).all()


def test_the_area_may_be_one_of_each_pair():
    rng = np.random.default_rng(4)
    truth, found = rng.random((17, 3)) * 50, rng.random((3, 17, 3)) * 50
    areas, sigmas = np.array([100.0, 900.0, 2500.0]), skeleton("coco_17").sigmas
    each = [oks(truth, found[[n]], areas[n], sigmas)[0] for n in range(3)]
    np.testing.assert_allclose(oks(truth, found, areas, sigmas), each)


def test_the_score_of_a_pose_is_the_reference_s_divided_by_its_largest_value():
    keypoints = np.array([[[0, 0, 0.2], [0, 0, 0.6]], [[0, 0, 1], [np.nan, np.nan, np.nan]]])
    expected = [(0.4 + 0.5 + 1.25 * 0.6) / 3.25, (0.5 + 0.7 + 1.25) / 3.25]
    np.testing.assert_allclose(pose_scores(keypoints, np.array([0.5, 0.7])), expected)
