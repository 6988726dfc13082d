"""Index maps and geometry of the teachers; their networks where they are installed."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

for name in ("ncnn", "ai_edge_litert", "onnxruntime"):
    pytest.importorskip(name, reason=f"needs {name}, see requirements-benchmarks.txt")

from teachers import FACE_POINTS, Square, hand_square, inverted, through

from alphapose_ros.skeletons import skeleton

# Mirrored points of MediaPipe's mesh, from its own lists of eyes, lips and outline.
MIRRORED = {33: 263, 133: 362, 61: 291, 78: 308, 234: 454, 93: 323, 70: 300, 105: 334, 172: 397}
MIDDLE = {152, 0, 17, 13, 14, 4, 5, 168, 197, 2}  # chin, lips, nose: their own mirror images


def test_the_face_points_are_68_different_ones_of_the_mesh():
    assert len(FACE_POINTS) == len(set(FACE_POINTS.tolist())) == 68
    assert FACE_POINTS.max() < 468


def test_left_and_right_of_the_mesh_are_left_and_right_of_the_skeleton():
    whole = skeleton("halpe_136")
    face = whole.group("face")
    order = whole.flip_order[face] - face.start
    partner = dict(zip(FACE_POINTS.tolist(), FACE_POINTS[order].tolist(), strict=True))
    assert all(partner[point] == other for point, other in MIRRORED.items() if point in partner)
    assert {point for point, other in partner.items() if point == other} == MIDDLE


def test_a_turned_square_puts_its_corners_into_the_crops_corners():
    # A square of side 20 around (50, 30), turned by 90 degrees clockwise: what was up is right.
    to_crop = Square(np.array([50, 30]), 20, np.pi / 2).to_crop(100)
    corners = through(to_crop, np.array([[60.0, 20], [60, 40], [40, 20], [50, 30]]))
    np.testing.assert_allclose(corners, [[0, 0], [100, 0], [0, 100], [50, 50]], atol=1e-9)
    np.testing.assert_allclose(through(inverted(to_crop), corners)[3], [50, 30])


def test_a_hand_is_looked_for_behind_the_wrist_fingers_up():
    # The left forearm points right, from (0, 0) to (100, 0): so does the hand.
    body = np.zeros((17, 3))
    body[9] = 100, 0, 1
    square = hand_square(body, "left")
    np.testing.assert_allclose(square.centre, [135, 0])
    assert (square.side, square.angle_rad) == (95, pytest.approx(np.pi / 2))
    elbow, beyond = through(square.to_crop(224), np.array([[0.0, 0], [170, 0]]))
    assert elbow[0] == pytest.approx(112) == beyond[0]
    assert elbow[1] > 224  # the elbow lies below the crop
    assert 0 < beyond[1] < 112
