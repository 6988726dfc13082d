"""The flip test: what a network finds in a crop and in its mirror image, as one set of heatmaps.

Pixel x of a crop shows place x, without a half-pixel shift, and pixel j of a heatmap is place 4j
of the crop (crop.py). Reversing the columns of a crop of width W takes place x to W - 1 - x. With
the columns of the heatmaps reversed in turn, everything is 3/4 of their pixels too far left, which
no shift by whole pixels makes good: the reference's, by one, leaves one pixel of the crop.

Here the crop is mirrored about x = W / 2 instead: x goes to W - x, and pixel j of a heatmap of
width w to w - j, exactly. All functions return new tensors: nothing is moved within itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mirrored(inputs: Tensor) -> Tensor:
    """Mirror inputs (N, C, h, w) about x = w / 2.

    Column 0 then shows place w, which is just outside: the last column stands in for it.
    """
    return torch.cat((inputs[..., -1:], inputs[..., 1:].flip(-1)), dim=-1)


def averaged(heatmaps: Tensor, of_mirrored: Tensor, flip_order: Sequence[int]) -> Tensor:
    """Average the heatmaps of inputs with those of mirrored() inputs.

    It is the network's outputs that are averaged, before any decoding: logits where those are
    logits, as all integral decodings take them.

    Args:
        heatmaps: (N, K, h, w).
        of_mirrored: (N, K, h, w), still mirrored.
        flip_order: where each row of a mirrored pose comes from, as in Skeleton.

    Returns:
        (N, K, h, w). Column 0 is that of ``heatmaps`` alone: place 0 of a crop is place w of its
        mirror image, which has no such column.
    """
    order = torch.as_tensor(flip_order, device=of_mirrored.device)
    back = of_mirrored[:, order][..., 1:].flip(-1)
    return torch.cat((heatmaps[..., :1], (heatmaps[..., 1:] + back) / 2), dim=-1)
