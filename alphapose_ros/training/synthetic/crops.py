"""Pictures of one person each, for pose networks: near or far, cut off, hidden, from all sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros import boxes
from alphapose_ros.training.synthetic import cameras, rotations
from alphapose_ros.training.synthetic.keypoints import SKELETON
from alphapose_ros.training.synthetic.labels import label_people
from alphapose_ros.training.synthetic.lights import draw_lights
from alphapose_ros.training.synthetic.people import Placed
from alphapose_ros.training.synthetic.photography import photograph
from alphapose_ros.training.synthetic.sample import Sample, Subject
from alphapose_ros.training.synthetic.studio import (
    Studio,
    compose,
    draw_obstacle,
    hide_behind,
)

_STREAM = 2  # of random numbers
_MARGIN = 2.0  # the picture shows this much more than the person's box
_MIN_SEEN_PX = 60  # of the person, or the picture is drawn anew
_MIN_VISIBLE = 0.08
_MIN_SHARE = 0.3  # of the full width and height that a picture's borders leave
_PARTS = {  # what remains of somebody cut off
    "upper": ("nose", "head", *(f"{s}_{k}" for s in ("left", "right") for k in ("wrist", "hip"))),
    "bust": ("head", "left_shoulder", "right_shoulder", "neck"),
    "legs": tuple(f"{s}_{k}" for s in ("left", "right") for k in ("hip", "knee", "heel")),
    "thighs": ("head", *(f"{s}_{k}" for s in ("left", "right") for k in ("elbow", "knee"))),
}


@dataclass(frozen=True)
class _Frame:
    """Which part of a camera's view becomes the picture."""

    camera: cameras.Camera
    size: tuple[int, int]


class Crops:
    """Picture number i of a seed is always the same."""

    def __init__(self, studio: Studio, size: tuple[int, int] = (256, 192), factor: int = 2) -> None:
        """Prepare.

        Args:
            studio: where people come from.
            size: height and width of a picture; those of people cut off may be smaller.
            factor: fine pixels along one of the picture.
        """
        self._studio, self._size, self._factor = studio, size, factor

    def __call__(self, number: int) -> Sample:
        """Draw picture ``number``."""
        rng = np.random.default_rng([self._studio.seed, _STREAM, number])
        while True:
            sample = self._attempt(number, rng)
            label = sample.subjects[0].label
            shares = np.array(sample.image.shape[:2]) / self._size
            is_seen = label.area >= _MIN_SEEN_PX and label.visible >= _MIN_VISIBLE
            if is_seen and shares.min() >= _MIN_SHARE:
                return sample

    def _attempt(self, number: int, rng: np.random.Generator) -> Sample:
        studio, factor = self._studio, self._factor
        person, body = studio.draw_person(number, rng)
        turn = rng.normal(0, 1.0) if rng.random() < 0.6 else rng.uniform(-np.pi, np.pi)
        people = [studio.stand(person, rng, turn, (0.0, 0.0))]
        camera = _draw_camera(people[0], rng)
        for _ in range(rng.choice(3, p=[0.68, 0.25, 0.07])):
            if (place := _place_beside(camera, rng)) is not None:
                other, _ = studio.draw_person(number, rng)
                people.append(studio.stand(other, rng, rng.uniform(-np.pi, np.pi), place))
        frame = _draw_frame(people[0], camera, self._size, rng)
        background, harmonics = studio.backgrounds.draw(frame.camera, frame.size, rng)
        fine = (frame.size[0] * factor, frame.size[1] * factor)
        layer = studio.renderer(
            people, frame.camera.finer(factor), fine, draw_lights(rng, harmonics)
        )
        is_drawn = layer.owners > 0
        for _ in range(rng.choice(3, p=[0.68, 0.25, 0.07])):
            mask = draw_obstacle(fine, rng)
            layer = hide_behind(layer, mask, studio.backgrounds.piece(fine, rng))
            is_drawn |= mask
        image = photograph(compose(layer, is_drawn, background), rng)
        labels, owners, depths = label_people(
            people, layer, frame.camera, factor, studio.crowd.keypoint_model.depths_m
        )
        subjects = tuple(
            Subject(label, body if i == 0 else -1, is_ignored=i > 0)
            for i, label in enumerate(labels)
            if i == 0 or label.area
        )
        return Sample(image, frame.camera, subjects, owners, depths)


def _draw_camera(placed: Placed, rng: np.random.Generator) -> cameras.Camera:
    """Draw a camera around a person, its focal length 1000 px: at eye level, low, high, steep."""
    target = placed.extent.mean(axis=0)
    away = np.exp(rng.uniform(np.log(1.0), np.log(9.0)))
    kind = rng.choice(["level", "low", "high", "steep"], p=[0.52, 0.24, 0.12, 0.12])
    if kind == "steep":
        elevation = np.radians(rng.uniform(35, 75))
        away = max(away, 1.6)
        height = target[1] + away * np.sin(elevation)
        away = away * np.cos(elevation)
    else:
        height = rng.uniform(*{"level": (0.8, 1.9), "low": (0.15, 0.8), "high": (1.9, 3.2)}[kind])
    eye = np.array([target[0], height, target[2] + away])
    roll = rng.uniform(-np.pi, np.pi) if rng.random() < 0.06 else np.radians(rng.normal(0, 5))
    # People are rarely in the middle of a picture: look somewhat past them.
    past = rotations.about(rng.normal(size=3), np.radians(min(abs(rng.normal(0, 9)), 25)))
    rotation = past @ cameras.looking_at(eye, target, roll)
    return cameras.Camera(cameras.pinhole(1000.0, (1, 1)), rotation, eye)


def _place_beside(camera: cameras.Camera, rng: np.random.Generator) -> tuple[float, float] | None:
    """Draw where somebody else stands, near the one at 0 0; None too near to the camera."""
    away = rng.uniform(0.4, 1.4)
    angle = rng.uniform(-np.pi, np.pi)
    x, z = away * np.cos(angle), away * np.sin(angle)
    near = np.hypot(x - camera.eye[0], z - camera.eye[2]) < 0.8
    return None if near else (x, z)


def _draw_frame(
    placed: Placed, camera: cameras.Camera, size: tuple[int, int], rng: np.random.Generator
) -> _Frame:
    """Frame a person, or what of it a picture's border leaves."""
    whole = _bounds(camera.project(placed.extent))
    left = whole
    if rng.random() < 0.3:
        names = _PARTS[rng.choice(list(_PARTS), p=[0.4, 0.25, 0.1, 0.25])]
        rows = [SKELETON.index(name) for name in names]
        if rng.random() < 0.2:
            rows = rng.choice(26, 8, replace=False)
        left = _bounds(camera.project(placed.keypoints[rows]))
        left = boxes.scale_about_centre(left[None], 1.15, 1.15)[0]
    width = size[1]
    window = boxes.grow_to_aspect(left[None], size[1] / size[0], _MARGIN)[0]
    window = boxes.scale_about_centre(window[None], *2 * [np.exp(rng.normal(0, 0.08))])[0]
    extent = window[2] - window[0]
    window += np.tile(rng.normal(0, 0.03, 2) * extent, 2)
    cut = window.copy()
    if left is not whole and rng.random() < 0.75:  # the border takes the rest away
        for side, sign in ((0, -1), (1, -1), (2, 1), (3, 1)):
            if sign * (whole[side] - left[side]) > 0.04 * extent:
                cut[side] = left[side]
    cut[:2], cut[2:] = np.maximum(cut[:2], window[:2]), np.minimum(cut[2:], window[2:])
    scale = width / extent
    final = np.maximum(np.rint((cut[2:] - cut[:2]) * scale), 24).astype(int)
    return _Frame(camera.window(cut[0], cut[1], scale), (int(final[1]), int(final[0])))


def _bounds(points: np.ndarray) -> np.ndarray:
    """Return the box (4,) around points (N, 3) of x y depth that lie before the camera."""
    seen = points[points[:, 2] > 0.1, :2]
    seen = seen if len(seen) else points[:, :2]
    low, high = seen.min(axis=0), seen.max(axis=0)
    return np.concatenate([low, np.maximum(high, low + 1)]).astype(np.float64)
