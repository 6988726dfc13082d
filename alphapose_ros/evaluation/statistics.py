"""Figures as functions of what every picture or sequence contributes.

Each figure is computed from sums over *units* (pictures, or sequences where identities matter).
Weights say how often a unit counts; without them each counts once. The bootstrap draws weights and
asks the very same figures again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

RECALLS = np.linspace(0, 1, 101)  # where COCO reads precision off
Weights = np.ndarray | None  # (U,), None where each unit counts once
Step = Callable[[Weights], Any]  # a method of a sample


@dataclass(frozen=True, eq=False)
class Sample(ABC):
    """Base of what the units contribute: a few arrays."""

    @property
    @abstractmethod
    def units(self) -> int:
        """How many units contribute."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name; type(self)(**arrays) makes the same sample again."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}


class Figure(ABC):
    """One number of an evaluation: a dataclass of samples (or tuples of them) and plain options.

    It is computed in two moves, so that figures which need the same step of the same sample can
    share it.
    """

    def value(self, weights: Weights = None) -> float:
        """Return it with ``weights`` (U,) of the units; NaN where nothing is labelled."""
        return self.reduced([step(weights) for step in self.steps()])

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """Return the methods of samples that it needs; equal ones are the same step."""

    @abstractmethod
    def reduced(self, results: Sequence[Any]) -> float:
        """Return the number from what steps() gave, in their order."""

    def samples(self) -> tuple[Sample, ...]:
        """Return what it is computed from."""
        values = [getattr(self, item.name) for item in fields(self)]
        inside = [value if isinstance(value, tuple) else (value,) for value in values]
        return tuple(one for many in inside for one in many if isinstance(one, Sample))


@dataclass(frozen=True, eq=False)
class Sums(Sample):
    """Counts and totals: M columns of parts and of the wholes that they are divided by.

    Args:
        parts: (U, M), e.g. keypoints that lie right.
        wholes: (U, M), e.g. labelled keypoints.
    """

    parts: np.ndarray
    wholes: np.ndarray

    def __post_init__(self) -> None:
        if self.parts.ndim != 2 or self.parts.shape != self.wholes.shape:
            raise ValueError(
                "parts and wholes must have the same shape (U, M), "
                f"got {self.parts.shape} and {self.wholes.shape}"
            )

    @property
    def units(self) -> int:
        """How many units contribute."""
        return len(self.parts)

    def totals(self, weights: Weights = None) -> np.ndarray:
        """Return the sums of parts (M,)."""
        return _total(self.parts, weights)

    def ratios(self, weights: Weights = None) -> np.ndarray:
        """Return sum of parts / sum of wholes (M,), NaN where the latter is 0."""
        parts, wholes = _total(self.parts, weights), _total(self.wholes, weights)
        return np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)


@dataclass(frozen=True, eq=False)
class Ranking(Sample):
    """Detections of all units with their outcomes at T thresholds.

    Args:
        unit: (D,) which unit a detection belongs to; of equal scores the first one ranks first.
        score: (D,).
        is_true: (D, T) matched to somebody.
        is_ignored: (D, T) counts neither way.
        positives: (U,) how many are to be found.
    """

    unit: np.ndarray
    score: np.ndarray
    is_true: np.ndarray
    is_ignored: np.ndarray
    positives: np.ndarray
    # for each threshold the units of those that count, best first, and which of them are true
    _ranked: tuple[tuple[np.ndarray, np.ndarray], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not (
            len(self.unit) == len(self.score) == len(self.is_true)
            and self.is_true.ndim == 2
            and self.is_true.shape == self.is_ignored.shape
            and self.positives.ndim == 1
        ):
            raise ValueError(
                "unit, score, is_true, is_ignored, positives must have the shapes (D,), (D,), "
                f"(D, T), (D, T), (U,), got "
                f"{', '.join(str(values.shape) for values in self.arrays().values())}"
            )
        order = np.argsort(-self.score, kind="mergesort")
        unit = np.asarray(self.unit)[order].astype(np.intp)
        is_true, counts = self.is_true[order].astype(bool), ~self.is_ignored[order].astype(bool)
        ranked = tuple(
            (unit[counts[:, row]], np.flatnonzero(is_true[counts[:, row], row]))
            for row in range(is_true.shape[1])
        )
        object.__setattr__(self, "_ranked", ranked)

    @property
    def units(self) -> int:
        """How many units contribute."""
        return len(self.positives)

    def precisions(self, weights: Weights = None) -> tuple[np.ndarray, np.ndarray]:
        """Return precision at 101 recalls (T, 101) and the largest recall (T,).

        NaN where nobody is to be found. Precision at a recall is the best at that or any larger
        one, 0 beyond the largest.

        Source: COCO's evaluation, as pycocotools accumulates.
        """
        precision = np.zeros((len(self._ranked), len(RECALLS)))
        recall = np.zeros(len(self._ranked))
        total = float(_total(self.positives[:, None], weights)[0])
        if total == 0:
            return np.full_like(precision, np.nan), np.full_like(recall, np.nan)
        for row, (unit, is_right) in enumerate(self._ranked):
            each = np.ones(len(unit)) if weights is None else np.asarray(weights, float)[unit]
            # Right after a true one the curve has its peaks: only they are looked at.
            found = np.cumsum(each[is_right])
            if not len(found):
                continue
            share = found / np.maximum(np.cumsum(each)[is_right], np.spacing(1))
            envelope = np.maximum.accumulate(share[::-1])[::-1]
            places = np.searchsorted(found / total, RECALLS, side="left")
            inside = places < len(envelope)
            precision[row, inside] = envelope[places[inside]]
            recall[row] = found[-1] / total
        return precision, recall


@dataclass(frozen=True)
class Ratio(Figure):
    """A column of sums, part / whole; or the mean of columns, those without a whole left out.

    ``empty`` is the ratio of a column without a whole; NaN leaves it out.
    """

    of: Sums
    at: int | None = None  # a column; None for the mean over all
    empty: float = np.nan

    def steps(self) -> Sequence[Step]:
        """Return the ratios of all columns."""
        return (self.of.ratios,)

    def reduced(self, results: Sequence[np.ndarray]) -> float:
        """Return the ratio."""
        ratios = np.where(np.isnan(results[0]), self.empty, results[0])
        return float(ratios[self.at]) if self.at is not None else _mean(ratios)


@dataclass(frozen=True)
class Total(Figure):
    """The sum of a column's parts: how many identity switches there are, for example."""

    of: Sums
    at: int = 0

    def steps(self) -> Sequence[Step]:
        """Return the sums of all columns."""
        return (self.of.totals,)

    def reduced(self, results: Sequence[np.ndarray]) -> float:
        """Return the sum."""
        return float(results[0][self.at])


@dataclass(frozen=True)
class AveragePrecision(Figure):
    """Mean precision over recalls, and over thresholds; of several rankings the mean of each's."""

    of: tuple[Ranking, ...]
    at: int | None = None  # a threshold; None for the mean over all

    def steps(self) -> Sequence[Step]:
        """Return the precisions of all rankings."""
        return [ranking.precisions for ranking in self.of]

    def reduced(self, results: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
        """Return AP; NaN where nobody is to be found."""
        rows = slice(None) if self.at is None else self.at
        return _mean([precision[rows].mean() for precision, _ in results])


@dataclass(frozen=True)
class AverageRecall(Figure):
    """The largest recall, meant over thresholds."""

    of: tuple[Ranking, ...]
    at: int | None = None

    def steps(self) -> Sequence[Step]:
        """Return the precisions of all rankings, with which recalls come."""
        return [ranking.precisions for ranking in self.of]

    def reduced(self, results: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
        """Return AR; NaN where nobody is to be found."""
        rows = slice(None) if self.at is None else self.at
        return _mean([np.mean(recall[rows]) for _, recall in results])


@dataclass(frozen=True)
class GeometricMean(Figure):
    """The root of two ratios' product, meant over their columns: HOTA of DetA and AssA."""

    first: Sums
    second: Sums
    at: int | None = None

    def steps(self) -> Sequence[Step]:
        """Return the ratios of both sums."""
        return (self.first.ratios, self.second.ratios)

    def reduced(self, results: Sequence[np.ndarray]) -> float:
        """Return the mean; columns without a whole count as 0."""
        first, second = results
        roots = np.sqrt(np.nan_to_num(first) * np.nan_to_num(second))
        return float(roots.mean() if self.at is None else roots[self.at])


# The kinds that are at home here; packing.py adds the others.
SAMPLES: dict[str, Callable[..., Sample]] = {kind.__name__: kind for kind in (Sums, Ranking)}
FIGURES: dict[str, Callable[..., Figure]] = {
    kind.__name__: kind for kind in (Ratio, Total, AveragePrecision, AverageRecall, GeometricMean)
}


def _total(values: np.ndarray, weights: Weights) -> np.ndarray:
    """Sum rows (U, M), each as often as its weight says: (M,)."""
    return values.sum(axis=0) if weights is None else weights @ values


def _mean(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean of what is not NaN, NaN where all is."""
    known = np.asarray(values)[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
