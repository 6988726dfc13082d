from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.tracking.stages import Stage, beyond_doubt, optimal, row_minimum, run

CHAIN = np.array([[0.1, 0.2], [0.2, 0.9]])  # both tracks are nearest to the first person


def as_pairs(pairs):
    return sorted(map(tuple, pairs.tolist()))


def test_the_optimal_association_looks_at_all_pairs_together():
    assert as_pairs(optimal(CHAIN, 0.95)) == [(0, 1), (1, 0)]  # 0.4 in all, and not 1.0


def test_the_paper_s_association_gives_each_person_the_cheapest_track():
    # Both people's minimum is track 0; person 0 is nearer, person 1 stays untracked.
    assert as_pairs(row_minimum(CHAIN, 0.95)) == [(0, 0)]
    cost = np.array([[0.1, 0.6, 0.9], [0.5, 0.2, 0.8]])
    assert as_pairs(row_minimum(cost, 0.7)) == [(0, 0), (1, 1)]


def test_beyond_doubt_is_what_nothing_else_comes_near():
    cost = np.array([[0.1, 0.9, 0.9], [0.9, 0.3, 0.4], [0.9, 0.9, 0.9]])
    assert as_pairs(beyond_doubt(0.2)(cost, 0.8)) == [(0, 0)]
    assert as_pairs(beyond_doubt(0.05)(cost, 0.8)) == [(0, 0), (1, 1)]
    assert as_pairs(beyond_doubt(0.05)(cost, 0.2)) == [(0, 0)]


def test_two_tracks_that_want_one_person_are_in_doubt():
    assert not len(beyond_doubt(0.2)(np.array([[0.1], [0.2]]), 0.8))
    assert as_pairs(beyond_doubt(0.05)(np.array([[0.1], [0.2]]), 0.8)) == [(0, 0)]


def test_each_stage_gets_what_the_earlier_ones_left():
    asked = []

    def costs(tracks, rows):
        asked.append((tracks.tolist(), rows.tolist()))
        return np.array([[0.1, 0.9, 0.9], [0.9, 0.6, 0.9], [0.9, 0.9, 0.7]])[np.ix_(tracks, rows)]

    stages = [Stage(costs, 0.5, optimal), Stage(costs, 0.65, optimal), Stage(costs, 0.8, optimal)]
    found = run(stages, np.ones(3, bool), np.ones(3, bool))
    assert found.tolist() == [0, 1, 2]
    assert asked == [([0, 1, 2], [0, 1, 2]), ([1, 2], [1, 2]), ([2], [2])]


def test_masks_say_who_takes_part():
    def costs(tracks, rows):
        return np.zeros((len(tracks), len(rows)))

    stage = Stage(costs, 0.5, optimal, np.array([True, False]), np.array([False, True]))
    assert run([stage], np.ones(2, bool), np.ones(2, bool)).tolist() == [1, -1]
    assert run([stage], np.zeros(2, bool), np.ones(2, bool)).tolist() == [-1, -1]


@pytest.mark.parametrize("choose", [optimal, row_minimum, beyond_doubt(0.1)])
def test_the_reference_s_thresholds_hold(data, choose):
    with np.load(data / "reference/vectors/association.npz") as reference:
        cost, matches = reference["cost"], reference["matches"]
    assert cost[tuple(matches.T)].max() <= 0.7  # its threshold
    pairs = choose(cost, 0.7)
    assert (cost[tuple(pairs.T)] <= 0.7).all()
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)


def test_the_optimal_association_equals_the_reference(data):
    with np.load(data / "reference/vectors/association.npz") as reference:
        pairs = optimal(reference["cost"], 0.7)
        assert as_pairs(pairs) == as_pairs(reference["matches"])
