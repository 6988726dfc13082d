from __future__ import annotations

import sys

import pytest

from alphapose_ros.cli import main
from alphapose_ros.zoo import find_weights

NAME = "fastpose_small_halpe_136"


def test_a_graph_is_written_for_weights_of_ones_own(monkeypatch, tmp_path):
    pytest.importorskip("onnxscript")
    calls = []
    monkeypatch.setattr("alphapose_ros.models.export.export", lambda *given: calls.append(given))
    path = tmp_path / "my.onnx"
    assert main(["models", NAME, "--export", str(path), "--weights", "my.safetensors"]) == 0
    assert calls == [(find_weights(NAME), path, "my.safetensors")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--export", "my.onnx"], f"--export needs the name of a model: {NAME}"),
        ([NAME, "--weights", "my.pth"], "--weights goes with --export FILE"),
        (["nothing", "--export", "my.onnx"], "unknown model 'nothing'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(capsys, arguments, message):
    assert main(["models", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_without_the_exporter_it_is_said_what_to_install(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "alphapose_ros.models.export", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["models", NAME, "--export", "my.onnx"]) == 1
    assert "--export needs onnx: pip install onnx onnxscript" in capsys.readouterr().err
