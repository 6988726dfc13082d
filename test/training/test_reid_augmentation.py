from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.reid.heatmaps import BODY
from alphapose_ros.training.reid_augmentation import (
    ReidAugmentation,
    ReidAugmentationConfig,
    cut_region,
    mirrored,
)

SIZE = (128, 64)
BOX = np.array([8.0, 16.0, 72.0, 144.0])
CALM = {
    "cut": 0.0,
    "gain": 0.0,
    "grey": 0.0,
    "blur": 0.0,
    "coarse": 0.0,
    "erasing": 0.0,
    "keypoint_noise": 0.0,
    "keypoint_loss": 0.0,
    "pose_loss": 0.0,
}


def brightest(image):
    row, column = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
    return column, row


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_keypoints_stay_on_what_they_mark(marked, flip):
    """A bright spot under the left wrist is found where the changed keypoint says."""
    picture = marked(160, 80, [(50, 70)], spread=3.0)
    keypoints = np.zeros((12, 3))
    keypoints[BODY.index("left_wrist")] = (50, 70, 1)
    augmentation = ReidAugmentation(ReidAugmentationConfig(flip=flip, shift=0.08, **CALM))
    places = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        cut, moved, region = augmentation(picture, BOX, keypoints, SIZE, rng)
        row = BODY.index("right_wrist" if flip else "left_wrist")
        assert moved[row, 2] > 0 and (moved[np.arange(12) != row, 2] == 0).all()
        expected = (moved[row, :2] - region[:2]) / (region[2:] - region[:2]) * SIZE[::-1] - 0.5
        np.testing.assert_allclose(brightest(cut), expected, atol=1.6)
        places.append(tuple(expected))
    assert len(set(places)) == 8


def test_a_region_is_cut_out_to_scale():
    picture = np.arange(8, dtype=np.uint8).repeat(3).reshape(1, 8, 3).repeat(8, axis=0)
    whole = cut_region(picture, np.array([-0.5, -0.5, 7.5, 7.5]), (8, 8))
    np.testing.assert_array_equal(whole, picture)
    right = cut_region(picture, np.array([3.5, -0.5, 7.5, 7.5]), (8, 4))
    np.testing.assert_array_equal(right, picture[:, 4:])


def test_mirroring_twice_changes_nothing():
    rng = np.random.default_rng(0)
    keypoints, region = rng.uniform(0, 80, (12, 3)), np.array([3.0, 4, 50, 100])
    once = mirrored(keypoints, region, 80)
    for before, after in zip((keypoints, region), mirrored(*once, 80), strict=True):
        np.testing.assert_allclose(after, before)
    assert once[0][BODY.index("left_hip"), 0] == 79 - keypoints[BODY.index("right_hip"), 0]


def test_arguments_are_not_written_into_and_chance_repeats(marked):
    picture = marked(160, 80, [(30, 60)])
    keypoints = np.ones((12, 3)) * (30, 60, 1)
    copies = picture.copy(), keypoints.copy(), BOX.copy()
    augmentation = ReidAugmentation(ReidAugmentationConfig())
    first = [
        augmentation(picture, BOX, keypoints, SIZE, np.random.default_rng(s)) for s in range(9)
    ]
    again = [
        augmentation(picture, BOX, keypoints, SIZE, np.random.default_rng(s)) for s in range(9)
    ]
    for one, other in zip(first, again, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    for now, before in zip((picture, keypoints, BOX), copies, strict=True):
        np.testing.assert_array_equal(now, before)
    assert len({cut.tobytes() for cut, _, _ in first}) == 9


def test_poses_are_lost_at_the_rate_that_is_asked_for(marked):
    picture, keypoints = marked(160, 80, []), np.ones((12, 3)) * (30, 60, 1)
    settings = CALM | {"pose_loss": 0.3, "keypoint_loss": 0.2}
    augmentation = ReidAugmentation(ReidAugmentationConfig(**settings))
    rng = np.random.default_rng(0)
    scores = np.array(
        [augmentation(picture, BOX, keypoints, SIZE, rng)[1][:, 2] for _ in range(600)]
    )
    is_lost = (scores == 0).all(axis=1)
    assert is_lost.mean() == pytest.approx(0.3, abs=0.06)
    assert (scores[~is_lost] == 0).mean() == pytest.approx(0.2, abs=0.03)
