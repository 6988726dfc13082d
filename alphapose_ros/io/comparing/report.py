"""A comparison for readers: lines of text, figures for JSON, a table of frames."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.io.comparing import COMPARED, Comparison, FrameDifference
from alphapose_ros.io.comparing.identities import Identities, Switch
from alphapose_ros.io.comparing.verdict import RELATIVE, is_equal, renamed
from alphapose_ros.io.formats.results import Results

MOST_LINES = 10  # of changes of identity that are listed

FRAME_COLUMNS = (
    *("frame", "stamp_ns", "in", "people_a", "people_b", "both", "only_a", "only_b"),
    *("keypoints_only_a", "keypoints_only_b"),
)


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield the report, line by line."""
    for side, results in (("A", comparison.first), ("B", comparison.second)):
        yield f"{side}: {_described(results)}"
    shared, only_a, only_b = comparison.shared, comparison.only_first, comparison.only_second
    yield (
        f"frames, by {comparison.by}: {len(shared)} in both, {len(only_a)} in A only, "
        f"{len(only_b)} in B only"
    )
    both, in_a, in_b = (
        sum(len(getattr(frame.couples, name)) for frame in shared)
        for name in ("first", "only_first", "only_second")
    )
    yield f"people in these: {both} in both, {in_a} in A only, {in_b} in B only"
    yield from (f"note: {note}" for note in comparison.notes)
    if both:
        yield ""
        yield from _table(comparison)
    yield from _identity_lines(comparison)
    yield ""
    yield _conclusion(comparison)


def _described(results: Results) -> str:
    frames = len(results.frames)
    name = results.source_name or "results"
    if results.read_from is not None:
        name += f" ({results.read_from.name})"
    return f"{name}, {frames} frames, {results.skeleton.id}"


def _table(comparison: Comparison) -> Iterator[str]:
    head = ("", "compared", "median", "95 %", "largest", "A only", "B only")
    yield _row(*head, "")
    for name, spread in comparison.spreads.items():
        if not (spread.count or spread.only_first or spread.only_second):
            continue
        figures = (spread.median, spread.percentile_95, spread.largest)
        told = [f"{figure:.4g}" if math.isfinite(figure) else "-" for figure in figures]
        counts = str(spread.only_first), str(spread.only_second)
        title = f"{name.replace('_', ' ')} [{spread.unit}]"
        yield _row(title, str(spread.count), *told, *counts, spread.largest_at)


def _row(title: str, *cells: str) -> str:
    *figures, where = cells
    return f"{title:<36}{''.join(f'{figure:>10}' for figure in figures)}  {where}".rstrip()


def _identity_lines(comparison: Comparison) -> Iterator[str]:
    for name, found in comparison.identities.items():
        title = name.replace("_", " ")
        if found.mapping:
            same = len(found.mapping) - len(found.renamed)
            others = ", ".join(f"{one} is {other}" for one, other in found.renamed.items())
            told = f"; {len(found.renamed)} others: {others}" if others else ""
            yield f"{title}: {same} of A have the same number in B{told}"
        if found.only_first or found.only_second:
            yield (
                f"{title}: {found.only_first} times a number in A only, {found.only_second} times "
                "in B only"
            )
        for switch in found.switches[:MOST_LINES]:
            yield f"{title} change in {switch.frame}: {_switch_line(switch)}"
        if len(found.switches) > MOST_LINES:
            yield f"{title} change {len(found.switches) - MOST_LINES} times more"


def _switch_line(switch: Switch) -> str:
    was = []
    if switch.second_was is not None:
        was.append(f"A's {switch.first} was B's {switch.second_was} before")
    if switch.first_was is not None:
        was.append(f"B's {switch.second} was A's {switch.first_was} before")
    return f"A's {switch.first} is B's {switch.second}; {', '.join(was)}"


def _conclusion(comparison: Comparison) -> str:
    shared = comparison.shared
    people = sum(len(frame.couples.first) for frame in shared)
    if is_equal(comparison):
        found = f"A and B are equal: {len(shared)} frames, {people} people, no difference."
    else:
        found = "A and B differ."
    left_out = _left_out(comparison)
    return f"{found} Not compared: {left_out}." if left_out else found


def _left_out(comparison: Comparison) -> str:
    """Say what is not compared though one result tells it, or since somebody said so."""
    known = (*comparison.spreads, *comparison.identities)
    ignored = [name for name in COMPARED if name not in known and name != RELATIVE]
    lacking = [
        f"{name} (none in {spread.lacks_in})"
        for name, spread in comparison.spreads.items()
        if not spread.is_compared
    ]
    return ", ".join(one.replace("_", " ") for one in (*lacking, *ignored))


def figures(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison in sum, for JSON; NaN as None."""
    shared = comparison.shared
    couples = [frame.couples for frame in shared]
    return {
        "first": _about(comparison.first),
        "second": _about(comparison.second),
        "equal": is_equal(comparison),
        "renamed": renamed(comparison),
        "frames": {
            "matched_by": comparison.by,
            "both": len(shared),
            "only_first": [frame.name for frame in comparison.only_first],
            "only_second": [frame.name for frame in comparison.only_second],
        },
        "people": {
            "both": sum(len(one.first) for one in couples),
            "only_first": sum(len(one.only_first) for one in couples),
            "only_second": sum(len(one.only_second) for one in couples),
        },
        "keypoint_names": list(comparison.keypoint_names),
        "not_compared": _left_out(comparison),
        "differences": {
            name: {key: _plain(value) for key, value in vars(spread).items()}
            for name, spread in comparison.spreads.items()
        },
        "identities": {
            name: _identity_figures(found) for name, found in comparison.identities.items()
        },
        "notes": list(comparison.notes),
    }


def _about(results: Results) -> dict[str, Any]:
    return {
        "name": results.source_name,
        "read_from": None if results.read_from is None else str(results.read_from),
        "frames": len(results.frames),
        "skeleton": results.skeleton.id,
    }


def _identity_figures(found: Identities) -> dict[str, Any]:
    return {
        "mapping": {str(one): other for one, other in found.mapping.items()},
        "only_first": found.only_first,
        "only_second": found.only_second,
        "switches": [vars(switch) for switch in found.switches],
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_frames(comparison: Comparison, path: Path) -> None:
    """Write a CSV file of one row per frame: who is missing, and the largest differences.

    Columns are FRAME_COLUMNS, the median and largest of each measure, and the switches of each
    kind of numbers. Cells are empty where there is nothing to compare.
    """
    switches = {name: _by_frame(found.switches) for name, found in comparison.identities.items()}
    columns = [
        *FRAME_COLUMNS,
        *(f"{name}_{kind}" for name in comparison.spreads for kind in ("median", "largest")),
        *(f"{name}_switches" for name in switches),
    ]
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for frame in comparison.frames:
            row = _frame_row(frame)
            if frame.is_in_both:
                row |= {
                    f"{name}_switches": counts.get(frame.name, 0)
                    for name, counts in switches.items()
                }
            writer.writerow(row)


def _frame_row(frame: FrameDifference) -> dict[str, Any]:
    sides = [side for side, one in (("a", frame.first), ("b", frame.second)) if one is not None]
    row: dict[str, Any] = {
        "frame": frame.name,
        "stamp_ns": frame.stamp_ns,
        "in": "both" if len(sides) == 2 else sides[0],
    }
    for side, one in (("a", frame.first), ("b", frame.second)):
        if one is not None:
            row[f"people_{side}"] = int((one.tracks.detection_rows >= 0).sum())
    if not frame.is_in_both:
        return row
    row |= {
        "both": len(frame.couples.first),
        "only_a": len(frame.couples.only_first),
        "only_b": len(frame.couples.only_second),
    }
    for name, measured in frame.measured.items():
        if name == "keypoints":
            row["keypoints_only_a"] = measured.only_first
            row["keypoints_only_b"] = measured.only_second
        if len(measured.values):
            row[f"{name}_median"] = f"{np.median(measured.values):.6g}"
            row[f"{name}_largest"] = f"{measured.values.max():.6g}"
    return row


def _by_frame(switches: tuple[Switch, ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for switch in switches:
        counts[switch.frame] = counts.get(switch.frame, 0) + 1
    return counts
