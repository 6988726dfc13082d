from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.frame import Poses
from alphapose_ros.reid.heatmaps import BODY, body_heatmaps, body_keypoints
from alphapose_ros.skeletons import SKELETONS, skeleton


def drawn(*keypoints, region=(100, 200, 164, 328), size=(32, 16)):
    """Return the maps of the keypoints of one person; a pixel is 4 x 4 of the image."""
    return body_heatmaps(np.array([keypoints], np.float32), np.array([region]), size)[0]


def test_a_keypoint_is_highest_where_it_is_and_as_high_as_its_score():
    (found,) = drawn((130, 262, 0.8))  # 30 / 4 - 0.5 = 7, 62 / 4 - 0.5 = 15
    assert found.dtype == np.float32
    assert np.unravel_index(found.argmax(), found.shape) == (15, 7)
    np.testing.assert_allclose(found[15, 7], 0.8, atol=1e-6)
    # e^(-1/2), e^(-4/2) at one and two pixels; e^(-(1 + 4) / 2) at one across and two down
    np.testing.assert_allclose(
        found[15, [6, 8, 9]], 0.8 * np.array([0.6065, 0.6065, 0.1353]), atol=1e-4
    )
    np.testing.assert_allclose(found[17, 8], 0.8 * 0.0821, atol=1e-4)


def test_between_pixels_both_are_as_high():
    (found,) = drawn((132, 264, 1.0))  # the middle of the region: 7.5, 15.5
    np.testing.assert_allclose(found[15:17, 7:9], np.exp(-0.25), atol=1e-6)
    np.testing.assert_allclose(found, found[::-1, ::-1], atol=1e-6)


def test_the_two_sides_of_a_region_are_scaled_apart():
    (found,) = drawn((130, 262, 1.0), region=(100, 200, 132, 328))  # a pixel is 2 x 4
    assert np.unravel_index(found.argmax(), found.shape) == (15, 14)  # 30 / 2 - 0.5 = 14.5: first


@pytest.mark.parametrize(
    "absent", [(np.nan, np.nan, 0.0), (130, 262, 0.0), (130, 262, np.nan), (np.nan, 262, 0.9)]
)
def test_missing_keypoints_are_maps_of_zeros(absent):
    missing, there = drawn(absent, (130, 262, 0.5))
    assert (missing == 0).all()
    assert there.max() == 0.5


def test_scores_beyond_one_and_places_far_away_do_no_harm():
    high, far = drawn((130, 262, 7.0), (1e9, -1e9, 1.0))
    assert high.max() == 1
    assert (far == 0).all()


def test_every_person_has_a_region_of_their_own():
    keypoints = np.array([[[130, 262, 1.0]], [[130, 262, 1.0]]], np.float32)
    regions = np.array([[100, 200, 164, 328], [120, 240, 184, 368]])
    first, second = body_heatmaps(keypoints, regions, (32, 16))[:, 0]
    assert np.unravel_index(first.argmax(), first.shape) == (15, 7)
    assert np.unravel_index(second.argmax(), second.shape) == (5, 2)


def test_nobody_has_no_maps():
    assert body_heatmaps(np.empty((0, 12, 3)), np.empty((0, 4)), (32, 16)).shape == (0, 12, 32, 16)


def test_keypoints_are_taken_by_name(people):
    keypoints = np.arange(17 * 3, dtype=np.float32).reshape(1, 17, 3)
    found = body_keypoints(people([[0, 0, 9, 9]], keypoints))
    # COCO: left shoulder 5, right shoulder 6 ... right ankle 16, all twelve in a row
    np.testing.assert_array_equal(found, keypoints[:, 5:])


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_gives_twelve_or_says_what_it_lacks(name):
    definition = skeleton(name)
    keypoints = np.ones((2, len(definition.names), 3))
    ones = np.ones(2)
    poses = Poses(
        skeleton=definition,
        keypoints=keypoints,
        boxes=np.ones((2, 4)),
        box_scores=ones,
        scores=ones,
    )
    found = body_keypoints(poses)
    is_there = [name in definition.names for name in BODY]
    assert found.shape == (2, 12, 3)
    assert (found[:, is_there] == 1).all()
    lacking = np.logical_not(is_there)
    assert np.isnan(found[:, lacking, :2]).all()
    assert (found[:, lacking, 2] == 0).all()
