"""Rounds of matching: who in this frame is which track, among those earlier rounds have left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alphapose_ros.matching import match

Cost = Callable[[np.ndarray, np.ndarray], np.ndarray]  # tracks (T,), rows (N,) -> (T, N)
Choose = Callable[[np.ndarray, float], np.ndarray]  # (T, N), largest cost -> (P, 2)


@dataclass(frozen=True)
class Stage:
    """One round of matching."""

    cost: Cost
    max_cost: float
    choose: Choose
    tracks: np.ndarray | None = None  # mask of those that take part; None: all
    people: np.ndarray | None = None  # mask of the rows that take part; None: all
    chosen: np.ndarray | None = None  # mask of the tracks that may be matched; None: all


def run(stages: Sequence[Stage], waiting: np.ndarray, unclaimed: np.ndarray) -> np.ndarray:
    """Match people to tracks, stage after stage.

    Costs are asked for when a stage's turn comes, and of those only who are still there.

    Args:
        stages: in their order.
        waiting: (T,) mask of the tracks that can be matched.
        unclaimed: (N,) mask of the people who can be matched.

    Returns:
        (T,) the row of each track, -1 where it has none.
    """
    waiting, unclaimed = waiting.copy(), unclaimed.copy()
    found = np.full(len(waiting), -1)
    for stage in stages:
        tracks = np.flatnonzero(waiting if stage.tracks is None else waiting & stage.tracks)
        rows = np.flatnonzero(unclaimed if stage.people is None else unclaimed & stage.people)
        if len(tracks) and len(rows):
            pairs = stage.choose(stage.cost(tracks, rows), stage.max_cost)
            if stage.chosen is not None:  # others take part to be compared with
                pairs = pairs[stage.chosen[tracks[pairs[:, 0]]]]
            taken, given = tracks[pairs[:, 0]], rows[pairs[:, 1]]
            found[taken] = given
            waiting[taken] = unclaimed[given] = False
    return found


def optimal(cost: np.ndarray, max_cost: float) -> np.ndarray:
    """Choose pairs (P, 2) at least total cost; see matching.match."""
    return match(cost, max_cost).pairs


def row_minimum(cost: np.ndarray, max_cost: float) -> np.ndarray:
    """Give each person the cheapest track, as the paper says; of two who want it, the cheaper one.

    Source: paper Eq. 21, which does not say what happens to two people with the same minimum: the
        other one stays for the next stage.
    """
    tracks = cost.argmin(axis=0)
    columns = np.arange(cost.shape[1])
    costs = cost[tracks, columns]
    columns = columns[np.argsort(costs, kind="stable")]
    columns = columns[costs[columns] <= max_cost]
    firsts = np.unique(tracks[columns], return_index=True)[1]
    return np.stack((tracks[columns[firsts]], columns[firsts]), axis=1)


def beyond_doubt(margin: float) -> Choose:
    """Return what chooses only pairs that are cheaper than all others of either, by ``margin``."""

    def choose(cost: np.ndarray, max_cost: float) -> np.ndarray:
        tracks = np.arange(cost.shape[0])
        columns = cost.argmin(axis=1)
        best = cost[tracks, columns]
        others = cost.copy()
        others[tracks, columns] = np.inf
        by_track = others.min(axis=1)
        others[:] = cost
        others[cost.argmin(axis=0), np.arange(cost.shape[1])] = np.inf
        by_person = others.min(axis=0)[columns]
        is_mutual = cost.argmin(axis=0)[columns] == tracks
        is_clear = np.minimum(by_track, by_person) >= best + margin
        chosen = is_mutual & is_clear & (best <= max_cost)
        return np.stack((tracks[chosen], columns[chosen]), axis=1)

    return choose


ASSOCIATIONS: dict[str, Choose] = {"optimal": optimal, "paper": row_minimum}
