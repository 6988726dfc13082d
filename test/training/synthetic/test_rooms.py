from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.training.synthetic import cameras
from alphapose_ros.training.synthetic.rooms import Block, Room, draw_room

SIZE = (31, 41)
TEXTURES = tuple(np.full((256, 256, 3), 30.0 * (i + 1), np.float32) for i in range(6))


def block(low, high):
    return Block(np.array(low), np.array(high), TEXTURES, 6 * (1.0,))


def camera(pitch=0.0):
    return cameras.Camera(
        cameras.pinhole(30.0, SIZE), cameras.looking(0, pitch, 0), np.array([0, 1.0, 0])
    )


@pytest.fixture
def room():
    shell = block([-2.0, 0, -5.0], [2.0, 3.0, 4.0])
    return Room(shell, True, (block([-0.5, 0.0, -3.0], [0.5, 1.2, -2.5]),))


def test_walls_floor_and_furniture_are_as_far_as_computed(room):
    image, depth = room.view(camera(), SIZE, np.empty((0, 2)))
    row, column = 15, 20  # the middle of the picture
    assert depth[row, column] == pytest.approx(2.5)  # the front of the furniture, at z = -2.5
    assert image[row, column].tolist() == [180] * 3  # its side towards +z
    assert depth[0, column] == pytest.approx(30 / 15 * 2)  # the ceiling, 2 m above, 15 rows up
    assert depth[30, column] == pytest.approx(30 / 15 * 1)  # the floor, 1 m below
    assert image[30, column].tolist() == [90] * 3
    assert depth[row, 0] == pytest.approx(30 / 20 * 2)  # the wall at x = -2, 20 columns to the left
    assert image[row, 0].tolist() == [30] * 3
    assert depth[10, column] == pytest.approx(5)  # over the furniture, the wall behind it


def test_without_a_ceiling_there_is_sky(room):
    sky = (np.full(3, 200.0), np.full(3, 100.0))
    yard = Room(room.shell, False, (), sky)
    image, depth = yard.view(camera(pitch=-1.2), SIZE, np.empty((0, 2)))
    assert np.isinf(depth[15, 20])
    assert (image[15, 20] > 99).all()


def test_feet_darken_the_floor(room):
    looking_down = camera(pitch=np.pi / 2 - 1e-6)
    bright, _ = room.view(looking_down, SIZE, np.empty((0, 2)))
    dark, _ = room.view(looking_down, SIZE, np.zeros((1, 2)))
    assert dark[15, 20, 0] == pytest.approx(0.45 * bright[15, 20, 0], abs=2)
    assert dark[0, 0, 0] == pytest.approx(bright[0, 0, 0], abs=2)


def test_a_drawn_room_is_closed_and_the_same_each_time():
    views = []
    for _ in range(2):
        drawn = draw_room(np.random.default_rng(3))
        image, depth = drawn.view(camera(), SIZE, np.empty((0, 2)))
        assert (depth[16:] > 0).all()
        assert np.isfinite(depth[16:]).all()
        views.append(image)
    np.testing.assert_array_equal(*views)
