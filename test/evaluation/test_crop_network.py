from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alphapose_ros.config import Config, PoseConfig, with_values
from alphapose_ros.devices import Compute
from alphapose_ros.evaluation.crop_network import CropNetwork, CropQueue, build_crop_network
from alphapose_ros.frame import Detections
from alphapose_ros.pose import build_estimator
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")


class Recorder:
    """Stands in for a network: every keypoint is the middle of its region."""

    def __init__(self):
        self.sizes = []

    def __call__(self, crops, regions):
        self.sizes.append(len(crops))
        assert crops.shape[1:] == (64, 48, 3)
        middles = (regions[:, None, :2] + regions[:, None, 2:]) / 2
        score = crops.max(axis=(1, 2, 3))[:, None, None] / 255
        return np.concatenate((middles, score), axis=-1).repeat(17, axis=1)


@pytest.fixture
def recorder():
    return Recorder()


def queue_of(recorder, batch_size):
    return CropQueue(CropNetwork(recorder, BODY, (64, 48), batch_size, Path(), "heatmap"))


def people(*middles):
    boxes = np.array([[x - 9, y - 20, x + 9, y + 20] for x, y in middles]).reshape(-1, 4)
    return Detections(boxes=boxes, scores=np.ones(len(boxes)))


IMAGE = np.full((200, 200, 3), 255, np.uint8)


def test_one_run_holds_crops_of_several_pictures(recorder):
    queue = queue_of(recorder, 4)
    queue.add(5, IMAGE, people((50, 60), (100, 60)))
    assert queue.results() == []
    queue.add(6, IMAGE, people((150, 70)))
    queue.add(7, IMAGE, people((40, 80), (41, 81), (42, 82)))
    (first, two), (second, one) = queue.results()
    assert (first, second) == (5, 6)
    assert two[:, 0, :2].tolist() == [[50, 60], [100, 60]]
    assert one[:, 16, :2].tolist() == [[150, 70]]
    ((third, three),) = queue.results(is_end=True)
    assert third == 7
    assert three[:, 3].tolist() == [[40, 80, 1], [41, 81, 1], [42, 82, 1]]
    assert recorder.sizes == [4, 4]


def test_a_picture_with_more_people_than_a_batch_waits_for_all_of_them(recorder):
    queue = queue_of(recorder, 2)
    queue.add(0, IMAGE, people(*((20 + 5 * number, 50) for number in range(5))))
    queue.add(1, IMAGE, people((100, 100)))
    found = dict(queue.results())
    assert list(found) == [0, 1]
    assert found[0][:, 0, 0].tolist() == [20, 25, 30, 35, 40]
    assert recorder.sizes == [2, 2, 2]


def test_pictures_without_people_pass_in_their_order_and_need_no_network(recorder):
    queue = queue_of(recorder, 3)
    queue.add(0, None, people())
    ((row, nobody),) = queue.results()
    assert row == 0
    assert nobody.shape == (0, 17, 3)
    queue.add(1, IMAGE, people((50, 50)))
    queue.add(2, None, people())
    assert queue.results() == []
    assert [row for row, _ in queue.results(is_end=True)] == [1, 2]
    assert queue.results(is_end=True) == []
    assert recorder.sizes == [3]


PROCESSOR = with_values(Config(), {"device": "cpu"})
SETTINGS = {
    "the model's own": {},
    "dark": {"decode": "combined_dark"},
    "flip": {"flip": True},
    "both": {"decode": "combined_dark", "flip": True},
}


def drawn(count):
    """Return a noisy picture (H, W, 3), and people in it."""
    image = np.random.default_rng(3).integers(0, 256, (200, 200, 3), np.uint8)
    return image, people(*((40 + 30 * number, 100) for number in range(count)))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("asked", ["config", "arguments"])
def test_the_network_finds_what_the_pipeline_finds_with_the_same_settings(name, asked):
    settings = SETTINGS[name]
    if asked == "config":
        changes = {f"pose.{key}": value for key, value in settings.items()}
        network = build_crop_network(with_values(PROCESSOR, changes), batch_size=2)
    else:
        network = build_crop_network(PROCESSOR, batch_size=2, **settings)
    assert network.decode == settings.get("decode", "combined")
    assert network.flip == settings.get("flip", False)
    image, found = drawn(2)
    queue = CropQueue(network)
    queue.add(0, image, found)
    ((_, keypoints),) = queue.results()
    expected = build_estimator(PoseConfig(**settings), Compute())(image, found).keypoints
    np.testing.assert_allclose(keypoints, expected, atol=0.05)


@pytest.mark.parametrize("settings", [{"pose.decode": "dark"}, {"pose.flip": True}])
@pytest.mark.parametrize("graph", [{"runtime": "onnx"}, {"pose.weights": "own.onnx"}])
def test_a_graph_gives_no_heatmaps_whoever_asks_for_them(settings, graph):
    with pytest.raises(ValueError, match="are not for ONNX graphs"):
        build_crop_network(with_values(PROCESSOR, settings | graph))
