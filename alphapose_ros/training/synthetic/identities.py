"""Pictures of people by identity, for re-ID: each person many times, and all else different."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from alphapose_ros import boxes
from alphapose_ros.training.synthetic import cameras, gait, rotations
from alphapose_ros.training.synthetic.labels import label_people
from alphapose_ros.training.synthetic.lights import draw_lights
from alphapose_ros.training.synthetic.people import Person, Placed
from alphapose_ros.training.synthetic.photography import photograph
from alphapose_ros.training.synthetic.poses import draw_fingers
from alphapose_ros.training.synthetic.sample import Sample, Subject
from alphapose_ros.training.synthetic.studio import (
    Studio,
    compose,
    draw_obstacle,
    hide_behind,
)

_STREAM, _LOOKS_STREAM = 5, 6  # of random numbers
NEIGHBOURS = 8  # identities that appear in each other's pictures; they make one group
_MARGIN = 1.3  # the picture shows this much more than the person's box
_MIN_SEEN_PX = 150
_MIN_VISIBLE = 0.25
_WALKING = 0.6  # share of pictures of people who walk or stand


class Identities:
    """Picture number i of a seed is always the same, and shows identity i // pictures_each.

    ``track_id`` is the identity's number from 1; ``body`` that of its group of NEIGHBOURS, who
    stand beside it in some pictures: hold out whole groups.
    """

    def __init__(
        self,
        studio: Studio,
        size: tuple[int, int] = (160, 80),
        pictures_each: int = 16,
        factor: int = 2,
    ) -> None:
        """Prepare.

        Args:
            studio: where people come from.
            size: height and width of a picture.
            pictures_each: of every identity.
            factor: fine pixels along one of the picture.
        """
        self._studio, self._size, self._factor = studio, size, factor
        self._pictures_each = pictures_each
        self._person = lru_cache(2 * NEIGHBOURS)(self._dressed)

    def __call__(self, number: int) -> Sample:
        """Draw picture ``number``."""
        rng = np.random.default_rng([self._studio.seed, _STREAM, number])
        while True:
            sample = self._attempt(number // self._pictures_each, rng)
            label = sample.subjects[0].label
            if label.area >= _MIN_SEEN_PX and label.visible >= _MIN_VISIBLE:
                return sample

    def _dressed(self, identity: int) -> Person:
        """Return somebody whose build, face, hair and clothes depend on the number alone."""
        rng = np.random.default_rng([self._studio.seed, _LOOKS_STREAM, identity])
        patterns = [self._studio.backgrounds.pattern(rng)] if rng.random() < 0.3 else []
        return self._studio.crowd.draw_person(identity, rng, patterns)

    def _attempt(self, identity: int, rng: np.random.Generator) -> Sample:
        studio, factor = self._studio, self._factor
        people = [self._stand(identity, rng, (0.0, 0.0))]
        camera = _draw_camera(people[0], rng)
        group = identity // NEIGHBOURS
        for _ in range(rng.choice(3, p=[0.55, 0.35, 0.1])):
            other = group * NEIGHBOURS + (identity + rng.integers(1, NEIGHBOURS)) % NEIGHBOURS
            place = _place_beside(rng)
            if np.hypot(place[0] - camera.eye[0], place[1] - camera.eye[2]) > 0.8:
                people.append(self._stand(int(other), rng, place))
        camera, size = _draw_frame(people[0], camera, self._size, rng)
        background, harmonics = studio.backgrounds.draw(camera, size, rng)
        fine = (size[0] * factor, size[1] * factor)
        layer = studio.renderer(people, camera.finer(factor), fine, draw_lights(rng, harmonics))
        is_drawn = layer.owners > 0
        if rng.random() < 0.2:
            mask = draw_obstacle(fine, rng)
            layer = hide_behind(layer, mask, studio.backgrounds.piece(fine, rng))
            is_drawn |= mask
        image = photograph(compose(layer, is_drawn, background), rng)
        labels, owners, depths = label_people(
            people, layer, camera, factor, studio.crowd.keypoint_model.depths_m
        )
        own = Subject(labels[0], group, is_ignored=False, track_id=identity + 1)
        others = (Subject(label, group, is_ignored=True) for label in labels[1:] if label.area)
        return Sample(image, camera, (own, *others), owners, depths)

    def _stand(self, identity: int, rng: np.random.Generator, at: tuple[float, float]) -> Placed:
        """Put somebody on the floor, mostly walking or standing, seen from any side."""
        person, turn = self._person(identity), rng.uniform(-np.pi, np.pi)
        if rng.random() >= _WALKING:
            return self._studio.stand(person, rng, turn, at)
        pose = gait.stride_pose(
            self._studio.crowd.assets.pose_joints,
            rng.uniform(0, 2 * np.pi),
            float(rng.random() < 0.7),
            gait.draw_style(rng),
            rng.uniform(0, 10),
        )
        noise = rotations.about(rng.normal(size=(19, 3)), np.radians(rng.normal(0, 4, 19)))
        turned = rotations.about(np.array([0.0, 1.0, 0.0]), turn)
        return self._studio.crowd.place(person, pose @ noise, draw_fingers(rng), turn=turned, at=at)


def _draw_camera(placed: Placed, rng: np.random.Generator) -> cameras.Camera:
    """Draw a camera around a person, its focal length 1000 px: at eye level, low or high."""
    target = placed.extent.mean(axis=0)
    away = np.exp(rng.uniform(np.log(1.5), np.log(10.0)))
    kind = rng.choice(["level", "low", "high"], p=[0.5, 0.25, 0.25])
    height = rng.uniform(*{"level": (0.8, 1.9), "low": (0.2, 0.8), "high": (1.9, 4.0)}[kind])
    eye = np.array([target[0], height, target[2] + away])
    past = rotations.about(rng.normal(size=3), np.radians(min(abs(rng.normal(0, 7)), 20)))
    rotation = past @ cameras.looking_at(eye, target, np.radians(rng.normal(0, 4)))
    return cameras.Camera(cameras.pinhole(1000.0, (1, 1)), rotation, eye)


def _place_beside(rng: np.random.Generator) -> tuple[float, float]:
    """Draw where somebody else stands, near the one at 0 0."""
    away, angle = rng.uniform(0.35, 1.2), rng.uniform(-np.pi, np.pi)
    return away * np.cos(angle), away * np.sin(angle)


def _draw_frame(
    placed: Placed, camera: cameras.Camera, size: tuple[int, int], rng: np.random.Generator
) -> tuple[cameras.Camera, tuple[int, int]]:
    """Frame a person; one in five is cut off below the hips, the knees, or at a side.

    Returns:
        The camera of the picture, and the picture's height and width.
    """
    points = camera.project(placed.extent)
    points = points[points[:, 2] > 0.1, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    if rng.random() < 0.2:
        side = rng.choice(["below", "left", "right"], p=[0.7, 0.15, 0.15])
        share = rng.uniform(0.4, 0.85)
        if side == "below":
            high[1] = low[1] + share * (high[1] - low[1])
        elif side == "left":
            low[0] = high[0] - share * (high[0] - low[0])
        else:
            high[0] = low[0] + share * (high[0] - low[0])
    box = np.concatenate([low, np.maximum(high, low + 1)])[None]
    window = boxes.grow_to_aspect(box, size[1] / size[0], _MARGIN)[0].astype(np.float64)
    scale = size[1] / (window[2] - window[0])
    return camera.window(window[0], window[1], scale), size
