from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alphapose_ros.checkpoints import (
    READS_NUMBERS,
    CheckpointError,
    load_checkpoint,
    load_network,
    read_shapes,
    recognise_file,
)
from alphapose_ros.pose import build_pose_network
from alphapose_ros.zoo import ZOO

ROOT = Path(__file__).resolve().parents[1]


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@pytest.fixture
def state():
    torch.manual_seed(1)
    module = network()
    nn.init.normal_(module[1].running_mean)
    return module.state_dict()


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("suffix", [".pth", ".pth.tar"])
def test_a_state_dict_loads_bare_or_wrapped(tmp_path, state, wrapper, suffix):
    path = tmp_path / f"weights{suffix}"
    torch.save({wrapper: state} if wrapper else state, path)
    loaded = load_checkpoint(network(), path).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_half_precision_fills_a_network_of_full_precision(tmp_path, state):
    path = tmp_path / "weights.safetensors"
    save_file({n: t.half() if t.is_floating_point() else t for n, t in state.items()}, path)
    loaded = load_checkpoint(network(), path).state_dict()
    assert loaded["0.weight"].dtype == torch.float32
    torch.testing.assert_close(loaded["0.weight"], state["0.weight"], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), "1 of 7 keys do not fit Sequential: 0.bias is missing"),
        (lambda s: s.update({"2.bias": torch.zeros(1)}), "2.bias is not in the network"),
        (
            lambda s: s.update({"0.bias": torch.zeros(9)}),
            r"0.bias is \(9,\), expected \(4,\)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path, state, change, message):
    change(state)
    torch.save(state, tmp_path / "weights.pth")
    module = network()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(module, tmp_path / "weights.pth")
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_missing_file_says_where_to_look(tmp_path):
    with pytest.raises(FileNotFoundError, match="alphapose models"):
        load_checkpoint(network(), tmp_path / "nowhere.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file_is_an_error_with_its_name(tmp_path, state, suffix):
    path = tmp_path / f"weights{suffix}"
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="not a readable weights file"):
        load_checkpoint(network(), path)


class Trap:
    """A pickle that runs code when it is opened."""

    def __reduce__(self):
        return eval, ("open('sprung', 'w').close()",)


@pytest.mark.parametrize("form", ["pickle", "archive", "legacy"])
@pytest.mark.parametrize("read", [lambda path: load_checkpoint(network(), path), read_shapes])
def test_a_file_that_wants_to_run_code_is_refused(tmp_path, monkeypatch, form, read):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    content = {"state_dict": {"0.weight": torch.zeros(1), "more": Trap()}}
    if form == "pickle":
        path.write_bytes(pickle.dumps({"state_dict": Trap()}, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "archive")
    with pytest.raises(
        CheckpointError, match=r"weights.pth: refused, as it wants to run code.*eval"
    ):
        read(path)
    assert not (tmp_path / "sprung").exists()


def test_names_of_a_network_spread_over_devices_lose_their_prefix(tmp_path, state):
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "w.pth")
    loaded = load_checkpoint(network(), tmp_path / "w.pth").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_an_empty_network_takes_over_what_is_read(tmp_path, state, suffix, dtype):
    path = tmp_path / f"weights{suffix}"
    state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in state.items()}
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    with torch.device("meta"):
        empty = network()
    loaded = load_checkpoint(empty, path)
    assert loaded is empty
    assert loaded[0].weight.requires_grad
    for name, tensor in loaded.state_dict().items():
        assert tensor.device.type == "cpu"
        torch.testing.assert_close(tensor, state[name].to(tensor.dtype), atol=0, rtol=0)
    assert loaded[0].weight.dtype == torch.float32
    path.write_bytes(b"")  # whoever replaces the file does not reach into the network
    assert torch.equal(loaded[0].weight, state["0.weight"].float())
    assert not load_network(network, written_again(path, state)).training


def written_again(path, state):
    torch.save(state, path.with_suffix(".pth"))
    return path.with_suffix(".pth")


def test_weights_are_there_once_while_they_load(tmp_path):
    path = tmp_path / "large.pth"
    torch.save({"weight": torch.zeros(2**24), "bias": torch.zeros(1)}, path)  # 64 MiB
    build = "nn.ParameterDict(dict(weight=torch.zeros(2**24), bias=torch.zeros(1)))"
    script = f"""
import torch
from torch import nn
from alphapose_ros.checkpoints import load_network
def peak():
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
before = peak()
network = load_network(lambda: {build}, {str(path)!r})
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert 60 < float(done.stdout) < 110  # MiB; twice would be 120


def test_shapes_are_read_from_every_form(tmp_path, state):
    torch.save({"model": state, "epoch": 3}, tmp_path / "w.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "w.safetensors")
    expected = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in ("w.pth", "old.pth", "w.safetensors"):
        assert read_shapes(tmp_path / name) == expected, name
    with pytest.raises(CheckpointError, match="no names"):
        (tmp_path / "w.weights").write_bytes(b"1234")
        read_shapes(tmp_path / "w.weights")


def test_a_file_of_another_network_is_told_to_be_that(tmp_path):
    torch.save(build_pose_network("fastpose_res50", "halpe_26").state_dict(), tmp_path / "w.pth")
    with torch.device("meta"):
        wrong = build_pose_network("fastpose_res50_dcn", "halpe_136", head_channels=256)
    with pytest.raises(CheckpointError, match="keys do not fit FastPose") as caught:
        load_checkpoint(wrong, tmp_path / "w.pth")
    message = str(caught.value).replace(str(tmp_path), "")
    assert "duc2.conv.weight is (512, 256, 3, 3), expected (1024, 256, 3, 3)" in message
    (entry,) = (e.name for e in ZOO.values() if e.file == "halpe26_fast_res50_256x192.pth")
    assert f"is that of fastpose_res50, 26 keypoints, as of {entry}" in message
    assert len(message) < 500


@pytest.mark.parametrize("read", [lambda path: load_checkpoint(network(), path), read_shapes])
def test_what_is_no_weights_file_at_all_is_refused_without_advice_to_trust_it(tmp_path, read):
    path = tmp_path / "weights.pth"
    path.write_text("<html>not found</html>")
    with pytest.raises(CheckpointError, match="not a readable weights file") as caught:
        read(path)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("odd", [{}, {1: torch.zeros(1)}, {"a": 3}, [torch.zeros(1)]])
def test_what_holds_no_tensors_by_name_is_refused(tmp_path, odd):
    torch.save(odd, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w\.pth: holds no state dict of tensors"):
        recognise_file(tmp_path / "w.pth")


def test_a_part_of_a_known_network_is_told_from_it(tmp_path):
    for number, part in enumerate(({"duc1.conv.weight": 1}, {"conv_out.2.weight": ()})):
        path = tmp_path / f"{number}.pth"
        torch.save({name: torch.zeros(shape) for name, shape in part.items()}, path)
        with pytest.raises(CheckpointError, match=r"pth: has .*, but not all of that network"):
            recognise_file(path)


def test_numbers_that_trainers_note_beside_the_weights_do_no_harm(tmp_path, state):
    notes = {"state_dict": state, "epoch": 3, "rank1": np.float64(0.8), "map": np.float32(0.5)}
    torch.save(notes, tmp_path / "w.pth.tar")
    if not READS_NUMBERS:
        with pytest.raises(CheckpointError, match=r"refused.*PyTorch 2\.6 reads NumPy's numbers"):
            load_checkpoint(network(), tmp_path / "w.pth.tar")
        return
    loaded = load_checkpoint(network(), tmp_path / "w.pth.tar").state_dict()
    assert torch.equal(loaded["0.weight"], state["0.weight"])
