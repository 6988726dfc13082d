from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from alphapose_ros.checkpoints import CheckpointError, load_checkpoint, load_network
from alphapose_ros.darknet import DarknetError, count_numbers, read_darknet, write_darknet


class Layers(nn.Module):
    """A convolution with batch norm, then one with a bias, named as Darknet's layers are."""

    def __init__(self) -> None:
        super().__init__()
        self.module_list = nn.ModuleList(
            [
                nn.ModuleDict(
                    {"conv_0": nn.Conv2d(2, 3, 1, bias=False), "batch_norm_0": nn.BatchNorm2d(3)}
                ),
                nn.ModuleDict({"conv_1": nn.Conv2d(3, 1, 1)}),
            ]
        )


FIRST, LAST = "module_list.0.", "module_list.1."


def numbers_in_a_file(tmp_path, header: bytes, count: int):
    path = tmp_path / "net.weights"
    path.write_bytes(header + np.arange(count, dtype="<f4").tobytes())
    return path


def header(major: int, minor: int) -> bytes:
    seen = np.array([7], "<i8" if 10 * major + minor >= 2 else "<i4")
    return np.array([major, minor, 0], "<i4").tobytes() + seen.tobytes()


@pytest.mark.parametrize("version", [(0, 1), (0, 2), (1, 0)])
def test_numbers_go_to_bias_weight_mean_variance_and_then_the_filters(tmp_path, version):
    path = numbers_in_a_file(tmp_path, header(*version), 22)
    state = load_checkpoint(Layers(), path).state_dict()
    expected = {
        f"{FIRST}batch_norm_0.bias": [0, 1, 2],
        f"{FIRST}batch_norm_0.weight": [3, 4, 5],
        f"{FIRST}batch_norm_0.running_mean": [6, 7, 8],
        f"{FIRST}batch_norm_0.running_var": [9, 10, 11],
        f"{FIRST}conv_0.weight": [12, 13, 14, 15, 16, 17],
        f"{LAST}conv_1.bias": [18],
        f"{LAST}conv_1.weight": [19, 20, 21],
    }
    for name, values in expected.items():
        assert state[name].flatten().tolist() == values, name
    assert state[f"{FIRST}batch_norm_0.num_batches_tracked"] == 0


def test_what_is_written_is_read_back(tmp_path):
    torch.manual_seed(3)
    module = Layers()
    nn.init.normal_(module.module_list[0]["batch_norm_0"].running_mean)
    path = tmp_path / "net.weights"
    write_darknet(path, module.state_dict(), seen=5)
    assert path.read_bytes()[:20] == header(0, 2)[:12] + np.array([5], "<i8").tobytes()
    assert count_numbers(path) == 22
    again = load_network(Layers, path).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    ("count", "message"), [(21, "21 numbers.* cut short"), (23, "23 numbers.* another network")]
)
def test_a_file_of_another_length_is_an_error_with_its_name(tmp_path, count, message):
    path = numbers_in_a_file(tmp_path, header(0, 2), count)
    with pytest.raises(CheckpointError, match=f"net.weights: holds {message}"):
        load_checkpoint(Layers(), path)


def test_a_part_of_a_number_and_a_part_of_a_header_are_errors(tmp_path):
    path = numbers_in_a_file(tmp_path, header(0, 2), 22)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DarknetError, match=r"holds 21\.5 numbers"):
        read_darknet(path, Layers().state_dict())
    path.write_bytes(b"\0" * 5)
    with pytest.raises(DarknetError, match="too short"):
        count_numbers(path)
