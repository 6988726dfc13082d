"""A re-ID network as it is trained: with a classifier of the identities, which is thrown away."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize, pixel_shuffle, pixel_unshuffle

STEP = 4  # pixels of a picture to one of a heatmap


class ClassifiedReid(nn.Module):
    """Embeddings, and how much they are like each identity.

    (N, 3 * 16 + J, h/4, w/4) from `folded` -> (N, D), of unit length, and (N, identities) cosines.
    The trainer hands one tensor to a network; so pictures and heatmaps come as one.
    """

    def __init__(self, reid: nn.Module, embedding: int, identities: int) -> None:
        super().__init__()
        self.reid = reid
        self.classifier = nn.Parameter(0.01 * torch.randn(identities, embedding))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings and cosines."""
        pictures, heatmaps = x.split([3 * STEP**2, x.shape[1] - 3 * STEP**2], dim=1)
        embeddings = self.reid(pixel_shuffle(pictures, STEP), heatmaps).float()
        return embeddings, linear(embeddings, normalize(self.classifier.float()))


def folded(pictures: Tensor, heatmaps: Tensor) -> Tensor:
    """Put pictures (N, 3, h, w) and heatmaps (N, J, h/4, w/4) into one tensor."""
    return torch.cat((pixel_unshuffle(pictures, STEP), heatmaps), dim=1)
