"""OSNet: person re-identification at all scales at once, in the sizes and forms of its authors.

Names of modules with parameters are those of the authors' checkpoints.

Source: Zhou et al., Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019; with
instance normalisation: Zhou et al., Learning Generalisable Omni-Scale Representations for Person
Re-Identification, TPAMI 2021.
"""

from __future__ import annotations

from torch import Tensor, nn

EMBEDDING = 512  # numbers of an embedding, whatever the width of the network
REDUCTION = 4  # channels of a block over those inside of it
GATE_REDUCTION = 16
SCALES = (1, 2, 3, 4)  # 3x3 convolutions one after the other in the streams of a block
Widths = tuple[int, int, int, int]


class ConvNorm(nn.Module):
    """Convolution and normalisation: (N, in_channels, H, W) -> (N, out_channels, H/s, W/s).

    Args:
        in_channels, out_channels: as they say.
        kernel: side of the convolution.
        stride: s.
        bn: what normalises; batch norm if None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        bn: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels) if bn is None else bn

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class LightConv(nn.Module):
    """1x1 across channels, then 3x3 within each: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv2(self.conv1(x))))


class ChannelGate(nn.Module):
    """Weights channels by what their means say: (N, C, H, W) -> (N, C, H, W).

    One gate serves all streams of a block, so that they are weighed against each other.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // GATE_REDUCTION, 1)
        self.fc2 = nn.Conv2d(channels // GATE_REDUCTION, channels, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        return x * self.fc2(self.relu(self.fc1(mean))).sigmoid()


class OmniScaleBlock(nn.Module):
    """Streams that see 3, 5, 7 and 9 pixels far, gated and added; with a shortcut.

    (N, in_channels, H, W) -> (N, out_channels, H, W). With ``normalised``, the sum with the
    shortcut goes through instance normalisation, which takes away what a camera's colours add.
    """

    def __init__(self, in_channels: int, out_channels: int, *, normalised: bool = False) -> None:
        super().__init__()
        inside = out_channels // REDUCTION
        self.conv1 = ConvNorm(in_channels, inside)
        self.conv2a = LightConv(inside)
        self.conv2b = light_convs(inside, SCALES[1])
        self.conv2c = light_convs(inside, SCALES[2])
        self.conv2d = light_convs(inside, SCALES[3])
        self.gate = ChannelGate(inside)
        self.conv3 = ConvNorm(inside, out_channels)
        self.downsample = shortcut(in_channels, out_channels)
        self.IN = instance_norm(out_channels) if normalised else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv1(x))
        streams = (self.conv2a, self.conv2b, self.conv2c, self.conv2d)
        y = self.conv3(sum(self.gate(stream(y)) for stream in streams))
        return self.relu(self.IN(y + self.downsample(x)))


class Stream(nn.Module):
    """Light convolutions one after the other: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.layers = light_convs(channels, count)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class AdaptiveBlock(nn.Module):
    """An omni-scale block of OSNet-AIN: (N, in_channels, H, W) -> (N, out_channels, H, W).

    With ``normalised``, instance normalisation stands before the shortcut is added, in place of
    batch norm.
    """

    def __init__(self, in_channels: int, out_channels: int, *, normalised: bool) -> None:
        super().__init__()
        inside = out_channels // REDUCTION
        self.conv1 = ConvNorm(in_channels, inside)
        self.conv2 = nn.ModuleList(Stream(inside, count) for count in SCALES)
        self.gate = ChannelGate(inside)
        self.conv3 = ConvNorm(inside, out_channels, bn=nn.Identity() if normalised else None)
        self.IN = instance_norm(out_channels) if normalised else nn.Identity()
        self.downsample = shortcut(in_channels, out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv1(x))
        y = self.conv3(sum(self.gate(stream(y)) for stream in self.conv2))
        return self.relu(self.IN(y) + self.downsample(x))


class Transition(nn.Sequential):
    """1x1 convolution and mean of 2x2 pixels: (N, C, H, W) -> (N, C, H/2, W/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__(Pointwise(channels), nn.AvgPool2d(2))


class Pointwise(ConvNorm):
    """1x1 convolution with batch norm and ReLU: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(super().forward(x))


class OSNet(nn.Module):
    """Embeddings of pictures of people: (N, 3, H, W) -> (N, 512), not of unit length.

    Args:
        widths: channels before the first stage, and after each of the three.
        normalised: instance normalisation in the first convolution and the first stage (IBN).
        classes: people that the classifier tells apart, which training alone needs; 0 for none.
    """

    def __init__(self, widths: Widths, *, normalised: bool = False, classes: int = 1) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.conv1 = ConvNorm(3, first, 7, 2, instance_norm(first) if normalised else None)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = nn.Sequential(
            OmniScaleBlock(first, second, normalised=normalised),
            OmniScaleBlock(second, second, normalised=normalised),
            Transition(second),
        )
        self.conv3 = nn.Sequential(
            OmniScaleBlock(second, third), OmniScaleBlock(third, third), Transition(third)
        )
        self.conv4 = nn.Sequential(OmniScaleBlock(third, fourth), OmniScaleBlock(fourth, fourth))
        self.conv5 = Pointwise(fourth)
        self.fc = embedding_layer(fourth)
        add_classifier(self, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.conv1(x)))  # (N, first, H/4, W/4)
        x = self.conv5(self.conv4(self.conv3(self.conv2(x))))  # (N, fourth, H/16, W/16)
        return self.fc(x.mean(dim=(2, 3)))


class OSNetAin(nn.Module):
    """OSNet with instance normalisation where a search put it: (N, 3, H, W) -> (N, 512).

    Args:
        widths, classes: as for OSNet.
    """

    def __init__(self, widths: Widths, *, classes: int = 1) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.conv1 = ConvNorm(3, first, 7, 2, instance_norm(first))
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = nn.Sequential(
            AdaptiveBlock(first, second, normalised=True),
            AdaptiveBlock(second, second, normalised=True),
        )
        self.pool2 = Transition(second)
        self.conv3 = nn.Sequential(
            AdaptiveBlock(second, third, normalised=False),
            AdaptiveBlock(third, third, normalised=True),
        )
        self.pool3 = Transition(third)
        self.conv4 = nn.Sequential(
            AdaptiveBlock(third, fourth, normalised=True),
            AdaptiveBlock(fourth, fourth, normalised=False),
        )
        self.conv5 = Pointwise(fourth)
        self.fc = embedding_layer(fourth)
        add_classifier(self, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.conv1(x)))  # (N, first, H/4, W/4)
        x = self.pool3(self.conv3(self.pool2(self.conv2(x))))  # (N, third, H/16, W/16)
        return self.fc(self.conv5(self.conv4(x)).mean(dim=(2, 3)))


def light_convs(channels: int, count: int) -> nn.Sequential:
    """Return ``count`` light convolutions one after the other."""
    return nn.Sequential(*(LightConv(channels) for _ in range(count)))


def shortcut(in_channels: int, out_channels: int) -> nn.Module:
    """Return what brings a block's input to the channels of its output."""
    is_same = in_channels == out_channels
    return nn.Identity() if is_same else ConvNorm(in_channels, out_channels)


def instance_norm(channels: int) -> nn.InstanceNorm2d:
    """Return a normalisation of each picture by itself, with weights."""
    return nn.InstanceNorm2d(channels, affine=True)


def embedding_layer(channels: int) -> nn.Sequential:
    """Return what makes embeddings of mean features: (N, channels) -> (N, 512)."""
    return nn.Sequential(
        nn.Linear(channels, EMBEDDING), nn.BatchNorm1d(EMBEDDING), nn.ReLU(inplace=True)
    )


def add_classifier(network: nn.Module, classes: int) -> None:
    """Give ``network`` the layer that telling ``classes`` people apart needs; none for 0.

    Checkpoints hold it; embeddings are taken before it.
    """
    if classes:
        network.classifier = nn.Linear(EMBEDDING, classes)


def osnet_x0_25(classes: int = 1) -> OSNet:
    """Return OSNet of a quarter of the channels, 0.2 million weights."""
    return OSNet((16, 64, 96, 128), classes=classes)


def osnet_x0_5(classes: int = 1) -> OSNet:
    """Return OSNet of half of the channels, 0.6 million weights."""
    return OSNet((32, 128, 192, 256), classes=classes)


def osnet_x0_75(classes: int = 1) -> OSNet:
    """Return OSNet of three quarters of the channels, 1.3 million weights."""
    return OSNet((48, 192, 288, 384), classes=classes)


def osnet_x1_0(classes: int = 1) -> OSNet:
    """Return OSNet, 2.2 million weights."""
    return OSNet((64, 256, 384, 512), classes=classes)


def osnet_ibn_x1_0(classes: int = 1) -> OSNet:
    """Return OSNet-IBN: instance normalisation in the first convolution and stage."""
    return OSNet((64, 256, 384, 512), normalised=True, classes=classes)


def osnet_ain_x1_0(classes: int = 1) -> OSNetAin:
    """Return OSNet-AIN: instance normalisation where a search put it."""
    return OSNetAin((64, 256, 384, 512), classes=classes)
