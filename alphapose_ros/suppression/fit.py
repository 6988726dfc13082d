"""Data-driven constants of pose NMS: those with which an objective is largest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.config import SuppressionConfig, leaves, with_values

Pair = tuple[str, str]
Objective = Callable[[SuppressionConfig], float]

PAIRS: tuple[Pair, ...] = (
    ("score_scale", "distance_scale"),  # sigma_1, sigma_2
    ("distance_weight", "threshold"),  # lambda, eta
)
GROUP_PAIRS: tuple[Pair, ...] = (("feet_weight", "face_weight"), ("hands_weight", "threshold"))
LIMITS = {  # of the search, inside those of the settings
    "score_scale": (0.03, 3.0),
    "distance_scale": (1e-4, 0.3),
    "distance_weight": (0.05, 10.0),
    "threshold": (0.01, 5.0),
    **dict.fromkeys(("feet_weight", "face_weight", "hands_weight"), (0.01, 4.0)),
}
DIGITS = 3  # of the constants that are tried
TIE = 1e-6  # values that differ by less are equal
GAIN = 2e-4  # what makes another turn worth its while


@dataclass(frozen=True)
class Search:
    """How the constants are searched for."""

    pairs: tuple[Pair, ...] = PAIRS
    ratios: tuple[float, ...] = (2.0, 1.3)  # of neighbours in a grid, round by round
    reach: int = 2  # neighbours on either side: grids of 5 x 5
    most: int = 400  # evaluations
    limits: Mapping[str, tuple[float, float]] = field(default_factory=lambda: LIMITS)


@dataclass(frozen=True)
class Fit:
    """What a search found."""

    config: SuppressionConfig
    value: float  # of the objective
    start_value: float
    evaluated: int  # how many constants were tried
    is_converged: bool  # or the evaluations were used up


def fit(
    objective: Objective,
    start: SuppressionConfig,
    search: Search | None = None,
    *,
    is_allowed: Callable[[SuppressionConfig], bool] | None = None,
    log: Log | None = None,
) -> Fit:
    """Search for the constants with the largest objective, two at a time.

    Around the best constants known lies a grid of the two of a pair, in equal ratios; the best of
    it is the middle of the next grid. Pairs take turns until none gains anything, then the grids
    become finer. Of equally good constants those are taken whose neighbours are best: the middle
    of a plateau rather than its edge. Nothing is random.

    Args:
        objective: what shall be large, such as average precision on a data set.
        start: the first constants; those in no pair stay as they are.
        search: pairs and grids.
        is_allowed: constants that it refuses are never chosen.
        log: what was evaluated before, and where evaluations are noted.

    Raises:
        ValueError: no allowed constants were met.

    Source: paper 3.4, Optimization.
    """
    search = search or Search()
    known = _Known(objective, log or Log(), search.most)
    climb = _Climb(start, search, known, _remembered(is_allowed))
    climb.to_the_top()
    if not climb.is_allowed(climb.best):
        raise ValueError("no constants were met that are allowed; start from others")
    return Fit(
        config=climb.best,
        value=known(climb.best),
        start_value=known(start),
        evaluated=known.evaluated,
        is_converged=not known.is_used_up,
    )


class Log:
    """Evaluated constants, in memory or as JSON lines in a file that is read again.

    Args:
        path: the file; None keeps nothing.
        header: names and values, in JSON, that the objective depends on.
        resume: go on with what the file holds. Without, a file that holds something is an error.

    Raises:
        FileExistsError: there is a file, and ``resume`` is False.
        ValueError: the file belongs to another objective, or is damaged elsewhere than at its end.
    """

    def __init__(
        self,
        path: Path | None = None,
        header: Mapping[str, Any] | None = None,
        *,
        resume: bool = False,
    ) -> None:
        self.values: dict[str, float] = {}  # by constants, as constants_of() writes them
        self._path = path
        if path is None:
            return
        first = _json({"format": "constants of pose NMS, version 1", **(header or {})}) + "\n"
        if path.exists() and path.stat().st_size:
            if not resume and path.read_text(encoding="utf-8") != first:
                raise FileExistsError(f"{path} holds a search: resume, or choose another file")
            self._read(first)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(first, encoding="utf-8")

    def add(self, constants: str, value: float) -> None:
        """Note the value of constants."""
        self.values[constants] = value
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_json({"constants": json.loads(constants), "value": value}) + "\n")

    def _read(self, first: str) -> None:
        """Take over all whole lines; one that was cut off is removed."""
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines[0] != first:
            raise ValueError(
                f"{self._path} holds a search on other data or from another start; "
                "choose another file"
            )
        if not lines[-1].endswith("\n"):
            os.truncate(self._path, sum(len(line.encode()) for line in lines[:-1]))
            del lines[-1]
        for number, line in enumerate(lines[1:], start=2):
            try:
                entry = json.loads(line)
                self.values[_json(entry["constants"])] = float(entry["value"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self._path}: line {number} cannot be read: {error}") from None


def constants_of(config: SuppressionConfig) -> str:
    """Return all settings as one line of JSON."""
    return _json({name: value for name, (value, _) in leaves(config).items()})


class _UsedUpError(Exception):
    """There are no evaluations left."""


class _Known:
    """The objective, evaluated once for each constants."""

    def __init__(self, objective: Objective, log: Log, most: int) -> None:
        self._objective, self._log, self._most = objective, log, most
        self._asked: set[str] = set()
        self.is_used_up = False

    @property
    def evaluated(self) -> int:
        """How many constants were asked for, whether the log knew them or not."""
        return len(self._asked)

    def __call__(self, config: SuppressionConfig) -> float:
        key = constants_of(config)
        if key not in self._asked and len(self._asked) >= self._most:
            self.is_used_up = True
            raise _UsedUpError
        self._asked.add(key)
        if key not in self._log.values:
            self._log.add(key, float(self._objective(config)))
        if not np.isfinite(self._log.values[key]):
            raise ValueError(f"the objective is {self._log.values[key]}: is anybody labelled?")
        return self._log.values[key]


class _Climb:
    """The search itself, which stands at ``best``."""

    def __init__(
        self,
        start: SuppressionConfig,
        search: Search,
        known: _Known,
        is_allowed: Callable[[SuppressionConfig], bool],
    ) -> None:
        self.best, self.is_allowed = start, is_allowed
        self._search, self._known = search, known

    def to_the_top(self) -> None:
        """Go on until the finest grids gain nothing, or no evaluation is left."""
        try:
            self._known(self.best)
            for ratio in self._search.ratios:
                while self._gains(ratio):
                    pass
        except _UsedUpError:
            return

    def _gains(self, ratio: float) -> bool:
        """Let every pair have its turn, and tell whether that gained anything."""
        before = self.best
        for pair in self._search.pairs:
            self._go_to_best_of_grid(pair, ratio)
        if not self.is_allowed(before):
            return self.best != before
        return self._known(self.best) > self._known(before) + GAIN

    def _go_to_best_of_grid(self, pair: Pair, ratio: float) -> None:
        """Take the best allowed constants of the grid around the present ones, if there are."""
        grid = _grid(self.best, pair, ratio, self._search)
        values = np.array([[self._known(config) for config in row] for row in grid])
        nearby = _means_of_neighbours(values)
        middle = self._search.reach

        def rank(at: tuple[int, int]) -> tuple[float, ...]:
            away = max(abs(at[0] - middle), abs(at[1] - middle))
            return -round(values[at] / TIE), -round(nearby[at] / TIE), away, *at

        for row, column in sorted(np.ndindex(values.shape), key=rank):
            if self.is_allowed(grid[row][column]):
                self.best = grid[row][column]
                return


def _grid(
    middle: SuppressionConfig, pair: Pair, ratio: float, search: Search
) -> list[list[SuppressionConfig]]:
    """Return the constants of a grid: the first of the pair by row, the second by column."""
    axes, settings = [], leaves(middle)
    for name in pair:
        value, rules = settings[name]
        low, high = search.limits.get(name, (rules.low, rules.high))
        steps = range(-search.reach, search.reach + 1)
        axes.append(
            [_rounded(min(max(value * ratio**i, low), high)) if i else value for i in steps]
        )
    return [
        [with_values(middle, {pair[0]: first, pair[1]: second}) for second in axes[1]]
        for first in axes[0]
    ]


def _means_of_neighbours(values: np.ndarray) -> np.ndarray:
    """Return the mean over each 3 x 3 of a grid, less at its border."""
    padded = np.pad(values, 1, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.nanmean(around, axis=(2, 3))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _remembered(
    is_allowed: Callable[[SuppressionConfig], bool] | None,
) -> Callable[[SuppressionConfig], bool]:
    """Return the same rule, asked once for each constants."""
    answers: dict[SuppressionConfig, bool] = {}

    def answer(config: SuppressionConfig) -> bool:
        if is_allowed is None:
            return True
        if config not in answers:
            answers[config] = bool(is_allowed(config))
        return answers[config]

    return answer


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)
