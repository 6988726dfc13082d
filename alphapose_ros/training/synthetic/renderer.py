"""Draws people as a camera sees them: colours, who is seen where, how far away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alphapose_ros.training.synthetic.cameras import Camera
from alphapose_ros.training.synthetic.lights import Lights
from alphapose_ros.training.synthetic.materials import to_table
from alphapose_ros.training.synthetic.people import Placed, skin
from alphapose_ros.training.synthetic.rasterizer import NEAR_M, cover, nearest
from alphapose_ros.training.synthetic.shading import Surface, is_solid, shade, vertex_normals


@dataclass(frozen=True)
class Layer:
    """People in front of nothing, at the fine resolution."""

    colours: np.ndarray  # (H, W, 3) uint8 BGR, 0 where nobody is
    owners: np.ndarray  # (H, W) uint8: 0 nobody, i the i-th person from 1
    depths: np.ndarray  # (H, W) float32 [m], inf where nobody is
    outlines: np.ndarray  # (N,) pixels that each person would cover without the others


class Renderer:
    """Renders people on one device."""

    def __init__(self, texels: Tensor) -> None:
        self._texels, self._device = texels, texels.device

    def __call__(
        self, people: list[Placed], camera: Camera, size: tuple[int, int], lights: Lights
    ) -> Layer:
        """Render up to 255 people.

        Args:
            people: in the world.
            camera: of the fine resolution, see `Camera.finer`.
            size: height and width of the fine resolution.
            lights: of the scene.
        """
        height, width = size
        count = height * width
        colours = torch.zeros((count, 3), dtype=torch.uint8, device=self._device)
        owners = torch.zeros(count, dtype=torch.uint8, device=self._device)
        depths = torch.full((count,), torch.inf, device=self._device)
        outlines = np.zeros(len(people), np.int64)
        if people:
            surface, owner_of, one_sided = self._surface(people, camera)
            fragments = cover(
                self._project(surface.points, camera), surface.triangles, size, one_sided
            )
            fragments = fragments[is_solid(fragments, surface, self._texels).nonzero().squeeze(1)]
            outlines = self._outlines(
                owner_of.index_select(0, fragments.triangles), fragments.pixels, len(people), count
            )
            seen = nearest(fragments, size)
            rgb = shade(seen, surface, self._texels, lights, camera.eye)
            colours[seen.pixels] = (rgb.flip(1) * 255 + 0.5).to(torch.uint8)
            owners[seen.pixels] = owner_of.index_select(0, seen.triangles) + 1
            depths[seen.pixels] = seen.depths
        return Layer(
            colours.view(height, width, 3).cpu().numpy(),
            owners.view(height, width).cpu().numpy(),
            depths.view(height, width).cpu().numpy(),
            outlines,
        )

    def _project(self, points: Tensor, camera: Camera) -> Tensor:
        """Return x y [px] and depth [m] (V, 3)."""
        rotation = torch.tensor(camera.rotation).to(points)
        seen = (points - torch.tensor(camera.eye).to(points)) @ rotation.T
        depth = seen[:, 2:]
        at = seen @ torch.tensor(camera.matrix).to(points).T
        return torch.cat([at[:, :2] / depth.clamp(min=NEAR_M), depth], dim=1)

    def _surface(self, people: list[Placed], camera: Camera) -> tuple[Surface, Tensor, Tensor]:
        """Put everybody in one surface; also return the owner and one-sidedness of triangles."""
        points, normals, triangles, uv_triangles, material_of, owners = [], [], [], [], [], []
        heights = []
        materials, pixels_per_m = [], []
        vertices = uvs = 0
        for number, placed in enumerate(people):
            person = placed.person
            posed = skin(placed, self._device)
            points.append(posed)
            heights.append(person.points[:, 1:2] - person.waist_y)
            normals.append(vertex_normals(posed, person.triangles))
            triangles.append(person.triangles + vertices)
            uv_triangles.append(person.uv_triangles + uvs)
            material_of.append(person.material_of + len(materials))
            owners.append(torch.full_like(person.material_of, number, dtype=torch.uint8))
            materials += person.materials
            depth = np.median(camera.project(placed.keypoints)[:, 2])
            pixels_per_m += [camera.focal_px / max(depth, 0.3)] * len(person.materials)
            vertices += len(posed)
            uvs += len(person.uvs)
        surface = Surface(
            torch.cat(points),
            torch.cat(normals),
            torch.cat([placed.person.uvs for placed in people]),
            torch.cat(triangles),
            torch.cat(uv_triangles),
            torch.cat(material_of),
            torch.cat(heights),
            to_table(materials, pixels_per_m, self._device),
        )
        one_sided = torch.cat([placed.person.one_sided for placed in people])
        return surface, torch.cat(owners), one_sided

    def _outlines(self, owners: Tensor, pixels: Tensor, people: int, count: int) -> np.ndarray:
        covered = torch.zeros(people * count, dtype=torch.bool, device=self._device)
        covered[owners.long() * count + pixels] = True
        return covered.view(people, count).sum(1).cpu().numpy()
