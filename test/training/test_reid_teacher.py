from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="makes a graph, see requirements-test.txt")

from onnx import TensorProto, helper

from alphapose_ros.training.reid_data import PeoplePack
from alphapose_ros.training.reid_teacher import find_views, targets


@pytest.fixture
def teacher(tmp_path):
    """A graph whose embedding is the mean of each colour of what it is shown."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["inputs:0"], ["Identity:0"], axes=[1, 2], keepdims=0)],
        "teacher",
        [helper.make_tensor_value_info("inputs:0", TensorProto.FLOAT, [1, 256, 128, 3])],
        [helper.make_tensor_value_info("Identity:0", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "teacher.onnx")
    return tmp_path / "teacher.onnx"


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "pack"
    folder.mkdir()
    pictures = np.full((2, 160, 80, 3), 255, np.uint8)
    pictures[0, 16:144, 8:72] = (30, 60, 90)  # RGB
    pictures[1, 16:144, 8:72] = (200, 0, 0)
    boxes = np.tile(np.float32([7.5, 15.5, 71.5, 143.5]), (2, 1))
    ones = np.zeros(2, np.int64)
    return PeoplePack("pack", folder, pictures, boxes, np.zeros((2, 12, 3), np.float32), ones, ones)


def test_the_teacher_sees_what_is_in_the_box_as_bgr(pack, teacher):
    expected = np.array([[90, 60, 30], [0, 0, 200]]) / [[np.sqrt(12600)], [200]]
    np.testing.assert_allclose(find_views(pack, teacher), expected, atol=1e-5)


def test_views_are_kept(pack, teacher):
    first = find_views(pack, teacher)
    (kept,) = pack.folder.glob("teacher-*.npy")
    np.save(kept, first + 1)
    np.testing.assert_array_equal(find_views(pack, teacher), first + 1)


def test_targets_keep_the_angles_when_nothing_is_left_out():
    rng = np.random.default_rng(0)
    views = rng.normal(size=(50, 6)) + 3
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    found = np.concatenate(targets([views[:20], views[20:]], 6))
    centred = views - views.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, atol=1e-5)


def test_targets_keep_the_directions_that_differ_most():
    views = np.zeros((40, 3))
    views[:20, 0], views[20:, 0] = 1.0, -1.0
    views[:, 1] = np.tile([0.01, -0.01], 20)
    (found,) = targets([views], 1)
    np.testing.assert_allclose(np.abs(found), 1)
    assert (found[:20] == found[0]).all() and (found[20:] == -found[0]).all()
