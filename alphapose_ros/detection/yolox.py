"""YOLOX: a detector without anchor boxes; every cell of three grids predicts one box."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)  # image pixels per cell of the three grids
PRIOR = 0.01  # score of every cell before training: few cells see an object

Network = TypeVar("Network", bound="YOLOX")


class Conv(nn.Module):
    """Convolution, batch norm and SiLU: (B, in, H, W) -> (B, out, H/stride, W/stride)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)  # as published weights expect
        self.act = nn.SiLU()  # in place, autograd would copy its input

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class DepthwiseConv(nn.Module):
    """A convolution per channel, then one across channels: shapes as in Conv."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = Conv(inputs, inputs, kernel, stride, groups=inputs)
        self.pconv = Conv(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.pconv(self.dconv(x))


class Focus(nn.Module):
    """Half the size, four times the channels, then a convolution: (B, 3, H, W) -> (B, out, ...)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = Conv(4 * 3, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        upper, lower = x[..., ::2, :], x[..., 1::2, :]
        corners = (upper[..., ::2], lower[..., ::2], upper[..., 1::2], lower[..., 1::2])
        return self.conv(torch.cat(corners, dim=1))


class Bottleneck(nn.Module):
    """1x1 and 3x3 with a shortcut: (B, channels, H, W) -> the same."""

    def __init__(self, channels: int, *, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels)
        self.conv2 = conv3x3(channels, channels, depthwise=depthwise)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CSPLayer(nn.Module):
    """Bottlenecks on one half of the channels: (B, in, H, W) -> (B, out, H, W)."""

    def __init__(
        self, inputs: int, outputs: int, count: int, *, shortcut: bool, depthwise: bool
    ) -> None:
        super().__init__()
        half = outputs // 2
        self.conv1 = Conv(inputs, half)
        self.conv2 = Conv(inputs, half)
        self.conv3 = Conv(2 * half, outputs)
        blocks = [Bottleneck(half, shortcut=shortcut, depthwise=depthwise) for _ in range(count)]
        self.m = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        long, short = self.conv1(x), self.conv2(x)
        return self.conv3(torch.cat((self.m(long), short), dim=1))


class SpatialPyramid(nn.Module):
    """Maxima over three neighbourhoods: (B, in, H, W) -> (B, out, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = Conv(inputs, inputs // 2)
        self.m = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13))
        self.conv2 = Conv(4 * (inputs // 2), outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return self.conv2(torch.cat((x, *(pool(x) for pool in self.m)), dim=1))


class CSPDarknet(nn.Module):
    """Backbone: (B, 3, H, W) -> features at 1/8, 1/16 and 1/32, each with twice the channels."""

    def __init__(self, channels: int, count: int, *, depthwise: bool) -> None:
        """Make a backbone with ``channels`` after its stem and ``count`` bottlenecks a layer."""
        super().__init__()
        self.stem = Focus(channels)

        def layers(factor: int, count: int, *, is_last: bool = False) -> list[nn.Module]:
            outputs = factor * channels
            down = conv3x3(outputs // 2, outputs, stride=2, depthwise=depthwise)
            csp = CSPLayer(outputs, outputs, count, shortcut=not is_last, depthwise=depthwise)
            return [down, SpatialPyramid(outputs, outputs), csp] if is_last else [down, csp]

        self.dark2 = nn.Sequential(*layers(2, count))
        self.dark3 = nn.Sequential(*layers(4, 3 * count))
        self.dark4 = nn.Sequential(*layers(8, 3 * count))
        self.dark5 = nn.Sequential(*layers(16, count, is_last=True))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth = self.dark3(self.dark2(self.stem(x)))
        sixteenth = self.dark4(eighth)
        return eighth, sixteenth, self.dark5(sixteenth)


class FeaturePyramid(nn.Module):
    """Backbone whose three features learn of each other, from coarse to fine and back."""

    def __init__(self, channels: int, count: int, *, depthwise: bool) -> None:
        """Make it around a CSPDarknet of the same arguments."""
        super().__init__()
        low, mid, high = 4 * channels, 8 * channels, 16 * channels
        self.backbone = CSPDarknet(channels, count, depthwise=depthwise)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

        def csp(inputs: int, outputs: int) -> CSPLayer:
            return CSPLayer(inputs, outputs, count, shortcut=False, depthwise=depthwise)

        self.lateral_conv0 = Conv(high, mid)
        self.C3_p4 = csp(2 * mid, mid)
        self.reduce_conv1 = Conv(mid, low)
        self.C3_p3 = csp(2 * low, low)
        self.bu_conv2 = conv3x3(low, low, stride=2, depthwise=depthwise)
        self.C3_n3 = csp(2 * low, mid)
        self.bu_conv1 = conv3x3(mid, mid, stride=2, depthwise=depthwise)
        self.C3_n4 = csp(2 * mid, high)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth, sixteenth, coarse = self.backbone(x)
        coarse = self.lateral_conv0(coarse)
        middle = self.C3_p4(torch.cat((self.upsample(coarse), sixteenth), dim=1))
        middle = self.reduce_conv1(middle)
        fine = self.C3_p3(torch.cat((self.upsample(middle), eighth), dim=1))
        middle = self.C3_n3(torch.cat((self.bu_conv2(fine), middle), dim=1))
        coarse = self.C3_n4(torch.cat((self.bu_conv1(middle), coarse), dim=1))
        return fine, middle, coarse


class Head(nn.Module):
    """Three features to predictions (B, A, 5 + classes), the cells of the finest grid first."""

    def __init__(self, inputs: tuple[int, ...], width: int, classes: int, *, depthwise: bool):
        super().__init__()

        def tower() -> nn.Sequential:
            return nn.Sequential(*(conv3x3(width, width, depthwise=depthwise) for _ in range(2)))

        self.stems = nn.ModuleList(Conv(channels, width) for channels in inputs)
        self.cls_convs = nn.ModuleList(tower() for _ in inputs)
        self.reg_convs = nn.ModuleList(tower() for _ in inputs)
        self.cls_preds = nn.ModuleList(nn.Conv2d(width, classes, 1) for _ in inputs)
        self.reg_preds = nn.ModuleList(nn.Conv2d(width, 4, 1) for _ in inputs)
        self.obj_preds = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in inputs)
        for layer in (*self.cls_preds, *self.obj_preds):
            nn.init.constant_(layer.bias, math.log(PRIOR / (1 - PRIOR)))

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        grids = []
        for level, feature in enumerate(features):
            x = self.stems[level](feature)
            classes = self.cls_preds[level](self.cls_convs[level](x))
            where = self.reg_convs[level](x)
            boxes, objects = self.reg_preds[level](where), self.obj_preds[level](where)
            grids.append(torch.cat((boxes, objects, classes), dim=1).flatten(2))
        return torch.cat(grids, dim=2).transpose(1, 2)


class YOLOX(nn.Module):
    """Predictions of all cells, not decoded: (B, 3, H, W) -> (B, A, 5 + classes).

    The image is BGR in 0..255, H and W are multiples of 32. The last axis holds x, y (in cells,
    from the cell's corner), log width, log height (in cells), the logit of there being an object
    and the logits of its class. Names of layers are those of published checkpoints.

    Args:
        classes: number of classes.
        depth: factor to the number of bottlenecks in a layer, 3.
        width: factor to the number of channels; 64 follow the stem.
        depthwise: whether 3x3 convolutions go per channel, as in the nano size.

    Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430.
    """

    def __init__(self, classes: int, *, depth: float, width: float, depthwise: bool = False):
        super().__init__()
        channels, count = int(64 * width), max(round(3 * depth), 1)
        self.backbone = FeaturePyramid(channels, count, depthwise=depthwise)
        inputs = (4 * channels, 8 * channels, 16 * channels)
        self.head = Head(inputs, 4 * channels, classes, depthwise=depthwise)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.backbone(images))


class DecodedYOLOX(YOLOX):
    """YOLOX as a detector, not to be trained: (B, 3, H, W) -> rows, as decode_rows() gives them."""

    def forward(self, images: Tensor) -> Tensor:
        return decode_rows(super().forward(images), *images.shape[2:])


def conv3x3(inputs: int, outputs: int, stride: int = 1, *, depthwise: bool) -> Conv | DepthwiseConv:
    """Return a 3x3 convolution of one kind or the other."""
    return (DepthwiseConv if depthwise else Conv)(inputs, outputs, 3, stride)


SIZES = {  # depth, width, depthwise
    "yolox_nano": (0.33, 0.25, True),
    "yolox_tiny": (0.33, 0.375, False),
    "yolox_s": (0.33, 0.5, False),
    "yolox_m": (0.67, 0.75, False),
    "yolox_l": (1.0, 1.0, False),
    "yolox_x": (1.33, 1.25, False),
}


def yolox(size: str, classes: int = 1) -> YOLOX:
    """Return the network of a published size, e.g. "yolox_nano", with random weights.

    Raises:
        ValueError: there is no such size.
    """
    return _of_size(YOLOX, size, classes)


def yolox_nano(classes: int = 80) -> DecodedYOLOX:
    """Return the smallest detector, for little processors."""
    return _of_size(DecodedYOLOX, "yolox_nano", classes)


def yolox_tiny(classes: int = 80) -> DecodedYOLOX:
    """Return the detector of size tiny."""
    return _of_size(DecodedYOLOX, "yolox_tiny", classes)


def yolox_s(classes: int = 80) -> DecodedYOLOX:
    """Return the detector of size s."""
    return _of_size(DecodedYOLOX, "yolox_s", classes)


def yolox_m(classes: int = 80) -> DecodedYOLOX:
    """Return the detector of size m."""
    return _of_size(DecodedYOLOX, "yolox_m", classes)


def yolox_l(classes: int = 80) -> DecodedYOLOX:
    """Return the detector of size l."""
    return _of_size(DecodedYOLOX, "yolox_l", classes)


def yolox_x(classes: int = 80) -> DecodedYOLOX:
    """Return the largest detector."""
    return _of_size(DecodedYOLOX, "yolox_x", classes)


def _of_size(kind: type[Network], size: str, classes: int) -> Network:
    if size not in SIZES:
        raise ValueError(f"unknown detector network {size!r}; known are {', '.join(SIZES)}")
    depth, width, depthwise = SIZES[size]
    return kind(classes, depth=depth, width=width, depthwise=depthwise)


def grid(height: int, width: int, *, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return the corners (A, 2) x y of all cells [px] and their strides (A,) [px].

    Args:
        height: of the network's input [px].
        width: of the network's input [px].
        device: where the tensors lie.
    """
    corners, strides = [], []
    for stride in STRIDES:
        rows = torch.arange(height // stride, device=device, dtype=torch.float32)
        columns = torch.arange(width // stride, device=device, dtype=torch.float32)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        corners.append(stride * torch.stack((x, y), dim=-1).reshape(-1, 2))
        strides.append(torch.full((len(corners[-1]),), float(stride), device=device))
    return torch.cat(corners), torch.cat(strides)


def decode_rows(predictions: Tensor, height: int, width: int) -> Tensor:
    """Turn predictions of an image into rows of plain numbers.

    Args:
        predictions: (B, A, 5 + classes), as YOLOX returns them.
        height: of the network's input [px].
        width: of the network's input [px].

    Returns:
        (B, A, 5 + classes): centre x, y, width, height [px of the input], and in [0, 1] that there
        is an object, and its classes.
    """
    corners, strides = grid(height, width, device=predictions.device)
    centres = predictions[..., :2] * strides[:, None] + corners
    sizes = predictions[..., 2:4].exp() * strides[:, None]
    return torch.cat((centres, sizes, predictions[..., 4:].sigmoid()), dim=-1)


def decode_boxes(predictions: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """Turn predictions (..., A, 5 + classes) into boxes (..., A, 4) x1 y1 x2 y2 [px]."""
    centres = predictions[..., :2] * strides[:, None] + corners
    halves = predictions[..., 2:4].exp() * (strides[:, None] / 2)
    return torch.cat((centres - halves, centres + halves), dim=-1)


def decode(predictions: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Turn predictions of an image into boxes and scores.

    Args:
        predictions: (B, A, 5 + classes), as YOLOX returns them.
        height: of the network's input [px].
        width: of the network's input [px].

    Returns:
        Boxes (B, A, 4) x1 y1 x2 y2 [px of the input] and scores (B, A, classes) in [0, 1].
    """
    corners, strides = grid(height, width, device=predictions.device)
    scores = functional.sigmoid(predictions[..., 4:5]) * functional.sigmoid(predictions[..., 5:])
    return decode_boxes(predictions, corners, strides), scores
