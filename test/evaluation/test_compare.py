from __future__ import annotations

import json
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from scipy.stats import bootstrap

from alphapose_ros.evaluation.compare import (
    compare,
    comparison_json,
    comparison_markdown,
    write_comparison,
)
from alphapose_ros.evaluation.report import Evaluation
from alphapose_ros.evaluation.statistics import (
    AveragePrecision,
    AverageRecall,
    Ranking,
    Ratio,
    Sums,
    Total,
)


def names(count):
    return tuple(f"{number}.jpg" for number in range(count))


def means(values, units=None, **more):
    """An evaluation whose figure PCK is the mean of one value per unit."""
    values = np.asarray(values, float)
    figure = Ratio(Sums(values[:, None], np.ones((len(values), 1))), 0)
    units = names(len(values)) if units is None else units
    return Evaluation(data_set="coco", units=units, figures={"PCK": figure}, **more)


def only(comparison):
    (found,) = comparison.differences
    return found


def ranking(random, *, units, poses, skill, thresholds=10):
    """Poses whose scores say more about their quality, and which are better, with ``skill``."""
    unit = np.sort(random.integers(0, units, poses))
    quality = np.clip(random.normal(skill, 0.2, poses), 0, 1)
    score = np.clip(quality + random.normal(0, 0.2, poses), 0, 1)
    order = np.lexsort((-score, unit))
    is_true = quality[:, None] > np.linspace(0.5, 0.95, thresholds)
    return Ranking(
        unit[order],
        score[order],
        is_true[order],
        np.zeros_like(is_true),
        np.full(units, -(-2 * poses // units)),
    )


def coco_like(rankings, units):
    everybody, medium, large = ((one,) for one in rankings)
    return Evaluation(
        data_set="coco",
        units=names(units),
        figures={
            "AP": AveragePrecision(everybody),
            "AP50": AveragePrecision(everybody, 0),
            "AP75": AveragePrecision(everybody, 5),
            "AP_M": AveragePrecision(medium),
            "AP_L": AveragePrecision(large),
            "AR": AverageRecall(everybody),
            "AR50": AverageRecall(everybody, 0),
            "AR75": AverageRecall(everybody, 5),
            "AR_M": AverageRecall(medium),
            "AR_L": AverageRecall(large),
        },
    )


def test_a_difference_worked_by_hand():
    found = only(compare(means([0.2, 0.4]), means([0.5, 0.3]), resamples=2000))
    assert (found.first, found.second) == (pytest.approx(0.3), pytest.approx(0.4))
    assert found.difference == pytest.approx(0.1)
    # Differences per unit are 0.3 and -0.1. A draw of two holds both 0.3 (1/4), one of each (1/2),
    # both -0.1 (1/4): the means are 0.3, 0.1, -0.1, and B is larger in three draws of four.
    assert found.interval == (pytest.approx(-0.1), pytest.approx(0.3))
    assert found.share_larger == pytest.approx(0.75, abs=0.03)
    assert found.draws == 2000


def test_intervals_are_those_of_scipy():
    random = np.random.default_rng(3)
    worse = random.normal(0.6, 0.2, 80)
    better = worse + random.normal(0.03, 0.1, 80)
    ours = only(compare(means(worse), means(better), resamples=6000, seed=1))
    theirs = bootstrap(
        (worse, better),
        lambda first, second, axis: second.mean(axis) - first.mean(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=6000,
        random_state=np.random.default_rng(2),
    ).confidence_interval
    width = theirs.high - theirs.low
    np.testing.assert_allclose(ours.interval, (theirs.low, theirs.high), atol=0.04 * width)
    unpaired = 2 * 1.96 * np.sqrt((worse.var() + better.var()) / 80)
    assert width < 0.5 * unpaired  # the pairs do matter here


def test_intervals_of_ratios_of_sums_are_those_of_scipy():
    random = np.random.default_rng(5)
    labelled = random.integers(1, 12, 60)
    right = [random.binomial(labelled, chance) for chance in (0.5, 0.6)]
    first, second = (
        Evaluation(
            data_set="mpii",
            units=names(60),
            figures={"PCKh@0.5": Ratio(Sums(found[:, None], labelled[:, None]), 0)},
        )
        for found in right
    )
    theirs = bootstrap(
        (*right, labelled),
        lambda a, b, whole, axis: (b.sum(axis) - a.sum(axis)) / whole.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=6000,
        random_state=np.random.default_rng(2),
    ).confidence_interval
    ours = only(compare(first, second, resamples=6000)).interval
    atol = 0.04 * (theirs.high - theirs.low)
    np.testing.assert_allclose(ours, (theirs.low, theirs.high), atol=atol)


def test_equal_results_do_not_differ():
    random = np.random.default_rng(0)
    result = coco_like([ranking(random, units=20, poses=90, skill=0.7) for _ in range(3)], 20)
    for found in compare(result, result, resamples=50).differences:
        assert (found.difference, found.interval, found.share_larger) == (0, (0, 0), 0)


def test_a_clearly_better_result_has_an_interval_above_0_and_the_other_way_round_below():
    units = 150
    worse, better = (
        coco_like(
            [ranking(np.random.default_rng(7), units=units, poses=500, skill=skill)] * 3, units
        )
        for skill in (0.6, 0.75)
    )
    for found in compare(worse, better, resamples=200).differences:
        assert found.interval[0] > 0 and found.share_larger == 1
        assert found.interval[0] < found.difference < found.interval[1]
    for found in compare(better, worse, resamples=200).differences:
        assert found.interval[1] < 0 and found.share_larger == 0


def test_95_of_100_intervals_hold_the_true_difference():
    random = np.random.default_rng(11)
    held = []
    for seed in range(400):
        worse = random.normal(0.5, 0.2, 40)
        better = worse + random.normal(0.05, 0.1, 40)
        low, high = only(compare(means(worse), means(better), resamples=200, seed=seed)).interval
        held.append(low <= 0.05 <= high)
    # 40 units and 200 draws make the interval a little narrow (about 0.93); two standard errors
    # of 400 repetitions are 0.025.
    assert 0.90 <= np.mean(held) <= 0.97


def test_draws_are_the_same_for_the_same_seed_and_others_for_another():
    first, second = means(np.linspace(0, 1, 30)), means(np.linspace(0, 1, 30)[::-1] ** 2)
    intervals = [only(compare(first, second, seed=seed)).interval for seed in (4, 4, 5)]
    assert intervals[0] == intervals[1] != intervals[2]


def test_units_in_another_order_are_found_by_name():
    random = np.random.default_rng(1)
    order = random.permutation(50)
    worse, better = random.random((2, 50))
    shuffled = means(better[order], tuple(names(50)[row] for row in order))
    straight = only(compare(means(worse), means(better)))
    assert only(compare(means(worse), shuffled)).interval == pytest.approx(straight.interval)
    assert only(compare(means(better), shuffled)).interval == pytest.approx((0, 0))


def test_rankings_in_another_order_of_units_are_found_by_name():
    random = np.random.default_rng(2)
    one = ranking(random, units=9, poses=40, skill=0.7)
    order = random.permutation(9)
    unit = np.argsort(order)[one.unit]  # unit order[k] stands at k
    rows = np.argsort(unit, kind="stable")
    other = Ranking(
        unit[rows], one.score[rows], one.is_true[rows], one.is_ignored[rows], one.positives[order]
    )
    first = Evaluation(data_set="coco", units=names(9), figures={"AP": AveragePrecision((one,), 0)})
    second = Evaluation(
        data_set="coco",
        units=tuple(names(9)[row] for row in order),
        figures={"AP": AveragePrecision((other,), 0)},
    )
    assert only(compare(first, second, resamples=100)).interval == pytest.approx((0, 0))


def test_other_units_are_refused_by_name():
    with pytest.raises(ValueError, match=r"second result lacks 2\.jpg, 3\.jpg: both must"):
        compare(means(np.ones(4)), means(np.ones(2)))
    with pytest.raises(ValueError, match=r"first result lacks 2\.jpg, 3\.jpg, 4\.jpg and 5 more"):
        compare(means(np.ones(2)), means(np.ones(10)))
    with pytest.raises(ValueError, match="cannot be told apart"):
        compare(means(np.ones(3), ("a", "a", "b")), means(np.ones(3), ("a", "b", "a")))


def test_other_data_sets_are_refused():
    other = replace(means(np.ones(3)), data_set="mpii")
    with pytest.raises(ValueError, match="'coco' and 'mpii'"):
        compare(means(np.ones(3)), other)


def test_other_labels_of_the_same_pictures_are_refused():
    one = ranking(np.random.default_rng(2), units=9, poses=40, skill=0.7)
    more = replace(one, positives=one.positives + (np.arange(9) == 4))
    results = (coco_like([found] * 3, 9) for found in (one, more))
    with pytest.raises(ValueError, match=r"AP: 4\.jpg has 9 to be found .* and 10 in the second"):
        compare(*results)


def test_a_single_unit_has_no_interval():
    comparison = compare(means([0.2]), means([0.5]))
    found = only(comparison)
    assert np.isnan(found.interval).all() and np.isnan(found.share_larger)
    assert found.difference == pytest.approx(0.3) and found.draws == 0
    assert "0.jpg" in comparison.notes[0] and "No intervals" in comparison.notes[0]
    assert "| PCK | 0.200 | 0.500 | +0.300 | - | - |" in comparison_markdown(comparison)


def test_few_units_are_said_to_be_few():
    few, enough = (
        " ".join(compare(means(np.arange(count)), means(np.ones(count)), resamples=20).notes)
        for count in (9, 10)
    )
    assert "too narrow" in few and "too narrow" not in enough
    assert "percentiles 2.5 to 97.5 of 20" in enough


def test_draws_without_anybody_are_left_out_and_counted():
    # One of three units has labels: (2/3)^3 = 30 % of the draws miss it.
    wholes = np.array([[1.0], [0.0], [0.0]])
    first, second = (
        Evaluation(
            data_set="coco", units=names(3), figures={"NME": Ratio(Sums(wholes * part, wholes), 0)}
        )
        for part in (0.4, 0.5)
    )
    comparison = compare(first, second, resamples=4000)
    found = only(comparison)
    assert found.draws / 4000 == pytest.approx(19 / 27, abs=0.03)
    assert found.interval == (pytest.approx(0.1), pytest.approx(0.1))
    assert f"NME {4000 - found.draws}" in comparison.notes[-1]


def test_a_figure_without_any_value_has_a_dash():
    nothing = Evaluation(
        data_set="coco",
        units=names(3),
        figures={"AP": AveragePrecision((_empty_ranking(3),))},
    )
    comparison = compare(nothing, nothing, resamples=20)
    assert only(comparison).draws == 0
    assert "| AP | - | - | - | - | - |" in comparison_markdown(comparison)
    written = json.loads(json.dumps(comparison_json(comparison), allow_nan=False))
    assert written["figures"]["AP"]["interval"] == [None, None]


def _empty_ranking(units):
    nothing = np.zeros((0, 1), bool)
    return Ranking(np.zeros(0, int), np.zeros(0), nothing, nothing, np.zeros(units, int))


def test_counts_are_compared_and_written_as_counts():
    first, second = (
        Evaluation(
            data_set="mot",
            units=names(12),
            figures={"IDSW": Total(Sums(switches[:, None], np.zeros((12, 1))))},
        )
        for switches in (np.full(12, 3), np.full(12, 2))
    )
    comparison = compare(first, second, resamples=50)
    assert only(comparison).interval == (-12, -12)
    assert "| IDSW | 36 | 24 | -12 | -12 to -12 | 0.0 % |" in comparison_markdown(comparison)


def test_figures_of_sections_are_compared_and_lone_ones_named():
    section = {"groups": {"feet": means(np.linspace(0, 1, 12)).figures}}
    first = means(np.ones(12), sections=section)
    second = means(np.zeros(12), sections={**section, "sizes": section["groups"]})
    comparison = compare(first, second, resamples=20)
    assert [found.name for found in comparison.differences] == ["PCK", "groups/feet/PCK"]
    assert comparison.notes[-1] == "In one of the results only: sizes/feet/PCK."
    chosen = compare(first, second, resamples=20, names=["groups/feet/PCK"])
    assert only(chosen).difference == 0


def test_a_figure_that_is_in_neither_is_refused():
    with pytest.raises(ValueError, match="no figure 'AP' in both results; there are PCK"):
        compare(means(np.ones(3)), means(np.ones(3)), names=["AP"])


def test_at_least_one_draw_is_needed():
    with pytest.raises(ValueError, match="resamples"):
        compare(means(np.ones(3)), means(np.ones(3)), resamples=0)


def test_the_json_form_holds_every_number(tmp_path):
    comparison = compare(means(np.linspace(0, 1, 12)), means(np.ones(12)), resamples=30, seed=9)
    write_comparison(comparison, tmp_path / "new/comparison.json")
    written = json.loads((tmp_path / "new/comparison.json").read_text())
    found = only(comparison)
    assert written["figures"]["PCK"] == {
        "first": found.first,
        "second": found.second,
        "difference": found.difference,
        "interval": list(found.interval),
        "share_larger": found.share_larger,
        "draws": 30,
    }
    keys = ("data_set", "units", "resamples", "seed", "level")
    assert [written[key] for key in keys] == ["coco", 12, 30, 9, 0.95]


def test_steps_that_figures_share_are_done_once(monkeypatch):
    calls = []
    monkeypatch.setattr(
        Ranking,
        "precisions",
        lambda self, weights=None: calls.append(1) or (np.ones((10, 101)),) * 2,
    )
    result = coco_like([ranking(np.random.default_rng(0), units=5, poses=9, skill=0.7)] * 3, 5)
    calls.clear()
    compare(result, result, resamples=7, names=["AP", "AP50", "AR"])
    in_draws = 2 * 7  # both results, although they are the same here
    beside = 2 * 3  # the values themselves, figure by figure
    assert len(calls) == in_draws + beside


def test_results_of_the_size_of_coco_are_compared_in_time():
    random = np.random.default_rng(17)  # 0 would be the stream of the draws
    units, poses = 5000, 20000
    results = [
        coco_like(
            [ranking(random, units=units, poses=poses, skill=skill)]
            + [ranking(random, units=units, poses=poses // 2, skill=skill) for _ in range(2)],
            units,
        )
        for skill in (0.7, 0.75)
    ]
    start = perf_counter()
    compare(*results, resamples=20)
    assert perf_counter() - start < 2.4  # 1,000 draws in two minutes, on the slowest of machines
