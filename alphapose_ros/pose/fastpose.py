"""FastPose: a residual backbone, then pixel shuffle and dense upsampling to heatmaps."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from alphapose_ros.pose.resnet import BasicBlock, DeformableBottleneck, ResNet, resnet


class DUC(nn.Module):
    """Dense upsampling convolution: 3x3 convolution, then pixel shuffle.

    (B, in_channels, H, W) -> (B, out_channels, 2H, 2W). ``conv`` and ``bn`` carry the names
    of the official checkpoints; modules without parameters are free to have better ones.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4 * out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.relu(self.bn(self.conv(x))))


class FastPose(nn.Module):
    """Heatmap logits of K keypoints at a quarter of the input resolution.

    (B, 3, H, W) -> (B, K, H/4, W/4), H and W multiples of 32.

    Args:
        backbone: (B, 3, H, W) -> (B, backbone.out_channels, H/32, W/32).
        num_keypoints: K.
        head_channels: outputs of the two upsampling steps; the official networks have
            (256, 128), the larger ones (256, 256).

    Source: paper 5.2; the released networks end in a 3x3 convolution after two DUC blocks where
        the text has a 1x1 convolution after three, and we follow the networks.
    """

    def __init__(
        self, backbone: ResNet, num_keypoints: int, head_channels: tuple[int, int] = (256, 128)
    ) -> None:
        super().__init__()
        self.preact = backbone
        self.shuffle = nn.PixelShuffle(2)
        self.duc1 = DUC(backbone.out_channels // 4, head_channels[0])
        self.duc2 = DUC(head_channels[0], head_channels[1])
        self.conv_out = nn.Conv2d(head_channels[1], num_keypoints, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.shuffle(self.preact(x))  # (B, C/4, H/16, W/16)
        return self.conv_out(self.duc2(self.duc1(x)))


def fastpose(
    num_keypoints: int, head_channels: int = 128, *, depth: int, deformable: bool = False
) -> FastPose:
    """Return the FastPose of one size.

    Args:
        num_keypoints: K.
        head_channels: 128, or 256 in the larger official whole-body networks.
        depth: of the residual backbone; official are 50 and 152.
        deformable: deformable convolutions in all blocks of the last three stages; depth >= 50.
    """
    backbone = resnet(depth, later_block=DeformableBottleneck if deformable else None)
    return FastPose(backbone, num_keypoints, (256, head_channels))


fastpose_res18 = partial(fastpose, depth=18)
fastpose_res34 = partial(fastpose, depth=34)
fastpose_res50 = partial(fastpose, depth=50)  # the paper's FastPose50
fastpose_res101 = partial(fastpose, depth=101)
fastpose_res152 = partial(fastpose, depth=152)  # the paper's FastPose152
fastpose_res50_dcn = partial(fastpose, depth=50, deformable=True)
fastpose_res101_dcn = partial(fastpose, depth=101, deformable=True)
fastpose_res152_dcn = partial(fastpose, depth=152, deformable=True)


def fastpose_small(num_keypoints: int) -> FastPose:
    """Half the width of ResNet-18 and a narrow head: for processors without a GPU."""
    backbone = ResNet(BasicBlock, (2, 2, 2, 2), width=32)
    return FastPose(backbone, num_keypoints, head_channels=(64, 64))
