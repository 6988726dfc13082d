"""YOLOv3 as the authors of YOLOX trained it: Darknet-53, a pyramid, and their heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alphapose_ros.detection.yolox import Conv, Head, SpatialPyramid, decode_rows

STEM = 32  # channels
BLOCKS = (2, 8, 8, 4)  # residual blocks of the stages at 1/4, 1/8, 1/16, 1/32
HEAD_WIDTH = 256


class Residual(nn.Module):
    """1x1 to half the channels, 3x3 back, and a shortcut: (B, channels, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer1 = Conv(channels, channels // 2)
        self.layer2 = Conv(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer2(self.layer1(x))


class Darknet53(nn.Module):
    """Backbone: (B, 3, H, W) -> 256 channels at 1/8, 512 at 1/16, and 512 at 1/32.

    The coarsest feature has passed a spatial pyramid, which halves its channels.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = [STEM * 2**stage for stage in range(1, 6)]
        fine, *_, mid, high = channels
        self.stem = nn.Sequential(Conv(3, STEM, 3), *stage(fine, 1))
        self.dark2, self.dark3, self.dark4, dark5 = (
            nn.Sequential(*stage(outputs, count))
            for outputs, count in zip(channels[1:], BLOCKS, strict=True)
        )
        pyramid = (Conv(high, mid), Conv(mid, high, 3), SpatialPyramid(high, mid))
        self.dark5 = nn.Sequential(*dark5, *pyramid, Conv(mid, high, 3), Conv(high, mid))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth = self.dark3(self.dark2(self.stem(x)))
        sixteenth = self.dark4(eighth)
        return eighth, sixteenth, self.dark5(sixteenth)


class TopDownPyramid(nn.Module):
    """Backbone whose finer features learn of the coarser: 128, 256, 512 channels, fine first."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Darknet53()
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.out1_cbl = Conv(512, 256)
        self.out1 = five_convolutions(256 + 512, 256)
        self.out2_cbl = Conv(256, 128)
        self.out2 = five_convolutions(128 + 256, 128)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth, sixteenth, coarse = self.backbone(x)
        middle = self.out1(torch.cat((self.upsample(self.out1_cbl(coarse)), sixteenth), dim=1))
        fine = self.out2(torch.cat((self.upsample(self.out2_cbl(middle)), eighth), dim=1))
        return fine, middle, coarse


class YOLOv3(nn.Module):
    """Predictions of all cells: (B, 3, H, W) -> (B, A, 5 + classes), as decode_rows() says.

    The image is BGR in 0..255, H and W are multiples of 32. Names of layers are those of published
    checkpoints. Unlike in YOLOX, all activations are leaky ReLUs.

    Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430, 2.1.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = TopDownPyramid()
        self.head = Head((128, 256, 512), HEAD_WIDTH, classes, depthwise=False)
        for module in self.modules():
            if isinstance(module, Conv):
                module.act = nn.LeakyReLU(0.1)

    def forward(self, images: Tensor) -> Tensor:
        return decode_rows(self.head(self.backbone(images)), *images.shape[2:])


def stage(outputs: int, count: int) -> list[nn.Module]:
    """Return the layers of a stage: half the size, twice the channels, then residual blocks."""
    return [Conv(outputs // 2, outputs, 3, 2), *(Residual(outputs) for _ in range(count))]


def five_convolutions(inputs: int, outputs: int) -> nn.Sequential:
    """Return 1x1 and 3x3 convolutions in turn: (B, inputs, H, W) -> (B, outputs, H, W)."""
    wide = 2 * outputs
    return nn.Sequential(
        Conv(inputs, outputs),
        Conv(outputs, wide, 3),
        Conv(wide, outputs),
        Conv(outputs, wide, 3),
        Conv(wide, outputs),
    )


def yolov3(classes: int = 80) -> YOLOv3:
    """Return the network with random weights."""
    return YOLOv3(classes)
