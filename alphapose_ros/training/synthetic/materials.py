"""What surfaces look like: texture, colours, gloss and pattern, many of them as one table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from alphapose_ros.training.synthetic import rotations
from alphapose_ros.training.synthetic.textures import PATTERN_PX, Texture

_GREY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Material:
    """The look of one part of a person."""

    texture: Texture
    texels_per_m: float  # of the full texture on the surface
    colours: np.ndarray = field(  # (3, 4) from the texture's R G B 1 in [0, 1] to the colour
        default_factory=lambda: np.eye(3, 4)
    )
    gloss: float = 0.0
    pattern: np.ndarray | None = None  # (64, 64, 3) uint8 RGB
    pattern_share: float = 0.0  # 0: not seen, 1: nothing else seen
    pattern_repeats: float = 1.0
    has_upper: bool = False  # above the waist the next material takes its place


@dataclass(frozen=True)
class MaterialTable:
    """M materials on the device."""

    starts: Tensor  # (M,) int64 among all texels
    sizes: Tensor  # (M, 2) int64
    has_holes: Tensor  # (M,) bool
    has_upper: Tensor  # (M,) bool
    colours: Tensor  # (M, 12)
    gloss: Tensor  # (M,)
    patterns: Tensor  # (P, 3) uint8 texels of all patterns
    pattern_of: Tensor  # (M,) int64
    pattern_shares: Tensor  # (M,)
    pattern_repeats: Tensor  # (M,)


def to_table(
    materials: list[Material], pixels_per_m: list[float], device: torch.device
) -> MaterialTable:
    """Collect materials, each with the size of its texture that fits the picture's resolution."""
    levels = [
        int(np.clip(np.round(np.log2(m.texels_per_m / px)), 0, len(m.texture.starts) - 1))
        for m, px in zip(materials, pixels_per_m, strict=True)
    ]
    has_pattern = [m.pattern is not None for m in materials]
    patterns = [m.pattern for m in materials if m.pattern is not None]
    patterns = patterns or [np.zeros((PATTERN_PX, PATTERN_PX, 3), np.uint8)]
    pattern_of = np.maximum(np.cumsum(has_pattern) - 1, 0)

    def tensor(values: list | np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.tensor(np.array(values), dtype=dtype).to(device)

    return MaterialTable(
        starts=tensor(
            [m.texture.starts[k] for m, k in zip(materials, levels, strict=True)], torch.int64
        ),
        sizes=tensor(
            [m.texture.sizes[k] for m, k in zip(materials, levels, strict=True)], torch.int64
        ),
        has_holes=tensor([m.texture.has_holes for m in materials], torch.bool),
        has_upper=tensor([m.has_upper for m in materials], torch.bool),
        colours=tensor([m.colours.reshape(12) for m in materials]),
        gloss=tensor([m.gloss for m in materials]),
        patterns=tensor(np.concatenate(patterns).reshape(-1, 3), torch.uint8),
        pattern_of=tensor(pattern_of, torch.int64),
        pattern_shares=tensor(
            [m.pattern_share * has for m, has in zip(materials, has_pattern, strict=True)]
        ),
        pattern_repeats=tensor([m.pattern_repeats for m in materials]),
    )


def tint(rng: np.random.Generator, low: float, high: float, spread: float) -> np.ndarray:
    """Draw colours (3, 4) that lighten or darken everything, unequally by ``spread``."""
    gains = rng.uniform(low, high) * rng.normal(1, spread, 3)
    return np.hstack([np.diag(gains), np.zeros((3, 1))])


def dye(rng: np.random.Generator) -> np.ndarray:
    """Draw colours (3, 4) that give clothes another colour but keep their folds and seams."""
    kind = rng.random()
    if kind < 0.25:
        return tint(rng, 0.6, 1.15, 0.08)
    offset = rng.uniform(-0.08, 0.15)
    if kind < 0.6:  # turn the hues
        turn = rotations.about(np.ones(3), rng.uniform(0, 2 * np.pi))
        saturation, gain = rng.uniform(0.3, 1.8), rng.uniform(0.5, 1.5)
        matrix = gain * (saturation * turn + (1 - saturation) * _GREY)
    else:  # one colour
        colour = rng.uniform(0.03, 1, 3) ** rng.uniform(0.5, 1.6)
        matrix = np.outer(colour, _GREY) * rng.uniform(0.9, 2.2)
    return np.hstack([matrix, np.full((3, 1), offset)])
