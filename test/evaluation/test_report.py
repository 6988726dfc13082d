from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from alphapose_ros.evaluation import packing, statistics
from alphapose_ros.evaluation.packing import EVERY_FIGURE
from alphapose_ros.evaluation.precision_area import KeypointRanking, PrecisionArea
from alphapose_ros.evaluation.report import (
    Evaluation,
    read_figures,
    shown,
    table,
    to_markdown,
    write_json,
)
from alphapose_ros.evaluation.statistics import (
    AveragePrecision,
    AverageRecall,
    GeometricMean,
    Ranking,
    Ratio,
    Sums,
    Total,
)

UNITS = ("a.jpg", "b.jpg", "c.jpg")


def sums(seed=0, columns=4):
    random = np.random.default_rng(seed)
    wholes = random.integers(1, 9, (3, columns)).astype(float)
    return Sums(wholes * random.random((3, columns)), wholes)


def ranking(seed=0, positives=(3, 0, 4)):
    random = np.random.default_rng(seed)
    return Ranking(
        np.array([0, 0, 1, 2, 2, 2]),
        np.array([0.9, 0.4, 0.6, 0.8, 0.8, 0.1]),
        random.random((6, 10)) < 0.6,
        random.random((6, 10)) < 0.2,
        np.array(positives),
    )


def _keypoint_ranking(seed):
    random = np.random.default_rng(seed)
    return KeypointRanking(
        np.array([0, 1, 1, 2]), random.random(4), random.random(4) < 0.5, np.array([2, 3, 4])
    )


def every_kind():
    """At least one figure of each kind, with and without options, with shared samples."""
    keypoints, identities, everybody = sums(1), sums(2), ranking(3)
    return {
        "AP": AveragePrecision((everybody,)),
        "AP50": AveragePrecision((everybody,), 0),
        "mAP": AveragePrecision((everybody, ranking(4), ranking(5))),
        "AP_L": AveragePrecision((ranking(6, (0, 0, 0)),)),
        "AP_area": PrecisionArea((_keypoint_ranking(9), _keypoint_ranking(10))),
        "AR": AverageRecall((everybody,)),
        "AR75": AverageRecall((everybody,), at=5),
        "PCK": Ratio(keypoints),
        "PCK_nose": Ratio(keypoints, at=np.int64(2)),
        "PCK_none": Ratio(Sums(np.zeros((3, 1)), np.zeros((3, 1))), 0),
        "MOTA_none": Ratio(Sums(np.zeros((3, 1)), np.zeros((3, 1))), 0, empty=1.0),
        "IDSW": Total(Sums(np.array([[0, 2], [0, 1], [0, 4]]), np.zeros((3, 2))), 1),
        "HOTA": GeometricMean(identities, keypoints),
        "HOTA50": GeometricMean(identities, keypoints, at=1),
    }


def evaluation(**more):
    shared = sums(7)
    content = {
        "data_set": "coco",
        "units": UNITS,
        "figures": every_kind(),
        "sections": {
            "groups": {
                "body": {"AP": AveragePrecision((ranking(8),)), "PCK": Ratio(shared)},
                "feet/left": {"PCK": Ratio(shared, 3)},
            },
            "none": {},
        },
        "notes": ("Normaliser: head size.", "2 people left out."),
    }
    return Evaluation(**{**content, **more})


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "new/figures.json"
    write_json(evaluation(), path, {"results": "poses.json", "version": "1.0"})
    return path


def test_all_kinds_of_figures_are_tried():
    assert {type(figure).__name__ for figure in every_kind().values()} == set(EVERY_FIGURE)


@pytest.mark.parametrize("weights", [None, (1, 1, 1), (0, 3, 2), (2.0, 0.0, 0.0), (0, 1, 0)])
def test_what_is_read_has_the_same_values_with_any_weights(written, weights):
    weights = None if weights is None else np.array(weights)
    before, after = dict(evaluation().every_figure()), dict(read_figures(written).every_figure())
    assert list(before) == list(after)
    for name, figure in before.items():
        assert type(after[name]) is type(figure)
        np.testing.assert_array_equal(after[name].value(weights), figure.value(weights), name)


def test_what_is_read_can_be_written_again(written, tmp_path):
    write_json(read_figures(written), tmp_path / "again.json", {})
    one, other = (json.loads(path.read_text()) for path in (written, tmp_path / "again.json"))
    assert (one.pop("about")["results"], other.pop("about")) == (
        "poses.json",
        {
            "data_set": "coco",
            "options": {},
            "notes": ["Normaliser: head size.", "2 people left out."],
        },
    )
    assert one == other


def test_sections_and_notes_are_read(written):
    found = read_figures(written)
    assert (found.data_set, found.units, found.notes) == (
        "coco",
        UNITS,
        ("Normaliser: head size.", "2 people left out."),
    )
    assert list(found.sections["groups"]) == ["body", "feet/left"]
    assert found.sections["none"] == {}


def test_main_figures_stand_at_the_top_of_the_file_under_their_usual_names(written):
    content = json.loads(written.read_text())
    values = evaluation().values()
    assert list(content) == [*values, "sections", "about", "samples"]
    assert content["AP"] == values["AP"] and content["IDSW"] == 7
    assert content["sections"]["groups"]["feet/left"]["PCK"] == Ratio(sums(7), 3).value()
    assert content["about"]["version"] == "1.0"


def test_figures_without_a_value_are_null(written):
    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(written.read_text(), parse_constant=refuse)
    assert content["AP_L"] is None and content["PCK_none"] is None
    assert content["MOTA_none"] == 1


def test_samples_that_figures_share_are_written_once(written):
    content = json.loads(written.read_text())["samples"]
    # sums 1, 2, 7; rankings 3, 4, 5, 6, 8, 9, 10; the empty ones of PCK_none and MOTA_none; IDSW's.
    assert len(content["packed"]) == 3 + 7 + 2 + 1
    of = [content["figures"][name]["samples"]["of"] for name in ("AP", "AP50", "mAP")]
    assert of[0] == of[1] == of[2][:1]
    found = read_figures(written).figures
    assert found["AP"].of[0] is found["mAP"].of[0]


def test_a_new_kind_of_figure_needs_a_line_in_the_table_only(monkeypatch, tmp_path):
    @dataclass(frozen=True)
    class Area(statistics.Figure):
        """Another reading of several rankings, and of sums beside them."""

        rankings: tuple[Ranking, ...]
        beside: Sums
        power: float = 1.0

        def steps(self):
            return [*(one.precisions for one in self.rankings), self.beside.totals]

        def reduced(self, results):
            *curves, totals = results
            return float(sum(recall.sum() for _, recall in curves) + totals[0]) ** self.power

    figure = Area((ranking(1), ranking(2)), sums(), power=0.5)
    path = tmp_path / "figures.json"
    write_json(Evaluation(data_set="x", units=UNITS, figures={"area": figure}), path, {})
    with pytest.raises(ValueError, match=r"figures\.area\.kind: 'Area' is none of Ratio, Total"):
        read_figures(path)
    monkeypatch.setitem(packing.EVERY_FIGURE, "Area", Area)
    found = read_figures(path).figures["area"]
    assert found.value(np.array([0, 2, 1])) == figure.value(np.array([0, 2, 1]))


@pytest.mark.parametrize("name", ["about", "sections", "samples"])
def test_a_figure_with_the_name_of_another_key_is_refused(name):
    with pytest.raises(ValueError, match=f"cannot be named '{name}'"):
        evaluation(figures={name: Ratio(sums())})


def test_a_figure_over_other_units_is_refused():
    with pytest.raises(ValueError, match="figure AP weighs 3 units, the evaluation has 2"):
        evaluation(units=("a.jpg", "b.jpg"))
    with pytest.raises(ValueError, match="figure groups/body/AP weighs 3 units"):
        evaluation(units=("a.jpg", "b.jpg"), figures={})


def test_an_evaluation_of_nothing_is_written_and_read(tmp_path):
    nothing = Evaluation(
        data_set="coco", units=(), figures={"PCK": Ratio(Sums(*np.zeros((2, 0, 3))))}
    )
    write_json(nothing, tmp_path / "nothing.json", {})
    found = read_figures(tmp_path / "nothing.json")
    assert found.units == () and np.isnan(found.figures["PCK"].value())


def broken(content, *keys, value):
    """Replace, or with ... take away, one value of the file."""
    inside = content
    for key in keys[:-1]:
        inside = inside[key]
    if value is ...:
        del inside[keys[-1]]
    else:
        inside[keys[-1]] = value
    return content


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("about",), ..., r"\.about: is missing; expected a file that `alphapose eval --json`"),
        (("samples",), ..., r"\.samples: is missing; expected a file that `alphapose eval"),
        (("samples",), 3, r"\.samples: must be an object, is 3; expected a file"),
        (("about", "data_set"), 7, r"about\.data_set: must be a string, is 7"),
        (("about", "notes"), "x", r"about\.notes: must be a list of strings"),
        (("samples", "units"), ..., r"samples\.units: is missing"),
        (("samples", "units"), [1, 2, 3], r"samples\.units: must be a list of strings"),
        (("samples", "units"), ["a", "b"], r"samples: figure AP weighs 3 units, .* has 2"),
        (("samples", "packed"), {}, r"samples\.packed: must be a list"),
        (("samples", "packed", 1), None, r"samples\.packed\[1\]: must be an object"),
        (("samples", "packed", 1, "kind"), "Lies", r"packed\[1\]\.kind: 'Lies' is none of Sums"),
        (("samples", "packed", 0, "kind"), "Sums", r"packed\[0\]\.arrays: cannot be read .*anew"),
        (("samples", "packed", 1, "arrays"), "?!", r"packed\[1\]\.arrays: cannot be read"),
        (("samples", "packed", 1, "arrays"), "", r"packed\[1\]\.arrays: cannot be read"),
        (("samples", "packed", 1, "arrays"), "QUJD", r"packed\[1\]\.arrays: cannot be read"),
        (("samples", "packed", 1, "arrays"), "UEsDBAo=", r"packed\[1\]\.arrays: cannot be read"),
        (("samples", "packed"), [], r"samples\.figures\.AP: cannot be read"),
        (("samples", "figures", "AP"), 0.7, r"samples\.figures\.AP: must be an object, is 0\.7"),
        (("samples", "figures", "AP", "kind"), ..., r"figures\.AP\.kind: is missing"),
        (("samples", "figures", "AP", "samples"), [0], r"figures\.AP: cannot be read"),
        (("samples", "figures", "AP", "samples", "of"), "0", r"figures\.AP: cannot be read"),
        (("samples", "figures", "AP", "samples", "of"), 0, r"figures\.AP: cannot be read"),
        (("samples", "figures", "AP", "options"), {"size": 3}, r"figures\.AP: cannot be read"),
        (("samples", "figures", "AP", "options"), {"at": 10}, r"figures\.AP: cannot be read"),
        (("samples", "figures", "AP", "options"), {"at": "x"}, r"figures\.AP: cannot be read"),
        (("samples", "figures", "HOTA", "samples", "first"), ..., r"figures\.HOTA: cannot be read"),
        (("samples", "sections"), ..., r"samples\.sections: is missing"),
        (("samples", "sections", "groups"), 1, r"samples\.sections\.groups: must be an object"),
        (
            ("samples", "sections", "groups", "body", "PCK", "kind"),
            "PCK",
            r"sections\.groups\.body\.PCK\.kind: 'PCK' is none of",
        ),
    ],
)
def test_a_file_that_is_none_of_ours_is_named_with_the_field(written, keys, value, message):
    content = broken(json.loads(written.read_text()), *keys, value=value)
    written.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        read_figures(written)
    assert str(written) in str(caught.value)


def test_a_file_cut_short_is_named(written):
    written.write_text(written.read_text()[:-200])
    with pytest.raises(ValueError, match=r"figures\.json: not JSON"):
        read_figures(written)
    written.write_text("[]")
    with pytest.raises(ValueError, match=r"figures\.json: must be an object"):
        read_figures(written)
    with pytest.raises(FileNotFoundError, match=r"none\.json does not exist"):
        read_figures(written.with_name("none.json"))


@pytest.mark.parametrize(
    ("value", "is_count", "text"),
    [
        (0.12345, False, "0.123"),
        (1.0, False, "1.000"),
        (0.0, False, "0.000"),
        (12.0, False, "12.000"),
        (np.nan, False, "-"),
        (0.0, True, "0"),
        (1.0, True, "1"),
        (1234.0, True, "1234"),
        (12.5, True, "12.500"),
    ],
)
def test_figures_are_written_with_three_decimals_and_counts_bare(value, is_count, text):
    assert shown(value, is_count) == text


def test_a_table_has_a_line_per_row_and_dashes_where_a_figure_lacks():
    column = Sums(np.array([[1.0, 0.0]]), np.array([[4.0, 0.0]]))
    rows = {
        "body": {"PCK": Ratio(column, 0), "IDSW": Total(column)},
        "a|b": {"PCK": Ratio(column, 1), "AP": Ratio(column, 0)},
    }
    assert table("groups", rows) == (
        "| groups | PCK | IDSW | AP |\n"
        "| --- | --- | --- | --- |\n"
        "| body | 0.250 | 1 | - |\n"
        "| a\\|b | - | - | 0.250 |"
    )


def test_the_report_has_title_notes_and_a_table_of_each_section():
    column = Sums(np.array([[1.0]]), np.array([[4.0]]))
    short = Evaluation(
        data_set="MPII",
        units=("a",),
        figures={"PCKh@0.5": Ratio(column)},
        sections={"groups": {"feet": {"AP": Ratio(column)}}},
        notes=("Head size.",),
    )
    assert to_markdown(short, "poses.json") == (
        "# MPII: poses.json\n\n- Head size.\n\n"
        "|  | PCKh@0.5 |\n| --- | --- |\n| all | 0.250 |\n\n"
        "| groups | AP |\n| --- | --- |\n| feet | 0.250 |\n"
    )
    assert to_markdown(short).startswith("# MPII\n")


def test_many_figures_stand_below_each_other():
    sums = Sums(np.ones((1, 1)), np.full((1, 1), 4.0))
    figures = {f"F{number}": Ratio(sums) for number in range(13)}
    text = to_markdown(Evaluation(data_set="made", units=("a",), figures=figures))
    assert "|  | all |" in text and "| F12 | 0.250 |" in text


def test_the_headline_is_the_main_figures_and_those_of_groups():
    ratio = Ratio(Sums(np.ones((1, 1)), np.ones((1, 1))))
    evaluation = Evaluation(
        data_set="made",
        units=("a",),
        figures={"AP": ratio},
        sections={"groups": {"feet": {"AP": ratio}}, "keypoints": {"nose": {"AP": ratio}}},
    )
    assert evaluation.headline() == ["AP", "groups/feet/AP"]
