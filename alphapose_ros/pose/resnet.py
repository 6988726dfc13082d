"""Residual backbones: ResNet v1, plain or with what the official pose networks add to it."""

from __future__ import annotations

from torch import Tensor, nn

from alphapose_ros.pose.deformable import DeformableConv2d


class SqueezeExcitation(nn.Module):
    """Channel gates from the mean of each channel: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels),
            nn.ReLU(inplace=True),
            nn.Linear(channels, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean(dim=(2, 3)))[:, :, None, None]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: (B, in_channels, H, W) -> (B, width, H/s, W/s)."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int, with_se: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.se = SqueezeExcitation(width) if with_se else nn.Identity()
        self.downsample = shortcut(in_channels, width, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.se(self.bn2(self.conv2(y)))
        return self.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1: (B, in_channels, H, W) -> (B, 4 width, H/s, W/s)."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int, with_se: bool) -> None:
        super().__init__()
        out_channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.se = SqueezeExcitation(out_channels) if with_se else nn.Identity()
        self.downsample = shortcut(in_channels, out_channels, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.middle(y)))
        y = self.se(self.bn3(self.conv3(y)))
        return self.relu(y + self.downsample(x))

    def middle(self, x: Tensor) -> Tensor:
        """Apply the 3x3 convolution: (B, width, H, W) -> (B, width, H/s, W/s)."""
        return self.conv2(x)


class ShuffleBottleneck(Bottleneck):
    """A bottleneck that loses no pixel: pixel unshuffle stands in for the stride of 2."""

    def __init__(self, in_channels: int, width: int, stride: int, with_se: bool) -> None:
        super().__init__(in_channels, width, stride, with_se)
        if stride == 2:
            self.conv2 = nn.Sequential(
                PixelUnshuffle(), nn.Conv2d(4 * width, width, 3, padding=1, bias=False)
            )


class PixelUnshuffle(nn.Module):
    """Squares of 2 x 2 pixels to channels: (B, C, 2 H, 2 W) -> (B, 4 C, H, W).

    As nn.PixelUnshuffle(2), which however gives an empty batch back as it is.
    """

    def forward(self, x: Tensor) -> Tensor:
        squares = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # (B, C, H, 2, W, 2)
        return squares.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


class DeformableBottleneck(Bottleneck):
    """A bottleneck whose 3x3 convolution looks where a convolution of its own tells it to."""

    def __init__(self, in_channels: int, width: int, stride: int, with_se: bool) -> None:
        super().__init__(in_channels, width, stride, with_se)
        self.conv2_offset = nn.Conv2d(width, 18, 3, stride, padding=1)  # y x of nine taps
        nn.init.zeros_(self.conv2_offset.weight)  # training starts from an ordinary convolution
        nn.init.zeros_(self.conv2_offset.bias)
        self.conv2 = DeformableConv2d(width, width, 3, stride, padding=1)

    def middle(self, x: Tensor) -> Tensor:
        return self.conv2(x, self.conv2_offset(x))


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return what brings a block's input to the shape of its output."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


class ResNet(nn.Module):
    """Features at 1/32 of the image: (B, 3, H, W) -> (B, out_channels, H/32, W/32).

    Args:
        block: of the first stage.
        blocks: number of blocks in each of the four stages, e.g. (3, 4, 6, 3) for depth 50.
        width: channels of the first stage; each later one has twice as many.
        later_block: of the other stages; ``block`` if None.
        with_se: squeeze-and-excitation in the first block of each stage.
    """

    def __init__(
        self,
        block: Block,
        blocks: tuple[int, int, int, int],
        width: int = 64,
        *,
        later_block: Block | None = None,
        with_se: bool = True,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        e, later = block.expansion, later_block or block
        self.layer1 = stage(block, width, width, blocks[0], stride=1, with_se=with_se)
        self.layer2 = stage(later, e * width, 2 * width, blocks[1], stride=2, with_se=with_se)
        self.layer3 = stage(later, 2 * e * width, 4 * width, blocks[2], stride=2, with_se=with_se)
        self.layer4 = stage(later, 4 * e * width, 8 * width, blocks[3], stride=2, with_se=with_se)
        self.out_channels = 8 * e * width

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (B, width, H/4, W/4)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def stage(
    block: Block, in_channels: int, width: int, count: int, *, stride: int, with_se: bool
) -> nn.Sequential:
    """Return ``count`` blocks, the first with the stride and maybe squeeze-and-excitation."""
    first = block(in_channels, width, stride, with_se=with_se)
    rest = [block(block.expansion * width, width, 1, with_se=False) for _ in range(count - 1)]
    return nn.Sequential(first, *rest)


Block = type[BasicBlock] | type[Bottleneck]
DEPTHS: dict[int, tuple[Block, tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


def resnet(
    depth: int, *, later_block: type[Bottleneck] | None = None, with_se: bool = True
) -> ResNet:
    """Return the ResNet of one of DEPTHS.

    Args:
        depth: number of layers.
        later_block: of the last three stages, where the official networks have other bottlenecks;
            for depths from 50 on.
        with_se: squeeze-and-excitation in the first block of each stage.
    """
    block, blocks = DEPTHS[depth]
    return ResNet(block, blocks, later_block=later_block, with_se=with_se)
