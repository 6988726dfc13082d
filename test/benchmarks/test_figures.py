"""Figures against numbers worked out by hand, and how they are put together."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from contestants import place_mean
from embedded_models import end_to_end, in_true_boxes
from evaluation_sets import WHOLE, Person, Picture, coco_people, other_bodies, sports, whole_bodies
from figures import LIMBS, box_figures, either_side, mean_oks, part_error, pck, torso_px

from alphapose_ros.frame import Detections

NOWHERE = np.full((136, 3), np.nan)


def person(points=None, box=(0, 0, 100, 200), is_ignored=False):
    """A person whose keypoints {name: (x, y)} are labelled."""
    keypoints = np.zeros((136, 3))
    for name, place in (points or {}).items():
        keypoints[WHOLE.index(name)] = *place, 2
    return Person(np.array(box, float), keypoints, 20000.0, is_ignored)


# Torso: from the left shoulder (80, 20) to the right hip (20, 100): 100 px.
ARM = person(
    {
        "left_shoulder": (80, 20),
        "right_hip": (20, 100),
        "left_elbow": (90, 60),
        "left_wrist": (95, 95),
    }
)


def pose_of(one, **moves):
    """The person's own keypoints, some moved by (dx, dy)."""
    pose = np.where(one.keypoints[:, 2:] > 0, one.keypoints, np.nan)
    for name, move in moves.items():
        pose[WHOLE.index(name), :2] += move
    return pose


def test_keypoints_within_a_fifth_of_the_torso_are_right():
    assert torso_px(ARM.keypoints) == 100
    assert pck(pose_of(ARM)[None], [ARM]) == 1
    moved = pose_of(ARM, left_elbow=(0, 19.9), left_wrist=(0, 20.1))  # one in, one out
    assert pck(moved[None], [ARM]) == pytest.approx(3 / 4)
    assert pck(NOWHERE[None], [ARM]) == 0


def test_every_kind_of_keypoint_weighs_the_same():
    # Two people with elbows, one with a wrist: elbows 1/2, wrist 1, shoulder 1/2, hip 1/2.
    both = [ARM, person({"left_shoulder": (80, 20), "right_hip": (20, 100), "left_elbow": (9, 9)})]
    assert pck(np.array([pose_of(ARM), NOWHERE]), both) == pytest.approx((3 * 1 / 2 + 1) / 4)


def test_who_has_no_torso_does_not_count():
    assert np.isnan(pck(NOWHERE[None], [person({"left_wrist": (3, 4)})]))


def test_a_mirrored_label_is_allowed_for_where_it_fits_better():
    mirrored = pose_of(ARM)[WHOLE.flip_order]
    assert pck(mirrored[None], [ARM]) == 0
    assert pck(either_side(mirrored[None], [ARM]), [ARM]) == 1


def test_the_error_of_a_hand_is_in_parts_of_the_hand():
    hand = person(
        {"left_hand_wrist": (0, 0), "left_hand_index_4": (40, 10), "left_hand_thumb_4": (20, 20)}
    )
    # The longer side is 40; one point 10 px off, one not found, one right: (0.25 + 1 + 0) / 3.
    pose = pose_of(hand, left_hand_wrist=(6, 8), left_hand_index_4=(np.nan, 0))
    assert part_error(pose[None], [hand], "left_hand") == pytest.approx(1.25 / 3)
    assert np.isnan(part_error(pose[None], [hand], "face"))


def test_the_size_of_a_face_is_the_root_of_its_area():
    names = ("chin", "nose_base", "right_eye_outer_corner")
    face = person(dict(zip(names, ((0, 0), (90, 0), (0, 40)), strict=True)))
    pose = pose_of(face, chin=(0, 30))  # sqrt(90 * 40) = 60: half a face off
    assert part_error(pose[None], [face], "face") == pytest.approx(0.5 / 3)


def test_oks_of_the_label_itself_is_one():
    assert mean_oks(pose_of(ARM)[None], [ARM]) == pytest.approx(1)
    assert mean_oks(np.array([pose_of(ARM), NOWHERE]), [ARM, ARM]) == pytest.approx(0.5)


def picture(*people):
    return Picture("picture", np.zeros((300, 400, 3), np.uint8), people)


def found(*boxes_and_scores):
    table = np.array(boxes_and_scores, float).reshape(-1, 5)
    return Detections(boxes=table[:, :4], scores=table[:, 4])


TALL, SMALL = (0, 0, 50, 100), (200, 0, 220, 40)


def test_boxes_of_small_people_and_crowds_neither_count_nor_harm():
    pictures = [
        picture(person(box=TALL), person(box=SMALL), person(box=(200, 100, 400, 250), is_ignored=1))
    ]
    crowd, nobody = (210, 110, 260, 220, 0.99), (100, 0, 120, 40, 0.95)
    perfect = {"AP50": pytest.approx(1), "recall": 1, "wrong": 0}
    boxes = [found((*TALL, 0.9), crowd, nobody)]
    assert box_figures(boxes, pictures, 60, 0.1) == perfect
    assert box_figures([found((*TALL, 0.9), (*SMALL, 0.9), crowd)], pictures, 0, 0.1) == perfect
    # Small ones counted: one of two people found, behind a wrong box.
    figures = box_figures(boxes, pictures, 0, 0.1)
    assert (figures["recall"], figures["wrong"]) == (0.5, 1)


def test_recall_and_wrong_boxes_are_those_at_work():
    pictures = [picture(person(box=TALL)), picture()]
    boxes = [found((*TALL, 0.05)), found((100, 100, 150, 200, 0.04), (100, 0, 150, 80, 0.3))]
    figures = box_figures(boxes, pictures, 60, 0.1)
    # By score: one wrong box, then the right one: precision 1/2 at every recall.
    assert figures == {"AP50": pytest.approx(0.5), "recall": 0, "wrong": 0.5}


def test_the_mean_skeleton_goes_with_the_box():
    small = person({"nose": (30, 40)}, box=(0, 0, 60, 80))
    twice = person({"nose": (160, 180)}, box=(100, 100, 220, 260))
    place = place_mean([small, twice])
    placed = place(np.zeros((9, 9, 3), np.uint8), np.array([small.box, twice.box]))
    np.testing.assert_allclose(placed[:, WHOLE.index("nose"), :2], [[30, 40], [160, 180]])
    assert np.isnan(placed[:, WHOLE.index("left_wrist"), 0]).all()


def test_people_who_are_not_found_have_no_keypoints():
    near, far = person({"nose": (1, 1)}, TALL), person({"nose": (1, 1)}, (200, 0, 250, 100))
    poses = np.ones((2, 136, 3)) * [[[1.0]], [[2.0]]]
    its_own, other = (205, 0, 250, 100), (300, 200, 350, 290)
    matched = end_to_end(lambda image: (np.array([its_own, other]), poses), [picture(near, far)])
    assert np.isnan(matched[0]).all()
    assert (matched[1] == 1).all()


def test_nobody_no_poses():
    assert in_true_boxes(place_mean([ARM]), [picture()]).shape == (0, 136, 3)


def test_true_poses_score_full_marks_on_every_set(data):
    for pictures in (sports(data), coco_people(data) + whole_bodies(data) + other_bodies(data)):
        people = [one for shown in pictures for one in shown.people]
        poses = np.array([pose_of(one) for one in people])
        assert pck(poses, people) == 1
        assert all(
            (one.keypoints[np.ravel(LIMBS), 2] > 0).any() or not one.keypoints.any()
            for one in people[:50]
        )


def test_labels_of_a_standing_person_are_in_their_rows(data):
    # Heads above hips above ankles, and the feet's keypoints near the ankles.
    man = whole_bodies(data)[0].people[0]
    y = {name: man.keypoints[WHOLE.index(name), 1] for name in ("nose", "left_hip", "left_ankle")}
    assert y["nose"] < y["left_hip"] < y["left_ankle"]
    ankle = man.keypoints[WHOLE.index("left_ankle"), :2]
    heel = man.keypoints[WHOLE.index("left_heel"), :2]
    assert np.linalg.norm(ankle - heel) < 0.2 * man.size_px
    wrist = man.keypoints[WHOLE.index("right_wrist"), :2]
    root = man.keypoints[WHOLE.index("right_hand_wrist"), :2]
    assert np.linalg.norm(wrist - root) < 0.1 * man.size_px
