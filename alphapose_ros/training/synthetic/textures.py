"""Pictures on surfaces: all textures in one array, each in four sizes, and patterns for clothes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

LEVELS = 4
PATTERN_PX = 64
_SIDE_PX = 512
_HOLES = 0.02  # share of transparent texels from which a texture has holes


@dataclass(frozen=True)
class Texture:
    """Where a texture lies among all texels."""

    starts: tuple[int, ...]  # first texel of each level, the full size first
    sizes: tuple[tuple[int, int], ...]  # height and width
    has_holes: bool  # some of it is transparent


def collect(paths: dict[str, Path]) -> tuple[np.ndarray, dict[str, Texture]]:
    """Read pictures into one array, so that any set of pixels of any of them is one look-up.

    Args:
        paths: of the pictures, by name.

    Returns:
        (N, 4) uint8 RGBA texels, and where each texture lies among them.

    Raises:
        ValueError: a file is not a picture.
    """
    table, texels, count = {}, [], 0
    for name, path in paths.items():
        levels = _levels(_read(path))
        starts = count + np.cumsum([0, *(level.size // 4 for level in levels)])
        count = int(starts[-1])
        texels += [level.reshape(-1, 4) for level in levels]
        table[name] = Texture(
            tuple(starts[:-1].tolist()),
            tuple(level.shape[:2] for level in levels),
            bool((levels[0][..., 3] < 128).mean() > _HOLES),
        )
    return np.concatenate(texels), table


def _read(path: Path) -> np.ndarray:
    """Read a picture as (H, W, 4) uint8 RGBA of at most 512 pixels a side."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError(f"{path}: not a picture; get the assets again")
    if image.ndim == 2 or image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGBA)
    else:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
    if max(image.shape[:2]) > _SIDE_PX:
        image = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return image


def _levels(image: np.ndarray) -> list[np.ndarray]:
    """Halve a picture again and again; transparent texels give no colour to the smaller ones."""
    levels = [image]
    for _ in range(LEVELS - 1):
        height, width = levels[-1].shape[:2]
        size = (max(width // 2, 1), max(height // 2, 1))
        alpha = levels[-1][..., 3:].astype(np.float32)
        weighted = levels[-1][..., :3] * np.maximum(alpha, 1)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        weighted = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA)
        colour = weighted / np.maximum(alpha, 1)[..., None]
        level = np.dstack([np.clip(colour, 0, 255), alpha])
        levels.append(np.rint(level).astype(np.uint8))
    return levels


def sample(texels: Tensor, starts: Tensor, sizes: Tensor, uvs: Tensor) -> Tensor:
    """Look up texels.

    Args:
        texels: (N, 4) uint8 RGBA of all textures.
        starts: (F,) int64 first texel of each fragment's texture.
        sizes: (F, 2) int64 its height and width.
        uvs: (F, 2) from the lower left corner; repeats beyond 0 to 1.

    Returns:
        (F, 4) uint8 RGBA.
    """
    u, v = uvs[:, 0], uvs[:, 1]
    height, width = sizes[:, 0], sizes[:, 1]
    column = torch.minimum(((u - u.floor()) * width).long(), width - 1)
    row = torch.minimum(((1 - (v - v.floor())) * height).long(), height - 1)
    return texels.index_select(0, starts + row * width + column)


def draw_pattern(rng: np.random.Generator) -> np.ndarray:
    """Draw a pattern that repeats: stripes, checks, dots, stains, (64, 64, 3) uint8 RGB."""
    kind = rng.choice(["stripes", "checks", "dots", "stains", "blocks"])
    y, x = np.mgrid[:PATTERN_PX, :PATTERN_PX] / PATTERN_PX
    if kind == "stripes":
        along = x if rng.random() < 0.4 else y
        levels = ((along * rng.integers(1, 9)) % 1 < rng.uniform(0.2, 0.8)).astype(float)
    elif kind == "checks":
        count = rng.integers(1, 7)
        levels = (((x * count) % 1 < 0.5).astype(float) + ((y * count) % 1 < 0.5)) / 2
    elif kind == "dots":
        count = rng.integers(2, 8)
        away = np.hypot((x * count) % 1 - 0.5, (y * count) % 1 - 0.5)
        levels = (away < rng.uniform(0.15, 0.4)).astype(float)
    elif kind == "stains":
        noise = rng.random((PATTERN_PX, PATTERN_PX))
        noise = np.tile(noise, (3, 3))
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(1.5, 6))
        noise = noise[PATTERN_PX : 2 * PATTERN_PX, PATTERN_PX : 2 * PATTERN_PX]
        levels = np.digitize(noise, np.quantile(noise, [0.3, 0.6, 0.8])) / 3
    else:
        small = rng.random((rng.integers(2, 9), rng.integers(2, 9)))
        levels = cv2.resize(small, (PATTERN_PX, PATTERN_PX), interpolation=cv2.INTER_NEAREST)
    first, second = rng.uniform(0, 255, (2, 3))
    colours = first + (second - first) * levels[..., None]
    return np.clip(colours, 0, 255).astype(np.uint8)
