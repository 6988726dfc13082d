from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alphapose_ros.config import Config, with_values
from alphapose_ros.frame import Camera, Frame, Tracks
from alphapose_ros.nodes.space import Space
from alphapose_ros.nodes.transforms import NoTransformError
from alphapose_ros.skeletons import skeleton

SETTINGS = {"lifting.name": "ground", "target_frame": "odom"}
INFO = SimpleNamespace(camera_info=None, depth=None)


class FakeTransforms:
    """Knows that the camera is 1.2 m above the ground of odom, from some look-up on."""

    def __init__(self, missing=0):
        self.asked = []
        self.missing = missing

    def __call__(self, target, source, stamp_ns, timeout_s):
        self.asked.append((target, source, stamp_ns))
        if len(self.asked) <= self.missing:
            raise NoTransformError("no transform")
        matrix = np.eye(4)
        matrix[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        matrix[2, 3] = 1.2
        return matrix

    def stop(self):
        pass


@pytest.fixture
def space(monkeypatch):
    def made(missing=0, **settings):
        fake = FakeTransforms(missing)
        monkeypatch.setattr("alphapose_ros.nodes.space.build_transforms", lambda *_: fake)
        config = with_values(Config(), SETTINGS | settings)
        return Space(None, config), fake, config

    return made


def frame_of(stamp_ns=5):
    camera = Camera(matrix=np.diag([500.0, 500.0, 1.0]), distortion=np.zeros(5))
    image = np.zeros((4, 6, 3), np.uint8)
    return Frame(image=image, stamp_ns=stamp_ns, frame_id="camera", camera=camera)


def passed_through(space, config, frame):
    """What the node does with a frame whose camera is known."""
    space.prepare(frame, INFO, config)
    ground = space.ground(frame)
    return ground, space.place(Tracks.empty(skeleton("coco_17")), frame)


def test_ground_and_place_need_one_look_up_for_each_frame(space):
    made, fake, config = space()
    for stamp_ns in (5, 6):
        ground, placed = passed_through(made, config, frame_of(stamp_ns))
        assert ground.height_m == 1.2
        assert placed.frame_id == "odom"
        np.testing.assert_allclose(placed.camera, [0, 0, 1.2])
    assert fake.asked == [("odom", "camera", 5), ("odom", "camera", 6)]


def test_a_transform_that_comes_while_people_are_sought_still_counts(space):
    made, fake, config = space(missing=1)
    ground, placed = passed_through(made, config, frame_of())
    assert ground is None and placed.frame_id == "odom" and len(fake.asked) == 2


def test_without_a_transform_people_stay_where_they_are_seen(space):
    made, _, config = space(missing=9)
    ground, placed = passed_through(made, config, frame_of())
    assert ground is None and placed.frame_id == "camera" and placed.tracks.positions is None
    ((_, judgement, figures),) = made.report(None)
    assert "no transform" in judgement.message and figures["target_frame"] == "odom"


def test_a_height_in_the_settings_asks_for_no_transform_before_the_place(space):
    made, fake, config = space(**{"lifting.camera_height_m": 1.0})
    ground, _ = passed_through(made, config, frame_of())
    assert ground is None and len(fake.asked) == 1
