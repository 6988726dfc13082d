"""The crowds and tables of the benchmarks of pose NMS."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import pose_nms as speed
import redundancy

from alphapose_ros.boxes import iou


@pytest.fixture
def models():
    return redundancy.made_models(np.random.default_rng(0))


@pytest.mark.parametrize("name", redundancy.SKELETONS)
def test_everybody_is_found_as_often_as_wanted(models, name):
    rng = np.random.default_rng(1)
    people = redundancy.crowd(models, 3, name, rng)
    poses = redundancy.enlarged(redundancy.copied(people, name, 0.01, False, rng), 200)
    assert len(poses) == 15
    belongs = iou(poses.boxes, people[1] * 200) > 0.7
    np.testing.assert_array_equal(belongs.sum(axis=0), 5)


@pytest.mark.parametrize("is_whole", [True, False])
def test_errors_are_as_large_as_they_should_be(models, is_whole):
    rng = np.random.default_rng(2)
    places, boxes = redundancy.crowd(models, 1, "halpe_136", rng)
    poses = redundancy.copied((places, boxes), "halpe_136", 0.03, is_whole, rng, copies=400)
    errors = poses.keypoints[..., :2] - places
    assert errors.std() == pytest.approx(0.03, rel=0.1)
    within = (errors - errors.mean(axis=1, keepdims=True)).std()
    assert within == pytest.approx(0 if is_whole else 0.03, abs=0.001)


def test_real_people_are_read(data):
    models = redundancy.real_models(
        data / "pose_datasets/halpe/test_halpe.json", np.random.default_rng(0)
    )
    assert len(models) == 5
    assert models[0].width == pytest.approx(218.7 / 346.68)
    nose = np.array([364.0, 81.0]) - [280.79, 44.73]  # of person 0, in pixels of its box
    assert models[0].keypoints.shape == (136, 2)
    assert np.abs(models[0].keypoints[0] - nose / 346.68).max() < 0.05


def test_shares_count_the_crowds_that_are_right():
    kept = {"default, 100 px": [2, 3], "default, 300 px": [2, 2], "reference, 100 px": [9, 9]}
    results = [{"keypoints": 17, "jitter": 0.01, "people": 2, "kept": kept}]
    assert redundancy.share_right(results, "default", 0.01) == 0.75
    assert redundancy.share_right(results, "reference", 0.01) == 0


def test_the_table_of_times_has_the_ratios(models):
    poses = speed.make_poses(models, "coco_17", 5, 2)
    assert len(poses) == 5
    ms = speed.measure({"default": len, "its rule": len}, poses, 5)
    assert set(ms) == {"default", "its rule"}
    case = speed.Case(17, 5, 2, 0.71, {"default": 0.1, "its rule": 0.5})
    assert speed.row(case) == "| 17 | 5 | 2 | 0.100 | 0.500 | 0.71 | 7.1 | 1.4 |"
    measured = speed.Case(17, 5, 2, 0.71, {**case.ms, "reference": 1.0})
    assert speed.row(measured).endswith("| 1.00 | 10.0 | 2.0 |")
