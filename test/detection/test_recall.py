"""Low thresholds of the detector find more people, and pose NMS removes what is redundant."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from decoding import DECODES_AS_KNOWN, WHY_NOT

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from evaluation_sets import coco_people, pets
from recall import THRESHOLDS, Tally, at, measure

from alphapose_ros.config import load_config, with_values


@pytest.fixture(scope="module", params=["COCO", "PETS"])
def found(request, data, root):
    """For either thresholds: what is found, and what pose NMS leaves."""
    if request.param == "COCO":
        pictures = [picture for picture in coco_people(data) if picture.people]
    elif not DECODES_AS_KNOWN:
        pytest.skip(WHY_NOT)
    else:
        pictures = pets(data)[::6]
    config = load_config(root / "config/pose_nms/136.yaml")
    config = with_values(config, {"device": "cpu", "threads": 1})
    return [measure(pictures, at(config, *values)) for values in THRESHOLDS.values()]


def test_a_person_with_two_boxes_is_found_once_and_boxes_elsewhere_are_nobodys():
    tally = Tally()
    people = np.array([[0, 0, 10, 20], [50, 0, 60, 20]], float)
    boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [0, 0, 10, 9], [200, 0, 210, 20]], float)
    tally.add(boxes, people)
    tally.add(np.empty((0, 4)), people)
    tally.add(boxes[:1], np.empty((0, 4)))
    assert (tally.people, tally.found, tally.theirs, tally.others) == (4, 1, 2, 3)
    assert tally.recall == 0.25 and tally.each == 2


def test_low_thresholds_find_more_people(found):
    (usual, _), (low, _) = found
    assert low.recall >= usual.recall + 0.05
    assert low.each > usual.each + 0.1


def test_pose_nms_removes_what_low_thresholds_find_twice(found):
    _, (before, after) = found
    assert after.each < 1.1
    assert after.each - 1 < 0.5 * (before.each - 1)


def test_pose_nms_loses_hardly_anybody(found):
    (_, usual), (before, after) = found
    assert after.recall > before.recall - 0.06  # the box that stays may be the worse one
    assert after.recall > usual.recall + 0.02
