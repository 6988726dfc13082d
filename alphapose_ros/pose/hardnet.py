"""HarDNet: dense blocks whose layers read only a few of those before them, down and up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDENING = 1.7  # of a layer, for every link after its first
OUT_CHANNELS = 128  # of the convolution before the last, at least
MEAN_SIZE = 9  # pixels


@dataclass(frozen=True)
class Down:
    """A block on the way down and the channels that it is brought to afterwards."""

    growth: int
    layers: int
    channels: int


@dataclass(frozen=True)
class Up:
    """A block on the way up and what goes into it."""

    growth: int
    layers: int
    channels: int  # before their statistics are added
    aside: int  # further channels, which pass by all blocks to the output
    sees_down: bool  # whether the features of the way down at this resolution go in too


@dataclass(frozen=True)
class Layout:
    """Sizes of a HarDNet for poses."""

    stem: tuple[int, int]  # channels of its two convolutions
    down: tuple[tuple[Down, ...], ...]  # blocks at 1/4, 1/8, 1/16 of the image
    deepest: tuple[int, int]  # the block at 1/32: growth, layers
    up: tuple[Up, ...]  # one block each at 1/16, 1/8, 1/4


HARDNET_68 = Layout(
    stem=(32, 64),
    down=((Down(14, 8, 128),), (Down(16, 16, 256), Down(20, 16, 320)), (Down(40, 16, 192),)),
    deepest=(72, 8),
    up=(Up(48, 8, 224, 32, True), Up(32, 8, 96, 32, True), Up(20, 4, 64, 0, False)),
)
HARDNET_85 = Layout(
    stem=(48, 96),
    down=(
        (Down(24, 8, 192),),
        (Down(24, 16, 256), Down(28, 16, 320)),
        (Down(36, 16, 480), Down(48, 16, 256)),
    ),
    deepest=(80, 8),
    up=(Up(64, 8, 224, 32, True), Up(48, 8, 160, 32, True), Up(28, 4, 96, 0, True)),
)


class ConvLayer(nn.Sequential):
    """Convolution, normalisation, ReLU: (B, in_channels, H, W) -> (B, out_channels, H/s, W/s)."""

    def __init__(self, in_channels: int, out_channels: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        padding = size // 2
        self.conv = nn.Conv2d(in_channels, out_channels, size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)


class HarDBlock(nn.Module):
    """Layers with harmonic links: (B, in_channels, H, W) -> (B, out_channels, H, W).

    Layer n reads the layers n - 2^i for which 2^i divides n, where layer 0 is the input: the odd
    ones read one layer, and those with more links are wider. The odd ones and the last come out.

    Args:
        in_channels: of the input.
        growth: channels of the odd layers.
        layers: how many.

    Source: Chao et al., HarDNet: A Low Memory Traffic Network, ICCV 2019, section 3.
    """

    def __init__(self, in_channels: int, growth: int, layers: int) -> None:
        super().__init__()
        self.links = [links(number) for number in range(1, layers + 1)]
        widths = [in_channels, *(width(growth, len(sources)) for sources in self.links)]
        self.layers = nn.ModuleList(
            ConvLayer(sum(widths[source] for source in sources), widths[number])
            for number, sources in enumerate(self.links, start=1)
        )
        self.outputs = sorted({*range(1, layers + 1, 2), layers})
        self.out_channels = sum(widths[number] for number in self.outputs)

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer, sources in zip(self.layers, self.links, strict=True):
            features.append(layer(_joined([features[source] for source in sources])))
        return _joined([features[number] for number in self.outputs])


def links(number: int) -> list[int]:
    """Return which layers layer ``number`` (1..) of a block reads, the nearest first."""
    powers = (2**i for i in range(number.bit_length()))
    return [number - power for power in powers if number % power == 0]


def width(growth: int, links: int) -> int:
    """Return the channels of a layer with so many links, an even number."""
    return 2 * (int(growth * WIDENING ** (links - 1) + 1) // 2)


class HarDNetPose(nn.Module):
    """Heatmap logits of K keypoints from features that went down to 1/32 and up again.

    (B, 3, H, W) -> (B, K, H/4, W/4), H and W multiples of 4, rounded up where they are not.

    Source: names and sizes of the official checkpoints. The paper of FastPose does not describe
        this network; it is the one of CenterNet-HarDNet with a head for heatmaps
        (https://github.com/PingoLH/CenterNet-HarDNet).
    """

    def __init__(self, num_keypoints: int, layout: Layout) -> None:
        super().__init__()
        self.base, self.skips, skip_channels, channels = _way_down(layout)
        last = layout.down[-1][-1].channels
        self.last_proj = ConvLayer(channels, last, size=1)
        self.last_pool = nn.AvgPool2d(2)
        self.last_blk = HarDBlock(3 * last, *layout.deepest)
        channels = self.last_blk.out_channels

        self.up = layout.up
        self.denseBlocksUp = nn.ModuleList()
        self.conv1x1_up = nn.ModuleList()
        for up, skip in zip(layout.up, reversed(skip_channels), strict=True):
            channels += skip if up.sees_down else 0
            self.conv1x1_up.append(ConvLayer(channels, up.channels + up.aside, size=1))
            self.denseBlocksUp.append(HarDBlock(3 * up.channels, up.growth, up.layers))
            channels = self.denseBlocksUp[-1].out_channels
        channels += sum(up.aside for up in layout.up)
        wide = max(OUT_CHANNELS, 4 * num_keypoints)
        self.conv_out = nn.Sequential(
            nn.Conv2d(channels, wide, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, num_keypoints, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for number, layer in enumerate(self.base):
            x = layer(x)
            if number in self.skips:
                skips.append(x)
        x = self.last_blk(with_statistics(self.last_pool(self.last_proj(x))))
        asides = []
        steps = zip(self.up, self.conv1x1_up, self.denseBlocksUp, reversed(skips), strict=True)
        for up, mix, block, skip in steps:
            x = resized(x, skip)
            x = mix(_joined([x, skip]) if up.sees_down else x)
            x, aside = x.split((up.channels, up.aside), dim=1)
            asides.append(aside)
            x = block(with_statistics(x))
        passed = [resized(aside, x) for aside in reversed(asides) if aside.shape[1]]
        return self.conv_out(_joined([*passed, x]))


def hardnet_68(num_keypoints: int) -> HarDNetPose:
    """HarDNet-68 for poses."""
    return HarDNetPose(num_keypoints, HARDNET_68)


def hardnet_85(num_keypoints: int) -> HarDNetPose:
    """HarDNet-85 for poses."""
    return HarDNetPose(num_keypoints, HARDNET_85)


def _way_down(layout: Layout) -> tuple[nn.ModuleList, list[int], list[int], int]:
    """Return the layers to 1/16 in one row, which of them end a resolution, and channels.

    Returns:
        Layers; at each resolution the last block's index and channels; channels at the end. The
        last block comes as it is: what follows it has names of its own in the checkpoints.
    """
    first, channels = layout.stem
    layers: list[nn.Module] = [
        ConvLayer(3, first, stride=2),
        ConvLayer(first, channels),
        nn.AvgPool2d(3, stride=2, padding=1),
    ]
    ends, end_channels = [], []
    for stage in layout.down:
        for down in stage:
            block = HarDBlock(channels, down.growth, down.layers)
            layers += [block, ConvLayer(block.out_channels, down.channels, size=1)]
            channels = down.channels
        ends.append(len(layers) - 2)
        end_channels.append(block.out_channels)
        layers.append(nn.AvgPool2d(2, ceil_mode=len(ends) == 1))  # the first rounds up
    return nn.ModuleList(layers[:-2]), ends, end_channels, block.out_channels


def with_statistics(x: Tensor) -> Tensor:
    """Add to each channel its mean around every pixel and every pixel's share of its sum.

    (B, C, H, W) -> (B, 3C, H, W). Pixels outside count as zeros of the mean.
    """
    mean = functional.avg_pool2d(x, MEAN_SIZE, stride=1, padding=MEAN_SIZE // 2)
    share = x / (x.sum(dim=(2, 3), keepdim=True) + 0.1)  # 0.1: where nothing is found, nothing
    return _joined([x, mean, share])


def resized(x: Tensor, like: Tensor) -> Tensor:
    """Return ``x`` at the resolution of ``like``, corners on corners."""
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)


def _joined(features: Sequence[Tensor]) -> Tensor:
    """Return the channels of all ``features``."""
    return features[0] if len(features) == 1 else torch.cat(features, dim=1)
