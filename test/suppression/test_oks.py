"""OKS-NMS against the reference's vectors and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.config import SuppressionConfig
from alphapose_ros.frame import Poses
from alphapose_ros.keypoints import oks
from alphapose_ros.skeletons import skeleton
from alphapose_ros.suppression import pose_nms
from alphapose_ros.suppression.oks import oks_nms, soft_oks_nms

ALL = SuppressionConfig(min_score=0.0)
VECTORS = {  # whose sigmas: those of our skeletons but for 136 keypoints
    "k17": skeleton("coco_17").sigmas,
    "k26": skeleton("halpe_26").sigmas,
    "k133": skeleton("coco_wholebody_133").sigmas,
    "k136": (*skeleton("halpe_136").sigmas[:26], *110 * (0.025,)),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_poses_that_the_reference_keeps_are_kept(data, name):
    with np.load(data / "reference/vectors/oks_nms.npz") as stored:
        keypoints = stored[f"{name}/kpts"].reshape(16, -1, 3).astype(float)
        areas, scores = stored[f"{name}/area"], stored[f"{name}/score"]
        expected, keep = stored[f"{name}/oks_0_vs_rest"], stored[f"{name}/keep"]
    sigmas = VECTORS[name]
    mean_areas = (areas[0] + areas[1:]) / 2
    found = oks(keypoints[0], keypoints[1:], mean_areas, sigmas)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    rows = oks_nms(keypoints, areas, scores, sigmas, 0.9)
    np.testing.assert_array_equal(rows, keep)


def three(way):
    """Two people of one keypoint, of whom the first is found twice, ``way`` px apart."""
    keypoints = np.array([[[0, 0, 1]], [[way, 0, 1]], [[90, 0, 1]]], float)
    return keypoints, np.full(3, 100.0), np.array([0.5, 0.9, 0.7])


def test_a_pose_goes_by_the_oks_to_a_better_one():
    # exp(-d^2 / (2 * area * (2 sigma)^2)) with area 100, sigma 0.5: exp(-d^2 / 200)
    keypoints, areas, scores = three(way=4.0)  # 0.923
    assert oks_nms(keypoints, areas, scores, (0.5,), 0.9).tolist() == [1, 2]
    keypoints, areas, scores = three(way=5.0)  # 0.882
    assert oks_nms(keypoints, areas, scores, (0.5,), 0.9).tolist() == [1, 2, 0]


def test_the_score_of_a_redundant_pose_falls_by_its_likeness():
    keypoints, areas, scores = three(way=5.0)
    rows, left = soft_oks_nms(keypoints, areas, scores, (0.5,), 0.9)
    assert rows.tolist() == [1, 2, 0]
    expected = 0.5 * np.exp(-np.exp(-25 / 100) / 0.9)  # OKS to the last is 0
    np.testing.assert_allclose(left, [0.9, 0.7, expected])


def test_a_pose_that_has_lost_nearly_all_of_its_score_goes():
    keypoints, areas, scores = three(way=0.0)
    rows, _ = soft_oks_nms(keypoints, areas, scores, (0.5,), 0.1)
    assert rows.tolist() == [1, 2]


def test_a_weak_pose_that_lost_nothing_stays():
    keypoints, areas, _ = three(way=0.0)
    rows, _ = soft_oks_nms(keypoints[1:], areas[1:], np.array([0.9, 1e-4]), (0.5,), 0.9)
    assert rows.tolist() == [0, 1]


@pytest.mark.parametrize(("method", "count"), [("oks", 3), ("soft_oks", 15)])
def test_of_people_found_often_the_best_come_first(made_people, find, method, count):
    corners = [(0.0, 0), (1.0, 0), (2.0, 0)]
    poses = find(made_people("coco_17", 3), corners, "coco_17", jitter=0.003)
    kept = pose_nms(poses, method, config=ALL)
    assert len(kept) == count
    first = kept.boxes[:3, 0].round().tolist()
    assert sorted(first) == [0, 300, 600]


def test_the_threshold_is_a_setting(made_people, find):
    poses: Poses = find(made_people("coco_17", 1), [(0, 0)], "coco_17", jitter=0.003)
    strict = SuppressionConfig(min_score=0.0, oks_threshold=1.0)
    assert len(pose_nms(poses, "oks", config=strict)) == 5
