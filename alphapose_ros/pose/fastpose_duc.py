"""FastPose with deeper dense upsampling, after which no pixel shuffle follows."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from alphapose_ros.pose.resnet import DeformableBottleneck, ResNet, ShuffleBottleneck, resnet

# Channels after the pixel shuffle of each step, and after each of its convolutions. The first
# takes the 2048 channels of a ResNet-50 or deeper.
STEPS = ((512, 512, 512, 512, 1024), (256, 256, 512), (128, 256))
BODY = 17  # keypoints that the dense network's first head finds


class FastPoseDuc(nn.Module):
    """Heatmap logits of K keypoints: (B, 3, H, W) -> (B, K, H/4, W/4), H and W multiples of 32.

    Args:
        backbone: (B, 3, H, W) -> (B, 2048, H/32, W/32).
        num_keypoints: K.

    Source: the reference's "421" networks, named for the convolutions of each step; the paper
        has FastPose's shorter ones.
    """

    def __init__(self, backbone: ResNet, num_keypoints: int) -> None:
        super().__init__()
        self.preact = backbone
        self.duc1, self.duc2, self.duc3 = (upsampling_step(*channels) for channels in STEPS)
        self.conv_out = nn.Conv2d(STEPS[-1][-1], num_keypoints, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.duc1(self.preact(x))  # (B, 1024, H/16, W/16)
        return self.conv_out(self.duc3(self.duc2(x)))


class FastPoseDucDense(nn.Module):
    """One backbone and two heads: (B, 3, H, W) -> (B, 17 + D, H/4, W/4), the body's first.

    Args:
        backbone: (B, 3, H, W) -> (B, 2048, H/32, W/32).
        num_dense: D points more than the body's 17 keypoints.
    """

    def __init__(self, backbone: ResNet, num_dense: int) -> None:
        super().__init__()
        self.preact = backbone
        self.duc = nn.Sequential(*(upsampling_step(*channels) for channels in STEPS))
        self.duc_dense = nn.Sequential(*(upsampling_step(*channels) for channels in STEPS))
        self.conv_out = nn.Conv2d(STEPS[-1][-1], BODY, 3, padding=1)
        self.conv_out_dense = nn.Conv2d(STEPS[-1][-1], num_dense, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.preact(x)
        body, dense = self.conv_out(self.duc(x)), self.conv_out_dense(self.duc_dense(x))
        return torch.cat((body, dense), dim=1)


def upsampling_step(in_channels: int, *widths: int) -> nn.Sequential:
    """Return pixel shuffle, then a 3x3 convolution to each of ``widths`` channels.

    (B, 4 * in_channels, H, W) -> (B, widths[-1], 2 H, 2 W).
    """
    layers: list[nn.Module] = [nn.PixelShuffle(2)]
    for before, after in zip((in_channels, *widths), widths, strict=False):
        convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def plain(num_keypoints: int, *, depth: int) -> FastPoseDuc:
    """Return the network on an ordinary ResNet."""
    return FastPoseDuc(resnet(depth, with_se=False), num_keypoints)


def squeezing(num_keypoints: int, *, depth: int) -> FastPoseDuc:
    """Return the network on FastPose's ResNet, with squeeze-and-excitation."""
    return FastPoseDuc(resnet(depth), num_keypoints)


def shuffling(num_keypoints: int, *, depth: int) -> FastPoseDuc:
    """Return the network on a ResNet with squeeze-and-excitation and pixel unshuffle."""
    return FastPoseDuc(resnet(depth, later_block=ShuffleBottleneck), num_keypoints)


fastpose_duc_res50 = partial(plain, depth=50)
fastpose_duc_res101 = partial(plain, depth=101)
fastpose_duc_res152 = partial(plain, depth=152)
fastpose_duc_se50 = partial(squeezing, depth=50)
fastpose_duc_se101 = partial(squeezing, depth=101)
fastpose_duc_se152 = partial(squeezing, depth=152)
fastpose_duc_shuffle50 = partial(shuffling, depth=50)
fastpose_duc_shuffle101 = partial(shuffling, depth=101)
fastpose_duc_shuffle152 = partial(shuffling, depth=152)


def fastpose_duc_dense(num_keypoints: int) -> FastPoseDucDense:
    """Return the network with dense points on a deformable ResNet-50.

    Args:
        num_keypoints: 49 in the official network: 17 of the body and 32 dense ones.

    Raises:
        ValueError: there are no dense ones among them.
    """
    if num_keypoints <= BODY:
        raise ValueError(
            f"fastpose_duc_dense finds points beyond the body's {BODY} keypoints, not "
            f"{num_keypoints} in all; use another fastpose_duc network"
        )
    backbone = resnet(50, later_block=DeformableBottleneck)
    return FastPoseDucDense(backbone, num_keypoints - BODY)
