from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.keypoints import PoseSimilarity, oks, shifted
from alphapose_ros.skeletons import skeleton

SIZE = np.array([50.0, 100.0])
SIMILARITY = PoseSimilarity(score_scale=0.3, distance_scale=0.01, distance_weight=2.0)


def pose(count=4, score=0.6, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate((rng.random((count, 2)) * SIZE, np.full((count, 1), score)), axis=1)


def test_the_formula_of_equations_17_to_19_written_out():
    one, other = pose(seed=1), pose(seed=2)
    other[:2, :2] = one[:2, :2] + 1  # two of four are near
    expected = 0.0
    for (x, y, c), (u, v, d) in zip(one, other, strict=True):
        dx, dy = (u - x) / 50, (v - y) / 100
        if abs(dx) <= 0.05 and abs(dy) <= 0.05:
            expected += np.tanh(c / 0.3) * np.tanh(d / 0.3)
        expected += 2.0 * np.exp(-(dx**2 + dy**2) / 0.01)
    assert SIMILARITY(one, SIZE, other[None])[0] == pytest.approx(expected / 4)


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
