from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import torch

from alphapose_ros.pose.hrnet import HighResolutionModule, hrnet_w32, hrnet_w48

MEAN_RGB = np.array([0.406, 0.457, 0.480], dtype=np.float32)  # of the vectors' input


def on_meta(build, num_keypoints=17):
    with torch.device("meta"):
        return build(num_keypoints).eval()


def shapes(network):
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items()}


def test_w32_has_the_names_and_shapes_of_the_official_checkpoint(data):
    file = data / "reference/keys/pose__coco__hrnet__256x192_w32_lr1e-3.json"
    assert shapes(on_meta(hrnet_w32)) == json.loads(file.read_text())["keys"]


def test_w48_is_w32_with_half_as_many_channels_again_in_its_branches():
    w32, w48 = shapes(on_meta(hrnet_w32)), shapes(on_meta(hrnet_w48))
    assert w32.keys() == w48.keys()
    for name in w32:
        if name.startswith(("conv", "bn", "layer1.")):
            assert w48[name] == w32[name]
    for branch, channels in enumerate((48, 96, 192, 384)):
        name = f"stage4.2.branches.{branch}.3.conv2.weight"
        assert w48[name] == [channels, channels, 3, 3]
    assert w48["final_layer.weight"] == [17, 48, 1, 1]


@pytest.mark.parametrize(("build", "millions"), [(hrnet_w32, 28.5), (hrnet_w48, 63.6)])
def test_there_are_as_many_parameters_as_table_1_of_its_paper_says(build, millions):
    count = sum(parameter.numel() for parameter in on_meta(build).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize("size", [(256, 192), (256, 256), (384, 288)])
@pytest.mark.parametrize("build", [hrnet_w32, hrnet_w48])
def test_heatmaps_are_a_quarter_of_the_input(build, size):
    heatmaps = on_meta(build, 26)(torch.zeros(2, 3, *size, device="meta"))
    assert heatmaps.shape == (2, 26, size[0] // 4, size[1] // 4)


def test_no_people_give_no_heatmaps():
    with torch.inference_mode():
        assert hrnet_w32(17).eval()(torch.zeros(0, 3, 64, 32)).shape == (0, 17, 16, 8)


def test_branches_exchange_sums():
    module = HighResolutionModule((2, 4, 8), outputs=3).eval()
    for name, parameter in module.named_parameters():
        torch.nn.init.constant_(parameter, 0 if name.startswith("branches") else 1)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.bias.data.zero_()
            layer.eps = 0
    finest = torch.full((1, 2, 8, 8), 1.0)
    middle = torch.full((1, 4, 4, 4), 10.0)
    coarsest = torch.full((1, 8, 2, 2), 100.0)
    with torch.inference_mode():
        first, second, third = module([finest, middle, coarsest])
    # The last pixel of a branch is away from the border's zeros: nine taps of every channel.
    assert first[0, :, -1, -1].tolist() == [1 + 4 * 10 + 8 * 100] * 2
    assert second[0, :, -1, -1].tolist() == [9 * 2 * 1 + 10 + 8 * 100] * 4
    assert third[0, :, -1, -1].tolist() == [9 * 2 * (9 * 2 * 1) + 9 * 4 * 10 + 100] * 8


def test_w32_computes_what_the_reference_computes(data):
    spec = importlib.util.spec_from_file_location("seeded", data / "reference/seeded.py")
    seeded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seeded)
    expected = np.load(data / "reference/vectors/model__hrnet_w32_coco17.npz")
    network = hrnet_w32(17).eval()
    state = seeded.seeded_state(shapes(network), float(expected["gain"]))
    network.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    picture = expected["input_rgb_u8"].astype(np.float32) / 255 - MEAN_RGB
    with torch.inference_mode():
        heatmaps = network(torch.from_numpy(picture).permute(0, 3, 1, 2))
    np.testing.assert_allclose(heatmaps, expected["heatmaps"], atol=1e-4)
