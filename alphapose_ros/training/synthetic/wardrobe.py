"""What people wear: garments made ready to be worn, and random choices among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from alphapose_ros.training.synthetic.assets import Assets
from alphapose_ros.training.synthetic.bodies import Body
from alphapose_ros.training.synthetic.formats import Garment, Mesh, largest_weights
from alphapose_ros.training.synthetic.materials import Material, dye, tint
from alphapose_ros.training.synthetic.textures import Texture, draw_pattern

_HATS = ("clothes/fedora", "clothes/fedora_cocked")
_EYES = "eyes/low-poly"
_TEETH = "teeth/teeth_base"


@dataclass(frozen=True)
class Piece:
    """Part of a person that is drawn: skin or a garment, on the device."""

    name: str
    garment: Garment | None  # None: the skin
    bones: Tensor  # (V, 8) int64
    weights: Tensor  # (V, 8)
    uvs: Tensor  # (U, 2)
    triangles: Tensor  # (T, 3) int64
    uv_triangles: Tensor  # (T, 3) int64
    is_one_sided: bool
    texels_per_m: float  # of a texture of 512 px


@dataclass(frozen=True)
class Worn:
    """A piece with its looks, of which there may be two: above and below the waist."""

    piece: Piece
    materials: tuple[Material, ...]


class Wardrobe:
    """All pieces, made when first worn."""

    def __init__(self, assets: Assets, device: torch.device) -> None:
        self._assets, self._device = assets, device
        self._pieces = lru_cache(maxsize=None)(self._make_piece)

    def draw_outfit(self, body: Body, rng: np.random.Generator) -> list[Worn]:
        """Draw skin, eyes, teeth, clothes, shoes, hair, brows and perhaps a hat."""
        sex, other = ("female", "male") if body.is_female else ("male", "female")
        suits = self._names(f"clothes/{sex if rng.random() < 0.93 else other}")
        outfit = [self._skin(body, rng), self._eyes(rng), self._plain(_TEETH)]
        outfit.append(self._clothes(rng.choice(suits), rng))
        if rng.random() < 0.92:
            outfit.append(self._clothes(rng.choice(self._names("clothes/shoes")), rng))
        has_hat = rng.random() < 0.1
        hair_tint = tint(rng, 0.3, 1.35, 0.1)
        if rng.random() < 0.88:
            hair = self._hair_names(body.is_female, rng)
            outfit.append(self._tinted(rng.choice(hair), hair_tint, rng))
        brows = rng.choice(self._names("eyebrows/"))
        outfit.append(self._tinted(brows, hair_tint, rng))
        if has_hat:
            outfit.append(self._clothes(rng.choice(_HATS), rng))
        return outfit

    def with_pattern(
        self, worn: Worn, patterns: list[np.ndarray], rng: np.random.Generator
    ) -> Worn:
        """Print one of ``patterns`` or a drawn one on some of the clothes."""
        if not worn.piece.name.startswith("clothes/") or rng.random() > 0.35:
            return worn
        drawn = [
            patterns[rng.integers(len(patterns))]
            if patterns and rng.random() < 0.5
            else draw_pattern(rng)
            for _ in worn.materials
        ]
        materials = tuple(
            replace(
                material,
                pattern=pattern,
                pattern_share=rng.uniform(0.25, 0.9) * (rng.random() < 0.7),
                pattern_repeats=rng.uniform(1, 6),
            )
            for material, pattern in zip(worn.materials, drawn, strict=True)
        )
        return replace(worn, materials=materials)

    def _names(self, start: str) -> list[str]:
        return [name for name in self._assets.garments if name.startswith(start)]

    def _hair_names(self, is_female: bool, rng: np.random.Generator) -> list[str]:
        """Return hair usual for the sex, mostly."""
        names = self._names("hair/")
        if rng.random() < 0.2:
            return names
        is_short = [name.startswith(("hair/short", "hair/afro")) for name in names]
        return [name for name, short in zip(names, is_short, strict=True) if short != is_female]

    def _skin(self, body: Body, rng: np.random.Generator) -> Worn:
        tone = "dark" if rng.random() < 0.05 + 0.9 * body.races[0] else "light"
        sex = "_female" if body.is_female else "_male"
        names = [
            name
            for name in self._assets.textures
            if name.startswith("skins/") and f"{tone}skinned{sex}" in name
        ]
        right_age = [name for name in names if ("/young_" in name) == body.is_young]
        texture = self._assets.textures[rng.choice(right_age or names)]
        colours = tint(rng, 0.75, 1.08, 0.04)
        skin = Material(texture, 0.0, colours, gloss=0.06 * rng.random())
        return self._worn(self._pieces("skin"), skin)

    def _eyes(self, rng: np.random.Generator) -> Worn:
        names = [name for name in self._assets.textures if name.startswith("eyes/")]
        texture = replace(self._assets.textures[rng.choice(names)], has_holes=False)
        return self._worn(self._pieces(_EYES), Material(texture, 0.0, gloss=0.1))

    def _plain(self, name: str) -> Worn:
        return self._worn(self._pieces(name), Material(self._texture(name), 0.0))

    def _tinted(self, name: str, colours: np.ndarray, rng: np.random.Generator) -> Worn:
        material = Material(self._texture(name), 0.0, colours, gloss=rng.uniform(0, 0.12))
        return self._worn(self._pieces(name), material)

    def _clothes(self, name: str, rng: np.random.Generator) -> Worn:
        texture = self._texture(name)
        parts = 2 if "suit" in name else 1
        gloss = rng.uniform(0, 0.12)
        same = dye(rng)
        materials = [
            Material(
                texture,
                0.0,
                dye(rng) if rng.random() < 0.7 else same,
                gloss,
                has_upper=part + 1 < parts,
            )
            for part in range(parts)
        ]
        return self._worn(self._pieces(name), *materials)

    def _worn(self, piece: Piece, *materials: Material) -> Worn:
        found = (
            replace(m, texels_per_m=piece.texels_per_m * m.texture.sizes[0][1] / 512)
            for m in materials
        )
        return Worn(piece, tuple(found))

    def _texture(self, name: str) -> Texture:
        return self._assets.textures[self._assets.garments[name].material]

    def _make_piece(self, name: str) -> Piece:
        assets = self._assets
        if name == "skin":
            garment, mesh = None, assets.body
            bones, weights = assets.bones, assets.weights
        else:
            garment = assets.garments[name]
            mesh = garment.mesh
            bones, weights = _garment_weights(garment, assets)

        def tensor(array: np.ndarray) -> Tensor:
            dtype = torch.int64 if array.dtype.kind == "i" else torch.float32
            return torch.from_numpy(array).to(self._device, dtype)

        return Piece(
            name=name,
            garment=garment,
            bones=tensor(bones),
            weights=tensor(weights),
            uvs=tensor(mesh.uvs),
            triangles=tensor(mesh.triangles),
            uv_triangles=tensor(mesh.uv_triangles),
            is_one_sided=name == "skin" or name.startswith(("eyes/", "teeth/")),
            texels_per_m=_texels_per_m(mesh),
        )


def fit(garment: Garment, rest: np.ndarray) -> np.ndarray:
    """Return the vertices (G, 3) [m] of a garment on a body (V, 3) at rest."""
    first, second, distance = garment.scales.T
    along = rest[first.astype(int)] - rest[second.astype(int)]  # the row of each axis
    scale = np.abs(along.diagonal()) / np.where(distance > 0, distance, np.inf)
    scale = np.where(distance > 0, scale, 0.1)
    at = (rest[garment.anchors] * garment.weights[..., None]).sum(axis=1)
    return (at + garment.offsets * scale.astype(np.float32)).astype(np.float32)


def _garment_weights(garment: Garment, assets: Assets) -> tuple[np.ndarray, np.ndarray]:
    """Mix the skin weights of the three anchors of each vertex."""
    dense = np.zeros((len(garment.anchors), len(assets.rig.names)), np.float32)
    rows = np.repeat(np.arange(len(dense)), assets.bones.shape[1])
    for corner in range(3):
        at = garment.anchors[:, corner]
        share = np.maximum(garment.weights[:, corner], 0)[:, None] * assets.weights[at]
        np.add.at(dense, (rows, assets.bones[at].reshape(-1)), share.reshape(-1))
    return largest_weights(dense)


def _texels_per_m(mesh: Mesh) -> float:
    """Return how many texels of a texture of 512 px lie on a metre of the surface."""

    def areas(corners: np.ndarray) -> np.ndarray:
        a, b = (corners[:, i] - corners[:, 0] for i in (1, 2))
        if corners.shape[-1] == 2:
            return abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
        return np.linalg.norm(np.cross(a, b), axis=1)

    on_surface = areas(mesh.vertices[mesh.triangles]).sum()
    on_texture = areas(mesh.uvs[mesh.uv_triangles]).sum()
    return float(512 * np.sqrt(on_texture / max(on_surface, 1e-9)))
