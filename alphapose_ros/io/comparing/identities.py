"""Whose number in one result is whose in another, and where that changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Switch:
    """A pair of numbers of which at least one belonged to another before."""

    frame: str  # name
    first: int
    second: int
    first_was: int | None  # whose ``second`` was before, if anybody's and not ``first``'s
    second_was: int | None  # who ``first`` was before, likewise


@dataclass(frozen=True)
class Identities:
    """The numbers of one kind, of tracks or people, in two results."""

    mapping: dict[int, int]  # of each number of the first that of the second in most frames
    switches: tuple[Switch, ...]  # in the order of time
    only_first: int  # people in frames, who have a number in the first only
    only_second: int

    @property
    def renamed(self) -> dict[int, int]:
        """The numbers that are others in the second."""
        return {first: second for first, second in self.mapping.items() if first != second}


def compare_ids(frames: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> Identities:
    """Follow numbers through the frames.

    Args:
        frames: name and the numbers (P,) of the pairs of people in either result; negative: none.
    """
    together: dict[int, Counter[int]] = defaultdict(Counter)
    partner: tuple[dict[int, int], dict[int, int]] = ({}, {})  # last one of each number
    switches, only_first, only_second = [], 0, 0
    for name, ones, others in frames:
        known = (ones >= 0) & (others >= 0)
        only_first += int(((ones >= 0) & (others < 0)).sum())
        only_second += int(((others >= 0) & (ones < 0)).sum())
        pairs = sorted(zip(ones[known].tolist(), others[known].tolist(), strict=True))
        for one, other in pairs:
            together[one][other] += 1
            was = _other_than(partner[0].get(one), other), _other_than(partner[1].get(other), one)
            if was != (None, None):
                switches.append(Switch(name, one, other, first_was=was[1], second_was=was[0]))
        for one, other in pairs:
            partner[0][one], partner[1][other] = other, one
    mapping = {one: counts.most_common(1)[0][0] for one, counts in sorted(together.items())}
    return Identities(mapping, tuple(switches), only_first, only_second)


def _other_than(before: int | None, now: int) -> int | None:
    return None if before == now else before
