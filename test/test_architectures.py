from __future__ import annotations

import json
from pkgutil import resolve_name

import pytest
import torch

from alphapose_ros.architectures import Architecture, recognise
from alphapose_ros.detection.networks import DETECTION_NETWORKS, build_detection_network
from alphapose_ros.models.official import OFFICIAL, build_official
from alphapose_ros.pose import POSE_NETWORKS, build_pose_network


def shapes(build) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}


@pytest.mark.parametrize("name", POSE_NETWORKS)
@pytest.mark.parametrize("keypoints", [26, 49])
def test_every_pose_network_is_known_by_its_tensors(name, keypoints):
    found = recognise(shapes(lambda: resolve_name(POSE_NETWORKS[name])(keypoints)))
    assert found == Architecture("pose", name, keypoints)


@pytest.mark.parametrize("name", DETECTION_NETWORKS)
@pytest.mark.parametrize("classes", [1, 80])
def test_every_detector_is_known_by_its_tensors(name, classes):
    found = recognise(shapes(lambda: build_detection_network(name, classes)))
    assert found == Architecture("detection", name, classes)


@pytest.mark.parametrize("name", ["fastpose_res50", "fastpose_res50_dcn"])
@pytest.mark.parametrize("channels", [64, 256])
def test_the_width_of_the_head_is_read(name, channels):
    options = {"head_channels": channels}
    found = recognise(shapes(lambda: build_pose_network(name, "coco_17", **options)))
    assert found == Architecture("pose", name, 17, options)


@pytest.mark.parametrize("name", OFFICIAL)
def test_what_is_recognised_builds_the_same_network(name):
    expected = shapes(lambda: build_official(name))
    found = recognise(expected)
    build = resolve_name(POSE_NETWORKS[found.network])
    assert shapes(lambda: build(found.outputs, **found.options)) == expected


def test_official_lists_of_keys_are_recognised(data):
    files = sorted((data / "reference" / "keys").glob("pose__*.json"))
    for file in files:
        keys = json.loads(file.read_text("utf-8"))["keys"]
        official = OFFICIAL[file.stem.removeprefix("pose__").replace("__", "/")]
        found = recognise(keys)
        assert (found.network, found.outputs) == (official.network, official.keypoints), file.stem
    assert len(files) == 30


@pytest.mark.parametrize(
    ("strange", "message"),
    [
        ({"a": (1,), "b": (2,)}, "a, b, .* no network that is known"),
        ({"conv_out.2.weight": (17, 8, 1, 1), "base.0.conv.weight": (31, 3, 3, 3)}, "31 is not"),
        ({}, "no network"),
    ],
)
def test_tensors_of_no_known_network_are_an_error(strange, message):
    with pytest.raises(ValueError, match=message):
        recognise(strange)


def test_an_architecture_reads_well():
    found = Architecture("pose", "fastpose_res50", 136, {"head_channels": 256})
    assert str(found) == "fastpose_res50, head_channels 256, 136 keypoints"
    assert str(Architecture("detection", "yolox_s", 80)) == "yolox_s, 80 classes"
