from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.boxes import from_centre_size
from alphapose_ros.config import PoseConfig
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections
from alphapose_ros.pose import build_estimator
from alphapose_ros.pose.crop import crop_boxes, crop_people
from alphapose_ros.pose.simcc import build_simcc_backend, decode, normalised
from alphapose_ros.runtimes import GraphError
from alphapose_ros.zoo import find_weights

SIZE = (64, 48)  # height, width
PEAKS = ((10, 100), (47, 64), (90, 3))  # column and row of each keypoint, half pixels
WEIGHTS = replace(find_weights("fastpose_small_halpe_136"), skeleton="coco_17", input_size=SIZE)


def rows(*peaks, length):
    """Scores (1, K, length) with one peak each: (place, height)."""
    scores = np.full((1, len(peaks), length), -1.0, np.float32)
    for row, (place, height) in enumerate(peaks):
        scores[0, row, place] = height
    return scores


def test_keypoints_lie_at_the_highest_scores_and_are_as_sure_as_the_less_sure_axis():
    x = rows((10, 0.5), (47, 0.9), (90, 3.0), length=96)
    y = rows((100, 0.75), (64, 0.25), (3, 1.5), length=128)
    expected = [[[5, 50, 0.5], [23.5, 32, 0.25], [45, 1.5, 1]]]  # two places a pixel
    np.testing.assert_array_equal(decode(x, y, SIZE), np.array(expected, np.float32))


@pytest.mark.parametrize(("height_x", "height_y"), [(0.0, 0.9), (0.9, -0.5), (np.nan, 0.9)])
def test_a_keypoint_without_a_score_on_one_axis_is_absent(height_x, height_y):
    found = decode(rows((7, height_x), length=96), rows((7, height_y), length=128), SIZE)
    np.testing.assert_array_equal(found, [[[np.nan, np.nan, 0]]])


def test_the_number_of_places_to_a_pixel_is_read_from_the_scores():
    found = decode(rows((30, 0.5), length=48 * 3), rows((9, 0.5), length=64), SIZE)
    np.testing.assert_allclose(found, [[[10, 9, 0.5]]])


def test_crops_are_normalised_as_rgb_by_the_statistics_of_imagenet():
    crops = np.zeros((1, 2, 2, 3), np.uint8)
    crops[0, 0, 1] = (255, 116, 0)
    found = normalised(crops)
    expected = [(255 - 123.675) / 58.395, (116 - 116.28) / 57.12, (0 - 103.53) / 57.375]
    assert found.shape == (1, 3, 2, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, :, 0, 1], expected, rtol=1e-5)


def test_regions_are_those_of_mmpose():
    boxes = np.array([[100, 50, 140, 250], [10, 20, 210, 60.0]])
    # Enlarged by 1.25: 50 x 250 and 250 x 50; grown to 3 : 4 by the side that is too short.
    expected = from_centre_size(
        np.array([[120, 150, 187.5, 250], [110, 40, 250, 1000 / 3]], np.float32)
    )
    np.testing.assert_allclose(crop_boxes(boxes, SIZE), expected, rtol=1e-5)


@pytest.fixture
def graph(tmp_path):
    """Write graphs whose keypoint k lies at PEAKS[k], as sure as the crop's mean is red."""
    onnx = pytest.importorskip("onnx")
    make, types = onnx.helper, onnx.TensorProto

    def write(people="people", keypoints=17, size=SIZE, outputs=("simcc_x", "simcc_y")):
        peaks = (PEAKS * 6)[:keypoints]
        ends = [make.make_tensor_value_info("input", types.FLOAT, [people, 3, *size])]
        given, constants = [], [make.make_tensor("first", types.INT64, [1], [0])]
        nodes = [
            make.make_node("Gather", ["input", "first"], ["red"], axis=1),
            make.make_node("ReduceMean", ["red"], ["mean"], axes=[2, 3], keepdims=0),
            make.make_node("Unsqueeze", ["mean", "last"], ["score"]),
        ]
        constants.append(make.make_tensor("last", types.INT64, [1], [2]))
        for axis, (name, side) in enumerate(zip(outputs, (48, 64), strict=True)):
            length = 2 * side
            scores = rows(*((peak[axis], 1.0) for peak in peaks), length=length).clip(0)
            shape = [1, keypoints, length]
            constants.append(make.make_tensor(f"{name}_one", types.FLOAT, shape, scores.ravel()))
            nodes.append(make.make_node("Mul", ["score", f"{name}_one"], [name]))
            given.append(make.make_tensor_value_info(name, types.FLOAT, [people, *shape[1:]]))
        model = make.make_model(
            make.make_graph(nodes, "test", ends, given, constants),
            opset_imports=[make.make_operatorsetid("", 17)],
            ir_version=8,
        )
        onnx.save(model, tmp_path / "simcc.onnx")
        return tmp_path / "simcc.onnx"

    return write


def backend(path, batch_size=32):
    return build_simcc_backend(WEIGHTS, path, Compute(), batch_size)


def picture(redness):
    """Return a picture (400, 600, 3) BGR whose normalised red is ``redness`` everywhere."""
    image = np.zeros((400, 600, 3), np.uint8)
    image[..., 2] = round(123.675 + 58.395 * redness)
    return image


BOXES = np.array([[100, 100, 160, 180], [300, 150, 390, 270], [250, 100, 310, 180.0]])


@pytest.mark.parametrize("batch_size", [1, 2, 32])
@pytest.mark.parametrize("people", ["people", 1, 2])
def test_keypoints_come_back_to_the_image_whatever_the_graph_takes_at_once(
    graph, people, batch_size
):
    found = backend(graph(people), batch_size)(picture(0.5), BOXES)
    regions = crop_boxes(BOXES, SIZE)
    step = (regions[:, 2] - regions[:, 0]) / 48
    for keypoint, (column, row) in enumerate(PEAKS):
        expected = regions[:, :2] + step[:, None] * np.array([column, row]) / 2
        np.testing.assert_allclose(found[:, keypoint, :2], expected, atol=1e-3)
    np.testing.assert_allclose(found[..., 2], 0.5, atol=0.01)


@pytest.mark.parametrize("people", ["people", 1, 2])
def test_every_crop_has_its_own_keypoints(graph, people):
    network = backend(graph(people))
    crops = np.zeros((3, *SIZE, 3), np.uint8)
    crops[..., 0] = np.array([150, 100, 170])[:, None, None]  # the second is below the mean
    found = network.on_crops(crops, crop_boxes(BOXES, SIZE))
    expected = [(150 - 123.675) / 58.395, 0, (170 - 123.675) / 58.395]
    np.testing.assert_allclose(found[:, 0, 2], expected, atol=1e-5)
    assert np.isnan(found[1, :, :2]).all() and np.isfinite(found[[0, 2], :, :2]).all()


def test_the_size_of_the_crops_is_the_graph_s(graph):
    network = backend(graph())
    assert network.input_size == SIZE
    regions = crop_boxes(BOXES, SIZE)
    by_hand = network.on_crops(crop_people(picture(0.5), regions, SIZE), regions)
    np.testing.assert_array_equal(network(picture(0.5), BOXES), by_hand)


def test_a_graph_of_another_skeleton_is_refused(graph):
    with pytest.raises(GraphError, match="17 keypoints; is this the graph of another model"):
        backend(graph(keypoints=12))


def test_a_graph_of_crops_of_any_size_is_refused(graph):
    with pytest.raises(GraphError, match=r"expected \(N, 3, h, w\)"):
        backend(graph(size=("height", "width")))


def test_a_graph_without_simcc_outputs_is_refused(graph):
    with pytest.raises(GraphError, match="expected from input to simcc_x, simcc_y"):
        backend(graph(outputs=("columns", "rows")))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.onnx does not exist"):
        backend(tmp_path / "nowhere.onnx")


def test_a_model_with_simcc_outputs_is_run_by_this_backend(graph):
    config = PoseConfig(model="rtmpose_t_coco_17", weights=str(graph()))
    people = Detections(boxes=BOXES, scores=np.ones(3))
    found = build_estimator(config, Compute())(picture(0.5), people)
    assert found.skeleton.id == "coco_17"
    np.testing.assert_array_equal(found.keypoints, backend(graph())(picture(0.5), BOXES))


@pytest.mark.parametrize("asked", [{"flip": True}, {"decode": "dark"}, {"input_size": "384x288"}])
def test_what_needs_heatmaps_is_refused(graph, asked):
    config = PoseConfig(model="rtmpose_t_coco_17", weights=str(graph()), **asked)
    with pytest.raises(ValueError, match="are not for ONNX graphs"):
        build_estimator(config, Compute())
