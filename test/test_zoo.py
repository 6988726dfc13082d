from __future__ import annotations

from dataclasses import replace

import pytest
from safetensors import safe_open

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.detection import yolox
from alphapose_ros.devices import Compute
from alphapose_ros.pose import POSE_NETWORKS, build_pose_network
from alphapose_ros.pose.heatmap import DECODERS
from alphapose_ros.runtimes import Graph
from alphapose_ros.skeletons import SKELETONS, skeleton
from alphapose_ros.zoo import EMBEDDED, ZOO, find_weights, graph_path, pick_file, weights_path

LARGEST_BYTES = 30_000_000  # of all embedded weights together
POSE = [name for name, weights in ZOO.items() if weights.task == "pose"]
CPU, GPU = Compute(), Compute(device="cuda:1")


@pytest.mark.parametrize("name", POSE)
def test_every_pose_entry_names_a_network_a_skeleton_and_a_decoding(name):
    weights = find_weights(name)
    assert weights.network in POSE_NETWORKS
    assert weights.skeleton in SKELETONS
    assert weights.decode in DECODERS


@pytest.mark.parametrize("name", ZOO)
def test_every_file_fits_its_network(name):
    weights = find_weights(name)
    if weights.task == "pose":
        network = build_pose_network(weights.network, weights.skeleton)
    else:
        network = yolox.yolox(weights.network)
    load_checkpoint(network, weights_path(weights))


@pytest.mark.parametrize("name", ZOO)
def test_every_graph_is_for_what_the_table_says(name):
    weights = find_weights(name)
    if weights.task == "pose":
        graph = Graph(graph_path(weights), ["crops"], ["keypoints"])
        assert graph.shape("crops") == (None, *weights.input_size, 3)
        assert graph.shape("keypoints") == (None, len(skeleton(weights.skeleton).names), 3)
    else:
        graph = Graph(graph_path(weights), ["image"], ["boxes", "scores"])
        assert graph.shape("image") == (1, *weights.input_size, 3)


@pytest.mark.parametrize("name", ZOO)
def test_every_file_says_of_itself_what_the_table_says(name):
    weights = find_weights(name)
    with safe_open(weights_path(weights), "pt") as file:
        metadata = file.metadata()
    height, width = weights.input_size
    assert metadata["network"] == weights.network
    assert metadata.get("skeleton", "") == weights.skeleton
    assert metadata["input_size"] == f"{height}x{width}"


@pytest.mark.parametrize("name", ZOO)
def test_every_set_of_weights_has_a_card(name):
    card = weights_path(find_weights(name)).with_suffix(".md").read_text()
    assert find_weights(name).licence in card


def test_embedded_weights_stay_small_and_are_all_named():
    files = sorted(path for path in EMBEDDED.iterdir() if path.suffix != ".md")
    assert sum(file.stat().st_size for file in files) < LARGEST_BYTES
    named = {name for key in ZOO for name in (ZOO[key].file, ZOO[key].onnx)} - {""}
    assert {file.name for file in files} == named


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown model 'nothing'; known are fastpose"):
        find_weights("nothing")


def test_a_detector_is_no_pose_model():
    with pytest.raises(ValueError, match=r"pose model 'yolox_nano_person'; known are fast\w+$"):
        find_weights("yolox_nano_person", "pose")


@pytest.mark.parametrize(
    ("own_file", "compute", "runtime", "file"),
    [
        ("", CPU, "onnx", "fastpose_small_halpe_136.onnx"),
        ("", GPU, "torch", "fastpose_small_halpe_136.safetensors"),
        ("", replace(CPU, runtime="torch"), "torch", "fastpose_small_halpe_136.safetensors"),
        ("my.safetensors", CPU, "torch", "my.safetensors"),
        ("my.pth", GPU, "torch", "my.pth"),
        ("my.onnx", CPU, "onnx", "my.onnx"),
    ],
)
def test_the_device_and_the_file_decide_what_runs_it(own_file, compute, runtime, file):
    found = pick_file(find_weights("fastpose_small_halpe_136"), own_file, compute)
    assert (found[0], found[1].name) == (runtime, file)


def test_weights_without_a_graph_run_in_pytorch():
    weights = replace(find_weights("fastpose_small_halpe_136"), onnx="")
    assert pick_file(weights, "", CPU)[0] == "torch"
    with pytest.raises(ValueError, match="fastpose_small_halpe_136 has no ONNX graph; use runtime"):
        pick_file(weights, "", replace(CPU, runtime="onnx"))


@pytest.mark.parametrize(
    ("own_file", "compute"),
    [
        ("my.onnx", GPU),
        ("my.onnx", replace(CPU, runtime="torch")),
        ("my.safetensors", replace(CPU, runtime="onnx")),
    ],
)
def test_a_file_that_the_runtime_cannot_read_is_refused(own_file, compute):
    with pytest.raises(ValueError, match=f"{own_file}: runtime '.*' cannot read it; graphs"):
        pick_file(find_weights("fastpose_small_halpe_136"), own_file, compute)
