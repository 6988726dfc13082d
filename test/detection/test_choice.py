from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection import choice as choice_module
from alphapose_ros.detection.choice import choose
from alphapose_ros.detection.letterbox import PREPROCESSING, USUAL
from alphapose_ros.detection.networks import DETECTION_NETWORKS, build_detection_network
from alphapose_ros.detection.yolox import yolox
from alphapose_ros.devices import Compute
from alphapose_ros.pose import build_pose_network
from alphapose_ros.zoo import ZOO

AUTO, TORCH, ONNX = Compute(), Compute(runtime="torch"), Compute(runtime="onnx")
DETECTORS = [weights for weights in ZOO.values() if weights.task == "detection"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Weights of YOLOX-nano with 1, 2 and 80 classes."""
    folder = tmp_path_factory.mktemp("weights")
    for classes in (1, 2, 80):
        save_file(yolox("yolox_nano", classes).state_dict(), folder / f"{classes}.safetensors")
    return folder


def settings(**values):
    return replace(DetectorConfig(), **values)


def test_the_default_is_the_embedded_graph():
    chosen = choose(settings(), AUTO)
    assert (chosen.weights.name, chosen.runtime) == ("yolox_nano_person", "onnx")
    assert chosen.file.suffix == ".onnx"


@pytest.mark.parametrize("weights", DETECTORS, ids=lambda weights: weights.name)
def test_every_detector_of_the_table_can_be_chosen(weights, files):
    name = "yolov3" if weights.network.startswith("yolov3") else "yolox"
    file = str(files / "1.safetensors")  # in place of what is not here
    chosen = choose(settings(name=name, model=weights.name, weights=file), TORCH)
    assert chosen.weights == weights
    assert chosen.weights.network in DETECTION_NETWORKS
    assert (chosen.weights.preprocess or USUAL) in PREPROCESSING


def test_every_network_has_weights_in_the_table():
    assert {weights.network for weights in DETECTORS} == set(DETECTION_NETWORKS)


@pytest.mark.parametrize(
    ("name", "model", "fitting"),
    [("yolov3", "yolox_nano_person", "yolov3, yolov3_spp"), ("yolox", "yolov3_spp", "yolox_tiny")],
)
def test_a_model_of_another_detector_names_those_that_fit(name, model, fitting):
    with pytest.raises(ValueError, match=rf"'{model}' is none of detector '{name}'.*{fitting}"):
        choose(settings(name=name, model=model), TORCH)


@pytest.mark.parametrize(
    ("classes", "model", "preprocess"),
    [(1, "yolox_nano_person", ""), (80, "yolox_nano", "yolox"), (2, "yolox_nano", "yolox")],
)
def test_the_network_is_read_from_the_file(files, classes, model, preprocess):
    file = files / f"{classes}.safetensors"
    chosen = choose(settings(model="auto", weights=str(file)), AUTO)
    assert (chosen.runtime, chosen.file) == ("torch", file)
    weights = chosen.weights
    assert (weights.name, weights.network) == (model, "yolox_nano")
    assert (weights.classes, weights.person, weights.preprocess) == (classes, 0, preprocess)


def test_a_file_of_another_detector_says_which(tmp_path):
    with torch.device("meta"):
        shapes = build_detection_network("yolov3_spp").state_dict()
    path = tmp_path / "spp.safetensors"
    save_file({name: torch.zeros(t.shape, dtype=torch.uint8) for name, t in shapes.items()}, path)
    with pytest.raises(
        ValueError, match=r"holds yolov3_spp, 80 classes; set detector\.name to yolov3"
    ):
        choose(settings(model="auto", weights=str(path)), AUTO)


def test_a_file_of_a_pose_network_is_refused(tmp_path):
    path = tmp_path / "pose.safetensors"
    save_file(build_pose_network("fastpose_small", "coco_17").state_dict(), path)
    with pytest.raises(ValueError, match="17 keypoints; it finds no people"):
        choose(settings(model="auto", weights=str(path)), AUTO)


@pytest.mark.parametrize("weights", ["", "graph.onnx"])
def test_no_network_is_read_from_nothing_or_a_graph(weights):
    with pytest.raises(ValueError, match="name the model"):
        choose(settings(model="auto", weights=weights), AUTO)


def test_a_file_without_names_is_known_by_its_length(tmp_path):
    path = tmp_path / "yolov3-spp.weights"
    path.write_bytes(np.array([0, 2, 0, 0, 0], "<i4").tobytes())
    os.truncate(path, 252_209_544)
    chosen = choose(settings(name="yolov3", model="auto", weights=str(path)), AUTO)
    assert (chosen.weights.name, chosen.weights.classes) == ("yolov3_spp", 80)
    os.truncate(path, 252_209_540)
    with pytest.raises(CheckpointError, match="is it cut short"):
        choose(settings(name="yolov3", model="auto", weights=str(path)), AUTO)


@pytest.mark.parametrize("wish", [{"input_size": 320}, {"score": "objectness"}])
def test_what_no_graph_can_runs_in_pytorch(wish, files):
    assert choose(settings(**wish), AUTO).runtime == "torch"
    for compute, weights in ((ONNX, ""), (AUTO, "x.onnx")):
        with pytest.raises(ValueError, match="need a network in PyTorch"):
            choose(settings(weights=weights, **wish), compute)


def test_another_size_of_square():
    assert choose(settings(input_size=320), AUTO).weights.input_size == (320, 320)
    assert choose(settings(), AUTO).weights.input_size == (416, 416)
    with pytest.raises(ValueError, match=r"input_size: 600 is no multiple of 32"):
        choose(settings(input_size=600), AUTO)


def test_without_pytorch_it_says_what_is_missing(monkeypatch, files):
    monkeypatch.setattr(choice_module, "has_torch", lambda: False)
    file = str(files / "80.safetensors")
    with pytest.raises(ValueError, match="yolox_nano needs PyTorch; pip install"):
        choose(settings(model="yolox_nano", weights=file), AUTO)
    assert choose(settings(), AUTO).runtime == "onnx"
