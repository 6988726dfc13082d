from __future__ import annotations

import os
import subprocess
import sys

import torch

from alphapose_ros.training.distributed import first_process_first, is_true_anywhere, rank, shared

SCRIPT = """
import sys
from pathlib import Path

import torch
from torch import nn

from alphapose_ros.training.distributed import first_process_first, is_true_anywhere, leave, rank
from alphapose_ros.training.settings import RunConfig
from alphapose_ros.training.trainer import set_up, train


class Line:
    def __init__(self):
        self.network = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.network.weight)

    def batch(self, step):
        return (torch.full((1, 1, 1, 1), 1.0 + rank() + step),)

    def inputs(self, batch):
        return batch[0]

    def losses(self, outputs, batch):
        return {"output": outputs.mean()}

    def evaluate(self, network):
        return {}

    def sheet(self, network):
        return torch.zeros(2, 2, 3, dtype=torch.uint8).numpy()


folder = Path(sys.argv[1])
run = RunConfig(steps=2, device="cpu", clip_norm=0.0, precision="float32", workers=0)
device = set_up(run)
with first_process_first():
    others = len(list(folder.glob("made_*")))
    (folder / f"made_{rank()}").write_text(str(others))
assert is_true_anywhere(rank() == 1, device)
assert not is_true_anywhere(False, device)
state = train(Line(), run, folder / "run", resume=False, settings={})
gradient = state.network.weight.grad.item()
(folder / f"rank_{rank()}").write_text(f"{gradient} {state.network.weight.item()}")
leave()
"""


def test_two_processes_share_their_gradients(tmp_path, root):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*torchrun, "--nproc_per_node=2", str(script), str(tmp_path)],
        check=True,
        timeout=300,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    first, second = ((tmp_path / f"rank_{number}").read_text() for number in (0, 1))
    assert first == second
    assert float(first.split()[0]) == 2.5  # in step 1, the inputs are 2 and 3
    assert [(tmp_path / f"made_{number}").read_text() for number in (0, 1)] == ["0", "1"]
    assert (tmp_path / "run/last.pt").is_file()


def test_alone_nothing_is_different(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    network = torch.nn.Linear(1, 1)
    assert rank() == 0
    assert shared(network, torch.device("cpu")) is network
    assert is_true_anywhere(True, torch.device("cpu"))
    with first_process_first():
        pass
