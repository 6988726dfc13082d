"""Which of two results is better, and whether chance alone could say so: a paired bootstrap."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.evaluation.report import Evaluation, markdown, number, shown
from alphapose_ros.evaluation.statistics import Figure, Ranking, Total, Weights

LEVEL = 0.95  # share of repetitions in which an interval should hold the true difference
FEW_UNITS = 10

Figures = dict[str, Figure]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One figure of both results."""

    name: str  # those of sections as "groups/feet/AP"
    first: float
    second: float
    interval: tuple[float, float]  # of second - first; NaN where the units cannot say
    share_larger: float  # of the draws, in which the second is larger
    draws: int  # in which both have a value; in the others nobody was labelled
    is_count: bool = False

    @property
    def difference(self) -> float:
        """How much larger the second is."""
        return self.second - self.first


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two results on the same units of one data set."""

    data_set: str
    units: int
    resamples: int
    seed: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]  # what a reader must know


def compare(
    first: Evaluation,
    second: Evaluation,
    *,
    resamples: int = 1000,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Comparison:
    """Compare the figures that both results have.

    Units (pictures, or sequences) are drawn with replacement, as many as there are, ``resamples``
    times; each time both results are evaluated on the same draw, so that what makes a unit hard
    for both cancels out. The interval reaches from percentile 2.5 to 97.5 of second - first.

    Such percentile intervals are neither corrected for bias nor for skewness and are too narrow
    where units are few: with n units by about sqrt((n - 1) / n) for a mean, by more for AP. Units
    must be independent: pictures of one video are not, their video is.

    Args:
        first: result to start from.
        second: result that should be better.
        resamples: draws.
        seed: of the draws; the same one gives the same intervals.
        names: figures, those of sections as "groups/feet/AP"; None for all.

    Raises:
        ValueError: the data sets, their units or labels are not the same, or a result lacks one of
            ``names``.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, is {resamples}")
    places = _places(first, second)
    pairs = _chosen(dict(first.every_figure()), dict(second.every_figure()), names)
    for name, (one, other) in pairs.items():
        _check_labels(name, (one, other), places, first.units)
    if len(first.units) > 1:
        draws = _draws(pairs, places, resamples, seed)
    else:
        draws = np.full((resamples, len(pairs), 2), np.nan)
    return Comparison(
        data_set=first.data_set,
        units=len(first.units),
        resamples=resamples,
        seed=seed,
        differences=tuple(
            _difference(name, pair, draws[:, row]) for row, (name, pair) in enumerate(pairs.items())
        ),
        notes=(*_notes(first.units, draws), *_lone(first, second), *_left_out(pairs, draws)),
    )


def comparison_markdown(comparison: Comparison, first: str = "A", second: str = "B") -> str:
    """Return title, notes and a table; ``first`` and ``second`` are what to call the results."""
    head = ["", first, second, f"{second} - {first}", "95 % interval", f"{second} larger in"]
    lines = []
    for found in comparison.differences:
        low, high = (_signed(bound, found.is_count) for bound in found.interval)
        lines.append(
            [
                found.name,
                shown(found.first, found.is_count),
                shown(found.second, found.is_count),
                _signed(found.difference, found.is_count),
                "-" if np.isnan(found.interval[0]) else f"{low} to {high}",
                "-" if np.isnan(found.share_larger) else f"{100 * found.share_larger:.1f} %",
            ]
        )
    title = f"# {comparison.data_set}: {second} against {first}"
    notes = "\n".join(f"- {note}" for note in comparison.notes)
    return "\n\n".join((title, notes, markdown(head, lines))) + "\n"


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return the same as plain values; None where there is no number."""
    return {
        "data_set": comparison.data_set,
        "units": comparison.units,
        "resamples": comparison.resamples,
        "seed": comparison.seed,
        "level": LEVEL,
        "notes": list(comparison.notes),
        "figures": {
            found.name: {
                "first": number(found.first),
                "second": number(found.second),
                "difference": number(found.difference),
                "interval": [number(bound) for bound in found.interval],
                "share_larger": number(found.share_larger),
                "draws": found.draws,
            }
            for found in comparison.differences
        },
    }


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write comparison_json() into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(comparison_json(comparison), indent=1, allow_nan=False)
    path.write_text(content + "\n", encoding="utf-8")


def _places(first: Evaluation, second: Evaluation) -> np.ndarray:
    """Return where each unit of ``second`` stands in ``first`` (U,)."""
    if first.data_set != second.data_set:
        raise ValueError(
            f"the results belong to two data sets, {first.data_set!r} and {second.data_set!r}"
        )
    for name in first.options.keys() | second.options.keys():
        one, other = first.options.get(name), second.options.get(name)
        if one != other:
            raise ValueError(
                f"the results were evaluated differently: {name} is {one!r} in the first and "
                f"{other!r} in the second"
            )
    if first.units == second.units:
        return np.arange(len(first.units))
    for one, other, where in ((first, second, "second"), (second, first, "first")):
        if missing := sorted(set(one.units) - set(other.units)):
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise ValueError(
                f"the {where} result lacks {', '.join(missing[:3])}{more}: "
                "both must be evaluated on the same pictures or sequences"
            )
    place = {unit: row for row, unit in enumerate(first.units)}
    if not len(place) == len(first.units) == len(second.units):
        raise ValueError("units of the same name in another order cannot be told apart")
    return np.array([place[unit] for unit in second.units])


def _chosen(
    first: Figures, second: Figures, names: Sequence[str] | None
) -> dict[str, tuple[Figure, Figure]]:
    if names is None:
        names = [name for name in first if name in second]
    for name in names:
        if name not in first or name not in second:
            both = ", ".join(key for key in first if key in second)
            raise ValueError(f"no figure {name!r} in both results; there are {both}")
    return {name: (first[name], second[name]) for name in names}


def _check_labels(
    name: str, pair: tuple[Figure, Figure], places: np.ndarray, units: tuple[str, ...]
) -> None:
    """Refuse rankings of different labels: equal pictures, other annotations of them."""
    for one, other in zip(*(figure.samples() for figure in pair), strict=False):
        if isinstance(one, Ranking) and isinstance(other, Ranking):
            differ = np.flatnonzero(one.positives[places] != other.positives)
            if len(differ):
                row, place = differ[0], places[differ[0]]
                raise ValueError(
                    f"{name}: {units[place]} has {one.positives[place]} to be found in the first "
                    f"result and {other.positives[row]} in the second; evaluate both on the same "
                    "annotations and with the same options"
                )


def _draws(
    pairs: dict[str, tuple[Figure, Figure]], places: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Return both values of all F figures in each draw (resamples, F, 2)."""
    random = np.random.default_rng(seed)
    units = len(places)
    firsts, seconds = zip(*pairs.values(), strict=True) if pairs else ((), ())
    values = np.empty((resamples, len(pairs), 2))
    for draw in values:
        weights = np.bincount(random.integers(0, units, units), minlength=units).astype(float)
        draw[:, 0] = _values(firsts, weights)
        draw[:, 1] = _values(seconds, weights[places])
    return values


def _values(figures: Sequence[Figure], weights: Weights) -> list[float]:
    """Return the values of many figures, each step of theirs done once."""
    steps = {step for figure in figures for step in figure.steps()}
    results = {step: step(weights) for step in steps}
    return [figure.reduced([results[step] for step in figure.steps()]) for figure in figures]


def _difference(name: str, pair: tuple[Figure, Figure], draws: np.ndarray) -> Difference:
    """Sum up what the draws (R, 2) say."""
    known = draws[~np.isnan(draws).any(axis=1)]
    interval, larger = (np.nan, np.nan), np.nan
    if len(known):
        tail = 50 * (1 - LEVEL)
        low, high = np.percentile(known[:, 1] - known[:, 0], [tail, 100 - tail])
        interval, larger = (float(low), float(high)), float(np.mean(known[:, 1] > known[:, 0]))
    return Difference(
        name=name,
        first=pair[0].value(),
        second=pair[1].value(),
        interval=interval,
        share_larger=larger,
        draws=len(known),
        is_count=isinstance(pair[0], Total),
    )


def _notes(units: tuple[str, ...], draws: np.ndarray) -> Iterator[str]:
    if len(units) < 2:
        yield (
            f"No intervals: {', '.join(units) or 'nothing'} alone cannot show how much other units "
            "would differ."
        )
        return
    yield (
        f"Intervals: percentiles 2.5 to 97.5 of {len(draws)} paired bootstrap draws over "
        f"{len(units)} units."
    )
    if len(units) < FEW_UNITS:
        yield f"{len(units)} units are few: the intervals are too narrow."
    if draws.shape[1] > 1:
        yield "Each interval stands for itself: of 20 equal figures, one seems to differ."


def _lone(first: Evaluation, second: Evaluation) -> Iterator[str]:
    ours, theirs = (dict(one.every_figure()) for one in (first, second))
    if lone := [name for name in {**ours, **theirs} if name not in ours or name not in theirs]:
        yield f"In one of the results only: {', '.join(lone)}."


def _left_out(pairs: dict[str, tuple[Figure, Figure]], draws: np.ndarray) -> Iterator[str]:
    """Say how many draws have no value, of figures that have one elsewhere."""
    missing = np.isnan(draws).any(axis=2).sum(axis=0)
    counts = [
        f"{name} {count}"
        for name, count in zip(pairs, missing, strict=True)
        if 0 < count < len(draws)
    ]
    if counts:
        yield f"Draws without anybody to be found are left out: {', '.join(counts)}."


def _signed(value: float, is_count: bool) -> str:
    """Write a difference with its sign; 0 has none."""
    if np.isnan(value):
        return "-"
    text = shown(abs(value), is_count)
    if float(text) == 0:
        return text
    return f"+{text}" if value > 0 else f"-{text}"
