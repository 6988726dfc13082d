from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from alphapose_ros.training.reid_losses import hardest_triplets, identity_loss, teacher_loss
from alphapose_ros.training.reid_network import ClassifiedReid, folded


def brute(embeddings, identities, margin):
    """Try every triplet of each anchor; keep the worst."""
    losses = []
    for i, own in enumerate(identities):
        worst = None
        for j, same in enumerate(identities):
            for k, other in enumerate(identities):
                if i != j and same == own and other != own:
                    near = 1 - embeddings[i] @ embeddings[j]
                    far = 1 - embeddings[i] @ embeddings[k]
                    loss = max(0.0, float(near - far + margin))
                    worst = loss if worst is None else max(worst, loss)
        if worst is not None:
            losses.append(worst)
    return sum(losses) / max(len(losses), 1)


@pytest.mark.parametrize("identities", [[0, 0, 1, 1], [0, 1, 2, 0, 1, 0, 3], [0, 0, 0], [0, 1, 2]])
def test_the_hardest_triplets_are_those_of_all(identities):
    embeddings = normalize(
        torch.randn(len(identities), 6, generator=torch.Generator().manual_seed(1))
    )
    found = hardest_triplets(embeddings, torch.tensor(identities), 0.3)
    assert found.item() == pytest.approx(brute(embeddings, identities, 0.3), abs=1e-6)


def test_triplets_without_anybody_are_zero_and_can_be_derived():
    embeddings = torch.zeros(0, 6, requires_grad=True)
    loss = hardest_triplets(embeddings, torch.zeros(0, dtype=torch.int64), 0.3)
    loss.backward()
    assert loss.item() == 0


def test_identities_by_hand():
    """Two classes, cosines 1 and 0, scale 2, smoothing .1: targets .95 and .05."""
    found = identity_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), 2.0, 0.1)
    right = 2 - math.log(math.exp(2) + 1)
    wrong = -math.log(math.exp(2) + 1)
    assert found.item() == pytest.approx(-(0.95 * right + 0.05 * wrong))
    empty = identity_loss(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), 2.0, 0.1)
    assert empty.item() == 0


def test_the_teacher_is_obeyed_where_directions_agree():
    along = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert teacher_loss(along, along).item() == pytest.approx(0)
    assert teacher_loss(along, along.flip(0)).item() == pytest.approx(1)


def test_a_folded_person_reaches_the_network_whole():
    pictures, heatmaps = torch.randn(2, 3, 16, 8), torch.rand(2, 5, 4, 2)
    seen = []

    class Ears(torch.nn.Module):
        def forward(self, *inputs):
            seen.extend(inputs)
            return normalize(torch.ones(2, 4))

    embeddings, cosines = ClassifiedReid(Ears(), 4, 3)(folded(pictures, heatmaps))
    torch.testing.assert_close(seen[0], pictures)
    torch.testing.assert_close(seen[1], heatmaps)
    assert cosines.shape == (2, 3) and (cosines.abs() <= 1).all()
    assert embeddings.shape == (2, 4)
