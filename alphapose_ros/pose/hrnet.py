"""HRNet: branches at several resolutions side by side, which exchange features again and again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from torch import Tensor, nn

from alphapose_ros.pose.resnet import BasicBlock, Bottleneck

STEM_CHANNELS = 64
BLOCKS = 4  # in every branch of every module
MODULES = (1, 4, 3)  # in stages 2, 3, 4, which have as many branches as their number


class HighResolutionModule(nn.Module):
    """Four blocks in each branch, then every branch becomes the sum of what all have found.

    Branches [(B, C_i, H/2^i, W/2^i)] -> the same shapes, or only the first ``outputs`` of them.

    Args:
        channels: C_i of each branch, the finest first; at least two.
        outputs: how many branches come out.
    """

    def __init__(self, channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width, 1, with_se=False) for _ in range(BLOCKS)))
            for width in channels
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_resampling(channels, source, target) for source in range(len(channels)))
            for target in range(outputs)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        features = [branch(x) for branch, x in zip(self.branches, features, strict=True)]
        return [
            self.relu(reduce(add, (layer(x) for layer, x in zip(layers, features, strict=True))))
            for layers in self.fuse_layers
        ]


class PoseHighResolutionNet(nn.Module):
    """Heatmap logits of K keypoints, from features that were at this resolution all the way.

    (B, 3, H, W) -> (B, K, H/4, W/4), H and W multiples of 32.

    Args:
        num_keypoints: K.
        width: channels of the branch at 1/4; each coarser one has twice as many.

    Source: Sun et al., Deep High-Resolution Representation Learning for Human Pose Estimation,
        CVPR 2019, section 3 and its appendix.
    """

    def __init__(self, num_keypoints: int, width: int) -> None:
        super().__init__()
        stem = STEM_CHANNELS
        channels = [width, 2 * width, 4 * width, 8 * width]
        self.conv1 = nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, stem, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        wide = Bottleneck.expansion * stem
        self.layer1 = nn.Sequential(
            Bottleneck(stem, stem, 1, with_se=False),
            *(Bottleneck(wide, stem, 1, with_se=False) for _ in range(BLOCKS - 1)),
        )
        self.transition1 = _transition([wide], channels[:2])
        self.stage2 = _stage(channels[:2], MODULES[0], outputs=2)
        self.transition2 = _transition(channels[:2], channels[:3])
        self.stage3 = _stage(channels[:3], MODULES[1], outputs=3)
        self.transition3 = _transition(channels[:3], channels)
        self.stage4 = _stage(channels, MODULES[2], outputs=1)
        self.final_layer = nn.Conv2d(width, num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))  # (B, 64, H/4, W/4)
        features = self.stage2(_extended(self.transition1, [self.layer1(x)]))
        features = self.stage3(_extended(self.transition2, features))
        features = self.stage4(_extended(self.transition3, features))
        return self.final_layer(features[0])


def hrnet_w32(num_keypoints: int) -> PoseHighResolutionNet:
    """HRNet with 32, 64, 128 and 256 channels."""
    return PoseHighResolutionNet(num_keypoints, width=32)


def hrnet_w48(num_keypoints: int) -> PoseHighResolutionNet:
    """HRNet with 48, 96, 192 and 384 channels."""
    return PoseHighResolutionNet(num_keypoints, width=48)


def _stage(channels: Sequence[int], modules: int, *, outputs: int) -> nn.Sequential:
    """Return ``modules`` modules, of which the last has ``outputs`` branches coming out."""
    inner = [HighResolutionModule(channels, len(channels)) for _ in range(modules - 1)]
    return nn.Sequential(*inner, HighResolutionModule(channels, outputs))


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """Return what brings branches to the channels of the next stage and adds a coarser one."""
    kept = [
        nn.Identity()
        if old == new
        else nn.Sequential(*_convolution(old, new, 3), nn.ReLU(inplace=True))
        for old, new in zip(before, after[:-1], strict=True)
    ]
    return nn.ModuleList([*kept, nn.Sequential(_halving(before[-1], after[-1]))])


def _extended(transition: nn.ModuleList, features: Sequence[Tensor]) -> list[Tensor]:
    """Return the branches of the next stage; the new one is made of the coarsest so far."""
    sources = [*features, features[-1]]
    return [layer(x) for layer, x in zip(transition, sources, strict=True)]


def _resampling(channels: Sequence[int], source: int, target: int) -> nn.Module:
    """Return what brings the features of branch ``source`` to the shape of branch ``target``."""
    if source == target:
        return nn.Identity()
    before, after = channels[source], channels[target]
    if source > target:
        enlarge = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return nn.Sequential(*_convolution(before, after, 1), enlarge)
    halvings = [_halving(before, before) for _ in range(target - source - 1)]
    return nn.Sequential(*halvings, nn.Sequential(*_convolution(before, after, 3, stride=2)))


def _halving(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return what halves the resolution: (B, in, H, W) -> (B, out, H/2, W/2), not negative."""
    return nn.Sequential(*_convolution(in_channels, out_channels, 3, 2), nn.ReLU(inplace=True))


def _convolution(
    in_channels: int, out_channels: int, size: int, stride: int = 1
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """Return a convolution of ``size`` x ``size`` pixels and its normalisation."""
    padding = size // 2
    convolution = nn.Conv2d(in_channels, out_channels, size, stride, padding, bias=False)
    return convolution, nn.BatchNorm2d(out_channels)
