from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.config import SuppressionConfig
from alphapose_ros.frame import Poses
from alphapose_ros.skeletons import skeleton
from alphapose_ros.suppression import pose_nms

BODY = skeleton("coco_17")


def people(copies, jitter, count=4, seed=0):
    """Poses of ``count`` people, each ``copies`` times, moved by ``jitter`` parts of the box."""
    rng = np.random.default_rng(seed)
    height = 200.0
    rows, boxes, scores, who = [], [], [], []
    for person in range(count):
        origin = np.array([150.0 * person, 20.0])
        pose = rng.random((17, 2)) * [height / 2, height] + origin
        for copy in range(copies):
            noise = rng.normal(0, jitter * height, (17, 2)) * (copy > 0)
            rows.append(np.concatenate((pose + noise, np.full((17, 1), 0.9)), axis=1))
            boxes.append([*origin, *(origin + [height / 2, height])])
            scores.append(0.9 - 0.1 * copy)
            who.append(person)
    poses = Poses(skeleton=BODY, keypoints=rows, boxes=boxes, box_scores=scores, scores=scores)
    return poses, np.array(who)


@pytest.mark.parametrize("jitter", [0.0, 0.01, 0.03])
def test_of_copies_of_a_pose_the_best_stays(jitter):
    poses, _ = people(copies=5, jitter=jitter)
    kept = pose_nms(poses)
    np.testing.assert_allclose(kept.scores, [0.9] * 4)
    np.testing.assert_array_equal(kept.keypoints, poses.keypoints[::5])


def test_different_people_in_one_place_stay():
    rng = np.random.default_rng(5)
    keypoints = np.concatenate((rng.random((3, 17, 2)) * 100, np.full((3, 17, 1), 0.9)), axis=2)
    poses = Poses(
        skeleton=BODY,
        keypoints=keypoints,
        boxes=[[0, 0, 100, 100]] * 3,
        box_scores=[0.9] * 3,
        scores=[0.7, 0.9, 0.8],
    )
    np.testing.assert_allclose(pose_nms(poses).scores, [0.9, 0.8, 0.7])


def test_the_threshold_decides():
    poses, _ = people(copies=5, jitter=0.03)
    assert len(pose_nms(poses, config=SuppressionConfig(threshold=11.0))) == 20


def test_poses_without_any_keypoint_do_not_suppress_each_other():
    absent = np.tile([np.nan, np.nan, 0], (2, 17, 1))
    poses = Poses(
        skeleton=BODY,
        keypoints=absent,
        boxes=[[0, 0, 9, 9]] * 2,
        box_scores=[0.5, 0.4],
        scores=[0.5, 0.4],
    )
    assert len(pose_nms(poses, config=SuppressionConfig(min_score=0.0))) == 2


def test_what_has_too_weak_keypoints_is_nobody_but_half_a_body_is_somebody():
    poses, _ = people(copies=1, jitter=0.0, count=2)
    keypoints = poses.keypoints.copy()
    keypoints[0, :, 2] = 0.3  # weak all over
    keypoints[1, 9:, 2] = 0.0  # nine certain keypoints of 17
    half = replace(poses, keypoints=keypoints)
    np.testing.assert_array_equal(pose_nms(half).keypoints, keypoints[1:])


def test_nobody_stays_nobody():
    assert len(pose_nms(Poses.empty(BODY))) == 0


def test_it_can_be_switched_off():
    poses, _ = people(copies=3, jitter=0.0)
    assert len(pose_nms(poses, method="none")) == 12


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'oks2' is none of"):
        pose_nms(Poses.empty(BODY), method="oks2")
