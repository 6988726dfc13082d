from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.training.synthetic import cameras, lights, rotations
from alphapose_ros.training.synthetic.crops import Crops
from alphapose_ros.training.synthetic.keypoints import SKELETON
from alphapose_ros.training.synthetic.labels import VISIBLE, label_people
from alphapose_ros.training.synthetic.scenes import Scenes

COUNT = 6
SIZE = (128, 96)


@pytest.fixture(scope="module")
def crops(studio):
    draw = Crops(studio, SIZE)
    return [draw(number) for number in range(COUNT)]


def portrait(studio, turn, seed=1):
    """Render somebody who stands upright in the middle, turned about the vertical."""
    rng = np.random.default_rng(seed)
    person, _ = studio.draw_person(seed, rng)
    upright = np.tile(np.eye(3), (19, 1, 1))
    turned = rotations.about(np.array([0, 1.0, 0]), turn)
    placed = studio.crowd.place(person, upright, np.zeros((2, 5, 3)), turn=turned)
    size = (160, 160)
    eye = np.array([0, 1.0, 4.0])
    camera = cameras.Camera(cameras.pinhole(240.0, size), cameras.looking(0, 0, 0), eye)
    light = lights.draw_lights(rng)
    layer = studio.renderer([placed], camera.finer(2), (320, 320), light)
    depths_m = studio.crowd.keypoint_model.depths_m
    (label,), owners, depths = label_people([placed], layer, camera, 2, depths_m)
    return label, owners, depths, layer


def test_a_picture_is_a_function_of_seed_and_number(studio, crops):
    again = Crops(studio, SIZE)
    for number in (4, 1):  # in another order
        np.testing.assert_array_equal(again(number).image, crops[number].image)
        first, second = (s[number].subjects[0].label for s in (crops, {number: again(number)}))
        np.testing.assert_array_equal(first.keypoints, second.keypoints)
    assert any(
        crops[0].image.shape != s.image.shape or (crops[0].image != s.image).any()
        for s in crops[1:]
    )


def test_seen_from_the_front_left_is_right_and_from_behind_left(studio):
    left, right = SKELETON.index("left_shoulder"), SKELETON.index("right_shoulder")
    front, back = portrait(studio, 0.0)[0].keypoints, portrait(studio, np.pi)[0].keypoints
    assert front[left, 0] > front[right, 0] + 5
    assert back[left, 0] < back[right, 0] - 5


def test_faces_are_seen_from_the_front_only(studio):
    face = SKELETON.group("face")
    assert (portrait(studio, 0.0)[0].keypoints[face, 2] == VISIBLE).mean() > 0.8
    assert (portrait(studio, np.pi)[0].keypoints[face, 2] == VISIBLE).mean() < 0.1


def test_limbs_of_a_lone_person_are_seen_from_both_sides(studio):
    body = SKELETON.group("body")
    for turn in (0.0, np.pi):
        seen = portrait(studio, turn)[0].keypoints[body, 2] == VISIBLE
        names = [SKELETON.names[row] for row in np.flatnonzero(~seen)]
        assert all(name.endswith(("eye", "nose", "ear")) for name in names), names


def test_the_depth_at_visible_keypoints_is_theirs(studio):
    label, _, depths, _ = portrait(studio, 0.3)
    seen = label.keypoints[:, 2] == VISIBLE
    x, y = np.rint(label.keypoints[seen, :2]).astype(int).T
    gap = label.keypoints_3d[seen, 2] - depths[y, x]
    on_skin = np.isfinite(gap)  # at the very edge the pixel may be the background's
    assert on_skin.mean() > 0.9
    deep = studio.crowd.keypoint_model.depths_m[seen]
    # a pixel on the side of a limb may be nearer or farther than the keypoint next to it
    assert (gap[on_skin] < deep[on_skin] + 0.05).mean() > 0.97
    assert (gap[on_skin] > -0.08).mean() > 0.97


def test_people_are_as_large_as_their_distance_says(studio):
    _, owners, _, _ = portrait(studio, 0.0)
    rows = np.flatnonzero(owners.any(axis=1))
    height_m = (rows[-1] - rows[0] + 1) * 4.0 / 240.0
    assert 1.4 < height_m < 2.15  # shoes and hair included


def test_visible_keypoints_lie_on_the_person(crops):
    for sample in crops:
        label = sample.subjects[0].label
        seen = label.keypoints[:, 2] == VISIBLE
        x, y = np.rint(label.keypoints[seen, :2]).astype(int).T
        height, width = sample.owners.shape
        near = [
            sample.owners[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)] == 1
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        assert np.any(near, axis=0).all()


def test_flat_and_solid_keypoints_agree(crops):
    for sample in crops:
        label = sample.subjects[0].label
        projected = label.keypoints_3d @ sample.camera.matrix.T
        flat = projected[:, :2] / projected[:, 2:]
        ahead = label.keypoints_3d[:, 2] > 0.1
        np.testing.assert_allclose(flat[ahead], label.keypoints[ahead, :2], atol=0.02, rtol=1e-4)


def test_boxes_fit_the_masks_and_leave_a_margin(crops):
    for sample in crops:
        label = sample.subjects[0].label
        rows, columns = np.nonzero(sample.owners == 1)
        expected = [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]
        assert label.box.tolist() == expected
        assert label.area == len(rows)
        assert (np.array(sample.image.shape[:2]) <= SIZE).all()
        assert (np.array(sample.image.shape[:2]) >= 0.3 * np.array(SIZE)).all()


def test_nobody_near_hides_more_than_is_seen(crops):
    for sample in crops:
        for subject in sample.subjects:
            assert 0 <= subject.label.visible <= 1.001


def test_scenes_have_several_people_or_none(studio):
    draw = Scenes(studio, (96, 128))
    samples = [draw(number) for number in range(6)]
    counts = [len(sample.subjects) for sample in samples]
    assert max(counts) > 1
    for sample in samples:
        assert sample.image.shape == (96, 128, 3)
        seen = set(np.unique(sample.owners)) - {0}
        assert len(seen) == len(sample.subjects)
    np.testing.assert_array_equal(draw(2).image, samples[2].image)
