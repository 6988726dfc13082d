from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba

from alphapose_ros.evaluation import plots
from alphapose_ros.evaluation.plots import (
    plot_confusion,
    plot_keypoint_errors,
    plot_precision_recall,
    write_plots,
)
from alphapose_ros.evaluation.report import Confusion, Evaluation
from alphapose_ros.evaluation.statistics import (
    AveragePrecision,
    AverageRecall,
    Ranking,
    Ratio,
    Sums,
)
from alphapose_ros.skeletons import skeleton


@pytest.fixture
def drawn(monkeypatch):
    """The last picture that was saved, to look at what it is made of."""
    kept = []
    save = plots.Picture.savefig
    monkeypatch.setattr(
        plots.Picture, "savefig", lambda self, path: kept.append(self) or save(self, path)
    )
    return kept


def ranking(*outcomes, positives=4):
    """Poses of one picture, the best first; a column for each threshold."""
    is_true = np.array(outcomes, bool).reshape(len(outcomes), -1)
    count = len(is_true)
    return Ranking(
        np.zeros(count, int),
        np.linspace(0.9, 0.1, count),
        is_true,
        np.zeros_like(is_true),
        np.array([positives]),
    )


def precise(**more):
    everybody = ranking((1, 1), (1, 0), (0, 0), (1, 1))
    figures = {
        "AP": AveragePrecision((everybody,)),
        "AP50": AveragePrecision((everybody,), 0),
        "AP_L": AveragePrecision((ranking((1, 1)),)),
        "AP_M": AveragePrecision((ranking((1, 1), positives=0),)),
        "AR": AverageRecall((everybody,)),
    }
    return Evaluation(**{"data_set": "COCO", "units": ("a",), "figures": figures, **more})


def by_keypoint(names, **columns):
    sums = {
        name: Sums(np.array([values], float), np.ones((1, len(names))))
        for name, values in columns.items()
    }
    return {
        keypoint: {name: Ratio(of, row) for name, of in sums.items()}
        for row, keypoint in enumerate(names)
    }


def size_of(path):
    return cv2.imread(str(path)).shape[1::-1]


def inked(path):
    """Share of pixels that are not white."""
    return (cv2.imread(str(path)) < 250).any(axis=2).mean()


def test_curves_are_the_precisions_that_the_figures_are_means_of(tmp_path, drawn):
    path = plot_precision_recall(precise(), tmp_path / "new/curves.png")
    left, right = drawn[0].axes
    average, half = left.get_lines()
    # Of four people, found in this order at the first threshold: right, right, wrong, right.
    # Precision is 1 up to recall 0.5, 3/4 up to 0.75, then 0.
    recalls = half.get_xdata()
    expected = np.select([recalls <= 0.5, recalls <= 0.75], [1.0, 0.75])
    np.testing.assert_allclose(half.get_ydata(), expected)
    # At the second: right, wrong, wrong, right: 1 up to 0.25, 2/4 up to 0.5.
    other = np.select([recalls <= 0.25, recalls <= 0.5], [1.0, 0.5])
    np.testing.assert_allclose(average.get_ydata(), (expected + other) / 2)
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    values = precise().values()
    assert labels == [f"AP  {values['AP']:.3f}", f"AP50  {values['AP50']:.3f}"]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["AP_L  0.257"]
    assert size_of(path) in ((1000, 460), (1000, 459)) and inked(path) > 0.01  # as rounded


def test_groups_of_keypoints_have_a_curve_each(tmp_path, drawn):
    groups = {
        "left_hand": {"AP": AveragePrecision((ranking((1,)),)), "AP50": None},
        "feet": {"PCK": Ratio(Sums(np.ones((1, 1)), np.ones((1, 1))))},
        "face": {"AP": AveragePrecision((ranking((1,), positives=0),))},
    }
    del groups["left_hand"]["AP50"]
    plot_precision_recall(precise(sections={"groups": groups}), tmp_path / "curves.png")
    labels = [text.get_text() for text in drawn[0].axes[1].get_legend().get_texts()]
    assert labels == ["AP_L  0.257", "left hand  0.257"]  # a quarter found: 26 of 101 recalls


def test_curves_differ_in_colour_and_beyond_seven_in_line(tmp_path, drawn):
    groups = {str(row): {"AP": AveragePrecision((ranking((1,)),))} for row in range(12)}
    plot_precision_recall(precise(sections={"groups": groups}), tmp_path / "curves.png")
    looks = [(line.get_color(), line.get_linestyle()) for line in drawn[0].axes[1].get_lines()]
    assert len(set(looks)) == len(looks) == 13


def test_bars_are_the_figures_in_the_colours_of_their_groups(tmp_path, drawn):
    names = skeleton("halpe_26").names
    similar, far = np.linspace(0.1, 0.9, 26), np.linspace(0.3, 0.0, 26)
    rows = by_keypoint(names, similarity=similar, distance=far)
    path = plot_keypoint_errors(precise(sections={"keypoints": rows}), tmp_path / "bars.png")
    left, right = drawn[0].axes
    bars = [bar for bar in left.patches if np.isfinite(bar.get_width())]
    np.testing.assert_allclose([bar.get_width() for bar in bars], similar)
    assert [text.get_text() for text in left.get_yticklabels()] == list(names)
    assert left.get_xlabel() == "similarity (1 is perfect)"
    assert right.get_xlabel() == "distance / sqrt(area)"
    assert "0.100" in [text.get_text() for text in left.texts]
    feet = skeleton("halpe_26").group("feet")
    expected = [plots.GROUPS["feet" if row in range(26)[feet] else "body"] for row in range(26)]
    assert [bar.get_facecolor() for bar in bars] == [to_rgba(colour) for colour in expected]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["body", "feet"]
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the first keypoint on top
    assert size_of(path)[0] == 1000 and inked(path) > 0.05


def test_keypoints_without_a_figure_and_negative_ones_are_shown(tmp_path, drawn):
    rows = by_keypoint(("head", "tail", "nose"), MOTA=(-0.5, np.nan, 0.25))
    rows["nose"] = {"other": rows["nose"]["MOTA"]}
    plot_keypoint_errors(precise(sections={"keypoints": rows}), tmp_path / "bars.png")
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.texts] == ["-0.500", "-", "-"]
    assert axes.get_xlim()[0] < -0.5
    assert not drawn[0].legends  # no skeleton has a tail: no groups


def test_133_keypoints_have_room(tmp_path):
    names = skeleton("coco_wholebody_133").names
    rows = by_keypoint(names, similarity=np.linspace(0, 1, 133))
    path = plot_keypoint_errors(precise(sections={"keypoints": rows}), tmp_path / "bars.png")
    assert size_of(path)[1] > 133 * 15


def confusion(people, tracks):
    random = np.random.default_rng(people)
    counts = np.zeros((people, tracks), int)
    for row in range(people):
        counts[row, random.integers(0, tracks, 3)] += random.integers(1, 2000, 3)
    return Confusion(
        tuple(f"p{row}" for row in range(people)),
        tuple(f"t{column}" for column in range(tracks)),
        counts,
    )


def test_everybodys_best_identity_lies_on_the_diagonal(tmp_path, drawn):
    counts = np.array([[1, 0, 9], [7, 0, 3], [0, 0, 0]])
    plot_confusion(Confusion(("anna", "ben", "eva"), ("1", "2", "3"), counts), tmp_path / "c.png")
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["3", "1", "2"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["anna", "ben", "eva"]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "9", (1, 0): "1", (1, 1): "7", (0, 1): "3"}


@pytest.mark.parametrize(("people", "tracks"), [(1, 1), (5, 6), (60, 75), (3, 100)])
def test_numbers_and_names_fit_into_their_cells(tmp_path, drawn, people, tracks):
    plot_confusion(confusion(people, tracks), tmp_path / "c.png")
    axes = drawn[0].axes[0]
    canvas = FigureCanvasAgg(drawn[0])
    canvas.draw()
    draws = canvas.get_renderer()
    box = axes.get_window_extent(draws)
    for text in axes.texts:
        extent = text.get_window_extent(draws)
        assert extent.width < box.width / tracks and extent.height < box.height / people
    assert axes.texts and min(text.get_fontsize() for text in axes.texts) >= 6
    names = [text.get_window_extent(draws) for text in axes.get_xticklabels()]
    assert all(one.x1 <= other.x0 + 1 for one, other in pairwise(names))
    assert drawn[0].bbox.width < 3000


def test_hundreds_of_identities_have_no_numbers_but_a_picture_of_sane_size(tmp_path, drawn):
    path = plot_confusion(confusion(300, 900), tmp_path / "c.png")
    assert not drawn[0].axes[0].texts
    assert max(size_of(path)) < 3000


def test_what_there_is_is_written(tmp_path):
    rows = {"keypoints": by_keypoint(("nose",), PCK=(0.5,))}
    full = precise(sections=rows, confusion=confusion(2, 2))
    names = ["precision_recall.png", "keypoints.png", "confusion.png"]
    assert write_plots(full, tmp_path / "full") == [tmp_path / "full" / name for name in names]
    assert all(cv2.imread(str(tmp_path / "full" / name)) is not None for name in names)
    bare = precise(figures={}, confusion=confusion(0, 0))
    assert write_plots(bare, tmp_path / "bare") == []


def test_nothing_to_plot_is_said():
    bare = precise(figures={})
    with pytest.raises(ValueError, match="COCO: there is no average precision"):
        plot_precision_recall(bare, "x.png")
    with pytest.raises(ValueError, match="COCO: there are no figures by keypoint"):
        plot_keypoint_errors(bare, "x.png")
    with pytest.raises(ValueError, match="no person with an identity"):
        plot_confusion(confusion(0, 0), "x.png")


def test_no_window_system_is_touched():
    code = (
        "import sys, alphapose_ros.evaluation.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
