"""Short sequences of people who cross, leave and come back, before a camera that may move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from alphapose_ros.training.synthetic import cameras, gait, rotations
from alphapose_ros.training.synthetic.cameras import Camera
from alphapose_ros.training.synthetic.labels import label_people
from alphapose_ros.training.synthetic.lights import Lights, draw_lights
from alphapose_ros.training.synthetic.people import Person, Placed
from alphapose_ros.training.synthetic.poses import draw_fingers
from alphapose_ros.training.synthetic.rooms import Room, draw_room
from alphapose_ros.training.synthetic.sample import Sample, Subject
from alphapose_ros.training.synthetic.studio import Studio, compose, feet_of, hide_in_room

_STREAM = 4  # of random numbers
_MIN_VISIBLE = 0.1
_GRAIN = 2.0


@dataclass(frozen=True)
class Plan:
    """Who goes where, and what the camera does, in F frames."""

    kind: str
    tracks: tuple[gait.Track, ...]
    styles: tuple[gait.Style, ...]
    camera: tuple[Camera, ...]  # F of them


@dataclass(frozen=True)
class _Actor:
    """Somebody in a sequence."""

    person: Person
    body: int
    fingers: np.ndarray
    track: gait.Track
    style: gait.Style


class Sequences:
    """Sequence number i of a seed is always the same; its kind is that of i in turn."""

    def __init__(
        self,
        studio: Studio,
        size: tuple[int, int] = (240, 320),
        frames: int = 24,
        rate_hz: float = 8.0,
        factor: int = 2,
    ) -> None:
        """Prepare.

        Args:
            studio: where people come from.
            size: height and width of a picture.
            frames: of a sequence.
            rate_hz: frames a second.
            factor: fine pixels along one of the picture.
        """
        self._studio, self._size, self._factor = studio, size, factor
        self.stamps_s = np.arange(frames) / rate_hz

    def kind(self, number: int) -> str:
        """Return what happens in sequence ``number``: one of PLANS."""
        return list(PLANS)[number % len(PLANS)]

    def __call__(self, number: int) -> Iterator[Sample]:
        """Draw the frames of sequence ``number``."""
        studio = self._studio
        rng = np.random.default_rng([studio.seed, _STREAM, number])
        plan = PLANS[self.kind(number)](self.stamps_s, self._size, rng)
        room, lights = draw_room(rng), draw_lights(rng)
        actors = []
        for track, style in zip(plan.tracks, plan.styles, strict=True):
            person, body = studio.draw_person(number * len(PLANS), rng)
            actors.append(_Actor(person, body, draw_fingers(rng), track, style))
        for frame, time_s in enumerate(self.stamps_s):
            people = [self._place(actor, frame, time_s) for actor in actors]
            yield self._picture(actors, people, plan.camera[frame], room, lights, rng)

    def _place(self, actor: _Actor, frame: int, time_s: float) -> Placed:
        track = actor.track
        pose = gait.stride_pose(
            self._studio.crowd.assets.pose_joints,
            track.phases[frame],
            track.strengths[frame],
            actor.style,
            time_s,
        )
        turn = rotations.about(np.array([0.0, 1.0, 0.0]), track.headings[frame])
        place = tuple(track.places[frame].tolist())
        return self._studio.crowd.place(actor.person, pose, actor.fingers, turn=turn, at=place)

    def _picture(
        self,
        actors: list[_Actor],
        people: list[Placed],
        camera: Camera,
        room: Room,
        lights: Lights,
        rng: np.random.Generator,
    ) -> Sample:
        factor, size = self._factor, self._size
        fine = (size[0] * factor, size[1] * factor)
        layer = self._studio.renderer(people, camera.finer(factor), fine, lights)
        feet = feet_of(people)
        background, behind = room.view(camera.finer(factor), fine, feet)
        layer = hide_in_room(layer, behind)
        image = compose(
            layer,
            layer.owners > 0,
            cv2.resize(background, size[::-1], interpolation=cv2.INTER_AREA),
        )
        grain = _GRAIN * rng.standard_normal(image.shape, dtype=np.float32)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
        labels, owners, depths = label_people(
            people, layer, camera, factor, self._studio.crowd.keypoint_model.depths_m
        )
        _, behind = room.view(camera, size, feet)
        depths = np.where(owners > 0, depths, behind)
        subjects = tuple(
            Subject(label, actor.body, label.visible < _MIN_VISIBLE, track_id=number)
            for number, (label, actor) in enumerate(zip(labels, actors, strict=True), 1)
        )
        return Sample(image, camera, subjects, owners, depths)


def _camera(
    eye: tuple[float, float, float], yaw: float, pitch: float, size: tuple[int, int]
) -> Camera:
    matrix = cameras.pinhole(0.85 * size[1], size)  # 61 degrees across
    return Camera(matrix, cameras.looking(yaw, pitch, 0.0), np.array(eye, np.float64))


def _still(stamps_s: np.ndarray, height_m: float, size: tuple[int, int]) -> tuple[Camera, ...]:
    return (_camera((0.0, height_m, 3.0), 0.0, np.radians(4), size),) * len(stamps_s)


def _plan(
    kind: str,
    routes: list[tuple[list[float], list[tuple[float, float]], float]],
    camera: tuple[Camera, ...],
    stamps_s: np.ndarray,
    rng: np.random.Generator,
) -> Plan:
    """Make a plan of routes: times as shares of the whole, marks x z [m], where to face [rad]."""
    styles = tuple(gait.draw_style(rng) for _ in routes)
    length = stamps_s[-1]
    tracks = tuple(
        gait.follow(np.array(shares) * length, np.array(marks), stamps_s, style, facing)
        for (shares, marks, facing), style in zip(routes, styles, strict=True)
    )
    return Plan(kind, tracks, styles, camera)


def crossing(stamps_s: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> Plan:
    """Two people cross in front of each other and of a third, who stands."""
    reach = 0.5 * min(1.25 * stamps_s[-1], 4.2)  # of a brisk walk
    near, far = rng.uniform(0.0, 0.3), rng.uniform(-1.1, -0.8)
    routes = [
        ([0, 1], [(-reach, near), (reach, near + 0.2)], 0.0),
        ([0, 1], [(reach, far), (-reach, far)], 0.0),
        ([0], [(rng.uniform(-0.5, 0.5), -2.2)], rng.normal(0, 0.4)),
    ]
    return _plan("crossing", routes, _still(stamps_s, rng.uniform(1.1, 1.5), size), stamps_s, rng)


def leaving(stamps_s: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> Plan:
    """Somebody walks out of the picture and comes back; another one stays."""
    side = rng.choice([-1.0, 1.0])
    z = rng.uniform(0.2, 0.5)
    marks = [(0.7 * side, z), (2.5 * side, z), (2.5 * side, z - 0.2), (0.5 * side, z - 0.4)]
    routes = [
        ([0, 0.38, 0.55, 1.0], marks, 0.0),
        ([0], [(-0.7 * side, rng.uniform(-1.2, -0.4))], rng.normal(0, 0.5)),
    ]
    return _plan("leaving", routes, _still(stamps_s, rng.uniform(1.0, 1.4), size), stamps_s, rng)


def panning(stamps_s: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> Plan:
    """A camera turns after somebody who walks past others."""
    side = rng.choice([-1.0, 1.0])
    share = stamps_s / stamps_s[-1]
    yaw = side * np.radians(26) * (2 * share - 1)
    height = rng.uniform(1.0, 1.4)
    camera = tuple(_camera((0.0, height, 3.0), angle, np.radians(4), size) for angle in yaw)
    reach = 0.5 * min(1.2 * stamps_s[-1], 3.8)
    routes = [
        ([0, 1], [(-side * reach, -0.2), (side * reach, -0.4)], 0.0),
        ([0], [(rng.uniform(-1.6, -0.9), -1.6)], rng.normal(0, 0.5)),
        ([0], [(rng.uniform(0.9, 1.6), -1.2)], rng.normal(0, 0.5)),
    ]
    return _plan("panning", routes, camera, stamps_s, rng)


def approaching(stamps_s: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> Plan:
    """A low robot drives towards somebody; another one overtakes it, a third walks away."""
    share = stamps_s / stamps_s[-1]
    distance = min(0.7 * stamps_s[-1], 2.6)
    height = rng.uniform(0.4, 0.6)
    sway = 0.02 * np.sin(2 * np.pi * 1.3 * stamps_s)
    camera = tuple(
        _camera((0.0, height, 4.0 - distance * s), 0.5 * w, np.radians(-9) + w / 3, size)
        for s, w in zip(share, sway, strict=True)
    )
    walk = min(1.4 * stamps_s[-1], 4.5)
    routes = [
        ([0], [(rng.uniform(-0.4, 0.1), -0.6)], rng.normal(0, 0.3)),
        ([0, 1], [(0.9, 3.2), (0.7, 3.2 - walk)], 0.0),
        ([0, 1], [(-1.0, -0.5), (-1.5, -0.5 - 0.7 * walk)], 0.0),
    ]
    return _plan("approaching", routes, camera, stamps_s, rng)


PLANS = {
    "crossing": crossing,
    "leaving": leaving,
    "panning": panning,
    "approaching": approaching,
}
