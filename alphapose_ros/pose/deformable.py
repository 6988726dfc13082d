"""Deformable convolution: every tap of the kernel looks where an offset sends it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import repeat
from pkgutil import resolve_name

import torch
import torch.nn.functional as F
from torch import Tensor, nn

is_compiling = getattr(torch.compiler, "is_compiling", bool)  # PyTorch 2.2 cannot tell: False


MAX_SAMPLES = 2**24  # numbers sampled at once (64 MiB in float32); larger batches go in pieces


class DeformableConv2d(nn.Module):
    """Convolution without bias whose taps are moved by offsets.

    (B, in_channels, H, W), offsets (B, 2 T, H', W') and, for the modulated form, factors
    (B, T, H', W') -> (B, out_channels, H', W'), with T = kernel_size ** 2 taps. Offsets come from
    a layer of the caller's, since the official checkpoints keep its parameters beside ours.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as nn.Conv2d starts

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        return deform_conv2d(x, offset, self.weight, mask, stride=self.stride, padding=self.padding)


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """Convolve ``x`` with taps moved by ``offset``.

    On a GPU torchvision's operator does it, where it is installed. Elsewhere sampled_conv2d()
    gives the same numbers: on a processor sooner (benchmarks/deformable.py), and in an exported
    graph by operators that every runtime knows.

    Args:
        x: (B, C, H, W).
        offset: (B, 2 T, H', W'): y and x of each tap in turn [px of x], taps row by row.
        weight: (O, C, kernel height, kernel width), T taps.
        mask: (B, T, H', W'), a factor for each tap; none for deformable convolution v1.
        stride: of the outputs, in both directions [px].
        padding: by how much the first tap of the first output lies outside [px].

    Returns:
        (B, O, H', W'). What lies outside of the image is 0; between pixels is bilinear.

    Source: Dai et al., Deformable Convolutional Networks, 2017; Zhu et al., v2, 2019 (mask).
    """
    operator = torchvision_operator() if x.is_cuda and not is_compiling() else None
    if operator is not None:
        return operator(x, offset, weight, stride=stride, padding=padding, mask=mask)
    return sampled_conv2d(x, offset, weight, mask, stride=stride, padding=padding)


@cache
def torchvision_operator() -> Callable[..., Tensor] | None:
    """Return torchvision's operator, None where there is none."""
    try:
        return resolve_name("torchvision.ops:deform_conv2d")
    except (ImportError, RuntimeError):  # the latter: it was built for another PyTorch
        return None


def sampled_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """Do what deform_conv2d() says in PyTorch alone: on any device, with gradients.

    The taps of each output lie side by side in an image of samples, over which the kernel then
    goes in steps of its own size: an ordinary convolution.
    """
    kernel = tuple(weight.shape[2:])
    if is_compiling():  # a graph does not know how large its batches will be
        samples = sample_taps(x, offset, mask, kernel, (stride, padding))
        return F.conv2d(samples, weight, stride=kernel)
    at_once = max(1, MAX_SAMPLES // math.prod((x.shape[1], *kernel, *offset.shape[2:])))
    masks = repeat(None) if mask is None else mask.split(at_once)
    parts = []
    for piece, places, factors in zip(x.split(at_once), offset.split(at_once), masks, strict=False):
        samples = sample_taps(piece, places, factors, kernel, (stride, padding))
        if samples.numel() < weight.numel():  # either is copied to the other's order of axes
            samples = samples.contiguous()
        parts.append(F.conv2d(samples, weight, stride=kernel))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def sample_taps(
    x: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    kernel: tuple[int, int],
    stride_padding: tuple[int, int],
) -> Tensor:
    """Return what the taps see, tiled: (B, C, H' * kernel height, W' * kernel width).

    Each sample is a weighted sum of four pixels, all channels of which lie together.

    Args:
        x: as of deform_conv2d(), as are ``offset`` and ``mask``.
        offset: y and x of each tap.
        mask: a factor for each tap, or None.
        kernel: height and width.
        stride_padding: of the convolution.
    """
    (batch, channels, height, width), (out_height, out_width) = x.shape, offset.shape[2:]
    places = offset.to(torch.promote_types(offset.dtype, torch.float32))  # halves are too coarse
    down, right = tiled(places.unflatten(1, (*kernel, 2))).unbind(-1)
    y = down + resting(out_height, kernel[0], *stride_padding, down).unflatten(1, (-1, 1, 1))
    x_ = right + resting(out_width, kernel[1], *stride_padding, right)
    above_below, left_right = neighbours(y, height), neighbours(x_, width)
    first = torch.arange(batch, device=x.device).view(-1, 1, 1, 1, 1) * (height * width)
    pixels = [first + row * width + column for row, _ in above_below for column, _ in left_right]
    shares = [wy * wx for _, wy in above_below for _, wx in left_right]
    if mask is not None:
        factors = tiled(mask.unflatten(1, (*kernel, 1))).squeeze(-1)
        shares = [share * factors for share in shares]
    samples = weighted_sums(
        x.permute(0, 2, 3, 1).contiguous().flatten(0, 2),
        torch.stack(pixels, dim=-1).flatten(0, -2),
        torch.stack(shares, dim=-1).flatten(0, -2).to(x.dtype),
    )
    size = (batch, out_height * kernel[0], out_width * kernel[1], channels)
    return samples.view(size).permute(0, 3, 1, 2)


def weighted_sums(rows: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """Return sums of rows: (R, C), which ones (S, 4) and their weights (S, 4) -> (S, C)."""
    if is_compiling():  # ONNX has embedding bags only as slow loops
        return (rows[chosen] * weights[..., None]).sum(dim=1)
    return F.embedding_bag(chosen, rows, per_sample_weights=weights, mode="sum")


def tiled(taps: Tensor) -> Tensor:
    """(B, kernel height, kernel width, D, H', W') -> (B, H', kernel height, W', kernel w., D)."""
    return taps.permute(0, 4, 1, 5, 2, 3)


def resting(outputs: int, taps: int, stride: int, padding: int, like: Tensor) -> Tensor:
    """Return where the taps are before they are moved, along one axis: (outputs, taps) [px]."""
    starts = torch.arange(outputs, device=like.device) * stride - padding
    return (starts.unsqueeze(1) + torch.arange(taps, device=like.device)).to(like.dtype)


def neighbours(places: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    """Return the pixels beside ``places`` along one axis, and their shares; 0 outside of it."""
    places = places.clamp(-1, size)  # all further ones see nothing either; infinity included
    low = places.floor()
    part = places - low
    low = low.long()
    return [
        (pixel.clamp(0, size - 1), share * ((pixel >= 0) & (pixel < size)))
        for pixel, share in ((low, 1 - part), (low + 1, part))
    ]
