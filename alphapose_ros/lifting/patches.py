"""Depth in small patches of the image: what of each is the nearest thing that keeps together."""

from __future__ import annotations

import numpy as np

from alphapose_ros.config import LiftingConfig

SIDE = 5  # values along each side of a patch
PATCH = np.linspace(-1, 1, SIDE, dtype=np.float32)  # in half sides
SMALLEST_PX = 2.0  # half the side of the smallest patch
CENTRE = [6, 7, 8, 11, 12, 13, 16, 17, 18]  # the middle 3 x 3 of a patch
FEW, MANY = 3, 6  # values that must keep together: in the middle, and in the patch
THICKNESS_M = 0.12  # depth within which the values of one limb's patch lie, noise apart
INDEPENDENT = 6.0  # values of a patch that are, at most: neighbours err alike


def surface(
    centres: np.ndarray,
    half: np.ndarray,
    near: tuple[np.ndarray, np.ndarray],
    noise: np.ndarray,
    depth: np.ndarray,
    config: LiftingConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Return z of the person's surface around places (P,) [m] and its variance (P,) [m^2].

    Args:
        centres: (P, 2) x y [px].
        half: (P,) half the sides of the patches [px].
        near: the depth near which it is to be looked for (P,) [m], and how far from it (P,) [m],
            noise apart.
        noise: (P,) standard deviation of single depth values [m].
        depth: (H, W) [m].
        config: ranges.
    """
    if not len(centres):
        return np.empty(0), np.empty(0)
    steps = PATCH[:, None] * np.maximum(half, SMALLEST_PX).astype(np.float32)
    x, y = (centres[:, axis].astype(np.float32) + steps for axis in (0, 1))  # (SIDE, P)
    noise = noise.astype(np.float32)
    middle, reach = near[0].astype(np.float32), near[1].astype(np.float32) + 2 * noise
    low = np.maximum(middle - reach, np.float32(config.min_range_m))
    high = np.minimum(middle + reach, np.float32(config.max_range_m))
    values = read(depth, x, y[:, None], low, high)
    return nearest_cluster(values.reshape(SIDE**2, -1), noise)


@np.errstate(invalid="ignore")
def read(
    depth: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    low: np.ndarray | np.float32,
    high: np.ndarray | np.float32,
) -> np.ndarray:
    """Return depth at the pixels nearest to ``x``, ``y`` where it is in ``low`` .. ``high`` [m].

    Otherwise NaN. All may have any shapes that go together.
    """
    height, width = depth.shape
    columns, rows = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    z = depth.reshape(-1).take(
        np.minimum(np.maximum(rows, 0), height - 1) * np.int32(width)
        + np.minimum(np.maximum(columns, 0), width - 1)
    )
    counts = z >= low
    counts &= z <= high
    counts &= (columns >= 0) & (columns < width)
    counts &= (rows >= 0) & (rows < height)
    np.logical_not(counts, out=counts)
    np.copyto(z, np.nan, where=counts)
    return z


@np.errstate(invalid="ignore")
def nearest_cluster(values: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth of the nearest values of each patch that keep together, and its variance.

    Args:
        values: (SIDE * SIDE, P) [m], NaN where there is none; NumPy is quick where the last axis
            is long.
        noise: (P,) standard deviation of single values [m].

    Returns:
        z (P,) [m] and its variance (P,) [m^2], NaN where a patch has too few values.
    """
    z, middle = np.sort(values, axis=0), np.sort(values[CENTRE], axis=0)  # NaN last
    thickness = THICKNESS_M + 4 * noise
    starts = np.fmin(
        _first_together(middle, FEW, thickness / 2), _first_together(z, MANY, thickness / 2)
    )
    is_alone = np.isinf(starts)
    if is_alone.any():
        starts[is_alone] = _first_together(z[:, is_alone], FEW, thickness[is_alone] / 2)
    is_known = np.isfinite(starts)
    first, last = _within(z, starts, thickness)
    centre = _at(z, (first + last) // 2)  # once more about their middle: noise has two tails
    first, last = _within(z, centre - thickness / 2, thickness)
    found = (_at(z, (first + last) // 2) + _at(z, (first + last + 1) // 2)) / 2
    quarter = (last - first) // 4
    spread = (_at(z, last - quarter) - _at(z, first + quarter)) / 1.35  # of a normal distribution
    count = last - first + 1
    variances = np.maximum(noise, spread) ** 2 * (np.pi / 2) / np.clip(count, 1, INDEPENDENT)
    is_known &= count >= FEW
    return np.where(is_known, found, np.nan), np.where(is_known, variances, np.nan)


def _first_together(z: np.ndarray, many: int, width: np.ndarray) -> np.ndarray:
    """Return the nearest value (P,) from where ``many`` keep together, inf where there is none.

    Args:
        z: (S, P) [m], sorted, NaN last.
        many: how many values.
        width: (P,) within how much [m].
    """
    starts = z[: len(z) - many + 1]
    return np.where(z[many - 1 :] - starts <= width, starts, np.inf).min(axis=0)


def _within(z: np.ndarray, start: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first and last place in each sorted column of (S, P) of values start .. start + size.

    Both are (P,).
    """
    first = _count(z < start)
    return first, np.maximum(_count(z <= start + size) - 1, first)


def _count(mask: np.ndarray) -> np.ndarray:
    """Return how many are true in each column of (S, P), S < 128."""
    return mask.view(np.int8).sum(axis=0, dtype=np.int8).astype(np.intp)


def _at(z: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return one value of each column of (S, P)."""
    places = np.minimum(places, len(z) - 1)
    return z[places, np.arange(z.shape[1])]
