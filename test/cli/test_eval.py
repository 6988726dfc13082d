from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")
pytest.importorskip("matplotlib", reason="needs matplotlib, see requirements-test.txt")

import made_videos

from alphapose_ros.cli import main
from alphapose_ros.evaluation import DATA_SETS, data_set

QUIET = ["--set", "device=cpu", "--set", "threads=1"]


@pytest.fixture
def coco(data):
    return data / "pose_datasets/coco"


@pytest.fixture
def results(coco):
    return coco / "ultralight_simplepose_gtbox_results.json"


def evaluate(capsys, *words):
    """Run the command and return what it prints."""
    code = main(["eval", *map(str, words)])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


def refused(capsys, *words):
    """Run the command, which must fail, and return its error."""
    assert main(["eval", *map(str, words)]) == 1
    return capsys.readouterr().err


def test_figures_of_coco_are_those_that_its_tool_gives(coco, results, tmp_path, capsys):
    expected = json.loads((coco / "expected_keypoint_ap.json").read_text())
    out = tmp_path / "figures.json"
    labels = coco / "test_coco.json"
    printed = evaluate(capsys, "coco", "--annotations", labels, "--results", results, "--json", out)
    figures = json.loads(out.read_text())
    stated = dict(zip(expected["stats_order"], expected[results.name], strict=True))
    assert {name: figures[name] for name in stated} == pytest.approx(stated, abs=1e-6)
    assert "0.801" in printed
    assert figures["about"]["annotations"] == str(labels)


def test_figures_of_tracks_are_those_that_their_tool_gives(data, tmp_path, capsys):
    folder = data / "mot_metrics/TUD-Campus"
    out = tmp_path / "figures.json"
    evaluate(
        capsys,
        *("mot", "--annotations", folder / "gt.txt", "--results", folder / "test.txt"),
        *("--json", out),
    )
    figures = json.loads(out.read_text())
    assert figures["MOTA"] == pytest.approx(0.526462, abs=1e-6)
    assert figures["IDF1"] == pytest.approx(0.557659, abs=1e-6)
    assert figures["HOTA"] == pytest.approx(0.391397, abs=1e-6)


def test_the_parts_of_whole_bodies_are_told_apart(data, tmp_path, capsys):
    folder = data / "pose_datasets/coco_wholebody_eval"
    out = tmp_path / "figures.json"
    evaluate(
        capsys,
        *("wholebody", "--annotations", folder / "example_gt.json"),
        *("--results", folder / "example_pred.json", "--json", out),
    )
    figures = json.loads(out.read_text())
    assert figures["AP"] == pytest.approx(0.645819, abs=1e-6)
    assert figures["sections"]["groups"]["face"]["AP"] == pytest.approx(0.773817, abs=1e-6)


def test_people_are_found_and_everything_is_written(coco, tmp_path, capsys):
    words = (
        *("coco", "--annotations", coco / "test_coco.json", "--images", coco / "images"),
        *("--out", tmp_path / "out", "--worst", 3, *QUIET),
    )
    evaluate(capsys, *words)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {
        *("figures.json", "table.md", "poses.jsonl", "results.json", "plots", "worst")
    }
    assert list((tmp_path / "out/worst").glob("*.png"))
    assert "results: resume" in refused(capsys, *words)
    figures = json.loads((tmp_path / "out/figures.json").read_text())
    evaluate(capsys, *words, "--resume")
    assert json.loads((tmp_path / "out/figures.json").read_text())["AP"] == figures["AP"]


def test_results_that_were_written_evaluate_to_the_same(coco, tmp_path, capsys):
    labels = ("coco", "--annotations", coco / "test_coco.json")
    evaluate(capsys, *labels, "--images", coco / "images", "--out", tmp_path, *QUIET)
    again = tmp_path / "again.json"
    evaluate(
        capsys,
        *(*labels, "--results", tmp_path / "results.json", "--layout", "halpe_136"),
        *("--json", again),
    )
    first = json.loads((tmp_path / "figures.json").read_text())
    assert json.loads(again.read_text())["AP"] == pytest.approx(first["AP"])


def test_shifted_keypoints_are_worse_and_the_comparison_says_so(coco, results, tmp_path, capsys):
    shifted = json.loads(results.read_text())
    for pose in shifted:
        keypoints = np.reshape(pose["keypoints"], (-1, 3))
        pose["keypoints"] = (keypoints + [15, 0, 0]).ravel().tolist()
    worse = tmp_path / "shifted.json"
    worse.write_text(json.dumps(shifted))
    for file, name in ((results, "a.json"), (worse, "b.json")):
        evaluate(
            capsys,
            *("coco", "--annotations", coco / "test_coco.json", "--results", file),
            *("--json", tmp_path / name),
        )
    both = (tmp_path / "a.json", tmp_path / "b.json")
    printed = evaluate(capsys, "--compare", *both, "--json", tmp_path / "difference.json")
    a, b = (json.loads(path.read_text())["AP"] for path in both)
    assert b < a - 0.1
    assert f"{b - a:+.3f}" in printed
    assert "AP" in (tmp_path / "difference.json").read_text()


def test_an_ablation_sets_its_variants_side_by_side(tmp_path, capsys):
    labels = made_videos.make_posetrack(tmp_path)
    printed = evaluate(
        capsys,
        *("posetrack", "--annotations", labels, "--images", tmp_path, "--ablate", "given"),
        *("--out", tmp_path / "out", *QUIET),
    )
    assert "all found" in printed and "true poses" in printed
    values = {
        name: json.loads((tmp_path / "out" / name / "figures.json").read_text())["MOTA"]
        for name in ("all_found", "true_boxes", "true_poses")
    }
    assert values["true_poses"] == pytest.approx(1)
    assert values["all_found"] <= values["true_boxes"] < values["true_poses"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "name a data set"),
        (["kinetics", "--annotations", "a", "--results", "b"], "'kinetics' is none of coco, "),
        (["coco", "--annotations", "a.json"], "give --results FILE, or --images DIR"),
        (["coco", "--annotations", "nowhere.json", "--results", "b"], "nowhere.json"),
        (
            ["coco", "--annotations", "a", "--results", "b", "--rules", "plain"],
            "--rules is no option of data set 'coco'",
        ),
        (["--compare", "nowhere.json", "b.json"], "nowhere.json"),
    ],
)
def test_what_is_wrong_is_said(capsys, words, reason):
    assert reason in refused(capsys, *words)


def test_a_result_of_an_unknown_picture_is_named(coco, results, tmp_path, capsys):
    content = json.loads(results.read_text())
    content[2]["image_id"] = 4711
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    words = ("coco", "--annotations", coco / "test_coco.json", "--results", path)
    assert "[2].image_id" in refused(capsys, *words)


def test_all_functions_of_the_table_are_there():
    for name in DATA_SETS:
        entry = data_set(name)
        assert callable(entry.read) and callable(entry.evaluate) and callable(entry.read_results)


def test_nothing_is_loaded_for_other_verbs():
    code = (
        "import sys; from alphapose_ros.cli import main; main(['config']); "
        "assert not {'pycocotools', 'matplotlib', 'torch', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
