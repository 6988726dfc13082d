from __future__ import annotations

import csv
import os
import signal
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from alphapose_ros.checkpoints import CheckpointError, load_checkpoint
from alphapose_ros.training.settings import RunConfig
from alphapose_ros.training.trainer import (
    average_decay,
    learning_rate,
    start,
    train,
    update_average,
)

CPU = {"device": "cpu", "threads": 1, "workers": 0, "warmup_steps": 5, "log_steps": 2}


def network():
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3))


@dataclass
class Blur:
    """Learn to tell the mean of two channels in the middle of a patch."""

    network: nn.Module
    at: dict[int, Any] = field(default_factory=dict)  # what happens while a step's batch is made
    evaluated: list[int] = field(default_factory=list)

    def batch(self, step):
        self.at.get(step, lambda: None)()
        rng = np.random.default_rng([7, step])
        return (torch.from_numpy(rng.normal(size=(8, 2, 5, 5)).astype(np.float32)),)

    def inputs(self, batch):
        return batch[0]

    def losses(self, outputs, batch):
        wanted = batch[0][:, :, 2:3, 2:3].mean(dim=1, keepdim=True)
        return {"difference": (outputs.float() - wanted).square().mean()}

    def evaluate(self, network):
        assert not network.training
        self.evaluated.append(1)
        return {"zero": 0.0}

    def sheet(self, network):
        return np.full((8, 6, 3), 200, np.uint8)


def fresh(**options):
    torch.manual_seed(5)
    return Blur(network(), **options)


def run(folder, task=None, resume=False, **settings):
    config = RunConfig(**{**CPU, "steps": 12, **settings})
    return train(task or fresh(), config, folder, resume=resume, settings={"run": settings})


def rows(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def assert_same(state, other):
    for name in ("network", "average"):
        pairs = zip(
            getattr(state, name).state_dict().items(),
            getattr(other, name).state_dict().values(),
            strict=True,
        )
        for (key, mine), theirs in pairs:
            assert torch.equal(mine, theirs), f"{name}.{key} differs"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", ["adamw", "adam"])
def test_a_run_that_is_killed_and_resumed_ends_with_the_same_weights(
    tmp_path, precision, optimizer
):
    settings = {"precision": precision, "optimizer": optimizer}
    straight = run(tmp_path / "straight", **settings)
    killer = fresh(at={6: lambda: os.kill(os.getpid(), signal.SIGTERM)})
    killed = run(tmp_path / "killed", killer, **settings)
    assert killed.step == 7
    resumed = run(tmp_path / "killed", resume=True, **settings)
    assert resumed.step == 12
    assert_same(straight, resumed)


def test_steps_after_the_last_checkpoint_are_done_again_to_the_bit(tmp_path):
    straight = run(tmp_path / "straight")

    def crash():
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "cut", fresh(at={9: crash}), checkpoint_minutes=0.0)
    # The checkpoint is of step 9, the log has rows up to 8; pretend that it went further.
    with (tmp_path / "cut/log.csv").open("a") as log:
        log.write("10,1,1,1\n")
    resumed = run(tmp_path / "cut", resume=True, checkpoint_minutes=0.0)
    assert_same(straight, resumed)
    assert [row["step"] for row in rows(tmp_path / "cut/log.csv")] == [
        "2",
        "4",
        "6",
        "8",
        "10",
        "12",
    ]


def test_worker_processes_make_the_same_batches(tmp_path):
    assert_same(run(tmp_path / "none"), run(tmp_path / "two", workers=2))


def test_the_loss_falls_and_is_written_down(tmp_path):
    state = run(tmp_path, steps=300, learning_rate=0.01, log_steps=50, ema_decay=0.9)
    log = rows(tmp_path / "log.csv")
    assert [int(row["step"]) for row in log] == [50, 100, 150, 200, 250, 300]
    assert float(log[-1]["difference"]) < 0.5 * float(log[0]["difference"])
    assert float(log[-1]["learning_rate"]) < 1e-5
    assert state.step == 300


def test_weights_for_use_are_the_average(tmp_path):
    state = run(tmp_path)
    weights = load_file(tmp_path / "ema.safetensors")
    for name, value in state.average.state_dict().items():
        assert torch.equal(weights[name], value)
    assert not torch.equal(weights["0.weight"], state.network[0].weight)
    load_checkpoint(network(), tmp_path / "ema.safetensors")


def test_evaluations_leave_figures_and_sheets(tmp_path):
    task = fresh()
    run(tmp_path, task, evaluate_steps=5)
    assert len(task.evaluated) == 3  # 5, 10 and the last
    assert rows(tmp_path / "metrics.csv")[1] == {"step": "10", "name": "zero", "value": "0"}
    names = sorted(path.name for path in (tmp_path / "sheets").iterdir())
    assert names == ["00000005.jpg", "00000010.jpg", "00000012.jpg"]
    assert cv2.imread(str(tmp_path / "sheets" / names[0])).shape == (8, 6, 3)


def test_time_over_means_stopped_in_good_order(tmp_path):
    state = run(tmp_path, steps=10_000, stop_after_minutes=0.001)
    assert 0 < state.step < 10_000
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == state.step


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    run(tmp_path, steps=2)
    with pytest.raises(FileExistsError, match="--resume"):
        run(tmp_path, steps=2)


def test_a_run_of_another_network_is_refused(tmp_path):
    run(tmp_path, steps=2)
    with pytest.raises(CheckpointError, match="another network"):
        run(tmp_path, Blur(nn.Conv2d(2, 1, 5)), resume=True)


def test_a_damaged_run_is_named(tmp_path):
    run(tmp_path, steps=2)
    path = tmp_path / "last.pt"
    for content in (path.read_bytes()[:500], b""):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"last\.pt: not a readable checkpoint"):
            run(tmp_path, resume=True)
    torch.save({"step": 3}, path)
    with pytest.raises(CheckpointError, match="another network"):
        run(tmp_path, resume=True)


def test_a_run_that_is_over_stays_as_it_is(tmp_path):
    first = run(tmp_path, steps=4)
    assert_same(first, run(tmp_path, steps=4, resume=True))
    assert run(tmp_path, steps=3, resume=True).step == 4


def test_half_precision_is_for_gpus(tmp_path):
    with pytest.raises(ValueError, match=r"run\.precision: float16 needs a GPU"):
        run(tmp_path, precision="float16")


def test_other_settings_on_resume_are_said(tmp_path, caplog):
    run(tmp_path, steps=2)
    run(tmp_path, steps=4, resume=True)
    assert "other settings of: run" in caplog.text


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    task = fresh()
    task.losses = lambda outputs, batch: {"bad": outputs.mean() * (0.0 if task.fine else np.nan)}
    task.fine, task.at = True, {6: lambda: setattr(task, "fine", False)}
    with pytest.raises(ValueError, match=r"loss 'bad' is nan at step 7: lower run\.learning_rate"):
        run(tmp_path, task, checkpoint_minutes=0.0)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 6


def test_tensorboard_is_asked_for_when_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("alphapose_ros.training.logs.SummaryWriter", None)
    with pytest.raises(ValueError, match="pip install tensorboard"):
        run(tmp_path, tensorboard=True)


def test_the_rate_rises_holds_and_falls():
    config = RunConfig(steps=1000, learning_rate=1.0, warmup_steps=100, hold=0.2)
    rates = [learning_rate(config, step) for step in range(1000)]
    assert rates[0] == 0.01
    assert rates[49] == 0.5
    assert set(rates[99:201]) == {1.0}
    assert rates[600] == pytest.approx(0.5)  # half of the way from 200 to 1000
    assert rates[-1] < 1e-5
    assert (np.diff(rates[200:]) <= 0).all()


def test_the_other_schedules():
    config = RunConfig(steps=100, learning_rate=1.0, warmup_steps=0, schedule="step")
    rates = [learning_rate(config, step) for step in (0, 69, 70, 89, 90, 99)]
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1, 0.01, 0.01])
    config = RunConfig(steps=100, learning_rate=0.3, warmup_steps=2, schedule="constant")
    np.testing.assert_allclose(
        [learning_rate(config, step) for step in (0, 1, 99)], [0.15, 0.3, 0.3]
    )


def test_the_average_follows_fast_at_first_and_slowly_later():
    config = RunConfig(ema_decay=0.99)
    assert average_decay(config, 1) == pytest.approx(1 / 31)
    assert average_decay(config, 10_000) == 0.99
    mean, new = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(mean.weight, 1.0)
    nn.init.constant_(new.weight, 2.0)
    update_average(mean, new, 0.75)
    assert mean.weight.item() == 1.25


def test_decay_is_for_matrices_only():
    state = start(network(), RunConfig(weight_decay=0.3), torch.device("cpu"), {})
    matrices, vectors = state.optimizer.param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.3, 0.0)
    assert [tuple(p.shape) for p in matrices["params"]] == [(4, 2, 3, 3), (1, 4, 3, 3)]
    assert len(vectors["params"]) == 4  # two biases, scale and shift of the norm


def test_a_long_gradient_is_shortened(tmp_path):
    task = fresh()
    plain = task.losses
    task.losses = lambda outputs, batch: {"huge": 1e6 * plain(outputs, batch)["difference"]}
    state = run(tmp_path, task, steps=1, clip_norm=0.5)
    squares = sum(p.grad.square().sum().item() for p in state.network.parameters())
    assert np.sqrt(squares) == pytest.approx(0.5, rel=1e-4)
