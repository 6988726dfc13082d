"""What an evaluation found: figures, tables of them in Markdown, and the JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.evaluation.fields import Entry, read_object
from alphapose_ros.evaluation.packing import Packer, inner, members, read_all, unpacked
from alphapose_ros.evaluation.records import Cases
from alphapose_ros.evaluation.statistics import Figure, Total

MOST_COLUMNS = 12  # of a table that can be read
RESERVED = ("about", "sections", "samples")  # keys of the JSON file beside the figures
Figures = dict[str, Figure]


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each person was given each identity."""

    people: tuple[str, ...]  # T true identities
    tracks: tuple[str, ...]  # S given ones
    counts: np.ndarray  # (T, S) frames


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """Figures of one result on one data set.

    Raises:
        ValueError: a figure has the name of another key of the JSON file, or weighs another number
            of units.
    """

    data_set: str
    units: tuple[str, ...]  # the pictures or sequences that weights are given to
    figures: Figures  # the usual ones, in the usual order
    sections: dict[str, dict[str, Figures]] = field(default_factory=dict)  # by name, then by row
    options: Mapping[str, Any] = field(default_factory=dict)  # that figures depend on, as in JSON
    notes: tuple[str, ...] = ()  # what a reader must know: constants, normalisers, left out people
    cases: Cases | None = None
    confusion: Confusion | None = None

    def __post_init__(self) -> None:
        if reserved := [name for name in RESERVED if name in self.figures]:
            raise ValueError(
                f"a figure cannot be named {reserved[0]!r}: the JSON file means something else"
            )
        for name, figure in self.every_figure():
            for sample in figure.samples():
                if sample.units != len(self.units):
                    raise ValueError(
                        f"figure {name} weighs {sample.units} units, "
                        f"the evaluation has {len(self.units)}"
                    )

    def values(self) -> dict[str, float]:
        """Return the main figures as numbers."""
        return {name: figure.value() for name, figure in self.figures.items()}

    def headline(self) -> list[str]:
        """Return the names of the main figures and those of groups, as every_figure() has them."""
        names = (name for name, _ in self.every_figure())
        return [name for name in names if "/" not in name or name.startswith("groups/")]

    def every_figure(self) -> Iterator[tuple[str, Figure]]:
        """Yield all figures, those of sections as "groups/feet/AP"."""
        yield from self.figures.items()
        for section, rows in self.sections.items():
            for row, figures in rows.items():
                for name, figure in figures.items():
                    yield f"{section}/{row}/{name}", figure


def to_markdown(evaluation: Evaluation, results: str = "") -> str:
    """Return title, notes, and one table for the main figures and for each section."""
    title = f"# {evaluation.data_set}" + (f": {results}" if results else "")
    parts = [title, "\n".join(f"- {note}" for note in evaluation.notes)]
    draw = table if len(evaluation.figures) <= MOST_COLUMNS else side_by_side
    parts.append(draw("", {"all": evaluation.figures}))
    for section, rows in evaluation.sections.items():
        parts.append(table(section, rows))
    return "\n\n".join(part for part in parts if part) + "\n"


def table(corner: str, rows: Mapping[str, Figures]) -> str:
    """Return a Markdown table with a line per row; figures that a row lacks are dashes."""
    names = list(dict.fromkeys(name for figures in rows.values() for name in figures))
    cells = [
        [row, *(_cell(figures[name]) if name in figures else "-" for name in names)]
        for row, figures in rows.items()
    ]
    return markdown([corner, *names], cells)


def side_by_side(corner: str, columns: Mapping[str, Figures]) -> str:
    """Return the same table with a column per row of it, and a line per figure."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    cells = [
        [name, *(_cell(figures[name]) if name in figures else "-" for figures in columns.values())]
        for name in names
    ]
    return markdown([corner, *columns], cells)


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """Return a Markdown table of text."""
    written = [head, ["---"] * len(head), *lines]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in written
    )


def shown(value: float, is_count: bool = False) -> str:
    """Write a figure: three decimals, whole counts bare, a dash where there is none."""
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if is_count and value == round(value) else f"{value:.3f}"


def number(value: float) -> float | None:
    """Return a figure for JSON, which knows neither NaN nor Inf."""
    return float(value) if np.isfinite(value) else None


def write_json(evaluation: Evaluation, path: Path, about: Mapping[str, Any]) -> None:
    """Write the figures under their usual names, and what compare() needs to weigh them anew.

    Args:
        evaluation: what was found.
        path: of the file.
        about: where it came from: files, settings, version.
    """
    packer = Packer()
    content: dict[str, Any] = {
        **_values(evaluation.figures),
        "sections": _by_row(evaluation, _values),
        "about": {
            **about,
            "data_set": evaluation.data_set,
            "options": evaluation.options,
            "notes": evaluation.notes,
        },
        "samples": {
            "units": evaluation.units,
            "figures": packer.described(evaluation.figures),
            "sections": _by_row(evaluation, packer.described),
            "packed": packer.packed(),
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_figures(path: str | Path) -> Evaluation:
    """Read what write_json() wrote: all figures with their samples, and the notes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of ours; the field is named.
    """
    content = read_object(path)
    try:
        about, stored = inner(content, "about"), inner(content, "samples")
    except ValueError as error:
        raise ValueError(f"{error}; expected a file that `alphapose eval --json` wrote") from None
    samples = [unpacked(entry) for entry in stored.entries("packed")]
    found: dict[str, Any] = {
        "data_set": about.text("data_set"),
        "units": _texts(stored, "units"),
        "options": about.get("options", {}),
        "figures": read_all(stored, "figures", samples),
        "sections": {
            section: {
                row: read_all(rows, row, samples)
                for row in members(inner(stored, "sections"), section)
            }
            for section, rows in members(stored, "sections").items()
        },
        "notes": _texts(about, "notes"),
    }
    try:
        return Evaluation(**found)
    except ValueError as error:
        raise ValueError(f"{stored.where}: {error}") from None


def _cell(figure: Figure) -> str:
    return shown(figure.value(), isinstance(figure, Total))


def _values(figures: Figures) -> dict[str, float | None]:
    return {name: number(figure.value()) for name, figure in figures.items()}


def _by_row(
    evaluation: Evaluation, content: Callable[[Figures], dict[str, Any]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return ``content`` of each row's figures, by section and row."""
    return {
        section: {row: content(figures) for row, figures in rows.items()}
        for section, rows in evaluation.sections.items()
    }


def _texts(entry: Entry, field_name: str) -> tuple[str, ...]:
    found = entry.value(field_name)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise entry.error(field_name, "must be a list of strings")
    return tuple(found)
