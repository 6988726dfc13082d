"""ResNet-50 for person re-identification, with a layer of 512 numbers at its end."""

from __future__ import annotations

from torch import Tensor, nn

from alphapose_ros.pose.resnet import Bottleneck, stage
from alphapose_ros.reid.osnet import add_classifier, embedding_layer

FEATURES = 2048  # channels at the end of the trunk


class FineResNet50(nn.Module):
    """ResNet-50 that keeps its resolution in the last stage.

    (N, 3, H, W) -> features (N, 2048, H/16, W/16). Details of clothes would be lost at 1/32.

    Source: Luo et al., Bag of Tricks and a Strong Baseline for Deep Person Re-identification,
        CVPR Workshops 2019, 3.4 (last stride 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(Bottleneck, 64, 64, 3, stride=1, with_se=False)
        self.layer2 = stage(Bottleneck, 256, 128, 4, stride=2, with_se=False)
        self.layer3 = stage(Bottleneck, 512, 256, 6, stride=2, with_se=False)
        self.layer4 = stage(Bottleneck, 1024, 512, 3, stride=1, with_se=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (N, 64, H/4, W/4)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class ResNetFc(FineResNet50):
    """Embeddings of pictures of people: (N, 3, H, W) -> (N, 512), not of unit length.

    Args:
        classes: people that the classifier tells apart, which training alone needs; 0 for none.
    """

    def __init__(self, classes: int = 1) -> None:
        super().__init__()
        self.fc = embedding_layer(FEATURES)
        add_classifier(self, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(super().forward(x).mean(dim=(2, 3)))


def resnet50_fc512(classes: int = 1) -> ResNetFc:
    """Return ResNet-50 with embeddings of 512 numbers, 24.6 million weights."""
    return ResNetFc(classes)
