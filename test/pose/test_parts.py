from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from alphapose_ros.boxes import from_xywh, iou
from alphapose_ros.config import Config, PoseConfig, with_values
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections, Poses
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.pose import build_estimator, build_pose_network
from alphapose_ros.pose.crop import crop_boxes
from alphapose_ros.pose.estimator import PoseEstimator
from alphapose_ros.pose.parts import PartsEstimator, hand_boxes, head_boxes
from alphapose_ros.skeletons import skeleton

IMAGE = np.zeros((400, 600, 3), np.uint8)


def poses(*people, skeleton_id="coco_17"):
    """Poses of people, each {name of keypoint: (x, y) or (x, y, score)}; the rest is absent."""
    layout = skeleton(skeleton_id)
    keypoints = np.tile(np.array([np.nan, np.nan, 0]), (len(people), len(layout.names), 1))
    for person, found in zip(keypoints, people, strict=True):
        for name, (x, y, *score) in found.items():
            person[layout.index(name)] = x, y, *(score or [1])
    ones = np.ones(len(people))
    boxes = np.tile([0, 0, 100, 200], (len(people), 1))
    return Poses(skeleton=layout, keypoints=keypoints, boxes=boxes, box_scores=ones, scores=ones)


def arm(side, shoulder, elbow, wrist):
    return {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist}


def test_a_hand_is_beyond_the_wrist_and_as_large_as_the_forearm_says():
    # A forearm of 50 (30, 40) at an upper arm of 10: 0.33 of it beyond the wrist, 0.8 of it wide.
    found = hand_boxes(poses(arm("left", (90, 100), (100, 100), (130, 140))))
    x, y = 130 + 0.33 * 30, 140 + 0.33 * 40
    np.testing.assert_allclose(found[0, 0], [x - 20, y - 20, x + 20, y + 20], rtol=1e-5)
    assert np.isnan(found[0, 1]).all()


def test_the_upper_arm_says_how_large_a_hand_is_that_points_at_the_camera():
    found = hand_boxes(poses(arm("right", (100, 0), (100, 100), (100, 110))))
    middle, half = 110 + 0.33 * 10, 0.8 * 0.9 * 100 / 2
    expected = [100 - half, middle - half, 100 + half, middle + half]
    np.testing.assert_allclose(found[0, 1], expected, rtol=1e-5)


def test_a_hand_whose_elbow_is_hidden_is_as_large_as_the_other():
    person = arm("left", (50, 0), (50, 50), (50, 100)) | {"right_wrist": (200, 80)}
    found = hand_boxes(poses(person))
    np.testing.assert_allclose(found[0, 1], [180, 60, 220, 100], rtol=1e-5)


@pytest.mark.parametrize("gone", [{}, {"left_wrist": (50, 100, 0.1)}])
def test_without_a_wrist_there_is_no_hand(gone):
    person = {"left_shoulder": (50, 0), "left_elbow": (50, 50)} | gone
    assert np.isnan(hand_boxes(poses(person))).all()


def test_a_wrist_without_any_arm_says_nothing_of_the_hand_s_size():
    assert np.isnan(hand_boxes(poses({"left_wrist": (50, 100)}))).all()


FRONT = {
    **{"nose": (100, 108), "left_eye": (110, 100), "right_eye": (90, 100)},
    **{"left_ear": (120, 100), "right_ear": (80, 100)},
}


def turned(person, angle):
    """Turn a person about the origin by an angle [rad]."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return {name: (cosine * x - sine * y, sine * x + cosine * y) for name, (x, y) in person.items()}


def test_a_face_from_the_front_is_as_wide_as_the_ears_are_apart():
    # Their mean is at y = 101.6; the box's middle 0.2 of its 40 px below.
    np.testing.assert_allclose(head_boxes(poses(FRONT)), [[80, 89.6, 120, 129.6]], rtol=1e-5)


@pytest.mark.parametrize("angle", [0.5, 1.57, 3.0])
def test_a_face_turns_with_the_body(angle):
    person = FRONT | {"left_shoulder": (115, 160), "right_shoulder": (85, 160)}
    (found,) = head_boxes(poses(turned(person, angle)))
    (x, y) = turned({"": (100, 109.6)}, angle)[""]
    np.testing.assert_allclose(found, [x - 20, y - 20, x + 20, y + 20], rtol=1e-4)


def test_a_face_in_profile_reaches_from_the_nose_to_the_ear():
    person = {"nose": (140, 108), "left_eye": (133, 100), "left_ear": (100, 102)}
    (x1, _, x2, _) = head_boxes(poses(person))[0]
    size = np.hypot(40, 6)
    np.testing.assert_allclose([x1, x2], [120 - size / 2, 120 + size / 2], rtol=1e-5)


def test_of_a_nose_alone_the_shoulders_say_how_large_the_face_is():
    person = {"nose": (100, 100), "left_shoulder": (140, 160), "right_shoulder": (60, 160)}
    np.testing.assert_allclose(head_boxes(poses(person)), [[80, 88, 120, 128]], rtol=1e-5)


@pytest.mark.parametrize(
    "person",
    [
        {},
        {"nose": (100, 100)},
        {"left_ear": (120, 100), "right_ear": (80, 100)},  # from behind
        {"nose": (100, 100, 0.1), "left_ear": (120, 100), "right_ear": (80, 100)},
    ],
)
def test_without_a_nose_or_eye_or_any_size_there_is_no_face(person):
    assert np.isnan(head_boxes(poses(person))).all()


def test_nobody_has_no_hands_and_no_face():
    assert hand_boxes(poses()).shape == (0, 2, 4) and head_boxes(poses()).shape == (0, 4)


def labelled(file, skeleton_id, names):
    """Read the labels of whole bodies as poses; v = 0 is absent."""
    people = json.loads(file.read_text())["annotations"]
    values = [[number for name in names for number in person[name]] for person in people]
    keypoints = np.array(values, np.float32).reshape(len(people), -1, 3)
    keypoints[..., 2] = keypoints[..., 2] > 0
    keypoints[keypoints[..., 2] == 0] = [np.nan, np.nan, 0]
    layout, n = skeleton(skeleton_id), len(people)
    fill = {"boxes": np.zeros((n, 4)), "box_scores": np.ones(n), "scores": np.ones(n)}
    return people, Poses(skeleton=layout, keypoints=keypoints, **fill)


@pytest.fixture
def wholebody(data):
    parts = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    file = data / "pose_datasets/coco_wholebody_eval/example_gt.json"
    return labelled(file, "coco_wholebody_133", parts)


def shown(boxes, truth):
    """Return the part of each box ``truth`` (N, 4) that a square crop of ``boxes`` shows."""
    crops = crop_boxes(boxes, (256, 256))
    low, high = np.maximum(crops[:, :2], truth[:, :2]), np.minimum(crops[:, 2:], truth[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=1) / (truth[:, 2:] - truth[:, :2]).prod(axis=1)


def test_the_boxes_of_hands_are_those_that_coco_wholebody_labels(wholebody):
    people, bodies = wholebody
    of_all = [(person, side) for person in people for side in ("left", "right")]
    is_there = np.array([person[f"{side}hand_valid"] for person, side in of_all])
    labels = np.array([person[f"{side}hand_box"] for person, side in of_all])
    found = hand_boxes(bodies).reshape(-1, 4)[is_there]
    truth = from_xywh(labels[is_there])
    overlap = iou(found, truth).diagonal()
    assert len(found) == 19 and np.isfinite(found).all()
    assert (overlap > 0.3).mean() > 0.7 and np.median(overlap) > 0.38
    assert (shown(found, truth) > 0.95).mean() > 0.9


def test_the_boxes_of_faces_are_those_that_coco_wholebody_labels(wholebody):
    people, bodies = wholebody
    is_there = np.array([person["face_valid"] for person in people])
    truth = from_xywh(np.array([person["face_box"] for person in people])[is_there])
    found = head_boxes(bodies)[is_there]
    overlap = iou(found, truth).diagonal()
    assert len(found) == 10 and (overlap > 0.5).all() and np.median(overlap) > 0.7
    assert shown(found, truth).mean() > 0.95


def test_the_hands_and_faces_of_halpe_are_in_their_boxes(data):
    _, bodies = labelled(data / "pose_datasets/halpe/test_halpe.json", "halpe_136", ("keypoints",))
    hands = hand_boxes(bodies)
    boxes = {"left_hand": hands[:, 0], "right_hand": hands[:, 1], "face": head_boxes(bodies)}
    seen = 0
    for group, of_all in boxes.items():
        points = bodies.keypoints[:, bodies.skeleton.group(group), :2]
        is_labelled = np.isfinite(points[..., 0])
        crops = crop_boxes(of_all, (256, 256))[:, None]
        inside = ((points >= crops[..., :2]) & (points <= crops[..., 2:])).all(axis=2)
        for labels, found in zip(is_labelled, inside, strict=True):
            assert found[labels].sum() >= 0.95 * labels.sum(), group
        seen += is_labelled.any(axis=1).sum()
    assert seen == 6


class Body:
    """Stands in for a network of whole bodies: one arm and a face, everything else at 0."""

    def __init__(self, skeleton_id):
        self.layout = skeleton(skeleton_id)

    def __call__(self, image, boxes):
        person = arm("left", (50, 0), (50, 50), (50, 100)) | FRONT
        (keypoints,) = poses(person, skeleton_id=self.layout.id).keypoints
        keypoints = np.where(keypoints[:, 2:] > 0, keypoints, [0, 0, 0.1])
        return keypoints + np.array([1, 0, 0]) * boxes[:, None, :1]  # moved with the person


class Middles:
    """Stands in for a network of parts: all keypoints in the middle of the box, 0.01 apart."""

    def __init__(self, count):
        self.count, self.calls = count, []

    def __call__(self, image, boxes):
        self.calls.append(boxes)
        steps = 0.01 * np.arange(self.count)[:, None]
        middles = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 + steps
        return np.concatenate((middles, np.full((len(boxes), self.count, 1), 0.7)), axis=2)


def estimator(skeleton_id, hands=None, faces=None):
    return PartsEstimator(
        PoseEstimator(Body(skeleton_id), skeleton(skeleton_id)),
        None if hands is None else PoseEstimator(hands, skeleton("single_hand_21")),
        None if faces is None else PoseEstimator(faces, skeleton("face_68")),
    )


PEOPLE = Detections(boxes=[[0, 0, 90, 200], [200, 0, 290, 200.0]], scores=[0.9, 0.8])


@pytest.mark.parametrize("name", ["halpe_136", "coco_wholebody_133"])
def test_keypoints_of_parts_take_their_places_in_the_whole_body(name):
    hands, faces = Middles(21), Middles(68)
    found = estimator(name, hands, faces)(IMAGE, PEOPLE)
    whole = estimator(name)(IMAGE, PEOPLE)
    layout = found.skeleton
    for person, x in enumerate((0, 200)):
        hand = found.keypoints[person, layout.group("left_hand")]
        expected = np.array([50 + x, 116.5]) + 0.01 * np.arange(21)[:, None]
        np.testing.assert_allclose(hand[:, :2], expected, atol=1e-3)
        face = found.keypoints[person, layout.group("face")]
        np.testing.assert_allclose(face[0, :2], [100 + x, face[0, 1]], atol=0.5)
        np.testing.assert_allclose(np.r_[hand[:, 2], face[:, 2]], 0.7, atol=1e-6)
    for group in ("body", "feet", "right_hand"):  # no right wrist, so no box
        rows = layout.group(group)
        np.testing.assert_array_equal(found.keypoints[:, rows], whole.keypoints[:, rows])
    np.testing.assert_allclose(found.scores, pose_scores(found.keypoints, PEOPLE.scores))
    assert [len(boxes) for boxes in hands.calls + faces.calls] == [2, 2]  # all at once


def test_the_right_hand_s_keypoints_are_in_the_order_of_the_left_s():
    layout = skeleton("halpe_136")
    body = Body("halpe_136")
    mirrored = PoseEstimator(lambda *given: body(*given)[:, layout.flip_order], layout)
    hands = PoseEstimator(Middles(21), skeleton("single_hand_21"))
    found = PartsEstimator(mirrored, hands)(IMAGE, PEOPLE[:1])
    thumb, index = (
        found.keypoints[0, layout.index(f"right_hand_{name}"), 0] for name in ("thumb_1", "index_1")
    )
    np.testing.assert_allclose([thumb, index], [50.01, 50.05], atol=1e-3)


def test_what_is_not_found_in_a_crop_stays_as_the_body_s_network_found_it():
    middles = Middles(21)

    def blind(image, boxes):  # to the second hand, and to the first keypoint of the other
        found = middles(image, boxes)
        found[1] = found[0, 0] = [np.nan, np.nan, 0]
        return found

    found, seen = estimator("halpe_136", blind)(IMAGE, PEOPLE), Middles(21)
    whole, all_seen = (estimator("halpe_136", hands)(IMAGE, PEOPLE) for hands in (None, seen))
    hand, of_body, of_crop = (
        of.keypoints[0, found.skeleton.group("left_hand")] for of in (found, whole, all_seen)
    )
    np.testing.assert_array_equal(found.keypoints[1], whole.keypoints[1])
    np.testing.assert_array_equal(hand[0], of_body[0])
    np.testing.assert_array_equal(hand[1:], of_crop[1:])
    np.testing.assert_allclose(found.scores, pose_scores(found.keypoints, PEOPLE.scores))


def test_the_network_of_hands_is_left_alone_where_nobody_is():
    hands = Middles(21)
    assert len(estimator("halpe_136", hands)(IMAGE, Detections.empty())) == 0
    assert not hands.calls


@pytest.mark.parametrize("name", ["coco_17", "halpe_26"])
def test_a_skeleton_without_hands_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} of the body has no place for .* single_hand_21"):
        estimator(name, Middles(21))


def test_a_skeleton_without_a_face_is_refused():
    with pytest.raises(ValueError, match=r"halpe_68 of the body has no place for .* face_68"):
        estimator("halpe_68", Middles(21), Middles(68))


@pytest.mark.parametrize("part", ["hand", "face"])
def test_a_network_of_more_than_the_part_is_refused(part):
    body = PoseEstimator(Body("halpe_136"), skeleton("halpe_136"))
    more = PoseEstimator(Middles(68), skeleton("halpe_68"))
    with pytest.raises(ValueError, match=f"skeleton halpe_68 is not that of a {part} alone"):
        PartsEstimator(body, **{f"{part}s": more})


@pytest.fixture(scope="module")
def hand_weights(tmp_path_factory):
    """Write the file of a network for single hands."""
    torch.manual_seed(0)
    network = build_pose_network("fastpose_small", "single_hand_21")
    file = tmp_path_factory.mktemp("hands") / "hands.safetensors"
    save_file(network.state_dict(), file)
    return str(file)


def test_a_model_for_hands_is_loaded_beside_the_body_s(hand_weights):
    config = PoseConfig(hand_model="auto", hand_weights=hand_weights)
    image = np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8)
    whole = build_estimator(replace(config, hand_model="", hand_weights=""), Compute())
    found = build_estimator(config, Compute())
    assert isinstance(found, PartsEstimator) and isinstance(whole, PoseEstimator)
    assert found.skeleton == whole.skeleton
    with_hands, without = found(image, PEOPLE), whole(image, PEOPLE)
    body = found.skeleton.group("body")
    np.testing.assert_array_equal(with_hands.keypoints[:, body], without.keypoints[:, body])
    boxed = np.isfinite(hand_boxes(without)).all(axis=2)
    for number, group in enumerate(("left_hand", "right_hand")):
        rows = found.skeleton.group(group)
        is_new = (with_hands.keypoints[:, rows] != without.keypoints[:, rows]).any(axis=(1, 2))
        np.testing.assert_array_equal(is_new, boxed[:, number])
    assert boxed.any()


def test_weights_without_the_model_that_they_are_for_are_refused(hand_weights):
    with pytest.raises(ValueError, match="set the model of these weights too"):
        build_estimator(PoseConfig(hand_weights=hand_weights), Compute())


@pytest.mark.parametrize("size", ["256", "250x192", "0x32", "256X192", "192 x 256"])
def test_sizes_of_crops_that_no_network_takes_are_refused(size):
    with pytest.raises(ValueError, match=r"pose.input_size: .* multiples of 32 such as 256x192"):
        with_values(Config(), {"pose.input_size": size})


def test_sizes_of_crops_are_height_and_width():
    assert PoseConfig(input_size="384x288").input_size == "384x288"
