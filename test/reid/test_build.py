from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from alphapose_ros import reid, zoo
from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.config import ReidConfig
from alphapose_ros.devices import Compute
from alphapose_ros.models.chain import Chain
from alphapose_ros.models.export import write_graph
from alphapose_ros.reid import REID_NETWORKS, build_reid, build_reid_network
from alphapose_ros.reid.onnx_backend import build_onnx_backend
from alphapose_ros.reid.own import own_weights
from alphapose_ros.reid.torch_backend import build_torch_backend, normalised
from alphapose_ros.runtimes import GraphError
from alphapose_ros.zoo import Weights

PROCESSOR, BY_TORCH = Compute(), Compute(runtime="torch")
RECORD = Weights(
    name="osnet_test",
    task="reid",
    network="osnet_x0_25",
    classes=751,
    input_size=(256, 128),
    max_distance=0.35,
    file="osnet_test.pth",
    licence="none",
)
SMALL = replace(RECORD, name="reid_small", network="reid_small", input_size=(128, 64))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Put records of re-ID weights into the table, and their files into an empty folder."""
    monkeypatch.setenv("ALPHAPOSE_ROS_CACHE", str(tmp_path))
    monkeypatch.setitem(zoo.ZOO, RECORD.name, RECORD)
    return tmp_path


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (5, 256, 128, 3), np.uint8)


def save(network: torch.nn.Module, path, prefix: str = ""):
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 50}, path)
    return path


def named(**settings) -> ReidConfig:
    return ReidConfig(name="model", **settings)


def write_colours(path, *, with_heatmaps: bool = False, size: int = 16):
    """Write a graph whose embeddings are mean colours, then the heights of the heatmaps."""
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["crops"], ["bytes"], to=types.FLOAT),
        helper.make_node("ReduceMean", ["bytes"], ["colours"], axes=[1, 2], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("crops", types.UINT8, ["people", 2 * size, size, 3])]
    names, width = ["colours"], 3
    if with_heatmaps:
        shape = ["people", 12, size // 2, size // 4]
        inputs.append(helper.make_tensor_value_info("heatmaps", types.FLOAT, shape))
        nodes.append(
            helper.make_node("ReduceMax", ["heatmaps"], ["heights"], axes=[2, 3], keepdims=0)
        )
        names, width = [*names, "heights"], 15
    nodes.append(helper.make_node("Concat", names, ["embeddings"], axis=1))
    output = helper.make_tensor_value_info("embeddings", types.FLOAT, ["people", width])
    graph = helper.make_graph(nodes, "colours", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_none_is_nothing():
    assert build_reid(ReidConfig(name="none"), PROCESSOR) is None


@pytest.mark.parametrize("classes", [0, 1, 751])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_files_of_any_number_of_classes_are_read(cache, pictures, classes, prefix):
    network = build_reid_network("osnet_x0_25", classes=classes)
    file = save(network, cache / "own.pth.tar", prefix)
    found = build_reid(named(model="osnet_test", weights=str(file)), PROCESSOR)
    assert (found.max_distance, found.dimensions, found.is_pose_guided) == (0.35, 512, False)
    with torch.inference_mode():
        expected = network(normalised(torch.from_numpy(pictures)))
    np.testing.assert_allclose(found.backend(pictures), expected, atol=1e-5)


def test_a_record_s_own_file_is_read_from_where_it_lies(cache):
    with pytest.raises(FileNotFoundError, match=r"osnet_test lacks its file osnet_test\.pth"):
        build_reid(named(model="osnet_test"), PROCESSOR)
    save(build_reid_network("osnet_x0_25", classes=751), cache / "osnet_test.pth")
    assert build_reid(named(model="osnet_test"), PROCESSOR).dimensions == 512


@pytest.mark.parametrize("name", ["osnet_x0_5", "resnet50_fc512"])
def test_the_network_of_an_own_file_is_found_out(tmp_path, name):
    file = save(build_reid_network(name, classes=7), tmp_path / "own.pth")
    weights = own_weights(str(file))
    assert (weights.network, weights.classes, weights.input_size) == (name, 7, (256, 128))
    found = build_reid(named(model="auto", weights=str(file), max_distance=0.4), PROCESSOR)
    assert found.max_distance == 0.4
    assert found.digest.startswith(f"{name}:")


def test_an_own_file_with_the_name_of_a_record_is_that(cache, tmp_path):
    file = save(build_reid_network("osnet_x0_25", classes=751), tmp_path / "osnet_test.pth")
    assert own_weights(str(file)) is RECORD


def test_small_pictures_are_for_the_small_network(tmp_path):
    file = save(build_reid_network("reid_small"), tmp_path / "own.pth")
    weights = own_weights(str(file))
    assert (weights.network, weights.input_size) == ("reid_small", (128, 64))
    backend = build_torch_backend(weights, file, PROCESSOR, 2)
    assert backend.dimensions == 128
    random = np.random.default_rng(0)
    pictures = np.repeat(random.integers(0, 256, (1, 128, 64, 3), np.uint8), 5, axis=0)
    heatmaps = np.zeros((5, 12, 32, 16), np.float32)
    heatmaps[3, :, 8:] = 5
    found = backend(pictures, heatmaps)
    np.testing.assert_allclose(backend(pictures[3:4], heatmaps[3:4]), found[3:4], atol=1e-5)
    assert np.abs(found[0] - found[3]).max() > 1e-3  # same picture, other pose


def test_the_digest_tells_weights_apart_and_is_that_of_the_file(cache):
    digests = []
    for name in ("first", "second"):
        network = build_reid_network("osnet_x0_25")
        file = save(network, cache / f"{name}.pth")
        config = named(model="osnet_test", weights=str(file))
        digests += [build_reid(config, PROCESSOR).digest for _ in range(2)]
    assert digests[0] == digests[1] != digests[2] == digests[3]


def test_a_graph_and_its_weights_have_one_digest(cache, monkeypatch):
    monkeypatch.setitem(zoo.ZOO, RECORD.name, replace(RECORD, onnx="osnet_test.onnx"))
    save(build_reid_network("osnet_x0_25", classes=751), cache / "osnet_test.pth")
    write_colours(cache / "osnet_test.onnx")
    graph, network = (build_reid(named(model="osnet_test"), c) for c in (PROCESSOR, BY_TORCH))
    assert (graph.dimensions, network.dimensions) == (3, 512)
    assert graph.digest == network.digest


def test_graphs_give_what_the_network_gives(filled, tmp_path, pictures):
    pytest.importorskip("torch", minversion="2.10")
    network = filled("osnet_ain_x1_0")
    chain = Chain(normalised, network, torch.nn.Identity())
    example = torch.zeros(2, 256, 128, 3, dtype=torch.uint8)
    write_graph(chain, example, tmp_path / "x.onnx", "crops", ["embeddings"], free_axis="people")
    backend = build_onnx_backend(RECORD, tmp_path / "x.onnx", PROCESSOR, 2)
    assert (backend.input_size, backend.dimensions) == ((256, 128), 512)
    with torch.inference_mode():
        expected = network(normalised(torch.from_numpy(pictures)))
    np.testing.assert_allclose(backend(pictures), expected, rtol=1e-4, atol=1e-4)


def test_graphs_of_networks_that_a_pose_guides_take_heatmaps(tmp_path, pictures):
    file = write_colours(tmp_path / "x.onnx", with_heatmaps=True)
    backend = build_onnx_backend(SMALL, file, PROCESSOR, 2)
    heatmaps = np.random.default_rng(0).random((5, 12, 8, 4), np.float32)
    found = backend(pictures[:, :32, :16].copy(), heatmaps)
    expected = pictures[:, :32, :16].mean(axis=(1, 2)), heatmaps.max(axis=(2, 3))
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-5)


def test_a_graph_for_something_else_is_refused(tmp_path):
    file = write_colours(tmp_path / "x.onnx")
    with pytest.raises(GraphError, match="goes from crops to embeddings, expected from crops, hea"):
        build_onnx_backend(SMALL, file, PROCESSOR, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "osnet_tset"}, "unknown reid model 'osnet_tset'; do you mean osnet_test"),
        ({"model": "auto"}, "reads the network from a file: set reid.weights too"),
        ({"model": "auto", "weights": "x.onnx"}, "a graph does not say its network"),
    ],
)
def test_what_cannot_be_is_refused(cache, settings, message):
    with pytest.raises(ValueError, match=message):
        build_reid(named(**settings), PROCESSOR)


def test_weights_whose_largest_distance_nobody_knows_are_refused(tmp_path):
    file = save(build_reid_network("osnet_x0_25"), tmp_path / "own.pth")
    with pytest.raises(
        ValueError, match=r"own: nothing says up to which .* set reid\.max_distance"
    ):
        build_reid(named(model="auto", weights=str(file)), PROCESSOR)


def test_the_published_attention_is_not_offered(tmp_path):
    file = save(build_reid_network("pga_res50", classes=2), tmp_path / "own.pth")
    with pytest.raises(
        ValueError, match="pga_res50 is not offered: its attention is the same ever"
    ):
        build_reid(named(model="auto", weights=str(file), max_distance=0.5), PROCESSOR)


def test_weights_of_a_pose_network_are_refused(root):
    file = root / "alphapose_ros/models/weights/fastpose_small_halpe_136.safetensors"
    with pytest.raises(ValueError, match="is no network for re-identification but fastpose_small"):
        own_weights(str(file))


def test_a_file_of_another_network_is_refused(cache):
    file = save(build_reid_network("osnet_x0_5"), cache / "other.pth")
    with pytest.raises(CheckpointError, match="The file is that of osnet_x0_5, 1 outputs"):
        build_reid(named(model="osnet_test", weights=str(file)), PROCESSOR)


def test_graphs_do_without_torch(tmp_path):
    file = write_colours(tmp_path / "x.onnx")
    code = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from alphapose_ros.devices import Compute\n"
        "from alphapose_ros.reid import Embedder\n"
        "from alphapose_ros.reid.onnx_backend import build_onnx_backend\n"
        "from alphapose_ros.zoo import find_weights\n"
        "weights = replace(find_weights('fastpose_small_halpe_136'), network='osnet_x0_25')\n"
        f"build_onnx_backend(weights, Path({str(file)!r}), Compute(), 2)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_names_are_those_of_functions():
    for address in REID_NETWORKS.values():
        assert callable(reid.resolve_name(address))
