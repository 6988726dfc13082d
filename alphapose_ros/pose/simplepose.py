"""SimplePose: a residual backbone and three transposed convolutions."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from alphapose_ros.pose.resnet import ResNet, resnet

WIDTH = 256  # channels of all transposed convolutions


class SimplePose(nn.Module):
    """Heatmap logits of K keypoints: (B, 3, H, W) -> (B, K, H/4, W/4), H and W multiples of 32.

    Args:
        backbone: (B, 3, H, W) -> (B, backbone.out_channels, H/32, W/32).
        num_keypoints: K.

    Source: Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, 2018.
    """

    def __init__(self, backbone: ResNet, num_keypoints: int) -> None:
        super().__init__()
        self.preact = backbone
        self.deconv_layers = nn.Sequential(
            *doubling(backbone.out_channels), *doubling(WIDTH), *doubling(WIDTH)
        )
        self.final_layer = nn.Conv2d(WIDTH, num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.final_layer(self.deconv_layers(self.preact(x)))


def doubling(in_channels: int) -> tuple[nn.Module, ...]:
    """Return the layers of (B, in_channels, H, W) -> (B, WIDTH, 2 H, 2 W)."""
    convolution = nn.ConvTranspose2d(in_channels, WIDTH, 4, stride=2, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)


def simplepose(num_keypoints: int, *, depth: int) -> SimplePose:
    """Return the SimplePose on a plain ResNet of some depth."""
    return SimplePose(resnet(depth, with_se=False), num_keypoints)


simplepose_res50 = partial(simplepose, depth=50)
simplepose_res101 = partial(simplepose, depth=101)
simplepose_res152 = partial(simplepose, depth=152)
