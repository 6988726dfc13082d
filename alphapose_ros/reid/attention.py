"""Pose-guided re-ID: a person's keypoints tell where its embedding comes from.

`ReidSmall` has a backbone of its own (SEP of the paper's Table 6), `UnifiedReid` takes the pose
network's (UNI). Both end in `PoseGuidedAttention`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

EMBEDDING = 128  # numbers in an embedding, as in the paper
KEYPOINTS = 12  # heatmaps: shoulders, elbows, wrists, hips, knees, ankles
MAPS = 4  # attention maps, so that what is worn above and below stays apart
REACH = 7  # places of the features; so shoulders guide the attention to hair and hats as well
STRONGEST = 6.0  # the logarithm of an attention is cut off here, far from where it overflows


class PoseGuidedAttention(nn.Module):
    """Embeddings from features and heatmaps.

    (N, in_channels, h, w) and (N, num_keypoints, H, W) -> (N, embedding), of unit length. Without
    any keypoint, all heatmaps 0, the attention is the same everywhere and the embedding that of
    the whole picture.

    Source: paper 4.1 and Eq. 20, m_wid = m_id * m_A + m_id. Its text leaves open how m_A keeps in
    bounds; here an exponential makes it positive, and the mean over the weighted map is one by
    weights, so that only the attention's distribution counts. There are several maps m_A, each
    with an m_wid of its own, side by side.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int = KEYPOINTS,
        maps: int = MAPS,
        embedding: int = EMBEDDING,
    ) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Conv2d(num_keypoints, 16, REACH, padding=REACH // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, maps, 1),
        )
        self.fc = nn.Linear(maps * in_channels, embedding, bias=False)
        self.bn = nn.BatchNorm1d(embedding)

    def forward(self, features: Tensor, heatmaps: Tensor) -> Tensor:
        weights = 1 + self.maps(heatmaps, features.shape[2:])  # (N, maps, h, w)
        weights = (weights / weights.sum(dim=(2, 3), keepdim=True)).flatten(2)
        pooled = weights @ features.flatten(2).transpose(1, 2)  # (N, maps, in_channels)
        return normalize(self.bn(self.fc(pooled.flatten(1))))

    def maps(self, heatmaps: Tensor, size: Sequence[int]) -> Tensor:
        """Return the attention maps m_A (N, maps, h, w), at least 0, for features of ``size``."""
        strength = self.attention(adaptive_avg_pool2d(heatmaps, size))
        return strength.clamp(max=STRONGEST).exp()


class Separable(nn.Module):
    """3x3 convolution within each channel, then 1x1: (N, in, H, W) -> (N, out, H/s, W/s)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False
        )
        self.conv2 = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv2(self.conv1(x))))


class Gate(nn.Module):
    """Weights of channels from their means: (N, channels, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, max(channels // 4, 8), 1)
        self.conv2 = nn.Conv2d(max(channels // 4, 8), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.conv1(x.mean(dim=(2, 3), keepdim=True)).relu()
        return x * self.conv2(squeezed).sigmoid()


class ScaleBlock(nn.Module):
    """What is seen at several scales, mixed by the picture: (N, channels, H, W) -> the same.

    Each scale is a separable convolution of the one before, so that they see 3, 5 and 7 pixels;
    one gate for all of them weighs their channels.

    Source: the idea of OSNet (Zhou et al., Omni-Scale Feature Learning, ICCV 2019), whose scales
        have convolutions of their own each.
    """

    def __init__(self, channels: int, scales: int = 3) -> None:
        super().__init__()
        inner = channels // 2
        self.reduce = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.scales = nn.ModuleList(Separable(inner, inner) for _ in range(scales))
        self.gate = Gate(inner)
        self.expand = nn.Conv2d(inner, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.reduce(x)))
        total = torch.zeros_like(y)
        for scale in self.scales:
            y = scale(y)
            total = total + self.gate(y)
        return self.relu(x + self.bn2(self.expand(total)))


class ReidBackbone(nn.Module):
    """Features at an eighth of the picture: (N, 3, H, W) -> (N, out_channels, H/8, W/8)."""

    def __init__(self, widths: tuple[int, int, int, int] = (24, 48, 128, 160)) -> None:
        super().__init__()
        stem, middle, deep, self.out_channels = widths
        self.conv = nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.stage1 = nn.Sequential(Separable(stem, middle, stride=2), ScaleBlock(middle))
        self.stage2 = nn.Sequential(
            Separable(middle, deep, stride=2), *(ScaleBlock(deep) for _ in range(3))
        )
        self.last = nn.Sequential(
            nn.Conv2d(deep, self.out_channels, 1, bias=False),
            nn.BatchNorm2d(self.out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn(self.conv(x)))  # (N, stem, H/2, W/2)
        return self.last(self.stage2(self.stage1(x)))


class ReidSmall(nn.Module):
    """The embedded network: pictures (N, 3, 128, 64) and heatmaps (N, 12, 32, 16) -> (N, 128).

    Pictures are normalised; heatmaps have a Gaussian of at most 1 for each keypoint, and are 0 for
    keypoints that are not known. Of other sizes, both shrink or grow alike.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ReidBackbone()
        self.head = PoseGuidedAttention(self.backbone.out_channels)

    def forward(self, pictures: Tensor, heatmaps: Tensor) -> Tensor:
        return self.head(self.backbone(pictures), heatmaps)


def reid_small() -> ReidSmall:
    """Return the embedded network, with random weights."""
    return ReidSmall()


class FromBytes(nn.Module):
    """A network that a pose guides, with what comes before it: as a graph has it.

    (N, h, w, 3) RGB uint8 and heatmaps -> embeddings; ``normalised`` turns the first into the
    network's input.
    """

    def __init__(self, normalised: Callable[[Tensor], Tensor], network: nn.Module) -> None:
        super().__init__()
        self.normalised, self.network = normalised, network

    def forward(self, pictures: Tensor, heatmaps: Tensor) -> Tensor:
        return self.network(self.normalised(pictures), heatmaps)


class UnifiedReid(nn.Module):
    """Heatmaps and embeddings from one backbone: (N, 3, H, W) -> (N, K, H/4, W/4), (N, 128).

    Args:
        pose: a FastPose, whose ``preact`` has (N, in_channels, H/32, W/32) features.
        in_channels: of these features.
        body: rows of the heatmaps that guide the attention.
    """

    def __init__(self, pose: nn.Module, in_channels: int, body: Sequence[int]) -> None:
        super().__init__()
        self.pose = pose
        self.head = PoseGuidedAttention(in_channels, len(body))
        self.body = tuple(body)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        features = self.pose.preact(crops)
        heatmaps = self.heatmaps(features)
        return heatmaps, self.head(features, heatmaps[:, self.body].sigmoid())

    def heatmaps(self, features: Tensor) -> Tensor:
        """Return what the pose network makes of its backbone's features: logits."""
        pose = self.pose
        return pose.conv_out(pose.duc2(pose.duc1(pose.shuffle(features))))
