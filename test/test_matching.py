from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from alphapose_ros.matching import match


def cheapest(cost, max_cost):
    """Try every set of pairs; what stays free costs max_cost."""
    rows, columns = cost.shape
    return min(
        cost[list(chosen), list(order)].sum() + max_cost * (min(rows, columns) - size)
        for size in range(min(rows, columns) + 1)
        for chosen in combinations(range(rows), size)
        for order in permutations(range(columns), size)
    )


@pytest.mark.parametrize("seed", range(50))
def test_no_set_of_pairs_is_cheaper(seed):
    rng = np.random.default_rng(seed)
    cost = rng.random(rng.integers(1, 5, 2))
    max_cost = rng.random()
    found = match(cost, max_cost)
    total = cost[tuple(found.pairs.T)].sum() + max_cost * (min(cost.shape) - len(found.pairs))
    assert total == pytest.approx(cheapest(cost, max_cost))
    assert (cost[tuple(found.pairs.T)] <= max_cost).all()


def test_everybody_is_in_a_pair_or_free():
    found = match(np.array([[0.1, 0.9], [0.9, 0.8], [0.2, 0.9]]), 0.5)
    assert found.pairs.tolist() == [[0, 0]]
    assert found.free_rows.tolist() == [1, 2]
    assert found.free_columns.tolist() == [1]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0)])
def test_nobody_matches_nobody(shape):
    found = match(np.empty(shape), 0.5)
    assert found.pairs.shape == (0, 2)
    assert len(found.free_rows) == shape[0]
    assert len(found.free_columns) == shape[1]


def test_a_cost_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="NaN or Inf"):
        match(np.array([[np.nan]]), 0.5)
