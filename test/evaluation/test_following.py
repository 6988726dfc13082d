from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.config import Config, with_values
from alphapose_ros.evaluation.following import Step, follow
from alphapose_ros.frame import Detections, Poses
from alphapose_ros.skeletons import skeleton

CONFIG = with_values(Config(device="cpu", threads=1), {"suppression.min_score": 0.0})
BODY = skeleton("coco_17")
GREY = np.full((120, 160, 3), 127, np.uint8)


def not_asked():
    raise AssertionError("nobody needs the picture")


def poses(*lefts):
    keypoints = np.random.default_rng(3).uniform(0, 40, (17, 2))
    people = [np.c_[keypoints + [left, 10], np.ones(17)] for left in lefts]
    boxes = [[left, 10, left + 40, 50] for left in lefts]
    ones = np.ones(len(lefts))
    return Poses(
        skeleton=BODY,
        keypoints=np.reshape(people, (-1, 17, 3)),
        boxes=np.reshape(boxes, (-1, 4)),
        box_scores=ones,
        scores=ones,
    )


def detections(*lefts):
    boxes = [[left, 10, left + 40, 110] for left in lefts]
    return Detections(boxes=np.reshape(boxes, (-1, 4)), scores=np.ones(len(lefts)))


def steps(people, read=not_asked):
    return [Step(index, index * 100_000_000, read, one) for index, one in enumerate(people)]


def test_given_poses_are_tracked_without_a_look_at_the_pictures():
    found = dict(follow(steps([poses(5, 90), poses(7, 88), poses(9)]), CONFIG, "poses"))
    assert [tracks.ids.tolist() for tracks in found.values()] == [[1, 2], [1, 2], [1]]
    np.testing.assert_array_equal(found[2].poses.boxes, poses(9).boxes)


def test_ids_begin_anew_with_every_video():
    for _ in range(2):
        ((_, tracks),) = follow(steps([poses(5)]), CONFIG, "poses")
        assert tracks.ids.tolist() == [1]


def test_given_boxes_take_the_place_of_the_detector():
    given = [detections(10, 100), detections(), detections(12)]
    found = [tracks for _, tracks in follow(steps(given, lambda: GREY), CONFIG, "boxes")]
    assert [len(tracks) for tracks in found] == [2, 0, 1]
    np.testing.assert_array_equal(found[0].poses.boxes, given[0].boxes)


def test_no_given_box_is_suppressed_though_its_pose_is_nobodys():
    strict = with_values(CONFIG, {"suppression.min_score": 1.0})
    ((_, tracks),) = follow(steps([detections(10, 12)], lambda: GREY), strict, "boxes")
    assert len(tracks) == 2


def test_without_anything_given_the_pipeline_looks():
    ((index, tracks),) = follow(steps([None], lambda: GREY), CONFIG)
    assert (index, len(tracks)) == (0, 0)


def test_what_is_given_has_a_name():
    with pytest.raises(ValueError, match="'keypoints' is none of nothing, boxes, poses"):
        list(follow([], CONFIG, "keypoints"))
