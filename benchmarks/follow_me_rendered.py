"""What the robot of follow_me.py sees, rendered, through the default pipeline and lifting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import follow_me_world as world
import numpy as np
from follow_me import Seen
from follow_me_world import CUPBOARD, HALF_M, SIZE
from lifting_scenes import Damage, pinhole

from alphapose_ros import Frame, Pipeline, load_config
from alphapose_ros.config import LiftingConfig, with_values
from alphapose_ros.lifting import build_lifter
from alphapose_ros.training.synthetic import gait, rotations
from alphapose_ros.training.synthetic.labels import label_people
from alphapose_ros.training.synthetic.lights import draw_lights
from alphapose_ros.training.synthetic.people import Placed
from alphapose_ros.training.synthetic.poses import draw_fingers
from alphapose_ros.training.synthetic.rooms import Block, Room, draw_room
from alphapose_ros.training.synthetic.studio import (
    PICTURES_PER_BODY,
    Sources,
    Studio,
    compose,
    feet_of,
    hide_in_room,
)

FACTOR = 2  # fine pixels of the renderer along one of the picture
GRAIN = 2.0
UP = np.array([0.0, 1.0, 0.0])


class RenderedEyes:
    """A camera with depth on the robot, in a room with the people of the script."""

    def __init__(
        self,
        assets: Path,
        paths: Sequence[gait.Track],
        styles: Sequence[gait.Style],
        stamps_s: np.ndarray,
        seed: int,
    ) -> None:
        self._studio = Studio(Sources(assets, seed))
        self._rng = np.random.default_rng(seed)
        self._paths, self._styles, self._stamps_s = paths, styles, stamps_s
        self._people = [
            (
                self._studio.draw_person(PICTURES_PER_BODY * number, self._rng)[0],
                draw_fingers(self._rng),
            )
            for number in range(len(paths))
        ]
        self._room, self._lights = self._furnished(), draw_lights(self._rng)
        self._pipeline = Pipeline(with_values(load_config(None), {"threads": 1}))
        self._lifter = build_lifter(LiftingConfig(name="depth"))

    def __call__(self, robot: world.Robot, number: int) -> Seen:
        """Return who is seen from there."""
        image, depth = self._picture(robot, number)
        frame = Frame(
            image=image,
            depth=Damage()(depth, self._rng),
            camera=pinhole(robot.camera.matrix, SIZE),
            stamp_ns=round(self._stamps_s[number] * 1e9),
            index=number,
        )
        tracks = self._lifter(self._pipeline(frame), frame)
        return Seen(world.in_world(tracks, robot), image)

    def _furnished(self) -> Room:
        room = draw_room(self._rng)
        low, high = np.array([-HALF_M[0], 0, -HALF_M[1]]), np.array([HALF_M[0], 2.8, HALF_M[1]])
        shell = replace(room.shell, low=low, high=high)
        model = room.furniture[0]
        cupboard = Block(*CUPBOARD, _faint(model.textures), model.repeat_m)
        shell = replace(shell, textures=_faint(shell.textures))
        return replace(room, shell=shell, furniture=(cupboard,))

    def _placed(self, who: int, number: int) -> Placed:
        path, crowd = self._paths[who], self._studio.crowd
        person, fingers = self._people[who]
        pose = gait.stride_pose(
            crowd.assets.pose_joints,
            path.phases[number],
            path.strengths[number],
            self._styles[who],
            self._stamps_s[number],
        )
        turn = rotations.about(UP, path.headings[number])
        return crowd.place(person, pose, fingers, turn=turn, at=tuple(path.places[number].tolist()))

    def _picture(self, robot: world.Robot, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the image (H, W, 3) BGR and the true depth (H, W) [m]."""
        people = [self._placed(who, number) for who in range(len(self._paths))]
        camera, fine = robot.camera, (SIZE[0] * FACTOR, SIZE[1] * FACTOR)
        layer = self._studio.renderer(people, camera.finer(FACTOR), fine, self._lights)
        background, behind = self._room.view(camera, SIZE, feet_of(people))
        far = cv2.resize(behind, fine[::-1], interpolation=cv2.INTER_NEAREST)
        layer = hide_in_room(layer, far)
        image = compose(layer, layer.owners > 0, background)
        image = image + GRAIN * self._rng.standard_normal(image.shape, dtype=np.float32)
        _, owners, depths = label_people(
            people, layer, camera, FACTOR, self._studio.crowd.keypoint_model.depths_m
        )
        depth = np.where(owners > 0, depths, behind)
        return np.clip(image, 0, 255).astype(np.uint8), depth


def _faint(textures: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return patterns that are hardly seen, so that pictures of them need little room."""
    return tuple(0.15 * t + 0.85 * t.mean(axis=(0, 1)) for t in textures)
