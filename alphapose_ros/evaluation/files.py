"""From files to figures and back: one evaluation with all that it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

from alphapose_ros import __version__
from alphapose_ros.evaluation import data_set
from alphapose_ros.evaluation.compare import Comparison, comparison_json
from alphapose_ros.evaluation.gallery import write_gallery
from alphapose_ros.evaluation.plots import write_plots
from alphapose_ros.evaluation.records import Predictions
from alphapose_ros.evaluation.report import Evaluation, number, to_markdown, write_json
from alphapose_ros.skeletons import skeleton


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An evaluation, and what it is about."""

    evaluation: Evaluation
    about: dict[str, Any]  # files and settings, for the JSON file
    truth: Any  # of the data set: Truth, or the sequences of MOTChallenge
    found: Any


def read_labels(name: str, annotations: Path, choices: Mapping[str, Any]) -> Any:
    """Return the labels of a data set, as its reader gives them.

    Args:
        name: one of DATA_SETS.
        annotations: the file or folder.
        choices: options by name; None stands for the default.

    Raises:
        ValueError: there is no such data set, a choice is not for it, or a file is malformed.
        FileNotFoundError: a file is missing.
    """
    entry = data_set(name)
    known = (*entry.reader_options, *entry.options)
    unknown = [
        choice for choice, value in choices.items() if value is not None and choice not in known
    ]
    if unknown:
        raise ValueError(
            f"--{unknown[0].replace('_', '-')} is no option of data set {name!r}"
            + (f", which has {', '.join(known)}" if known else "")
        )
    return entry.read(annotations, **_given(choices, entry.reader_options))


def evaluate(
    name: str, truth: Any, found: Any, choices: Mapping[str, Any], about: Mapping[str, Any]
) -> Outcome:
    """Return the figures of what was found in a data set."""
    entry = data_set(name)
    defaults = signature(entry.evaluate).parameters
    options = {name: defaults[name].default for name in entry.options}
    options |= _given(choices, entry.options)
    return Outcome(
        evaluation=replace(entry.evaluate(truth, found, **options), options=options),
        about={"version": __version__, **about},
        truth=truth,
        found=found,
    )


def read_results(name: str, results: Path, truth: Any, layout: str | None = None) -> Any:
    """Return what a file of results says was found.

    Args:
        name: of the data set.
        results: the file or folder.
        truth: the labels.
        layout: id of the keypoints' skeleton; None to tell it by their number.

    Raises:
        FileNotFoundError, ValueError: the file is missing or malformed.
    """
    entry = data_set(name)
    if layout is None:
        return entry.read_results(results, truth)
    if entry.has_tracks:
        raise ValueError(f"--layout is no option of data set {name!r}, whose results have one")
    return entry.read_results(results, truth, skeleton(layout))


def write_everything(outcome: Outcome, folder: Path, images: Path | None, worst: int) -> list[Path]:
    """Write figures.json, table.md, plots and, where pictures are known, the worst people.

    Returns:
        What was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures, table = folder / "figures.json", folder / "table.md"
    write_json(outcome.evaluation, figures, outcome.about)
    table.write_text(to_markdown(outcome.evaluation), encoding="utf-8")
    written = [figures, table, *write_plots(outcome.evaluation, folder / "plots")]
    cases, truth, found = outcome.evaluation.cases, outcome.truth, outcome.found
    if images and cases is not None and isinstance(found, Predictions) and worst > 0:
        written += write_gallery(cases, truth, found, images, folder / "worst", worst)
    return written


def write_ablation(
    name: str,
    variants: Mapping[str, Evaluation],
    comparisons: Mapping[str, Comparison],
    path: Path,
) -> None:
    """Write the figures of an ablation's variants as JSON, and what each is against the first."""
    content = {
        "ablation": name,
        "variants": {
            variant: {figure: number(value) for figure, value in evaluation.values().items()}
            for variant, evaluation in variants.items()
        },
        "against_first": {
            variant: comparison_json(comparison) for variant, comparison in comparisons.items()
        },
    }
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _given(choices: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: choices[name] for name in names if choices.get(name) is not None}
