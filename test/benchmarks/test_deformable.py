import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import deformable as benchmark

from alphapose_ros.pose import deformable


def run(tmp_path, *arguments):
    file = tmp_path / "out/times.json"
    benchmark.main(["--people", "1", "--rounds", "1", "--json", str(file), *arguments])
    return json.loads(file.read_text())


def test_without_torchvision_its_columns_are_empty(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(deformable, "torchvision_operator", lambda: None)
    (row,) = run(tmp_path, "--layers", "layer4")
    assert row["convolution_ms"] > 0
    assert row["ours_ms"] > 0
    assert "torchvision_ms" not in row
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1].endswith("| - | - |")
    assert "not installed" in printed.err


@pytest.mark.parametrize("layer", ["layer4", benchmark.NETWORK])
def test_another_operator_is_run_on_the_same_numbers(tmp_path, monkeypatch, layer):
    ours, calls = deformable.sampled_conv2d, []

    def one_more(x, offset, weight, mask=None, **how):
        calls.append(how)
        return ours(x, offset, weight, mask, **how) + 1

    monkeypatch.setattr(deformable, "torchvision_operator", lambda: one_more)
    (row,) = run(tmp_path, "--layers", layer)
    assert calls
    assert row["torchvision_ms"] > 0
    assert row["difference"] > 0


def test_layers_have_the_sizes_of_the_network():
    inputs = {}

    def note(name):
        def hook(layer, arguments):
            inputs[name] = arguments[0].shape

        return hook

    with torch.device("meta"):
        network = benchmark.fastpose_res50_dcn(136, 256).eval()
        for name, layer in network.named_modules():
            if name.endswith(".conv2") and "layer1" not in name:
                layer.register_forward_pre_hook(note(name))
        network(torch.zeros(1, 3, 256, 192))
    found = {(*shape[1:], 2 if name.endswith(".0.conv2") else 1) for name, shape in inputs.items()}
    assert found == set(benchmark.LAYERS.values())
