"""Made-up rooms and yards with furniture, seen from any camera, with exact depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from alphapose_ros.training.synthetic import rays
from alphapose_ros.training.synthetic.cameras import Camera
from alphapose_ros.training.synthetic.textures import draw_pattern

_FLOOR, _CEILING, _SKY = 2, 3, -1  # faces of a room
_SHADOW_M = 0.32  # how wide people darken the floor around their feet
_TEXTURE_PX = 256


@dataclass(frozen=True)
class Block:
    """A cuboid along the axes of the world, seen from outside, or from inside as a room."""

    low: np.ndarray  # (3,) [m]
    high: np.ndarray  # (3,)
    textures: tuple[np.ndarray, ...]  # six of (256, 256, 3) float32 BGR: -x +x -y +y -z +z
    repeat_m: tuple[float, ...]  # the size of each texture


@dataclass(frozen=True)
class Room:
    """Four walls and a floor, perhaps a ceiling, and what stands in it."""

    shell: Block
    has_ceiling: bool
    furniture: tuple[Block, ...] = field(default=())
    sky: tuple[np.ndarray, np.ndarray] = (np.zeros(3), np.zeros(3))  # BGR at horizon, and above

    def view(
        self, camera: Camera, size: tuple[int, int], feet: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look at the room.

        Args:
            camera: inside of it.
            size: height and width of the picture.
            feet: (N, 2) x and z of people [m], who darken the floor.

        Returns:
            (H, W, 3) uint8 BGR and (H, W) float32 depth [m], inf for the sky.
        """
        ray = np.ascontiguousarray(rays.through(camera, size).reshape(-1, 3).T)
        eye = camera.eye.astype(np.float32)
        depth, face = _leave(eye, ray, self.shell)
        if not self.has_ceiling:
            depth = np.where(face == _CEILING, np.inf, depth)
            face = np.where(face == _CEILING, _SKY, face)
        colour = np.zeros((ray.shape[1], 3), np.float32)
        _paint_sky(colour, self.sky, ray, face == _SKY)
        _paint(colour, self.shell, (eye, ray), depth, face)
        floor = np.flatnonzero(face == _FLOOR)
        x, z = (eye[i] + depth[floor] * ray[i, floor] for i in (0, 2))
        for foot in feet:
            away = ((x - foot[0]) ** 2 + (z - foot[1]) ** 2) / _SHADOW_M**2
            colour[floor] *= 1 - 0.55 * np.exp(-away)[:, None]
        for block in self.furniture:
            rows = _rows_of(block, camera, size)
            near, face = _enter(eye, ray[:, rows], block)
            seen = near < depth[rows]
            rows = rows[seen]
            depth[rows] = near[seen]
            painted = np.empty((len(rows), 3), np.float32)
            _paint(painted, block, (eye, ray[:, rows]), near[seen], face[seen])
            colour[rows] = painted
        image = np.clip(colour, 0, 255).astype(np.uint8).reshape(*size, 3)
        return image, depth.reshape(size).astype(np.float32)


def _rows_of(block: Block, camera: Camera, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels, row by row, of the box around a block; all where it is very near."""
    height, width = size
    corners = np.array(np.meshgrid(*zip(block.low, block.high, strict=True))).reshape(3, -1).T
    x, y, z = camera.project(corners).T
    if z.min() < 0.1:
        return np.arange(height * width)
    left, right = np.clip([np.floor(x.min()), np.ceil(x.max()) + 1], 0, width).astype(int)
    top, bottom = np.clip([np.floor(y.min()), np.ceil(y.max()) + 1], 0, height).astype(int)
    return (np.arange(top, bottom)[:, None] * width + np.arange(left, right)).reshape(-1)


def _paint_sky(
    colour: np.ndarray, sky: tuple[np.ndarray, np.ndarray], ray: np.ndarray, seen: np.ndarray
) -> None:
    up = ray[:, seen]
    share = np.clip(up[1] / np.linalg.norm(up, axis=0), 0, 1)[:, None] ** 0.6
    colour[seen] = sky[0] * (1 - share) + sky[1] * share


def _paint(
    colour: np.ndarray,
    block: Block,
    rays_from: tuple[np.ndarray, np.ndarray],
    depth: np.ndarray,
    face: np.ndarray,
) -> None:
    """Write the texture of a block's faces where one is seen, in place.

    Args:
        colour: (R, 3) what to write into.
        block: whose faces.
        rays_from: the eye (3,) and the rays (3, R).
        depth: (R,) where they meet the block.
        face: (R,) which face they meet, negative for none.
    """
    eye, ray = rays_from
    for number, (texture, repeat) in enumerate(zip(block.textures, block.repeat_m, strict=True)):
        rows = np.flatnonzero(face == number)
        if not len(rows):
            continue
        axis = number // 2
        u, v = (eye[i] + depth[rows] * ray[i, rows] for i in range(3) if i != axis)
        if axis == 0:
            u, v = v, u
        column, row = (
            (along / repeat % 1 * _TEXTURE_PX).astype(int) % _TEXTURE_PX for along in (u, -v)
        )
        colour[rows] = texture[row, column]


def _crossings(
    eye: np.ndarray, ray: np.ndarray, block: Block
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each axis at which depths rays (3, R) pass between a block's two planes."""
    for axis in range(3):
        along = np.where(abs(ray[axis]) < 1e-9, np.float32(1e-9), ray[axis])
        first, second = (
            np.float32(side[axis] - eye[axis]) / along for side in (block.low, block.high)
        )
        yield np.minimum(first, second), np.maximum(first, second)


def _leave(eye: np.ndarray, ray: np.ndarray, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Return where rays (3, R) from inside hit a block (R,) and which of its faces."""
    depth = np.full(ray.shape[1], np.inf, np.float32)
    face = np.full(ray.shape[1], _SKY, np.int8)
    for axis, (_, far) in enumerate(_crossings(eye, ray, block)):
        nearer = far < depth
        depth = np.where(nearer, far, depth)
        face = np.where(nearer, 2 * axis + (ray[axis] > 0), face)
    return depth, face


def _enter(eye: np.ndarray, ray: np.ndarray, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Return where rays from outside hit a block (R,), inf where they miss, and which face."""
    enter = np.full(ray.shape[1], -np.inf, np.float32)
    leave = np.full(ray.shape[1], np.inf, np.float32)
    face = np.full(ray.shape[1], _SKY, np.int8)
    for axis, (near, far) in enumerate(_crossings(eye, ray, block)):
        later = near > enter
        enter = np.where(later, near, enter)
        face = np.where(later, 2 * axis + (ray[axis] < 0), face)
        leave = np.minimum(leave, far)
    hits = (enter < leave) & (enter > 0.05)
    return np.where(hits, enter, np.inf), np.where(hits, face, _SKY)


def draw_room(rng: np.random.Generator, half_m: tuple[float, float] = (5.0, 7.0)) -> Room:
    """Draw a room around 0 0 with furniture along its far walls.

    Args:
        rng: decides.
        half_m: least and largest distance of the walls from the middle.
    """
    half_x, half_z = rng.uniform(*half_m, 2)
    height = rng.uniform(2.6, 3.6)
    shell = Block(
        np.array([-half_x, 0, -half_z]),
        np.array([half_x, height, half_z]),
        _textures(rng, shades=(0.8, 0.75, 0.7, 1.1, 0.95, 0.9)),
        tuple(rng.uniform(1.2, 4, 6)),
    )
    furniture = []
    for _ in range(rng.integers(4, 10)):
        size = rng.uniform((0.3, 0.4, 0.3), (1.6, 1.9, 0.8))
        x, z = rng.uniform(-half_x, half_x - size[0]), -half_z + rng.uniform(0, 0.5)
        low = np.array([x, 0, z])
        if rng.random() < 0.4:  # along a side wall
            side = -half_x if rng.random() < 0.5 else half_x - size[2]
            size = size[[2, 1, 0]]
            low = np.array([side, 0, rng.uniform(-half_z, half_z - size[2])])
        if rng.random() < 0.3:  # hung on the wall
            low[1] = rng.uniform(0.8, 1.6)
            size[1] *= 0.5
        textures = _textures(rng, shades=(0.7, 0.8, 0.4, 1.1, 0.8, 1.0))
        furniture.append(Block(low, low + size, textures, tuple(rng.uniform(0.4, 1.5, 6))))
    horizon = rng.uniform(170, 235, 3)
    above = horizon * rng.uniform((0.7, 0.6, 0.4), (1.0, 0.8, 0.7))
    return Room(shell, bool(rng.random() < 0.6), tuple(furniture), (horizon, above))


def _textures(rng: np.random.Generator, shades: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """Draw faint patterns for six faces, lit as they lie; two sides look alike."""
    sides, bottom, top = (_texture(rng) for _ in range(3))
    faces = (sides, sides, bottom, top, sides, sides)
    return tuple(
        np.clip(face * shade, 0, 255).astype(np.float32)
        for face, shade in zip(faces, shades, strict=True)
    )


def _texture(rng: np.random.Generator) -> np.ndarray:
    """Draw a pattern in weak colours with stains, (256, 256, 3) float32."""
    side = _TEXTURE_PX
    pattern = cv2.resize(draw_pattern(rng), (side, side), interpolation=cv2.INTER_LINEAR)
    base = rng.uniform(90, 215) * rng.normal(1, 0.1, 3)
    stains = cv2.GaussianBlur(rng.normal(0, 1, (side, side)), (0, 0), rng.uniform(2, 12))
    stains = stains / stains.std() * rng.uniform(2, 9)
    share = rng.uniform(0.1, 0.45)
    return (base * (1 - share) + pattern * share + stains[..., None]).astype(np.float32)
