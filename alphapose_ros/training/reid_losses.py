"""What re-ID is taught by: identities, triplets of the hardest, another network's embeddings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def identity_loss(cosines: Tensor, identities: Tensor, scale: float, smoothing: float) -> Tensor:
    """Return the cross-entropy of identities; 0 for an empty batch.

    Args:
        cosines: (N, identities).
        identities: (N,) int64.
        scale: of the cosines, so that the largest can win.
        smoothing: share of the target that all identities get.
    """
    if not len(cosines):
        return cosines.sum()
    return cross_entropy(scale * cosines, identities, label_smoothing=smoothing)


def hardest_triplets(embeddings: Tensor, identities: Tensor, margin: float) -> Tensor:
    """Return by how much the farthest of the same is not nearer than the nearest stranger.

    Args:
        embeddings: (N, D), of unit length.
        identities: (N,); those that occur once, or have no stranger, count nothing.
        margin: cosine distance by which strangers should be farther away.

    Returns:
        The mean over the embeddings that count; 0 if none does, or the batch is empty.

    Source: Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification
        (2017), "batch hard", with cosine distances.
    """
    if not len(embeddings):
        return embeddings.sum()
    distances = 1 - embeddings @ embeddings.T
    is_same = identities[:, None] == identities[None]
    is_other_picture = ~torch.eye(len(identities), dtype=torch.bool, device=identities.device)
    nowhere = torch.full_like(distances, torch.inf)
    farthest = torch.where(is_same & is_other_picture, distances, -nowhere).amax(dim=1)
    nearest = torch.where(is_same, nowhere, distances).amin(dim=1)
    counts = farthest.isfinite() & nearest.isfinite()
    losses = (farthest[counts] - nearest[counts] + margin).relu()
    return losses.sum() / counts.sum().clamp(min=1)


def teacher_loss(embeddings: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cosine distance (N, D) to targets (N, D), all of unit length."""
    return 1 - (embeddings * targets).sum(dim=1).mean()
