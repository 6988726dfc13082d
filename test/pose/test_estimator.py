from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from transfers import journal_of

from alphapose_ros.config import PoseConfig
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections
from alphapose_ros.pose import build_estimator, build_pose_network
from alphapose_ros.pose.estimator import PoseEstimator
from alphapose_ros.pose.heatmap import DECODERS
from alphapose_ros.pose.torch_backend import TorchBackend
from alphapose_ros.runtimes import GraphError
from alphapose_ros.skeletons import skeleton

PROCESSOR = Compute()


class Brightest(nn.Module):
    """Stands in for a network: every heatmap is the crop's brightness at a quarter."""

    def forward(self, x):
        return x.mean(dim=1, keepdim=True)[:, :, ::4, ::4].repeat(1, 17, 1, 1).clamp(min=0)


def estimator(batch_size=32):
    backend = TorchBackend(Brightest(), (256, 192), torch.device("cpu"), batch_size)
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


@pytest.mark.parametrize("method", DECODERS)
@pytest.mark.parametrize("flip", [False, True])
def test_crops_go_to_the_device_once_and_keypoints_come_back_once(method, flip):
    layout = skeleton("halpe_136")
    with torch.device("meta"):  # in place of a GPU
        network = build_pose_network("fastpose_res50_dcn", layout.id)
    order = tuple(layout.flip_order.tolist()) if flip else ()
    backend = TorchBackend(network, (256, 192), torch.device("meta"), 32, method, order)
    boxes = np.array([[10.0, 10, 60, 110], [100, 100, 200, 300]])
    journal = journal_of(backend, spots([]), boxes)
    assert journal.transfers == [("cpu", "meta", (2, 256, 192, 3)), ("meta", "cpu", (2, 136, 3))]
    assert journal.strangers == []
    assert len(journal.makers) <= 3  # constants of a few numbers


@pytest.mark.parametrize("name", ["nowhere.pth", "nowhere.onnx"])
def test_a_missing_file_is_named(name):
    with pytest.raises(FileNotFoundError, match=f"{name} does not exist"):
        build_estimator(PoseConfig(weights=name), PROCESSOR)


@pytest.mark.parametrize("name", ["fastpose_huge", "yolox_nano_person"])
def test_an_unknown_model_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=f"unknown pose model '{name}'; .*`alphapose models list`"):
        build_estimator(PoseConfig(model=name), PROCESSOR)


def colour_graph(path, keypoints, size=(64, 48)):
    """Write a graph whose keypoints all lie at x = red, y = green, with blue as their score."""
    onnx = pytest.importorskip("onnx")
    TensorProto, helper = onnx.TensorProto, onnx.helper
    crops = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["people", *size, 3])
    found = helper.make_tensor_value_info("keypoints", TensorProto.FLOAT, ["people", keypoints, 3])
    nodes = [
        helper.make_node("Cast", ["crops"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["colours"], axes=[1, 2], keepdims=1),
        helper.make_node("Squeeze", ["colours", "axis"], ["colour"]),
        helper.make_node("Expand", ["colour", "size"], ["keypoints"]),
    ]
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("size", TensorProto.INT64, [3], [1, keypoints, 3]),
    ]
    graph = helper.make_graph(nodes, "test", [crops], [found], constants)
    opset = helper.make_operatorsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return str(path)


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_a_graph_gets_rgb_crops_and_its_keypoints_come_back_to_the_image(tmp_path, batch_size):
    path = colour_graph(tmp_path / "colours.onnx", 136)
    config = PoseConfig(weights=path, batch_size=batch_size)
    image = np.full((400, 600, 3), (1, 32, 24), np.uint8)  # blue, green, red: the crops' middle
    boxes = np.array([[100, 100, 160, 180], [300, 150, 390, 270], [250, 100, 310, 180.0]])
    poses = build_estimator(config, PROCESSOR)(image, Detections(boxes=boxes, scores=np.ones(3)))
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    expected = np.concatenate((middles, np.ones((3, 1))), axis=1)[:, None].repeat(136, axis=1)
    np.testing.assert_allclose(poses.keypoints, expected, atol=1e-3)


def test_a_graph_of_another_skeleton_is_refused(tmp_path):
    path = colour_graph(tmp_path / "body.onnx", 17)
    with pytest.raises(GraphError, match="gives 17 keypoints, but halpe_136 has 136"):
        build_estimator(PoseConfig(weights=path), PROCESSOR)


def test_a_graph_of_crops_of_any_size_is_refused(tmp_path):
    path = colour_graph(tmp_path / "any.onnx", 136, size=("height", "width"))
    with pytest.raises(GraphError, match=r"expected \(N, h, w, 3\); export fastpose_small"):
        build_estimator(PoseConfig(weights=path), PROCESSOR)


def test_both_runtimes_find_the_same_keypoints(data):
    image = cv2.imread(str(data / "pose_datasets/coco/images/000000000785.jpg"))
    height, width = image.shape[:2]
    boxes = [[0, 0, width, height], [0.2 * width, 0, 0.8 * width, height], [50, 60, 250, 400]]
    people = Detections(boxes=boxes, scores=[0.9, 0.8, 0.7])
    by_onnx, by_torch = (
        build_estimator(PoseConfig(), Compute(runtime=runtime))(image, people).keypoints
        for runtime in ("onnx", "torch")
    )
    np.testing.assert_allclose(by_onnx[..., :2], by_torch[..., :2], atol=0.05)  # px of the image
    np.testing.assert_allclose(by_onnx[..., 2], by_torch[..., 2], atol=1e-4)
    assert np.isfinite(by_onnx).mean() > 0.5
