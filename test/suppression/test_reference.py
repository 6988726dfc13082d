"""The reference's rule: against what it gave itself, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.frame import Poses
from alphapose_ros.skeletons import skeleton
from alphapose_ros.suppression import pose_nms
from alphapose_ros.suppression.reference import constants_for, reference_nms

SKELETONS = {17: "coco_17", 26: "halpe_26", 133: "coco_wholebody_133", 136: "halpe_136"}
SMALL = [0, 0, 10, 10]  # radius of the count: 1.5 px with the constants for regression
LARGE = [0, 0, 100, 100]  # 7 px, its largest


@pytest.mark.parametrize("name", ["pose_nms_body", "pose_nms_fullhm"])
def test_poses_are_kept_and_merged_as_by_the_reference(data, name):
    with np.load(data / f"reference/vectors/{name}.npz") as stored:
        for case in sorted({key.split("/")[0] for key in stored}):
            keypoints = np.dstack([stored[f"{case}/poses"], stored[f"{case}/pose_scores"]])
            poses = Poses(
                skeleton=skeleton(SKELETONS[keypoints.shape[1]]),
                keypoints=keypoints,
                boxes=stored[f"{case}/boxes"],
                box_scores=stored[f"{case}/box_scores"][:, 0],
                scores=np.random.default_rng(0).random(len(keypoints)),  # of no matter
            )
            constants = "regression" if "_reg" in case else "heatmap"
            area = float(stored[f"{case}/area_thres"])
            kept = pose_nms(poses, "reference", constants, min_area=area)
            assert len(kept) == stored[f"{case}/out_n"], case
            np.testing.assert_array_equal(kept.boxes, stored[f"{case}/out_boxes"], case)
            np.testing.assert_array_equal(kept.box_scores, stored[f"{case}/out_box_scores"], case)
            found, scores = np.split(kept.keypoints, [2], axis=2)
            np.testing.assert_allclose(found, stored[f"{case}/out_poses"], atol=1e-2)
            np.testing.assert_allclose(scores, stored[f"{case}/out_pose_scores"], atol=1e-5)
            assert ((kept.scores >= 0) & (kept.scores <= 1)).all()


def two(way, box, count=136, strangers=0):
    """Two poses of certain keypoints ``way`` px apart, and others far from them and each other."""
    keypoints = np.zeros((2 + strangers, count, 3), np.float32)
    keypoints[..., 0] = 3 * np.arange(count)
    keypoints[..., 1] = 1e4 * np.arange(2 + strangers)[:, None]
    keypoints[1, :, 1] = way
    keypoints[..., 2] = 0.9
    keypoints[0, :, 2] = 0.95
    return keypoints, np.array([box] * len(keypoints), np.float32)


def kept(way, box, constants="regression", **more):
    keypoints, boxes = two(way, box, **more)
    return len(reference_nms(keypoints, boxes, constants_for(constants, keypoints.shape[1]))[0])


def test_a_whole_body_goes_by_its_score():
    # 1.65 (e^(-d/8) + e^(-d/15.2) + 1.5 e^(-d/4.4)) is 3.64 at 3.2 px and 3.54 at 3.4 px, of 3.6;
    # the radius of 1.5 px lets nothing match.
    assert kept(3.2, SMALL) == 1
    assert kept(3.4, SMALL) == 2


def test_only_weak_keypoints_support_each_other_which_is_a_quirk():
    # In one place, hands weak: 1.65 (1 + 1) = 3.3 of 3.6; if certain keypoints supported each
    # other, 2 tanh(0.95) tanh(0.9) = 1.06 came on top. 34 / n matches: too few for 12 poses.
    keypoints, boxes = two(0, LARGE, strangers=10)
    keypoints[1, -42:, 2] = 0.005
    assert len(reference_nms(keypoints, boxes, constants_for("regression", 136))[0]) == 12


def test_a_whole_body_goes_by_what_matches_while_few_are_left():
    # d/r = 4/7 = 0.571: body and face match, the hands (0.55) do not. 94 * 136 / (4 n 136) is
    # 23.5 / n, 3 are needed: enough for 7 poses, not for 8.
    assert kept(4, LARGE, strangers=5) == 1 + 5
    assert kept(4, LARGE, strangers=6) == 2 + 6


def test_the_radius_is_0_15_of_the_box_with_the_constants_for_regression():
    # d/r = 5/6: body and face match, 23.5 / n; of r = 4 px the face only, 17 / n.
    assert kept(5, [0, 0, 40, 20], strangers=5) == 1 + 5


def test_hands_match_within_less():
    # d/r = 3.8/7 = 0.543: all match. 136 * 136 / (4 n 136) = 34 / n: enough for 11, not for 12.
    # By score alone 3.8 px are too many: 3.35.
    assert kept(3.8, LARGE, strangers=9) == 1 + 9
    assert kept(3.8, LARGE, strangers=10) == 2 + 10


def test_keypoints_of_133_are_counted_in_the_slices_of_136():
    # At d/r = 10/7 what counts as face matches: rows 26 to 93. 68 * 133 / (4 n 133) = 17 / n.
    assert kept(10, LARGE, count=133, strangers=3) == 1 + 3
    assert kept(10, LARGE, count=133, strangers=4) == 2 + 4
    # Three keypoints of three: rows 23 to 25 are the face's, but counted with the body; rows 91
    # to 93 are a hand's, but counted with the face.
    for rows, expected in ((slice(23, 26), 2), (slice(91, 94), 1)):
        keypoints, boxes = two(1000, LARGE, count=133)
        keypoints[1, rows, 1] = 10
        certain = keypoints[:, rows, 2].copy()
        keypoints[..., 2] = 0.001
        keypoints[:, rows, 2] = certain
        assert len(reference_nms(keypoints, boxes, constants_for("regression", 133))[0]) == expected


def test_constants_for_regression_serve_whole_bodies_only():
    assert constants_for("regression", 17) == constants_for("heatmap", 17)
    assert constants_for("regression", 136) != constants_for("heatmap", 136)


def test_a_call_does_not_change_the_next_one():
    before = kept(5, LARGE, "heatmap", count=17)
    kept(5, LARGE, "regression")
    assert kept(5, LARGE, "heatmap", count=17) == before


def test_a_body_goes_by_five_keypoints_within_its_radius():
    for near, expected in ((5, 1), (4, 2)):
        keypoints, boxes = two(0, LARGE, count=17)
        keypoints[1, :near, 1] = 6.9  # the radius is 7 px, a tenth of the box 10
        keypoints[1, near:, 1] = 7.1
        assert len(reference_nms(keypoints, boxes, constants_for("heatmap", 17))[0]) == expected


def test_the_mean_is_weighted_by_scores_and_takes_what_is_near():
    keypoints, boxes = two(0, [0, 0, 100, 50], count=17)
    keypoints[0, :, 2], keypoints[1, :, 2] = 0.9, 0.3
    keypoints[1, :, 1] = 4
    keypoints[1, 16, 1] = 11  # a tenth of the box is 10
    _, poses = reference_nms(keypoints, boxes, constants_for("heatmap", 17))
    np.testing.assert_allclose(poses[0, :16, 1], (0.9 * 0 + 0.3 * 4) / 1.2, rtol=1e-6)
    np.testing.assert_allclose(poses[0, :16, 2], (0.81 + 0.09) / 1.2, rtol=1e-6)
    np.testing.assert_allclose(poses[0, 16], [48, 0, 0.9], rtol=1e-6)


def test_a_pose_goes_whose_best_keypoint_is_weak_or_whose_area_is_small():
    keypoints, boxes = two(0, LARGE, count=17)
    constants = constants_for("heatmap", 17)
    keypoints[..., 1] = np.linspace(0, 20, 17)  # 48 x 20 px, times 2.25: 2160
    assert len(reference_nms(keypoints, boxes, constants, min_area=2159)[0]) == 1
    assert len(reference_nms(keypoints, boxes, constants, min_area=2161)[0]) == 0
    keypoints[..., 2] = 0.29
    assert len(reference_nms(keypoints, boxes, constants)[0]) == 0


def test_the_score_is_that_of_an_estimator_and_at_most_1():
    keypoints, boxes = two(0, LARGE, count=17)
    for score, expected in ((0.5, (0.5 + 0.8 + 1.25 * 0.5) / 3.25), (1.5, 1.0)):
        keypoints[..., 2] = score
        poses = Poses(
            skeleton=skeleton("coco_17"),
            keypoints=keypoints,
            boxes=boxes,
            box_scores=[0.8, 0.8],
            scores=[0, 0],
        )
        assert pose_nms(poses, "reference").scores == pytest.approx([expected])


def test_unknown_constants_are_refused():
    with pytest.raises(ValueError, match="'softmax' are none of"):
        pose_nms(Poses.empty(skeleton("coco_17")), "reference", "softmax")
