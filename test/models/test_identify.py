from __future__ import annotations

import os
from pkgutil import resolve_name

import numpy as np
import pytest
import torch

from alphapose_ros.checkpoints import CheckpointError, load_checkpoint
from alphapose_ros.darknet import write_darknet
from alphapose_ros.detection.networks import DETECTION_NETWORKS, build_detection_network
from alphapose_ros.models import build_official
from alphapose_ros.models.identify import identify
from alphapose_ros.models.official import OFFICIAL
from alphapose_ros.pose import POSE_NETWORKS, build_pose_network
from alphapose_ros.zoo import EMBEDDED, ZOO

SPP_FLOATS = 63_052_381  # of YOLOv3-SPP for 80 classes, as Darknet's file has them


def file_of(path, build) -> str:
    """Write a file with the names and shapes of a network, without its many numbers."""
    with torch.device("meta"):
        state = build().state_dict()
    light = {n: torch.zeros((), dtype=t.dtype).expand(t.shape) for n, t in state.items()}
    torch.save({"model": light}, path)
    return str(path)


@pytest.mark.parametrize("name", POSE_NETWORKS)
def test_a_file_of_every_pose_network_is_known(tmp_path, name):
    path = file_of(tmp_path / "w.pth", lambda: resolve_name(POSE_NETWORKS[name])(49))
    found = identify(path).architecture
    assert (found.task, found.network, found.outputs, found.options) == ("pose", name, 49, {})


@pytest.mark.parametrize("name", DETECTION_NETWORKS)
def test_a_file_of_every_detector_is_known(tmp_path, name):
    path = file_of(tmp_path / "w.pth", lambda: build_detection_network(name, 80))
    found = identify(path)
    assert (found.architecture.task, found.architecture.network) == ("detection", name)
    assert found.architecture.outputs == 80
    assert any(weights.network == name for weights in found.weights)


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_file_of_every_configuration_leads_to_it(tmp_path, name):
    found = identify(file_of(tmp_path / "w.pth", lambda: build_official(name)))
    assert name in found.official
    assert name in str(found)


@pytest.mark.parametrize("entry", [e for e in ZOO.values() if e.file.endswith(".pth")])
def test_a_file_by_its_published_name_is_the_entry_that_comes_first(tmp_path, entry):
    if entry.task == "pose":

        def build():
            return build_pose_network(entry.network, entry.skeleton, **entry.options)
    elif entry.task == "detection":

        def build():
            return build_detection_network(entry.network, entry.classes)
    else:
        pytest.skip("no pose network and no detector")
    found = identify(file_of(tmp_path / entry.file, build))
    assert found.weights[0].file == entry.file
    assert f"as {found.weights[0].name}" in str(found)
    assert "the name of this file" in str(found)


def test_what_the_file_does_not_say_is_said(tmp_path):
    found = identify(
        file_of(
            tmp_path / "w.pth",
            lambda: build_official("halpe_136/resnet/256x192_res50_lr1e-3_2x-dcn-combined"),
        )
    )
    assert {"integral", "combined"} <= {weights.decode for weights in found.weights}
    assert "how heatmaps are to be decoded, the file does not say" in str(found)


def test_a_darknet_file_is_known_by_its_length(tmp_path):
    path = tmp_path / "yolov3-spp.weights"
    path.write_bytes(np.array([0, 2, 0, 0, 0], "<i4").tobytes())
    os.truncate(path, 20 + 4 * SPP_FLOATS)
    assert path.stat().st_size == 252_209_544
    found = identify(path).architecture
    assert (found.network, found.outputs) == ("yolov3_spp", 80)
    os.truncate(path, 20 + 4 * SPP_FLOATS - 4000)
    with pytest.raises(CheckpointError, match=r"63,051,381 numbers.* is it cut short"):
        identify(path)


def test_the_embedded_weights_are_known():
    for name in ("fastpose_small_halpe_136", "yolox_nano_person"):
        found = identify(EMBEDDED / ZOO[name].file)
        assert found.weights[0].name == name


def test_strange_and_missing_files_are_errors(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "strange.pth")
    with pytest.raises(CheckpointError, match=r"strange\.pth: .* no network that is known"):
        identify(tmp_path / "strange.pth")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.weights"):
        identify(tmp_path / "nowhere.weights")


def test_weights_in_darknet_s_form_load_and_are_what_was_written(tmp_path):
    torch.manual_seed(2)
    network = build_detection_network("yolov3_spp", 1)
    path = tmp_path / "mine.weights"
    write_darknet(path, network.state_dict())
    assert identify(path).architecture.outputs == 1
    with torch.device("meta"):
        empty = build_detection_network("yolov3_spp", 1)
    loaded = load_checkpoint(empty, path).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())
