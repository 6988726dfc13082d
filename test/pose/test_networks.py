from __future__ import annotations

import importlib.util
import json
from pkgutil import resolve_name

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.pose import POSE_NETWORKS, build_pose_network
from alphapose_ros.pose.crop import MEAN_RGB
from alphapose_ros.pose.resnet import DEPTHS, resnet
from alphapose_ros.pose.torch_backend import normalised
from alphapose_ros.zoo import find_weights, weights_path

WIDE = {"head_channels": 256}
OFFICIAL = {  # configuration: network, keypoints, options
    "coco__resnet__256x192_res50_lr1e-3_1x": ("fastpose_res50", 17, {}),
    "coco__resnet__256x192_res50_lr1e-3_1x-concat": ("fastpose_res50", 33, {}),
    "coco__resnet__256x192_res50_lr1e-3_1x-duc": ("fastpose_duc_shuffle50", 17, {}),
    "coco__resnet__256x192_res50_lr1e-3_1x-simple": ("simplepose_res50", 17, {}),
    "coco__resnet__256x192_res50_lr1e-3_2x": ("fastpose_res50", 17, {}),
    "coco__resnet__256x192_res50_lr1e-3_2x-dcn": ("fastpose_res50_dcn", 17, {}),
    "coco__resnet__256x192_res50_lr1e-3_2x-regression": ("fastpose_res50", 17, {}),
    "coco__resnet__256x192_res152_lr1e-3_1x-duc": ("fastpose_duc_se152", 17, {}),
    "coco_wholebody__resnet__256x192_res50_lr1e-3_2x-combined": ("fastpose_res50", 133, WIDE),
    "coco_wholebody__resnet__256x192_res50_lr1e-3_2x-dcn-combined": (
        "fastpose_res50_dcn",
        133,
        WIDE,
    ),
    "coco_wholebody__resnet__256x192_res50_lr1e-3_2x-dcn-regression": (
        "fastpose_res50_dcn",
        133,
        WIDE,
    ),
    "coco_wholebody__resnet__256x192_res50_lr1e-3_2x-regression": ("fastpose_res50", 133, {}),
    "coco_wholebody__resnet__256x192_res152_lr1e-3_1x-duc": ("fastpose_res152", 133, WIDE),
    "dense_coco__resnet50__256x192_adam_lr1e-3-duc-dcn_1x_crop": ("fastpose_duc_dense", 49, {}),
    "halpe_26__resnet__256x192_res50_lr1e-3_1x": ("fastpose_res50", 26, {}),
    "halpe_26__resnet__256x192_res50_lr1e-3_2x": ("fastpose_res50", 26, {}),
    "halpe_26__resnet__256x192_res50_lr1e-3_2x-dcn-regression": ("fastpose_res50_dcn", 26, WIDE),
    "halpe_26__resnet__256x192_res50_lr1e-3_2x-regression": ("fastpose_res50", 26, WIDE),
    "halpe_68_noface__resnet__256x192_res50_lr1e-3_2x-dcn-combined": (
        "fastpose_res50_dcn",
        68,
        WIDE,
    ),
    "halpe_136__resnet__256x192_res50_lr1e-3_2x": ("fastpose_res50", 136, WIDE),
    "halpe_136__resnet__256x192_res50_lr1e-3_2x-dcn-combined": ("fastpose_res50_dcn", 136, WIDE),
    "halpe_136__resnet__256x192_res50_lr1e-3_2x-dcn-regression": ("fastpose_res50_dcn", 136, WIDE),
    "halpe_136__resnet__256x192_res50_lr1e-3_2x-regression": ("fastpose_res50", 136, WIDE),
    "halpe_136__resnet__256x192_res152_lr1e-3_1x-duc": ("fastpose_res152", 136, WIDE),
    "halpe_coco_wholebody_136__resnet__256x192_res50_lr1e-3_2x-dcn-combined": (
        "fastpose_res50_dcn",
        136,
        WIDE,
    ),
    "halpe_coco_wholebody_136__resnet__256x192_res50_lr1e-3_2x-regression": (
        "fastpose_res50",
        136,
        {},
    ),
    "single_hand__resnet__256x192_res50_lr1e-3_2x-dcn-regression": ("fastpose_res50_dcn", 21, WIDE),
}
VECTORS = {  # network, keypoints, options
    "model__fastpose_res50_coco17": ("fastpose_res50", 17, {}),
    "model__fastpose_res50_halpe26": ("fastpose_res50", 26, {}),
    "model__fastpose_res50_c128_multi136": ("fastpose_res50", 136, {}),
    "model__fastpose_res50_c256_halpe136": ("fastpose_res50", 136, WIDE),
    "model__fastpose_res50_dcn_coco17": ("fastpose_res50_dcn", 17, {}),
    "model__fastpose_res50_dcn_c256_halpe136": ("fastpose_res50_dcn", 136, WIDE),
    "model__fastpose_res152_halpe136": ("fastpose_res152", 136, WIDE),
    "model__fastpose_duc_res50_136": ("fastpose_duc_res50", 136, {}),
    "model__fastpose_duc_shuffle50_coco17": ("fastpose_duc_shuffle50", 17, {}),
    "model__fastpose_duc_shuffle50_136": ("fastpose_duc_shuffle50", 136, {}),
    "model__fastpose_duc_seres152_coco17": ("fastpose_duc_se152", 17, {}),
    "model__simplepose_res50_coco17": ("simplepose_res50", 17, {}),
}


def on_meta(name, num_keypoints, options):
    """Return a network that has shapes and no numbers."""
    with torch.device("meta"):
        return resolve_name(POSE_NETWORKS[name])(num_keypoints, **options).eval()


def shapes(network):
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items()}


def seeded(data):
    spec = importlib.util.spec_from_file_location("seeded", data / "reference/seeded.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", POSE_NETWORKS)
@pytest.mark.parametrize(("num_keypoints", "height", "width"), [(26, 256, 192), (136, 128, 96)])
def test_every_network_gives_heatmaps_at_a_quarter(name, num_keypoints, height, width):
    network = on_meta(name, num_keypoints, {})
    heatmaps = network(torch.zeros(2, 3, height, width, device="meta"))
    assert heatmaps.shape == (2, num_keypoints, height // 4, width // 4)


@pytest.mark.parametrize(
    "name", ["fastpose_small", "fastpose_res50_dcn", "fastpose_duc_shuffle50", "simplepose_res50"]
)
def test_a_network_is_built_ready_to_run(name):
    network = build_pose_network(name, "coco_17")
    assert not network.training
    with torch.inference_mode():
        for people in (0, 2):
            assert network(torch.zeros(people, 3, 64, 32)).shape == (people, 17, 16, 8)


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="unknown pose network 'slowpose'; known are fastpose_"):
        build_pose_network("slowpose", "coco_17")


@pytest.mark.parametrize("config", OFFICIAL)
def test_names_and_shapes_are_those_of_the_official_checkpoint(data, config):
    file = data / f"reference/keys/pose__{config}.json"
    assert shapes(on_meta(*OFFICIAL[config])) == json.loads(file.read_text())["keys"]


def test_no_official_configuration_is_left_out(data):
    files = {file.stem for file in (data / "reference/keys").glob("pose__*.json")}
    assert {f"pose__{config}" for config in OFFICIAL} == {
        name for name in files if "hrnet" not in name and "hardnet" not in name
    }


@pytest.mark.parametrize("vectors", VECTORS)
def test_heatmaps_are_those_of_the_reference(data, vectors):
    file = data / f"reference/vectors/{vectors}.npz"
    if not file.is_file():
        pytest.skip(f"needs {file.name}")
    expected = np.load(file)
    network = on_meta(*VECTORS[vectors])
    gain = float(expected["gain"]) if "gain" in expected else 1.0
    state = seeded(data).seeded_state(shapes(network), gain)
    state = {name: torch.as_tensor(value) for name, value in state.items()}
    network.load_state_dict(state, assign=True)
    with torch.inference_mode():
        heatmaps = network(normalised(torch.from_numpy(expected["input_rgb_u8"])))
    np.testing.assert_allclose(heatmaps, expected["heatmaps"], rtol=0, atol=1e-4)


def test_no_vectors_of_ours_are_left_out(data):
    files = {file.stem for file in (data / "reference/vectors").glob("model__*.npz")}
    assert {name for name in files if name.startswith(("model__fast", "model__simple"))} <= {
        *VECTORS
    }


@pytest.mark.parametrize(
    ("name", "num_keypoints", "millions"),
    [
        ("fastpose_res50", 17, 5890),
        ("fastpose_res50", 136, 6310),
        ("fastpose_res152", 17, 13200),
    ],
)
def test_a_crop_takes_as_many_multiplications_as_the_paper_says(name, num_keypoints, millions):
    """Source: paper Table 4, 5.9 and 13.2 "GFLOPs", which are multiplications with addition."""
    with FlopCounterMode(display=False) as counter:
        on_meta(name, num_keypoints, {})(torch.zeros(1, 3, 256, 192, device="meta"))
    digits = 10 if millions < 10_000 else 100
    assert counter.get_total_flops() / 2e6 == pytest.approx(millions, abs=digits / 2)


def test_embedded_weights_still_fit():
    weights = find_weights("fastpose_small_halpe_136")
    network = build_pose_network(weights.network, weights.skeleton)
    load_checkpoint(network, weights_path(weights))
    assert sum(tensor.numel() for tensor in network.state_dict().values()) > 1e6


@pytest.mark.parametrize("depth", DEPTHS)
def test_squeeze_and_excitation_stands_in_the_first_block_of_each_stage(depth):
    with torch.device("meta"):
        squeezing, plain = resnet(depth), resnet(depth, with_se=False)
    gates = {name.rpartition(".se.")[0] for name in shapes(squeezing) if ".se." in name}
    assert gates == {f"layer{number}.0" for number in (1, 2, 3, 4)}
    rest = {name: shape for name, shape in shapes(squeezing).items() if ".se." not in name}
    assert shapes(plain) == rest


@pytest.mark.parametrize("name", ["fastpose_res18", "fastpose_res50_dcn", "fastpose_duc_shuffle50"])
def test_every_weight_learns(name):
    torch.manual_seed(0)
    network = resolve_name(POSE_NETWORKS[name])(17).train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    idle = {
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.any()
    }
    assert not idle


def test_the_mean_is_taken_off_each_colour():
    crop = torch.tensor([[[[255, 0, 51]]]], dtype=torch.uint8)
    expected = np.array([1.0, 0.0, 0.2]) - MEAN_RGB
    np.testing.assert_allclose(normalised(crop)[0, :, 0, 0], expected, atol=1e-6)
