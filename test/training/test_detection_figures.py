from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from alphapose_ros.detection.yolox import grid
from alphapose_ros.frame import Detections
from alphapose_ros.training.detection_augmentation import Example
from alphapose_ros.training.detection_figures import (
    average_precision,
    detect,
    detection_sheet,
    figures,
    judged,
)
from alphapose_ros.training.detection_losses import encode

PICTURE = np.zeros((64, 64, 3), np.uint8)
TWO = np.array([[4, 4, 20, 60], [30, 10, 50, 60]], np.float32)


def example(boxes=TWO, is_ignored=None):
    ignored = np.zeros(len(boxes), bool) if is_ignored is None else np.array(is_ignored)
    return Example(PICTURE, np.asarray(boxes, np.float32).reshape(-1, 4), ignored)


def detections(boxes, scores):
    return Detections(boxes=np.asarray(boxes, float).reshape(-1, 4), scores=scores)


def test_average_precision_by_hand():
    # Two people, found first and third: precision 1 up to recall 1/2, then 2/3.
    scores, is_hit = np.array([0.7, 0.9, 0.8]), np.array([True, True, False])
    assert average_precision(scores, is_hit, 2) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(scores, is_hit, 4) == pytest.approx((1 + 2 / 3) / 4)
    # Three people, found first, second and fourth: precision 1, 1, 2/3 and 3/4.
    falling, is_hit = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True])
    assert average_precision(falling, is_hit, 3) == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert average_precision(np.zeros(0), np.zeros(0, bool), 3) == 0


def test_whoever_is_found_twice_counts_once():
    found = detections([TWO[0], TWO[0] + 1, [0, 0, 5, 5]], [0.9, 0.8, 0.7])
    is_hit, counts = judged(found, TWO, np.zeros(2, bool))
    assert is_hit.tolist() == [True, False, False]
    assert counts.all()


def test_what_lies_in_ignored_boxes_does_not_count():
    found = detections([[32, 12, 48, 40], [0, 0, 20, 20]], [0.9, 0.8])
    is_hit, counts = judged(found, TWO, np.array([False, True]))
    assert not is_hit.any()
    assert counts.tolist() == [False, True]


def test_figures_of_all_found():
    assert figures([detections(TWO, [0.9, 0.4])], [example()], 10) == {
        "ap50": 1.0,
        "recall": 1.0,
        "found": 0.5,
        "alarms": 0.0,
    }


def test_low_people_do_not_count():
    boxes = [[0, 0, 8, 9], *TWO.tolist()]
    found = [detections([*TWO, [40, 0, 48, 9]], [0.9, 0.8, 0.95])]
    assert figures(found, [example(boxes)], 10)["ap50"] == 1.0
    assert figures(found, [example(boxes)], 5)["ap50"] < 1.0


def test_pictures_without_people_have_alarms_only():
    found = [detections([TWO[0]], [0.9]), detections([], [])]
    assert figures(found, 2 * [example([])], 10) == {"alarms": 0.5}


class Exact(nn.Module):
    """Predicts the two people, whatever it sees."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        corners, strides = grid(*images.shape[2:])
        predictions = torch.full((len(images), len(corners), 6), -9.0)
        for cell, box in ((0, TWO[0]), (70, TWO[1])):
            one = encode(torch.tensor(box)[None], corners[[cell]], strides[[cell]])
            predictions[:, cell] = torch.cat((one[0], torch.tensor([9.0, 9.0])))
        return predictions * self.scale


def test_a_network_is_measured_by_its_boxes():
    found = detect(Exact(), [PICTURE, PICTURE])
    assert [len(one) for one in found] == [2, 2]
    assert figures(found, 2 * [example()], 10)["ap50"] == 1.0
    half = figures(found, [example(), example([TWO[0]])], 10)
    assert half["recall"] == 1.0
    assert half["alarms"] == 0.5


def test_a_sheet_shows_what_is_there_and_what_was_found():
    sheet = detection_sheet([detections([[5, 5, 40, 40]], [0.9])], [example()])
    colours = {tuple(pixel) for pixel in sheet.reshape(-1, 3)}
    assert sheet.dtype == np.uint8
    assert any(g > 150 > r for _, g, r in colours)
    assert any(r > 150 > g for _, g, r in colours)
