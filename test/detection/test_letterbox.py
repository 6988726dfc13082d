from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection.letterbox import (
    PREPROCESSING,
    LetterboxDetector,
    build_yolox,
    letterbox,
)
from alphapose_ros.detection.yolox import yolox
from alphapose_ros.devices import Compute
from alphapose_ros.models.export import export
from alphapose_ros.runtimes import GraphError
from alphapose_ros.zoo import find_weights

TORCH, ONNX = Compute(runtime="torch"), Compute(runtime="onnx")


@pytest.fixture(scope="module")
def graph(person_weights, tmp_path_factory):
    pytest.importorskip("torch", minversion="2.10")
    path = tmp_path_factory.mktemp("graph") / "person.onnx"
    export(find_weights("yolox_nano_person"), path, person_weights)
    return path


def two_people(image, *people):
    """Paint white rectangles x1 y1 x2 y2."""
    for x1, y1, x2, y2 in people:
        image[y1:y2, x1:x2] = 255
    return image


def bright_box(square):
    """A backend that finds the box around all that is bright."""
    rows, columns = np.nonzero((square > 200).all(axis=2))
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    return np.array([box], np.float32), np.array([0.9], np.float32)


@pytest.mark.parametrize("name", PREPROCESSING)
@pytest.mark.parametrize("shape", [(480, 640), (640, 480), (40, 60), (416, 416), (1080, 1920)])
def test_boxes_come_back_to_where_they_were(shape, name):
    box = [0.25 * shape[1], 0.5 * shape[0], 0.75 * shape[1], 0.9 * shape[0]]
    image = two_people(np.zeros((*shape, 3), np.uint8), np.round(box).astype(int))
    found = LetterboxDetector(bright_box, 416, PREPROCESSING[name])(image)
    pixel = max(shape) / 416  # of the square, in the image
    np.testing.assert_allclose(found.boxes[0], box, atol=1.5 * max(pixel, 1))


def test_each_direction_has_its_own_factor():
    # 40 rows become 8.3, of which 8 are there: 5 pixels of the image each.
    lower_half = np.array([[0.0, 4.0, 416.0, 8.0]]), np.array([0.5])
    found = LetterboxDetector(lambda square: lower_half, 416)(np.zeros((40, 2000, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [[0, 20, 2000, 40]])


def test_a_square_with_the_image_in_its_middle():
    # 60 rows of 201 become 60 * 64 / 201 = 19.1, of which 19 are there, under 22 rows of grey.
    preprocessing = PREPROCESSING["yolov3"]
    square = preprocessing(np.full((60, 201, 3), 7, np.uint8), 64)
    assert (square.corner, square.size) == ((0, 22), (64, 19))
    assert (square.pixels[22:41] == 7).all()
    assert (square.pixels[:22] == 128).all()
    assert (square.pixels[41:] == 128).all()
    boxes = square.in_image(np.array([[0.0, 22.0, 32.0, 41.0]]), 201, 60)
    np.testing.assert_allclose(boxes, [[0, 0, 100.5, 60]])


@pytest.mark.parametrize(
    ("name", "sizes", "method"),
    [
        ("letterbox", (64, 33), cv2.INTER_AREA),
        ("yolox", (64, 32), cv2.INTER_LINEAR),
        ("yolov3", (64, 32), cv2.INTER_CUBIC),
    ],
)
def test_each_network_sees_what_it_was_trained_with(name, sizes, method):
    image = np.random.default_rng(0).integers(0, 256, (104, 201, 3), np.uint8)
    square = PREPROCESSING[name](image, 64)  # 104 * 64 / 201 = 33.1, 103 * 64 / 201 = 32.8
    assert square.size == (64, 33)
    square = PREPROCESSING[name](image[:103], 64)
    assert square.size == sizes
    expected = cv2.resize(image[:103], sizes, interpolation=method)
    x, y = square.corner
    np.testing.assert_array_equal(square.pixels[y : y + sizes[1], x : x + sizes[0]], expected)


def test_a_wide_image_has_grey_below_it():
    square, size = letterbox(np.full((100, 200, 3), 7, np.uint8), 64)
    assert size == (32, 64)
    assert (square[:32] == 7).all()
    assert (square[32:] == 114).all()


@pytest.mark.parametrize("name", PREPROCESSING)
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (2000, 1)])
def test_odd_images_survive(shape, name):
    square = PREPROCESSING[name](np.zeros((*shape, 3), np.uint8), 64)
    assert square.pixels.shape == (64, 64, 3)
    assert min(square.size) >= 1


def test_boxes_end_where_the_image_does():
    everything = np.array([[-50.0, -9.0, 500.0, 500.0]]), np.array([0.5])
    found = LetterboxDetector(lambda square: everything, 416)(np.zeros((100, 200, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [[0, 0, 200, 100]])


def test_both_runtimes_find_the_same(person_weights, graph, picture):
    found = [
        build_yolox(DetectorConfig(name="yolox", weights=str(file)), compute)(picture)
        for file, compute in ((person_weights, TORCH), (graph, ONNX))
    ]
    likely = found[0].scores > 0.05
    assert likely.sum() > 5
    np.testing.assert_allclose(found[1].scores, found[0].scores, atol=1e-3)
    np.testing.assert_allclose(found[1].boxes[likely], found[0].boxes[likely], atol=0.1)


def test_the_graph_runs_without_pytorch(graph):
    program = f"""
import sys
import numpy as np
from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection import build_detector
from alphapose_ros.devices import Compute
detector = build_detector(DetectorConfig(name="yolox", weights={str(graph)!r}), Compute())
detector(np.zeros((48, 64, 3), np.uint8))
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file(yolox("yolox_nano", classes=2).state_dict(), path)
    with pytest.raises(CheckpointError, match="YOLOX"):
        build_yolox(DetectorConfig(name="yolox", weights=str(path)), TORCH)


def test_a_graph_of_another_model_is_refused(published_file):
    with pytest.raises(GraphError, match="expected from image to boxes, scores"):
        build_yolox(DetectorConfig(name="yolox", weights=str(published_file)), ONNX)


@pytest.mark.parametrize("shape", [(1, 64, 48, 3), (1, 3, 64, 64), (64, 64, 3), ("any", 64, 64, 3)])
def test_a_graph_of_other_images_is_refused(tmp_path, shape):
    onnx = pytest.importorskip("onnx")
    kinds, helper, ends = onnx.TensorProto, onnx.helper, ("boxes", "scores")
    image = helper.make_tensor_value_info("image", kinds.UINT8, shape)
    outputs = [helper.make_tensor_value_info(name, kinds.UINT8, shape) for name in ends]
    nodes = [helper.make_node("Identity", ["image"], [name]) for name in ends]
    graph = helper.make_graph(nodes, "test", [image], outputs)
    opset = helper.make_operatorsetid("", 17)
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    with pytest.raises(GraphError, match=r"expected \(1, s, s, 3\); export yolox_nano_person"):
        build_yolox(DetectorConfig(name="yolox", weights=str(path)), ONNX)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"model": "yolox_person"}, "unknown detection model"), ({"weights": "x.onnx"}, "cannot")],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_yolox(DetectorConfig(name="yolox", **settings), TORCH)
