from __future__ import annotations

import numpy as np
import pytest
import torch

from alphapose_ros.training.synthetic import poses, rotations
from alphapose_ros.training.synthetic.bodies import HEIGHTS_M, draw_body
from alphapose_ros.training.synthetic.formats import Garment, Mesh
from alphapose_ros.training.synthetic.keypoints import SKELETON
from alphapose_ros.training.synthetic.people import skin
from alphapose_ros.training.synthetic.wardrobe import fit

STRAIGHT = np.tile(np.eye(3), (19, 1, 1))  # the rest pose of the capture: a T
OPEN_HANDS = np.zeros((2, 5, 3))
SKIN = 13380  # vertices of the base mesh; the rest are helpers


@pytest.fixture(scope="module")
def person(studio):
    return studio.crowd.draw_person(0, np.random.default_rng(0))


@pytest.fixture(scope="module")
def placed(studio, person):
    return studio.crowd.place(person, STRAIGHT, OPEN_HANDS)


def keypoint(placed, name):
    return placed.keypoints[SKELETON.index(name)]


def test_bodies_are_people_of_their_height(studio):
    for seed in range(3):
        body = draw_body(studio.crowd.assets, np.random.default_rng(seed))
        low, high = body.vertices[:SKIN, 1].min(), body.vertices[:SKIN, 1].max()
        assert low == pytest.approx(0, abs=1e-4)
        assert HEIGHTS_M[0] - 1e-3 <= high <= HEIGHTS_M[1] + 1e-3


def test_a_body_of_a_number_is_always_the_same(studio):
    first, second = (studio.crowd._body.__wrapped__(3).vertices for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert abs(first - studio.crowd._body.__wrapped__(4).vertices).max() > 0.01


def test_who_faces_us_has_the_left_hand_on_plus_x(placed):
    assert keypoint(placed, "left_wrist")[0] > 0.4
    assert keypoint(placed, "right_wrist")[0] < -0.4
    for left, right in SKELETON.flip_pairs:
        assert placed.keypoints[left, 0] > placed.keypoints[right, 0], SKELETON.names[left]


def test_the_parts_lie_where_they_belong(placed):
    order = ("head", "left_eye", "chin", "neck", "hip", "left_knee", "left_ankle", "left_heel")
    heights = [keypoint(placed, name)[1] for name in order]
    assert heights == sorted(heights, reverse=True)
    assert keypoint(placed, "nose")[2] > keypoint(placed, "left_ear")[2] + 0.05
    assert keypoint(placed, "left_big_toe")[2] > keypoint(placed, "left_heel")[2] + 0.12
    # the big toe is the inner one, the little finger the last, thumbs point forward
    assert keypoint(placed, "left_big_toe")[0] < keypoint(placed, "left_small_toe")[0]
    for side in ("left", "right"):
        hand = f"{side}_hand"
        assert keypoint(placed, f"{hand}_thumb_4")[2] > keypoint(placed, f"{hand}_little_4")[2]
        np.testing.assert_allclose(
            keypoint(placed, f"{hand}_wrist"), keypoint(placed, f"{side}_wrist")
        )
    middle = (keypoint(placed, "left_shoulder") + keypoint(placed, "right_shoulder")) / 2
    np.testing.assert_allclose(keypoint(placed, "neck"), middle, atol=1e-6)


def test_faces_are_in_the_order_of_300_w(placed):
    face = placed.keypoints[SKELETON.group("face")]
    # seen from the front, the jaw runs from the subject's right (-x) to the left
    assert (np.diff(face[:17, 0]) > -0.002).all()
    assert face[8, 1] == face[:17, 1].min()  # the chin
    assert (face[17:27, 1] > face[36:48, 1].mean()).all()  # brows above the eyes
    assert face[60:68, 1].mean() < face[30:36, 1].min() < face[36:48, 1].min()  # mouth, nose, eyes


def test_arms_point_where_the_capture_points(studio, person):
    # A quarter turn about z raises the left arm of the capture, which lies along +x at rest.
    pose, assets = STRAIGHT.copy(), studio.crowd.assets
    quarter = rotations.about(np.array([0, 0, 1.0]), np.pi / 2)
    rows = [assets.pose_joints.index(name) for name in ("lShldr", "lForeArm", "lHand")]
    pose[rows] = quarter
    raised = studio.crowd.place(person, pose, OPEN_HANDS)
    ends = [keypoint(raised, f"left_{name}") for name in ("shoulder", "elbow", "wrist")]
    for limb, row in zip(np.diff(ends, axis=0), rows[:2], strict=True):
        at_rest = assets.pose_directions[row]
        expected = [-at_rest[1], at_rest[0], at_rest[2]]
        np.testing.assert_allclose(limb / np.linalg.norm(limb), expected, atol=0.01)


def test_fingers_bend_towards_the_palm(studio, person, placed):
    half, fist = (
        studio.crowd.place(person, STRAIGHT, np.full((2, 5, 3), np.radians(bend)))
        for bend in (40, 80)
    )
    for side in ("left", "right"):
        for finger in ("index", "middle", "ring", "little"):
            straight, bent, closed = (
                keypoint(somebody, f"{side}_hand_{finger}_4") - keypoint(somebody, f"{side}_wrist")
                for somebody in (placed, half, fist)
            )
            assert np.linalg.norm(closed) < 0.75 * np.linalg.norm(straight)
            assert bent[1] < straight[1]  # the palms face the floor in this pose


def test_a_placed_person_stands_on_the_floor_and_turns(studio, person):
    about_face = rotations.about(np.array([0, 1.0, 0]), np.pi)
    turned = studio.crowd.place(person, STRAIGHT, OPEN_HANDS, turn=about_face, at=(1.0, -2.0))
    assert turned.extent[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert keypoint(turned, "hip")[[0, 2]] == pytest.approx([1, -2], abs=0.1)
    assert keypoint(turned, "left_wrist")[0] < 1 < keypoint(turned, "right_wrist")[0]


def test_skin_and_keypoints_move_together(studio, person, placed):
    # The renderer's skinning on the device, and the one on the host that keypoints come from.
    points = skin(placed, torch.device("cpu")).numpy()
    model = studio.crowd.keypoint_model
    face = placed.keypoints[SKELETON.group("face")]
    np.testing.assert_allclose(points[model.vertices[-68:]], face, atol=1e-5)
    assert points[person.triangles.numpy()].shape[1:] == (3, 3)


def test_clothes_hide_the_skin_below_them(studio, person):
    bare = set(person.triangles[(person.material_of == 0)].unique().tolist())
    hidden = np.unique(
        np.concatenate(
            [
                studio.crowd.assets.garments[name].hidden
                for name in studio.crowd.assets.garments
                if name.startswith("clothes/") and "suit" in name
            ]
        )
    )
    everything = set(studio.crowd.assets.body.triangles.reshape(-1).tolist())
    assert len(bare) < 0.8 * len(everything)
    assert len(bare & set(hidden.tolist())) < len(bare)


def test_a_garment_follows_the_body():
    rest = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0]], np.float32)
    mesh = Mesh(rest, rest[:, :2], np.array([[0, 1, 2]]), np.array([[0, 1, 2]]), np.empty(0))
    garment = Garment(
        mesh=mesh,
        anchors=np.array([[0, 1, 2]]),
        weights=np.array([[0.5, 0.25, 0.25]], np.float32),
        offsets=np.array([[1, 1, 1]], np.float32),
        scales=np.array([[0, 1, 5.0], [0, 2, 10.0], [0, 0, 0]]),  # 1 m was 5, 2 m were 10, unknown
        hidden=np.array([], int),
        material="",
    )
    np.testing.assert_allclose(fit(garment, rest), [[0.25 + 0.2, 0.5 + 0.2, 0.1]])


def test_poses_are_rotations_and_differ(studio):
    drawn = [poses.draw_pose(studio.crowd.assets, np.random.default_rng(seed)) for seed in range(9)]
    for pose in drawn:
        np.testing.assert_allclose(pose @ pose.swapaxes(1, 2), STRAIGHT, atol=1e-6)
        np.testing.assert_allclose(np.linalg.det(pose), 1)
    assert min(abs(a - drawn[0]).max() for a in drawn[1:]) > 0.1


def test_people_differ_in_all_that_is_drawn(studio):
    people = [studio.crowd.draw_person(seed, np.random.default_rng(seed)) for seed in range(4)]
    assert len({person.materials[0].texture for person in people}) > 1
    assert len({len(person.triangles) for person in people}) > 1
