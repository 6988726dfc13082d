"""Light: from all around as nine spherical harmonics per colour, and from up to three lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Share of a band of the light that a matt surface sends back: Ramamoorthi and Hanrahan, An
# Efficient Representation for Irradiance Environment Maps (SIGGRAPH 2001), divided by pi.
_BANDS = np.array([1, *3 * [2 / 3], *5 * [1 / 4]])


@dataclass(frozen=True)
class Lights:
    """What lights a scene; directions in the world, y up; intensities are linear."""

    harmonics: np.ndarray  # (9, 3) of the light that a matt surface sends back, per colour
    directions: np.ndarray  # (L, 3) unit vectors to the lamps, L up to 3
    colours: np.ndarray  # (L, 3)


def harmonic_basis(normals: Tensor) -> Tensor:
    """Return the nine real spherical harmonics (..., 9) of unit vectors (..., 3)."""
    x, y, z = normals.movedim(-1, 0).contiguous()
    return torch.stack(
        [
            torch.full_like(x, 0.282095),
            *(0.488603 * y, 0.488603 * z, 0.488603 * x),
            *(1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1)),
            *(1.092548 * x * z, 0.546274 * (x * x - y * y)),
        ],
        dim=-1,
    )


def from_environment(radiance: np.ndarray, directions: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Return the harmonics (9, 3) of the light from all around.

    Args:
        radiance: (N, 3) linear.
        directions: (N, 3) unit vectors towards where it comes from.
        areas: (N,) solid angles, of sum 4 pi.
    """
    basis = harmonic_basis(torch.from_numpy(directions)).numpy()
    return _BANDS[:, None] * (basis.T @ (radiance * areas[:, None]))


def draw_lights(rng: np.random.Generator, harmonics: np.ndarray | None = None) -> Lights:
    """Draw lamps, and light from sky and ground unless ``harmonics`` are given."""
    if harmonics is None:
        below = rng.uniform(0.1, 0.5) * rng.normal(1, 0.08, 3)
        above = rng.uniform(0.3, 0.9) * rng.normal(1, 0.08, 3)
        harmonics = np.zeros((9, 3))
        harmonics[0] = (above + below) / 2 / 0.282095  # what is added up equals above at the top
        harmonics[1] = (above - below) / 2 / 0.488603
    count = int(rng.integers(1, 4))
    directions = rng.normal(size=(count, 3))
    directions[:, 1] = 0.7 * abs(directions[:, 1])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    strength = rng.uniform(0.1, 1.1, (count, 1)) * 1.6 / count
    return Lights(harmonics, directions, strength * rng.normal(1, 0.12, (count, 3)))
