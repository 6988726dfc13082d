from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.evaluation.statistics import (
    RECALLS,
    AveragePrecision,
    AverageRecall,
    GeometricMean,
    Ranking,
    Ratio,
    Sums,
    Total,
)


def made(seed, units=6, poses=25, thresholds=3, digits=1):
    """A ranking with ignored poses, units without anybody and, of few digits, equal scores."""
    random = np.random.default_rng(seed)
    unit = np.sort(random.integers(0, units, poses))
    score = np.round(random.random(poses), digits)
    order = np.lexsort((-score, unit))
    return Ranking(
        unit,
        score[order],
        random.random((poses, thresholds)) < 0.6,
        random.random((poses, thresholds)) < 0.2,
        random.integers(0, 9, units),
    )


def repeated(ranking, weights):
    """The same ranking with each unit written down as often as its weight says."""
    copies = np.repeat(np.arange(len(weights)), weights)
    rows = [np.flatnonzero(ranking.unit == unit) for unit in copies]
    every = np.concatenate([*rows, []]).astype(int)
    return Ranking(
        np.repeat(np.arange(len(copies)), [len(one) for one in rows]),
        ranking.score[every],
        ranking.is_true[every],
        ranking.is_ignored[every],
        ranking.positives[copies],
    )


def by_definition(ranking, threshold):
    """Walk down the list; at each recall take the best precision at that recall or more."""
    order = sorted(range(len(ranking.score)), key=lambda row: -ranking.score[row])
    right = wrong = 0
    curve = []
    for row in order:
        if not ranking.is_ignored[row, threshold]:
            right += ranking.is_true[row, threshold]
            wrong += not ranking.is_true[row, threshold]
            curve.append((right / ranking.positives.sum(), right / (right + wrong)))
    precisions = [
        max((precision for recall, precision in curve if recall >= wanted), default=0.0)
        for wanted in RECALLS
    ]
    return precisions, right / ranking.positives.sum()


@pytest.mark.parametrize("seed", range(20))
def test_precisions_are_those_of_the_definition(seed):
    ranking = made(seed)
    precision, recall = ranking.precisions()
    for threshold in range(3):
        expected = by_definition(ranking, threshold)
        np.testing.assert_allclose(precision[threshold], expected[0])
        np.testing.assert_allclose(recall[threshold], expected[1])


@pytest.mark.parametrize("seed", range(20))
def test_weights_say_how_often_a_unit_counts(seed):
    ranking = made(seed, digits=9)  # copies of equal scores would be ranked in another order
    weights = np.random.default_rng(seed + 100).integers(0, 4, 6)
    for ours, theirs in zip(
        ranking.precisions(weights), repeated(ranking, weights).precisions(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs)
    sums = Sums(ranking.positives[:, None] * [1, 2], ranking.positives[:, None] + [3, 0])
    copies = np.repeat(np.arange(6), weights)
    written = Sums(sums.parts[copies], sums.wholes[copies])
    np.testing.assert_allclose(sums.ratios(weights), written.ratios())
    np.testing.assert_allclose(sums.totals(weights), written.totals())


def test_weights_of_one_change_nothing():
    ranking, sums = made(1), Sums(np.arange(6.0)[:, None], np.ones((6, 1)))
    for step in (ranking.precisions, sums.ratios, sums.totals):
        np.testing.assert_equal(step(np.ones(6)), step())


def ranked(*outcomes, positives=2, ignored=()):
    """Poses of one picture, the best first."""
    is_true = np.array(outcomes, bool).reshape(-1, 1)
    is_ignored = np.zeros_like(is_true)
    is_ignored[list(ignored)] = True
    scores = np.linspace(0.9, 0.1, len(is_true))
    return Ranking(np.zeros(len(is_true), int), scores, is_true, is_ignored, np.array([positives]))


def precision_of(*rankings, at=None):
    return AveragePrecision(rankings, at).value()


def recall_of(*rankings, at=None):
    return AverageRecall(rankings, at).value()


def test_precision_at_a_recall_is_the_best_at_that_or_a_larger_one():
    # Two people; found wrong, right, right: precision is 0, 1/2, 2/3 at recalls 0, 1/2, 1, of
    # which the last is the best everywhere.
    assert precision_of(ranked(0, 1, 1)) == pytest.approx(2 / 3)
    # Right, wrong, right: 1 up to recall 1/2 (51 of 101 places), then 2/3 (50).
    assert precision_of(ranked(1, 0, 1)) == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_precision_is_read_off_at_101_recalls():
    # One of three people: recalls 0, 0.01 ... 0.33 are reached.
    assert precision_of(ranked(1, positives=3)) == pytest.approx(34 / 101)


def test_precision_beyond_the_largest_recall_is_zero():
    precision, recall = ranked(1, 1, positives=4).precisions()
    np.testing.assert_array_equal(precision[0], RECALLS <= 0.5)
    assert recall[0] == 0.5


def test_all_wrong_is_zero():
    assert precision_of(ranked(0, 0)) == recall_of(ranked(0, 0)) == 0


def test_nothing_found_is_zero_and_nobody_labelled_is_nan():
    assert precision_of(ranked()) == recall_of(ranked()) == 0
    for nobody in (ranked(positives=0), ranked(0, positives=0)):
        assert np.isnan(precision_of(nobody)) and np.isnan(recall_of(nobody))
    assert np.isnan(AveragePrecision((ranked(1),)).value(np.array([0])))


def test_who_is_ignored_counts_neither_way():
    assert precision_of(ranked(0, 1, 0, 1, ignored=[0, 2])) == precision_of(ranked(1, 1)) == 1
    assert recall_of(ranked(1, 1, ignored=[1])) == 0.5


def two_units(scores):
    """A right pose in the first unit, a wrong one in the second."""
    is_true = np.array([[True], [False]])
    nothing = np.zeros((2, 1), bool)
    return Ranking(np.arange(2), np.array(scores), is_true, nothing, np.array([1, 0]))


def test_units_are_ranked_together_by_score():
    assert precision_of(two_units([0.8, 0.3])) == 1
    assert precision_of(two_units([0.3, 0.8])) == 0.5


def test_of_equal_scores_the_first_comes_first():
    assert precision_of(two_units([0.5, 0.5])) == 1


def test_a_unit_of_weight_two_is_the_unit_twice():
    # The wrong pose stands twice above the right one: 1/3.
    figure = AveragePrecision((two_units([0.3, 0.8]),))
    assert figure.value(np.array([1, 2])) == pytest.approx(1 / 3)
    assert figure.value(np.array([2, 1])) == pytest.approx(2 / 3)


def test_one_threshold_of_many_is_named_by_its_number():
    ranking = Ranking(
        np.zeros(2, int),
        np.array([0.9, 0.8]),
        np.array([[True, False], [True, True]]),
        np.zeros((2, 2), bool),
        np.array([2]),
    )
    # At the second threshold wrong, right: 1/2 up to recall 1/2.
    second = 51 / 101 / 2
    assert (precision_of(ranking, at=0), recall_of(ranking, at=0)) == (1, 1)
    assert precision_of(ranking, at=1) == pytest.approx(second)
    assert recall_of(ranking, at=1) == 0.5
    assert precision_of(ranking) == pytest.approx((1 + second) / 2)
    assert recall_of(ranking) == 0.75


def test_several_rankings_are_averaged_without_those_of_nobody():
    rankings = (ranked(1, 1), ranked(1, positives=0), ranked(0, 0))
    assert precision_of(*rankings) == recall_of(*rankings) == 0.5


SUMS = Sums(  # (1 + 2) / (4 + 4), nothing labelled, 3 / 6
    np.array([[1, 0, 0], [2, 0, 3]]), np.array([[4, 0, 2], [4, 0, 4]])
)


def test_ratios_divide_sums():
    assert Ratio(SUMS, 0).value() == 3 / 8
    assert Ratio(SUMS, 0).value(np.array([1, 3])) == 7 / 16
    assert np.isnan(Ratio(SUMS, 1).value())


def test_the_mean_of_ratios_leaves_out_columns_without_a_whole():
    assert Ratio(SUMS).value() == pytest.approx((3 / 8 + 1 / 2) / 2)


def test_an_empty_column_may_have_a_value_of_its_own():
    assert Ratio(SUMS, 1, empty=1.0).value() == 1
    assert Ratio(SUMS, empty=0.0).value() == pytest.approx((3 / 8 + 0 + 1 / 2) / 3)


def test_a_total_is_the_sum_of_parts():
    assert Total(SUMS, 2).value() == 3
    assert Total(SUMS, 2).value(np.array([5, 2])) == 6


def test_sums_of_no_units_are_empty():
    nothing = Sums(np.zeros((0, 2)), np.zeros((0, 2)))
    assert nothing.units == 0
    assert np.isnan(Ratio(nothing).value()) and Total(nothing).value() == 0


FIRST = Sums(np.array([[1, 4, 1]]), np.array([[4, 4, 0]]))
SECOND = Sums(np.array([[1, 9, 5]]), np.array([[1, 16, 5]]))


def test_the_geometric_mean_is_the_root_of_the_product():
    assert GeometricMean(FIRST, SECOND, 0).value() == 0.5  # of 1/4 * 1
    assert GeometricMean(FIRST, SECOND, 1).value() == 0.75  # of 1 * 9/16


def test_columns_without_a_whole_have_a_geometric_mean_of_zero():
    assert GeometricMean(FIRST, SECOND, 2).value() == 0


def test_the_geometric_mean_is_meant_after_the_root():
    assert GeometricMean(FIRST, SECOND).value() == pytest.approx((0.5 + 0.75 + 0) / 3)


def test_figures_name_their_samples():
    one, other, sums = made(1), made(2), Sums(np.ones((6, 1)), np.ones((6, 1)))
    assert AveragePrecision((one, other)).samples() == (one, other)
    assert Ratio(sums).samples() == Total(sums).samples() == (sums,)
    assert GeometricMean(sums, SUMS).samples() == (sums, SUMS)
    assert {sample.units for sample in (one, other, sums)} == {6}


def test_a_sample_can_be_made_again_from_its_arrays():
    for one in (made(3), SUMS):
        again = type(one)(**one.arrays())
        assert again.arrays().keys() == one.arrays().keys()
        for name, values in one.arrays().items():
            np.testing.assert_array_equal(again.arrays()[name], values)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"same shape \(U, M\), got \(2,\) and \(2,\)"):
        Sums(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(2, 1\)"):
        Sums(np.ones((2, 3)), np.ones((2, 1)))
    arrays = made(1).arrays()
    with pytest.raises(ValueError, match=r"got \(25,\), \(24,\), \(25, 3\)"):
        Ranking(**{**arrays, "score": arrays["score"][1:]})
