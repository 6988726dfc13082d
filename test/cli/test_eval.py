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


def test_an_ablation_leaves_its_table_and_figures(coco, tmp_path, capsys):
    labels = coco.parent / "halpe/test_halpe.json"
    printed = evaluate(
        capsys,
        *("halpe", "--annotations", labels, "--images", coco / "images"),
        *("--ablate", "normalisation", "--resamples", 10, *QUIET),
        *("--out", tmp_path / "out", "--json", tmp_path / "new/ablation.json"),
    )
    assert (tmp_path / "out/table.md").read_text().strip() == printed.strip()
    assert "| groups/face/AP |" in printed
    content = json.loads((tmp_path / "new/ablation.json").read_text())
    assert content["ablation"] == "normalisation"
    for variant in ("two-step", "one-step"):
        figures = json.loads((tmp_path / "out" / variant / "figures.json").read_text())
        assert content["variants"][variant]["AP"] == figures["AP"]
    difference = content["against_first"]["one-step"]["figures"]["AR"]
    assert (difference["first"], difference["second"]) == tuple(
        content["variants"][variant]["AR"] for variant in ("two-step", "one-step")
    )


def test_true_poses_are_left_out_where_none_are_labelled(tmp_path, capsys):
    folder = made_videos.make_mot(tmp_path)
    words = ("mot", "--annotations", folder, "--images", folder, "--ablate", "given", *QUIET)
    head = evaluate(capsys, *words).splitlines()[0]
    assert head == "| given | all found | true boxes |"


def test_how_people_are_found_can_be_chosen(coco, tmp_path, capsys):
    labels = ("coco", "--annotations", coco / "test_coco.json", "--images", coco / "images")
    out = tmp_path / "figures.json"
    evaluate(capsys, *labels, *QUIET, "--boxes", "detected", "--flip", "--json", out)
    found = json.loads(out.read_text())["about"]["finding"]
    assert (found["boxes"], found["flip"]) == ("detected", True)
    assert "batch_size: -1" in refused(capsys, *labels, *QUIET, "--batch", -1)


def test_only_the_tracker_can_be_measured(tmp_path, capsys):
    labels = made_videos.make_posetrack(tmp_path)
    out = tmp_path / "figures.json"
    words = ("posetrack", "--annotations", labels, "--true-poses", "--rate", 12.5, "--json", out)
    evaluate(capsys, *words, *QUIET)
    content = json.loads(out.read_text())
    assert content["mAP"] == pytest.approx(1)
    assert content["about"]["finding"]["rate_hz"] == 12.5


def test_options_of_a_data_set_reach_it_and_are_noted(coco, results, tmp_path, capsys):
    labels = ("halpe", "--annotations", coco.parent / "halpe/test_halpe.json")
    out = tmp_path / "figures.json"
    words = (*labels, "--results", results, "--layout", "coco_17", "--json", out)
    assert "OKS constants: published" in evaluate(capsys, *words, "--constants", "published")
    assert json.loads(out.read_text())["about"]["options"] == {"constants": "published"}
    labels = ("mpii", "--annotations", coco.parent / "mpii/test_mpii.json")
    words = (*labels, "--results", results, "--head-boxes", "nowhere.mat")
    assert "nowhere.mat does not exist" in refused(capsys, *words)


def test_every_figure_can_be_compared(coco, results, tmp_path, capsys):
    out = tmp_path / "figures.json"
    labels = ("coco", "--annotations", coco / "test_coco.json")
    evaluate(capsys, *labels, "--results", results, "--json", out)
    words = ("--compare", out, out, "--resamples", 2)
    row = "| keypoints/nose/similarity |"
    assert row not in evaluate(capsys, *words)
    assert row in evaluate(capsys, *words, "--all")


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
        (["--compare", "a", "b", "--out", "c"], "--out is not for --compare"),
        (["coco", "--annotations", "a", "--results", "b", "--flip"], "--flip is for finding"),
        (["coco", "--annotations", "a", "--results", "b", "--ablate", "flip"], "--ablate is for"),
        (["coco", "--annotations", "a", "--results", "b", "--set", "a=b"], "--set is for finding"),
        (["posetrack", "--annotations", "a", "--true-poses", "--ablate", "given"], "--images DIR"),
        (
            ["coco", "--annotations", "a", "--results", "b", "--json", "."],
            "is a folder, not a file",
        ),
        (["coco", "--annotations", "a", "--results", "b", "--out", __file__], "is a file, not a"),
        (["coco", "--annotations", "a", "--results", "b", "--worst", "-1"], "less than 0"),
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


def test_results_evaluated_by_other_rules_are_not_compared(data, tmp_path, capsys):
    folder = data / "mot_metrics/TUD-Campus"
    words = ("mot", "--annotations", folder / "gt.txt", "--results", folder / "test.txt")
    evaluate(capsys, *words, "--json", tmp_path / "a.json")
    evaluate(capsys, *words, "--rules", "plain", "--json", tmp_path / "b.json")
    error = refused(capsys, "--compare", tmp_path / "a.json", tmp_path / "b.json")
    assert "rules is None in the first and 'plain' in the second" in error


def test_results_without_a_single_person_are_refused(coco, results, tmp_path, capsys):
    content = [{**pose, "category_id": 0} for pose in json.loads(results.read_text())]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    words = ("coco", "--annotations", coco / "test_coco.json", "--results", path)
    assert "no entry has category_id 1" in refused(capsys, *words)


def test_pictures_that_are_not_there_are_missed_before_anything_is_done(coco, results, capsys):
    words = ("coco", "--annotations", coco / "test_coco.json", "--results", results)
    assert "nowhere does not exist" in refused(capsys, *words, "--images", "nowhere")


def test_ctrl_c_ends_without_a_traceback(coco, results, monkeypatch, capsys):
    def stop(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("alphapose_ros.cli.eval.run", stop)
    assert main(["eval"]) == 130
    assert capsys.readouterr().err == "alphapose eval: stopped\n"
