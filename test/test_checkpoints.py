from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alphapose_ros.checkpoints import CheckpointError, load_checkpoint


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


def test_a_file_cannot_run_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.pth").write_bytes(pickle.dumps({"state_dict": Trap()}))
    with pytest.raises(CheckpointError):
        load_checkpoint(network(), tmp_path / "weights.pth")
    assert not (tmp_path / "sprung").exists()
