"""A room with people who walk by a script, and a robot on two wheels; for follow_me.py.

The world is that of the renderer: y up, the floor at y = 0; at yaw 0 the robot looks along -z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alphapose_ros.following.records import View
from alphapose_ros.frame import Tracks
from alphapose_ros.training.synthetic import cameras
from alphapose_ros.training.synthetic.cameras import Camera

SIZE = (240, 320)  # height and width of the pictures
FOCAL_PX = 260.0  # 63 degrees across
EYE_M, PITCH = 1.1, np.radians(3)
LENGTH_S = 24.0
CHOSEN_S = 1.5  # when the target is asked for

# Seconds at which marks x, z [m] are reached. Somebody crosses between robot and target; then the
# target goes behind the cupboard; meanwhile a stranger comes into view, and stays; the target comes
# out again and crosses in front of the stranger.
TARGET, PASSER, STRANGER = 0, 1, 2
TARGET_ROUTE = (
    (0.0, 0.0, 1.0),  # s, x, z
    (2.0, 0.0, 1.0),
    (9.0, 0.0, -2.6),
    (11.5, 1.7, -3.6),
    (15.5, 1.7, -3.6),
    (17.0, 0.7, -4.0),
    (20.0, -1.2, -4.6),
    (LENGTH_S, -1.2, -4.6),
)
PASSER_ROUTE = ((0.0, -4.0, 0.4), (4.0, -3.0, 0.4), (8.0, 3.2, -0.6), (LENGTH_S, 5.5, -0.6))
STRANGER_ROUTE = ((0.0, -5.5, -5.6), (9.0, -4.0, -5.6), (13.0, 0.3, -5.6), (LENGTH_S, 0.3, -5.6))
ROUTES = tuple(np.array(route) for route in (TARGET_ROUTE, PASSER_ROUTE, STRANGER_ROUTE))
HIDING_S = (9.0, 18.0)  # within this the target is out of sight
CUPBOARD = (np.array([0.85, 0.0, -2.9]), np.array([2.6, 2.2, -2.6]))  # two corners [m]
HALF_M = (6.0, 7.5)  # of the room, along x and z
BODY_M = 0.25  # half a person's width


@dataclass(frozen=True)
class Robot:
    """Where the robot is and how it drives: a unicycle."""

    x: float = 0.0
    z: float = 4.0
    yaw: float = 0.0  # [rad], positive to the right
    speed: float = 0.0  # [m/s]
    turning: float = 0.0  # [rad/s]

    @property
    def ahead(self) -> np.ndarray:
        """Unit vector (3,) along which it looks, level."""
        return np.array([np.sin(self.yaw), 0.0, -np.cos(self.yaw)])

    @property
    def camera(self) -> Camera:
        """Its camera."""
        matrix = cameras.pinhole(FOCAL_PX, SIZE)
        eye = np.array([self.x, EYE_M, self.z])
        return Camera(matrix, cameras.looking(self.yaw, PITCH, 0.0), eye)

    @property
    def view(self) -> View:
        """What the camera sees, for positions in the world."""
        return View(width=SIZE[1], height=SIZE[0], place=(self.x, EYE_M, self.z))

    def drive(self, speed: float, turning: float, dt_s: float) -> Robot:
        """Return the robot a moment later, with limited acceleration (1.5 m/s^2, 4 rad/s^2)."""
        speed = self.speed + np.clip(speed - self.speed, -1.5 * dt_s, 1.5 * dt_s)
        turning = self.turning + np.clip(turning - self.turning, -4 * dt_s, 4 * dt_s)
        yaw = self.yaw + turning * dt_s
        way = speed * dt_s * replace(self, yaw=self.yaw + turning * dt_s / 2).ahead
        return Robot(self.x + way[0], self.z + way[2], yaw, float(speed), float(turning))


@dataclass
class Follower:
    """What Nav2's following server does, for this benchmark only: keeps a distance to goal poses.

    It smooths them, and stops once the newest one is too old. The package itself drives nothing.
    """

    distance_m: float = 2.0
    timeout_s: float = 0.5
    keep: float = 0.4  # of the old goal, when a new one comes
    goal: np.ndarray | None = None
    stamp_s: float = -np.inf

    def hear(self, position: np.ndarray, stamp_s: float) -> None:
        """Take in a goal pose (3,) [m] in the world."""
        is_fresh = self.goal is not None and stamp_s - self.stamp_s <= self.timeout_s
        self.goal = self.keep * self.goal + (1 - self.keep) * position if is_fresh else position
        self.stamp_s = stamp_s

    def command(self, robot: Robot, now_s: float) -> tuple[float, float]:
        """Return speed [m/s] and turning [rad/s]."""
        if self.goal is None or now_s - self.stamp_s > self.timeout_s:
            return 0.0, 0.0
        to = self.goal - [robot.x, self.goal[1], robot.z]
        angle = np.arctan2(to[0], -to[2]) - robot.yaw
        angle = (angle + np.pi) % (2 * np.pi) - np.pi
        away = np.linalg.norm(to) - self.distance_m
        speed = np.clip(1.2 * away, 0, 1.1) * max(np.cos(angle), 0)
        return float(speed), float(np.clip(2.0 * angle, -1.2, 1.2))


def in_sight(robot: Robot, places: np.ndarray) -> np.ndarray:
    """Return how much of each person (N, 2) x z is seen, in [0, 1]: in view, and not hidden."""
    camera = robot.camera
    eye = np.array([robot.x, robot.z])
    shares = np.zeros(len(places))
    for row, place in enumerate(places):
        across = np.array([-(place - eye)[1], (place - eye)[0]]) / np.linalg.norm(place - eye)
        marks = place + np.linspace(-0.8, 0.8, 9)[:, None] * BODY_M * across
        points = np.column_stack((marks[:, 0], np.full(9, 1.0), marks[:, 1]))
        x, _, depth = camera.project(points).T
        is_seen = (x >= 0) & (x < SIZE[1]) & (depth > 0.5)
        is_seen &= ~_meets_box(eye, marks, CUPBOARD[0][[0, 2]], CUPBOARD[1][[0, 2]])
        for other in np.delete(places, row, axis=0):
            if np.linalg.norm(other - eye) < np.linalg.norm(place - eye):
                is_seen &= ~_meets_disc(eye, marks, other)
        shares[row] = is_seen.mean()
    return shares


def _meets_disc(eye: np.ndarray, marks: np.ndarray, middle: np.ndarray) -> np.ndarray:
    way = marks - eye
    share = np.clip(((middle - eye) * way).sum(axis=1) / (way**2).sum(axis=1), 0, 1)
    return np.linalg.norm(eye + share[:, None] * way - middle, axis=1) < BODY_M


def _meets_box(eye: np.ndarray, marks: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    way = marks - eye
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    first, second = (low - eye) / way, (high - eye) / way
    enter, leave = np.minimum(first, second).max(axis=1), np.maximum(first, second).min(axis=1)
    return (enter < leave) & (leave > 0) & (enter < 1)


def in_world(tracks: Tracks, robot: Robot) -> Tracks:
    """Return tracks whose metres are in the camera's frame with metres in the world.

    Speeds seen from the robot become speeds over the ground.
    """
    if tracks.positions is None:
        return tracks
    camera = robot.camera
    turn = camera.rotation.T  # from the camera to the world
    positions = tracks.positions @ turn.T + camera.eye
    own = robot.speed * robot.ahead  # of the camera [m/s]
    spin = np.array([0.0, -robot.turning, 0.0])  # [rad/s], y up, to the right
    values = {"positions": positions}
    if tracks.velocities is not None:
        carried = own + np.cross(spin, positions - camera.eye)
        values["velocities"] = tracks.velocities @ turn.T + carried
    if tracks.facings is not None:
        values["facings"] = tracks.facings @ turn.T
    for name in ("position_covariances", "velocity_covariances"):
        covariances = getattr(tracks, name)
        if covariances is not None:
            values[name] = turn @ covariances @ turn.T
    return replace(tracks, **values)
