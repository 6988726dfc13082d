from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from alphapose_ros.pose.crop import crop_boxes, crop_people
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.augmentation import (
    Augmentation,
    AugmentationConfig,
    coarse,
    compressed,
    hide,
    recoloured,
    warp,
)
from alphapose_ros.training.mixing import Person
from alphapose_ros.training.packing import pack_crops

COCO = skeleton("coco_17")
STILL = {item.name: 0.0 for item in fields(AugmentationConfig)}


def someone(crop, places, zoom=1.4):
    """Label the first keypoints at ``places``."""
    keypoints, weights = np.zeros((17, 2), np.float32), np.zeros(17, np.float32)
    keypoints[: len(places)], weights[: len(places)] = places, 1
    return Person(crop, keypoints, weights, np.zeros(17), zoom)


def augment(person, size=(128, 96), seed=0, **settings):
    augmentation = Augmentation(AugmentationConfig(**{**STILL, **settings}), COCO)
    return augmentation(
        person, np.zeros((192, 144, 3), np.uint8), size, np.random.default_rng(seed)
    )


def test_without_any_change_it_is_the_crop_that_the_network_will_see(annotate, marked, tmp_path):
    place, box = (138.0, 120.0), np.array([[100.0, 80.0, 160.0, 230.0]])
    image = marked(320, 300, [place], spread=8)
    table = np.zeros((17, 3))
    table[0] = (*place, 2)
    one = {"image_id": 0, "bbox": [100, 80, 60, 150], "keypoints": table.ravel().tolist()}
    pack = pack_crops(annotate([image], [one]), tmp_path / "pack")
    person = someone(pack.crops[0], pack.keypoints[0], pack.zoom)
    crop, keypoints, order = augment(person)
    region = crop_boxes(box, (128, 96))
    expected = crop_people(image, region, (128, 96))[0][..., ::-1]
    assert np.abs(crop.astype(int) - expected).max() < 8  # cut twice: a little softer
    step = (region[0, 2] - region[0, 0]) / 96
    np.testing.assert_allclose(keypoints[0], (place - region[0, :2]) / step, atol=1e-3)
    assert order.tolist() == list(range(17))


def test_keypoints_move_with_the_pixels(marked):
    left, right = (62.0, 90.0), (85.0, 104.0)  # the subject's eyes, as it happens
    crop = marked(192, 144, [left, right])
    crop[:, :, 0] = np.where(np.mgrid[:192, :144][1] < 73, crop[:, :, 0], 0)  # blue: the left one
    person = someone(crop, [(0, 0), left, right])
    found = set()
    for seed in range(60):
        config = {"scale": 0.16, "aspect": 0.05, "shift": 0.045, "turn": 0.5, "turn_deg": 25.0}
        image, keypoints, order = augment(person, seed=seed, flip=0.5, upside_down=0.3, **config)
        is_flipped = order[1] == 2
        found.add(bool(is_flipped))
        for row, is_blue in ((1, not is_flipped), (2, is_flipped)):
            x, y = np.round(keypoints[row]).astype(int)
            if 2 < x < 93 and 2 < y < 125:
                assert image[y, x, 2] > 190, f"seed {seed}: no spot at keypoint {row}"
                assert (image[y, x, 0] > 150) == is_blue, f"seed {seed}: wrong side"
    assert found == {True, False}


def test_a_mirrored_left_eye_is_labelled_as_a_right_one(marked):
    crop = marked(192, 144, [(62, 90)])
    image, keypoints, order = augment(someone(crop, [(0, 0), (62, 90), (85, 104)]), flip=1.0)
    assert order.tolist() == COCO.flip_order.tolist()
    # 10 px left of the middle becomes 10 px right of it, at 1.4 * 96 / 144 of the size.
    np.testing.assert_allclose(
        keypoints[2], [48 + 10 * 1.4 * 2 / 3, 64 - 6 * 1.4 * 2 / 3], atol=1e-4
    )
    assert image[58, 57].min() > 200


def test_a_part_of_the_body_fills_the_crop():
    head = [(72, 60), (74, 58), (70, 58), (77, 60), (67, 60), (84, 72), (60, 72)]
    arms = [(86, 85), (58, 85), (86, 98), (58, 98)]
    legs = [(78, 100), (66, 100), (78, 125), (66, 125), (78, 150), (66, 150)]
    person = someone(np.zeros((192, 144, 3), np.uint8), [*head, *arms, *legs])
    parts = {"head": slice(0, 7), "upper": slice(0, 13), "lower": slice(11, 17)}
    seen = set()
    for seed in range(30):
        _, keypoints, _ = augment(person, seed=seed, half_body=1.0)
        for name, rows in parts.items():
            low, high = keypoints[rows].min(axis=0), keypoints[rows].max(axis=0)
            if np.allclose((low + high) / 2, [48, 64], atol=0.1):
                seen.add(name)
                assert ((high - low) / [96, 128]).max() == pytest.approx(0.6, abs=0.01)
                break
        else:
            pytest.fail(f"seed {seed}: no part is in the middle")
    assert seen == set(parts)


def test_who_shows_too_little_of_a_part_stays_whole():
    person = someone(np.zeros((192, 144, 3), np.uint8), [(70, 60), (80, 70)])
    _, keypoints, _ = augment(person, half_body=1.0)
    np.testing.assert_allclose(keypoints[1] - keypoints[0], np.full(2, 10 * 1.4 * 2 / 3), atol=1e-4)


def test_what_it_is_given_stays_as_it_is():
    crop = np.random.default_rng(0).integers(0, 255, (192, 144, 3), np.uint8)
    before, person = crop.copy(), someone(crop, [(60, 90)])
    crop.flags.writeable = person.keypoints.flags.writeable = False  # as in a pack
    full = Augmentation(AugmentationConfig(occlusion=1.0, noise=1.0, blur=1.0), COCO)
    for seed in range(30):
        full(person, crop, (128, 96), np.random.default_rng(seed))
    np.testing.assert_array_equal(crop, before)


def test_the_same_generator_gives_the_same_crop():
    crop = np.random.default_rng(0).integers(0, 255, (192, 144, 3), np.uint8)
    full = Augmentation(AugmentationConfig(), COCO)
    first, second, third = (
        full(someone(crop, [(60, 90)]), crop, (128, 96), np.random.default_rng(seed))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_something_in_front_is_a_rectangle_and_no_more_than_a_quarter():
    for seed in range(50):
        crop = np.zeros((128, 96, 3), np.uint8)
        hide(crop, np.full((192, 144, 3), 255, np.uint8), np.random.default_rng(seed))
        rows, columns = np.nonzero(crop.any(axis=2))
        area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert area == len(rows)
        assert area < 0.25 * 128 * 96


def test_spoilt_crops_keep_size_and_likeness(marked):
    crop, rng = marked(128, 96, [(40, 60), (60, 80)]), np.random.default_rng(0)
    for spoilt in (coarse(crop, 0.5, rng), compressed(crop, 50)):
        assert spoilt.shape == crop.shape
        assert 0 < np.abs(spoilt.astype(int) - crop).mean() < 8


def test_colours_change_by_a_table_that_keeps_their_order():
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    changed = [recoloured(grey, 1.0, np.random.default_rng(seed)) for seed in range(20)]
    assert all((np.diff(one.astype(int), axis=1) >= 0).all() for one in changed)
    assert len({one.tobytes() for one in changed}) == 20


@pytest.mark.parametrize("turn", [0.0, 90.0])
def test_a_turn_is_to_the_right_about_the_middle(turn):
    person = someone(np.zeros((192, 144, 3), np.uint8), [(72, 96)])
    matrix = warp(person, (192, 144), turn_deg=turn)
    middle, above = matrix @ [72, 96, 1], matrix @ [72, 86, 1]
    np.testing.assert_allclose(middle, [72, 96], atol=1e-9)
    np.testing.assert_allclose(above - middle, {0.0: [0, -14], 90.0: [14, 0]}[turn], atol=1e-9)
