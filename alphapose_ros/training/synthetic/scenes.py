"""Whole pictures with several people, for detectors."""

from __future__ import annotations

import cv2
import numpy as np

from alphapose_ros.training.synthetic import cameras
from alphapose_ros.training.synthetic.labels import label_people
from alphapose_ros.training.synthetic.lights import draw_lights
from alphapose_ros.training.synthetic.photography import photograph
from alphapose_ros.training.synthetic.rooms import Room, draw_room
from alphapose_ros.training.synthetic.sample import Sample, Subject
from alphapose_ros.training.synthetic.studio import (
    Studio,
    compose,
    draw_obstacle,
    feet_of,
    hide_behind,
    hide_in_room,
)

_STREAM = 3  # of random numbers
_MAX_PEOPLE = 12
_ROOMS = 0.2  # share of the pictures in made-up rooms, the floor where people stand
_ROOM_M = (4.0, 14.0)
_NEAREST_M = 0.8
_FARTHEST_M = 14.0
_APART_M = 0.4
_MIN_VISIBLE = 0.1  # people of whom less is seen are to be ignored,
_MIN_SIDE_PX = 8  # and so are those of smaller boxes


class Scenes:
    """Picture number i of a seed is always the same."""

    def __init__(self, studio: Studio, size: tuple[int, int] = (480, 640), factor: int = 2) -> None:
        """Prepare.

        Args:
            studio: where people come from.
            size: height and width of a picture.
            factor: fine pixels along one of the picture.
        """
        self._studio, self._size, self._factor = studio, size, factor

    def __call__(self, number: int) -> Sample:
        """Draw picture ``number``."""
        studio, size, factor = self._studio, self._size, self._factor
        rng = np.random.default_rng([studio.seed, _STREAM, number])
        camera = _draw_camera(size, rng)
        room = draw_room(rng, _ROOM_M) if rng.random() < _ROOMS else None
        people, bodies = [], []
        for place in _draw_places(camera, size, room, rng):
            person, body = studio.draw_person(number, rng)
            people.append(studio.stand(person, rng, rng.uniform(-np.pi, np.pi), place))
            bodies.append(body)
        fine = (size[0] * factor, size[1] * factor)
        if room is None:
            background, harmonics = studio.backgrounds.draw(camera, size, rng)
        else:
            background, behind = room.view(camera, size, feet_of(people))
            behind = cv2.resize(behind, fine[::-1], interpolation=cv2.INTER_NEAREST)
            harmonics = None
        layer = studio.renderer(people, camera.finer(factor), fine, draw_lights(rng, harmonics))
        if room is not None:
            layer = hide_in_room(layer, behind)
        is_drawn = layer.owners > 0
        for _ in range(rng.choice(4, p=[0.5, 0.25, 0.15, 0.1])):
            mask = draw_obstacle(fine, rng)
            layer = hide_behind(layer, mask, studio.backgrounds.piece(fine, rng))
            is_drawn |= mask
        image = photograph(compose(layer, is_drawn, background), rng)
        labels, owners, depths = label_people(
            people, layer, camera, factor, studio.crowd.keypoint_model.depths_m
        )
        subjects = tuple(
            Subject(label, body, is_ignored=_is_ignored(label.box, label.visible))
            for label, body in zip(labels, bodies, strict=True)
            if label.area
        )
        return Sample(image, camera, subjects, owners, depths)


def _is_ignored(box: np.ndarray, visible: float) -> bool:
    return visible < _MIN_VISIBLE or (box[2:] - box[:2]).min() < _MIN_SIDE_PX


def _draw_camera(size: tuple[int, int], rng: np.random.Generator) -> cameras.Camera:
    """Draw a camera at eye level, on a low robot, or on a wall."""
    field = np.radians(rng.uniform(45, 85))  # across
    focal = size[1] / 2 / np.tan(field / 2)
    kind = rng.choice(["level", "low", "high"], p=[0.5, 0.32, 0.18])
    low, high, down, spread = {
        "level": (1.0, 1.9, 3, 6),
        "low": (0.15, 0.9, -6, 8),
        "high": (2.0, 4.5, 24, 10),
    }[kind]
    eye = np.array([0.0, rng.uniform(low, high), 0.0])
    pitch, roll = np.radians(rng.normal(down, spread)), np.radians(rng.normal(0, 2.5))
    return cameras.Camera(cameras.pinhole(focal, size), cameras.looking(0.0, pitch, roll), eye)


def _draw_places(
    camera: cameras.Camera, size: tuple[int, int], room: Room | None, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Draw x and z [m] of up to twelve people in view, alone, in groups, or nobody."""
    few, many = rng.integers(1, 4), 2 + rng.geometric(0.25)
    count = min(int(rng.choice([0, few, many], p=[0.06, 0.44, 0.5])), _MAX_PEOPLE)
    half = 0.5 * size[1] / camera.focal_px  # of the picture's width, one metre away
    places: list[np.ndarray] = []
    for _ in range(20 * count):
        if len(places) == count:
            break
        if places and rng.random() < 0.4:  # beside somebody
            place = places[rng.integers(len(places))] + rng.normal(0, 0.7, 2)
        else:
            away = np.exp(rng.uniform(np.log(_NEAREST_M), np.log(_FARTHEST_M)))
            place = np.array([rng.uniform(-half, half) * away, -away])
        apart = min((np.hypot(*(place - other)) for other in places), default=np.inf)
        if apart > _APART_M and place[1] < -_NEAREST_M and _is_inside(place, room):
            places.append(place)
    return [(float(x), float(z)) for x, z in places]


def _is_inside(place: np.ndarray, room: Room | None) -> bool:
    """Tell whether a place (2,) is at least half a metre from the walls."""
    return room is None or bool((abs(place) < room.shell.high[[0, 2]] - 0.5).all())
