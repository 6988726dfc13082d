"""A deferred rasteriser in torch: first which triangle is seen where, then everything else.

Every step works on whole arrays, so the same code runs on the processor and on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEAR_M = 0.05  # triangles that come nearer to the camera are left out
_EDGE = -1e-5  # weights down to this are inside, so that no gap opens between two triangles


@dataclass(frozen=True)
class Fragments:
    """Pixels that triangles cover, F of them."""

    pixels: Tensor  # (F,) int64, row * width + column
    triangles: Tensor  # (F,) int64
    weights: Tensor  # (F, 3) of the three corners, right in space and not only on the screen
    depths: Tensor  # (F,) float32 [m]

    def __getitem__(self, rows: Tensor) -> Fragments:
        """Take some of them; ``rows`` are int64."""
        return Fragments(
            self.pixels.index_select(0, rows),
            self.triangles.index_select(0, rows),
            self.weights.index_select(0, rows),
            self.depths.index_select(0, rows),
        )


def cover(
    points: Tensor, triangles: Tensor, size: tuple[int, int], one_sided: Tensor | None = None
) -> Fragments:
    """Find all pixels whose centre lies in a triangle, hidden or not.

    Args:
        points: (V, 3) x y [px; the centre of the first pixel is 0 0] and depth [m].
        triangles: (T, 3) int64 rows of points.
        size: height and width of the picture.
        one_sided: (T,) bool, triangles that are seen from their front only: counter-clockwise
            for the viewer.
    """
    height, width = size
    x, y, z = (points[:, i].contiguous() for i in range(3))
    corners = triangles.t().contiguous()  # (3, T)
    xs, ys, zs = (v.index_select(0, corners.reshape(-1)).view(3, -1) for v in (x, y, z))
    left = xs.amin(0).ceil().clamp(min=0)
    right = xs.amax(0).floor().clamp(max=width - 1)
    top = ys.amin(0).ceil().clamp(min=0)
    bottom = ys.amax(0).floor().clamp(max=height - 1)
    x1, x2 = xs[1] - xs[0], xs[2] - xs[0]
    y1, y2 = ys[1] - ys[0], ys[2] - ys[0]
    area = x1 * y2 - x2 * y1  # twice; negative from the front, for y points down
    seen = (left <= right) & (top <= bottom) & (zs.amin(0) > NEAR_M) & (area.abs() > 1e-9)
    if one_sided is not None:
        seen &= ~one_sided | (area < 0)
    rows = seen.nonzero().squeeze(1)

    columns = (right - left + 1).index_select(0, rows).long()
    counts = columns * (bottom - top + 1).index_select(0, rows).long()
    ends = counts.cumsum(0)
    of = torch.repeat_interleave(counts)  # (F,) which of the rows
    step = torch.arange(len(of), device=of.device) - (ends - counts).index_select(0, of)
    columns = columns.index_select(0, of)
    down = torch.div(step, columns, rounding_mode="floor")
    across = step - down * columns
    # Per triangle: where its box begins, from corner 0; the weights of corners 1 and 2 are linear
    # in the way from there.
    scale = 1 / area
    plane = torch.stack(
        (left - xs[0], top - ys[0], y2 * scale, -x2 * scale, -y1 * scale, x1 * scale)
    )
    dx, dy, ax, ay, bx, by = plane.index_select(1, rows).index_select(1, of)
    dx, dy = dx + across, dy + down
    second, third = dx * ax + dy * ay, dx * bx + dy * by
    first = 1 - second - third
    inside = (first >= _EDGE) & (second >= _EDGE) & (third >= _EDGE)
    at = inside.nonzero().squeeze(1)

    of, across, down = of.index_select(0, at), across.index_select(0, at), down.index_select(0, at)
    found = rows.index_select(0, of)
    pixels = (top.index_select(0, found).long() + down) * width
    pixels += left.index_select(0, found).long() + across
    # On the screen 1 / depth is linear, and so is whatever is divided by the depth.
    screen = torch.stack((first, second, third)).index_select(1, at).clamp(min=0)
    inverse = screen / zs.index_select(1, found)
    total = inverse.sum(0)
    shares = screen.sum(0)  # 1 but for the clamping
    return Fragments(pixels, found, (inverse / total).t().contiguous(), shares / total)


def nearest(fragments: Fragments, size: tuple[int, int]) -> Fragments:
    """Keep the nearest fragment of each pixel; of equally near ones the first."""
    height, width = size
    count = len(fragments.pixels)
    # Positive floats sort as their bits do; the fragment's row in the lower half decides ties.
    order = torch.arange(count, device=fragments.pixels.device)
    keys = (fragments.depths.view(torch.int32).long() << 32) | order
    nothing = torch.iinfo(torch.int64).max
    buffer = torch.full((height * width,), nothing, device=keys.device)
    buffer.scatter_reduce_(0, fragments.pixels, keys, "amin")
    found = buffer[buffer != nothing] & 0xFFFFFFFF
    return fragments[found]
