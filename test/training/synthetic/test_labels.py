from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alphapose_ros.training.synthetic import cameras
from alphapose_ros.training.synthetic.labels import HIDDEN, VISIBLE, label_people, reduce
from alphapose_ros.training.synthetic.renderer import Layer

SIZE = (8, 10)
EYE = np.zeros(3)


def test_most_fine_pixels_decide_whose_a_pixel_is():
    owners = np.array([[1, 1, 0, 2], [1, 2, 2, 2]], np.uint8)
    depths = np.array([[3, 2.5, np.inf, 4], [3, 1, 5, 6]], np.float32)
    owner, depth = reduce(owners, depths, 2)
    assert owner.tolist() == [[1, 2]]
    assert depth.tolist() == [[2.5, 4]]  # the nearest of theirs, not of anybody


def layer(mask, depth, outline):
    """Make a fine layer of one person from a mask of whole pixels."""
    fine = np.kron(mask, np.ones((2, 2), np.uint8)).astype(np.uint8)
    return Layer(
        colours=np.zeros((*fine.shape, 3), np.uint8),
        owners=fine,
        depths=np.where(fine > 0, depth, np.inf).astype(np.float32),
        outlines=np.array([outline]),
    )


def person(camera, pixels, depths):
    """Somebody whose keypoints are seen at these pixels."""
    rows = np.hstack([np.array(pixels, float), np.ones((len(pixels), 1))])
    seen = np.linalg.solve(camera.matrix, rows.T).T * np.array(depths)[:, None]
    points = camera.eye + seen @ camera.rotation
    return SimpleNamespace(keypoints=points, extent=points)


@pytest.fixture
def camera():
    return cameras.Camera(cameras.pinhole(20.0, SIZE), cameras.looking(0, 0, 0), EYE)


def test_box_area_and_visible_share_come_from_the_mask(camera):
    mask = np.zeros(SIZE, np.uint8)
    mask[2:5, 3:7] = 1
    somebody = person(camera, [(4, 3)] * 3 + [(40, 3)], [2.0] * 4)  # a quarter is outside
    (label,), owners, depths = label_people(
        [somebody], layer(mask, 2.0, outline=96), camera, 2, np.full(4, 0.1)
    )
    assert label.box.tolist() == [2.5, 1.5, 6.5, 4.5]
    assert label.area == 12
    assert label.visible == pytest.approx(48 / 96 * 3 / 4)
    np.testing.assert_array_equal(owners, mask)
    np.testing.assert_array_equal(depths[mask > 0], 2)


def test_keypoints_are_seen_where_nothing_is_far_in_front(camera):
    mask = np.zeros(SIZE, np.uint8)
    mask[2:5, 3:7] = 1
    pixels = [(4, 3), (4, 3), (4, 3), (1, 6), (9.6, 3)]
    depths = [2.0, 2.05, 2.3, 2.0, 2.0]
    (label,), _, _ = label_people(
        [person(camera, pixels, depths)], layer(mask, 2.0, 48), camera, 2, np.full(5, 0.1)
    )
    # at the surface, just below it, far below it, where the person is not seen, out of the picture
    assert label.keypoints[:, 2].tolist() == [VISIBLE, VISIBLE, HIDDEN, HIDDEN, 0]
    np.testing.assert_allclose(label.keypoints[:, :2], pixels, atol=1e-4)
    np.testing.assert_allclose(label.keypoints_3d[:, 2], depths, rtol=1e-6)


def test_nobody_in_the_picture_has_no_box(camera):
    empty = layer(np.zeros(SIZE, np.uint8), 1.0, 0)
    (label,), _, _ = label_people(
        [person(camera, [(4, 3)], [2.0])], empty, camera, 2, np.full(1, 0.1)
    )
    assert label.area == 0
    assert np.isnan(label.box).all()
    assert label.visible == 0
