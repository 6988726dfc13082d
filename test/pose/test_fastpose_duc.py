from __future__ import annotations

import pytest
import torch
from torch import nn

from alphapose_ros.pose.fastpose_duc import (
    STEPS,
    FastPoseDuc,
    FastPoseDucDense,
    fastpose_duc_dense,
    fastpose_duc_res50,
    fastpose_duc_se50,
    fastpose_duc_shuffle50,
    upsampling_step,
)
from alphapose_ros.pose.resnet import PixelUnshuffle, ResNet, ShuffleBottleneck


class Features(nn.Module):
    """Stands in for a backbone, with random features at 1/32."""

    def forward(self, x):
        generator = torch.Generator().manual_seed(7)
        shape = (len(x), 2048, x.shape[2] // 32, x.shape[3] // 32)
        return torch.rand(shape, generator=generator)


@pytest.mark.parametrize("channels", STEPS)
def test_a_step_doubles_the_size_and_has_the_official_places(channels):
    step = upsampling_step(*channels)
    with torch.inference_mode():
        assert step(torch.zeros(1, 4 * channels[0], 4, 3)).shape == (1, channels[-1], 8, 6)
    convolutions = [i for i, layer in enumerate(step) if isinstance(layer, nn.Conv2d)]
    norms = [i for i, layer in enumerate(step) if isinstance(layer, nn.BatchNorm2d)]
    assert convolutions == list(range(1, 3 * len(channels) - 2, 3))
    assert norms == [i + 1 for i in convolutions]


def test_the_steps_are_of_four_two_and_one_convolutions():
    assert [len(channels) - 1 for channels in STEPS] == [4, 2, 1]


def names(build):
    with torch.device("meta"):
        return set(build(17).state_dict())


def test_backbones_differ_as_their_names_say():
    plain, squeezing, shuffling = map(
        names, (fastpose_duc_res50, fastpose_duc_se50, fastpose_duc_shuffle50)
    )
    assert plain < squeezing
    assert all(".se.fc." in name for name in squeezing - plain)
    assert shuffling - squeezing == {f"preact.layer{i}.0.conv2.1.weight" for i in (2, 3, 4)}
    assert squeezing - shuffling == {f"preact.layer{i}.0.conv2.weight" for i in (2, 3, 4)}


@pytest.mark.parametrize("batch", [0, 3])
def test_pixels_are_unshuffled_as_by_pytorch(batch):
    x = torch.rand(batch, 5, 6, 8)
    expected = nn.PixelUnshuffle(2)(x) if batch else torch.zeros(0, 20, 3, 4)
    assert torch.equal(PixelUnshuffle()(x), expected)


def test_a_shuffling_block_loses_no_pixel():
    """Picks out, by a weight of 1, each of the channels that 2 x 2 pixels become."""
    block = ShuffleBottleneck(8, 2, stride=2, with_se=False)
    x = torch.arange(2 * 4 * 6, dtype=torch.float32).view(1, 2, 4, 6)
    picked = {}
    for channel in range(8):
        weight = torch.zeros(2, 8, 3, 3)
        weight[0, channel, 1, 1] = 1
        block.conv2[1].weight.data = weight
        with torch.inference_mode():
            picked[channel] = block.middle(x)[0, 0]
    for channel, seen in picked.items():
        plane, row, column = channel // 4, channel % 4 // 2, channel % 2
        torch.testing.assert_close(seen, x[0, plane, row::2, column::2])


def test_without_a_stride_shuffling_blocks_are_ordinary():
    assert isinstance(ShuffleBottleneck(64, 16, stride=1, with_se=False).conv2, nn.Conv2d)


def test_the_body_comes_first_and_does_not_depend_on_the_dense_points():
    torch.manual_seed(0)
    dense = FastPoseDucDense(Features(), 32).eval()
    body = FastPoseDuc(Features(), 17).eval()
    for number in range(3):
        getattr(body, f"duc{number + 1}").load_state_dict(dense.duc[number].state_dict())
    body.conv_out.load_state_dict(dense.conv_out.state_dict())
    x = torch.zeros(1, 3, 64, 32)
    with torch.inference_mode():
        heatmaps = dense(x)
        torch.testing.assert_close(heatmaps[:, :17], body(x))
        dense.conv_out_dense.weight.zero_()
        dense.conv_out_dense.bias.fill_(5)
        changed = dense(x)
    assert heatmaps.shape == (1, 49, 16, 8)
    torch.testing.assert_close(changed[:, :17], heatmaps[:, :17])
    assert torch.all(changed[:, 17:] == 5)


def test_a_dense_network_without_dense_points_is_refused():
    with pytest.raises(ValueError, match="beyond the body's 17 keypoints, not 17 in all"):
        fastpose_duc_dense(17)


def test_the_dense_network_is_deformable():
    with torch.device("meta"):
        network = fastpose_duc_dense(49)
    assert isinstance(network.preact, ResNet)
    offsets = [name for name, _ in network.named_modules() if name.endswith("conv2_offset")]
    assert len(offsets) == 4 + 6 + 3
