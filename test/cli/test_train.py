from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from alphapose_ros.cli import main
from alphapose_ros.files import share


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data/people"
    folder.mkdir(parents=True)
    rng, shape = np.random.default_rng(0), (60, 136)
    np.save(folder / "crops.npy", rng.integers(0, 255, (60, 64, 48, 3), np.uint8))
    np.savez(
        folder / "labels.npz",
        keypoints=rng.uniform(15, 33, (*shape, 2)).astype(np.float32),
        weights=np.ones(shape, np.float32),
        absent=np.zeros(shape, np.float32),
        is_visible=np.full(shape, 2, np.uint8),
        groups=np.arange(60),
    )
    about = {"kind": "crops", "skeleton": "halpe_136", "scale": 1.75, "source": "", "count": 60}
    (folder / "pack.json").write_text(json.dumps(about))
    return folder.parent


@pytest.fixture
def file(tmp_path):
    settings = {
        "task": "pose",
        "run": {"steps": 3, "device": "cpu", "log_steps": 1},
        "pose": {"sizes": [[64, 32]], "batch_sizes": [2]},
        "data": [{"folder": "people"}],
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_training_file_becomes_weights_and_goes_on_where_it_stopped(file, data, tmp_path, capsys):
    out = tmp_path / "run"
    command = ["train", str(file), "--data", str(data), "--out", str(out)]
    assert main([*command, "--set", "run.stop_after_minutes=0.00001"]) == 0
    assert "1 of 3 steps" in capsys.readouterr().out
    assert main(command) == 1
    assert "--resume" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert "3 of 3 steps" in capsys.readouterr().out
    assert (out / "log.csv").read_text().count("\n") == 4
    assert (out / "ema.safetensors").stat().st_size > 10_000_000
    assert (out / "sheets/00000003.jpg").is_file()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("task=poses", "task: 'poses' is none of pose, detection"),
        ("run.step=1", "run: unknown setting 'step'"),
        ("loss.gradient=other", "loss: gradient: 'other' is none of"),
        ("data.0.folder=animals", "animals does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file, data, capsys, setting, message):
    assert main(["train", str(file), "--data", str(data), "--set", setting]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_the_files_that_come_along_have_no_wrong_setting(data, capsys):
    for path in sorted(share("config/training").glob("*.yaml")):
        assert main(["train", str(path), "--data", str(data)]) == 1
        assert (
            "does not exist" in capsys.readouterr().err
        )  # the data are not here, all else is read
