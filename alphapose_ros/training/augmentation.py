"""Crops of people as the network is shown them: moved, hidden, recoloured and spoilt at random.

All on bytes, with one warp, one table of colours and at most one spoiling per crop, so that a
single processor core prepares some thousand crops a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from alphapose_ros.config import Section, setting
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.training.mixing import Person


@dataclass(frozen=True)
class AugmentationConfig(Section):
    """How far crops depart from what they were; chances are in [0, 1]."""

    scale: float = setting(0.16, "Spread of the logarithm of the size", low=0.0, high=1.0)
    aspect: float = setting(0.05, "Spread of the logarithm of the aspect", low=0.0, high=1.0)
    shift: float = setting(0.045, "Spread of the place, in parts of the crop", low=0.0, high=1.0)
    turn: float = setting(0.55, "Chance of a turn; others turn by 4 deg or so", low=0.0, high=1.0)
    turn_deg: float = setting(25.0, "Widest turn to either side", low=0.0, high=180.0)
    upside_down: float = setting(0.02, "Chance of any turn at all", low=0.0, high=1.0)
    flip: float = setting(0.5, "Chance of left and right changing places", low=0.0, high=1.0)
    half_body: float = setting(
        0.35, "Chance of a part of the body filling the crop: see PARTS", low=0.0, high=1.0
    )
    occlusion: float = setting(0.22, "Chance of something in front", low=0.0, high=1.0)
    colour: float = setting(1.0, "Strength of the changes of light and colour", low=0.0, high=4.0)
    grey: float = setting(0.1, "Chance of a crop without colour", low=0.0, high=1.0)
    low_resolution: float = setting(0.4, "Chance of fewer pixels", low=0.0, high=1.0)
    jpeg: float = setting(0.25, "Chance of the traces of compression", low=0.0, high=1.0)
    blur: float = setting(0.12, "Chance of a lens out of focus", low=0.0, high=1.0)
    noise: float = setting(0.08, "Chance of a sensor's noise", low=0.0, high=1.0)


_HEAD = ("nose", "eye", "ear", "head", "neck", "shoulder")
_UPPER = (*_HEAD, "elbow", "wrist", "hip")
PARTS = (  # endings of keypoints' names, and how often that part is chosen
    (_UPPER, 0.45),
    (_HEAD, 0.35),  # people whose box holds little more than a face
    (("hip", "knee", "ankle"), 0.20),
)


@dataclass(frozen=True)
class Augmentation:
    """From a person in a wide crop to what the network is shown."""

    config: AugmentationConfig
    skeleton: Skeleton

    def __call__(
        self, person: Person, other: np.ndarray, size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return one variant of a person.

        Args:
            person: in a crop that is wider than the network's.
            other: (h, w, 3) uint8, some other crop, pieces of which may be put in front.
            size: height h and width w of the network's input [px].
            rng: what is different next time.

        Returns:
            The crop (h, w, 3) uint8 BGR, keypoints (K, 2) in its pixels, and the rows (K,) of the
            person's labels that belong to them, which differ where left and right have changed.
        """
        config = self.config
        is_flipped = rng.random() < config.flip
        matrix = self._warp(person, size, is_flipped, rng)
        border = cv2.BORDER_CONSTANT if rng.random() < 0.6 else cv2.BORDER_REFLECT_101
        crop = cv2.warpAffine(person.crop, matrix, size[::-1], borderMode=border)
        keypoints = person.keypoints @ matrix[:, :2].T + matrix[:, 2]
        order = self.skeleton.flip_order if is_flipped else np.arange(len(keypoints))
        if rng.random() < config.occlusion:
            hide(crop, other, rng)
        crop = self._spoilt(crop, rng)
        if config.colour:
            crop = recoloured(crop, config.colour, rng)
        if rng.random() < config.grey:
            crop = without_colour(crop)
        return crop, keypoints[order].astype(np.float32), order

    def _warp(
        self, person: Person, size: tuple[int, int], is_flipped: bool, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the random 2 x 3 matrix from the stored crop to the network's."""
        config = self.config
        centre, zoom = self._half(person, rng) if rng.random() < config.half_body else (None, 1.0)
        zoom *= np.exp(np.clip(rng.normal(0, config.scale), -0.32, 0.32))
        stretch = np.exp(rng.normal(0, config.aspect))
        turn = rng.normal(0, 4.0 if config.turn else 0.0)
        if rng.random() < config.turn:
            turn = rng.uniform(-config.turn_deg, config.turn_deg)
        if rng.random() < config.upside_down:
            turn = rng.uniform(-180, 180)
        shift = np.clip(rng.normal(0, config.shift, 2), -0.1, 0.1)
        return warp(
            person,
            size,
            centre=centre,
            zoom=(-zoom * stretch if is_flipped else zoom * stretch, zoom / stretch),
            turn_deg=turn,
            shift=(shift[0], shift[1]),
        )

    def _half(self, person: Person, rng: np.random.Generator) -> tuple[np.ndarray | None, float]:
        """Return centre [px of the stored crop] and zoom that show a part, or all of the body."""
        names, _ = PARTS[rng.choice(len(PARTS), p=[share for _, share in PARTS])]
        body = self.skeleton.group("body")
        is_part = np.array([name.endswith(names) for name in self.skeleton.names[body]])
        points = person.keypoints[body][is_part & (person.weights[body] > 0)]
        if len(points) < 4:
            return None, 1.0
        low, high = points.min(axis=0), points.max(axis=0)
        height, width = person.crop.shape[:2]
        part = max((high[0] - low[0]) / width, (high[1] - low[1]) / height) * person.zoom
        return (low + high) / 2, float(np.clip(0.6 / max(part, 1e-3), 1.0, 3.5))

    def _spoilt(self, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        config = self.config
        if rng.random() < config.low_resolution:
            crop = coarse(crop, rng.uniform(0.25, 0.85), rng)
        elif rng.random() < config.blur:
            crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.6))
        if rng.random() < config.jpeg:
            crop = compressed(crop, int(rng.integers(25, 92)))
        if rng.random() < config.noise:
            noise = rng.integers(-1, 2, crop.shape, np.int16) * int(rng.integers(3, 15))
            crop = cv2.add(crop, noise, dtype=cv2.CV_8U)
        return crop


def warp(
    person: Person,
    size: tuple[int, int],
    *,
    centre: np.ndarray | None = None,
    zoom: tuple[float, float] = (1.0, 1.0),
    turn_deg: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Return the 2 x 3 matrix from the stored crop to the network's; as given, without any change.

    Args:
        person: whose crop is wider than the network's.
        size: height and width of the network's crop [px].
        centre: x y of the stored crop [px] that comes to the middle; None is its own middle.
        zoom: of x and y, a negative one mirrors.
        turn_deg: to the right.
        shift: of the middle, in parts of the network's crop.
    """
    height, width = person.crop.shape[:2]
    centre = np.array([width / 2, height / 2]) if centre is None else np.asarray(centre)
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # By height in both directions: the network's crop may be narrower than the stored one.
    factor = person.zoom * size[0] / height * np.array(zoom)
    linear = rotation * factor
    middle = np.array([size[1], size[0]]) * (0.5 + np.asarray(shift))
    return np.column_stack((linear, middle - linear @ centre))


def hide(crop: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> None:
    """Put a rectangle of one colour, or a piece of another crop, onto a part of ``crop``."""
    height, width = crop.shape[:2]
    h, w = int(height * rng.uniform(0.06, 0.47)), int(width * rng.uniform(0.08, 0.47))
    y, x = int(rng.integers(-h // 4, height - h // 2)), int(rng.integers(-w // 4, width - w // 2))
    top, left = max(0, y), max(0, x)
    hidden = crop[top : y + h, left : x + w]
    h, w = hidden.shape[:2]
    if rng.random() < 0.4 or h >= other.shape[0] or w >= other.shape[1]:
        hidden[:] = rng.integers(0, 256, 3)
        return
    y, x = rng.integers(0, other.shape[0] - h), rng.integers(0, other.shape[1] - w)
    hidden[:] = other[y : y + h, x : x + w]


def coarse(crop: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Take pixels away and scale what is left to the old size, sometimes compressed between."""
    height, width = crop.shape[:2]
    small = cv2.resize(crop, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.4:
        small = compressed(small, int(rng.integers(30, 92)))
    kind = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
    return cv2.resize(small, (width, height), interpolation=kind)


def compressed(crop: np.ndarray, quality: int) -> np.ndarray:
    """Write and read a crop as JPEG."""
    return cv2.imdecode(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def recoloured(crop: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Change gamma, contrast, brightness and the balance of the colours, by a table."""
    gamma, contrast = np.exp(rng.normal(0, strength * np.array([0.25, 0.18])))
    brightness = rng.normal(0, strength * 0.07)
    balance = np.exp(rng.normal(0, strength * 0.07, 3))
    value = (_LEVELS**gamma - 0.5) * contrast + 0.5 + brightness
    table = np.clip(value[:, None] * balance, 0, 1) * 255
    return cv2.LUT(crop, table.astype(np.uint8)[None])


def without_colour(crop: np.ndarray) -> np.ndarray:
    """Return a crop (h, w, 3) in shades of grey."""
    return cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


_LEVELS = np.arange(256) / 255.0
