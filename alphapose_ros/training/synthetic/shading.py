"""Colours of visible fragments: texture and pattern, lit from all around and by lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alphapose_ros.training.synthetic.lights import Lights, harmonic_basis
from alphapose_ros.training.synthetic.materials import MaterialTable
from alphapose_ros.training.synthetic.rasterizer import Fragments
from alphapose_ros.training.synthetic.textures import PATTERN_PX, sample


@dataclass(frozen=True)
class Surface:
    """Triangles in the world with all that colours them."""

    points: Tensor  # (V, 3) [m]
    normals: Tensor  # (V, 3), not of unit length
    uvs: Tensor  # (U, 2)
    triangles: Tensor  # (T, 3) int64 rows of points
    uv_triangles: Tensor  # (T, 3) int64 rows of uvs
    material_of: Tensor  # (T,) int64
    heights: Tensor  # (V, 1) [m] above the waist, of the person at rest
    materials: MaterialTable


def vertex_normals(points: Tensor, triangles: Tensor) -> Tensor:
    """Return the normals (V, 3) of all vertices, weighted by the triangles' areas."""
    a, b, c = (points.index_select(0, triangles[:, i].contiguous()) for i in range(3))
    normals = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(points)
    for i in range(3):
        total.index_add_(0, triangles[:, i].contiguous(), normals)
    return total


def is_solid(fragments: Fragments, surface: Surface, texels: Tensor) -> Tensor:
    """Return which fragments (F,) are not in a hole of their texture, such as between hairs."""
    table = surface.materials
    material = surface.material_of.index_select(0, fragments.triangles)
    solid = torch.ones_like(material, dtype=torch.bool)
    rows = table.has_holes.index_select(0, material).nonzero().squeeze(1)
    material = material.index_select(0, rows)
    found = sample(
        texels,
        table.starts.index_select(0, material),
        table.sizes.index_select(0, material),
        _uvs(fragments.triangles.index_select(0, rows), fragments.weights[rows], surface),
    )
    solid[rows] = found[:, 3] >= 128
    return solid


def shade(
    fragments: Fragments, surface: Surface, texels: Tensor, lights: Lights, eye: np.ndarray
) -> Tensor:
    """Return the colours (F, 3) of fragments, RGB in [0, 1].

    Args:
        fragments: the visible ones.
        surface: what they are fragments of.
        texels: (N, 4) uint8 RGBA of all textures.
        lights: of the scene.
        eye: (3,) where the camera is [m].
    """
    table = surface.materials
    corners = surface.triangles.index_select(0, fragments.triangles)
    material = surface.material_of.index_select(0, fragments.triangles)
    is_above = _interpolate(surface.heights, corners, fragments.weights)[:, 0] > 0
    material = material + (is_above & table.has_upper.index_select(0, material)).long()
    albedo = _albedo(fragments, material, surface, texels)
    normals = _interpolate(surface.normals, corners, fragments.weights)
    points = _interpolate(surface.points, corners, fragments.weights)
    to_eye = torch.nn.functional.normalize(torch.tensor(eye).to(points) - points, dim=1)
    normals = torch.nn.functional.normalize(normals, dim=1)
    # The inside of a sleeve, or hair from behind, is lit as its outside would be.
    facing = (normals * to_eye).sum(1, keepdim=True)
    normals = torch.where(facing < -0.1, -normals, normals)

    light = harmonic_basis(normals) @ torch.tensor(lights.harmonics).to(normals)
    light = light.clamp(min=0.02)
    shine = torch.zeros_like(light[:, :1])
    directions = torch.tensor(lights.directions).to(normals)
    for direction, colour in zip(directions, torch.tensor(lights.colours).to(normals), strict=True):
        light = light + (normals @ direction).clamp(min=0)[:, None] * colour
        half = torch.nn.functional.normalize(to_eye + direction, dim=1)
        shine = shine + ((normals * half).sum(1).clamp(min=0) ** 16)[:, None] * colour.mean()
    shine = shine * table.gloss.index_select(0, material)[:, None]
    # Squares and square roots stand for the display's gamma of 2.2.
    return (albedo.square() * light + shine).clamp(0, 1).sqrt()


def _albedo(fragments: Fragments, material: Tensor, surface: Surface, texels: Tensor) -> Tensor:
    """Return the colours (F, 3) of the material itself, as displayed."""
    table = surface.materials
    uvs = _uvs(fragments.triangles, fragments.weights, surface)
    starts, sizes = table.starts.index_select(0, material), table.sizes.index_select(0, material)
    texture = sample(texels, starts, sizes, uvs)[:, :3].float() / 255
    matrix = table.colours.index_select(0, material).view(-1, 3, 4)
    colour = (matrix[:, :, :3] * texture[:, None]).sum(2) + matrix[:, :, 3]
    shares = table.pattern_shares.index_select(0, material)
    rows = (shares > 0).nonzero().squeeze(1)
    if len(rows):
        material = material.index_select(0, rows)
        repeats = table.pattern_repeats.index_select(0, material)
        side = torch.full_like(sizes[: len(rows)], PATTERN_PX)
        start = table.pattern_of.index_select(0, material) * PATTERN_PX**2
        pattern = sample(table.patterns, start, side, uvs[rows] * repeats[:, None])
        share = shares[rows, None]
        # The texture's light and dark, its folds, stay on the pattern.
        folds = texture[rows].mean(1, keepdim=True) + 0.35
        colour[rows] = colour[rows] * (1 - share) + pattern.float() / 255 * folds * share
    return colour.clamp(0, 1)


def _uvs(triangles: Tensor, weights: Tensor, surface: Surface) -> Tensor:
    return _interpolate(surface.uvs, surface.uv_triangles.index_select(0, triangles), weights)


def _interpolate(values: Tensor, corners: Tensor, weights: Tensor) -> Tensor:
    """Return the values (F, D) at fragments, from those at the corners (F, 3)."""
    at = values.index_select(0, corners.reshape(-1)).view(len(corners), 3, values.shape[1])
    return (at * weights[:, :, None]).sum(1)
