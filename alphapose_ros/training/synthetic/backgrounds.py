"""What is behind people: photographs of nobody, environment maps, or made-up shapes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.training.synthetic import lights, rays
from alphapose_ros.training.synthetic.cameras import Camera
from alphapose_ros.training.synthetic.textures import PATTERN_PX

_ENDINGS = (".jpg", ".jpeg", ".png")
_KEPT_PICTURES = 128  # in the memory of every process
_SIDE_PX = 1280  # longer sides are scaled down when read
_SMALL = (16, 32)  # an environment map's size for lighting


class Backgrounds:
    """Draws backgrounds of any size."""

    def __init__(self, folder: Path | str | None, environments: tuple[Path, ...]) -> None:
        """Look for pictures.

        Args:
            folder: pictures without people, in any depth of folders; None: none.
            environments: equirectangular .hdr files; may be empty.

        Raises:
            FileNotFoundError: the folder has no pictures.
        """
        self._pictures = [] if folder is None else _pictures(Path(folder))
        self._environments = environments
        self._read = lru_cache(_KEPT_PICTURES)(_read)
        self._environment = lru_cache(None)(_environment)

    def draw(
        self, camera: Camera, size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Draw what is behind everybody.

        Returns:
            (H, W, 3) uint8 BGR and, where it is known, the light that comes from it: the (9, 3)
            harmonics of `lights`.
        """
        kinds = {"photograph": 0.65 * bool(self._pictures), "made_up": 0.12}
        kinds["environment"] = (0.23 if self._pictures else 0.6) * bool(self._environments)
        shares = np.array(list(kinds.values()))
        kind = rng.choice(list(kinds), p=shares / shares.sum())
        if kind == "environment":
            return self._view(camera, size, rng)
        image = self.piece(size, rng) if kind == "photograph" else made_up(size, rng)
        if rng.random() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 4) * size[0] / 256)
        return image, None

    def piece(self, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Cut a piece out of a photograph, made-up where there are none; (H, W, 3) uint8 BGR."""
        if not self._pictures:
            return made_up(size, rng)
        image = self._read(self._pictures[rng.integers(len(self._pictures))])
        height, width = image.shape[:2]
        share = rng.uniform(0.35, 1) * min(height / size[0], width / size[1])
        rows, columns = max(int(size[0] * share), 2), max(int(size[1] * share), 2)
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        piece = image[top : top + rows, left : left + columns]
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        shrinks = share > 1
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        piece = cv2.resize(piece, size[::-1], interpolation=method)
        return cv2.convertScaleAbs(piece, alpha=rng.uniform(0.6, 1.25))

    def pattern(self, rng: np.random.Generator) -> np.ndarray:
        """Cut a pattern for clothes, (64, 64, 3) uint8 RGB."""
        return self.piece((PATTERN_PX, PATTERN_PX), rng)[..., ::-1]

    def _view(
        self, camera: Camera, size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look at an environment map, turned at random about the vertical."""
        path = self._environments[rng.integers(len(self._environments))]
        radiance, small = self._environment(path)
        turn = rng.uniform(0, 2 * np.pi)
        ray = rays.through(camera, size)
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        u, v = _to_map(ray, turn, radiance.shape[:2])
        image = cv2.remap(radiance, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        exposure = rng.uniform(0.5, 1) / max(float(np.percentile(image, 90)), 1e-3)
        image = np.sqrt(np.clip(image * exposure, 0, 1)) * 255
        row, column = np.mgrid[: _SMALL[0], : _SMALL[1]]
        azimuth = (column + 0.5) / _SMALL[1] * 2 * np.pi + turn
        polar = (row + 0.5) / _SMALL[0] * np.pi
        towards = np.stack(
            [np.sin(polar) * np.sin(azimuth), np.cos(polar), np.sin(polar) * np.cos(azimuth)], -1
        ).reshape(-1, 3)
        areas = np.sin(polar).reshape(-1)
        areas *= 4 * np.pi / areas.sum()
        light = lights.from_environment(small.reshape(-1, 3)[:, ::-1] * exposure, towards, areas)
        level = light[0].mean() * 0.282095  # what an average surface receives
        light *= rng.uniform(0.25, 0.7) / max(level, 1e-3)
        return np.rint(image).astype(np.uint8), light


def _pictures(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not found:
        raise FileNotFoundError(
            f"--backgrounds {folder}: no {', '.join(_ENDINGS)} there; name a folder with pictures "
            "without people, or leave the option out"
        )
    return found


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"--backgrounds: {path} is not a picture; take it away")
    factor = _SIDE_PX / max(image.shape[:2])
    if factor >= 1:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _environment(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the map and a small one for lighting; the sun is capped so that it does not rule."""
    radiance = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if radiance is None:
        raise ValueError(f"{path} is not a picture; get the assets again")
    radiance = radiance.astype(np.float32)
    cap = np.percentile(radiance, 99) * 4
    small = cv2.resize(np.minimum(radiance, cap), _SMALL[::-1], interpolation=cv2.INTER_AREA)
    return radiance, small


def _to_map(ray: np.ndarray, turn: float, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return where directions (H, W, 3) lie on an equirectangular map."""
    azimuth = (np.arctan2(ray[..., 0], ray[..., 2]) - turn) / (2 * np.pi) % 1
    polar = np.arccos(np.clip(ray[..., 1], -1, 1)) / np.pi
    u = azimuth * size[1] - 0.5
    v = np.clip(polar * size[0] - 0.5, 0, size[0] - 1)
    return u.astype(np.float32), v.astype(np.float32)


def made_up(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw shapes and grain before a shade of colour, (H, W, 3) uint8 BGR."""
    height, width = size
    top, bottom = rng.uniform(20, 235, (2, 3))
    share = np.linspace(0, 1, height)[:, None, None]
    image = np.repeat(top * (1 - share) + bottom * share, width, axis=1)
    for _ in range(rng.integers(2, 14)):
        colour = rng.uniform(10, 245, 3).tolist()
        centre = (rng.uniform(0, 1, 2) * (width, height)).astype(int).tolist()
        extent = (rng.uniform(0.02, 0.5, 2) * (width, height)).astype(int) + 1
        kind = rng.choice(["box", "disc", "line", "post"])
        if kind == "box":
            shape = cv2.boxPoints(
                (centre, (2 * extent).tolist(), rng.choice([0, rng.uniform(0, 90)]))
            )
            cv2.fillPoly(image, [shape.astype(np.int32)], colour)
        elif kind == "disc":
            cv2.ellipse(image, centre, extent.tolist(), rng.uniform(0, 180), 0, 360, colour, -1)
        elif kind == "line":
            end = (rng.uniform(0, 1, 2) * (width, height)).astype(int).tolist()
            cv2.line(image, centre, end, colour, int(rng.integers(1, 12)))
        else:
            cv2.rectangle(
                image, (centre[0], 0), (centre[0] + int(extent[0]) // 4, height), colour, -1
            )
    grain = rng.normal(0, 1, (max(height // 8, 1), max(width // 8, 1), 1))
    grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(image + grain * rng.uniform(0, 25), 0, 255).astype(np.uint8)
