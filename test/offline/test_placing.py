"""People of a frame in the target frame of a bag."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_run import MadePipeline, MadeSource

from alphapose_ros.frame import Camera
from alphapose_ros.io.ends import Item
from alphapose_ros.offline.placing import Placing

LOOKING_AHEAD = np.array([[0, 0, 1, 0.0], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
CAMERA = Camera(
    matrix=np.diag([100.0, 100.0, 1.0]), distortion=(), distortion_model="", width=64, height=48
)


def items(count=2, target_frame="odom", to_target=LOOKING_AHEAD, camera=CAMERA):
    for item in MadeSource(count):
        frame = replace(item.frame, camera=camera, frame_id="camera")
        yield Item(
            frame=frame,
            name=item.name,
            received_ns=item.received_ns,
            target_frame=target_frame,
            to_target=to_target,
        )


def somebody(item, z=4.0):
    """Somebody straight ahead [m], who stands where the camera sees them."""
    pipeline = MadePipeline()
    detected = pipeline.detect(item.frame)
    found = pipeline.estimate(item.frame, detected)
    tracks = pipeline.finish(item.frame, detected, found).tracks
    return replace(tracks, positions=[(0, 0, z)], velocities=[(0, 0, 0)])


def test_people_are_told_in_the_target_frame_with_the_motion_of_the_camera():
    placing, told = Placing(needs_ground=False), []
    for number, item in enumerate(items(3)):
        drive = LOOKING_AHEAD + np.outer([1, 0, 0, 0], [0, 0, 0, 0.1 * number])  # 1 m/s ahead
        told.append(placing.place(replace(item, to_target=drive), somebody(item)))
    assert {one.frame_id for one in told} == {"odom"}
    np.testing.assert_allclose(
        [one.camera for one in told], [[0, 0, 1.5], [0.1, 0, 1.5], [0.2, 0, 1.5]]
    )
    places = [one.tracks.positions[0] for one in told]
    np.testing.assert_allclose(places, [[4, 0, 1.5], [4.1, 0, 1.5], [4.2, 0, 1.5]])
    np.testing.assert_allclose([one.tracks.velocities[0] for one in told[1:]], [[1, 0, 0]] * 2)


def test_without_transform_nobody_has_a_position():
    [item] = items(1, to_target=None)
    told = Placing(needs_ground=False).place(item, somebody(item))
    assert (told.frame_id, told.tracks.positions, told.tracks.ids.tolist()) == ("camera", None, [1])


def test_without_target_frame_nothing_is_placed():
    [item] = items(1, target_frame="", to_target=None)
    assert Placing(needs_ground=True).place(item, somebody(item)) is None
    assert Placing(needs_ground=True).ground(item) is None


def test_the_ground_is_that_of_the_target_frame():
    [item] = items(1)
    ground = Placing(needs_ground=True).ground(item)
    # By the camera's axes, whose y points down: 1.5 m below it.
    np.testing.assert_allclose((*ground.normal, ground.height_m), (0, -1, 0, 1.5), atol=1e-12)
    assert Placing(needs_ground=False).ground(item) is None


@pytest.mark.parametrize("changes", [{"camera": None}, {"to_target": np.diag([1.0, 1, 1, 1])}])
def test_there_is_no_ground_without_lens_or_below_the_camera(changes):
    placing = Placing(needs_ground=True)
    for item in items(2, **changes):
        assert placing.ground(item) is None
    whats = [problem.what for problem in placing.problems]
    below = "nobody is placed on the ground of 'odom': "
    assert [what[: len(below)] for what in whats] == ([] if "camera" in changes else [below])
