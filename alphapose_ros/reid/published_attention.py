"""The pose-guided attention that was published beside the paper: its checkpoints can be read.

Its attention map is the same number everywhere, whatever the pose: a softmax over the channels,
whose mean over the channels then is one part of their number at every pixel. So it guides
nothing, and is not offered for tracking; alphapose_ros.reid.attention holds one that works.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from alphapose_ros.reid.resnet_fc import FEATURES, FineResNet50

KEYPOINTS = 17


class Neck(nn.Module):
    """Batch norm between features and the classifier, which training alone needs."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.bnneck = nn.BatchNorm1d(FEATURES)
        self.classifier = nn.Linear(FEATURES, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.bnneck(x)  # (N, 2048)


class PublishedAttention(nn.Module):
    """Pictures (N, 3, H, W) and heatmaps (N, 17, h, w) -> embeddings (N, 2048), not of unit length.

    Args:
        classes: people that the classifier tells apart.

    Source: names and shapes of the published module; paper Eq. 20. There, the map must have the
        size of the features, and has not at the published sizes; here it is brought to it.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = FineResNet50()
        self.head = Neck(classes)
        self.conv1 = nn.Conv2d(KEYPOINTS, KEYPOINTS, 1, stride=2)

    def forward(self, pictures: Tensor, heatmaps: Tensor) -> Tensor:
        features = self.backbone(pictures)  # (N, 2048, H/16, W/16)
        attention = functional.interpolate(self.attention(heatmaps), features.shape[2:])
        weighted = features * attention + features
        return self.head(weighted.mean(dim=(2, 3)))

    def attention(self, heatmaps: Tensor) -> Tensor:
        """Return the map (N, 1, h/2, w/2) of sum 1: 2 * 2 / (h * w) at every pixel."""
        shares = self.conv1(heatmaps).softmax(dim=1).mean(dim=1, keepdim=True)
        return shares / shares.sum(dim=(2, 3), keepdim=True)


def pga_res50(classes: int = 1000) -> PublishedAttention:
    """Return the published module, 25.6 million weights."""
    return PublishedAttention(classes)
