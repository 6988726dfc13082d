from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open

from alphapose_ros import zoo
from alphapose_ros.architectures import Architecture
from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.detection.networks import DETECTION_NETWORKS, build_detection_network
from alphapose_ros.devices import Compute
from alphapose_ros.pose import POSE_NETWORKS, build_pose_network
from alphapose_ros.pose.heatmap import DECODERS
from alphapose_ros.reid import build_reid_network
from alphapose_ros.runtimes import Graph
from alphapose_ros.skeletons import SKELETONS, skeleton
from alphapose_ros.zoo import (
    EMBEDDED,
    ZOO,
    cache_folder,
    find_weights,
    fitting,
    graph_path,
    is_embedded,
    main_path,
    pick_file,
    require_file,
    weights_path,
)
from alphapose_ros.zoo_table import WEIGHTS

LARGEST_BYTES = 30_000_000  # of all embedded weights together
OURS = [name for name, weights in ZOO.items() if is_embedded(weights)]
POSE = [name for name, weights in ZOO.items() if weights.task == "pose"]
HEATMAPS = [name for name in POSE if ZOO[name].network]
GRAPHS = [name for name in POSE if not ZOO[name].network]
DETECTORS = [name for name, weights in ZOO.items() if weights.task == "detection"]
OFFICIAL = [name for name, weights in ZOO.items() if weights.official]
CPU, GPU = Compute(), Compute(device="cuda:1")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ALPHAPOSE_ROS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_no_name_stands_twice():
    assert len(ZOO) == len(WEIGHTS) > 60
    paths = [main_path(weights) for weights in WEIGHTS]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("name", HEATMAPS)
def test_every_pose_entry_names_a_network_a_skeleton_and_a_decoding(name):
    weights = find_weights(name, "pose")
    assert weights.network in POSE_NETWORKS
    assert weights.skeleton in SKELETONS
    assert weights.decode in DECODERS
    assert all(side % 32 == 0 for side in weights.input_size)


@pytest.mark.parametrize("name", GRAPHS)
def test_every_pose_entry_without_a_network_is_a_graph_with_simcc_outputs(name):
    weights = find_weights(name, "pose")
    assert (weights.preprocess, weights.file, weights.onnx) == ("simcc", "", f"{name}.onnx")
    assert weights.skeleton in SKELETONS
    height, width = weights.input_size
    assert f"{height}x{width}" in weights.url


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_names_a_network(name):
    weights = find_weights(name, "detection")
    assert weights.network in DETECTION_NETWORKS
    assert weights.person < weights.classes


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_official_entry_belongs_to_a_configuration_of_the_reference(name, data):
    weights = find_weights(name)
    keys = data / f"reference/keys/pose__{weights.official.replace('/', '__')}.json"
    assert keys.is_file()


@pytest.mark.parametrize("name", ZOO)
def test_it_is_said_how_to_come_by_every_entry(name):
    weights = find_weights(name)
    assert weights.licence
    if is_embedded(weights):
        assert not weights.url
    elif weights.official:
        assert "non-commercial" in weights.terms
        assert not weights.url
        assert weights.location.startswith("https://")
    elif weights.url:
        assert weights.url.startswith("https://")
        assert weights.licence in ("Apache-2.0", "public domain")
    elif weights.task == "reid":
        assert weights.location.startswith("https://")
        assert "research" in weights.licence
    else:
        assert weights.note == "not published: train your own"


@pytest.mark.parametrize("name", [name for name in ZOO if ZOO[name].sha256])
def test_hashes_have_the_form_of_hashes(name):
    assert len(ZOO[name].sha256) == 64
    assert int(ZOO[name].sha256, 16)


def test_the_table_can_be_handed_to_another_process():
    assert pickle.loads(pickle.dumps(ZOO)) == ZOO


@pytest.mark.parametrize("name", OURS)
def test_every_file_fits_its_network(name):
    weights = find_weights(name)
    if weights.task == "pose":
        network = build_pose_network(weights.network, weights.skeleton)
    elif weights.task == "reid":
        network = build_reid_network(weights.network)
    else:
        network = build_detection_network(weights.network, weights.classes)
    load_checkpoint(network, weights_path(weights))


@pytest.mark.parametrize("name", OURS)
def test_every_graph_is_for_what_the_table_says(name):
    weights = find_weights(name)
    if weights.task == "pose":
        graph = Graph(graph_path(weights), ["crops"], ["keypoints"])
        assert graph.shape("crops") == (None, *weights.input_size, 3)
        assert graph.shape("keypoints") == (None, len(skeleton(weights.skeleton).names), 3)
    elif weights.task == "reid":
        graph = Graph(graph_path(weights), ["crops", "heatmaps"], ["embeddings"])
        assert graph.shape("crops") == (None, *weights.input_size, 3)
        assert graph.shape("embeddings") == (None, weights.classes)
    else:
        graph = Graph(graph_path(weights), ["image"], ["boxes", "scores"])
        assert graph.shape("image") == (1, *weights.input_size, 3)


@pytest.mark.parametrize("name", OURS)
def test_every_file_says_of_itself_what_the_table_says(name):
    weights = find_weights(name)
    with safe_open(weights_path(weights), "pt") as file:
        metadata = file.metadata()
    height, width = weights.input_size
    assert metadata["network"] == weights.network
    assert metadata.get("skeleton", "") == weights.skeleton
    assert metadata["input_size"] == f"{height}x{width}"


@pytest.mark.parametrize("name", OURS)
def test_every_set_of_weights_has_a_card(name):
    card = weights_path(find_weights(name)).with_suffix(".md").read_text()
    assert find_weights(name).licence in card


def test_embedded_weights_stay_small_and_are_all_named():
    files = sorted(path for path in EMBEDDED.iterdir() if path.suffix != ".md")
    assert sum(file.stat().st_size for file in files) < LARGEST_BYTES
    named = {name for key in OURS for name in (ZOO[key].file, ZOO[key].onnx)} - {""}
    assert {file.name for file in files} == named


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("nothing", "", r"unknown model 'nothing'; `alphapose models list` has them all"),
        ("yoloxs", "", r"unknown model 'yoloxs'; do you mean yolox_s or "),
        ("yolox_nano_person", "pose", r"unknown pose model 'yolox_nano_person'; "),
    ],
)
def test_an_unknown_name_is_refused_with_those_like_it(name, task, message):
    with pytest.raises(ValueError, match=message):
        find_weights(name, task)


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        (Architecture("detection", "yolox_nano", 1), ["yolox_nano_person"]),
        (Architecture("detection", "yolox_nano", 80), ["yolox_nano"]),
        (
            Architecture("pose", "fastpose_res152", 136, {"head_channels": 256}),
            ["fastpose_res152_halpe_136_integral"],
        ),
        (Architecture("pose", "fastpose_res50", 26, {"head_channels": 256}), []),
        (
            Architecture("pose", "fastpose_res50", 136),
            ["fastpose_res50_halpe_136_integral_multi"],
        ),
    ],
)
def test_the_entries_that_fit_an_architecture_are_found(architecture, names):
    assert [weights.name for weights in fitting(architecture)] == names


def test_files_that_do_not_come_along_lie_in_a_cache_folder(monkeypatch, tmp_path):
    weights = find_weights("yolox_s")
    assert weights_path(weights) == tmp_path / "cache/yolox_s.pth"
    monkeypatch.delenv("ALPHAPOSE_ROS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert weights_path(weights) == Path("/caches/alphapose_ros/yolox_s.pth")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder() == Path("/home/ada/.cache/alphapose_ros")
    assert weights_path(find_weights("yolox_nano_person")).parent == EMBEDDED


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("yolox_s", "yolox_s.pth in .*/cache; fetch it by `alphapose models download yolox_s`"),
        (
            "fastpose_res50_coco_17_heatmap",
            "fast_res50_256x192.pth in .*/cache; no command can fetch it: get that of "
            "coco/resnet/256x192_res50_lr1e-3_1x by hand from https://.*MODEL_ZOO.md and save it",
        ),
        ("hrnet_w48_coco_17_heatmap_384x288", "nobody has published it: train your own"),
    ],
)
def test_a_missing_file_is_an_error_that_says_how_to_get_it(name, remedy):
    with pytest.raises(FileNotFoundError, match=f"^{name} lacks its file .*{remedy}"):
        require_file(find_weights(name))
    with pytest.raises(FileNotFoundError, match=remedy):
        pick_file(find_weights(name), "", CPU)


def test_a_file_that_has_been_fetched_is_picked(cache):
    cache.mkdir()
    (cache / "yolox_s.pth").touch()
    assert pick_file(find_weights("yolox_s"), "", CPU) == ("torch", cache / "yolox_s.pth")


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
    ("own_file", "name", "has_torch", "runtime"),
    [
        ("", "fastpose_small_halpe_136", True, "torch"),
        ("", "fastpose_small_halpe_136", False, "onnx"),  # which says how to get either
        ("my.onnx", "fastpose_small_halpe_136", True, "onnx"),
        ("my.onnx", "rtmw_l_coco_wholebody_133", True, "onnx"),
    ],
)
def test_without_onnx_runtime_pytorch_runs_what_it_can(
    monkeypatch, caplog, own_file, name, has_torch, runtime
):
    monkeypatch.setattr(zoo, "has_onnx_runtime", lambda: False)
    monkeypatch.setattr(zoo, "has_torch", lambda: has_torch)
    assert pick_file(find_weights(name), own_file, CPU)[0] == runtime
    assert ("ONNX Runtime is missing" in caplog.text) == (runtime == "torch")


def test_a_graph_alone_runs_on_the_processor_only():
    with pytest.raises(ValueError, match="rtmw_l_coco_wholebody_133 is an ONNX graph only; use"):
        pick_file(find_weights("rtmw_l_coco_wholebody_133"), "", GPU)


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
