"""The attention sheet shows what the network does, or the log says why there is none."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
import torch
from made_runs import SKELETON, job, people, processed
from torch import nn

from alphapose_ros.checkpoints import load_network
from alphapose_ros.io.attention import AttentionSink, looks_of, why_no_maps
from alphapose_ros.reid.attention import reid_small
from alphapose_ros.reid.heatmaps import body_heatmaps
from alphapose_ros.reid.maps import AttentionMaps
from alphapose_ros.zoo import find_weights, main_path

WEIGHTS = main_path(find_weights("reid_small", "reid"))
SIZE = 128, 64


def someone(box=(100, 20, 180, 220)):
    return people([box])


def heatmaps(count=2):
    return np.random.default_rng(0).random((count, 12, 32, 16), np.float32)


def test_maps_are_those_that_the_network_pools_with():
    """Pooled with the maps, the features give what the network itself gives."""
    network = load_network(reid_small, WEIGHTS)
    pictures, guides = torch.randn(2, 3, 128, 64), heatmaps()
    maps = torch.from_numpy(AttentionMaps(WEIGHTS)(guides, SIZE))
    with torch.inference_mode():
        features = network.backbone(pictures)
        pooled = torch.einsum("nmhw,nchw->nmc", maps, features).flatten(1)
        ours = nn.functional.normalize(network.head.bn(network.head.fc(pooled)))
        theirs = network(pictures, torch.from_numpy(guides))
    assert maps.shape == (2, 4, 16, 8)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_attention_follows_the_person():
    keypoints = np.ones((2, 12, 3))  # side by side in pairs, from the shoulders to the ankles
    keypoints[..., 0] = np.tile([24, 40], 6)
    keypoints[0, :, 1] = np.repeat(np.linspace(5, 60, 6), 2)
    keypoints[1, :, 1] = keypoints[0, :, 1] + 60
    guides = body_heatmaps(keypoints, np.array([[0, 0, 64, 128]] * 2), (32, 16))
    maps = AttentionMaps(WEIGHTS)(guides, SIZE)
    rows = (maps.sum(axis=3) * np.arange(16)).sum(axis=2).mean(axis=1)
    assert rows[1] > rows[0] + 2


def test_the_sink_writes_a_sheet(tmp_path):
    with AttentionSink(tmp_path, job()) as sink:
        for number in range(4):
            sink.add(processed(number, someone()))
    assert cv2.imread(str(tmp_path / "attention/attention.png")).shape[1] > 1000


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"tracker__name": "iou"}, "tracker.name iou"),
        ({"reid__name": "none"}, "reid.name is none"),
        ({"reid__pose_guided": False}, "reid.pose_guided is false"),
        ({"reid__name": "model", "reid__model": "osnet_x0_25_msmt17"}, "not guided by poses"),
    ],
)
def test_without_attention_the_log_says_why(tmp_path, caplog, settings, why):
    chosen = job(**settings)
    assert why in why_no_maps(chosen.config)
    with caplog.at_level(logging.WARNING), AttentionSink(tmp_path, chosen) as sink:
        sink.add(processed(0, someone()))
    assert why in caplog.text and list(tmp_path.iterdir()) == []


def test_people_of_whom_too_little_is_known_are_left_out():
    unknown = people([(100, 20, 180, 220)], keypoints=np.full((1, len(SKELETON.names), 3), np.nan))
    image = np.full((240, 320, 3), 90, np.uint8)
    assert looks_of(image, unknown.poses, ["nobody"], SIZE) == []
    (look,) = looks_of(image, someone().poses, ["one"], SIZE)
    assert look.picture.shape == (128, 64, 3) and look.heatmaps.shape == (12, 32, 16)


def test_faces_are_covered_with_privacy(tmp_path):
    shown = []
    for name, privacy in (("open", False), ("private", True)):
        with AttentionSink(tmp_path / name, job(output__privacy=privacy)) as sink:
            sink.add(processed(0, someone()))
        sheet = cv2.imread(str(tmp_path / name / "attention/attention.png"))
        shown.append(sheet[:, :96].reshape(-1, 3))
    assert [(np.abs(one.astype(int) - 64).max(axis=1) < 3).sum() > 300 for one in shown] == [
        False,
        True,
    ]
