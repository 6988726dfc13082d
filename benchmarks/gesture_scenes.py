"""Rendered people who make gestures, with depth and their true keypoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from alphapose_ros import Frame
from alphapose_ros.frame import Camera
from alphapose_ros.training.synthetic import cameras, gait, rotations
from alphapose_ros.training.synthetic.labels import Label, label_people
from alphapose_ros.training.synthetic.lights import draw_lights
from alphapose_ros.training.synthetic.rooms import draw_room
from alphapose_ros.training.synthetic.studio import Studio, compose, feet_of, hide_in_room

HIGH, FOCAL = 320, 280.0  # height of a picture and focal length [px] that belong together
RATE_HZ = 6
RANGE_M, ABOVE_M = 2.6, 1.1  # from the camera to the person, and from the floor to the camera
X, Y, Z = np.eye(3)
STYLE = gait.Style(phase=0.0, arms_deg=10.0, swing=1.0, lean_deg=0.0, wave_hz=0.3)
HANDS = np.zeros((2, 5, 3))  # open
POINTING_DEG = 35  # of the arm out of the frontal plane, towards the camera

Turns = dict[str, np.ndarray]  # of the bones of the right arm, which lies along -x at rest


def turned(axis: np.ndarray, degrees: float) -> np.ndarray:
    """Return a rotation (3, 3)."""
    return rotations.about(axis, np.radians(degrees))


def hanging(time_s: float) -> Turns:
    """Do nothing."""
    return {}


def raised(time_s: float) -> Turns:
    """Hold a hand up."""
    up = turned(Z, -80)
    return {"rShldr": up, "rForeArm": up, "rHand": up}


def waving(time_s: float) -> Turns:
    """Turn the forearm to and fro."""
    fore = turned(Z, -90 + 30 * np.sin(2 * np.pi * 1.25 * time_s))
    return {"rShldr": turned(Z, -5), "rForeArm": fore, "rHand": fore}


def stop(time_s: float) -> Turns:
    """Hold an open palm towards the camera."""
    forward = turned(Y, 85)
    return {"rShldr": forward, "rForeArm": forward, "rHand": turned(X, -85) @ forward}


def pointing(time_s: float) -> Turns:
    """Stretch an arm out."""
    out = turned(Y, POINTING_DEG)
    return {"rShldr": out, "rForeArm": out, "rHand": out}


ARMS: dict[str, Callable[[float], Turns]] = {
    "hanging": hanging,
    "raised": raised,
    "waving": waving,
    "stop": stop,
    "pointing": pointing,
}


def clip(
    studio: Studio, seed: int, gesture: str, count: int, size: tuple[int, int]
) -> Iterator[tuple[Frame, Label]]:
    """Yield pictures with depth of somebody who faces the camera, and what is true of them.

    Args:
        studio: that has the people.
        seed: of looks, room and light.
        gesture: of ARMS.
        count: pictures, at RATE_HZ.
        size: height and width of the pictures [px].
    """
    rng = np.random.default_rng(seed)
    person, _ = studio.draw_person(0, rng)
    room, lights = draw_room(rng), draw_lights(rng)
    matrix = cameras.pinhole(FOCAL * size[0] / HIGH, size)
    place = np.array([0.0, ABOVE_M, RANGE_M])
    camera = cameras.Camera(matrix, cameras.looking(0.0, 0.0, 0.0), place)
    seen_by = Camera(matrix=matrix, distortion=np.zeros(5), height=size[0], width=size[1])
    joints = studio.crowd.assets.pose_joints
    for number in range(count):
        pose = gait.stride_pose(joints, 0.0, 0.0, STYLE, number / RATE_HZ)
        for name, turn in ARMS[gesture](number / RATE_HZ).items():
            pose[joints.index(name)] = turn
        people = [studio.crowd.place(person, pose, HANDS)]
        layer = studio.renderer(people, camera, size, lights)
        background, behind = room.view(camera, size, feet_of(people))
        layer = hide_in_room(layer, behind)
        depths_m = studio.crowd.keypoint_model.depths_m
        labels, owners, depths = label_people(people, layer, camera, 1, depths_m)
        frame = Frame(
            image=compose(layer, layer.owners > 0, background),
            depth=np.where(owners > 0, depths, behind),
            camera=seen_by,
            stamp_ns=round(number / RATE_HZ * 1e9),
        )
        yield frame, labels[0]
