from __future__ import annotations

import cv2
import numpy as np
import pytest

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.camera_motion import CameraMotion

NOBODY = np.empty((0, 4))


@pytest.fixture(scope="module")
def wall():
    """A wall with much to be seen on it, larger than any picture of it."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 110, 3), dtype=np.uint8)
    return cv2.resize(noise, (1100, 600), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("size", [(240, 320), (480, 640)])
def test_a_shift_is_found_in_pixels_of_the_picture(wall, size):
    height, width = size
    motion = CameraMotion()
    first = motion(wall[20 : 20 + height, 40 : 40 + width], NOBODY)
    np.testing.assert_array_equal(first, np.eye(2, 3))
    matrix = motion(wall[26 : 26 + height, 52 : 52 + width], NOBODY)
    np.testing.assert_allclose(matrix[:, :2], np.eye(2), atol=0.01)
    np.testing.assert_allclose(matrix[:, 2], [-12, -6], atol=1)


def test_a_turn_and_a_zoom_are_found(wall):
    picture = wall[:480, :640]
    expected = cv2.getRotationMatrix2D((320, 240), 2.0, 1.03)
    motion = CameraMotion()
    motion(picture, NOBODY)
    matrix = motion(cv2.warpAffine(picture, expected, (640, 480)), NOBODY)
    corners = np.array([[0, 0, 1], [640, 0, 1], [0, 480, 1], [640, 480, 1.0]])
    np.testing.assert_allclose(corners @ matrix.T, corners @ expected.T, atol=1.5)


def test_people_are_not_taken_for_the_background(wall):
    # Somebody fills most of the picture and moves; the camera stands still.
    def picture(shift):
        view = wall[:480, :640].copy()
        view[40:440, 100 + shift : 500 + shift] = wall[100:500, 600:1000]
        return view

    motion = CameraMotion()
    motion(picture(0), np.array([[90.0, 30, 530, 450]]))
    matrix = motion(picture(20), np.array([[90.0, 30, 530, 450]]))
    np.testing.assert_allclose(matrix, np.eye(2, 3), atol=0.3)


def test_without_anything_to_see_nothing_moves():
    motion = CameraMotion()
    for _ in range(2):
        matrix = motion(np.zeros((240, 320, 3), np.uint8), np.array([[np.nan] * 4]))
    np.testing.assert_array_equal(matrix, np.eye(2, 3))


@pytest.mark.parametrize("size", [(100, 100), (300, 500)])
def test_pictures_of_another_size_begin_anew(wall, size):
    motion = CameraMotion()
    motion(wall[:240, :320], NOBODY)
    other = wall[: size[0], : size[1]]
    np.testing.assert_array_equal(motion(other, NOBODY), np.eye(2, 3))


@pytest.mark.parametrize("name", ["msim", "iou", "byte"])
def test_a_camera_that_turns_loses_nobody(wall, name):
    def lost_with(camera_motion):
        config = TrackerConfig(name=name, camera_motion=camera_motion)
        one, ids, view = build_tracker(config), set(), 100
        for number in range(16):
            view += [0, 0, 0, 0, 40, -40][number % 6]  # it shakes, by a person's width
            x = 320 - view
            keypoints = np.full((1, 17, 3), 0.8)
            keypoints[0, :, :2] = np.random.default_rng(1).random((17, 2)) * [40, 100] + [x, 100]
            people = Poses(
                skeleton=skeleton("coco_17"),
                keypoints=keypoints,
                boxes=[[x, 100, x + 40, 200]],
                box_scores=[0.9],
                scores=[0.9],
            )
            image = wall[:480, view : view + 640]
            ids |= set(one.update(people, number * 10**8, image=image).ids.tolist())
        return len(ids) - 1

    assert lost_with(camera_motion=True) == 0
    assert lost_with(camera_motion=False) > 0
