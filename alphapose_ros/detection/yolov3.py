"""YOLOv3-SPP as Darknet lays it out: numbered layers, anchor boxes on three grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

ANCHORS = {  # pixels per cell: widths and heights of the boxes that a cell starts from [px]
    32: ((116, 90), (156, 198), (373, 326)),
    16: ((30, 61), (62, 45), (59, 119)),
    8: ((10, 13), (16, 30), (33, 23)),
}
POOL_SIZES = (5, 9, 13)
POOL_PADDINGS = ("darknet", "zero")
IMAGE = -1  # the number of what goes into layer 0


class Convolution(nn.Sequential):
    """Convolution number ``index``, with batch norm and leaky ReLU: (B, in, H, W) -> (B, out, ...).

    Before predictions it stands alone, with a bias.
    """

    def __init__(self, index: int, inputs: int, row: Row) -> None:
        super().__init__()
        padding = row.size // 2
        convolution = nn.Conv2d(
            inputs, row.channels, row.size, row.stride, padding, bias=row.is_last
        )
        self.add_module(f"conv_{index}", convolution)
        if not row.is_last:
            self.add_module(f"batch_norm_{index}", nn.BatchNorm2d(row.channels))
            self.add_module(f"leaky_{index}", nn.LeakyReLU(0.1, inplace=True))


class Shortcut(nn.Module):
    """Sum of two features: (B, C, H, W) twice -> the same."""

    def forward(self, x: Tensor, earlier: Tensor) -> Tensor:
        return x + earlier


class Route(nn.Module):
    """One or more features side by side: (B, C, H, W) each -> (B, sum of C, H, W)."""

    def forward(self, *features: Tensor) -> Tensor:
        return torch.cat(features, dim=1) if len(features) > 1 else features[0]


class Pool(nn.Module):
    """Maximum of every neighbourhood: (B, C, H, W) -> the same.

    Outside the feature lies minus infinity in Darknet, by which the weights were trained. With
    ``has_zeros`` there lies 0, which is more than what leaky ReLU makes of negative values.
    """

    def __init__(self, size: int, *, has_zeros: bool) -> None:
        super().__init__()
        self.size, self.has_zeros = size, has_zeros

    def forward(self, x: Tensor) -> Tensor:
        border = self.size // 2
        if self.has_zeros:
            return functional.max_pool2d(functional.pad(x, (border,) * 4), self.size, 1)
        return functional.max_pool2d(x, self.size, 1, border)


class Boxes(nn.Module):
    """Raw predictions to boxes: (B, 3 * (5 + classes), H, W) -> (B, H * W * 3, 5 + classes).

    Cells go row by row, the three anchors of a cell after each other. The last axis holds centre
    x, y, width, height [px of the image], and in [0, 1] that there is an object, and its classes.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        # Filled and counted on the device: a tensor of numbers from here would be a transfer.
        sides = [x.new_full((1,), side) for anchor in ANCHORS[self.stride] for side in anchor]
        anchors = torch.cat(sides).view(-1, 2)
        rows, columns = (torch.arange(n, device=x.device, dtype=x.dtype) for n in (height, width))
        cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)  # (H, W, 2) x y
        raw = x.view(batch, len(anchors), -1, height, width).permute(0, 3, 4, 1, 2)
        centres = (raw[..., :2].sigmoid() + cells[:, :, None]) * self.stride
        sizes = raw[..., 2:4].exp() * anchors
        return torch.cat((centres, sizes, raw[..., 4:].sigmoid()), dim=-1).flatten(1, 3)


@dataclass(frozen=True)
class Row:
    """One layer: what it is, and which it reads, from 0 on by number, below 0 counted back."""

    kind: type[nn.Module]
    sources: tuple[int, ...] = (-1,)
    channels: int = 0  # of convolutions
    size: int = 1  # of convolutions and pools [px of the feature]
    stride: int = 1  # of convolutions; of boxes, pixels per cell
    is_last: bool = False  # of convolutions: predictions follow


def convolution(channels: int, size: int = 1, stride: int = 1) -> Row:
    """Return the row of a convolution to ``channels``."""
    return Row(Convolution, channels=channels, size=size, stride=stride)


def residuals(channels: int, count: int) -> list[Row]:
    """Return the rows of a stage: half the size, then ``count`` blocks with a shortcut."""
    block = [convolution(channels // 2), convolution(channels, 3), Row(Shortcut, (-1, -3))]
    return [convolution(channels, 3, 2), *block * count]


def narrow_and_wide(channels: int, count: int) -> list[Row]:
    """Return the rows of ``count`` convolutions to ``channels`` and twice as many in turn."""
    return [convolution(channels), convolution(2 * channels, 3)] * (count // 2) + (
        [convolution(channels)] * (count % 2)
    )


def boxes(stride: int, classes: int) -> list[Row]:
    """Return the rows that predict on the grid of cells of ``stride`` pixels."""
    outputs = len(ANCHORS[stride]) * (5 + classes)
    return [Row(Convolution, channels=outputs, is_last=True), Row(Boxes, stride=stride)]


def finer(channels: int, backbone_layer: int) -> list[Row]:
    """Return the rows that go on to a finer grid, from before the last predictions' two layers."""
    return [
        Row(Route, (-4,)),
        convolution(channels),
        Row(nn.Upsample),
        Row(Route, (-1, backbone_layer)),
    ]


def yolov3_spp_rows(classes: int) -> list[Row]:
    """Return all layers, in the order in which Darknet numbers them and stores their weights."""
    return [
        convolution(32, 3),
        *residuals(64, 1),
        *residuals(128, 2),
        *residuals(256, 8),  # ends at 36
        *residuals(512, 8),  # ends at 61
        *residuals(1024, 4),
        *narrow_and_wide(512, 3),  # ends at 77
        Row(Pool, size=5),
        Row(Route, (-2,)),
        Row(Pool, size=9),
        Row(Route, (-4,)),
        Row(Pool, size=13),
        Row(Route, (-1, -3, -5, -6)),  # largest neighbourhood first, the feature itself last
        *narrow_and_wide(512, 4),
        *boxes(32, classes),
        *finer(256, 61),
        *narrow_and_wide(256, 6),
        *boxes(16, classes),
        *finer(128, 36),
        *narrow_and_wide(128, 6),
        *boxes(8, classes),
    ]


class Darknet(nn.Module):
    """Layers that read what earlier ones gave: (B, 3, H, W) -> (B, A, 5 + classes).

    The image is RGB in 0..1, H and W are multiples of 32. The predictions are those of all layers
    of kind Boxes, the coarse grid first.

    Args:
        rows: the layers.
        pool_padding: what lies around features that are pooled, "darknet" or "zero"; see Pool.

    Raises:
        ValueError: there is no such padding.

    Source: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", arXiv 1804.02767; spatial
        pyramid as in Huang et al., "DC-SPP-YOLO", arXiv 1903.08589.
    """

    def __init__(self, rows: Sequence[Row], *, pool_padding: str = "darknet") -> None:
        super().__init__()
        if pool_padding not in POOL_PADDINGS:
            raise ValueError(f"pool_padding {pool_padding!r} is none of {', '.join(POOL_PADDINGS)}")
        self.sources = [
            tuple(source if source >= 0 else index + source for source in row.sources)
            for index, row in enumerate(rows)
        ]
        self.last_reader = {
            source: index for index, sources in enumerate(self.sources) for source in sources
        }
        self.module_list = nn.ModuleList()
        channels = {IMAGE: 3}
        for index, (row, sources) in enumerate(zip(rows, self.sources, strict=True)):
            inputs = channels[sources[0]]
            has_zeros = pool_padding == "zero"
            self.module_list.append(make_layer(row, index, inputs, has_zeros=has_zeros))
            joined = sum(channels[source] for source in sources) if row.kind is Route else inputs
            channels[index] = row.channels or joined

    def forward(self, images: Tensor) -> Tensor:
        features, found = {IMAGE: images}, []
        for index, (layer, sources) in enumerate(zip(self.module_list, self.sources, strict=True)):
            output = layer(*(features[source] for source in sources))
            if isinstance(layer, Boxes):
                found.append(output)
            features[index] = output
            for source in sources:
                if self.last_reader[source] == index:
                    features.pop(source, None)  # 75 layers at full length would fill the memory
        return torch.cat(found, dim=1)


def make_layer(row: Row, index: int, inputs: int, *, has_zeros: bool) -> nn.Module:
    """Return the layer that ``row`` describes.

    Args:
        row: its description.
        index: its number.
        inputs: channels of the first feature that it reads.
        has_zeros: see Pool.
    """
    if row.kind is Convolution:
        return Convolution(index, inputs, row)
    if row.kind is Pool:
        return Pool(row.size, has_zeros=has_zeros)
    if row.kind is Boxes:
        return Boxes(row.stride)
    if row.kind is nn.Upsample:
        return nn.Upsample(scale_factor=2, mode="nearest")
    return row.kind()


def yolov3_spp(classes: int = 80, *, pool_padding: str = "darknet") -> Darknet:
    """Return the network with random weights.

    Raises:
        ValueError: there is no such padding.
    """
    return Darknet(yolov3_spp_rows(classes), pool_padding=pool_padding)
