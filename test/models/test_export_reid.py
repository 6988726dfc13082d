from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from alphapose_ros.reid import build_reid_network
from alphapose_ros.reid.torch_backend import normalised
from alphapose_ros.runtimes import Graph
from alphapose_ros.zoo import Weights

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("torch", minversion="2.10")
from alphapose_ros.models.export import in_half_precision
from alphapose_ros.models.export_reid import export_reid

REID = Weights(
    name="reid_small", task="reid", network="reid_small", input_size=(64, 32), licence="none"
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network with random statistics, and the file of its graph."""
    folder = tmp_path_factory.mktemp("reid")
    network = build_reid_network("reid_small")
    generator = torch.Generator().manual_seed(3)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "running_var", "bias")):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    network = in_half_precision(network).eval()
    save_file(network.state_dict(), folder / "weights.safetensors")
    export_reid(REID, folder / "reid.onnx", folder / "weights.safetensors")
    return network, folder / "reid.onnx"


@pytest.mark.parametrize("people", [1, 5])
def test_the_graph_gives_the_embeddings_that_pytorch_gives(exported, people):
    network, path = exported
    rng = np.random.default_rng(people)
    crops = rng.integers(0, 256, (people, 64, 32, 3), np.uint8)
    heatmaps = rng.random((people, 12, 16, 8), np.float32)
    (found,) = Graph(path, ["crops", "heatmaps"], ["embeddings"])(crops=crops, heatmaps=heatmaps)
    with torch.inference_mode():
        expected = network(normalised(torch.from_numpy(crops)), torch.from_numpy(heatmaps))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    assert abs(found[0] - network.head.bn.bias.detach().numpy()).max() > 1e-3


def test_weights_are_stored_as_halves(exported):
    network, path = exported
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert path.stat().st_size < 2 * parameters + 120_000


def test_networks_that_no_pose_guides_are_refused(tmp_path):
    with pytest.raises(ValueError, match="reid_small alone"):
        export_reid(replace(REID, network="osnet_x0_25"), tmp_path / "x.onnx", "nowhere")


def test_a_training_leaves_its_classifier_behind(root, tmp_path):

    spec = importlib.util.spec_from_file_location("reid_result", root / "tools/reid_result.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    state = {
        "reid.head.fc.weight": torch.randn(2, 3),
        "reid.head.bn.num_batches_tracked": torch.tensor(7),
        "classifier": torch.randn(9, 2),
    }
    found = module.take_out(state)
    assert set(found) == {"head.fc.weight", "head.bn.num_batches_tracked"}
    assert found["head.fc.weight"].dtype == torch.float16
    save_file(found, tmp_path / "x.safetensors")
    assert load_file(tmp_path / "x.safetensors")["head.bn.num_batches_tracked"] == 7
    with pytest.raises(ValueError, match="not from a re-ID training"):
        module.take_out({"classifier": torch.randn(9, 2)})
