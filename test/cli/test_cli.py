from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from alphapose_ros.cli import main
from alphapose_ros.config import Config, load_config


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "noise.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (160, 120))
    for seed in range(6):
        image = np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8)
        writer.write(image)
    writer.release()
    return path


@pytest.fixture
def boxes(tmp_path):
    path = tmp_path / "boxes.json"
    box = {"bbox": [20, 10, 40, 90], "score": 0.9}
    path.write_text(json.dumps([{"image_id": index, **box} for index in range(5)]))
    return path


def test_the_settings_it_prints_can_be_loaded(capsys, tmp_path):
    assert main(["config", "--set", "tracker.max_age_s=7"]) == 0
    path = tmp_path / "settings.yaml"
    path.write_text(capsys.readouterr().out)
    assert load_config(path).tracker.max_age_s == 7
    assert load_config(path).detector == Config().detector


def test_a_video_becomes_results_a_film_and_a_sheet(video, boxes, tmp_path):
    out = tmp_path / "deep/out"
    values = ["detector.name=file", f"detector.boxes_file={boxes}", "suppression.min_score=0"]
    settings = [word for value in values for word in ("--set", value)]
    assert main(["run", str(video), "--out", str(out), *settings]) == 0
    people = json.loads((out / "results.json").read_text())
    assert [person["image_id"] for person in people] == [f"{index}.jpg" for index in range(5)]
    for person in people:
        assert person["box"] == [20, 10, 40, 90]
        assert person["idx"] == 1
        assert len(person["keypoints"]) == 3 * 136
        assert 0 < person["score"] <= 3.25
    assert cv2.VideoCapture(str(out / "overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 6
    assert cv2.imread(str(out / "contact_sheet.png")) is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.mp4", "--out", "out"], "nowhere.mp4"),
        (["run", "x.mp4", "--out", "o", "--set", "tracker.speed=1"], "unknown setting"),
        (["run", "x.mp4", "--out", "o", "--set", "device"], "expected name=value"),
        (["config", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["models", "info", "nothing"], "unknown model 'nothing'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_a_code(capsys, arguments, message):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_help_needs_no_torch():
    code = (
        "import sys, alphapose_ros.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: assert not {'torch', 'cv2'} & set(sys.modules), 'loaded'"
    )
    assert "models" in subprocess.check_output([sys.executable, "-c", code], text=True)
