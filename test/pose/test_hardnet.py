from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from alphapose_ros.pose.hardnet import (
    HarDBlock,
    hardnet_68,
    hardnet_85,
    links,
    resized,
    width,
    with_statistics,
)

BUILDERS = {68: hardnet_68, 85: hardnet_85}


def on_meta(build, num_keypoints=17):
    with torch.device("meta"):
        return build(num_keypoints).eval()


@pytest.mark.parametrize("depth", BUILDERS)
def test_names_and_shapes_are_those_of_the_official_checkpoint(data, depth):
    file = data / f"reference/keys/pose__coco__hardnet__256x192_hard{depth}_lr1e-3_1x.json"
    state = on_meta(BUILDERS[depth]).state_dict()
    ours = {name: list(tensor.shape) for name, tensor in state.items()}
    assert ours == json.loads(file.read_text())["keys"]


@pytest.mark.parametrize("size", [(256, 192), (256, 256), (384, 288), (100, 76)])
@pytest.mark.parametrize("build", BUILDERS.values())
def test_heatmaps_are_a_quarter_of_the_input(build, size):
    heatmaps = on_meta(build, 26)(torch.zeros(2, 3, *size, device="meta"))
    assert heatmaps.shape == (2, 26, size[0] // 4, size[1] // 4)


def test_no_people_give_no_heatmaps():
    with torch.inference_mode():
        assert hardnet_68(17).eval()(torch.zeros(0, 3, 64, 32)).shape == (0, 17, 16, 8)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, [0]),
        (2, [1, 0]),
        (3, [2]),
        (4, [3, 2, 0]),
        (6, [5, 4]),
        (8, [7, 6, 4, 0]),
        (12, [11, 10, 8]),
        (16, [15, 14, 12, 8, 0]),
    ],
)
def test_a_layer_reads_those_at_the_powers_of_two_that_divide_its_number(number, expected):
    assert links(number) == expected


@pytest.mark.parametrize(
    ("growth", "count", "expected"),
    [
        (14, 1, 14),
        (14, 2, 24),  # 23.8
        (14, 3, 40),  # 40.46
        (14, 4, 68),  # 68.78: 69 is odd
        (40, 2, 68),
        (40, 5, 334),  # 334.08
    ],
)
def test_layers_with_more_links_are_wider(growth, count, expected):
    assert width(growth, count) == expected


def test_a_block_computes_what_a_hand_computes():
    block = HarDBlock(in_channels=1, growth=2, layers=4).eval()
    for layer in block.layers:
        nn.init.zeros_(layer.conv.weight)
        layer.conv.weight.data[:, :, 1, 1] = 1  # the sum of all channels that go in
        layer.norm.eps = 0
    with torch.inference_mode():
        y = block(torch.ones(1, 1, 3, 3))
    # Layer 1: 1 in 2 channels; 2: 2 * 1 + 1 = 3 in 4; 3: 4 * 3 = 12 in 2; 4 reads 3, 2 and 0:
    # 2 * 12 + 4 * 3 + 1 = 37 in 6. Layer 2 does not come out.
    assert y[0, :, 1, 1].tolist() == [1] * 2 + [12] * 2 + [37] * 6
    assert block.out_channels == 10


def test_statistics_are_the_mean_of_9_x_9_pixels_and_the_share_of_the_sum():
    x = torch.zeros(1, 2, 17, 17)
    x[0, 0, 8, 8] = 81.0
    x[0, 1] = 1.0
    same, other, mean, ones_mean, share, ones_share = with_statistics(x)[0]
    assert torch.equal(same, x[0, 0])
    assert torch.equal(other, x[0, 1])
    window = torch.zeros(17, 17)
    window[4:13, 4:13] = 1.0
    torch.testing.assert_close(mean, window)
    assert ones_mean[0, 0].item() == pytest.approx(25 / 81)  # pixels outside are zeros
    assert share[8, 8].item() == pytest.approx(81 / 81.1)
    assert ones_share[3, 3].item() == pytest.approx(1 / 289.1)


def test_resizing_puts_corners_on_corners():
    x = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    larger = resized(x, torch.zeros(1, 1, 3, 5))
    assert larger[0, 0].tolist() == [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [8, 9, 10, 11, 12]]


@pytest.mark.parametrize("build", BUILDERS.values())
def test_the_way_down_takes_means_and_rounds_its_second_halving_up(build):
    network = build(17).eval()
    x = torch.zeros(1, 1, 6, 6)
    x[0, 0, 3, 3] = 9.0
    expected = [[0, 0, 0], [0, 1, 1], [0, 1, 1]]  # windows of 3 x 3 around every second pixel
    assert network.base[2](x)[0, 0].tolist() == expected
    assert network.base[5](torch.zeros(1, 1, 25, 19)).shape == (1, 1, 13, 10)
    assert network.base[10](torch.zeros(1, 1, 13, 10)).shape == (1, 1, 6, 5)


def inputs_of(module, run):
    """Return the tensor that goes into ``module`` while ``run`` does."""
    seen = []
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.inference_mode():
        run()
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("build", BUILDERS.values())
def test_channels_put_aside_come_out_first_those_of_the_finer_resolution_before(build):
    network = build(17).eval()
    for value, mix in enumerate(network.conv1x1_up[:2], start=1):
        nn.init.zeros_(mix.norm.weight)
        nn.init.zeros_(mix.norm.bias)
        mix.norm.bias.data[-32:] = value  # what is put aside at 1/16 is 1, at 1/8 it is 2
    joined = inputs_of(network.conv_out, lambda: network(torch.zeros(1, 3, 64, 64)))
    torch.testing.assert_close(joined[0, :32], torch.full((32, 16, 16), 2.0))
    torch.testing.assert_close(joined[0, 32:64], torch.full((32, 16, 16), 1.0))


@pytest.mark.parametrize(
    ("build", "last", "sees_finest"), [(hardnet_68, 11, False), (hardnet_85, 13, True)]
)
def test_the_way_up_sees_the_way_down_at_each_resolution(build, last, sees_finest):
    network = build(17).eval()
    ways_down = {}
    for number in (3, 8, last):
        network.base[number].register_forward_hook(
            lambda _, args, output, number=number: ways_down.update({number: output})
        )
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for mix, number in zip(network.conv1x1_up, (last, 8, 3), strict=True):
        joined = inputs_of(mix, lambda: network(x))
        down = ways_down[number]
        tail = joined[:, -down.shape[1] :]
        assert torch.equal(tail, down) == (number != 3 or sees_finest)


@pytest.mark.parametrize(("num_keypoints", "channels"), [(17, 128), (32, 128), (136, 544)])
def test_the_head_has_at_least_four_channels_for_a_keypoint(num_keypoints, channels):
    for build in BUILDERS.values():
        assert on_meta(build, num_keypoints).conv_out[0].out_channels == channels


def test_the_head_has_one_bend_and_no_bound():
    head = hardnet_68(1).conv_out
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    head[0].bias.data[:3] = torch.tensor([100.0, -1000.0, 20.0])
    head[2].weight.data[:, :3] = -1
    with torch.inference_mode():
        assert head(torch.zeros(1, 162, 1, 1)).item() == -120
