from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import torch

from alphapose_ros.pose import POSE_NETWORKS, build_pose_network
from alphapose_ros.pose.crop import MEAN_RGB
from alphapose_ros.pose.torch_backend import normalised


@pytest.mark.parametrize("name", POSE_NETWORKS)
@pytest.mark.parametrize("skeleton", ["coco_17", "halpe_136"])
def test_every_network_gives_heatmaps_at_a_quarter(name, skeleton):
    network = build_pose_network(name, skeleton)
    count = {"coco_17": 17, "halpe_136": 136}[skeleton]
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 128, 96)).shape == (2, count, 32, 24)
    assert not network.training


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="unknown pose network 'slowpose'; known are fastpose_"):
        build_pose_network("slowpose", "coco_17")


def seeded(data):
    spec = importlib.util.spec_from_file_location("seeded", data / "reference/seeded.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("vectors", "skeleton", "channels"),
    [
        ("model__fastpose_res50_halpe26", "halpe_26", 128),
        ("model__fastpose_res50_c256_halpe136", "halpe_136", 256),
    ],
)
def test_fastpose50_computes_what_the_reference_computes(data, vectors, skeleton, channels):
    expected = np.load(data / f"reference/vectors/{vectors}.npz")
    network = build_pose_network("fastpose_res50", skeleton, head_channels=channels)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    gain = float(expected["gain"]) if "gain" in expected else 1.0
    state = seeded(data).seeded_state(shapes, gain)
    network.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    with torch.inference_mode():
        heatmaps = network(normalised(torch.from_numpy(expected["input_rgb_u8"])))
    np.testing.assert_allclose(heatmaps, expected["heatmaps"], atol=1e-4)


def test_fastpose50_has_the_names_and_shapes_of_the_official_checkpoint(data):
    files = [f for f in (data / "reference/keys").glob("*.json") if "halpe_26" in f.name]
    shapes = build_pose_network("fastpose_res50", "halpe_26").state_dict()
    ours = {name: list(tensor.shape) for name, tensor in shapes.items()}
    official = [json.loads(file.read_text())["keys"] for file in files]
    assert ours in official


def test_the_mean_is_taken_off_each_colour():
    crop = torch.tensor([[[[255, 0, 51]]]], dtype=torch.uint8)
    expected = np.array([1.0, 0.0, 0.2]) - MEAN_RGB
    np.testing.assert_allclose(normalised(crop)[0, :, 0, 0], expected, atol=1e-6)
