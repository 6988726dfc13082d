"""People: a body, what it wears, a pose and a place; and all people of a scene as one surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from alphapose_ros.training.synthetic.assets import Assets
from alphapose_ros.training.synthetic.bodies import Body, add_expression, draw_body
from alphapose_ros.training.synthetic.keypoints import KeypointModel
from alphapose_ros.training.synthetic.materials import Material
from alphapose_ros.training.synthetic.poses import Posing
from alphapose_ros.training.synthetic.wardrobe import Wardrobe, Worn, fit

_BODY_STREAM = 1  # of random numbers, apart from those of the pictures
_KEPT_BODIES = 96
_SAMPLE_STEP = 24  # every so many vertices tell where a posed body ends
_WAIST_M = 0.07  # above the hip


@dataclass(frozen=True)
class Person:
    """Somebody, dressed, without pose or place."""

    body: Body
    rest: np.ndarray  # (V, 3) float32 [m]: the body with its helpers, then each garment
    waist_y: float  # at rest [m]
    points: Tensor  # the same on the device
    bones: Tensor  # (V, 8) int64
    weights: Tensor  # (V, 8)
    uvs: Tensor  # (U, 2)
    triangles: Tensor  # (T, 3) int64
    uv_triangles: Tensor  # (T, 3)
    material_of: Tensor  # (T,) int64
    one_sided: Tensor  # (T,) bool
    materials: tuple[Material, ...]


@dataclass(frozen=True)
class Placed:
    """A person in a pose at a place of the world (y up, floor at y = 0) [m]."""

    person: Person
    transforms: np.ndarray  # (B, 3, 4) from the body at rest to the world
    keypoints: np.ndarray  # (136, 3) float32
    extent: np.ndarray  # (P, 3) some points of the skin, all over the body


class Crowd:
    """Draws people and puts them somewhere."""

    def __init__(self, assets: Assets, device: torch.device, seed: int) -> None:
        self.assets, self._device = assets, device
        self._wardrobe = Wardrobe(assets, device)
        self._posing = Posing(assets)
        self.keypoint_model = KeypointModel(assets)
        self._samples = np.unique(assets.body.triangles)[::_SAMPLE_STEP]
        # Bodies are costly: each is worn by several people. Number n of a seed is always the same.
        self._body = lru_cache(_KEPT_BODIES)(
            lambda number: draw_body(assets, np.random.default_rng([seed, _BODY_STREAM, number]))
        )

    def draw_person(
        self, number: int, rng: np.random.Generator, patterns: list[np.ndarray] | None = None
    ) -> Person:
        """Dress the body of this number, with an expression.

        Args:
            number: of the body, from 0.
            rng: decides on everything but the body.
            patterns: (64, 64, 3) uint8 RGB to print on clothes, besides drawn ones.
        """
        body = self._body(number)
        outfit = self._wardrobe.draw_outfit(body, rng)
        outfit = [self._wardrobe.with_pattern(worn, patterns or [], rng) for worn in outfit]
        return self._dressed(body, add_expression(body.vertices, self.assets, rng), outfit)

    def place(
        self,
        person: Person,
        pose: np.ndarray,
        fingers: np.ndarray,
        *,
        turn: np.ndarray | None = None,
        at: tuple[float, float] | None = (0.0, 0.0),
        shift: np.ndarray | None = None,
    ) -> Placed:
        """Pose a person and stand it on the floor.

        Args:
            person: whom.
            pose: (19, 3, 3).
            fingers: (2, 5, 3) [rad].
            turn: (3, 3) rotation of the whole person about its hip.
            at: x and z of the hip [m]; the lowest point then touches the floor.
            shift: (3,) instead of ``at``: where the hip goes, without regard to the floor.
        """
        turn = np.eye(3) if turn is None else turn
        transforms, heads, tails = self._posing(person.body.vertices, pose, fingers)
        move = np.eye(3, 4)
        move[:, :3] = turn
        move[:, 3] = -turn @ heads[0]
        transforms = _after(move, transforms)
        extent = self._skin(person, transforms, self._samples)
        if shift is None:
            shift = np.array([at[0], -extent[:, 1].min(), at[1]])
        transforms[:, :, 3] += shift
        move[:, 3] += shift
        heads, tails = (points @ move[:, :3].T + move[:, 3] for points in (heads, tails))
        skin = self._skin(person, transforms, self.keypoint_model.vertices)
        keypoints = self.keypoint_model(heads, tails, skin)
        return Placed(person, transforms, keypoints, extent + shift)

    def _skin(self, person: Person, transforms: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return where some vertices of the body are, (R, 3)."""
        moves = np.einsum(
            "rk,rkij->rij", self.assets.weights[rows], transforms[self.assets.bones[rows]]
        )
        return np.einsum("rij,rj->ri", moves[:, :, :3], person.rest[rows]) + moves[:, :, 3]

    def _dressed(self, body: Body, rest: np.ndarray, outfit: list[Worn]) -> Person:
        hidden = np.zeros(len(rest), bool)
        for worn in outfit:
            if worn.piece.garment is not None:
                hidden[worn.piece.garment.hidden] = True
        corners = self.assets.body.triangles
        bare = torch.from_numpy(np.flatnonzero(~hidden[corners].any(axis=1))).to(self._device)

        points, triangles, uv_triangles, material_of, one_sided = [], [], [], [], []
        vertices = uvs = materials = 0
        for worn in outfit:
            piece = worn.piece
            own = rest if piece.garment is None else fit(piece.garment, rest)
            chosen = bare if piece.garment is None else slice(None)
            triangles.append(piece.triangles[chosen] + vertices)
            uv_triangles.append(piece.uv_triangles[chosen] + uvs)
            material = torch.full((len(triangles[-1]),), materials, device=self._device)
            material_of.append(material)
            one_sided.append(torch.full_like(material, piece.is_one_sided, dtype=torch.bool))
            points.append(own)
            vertices += len(own)
            uvs += len(piece.uvs)
            materials += len(worn.materials)
        rest = np.concatenate(points)
        return Person(
            body=body,
            rest=rest,
            waist_y=self._posing.hip_height(body.vertices) + _WAIST_M,
            points=torch.from_numpy(rest).to(self._device),
            bones=torch.cat([worn.piece.bones for worn in outfit]),
            weights=torch.cat([worn.piece.weights for worn in outfit]),
            uvs=torch.cat([worn.piece.uvs for worn in outfit]),
            triangles=torch.cat(triangles),
            uv_triangles=torch.cat(uv_triangles),
            material_of=torch.cat(material_of),
            one_sided=torch.cat(one_sided),
            materials=tuple(material for worn in outfit for material in worn.materials),
        )


def _after(move: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Return ``transforms`` (B, 3, 4) followed by ``move`` (3, 4)."""
    moved = move[:, :3] @ transforms
    moved[:, :, 3] += move[:, 3]
    return moved


def skin(placed: Placed, device: torch.device) -> Tensor:
    """Return the posed vertices (V, 3) of a person in the world, on the device."""
    person = placed.person
    table = torch.from_numpy(placed.transforms.reshape(-1, 12)).to(device, torch.float32)
    # The weighted sum of eight rows for each vertex: a sparse matrix product.
    moves = torch.nn.functional.embedding_bag(
        person.bones, table, mode="sum", per_sample_weights=person.weights
    ).view(-1, 3, 4)
    return (moves[:, :, :3] * person.points[:, None]).sum(2) + moves[:, :, 3]
