from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from alphapose_ros.config import PoseConfig
from alphapose_ros.frame import Detections
from alphapose_ros.pose import build_estimator
from alphapose_ros.pose.estimator import PoseEstimator, TorchBackend, pose_scores
from alphapose_ros.skeletons import skeleton

CPU = torch.device("cpu")


class Brightest(nn.Module):
    """Stands in for a network: every heatmap is the crop's brightness at a quarter."""

    def forward(self, x):
        return x.mean(dim=1, keepdim=True)[:, :, ::4, ::4].repeat(1, 17, 1, 1).clamp(min=0)


def estimator(batch_size=32):
    backend = TorchBackend(Brightest(), (256, 192), CPU, batch_size)
    return PoseEstimator(backend, skeleton("coco_17"))


def spots(places):
    image = np.zeros((400, 600, 3), np.uint8)
    for x, y in places:
        image[y - 6 : y + 7, x - 6 : x + 7] = 255
    return image


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_keypoints_come_back_to_where_they_are_in_the_image(batch_size):
    places = [(100, 120), (300, 200), (500, 310)]
    boxes = [[x - 45, y - 70, x + 55, y + 60] for x, y in places]
    people = Detections(boxes=boxes, scores=[0.9, 0.8, 0.7])
    poses = estimator(batch_size)(spots(places), people)
    for keypoints, place in zip(poses.keypoints, places, strict=True):
        np.testing.assert_allclose(keypoints[:, :2], np.tile(place, (17, 1)), atol=7)
    np.testing.assert_array_equal(poses.boxes, people.boxes)


def test_nobody_needs_no_network():
    poses = PoseEstimator(None, skeleton("coco_17"))(spots([]), Detections.empty())
    assert len(poses) == 0


def test_scores_of_poses_are_the_reference_s_brought_to_one():
    # mean 0.4, box 0.5, best 0.6: (0.4 + 0.5 + 1.25 * 0.6) / 3.25
    keypoints = np.zeros((1, 2, 3))
    keypoints[0, :, 2] = [0.2, 0.6]
    assert pose_scores(keypoints, np.array([0.5]))[0] == pytest.approx(1.65 / 3.25)
    keypoints[..., 2] = 1
    assert pose_scores(keypoints, np.ones(1))[0] == pytest.approx(1)


def test_a_missing_weights_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere.pth does not exist"):
        build_estimator(PoseConfig(weights="nowhere.pth"), CPU)


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="known are fastpose_small_halpe_136"):
        build_estimator(PoseConfig(model="fastpose_huge"), CPU)
