"""Plots of an evaluation: precision over recall, errors by keypoint, who was taken for whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure as Picture
from scipy.optimize import linear_sum_assignment

from alphapose_ros.evaluation.report import Confusion, Evaluation, Figures, shown
from alphapose_ros.evaluation.statistics import RECALLS, AveragePrecision
from alphapose_ros.skeletons import SKELETONS

# Okabe and Ito's colours, told apart by everybody; and lines that differ in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":")
GROUPS = dict(zip(("body", "feet", "face", "left_hand", "right_hand", ""), COLOURS, strict=False))
MEANINGS = {  # of figures by keypoint whose name says too little
    "similarity": "similarity (1 is perfect)",
    "distance": "distance / sqrt(area)",
    "EPE": "EPE [px]",
}
MOST_PANELS = 3  # figures by keypoint side by side
DPI = 100
_TALL_IN = 0.19  # of a bar
_NAMED = 100  # identities, up to which each has its name and numbers
_CELL_IN, _BARE_CELL_IN = 0.27, 0.1  # of an identity, with four digits and without
_NAME_IN = 0.15  # between two names
_AROUND_IN = (1.7, 1.3)  # what is not cells
_LARGEST_IN = 24.0  # all cells without numbers


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write a PNG of each kind that the evaluation has something for; return which."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if _main_curves(evaluation) or _other_curves(evaluation):
        written.append(plot_precision_recall(evaluation, folder / "precision_recall.png"))
    if evaluation.sections.get("keypoints"):
        written.append(plot_keypoint_errors(evaluation, folder / "keypoints.png"))
    if evaluation.confusion is not None and evaluation.confusion.counts.size:
        written.append(plot_confusion(evaluation.confusion, folder / "confusion.png"))
    return written


def plot_precision_recall(evaluation: Evaluation, path: Path) -> Path:
    """Plot precision over recall: on the left of everybody, on the right of sizes and groups.

    Raises:
        ValueError: the evaluation has no average precision.
    """
    panels = {
        "all people": _main_curves(evaluation),
        "some people, or groups of keypoints": _other_curves(evaluation),
    }
    panels = {title: curves for title, curves in panels.items() if curves}
    if not panels:
        raise ValueError(f"{evaluation.data_set}: there is no average precision to plot")
    picture = Picture(figsize=(10 if len(panels) > 1 else 6, 4.6), dpi=DPI, layout="constrained")
    picture.suptitle(f"{evaluation.data_set}: precision over recall")
    every_axes = picture.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, curves) in zip(every_axes, panels.items(), strict=True):
        _draw_curves(axes, curves)
        axes.set(title=title, xlabel="recall", xlim=(0, 1.01), ylim=(0, 1.02))
    every_axes[0].set_ylabel("precision, best at this recall or more")
    return _saved(picture, path)


def plot_keypoint_errors(evaluation: Evaluation, path: Path) -> Path:
    """Plot the figures of each keypoint as bars, coloured by the group of the keypoint.

    Raises:
        ValueError: the evaluation has no section "keypoints".
    """
    rows = evaluation.sections.get("keypoints", {})
    if not rows:
        raise ValueError(f"{evaluation.data_set}: there are no figures by keypoint to plot")
    names = list(dict.fromkeys(name for figures in rows.values() for name in figures))
    names = names[:MOST_PANELS]
    groups = _groups(list(rows))
    height = 1.6 + _TALL_IN * len(rows)
    picture = Picture(figsize=(10, max(3.0, height)), dpi=DPI, layout="constrained")
    picture.suptitle(f"{evaluation.data_set}: figures by keypoint")
    every_axes = picture.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(every_axes, names, strict=True):
        _draw_bars(axes, rows, name, groups)
    every_axes[0].set_yticks(range(len(rows)), list(rows), fontsize=9)
    every_axes[0].set_ylim(len(rows) - 0.4, -0.6)  # the first on top
    shown_groups = [group for group in GROUPS if group and group in groups]
    if len(shown_groups) > 1:
        marks = [axes.barh([np.nan], [np.nan], color=GROUPS[group]) for group in shown_groups]
        labels = [group.replace("_", " ") for group in shown_groups]
        picture.legend(marks, labels, loc="outside lower center", ncols=5, frameon=False)
    return _saved(picture, path)


def plot_confusion(confusion: Confusion, path: Path) -> Path:
    """Plot in how many frames each person (row) was given each identity (column).

    Columns are ordered so that everybody's best identity lies on the diagonal. Up to 100 of each
    are named and the frames written into the cells; the picture grows with them.

    Raises:
        ValueError: there is nobody.
    """
    if not confusion.counts.size:
        raise ValueError("there is no person with an identity to plot")
    order = _diagonal(confusion.counts)
    counts = confusion.counts[:, order]
    people, tracks = counts.shape
    is_named = max(counts.shape) <= _NAMED
    cell = _CELL_IN if is_named else min(_BARE_CELL_IN, _LARGEST_IN / max(counts.shape))
    size = (max(5.5, cell * tracks + _AROUND_IN[0]), max(4.0, cell * people + _AROUND_IN[1]))
    picture = Picture(figsize=size, dpi=DPI, layout="constrained")
    axes = picture.subplots()
    shades = axes.imshow(
        np.where(counts > 0, counts, np.nan),
        cmap="viridis_r",
        norm=PowerNorm(0.5, vmin=0, vmax=max(1, counts.max())),
        aspect="auto",
        interpolation="nearest",
    )
    large = 11 * float(np.clip(size[0] / 10, 1, 2))  # readable when the picture is made smaller
    picture.colorbar(shades, ax=axes, aspect=40, pad=0.01).set_label("frames", fontsize=large)
    axes.set_title("Who was given which identity", fontsize=large)
    axes.set_xlabel("identity given", fontsize=large)
    axes.set_ylabel("person", fontsize=large)
    step = 1 if is_named else round(np.ceil(_NAME_IN / cell))
    names = [confusion.tracks[column] for column in order]
    axes.set_xticks(range(0, tracks, step), names[::step], fontsize=8, rotation=90)
    axes.set_yticks(range(0, people, step), confusion.people[::step], fontsize=8)
    if is_named:
        _draw_grid(axes, counts)
        room = min(np.subtract(size, _AROUND_IN) / (tracks, people))
        _write_counts(axes, counts, room)
    return _saved(picture, path)


Curves = dict[str, AveragePrecision]


def _main_curves(evaluation: Evaluation) -> Curves:
    """Return the AP over all thresholds and those at single ones, of the same people."""
    found = _curves(evaluation.figures)
    return {
        name: curve for name, curve in found.items() if curve.of == next(iter(found.values())).of
    }


def _other_curves(evaluation: Evaluation) -> Curves:
    """Return the AP of some people (sizes, crowding) and of groups of keypoints."""
    main = _main_curves(evaluation)
    others = {
        name: curve for name, curve in _curves(evaluation.figures).items() if name not in main
    }
    for row, figures in evaluation.sections.get("groups", {}).items():
        if first := _curves(figures):
            others[row.replace("_", " ")] = next(iter(first.values()))
    return others


def _curves(figures: Figures) -> Curves:
    """Return the average precisions that have a value."""
    return {
        name: figure
        for name, figure in figures.items()
        if isinstance(figure, AveragePrecision) and not np.isnan(figure.value())
    }


def _draw_curves(axes: Axes, curves: Curves) -> None:
    for number, (name, figure) in enumerate(curves.items()):
        rows = slice(None) if figure.at is None else [figure.at]
        precisions = [ranking.precisions()[0][rows].mean(axis=0) for ranking in figure.of]
        axes.plot(
            RECALLS,
            np.nanmean(precisions, axis=0),
            color=COLOURS[number % len(COLOURS)],
            linestyle=LINES[number // len(COLOURS) % len(LINES)],
            label=f"{name}  {shown(figure.value())}",
        )
    axes.grid(color="0.9")
    axes.legend(loc="best", fontsize=9, framealpha=0.9)


def _groups(names: list[str]) -> list[str]:
    """Return the group of each keypoint; "" where no skeleton has them all."""
    fitting = [known for known in SKELETONS.values() if set(names) <= set(known.names)]
    if not fitting:
        return [""] * len(names)
    known = min(fitting, key=lambda skeleton: len(skeleton.names))
    of = {
        known.names[row]: group
        for group, (start, stop) in known.groups.items()
        for row in range(start, stop)
    }
    return [of[name] for name in names]


def _draw_bars(axes: Axes, rows: dict[str, Figures], name: str, groups: list[str]) -> None:
    values = np.array(
        [figures[name].value() if name in figures else np.nan for figures in rows.values()]
    )
    colours = [GROUPS.get(group, GROUPS[""]) for group in groups]
    axes.barh(np.arange(len(rows)), np.nan_to_num(values), color=colours, height=0.75)
    reached = np.append(values[~np.isnan(values)], 0.0)
    low, high = reached.min(), reached.max()
    width = max(1e-9, high - low)
    ends = np.maximum(np.nan_to_num(values), 0) + 0.01 * width  # right of the bar
    for row, (end, value) in enumerate(zip(ends, values, strict=True)):
        axes.text(end, row, shown(value), va="center", fontsize=8)
    axes.set(xlabel=MEANINGS.get(name, name), xlim=(1.05 * low, high + 0.2 * width))
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)


def _diagonal(counts: np.ndarray) -> np.ndarray:
    """Return the order of columns: everybody's own in the order of the rows, then the others."""
    rows, columns = linear_sum_assignment(counts, maximize=True)
    own = columns[counts[rows, columns] > 0]
    others = np.setdiff1d(np.arange(counts.shape[1]), own)
    return np.concatenate((own, others)).astype(np.intp)


def _draw_grid(axes: Axes, counts: np.ndarray) -> None:
    """Draw lines between the cells."""
    axes.set_xticks(np.arange(counts.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(counts.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="minor", length=0)


def _write_counts(axes: Axes, counts: np.ndarray, room: float) -> None:
    """Write numbers into the cells, of which each has a side of ``room`` [in]."""
    digits = len(f"{counts.max():.0f}")
    size = min(11.0, 72 * room / (0.62 * digits + 0.4))  # points; a digit is 0.62 of its height
    dark = 0.35 * counts.max()
    for row, column in np.argwhere(counts > 0):
        count = counts[row, column]
        colour = "white" if count > dark else "black"
        place = {"ha": "center", "va": "center"}
        axes.text(column, row, f"{count:.0f}", fontsize=size, color=colour, **place)


def _saved(picture: Picture, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path)
    return path
