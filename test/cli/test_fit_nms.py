from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")

from alphapose_ros.cli import main
from alphapose_ros.config import load_config
from alphapose_ros.skeletons import skeleton

WEAK = ["--set", "suppression.threshold=3.9"]  # leaves nearly everything
SHORT = ["--jitter", "poses", "--copies", "3", "--most", "60"]


def made_labels(path, name="coco_17", pictures=30, seed=0):
    """Write people of 60 to 240 px in the form of COCO."""
    rng, layout = np.random.default_rng(seed), skeleton(name)
    people = []
    for picture in range(pictures):
        for _ in range(rng.integers(1, 5)):
            height = rng.uniform(60, 240)
            x, y = rng.uniform(0, [900, 500])
            places = [x, y] + rng.random((len(layout.names), 2)) * [0.45 * height, height]
            keypoints = np.c_[places, np.full(len(places), 2)]
            people.append(
                {
                    "id": len(people) + 1,
                    "image_id": picture,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": [x, y, 0.45 * height, height],
                    "area": 0.2 * height**2,
                    "keypoints": keypoints.ravel().tolist(),
                }
            )
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(pictures)]
    info = {"skeleton": name}
    path.write_text(json.dumps({"info": info, "images": images, "annotations": people}))
    return path


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    return made_labels(tmp_path_factory.mktemp("labels") / "labels.json")


def fitted(capsys, *words):
    """Run the command and return what it prints."""
    code = main(["fit-nms", *map(str, words)])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


def refused(capsys, *words):
    """Run the command, which must fail, and return its error."""
    assert main(["fit-nms", *map(str, words)]) == 1
    return capsys.readouterr().err


def precision_of(printed, part, constants):
    """Return AP from the printed table."""
    for line in printed.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith(part) and cells[1] == constants:
            return float(cells[2])
    raise AssertionError(f"no line of {part}, {constants} in\n{printed}")


def test_constants_are_fitted_printed_and_written(labels, tmp_path, capsys):
    out = tmp_path / "new" / "17.yaml"
    printed = fitted(capsys, "--annotations", labels, "--layout", "17", "--out", out, *SHORT, *WEAK)
    assert precision_of(printed, "held", "fitted") > precision_of(printed, "held", "start") + 0.05
    assert precision_of(printed, "held", "fitted") > precision_of(printed, "held", "without") + 0.05
    assert load_config(out).suppression.threshold < 3.9
    text = out.read_text()
    assert "coco_17" in text and "labels.json" in text and "alphapose fit-nms" in text
    assert str(tmp_path) not in text.replace(str(labels), "")
    for line in printed.splitlines():
        if line.startswith("| held"):
            assert f"# {line}" in text


def test_the_file_has_the_form_of_ros_parameters_and_only_what_was_fitted(labels, tmp_path, capsys):
    out = tmp_path / "17.yaml"
    fitted(capsys, "--annotations", labels, "--layout", "coco_17", "--out", out, *SHORT)
    tree = yaml.safe_load(out.read_text())
    assert list(tree) == ["/**"] and list(tree["/**"]) == ["ros__parameters"]
    suppression = tree["/**"]["ros__parameters"]["suppression"]
    assert {"score_scale", "distance_scale", "distance_weight", "threshold"} < set(suppression)
    assert not {"min_score", "name", "merge"} & set(suppression)
    assert all(isinstance(value, float) for value in suppression.values())


def test_the_same_command_writes_the_same_file_also_when_it_was_cut_off(labels, tmp_path, capsys):
    words = ["--annotations", labels, "--layout", "17", *SHORT, *WEAK]
    folders = [tmp_path / name for name in ("whole", "cut")]
    for folder in folders:
        fitted(capsys, *words, "--out", folder / "17.yaml")
    log = folders[1] / "17.fit" / "constants_coco_17.jsonl"
    whole = log.read_text()
    log.write_text(whole[: len(whole) // 3])
    (folders[1] / "17.yaml").unlink()
    fitted(capsys, *words, "--out", folders[1] / "17.yaml", "--resume")
    assert log.read_text() == whole
    first, second = ((folder / "17.yaml").read_text() for folder in folders)
    assert first == second


def test_a_search_is_not_overwritten_nor_mixed_with_another(labels, tmp_path, capsys):
    words = ["--annotations", labels, "--layout", "17", "--out", tmp_path / "17.yaml", *SHORT]
    fitted(capsys, *words)
    assert "resume" in refused(capsys, *words)
    assert "other data" in refused(capsys, *words, "--resume", "--seed", "1")


def test_shuffled_labels_gain_nothing(labels, tmp_path, capsys):
    words = ["--annotations", labels, "--layout", "17", "--out", tmp_path / "17.yaml", *SHORT]
    printed = fitted(capsys, *words, "--shuffle", "--free", "--surplus-cost", "0")
    start, end = (precision_of(printed, "held", name) for name in ("start", "fitted"))
    assert end <= start + 0.005
    assert "--shuffle" in (tmp_path / "17.yaml").read_text()


def test_several_files_of_labels_are_one_data_set(labels, tmp_path, capsys):
    others = made_labels(tmp_path / "others.json", "halpe_136", pictures=10, seed=1)
    words = ["--out", tmp_path / "26.yaml", "--layout", "26", *SHORT]
    printed = fitted(capsys, "--annotations", labels, others, "--held", "0.25", *words)
    assert "fitted: 30 pictures" in printed and "held: 10 pictures" in printed
    assert "AP feet" in printed


def test_weights_of_groups_are_fitted_when_asked_for(tmp_path, capsys):
    labels = made_labels(tmp_path / "labels.json", "halpe_26", pictures=10)
    words = ["--annotations", labels, "--layout", "26", "--jitter", "poses", "--copies", "2"]
    fitted(capsys, *words, "--out", tmp_path / "26.yaml", "--groups", "--most", "130")
    log = (tmp_path / "26.fit/constants_halpe_26.jsonl").read_text().splitlines()[1:]
    tried = {json.loads(line)["constants"]["feet_weight"] for line in log}
    assert len(tried) > 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "give --images"),
        (("--jitter", "boxes"), "give --images"),
        (("--jitter", "poses", "--data-set", "coco", "halpe"), "--data-set has 2 values"),
        (("--jitter", "poses", "--layout", "18"), "18"),
        (("--jitter", "poses", "--held", "1"), "held"),
        (("--jitter", "poses", "--copies", "0"), "copies"),
        (("--jitter", "poses", "--set", "suppression.eta=1"), "suppression.eta"),
    ],
)
def test_what_does_not_fit_is_refused(labels, tmp_path, capsys, words, error):
    out = tmp_path / "17.yaml"
    assert error in refused(capsys, "--annotations", labels, "--out", out, *words)
    assert not out.exists()


@pytest.mark.parametrize(
    ("jitter", "kind"),
    [
        ((), "0_coco_detector"),
        (("--jitter", "boxes", "--copies", "2"), "0_coco_boxes"),
        (("--jitter", "poses", "--detect"), "0_coco_detector"),
    ],
)
def test_poses_are_found_in_real_pictures_and_kept(data, tmp_path, capsys, jitter, kind):
    coco = data / "pose_datasets/coco"
    words = ["--annotations", coco / "test_coco.json", "--images", coco / "images"]
    words += ["--layout", "17", "--held", "0.5", "--most", "10", "--out", tmp_path / "17.yaml"]
    words += ["--set", "device=cpu", "--set", "threads=1", "--free", *jitter]
    printed = fitted(capsys, *words)
    kinds = {cell.strip().split(", ")[-1] for cell in printed.split("|") if "people, " in cell}
    expected = {(): {"detector"}, "boxes": {"boxes"}, "--detect": {"poses", "detector"}}
    assert kinds == expected[next((word for word in jitter if word in expected), ())]
    store = tmp_path / "17.fit" / kind / "poses.jsonl"
    found = store.read_text()
    assert len(found.splitlines()) == 3  # and two pictures
    fitted(capsys, *words, "--resume")
    assert store.read_text() == found
