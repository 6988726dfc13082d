from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.detection import yolox
from alphapose_ros.pose import build_pose_network
from alphapose_ros.pose.heatmap import decode
from alphapose_ros.pose.torch_backend import normalised
from alphapose_ros.runtimes import Graph
from alphapose_ros.zoo import ZOO, find_weights, graph_path, is_embedded, weights_path

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("torch", minversion="2.10")
from alphapose_ros.models.export import as_planes, export, in_half_precision

POSE = replace(find_weights("fastpose_small_halpe_136"), input_size=(96, 64), decode="combined")
DETECTOR = replace(find_weights("yolox_nano_person"), input_size=(160, 128))


def lively(network):
    """Give a network random statistics too, as if it had been trained, in half precision."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "running_var", "bias")):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return in_half_precision(network).eval()


def stored(network, folder):
    save_file(network.state_dict(), folder / "weights.safetensors")
    return folder / "weights.safetensors"


@pytest.fixture(scope="module")
def pose(tmp_path_factory):
    """A pose network, and the file of its graph."""
    folder = tmp_path_factory.mktemp("pose")
    network = lively(build_pose_network(POSE.network, POSE.skeleton))
    export(POSE, folder / "pose.onnx", stored(network, folder))
    return network, folder / "pose.onnx"


@pytest.mark.parametrize("people", [1, 5])
def test_the_graph_finds_the_keypoints_that_pytorch_finds(pose, people):
    network, path = pose
    height, width = POSE.input_size
    rng = np.random.default_rng(people)
    crops = rng.integers(0, 256, (people, height, width, 3), np.uint8)
    (found,) = Graph(path, ["crops"], ["keypoints"])(crops=crops)
    with torch.inference_mode():
        heatmaps = network(normalised(torch.from_numpy(crops)))
    expected = decode(heatmaps, np.tile([0, 0, width, height], (people, 1)), "combined")
    np.testing.assert_allclose(found[..., :2], expected[..., :2], atol=0.05)  # px of the crop
    np.testing.assert_allclose(found[..., 2], expected[..., 2], atol=1e-4)


def test_the_graph_s_file_holds_half_precision(pose):
    network, path = pose
    numbers = sum(tensor.numel() for tensor in network.parameters())
    assert path.stat().st_size < 2.1 * numbers


def test_the_detector_s_graph_gives_the_boxes_that_pytorch_gives(tmp_path):
    network = lively(yolox.yolox(DETECTOR.network))
    export(DETECTOR, tmp_path / "detector.onnx", stored(network, tmp_path))
    height, width = DETECTOR.input_size
    image = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    boxes, scores = Graph(tmp_path / "detector.onnx", ["image"], ["boxes", "scores"])(image=image)
    with torch.inference_mode():
        predictions = network(as_planes(torch.from_numpy(image)))
        expected = yolox.decode(predictions, height, width)
    np.testing.assert_allclose(boxes, expected[0][0], rtol=1e-3, atol=0.05)  # px
    np.testing.assert_allclose(scores, expected[1][0, :, 0], atol=1e-4)


@pytest.mark.parametrize("name", [w.name for w in ZOO.values() if is_embedded(w)])
def test_an_embedded_graph_holds_the_embedded_weights(name):
    weights = find_weights(name)
    tensors = {
        tensor.name.removeprefix("network.").removesuffix(".half"): onnx.numpy_helper.to_array(
            tensor
        )
        for tensor in onnx.load(graph_path(weights)).graph.initializer
    }
    for key, tensor in load_file(weights_path(weights)).items():
        if not key.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(tensors[key], tensor.numpy(), err_msg=key)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = stored(nn.Linear(2, 2), tmp_path)
    with pytest.raises(CheckpointError, match="keys do not fit FastPose"):
        export(POSE, tmp_path / "pose.onnx", path)


def test_numbers_too_large_for_half_precision_are_refused():
    network = nn.Linear(1, 1)
    nn.init.constant_(network.weight, 1e5)
    with pytest.raises(CheckpointError, match="weight: holds numbers that half precision cannot"):
        in_half_precision(network)


def test_weights_are_rounded_and_stay_in_single_precision():
    network = in_half_precision(nn.Linear(4, 4))
    weight = network.weight.detach()
    assert weight.dtype == torch.float32
    assert torch.equal(weight, weight.half().float())


def test_a_pytorch_that_is_too_old_is_told_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("alphapose_ros.models.export.LEAST_TORCH", (99, 0))
    with pytest.raises(ValueError, match=r'PyTorch 99\.0 or newer.*pip install "torch>=99\.0"'):
        export(POSE, tmp_path / "a.onnx")
