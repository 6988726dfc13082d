from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.config import PoseConfig
from alphapose_ros.detection.networks import build_detection_network
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections
from alphapose_ros.pose import build_estimator, build_pose_network, find_model
from alphapose_ros.zoo import ZOO, find_weights, weights_path

PROCESSOR = Compute(device="cpu", runtime="auto", threads=1)


def saved(path, network) -> str:
    torch.save(network.state_dict(), path)
    return str(path)


@pytest.mark.parametrize(
    ("network", "skeleton", "decode"),
    [
        ("fastpose_res18", "coco_17", "heatmap"),
        ("fastpose_small", "halpe_26", "heatmap"),
        ("fastpose_small", "halpe_136", "combined"),
        ("fastpose_small", "coco_wholebody_133", "combined"),
        ("fastpose_small", "halpe_68", "combined"),
        ("fastpose_small", "single_hand_21", "integral"),
    ],
)
def test_network_skeleton_and_decoding_come_from_the_file(tmp_path, network, skeleton, decode):
    file = saved(tmp_path / "mine.pth", build_pose_network(network, skeleton))
    found = find_model(PoseConfig(model="auto", weights=file))
    assert (found.network, found.skeleton, found.decode) == (network, skeleton, decode)
    assert found.input_size == (256, 192)


def test_a_file_by_a_name_of_the_zoo_is_taken_for_that(tmp_path):
    entry = ZOO["fastpose_small_halpe_136"]
    network = build_pose_network("fastpose_small", "halpe_136")
    save_file(network.state_dict(), tmp_path / entry.file)
    found = find_model(PoseConfig(model="auto", weights=str(tmp_path / entry.file)))
    assert found == entry


def test_the_size_of_crops_can_be_chosen(tmp_path):
    file = saved(tmp_path / "mine.pth", build_pose_network("fastpose_small", "coco_17"))
    config = PoseConfig(model="auto", weights=file, input_size="384x288")
    assert find_model(config).input_size == (384, 288)
    estimate = build_estimator(config, PROCESSOR)
    people = Detections(boxes=np.array([[10.0, 10, 60, 110]]), scores=np.array([1.0]))
    poses = estimate(np.full((120, 80, 3), 90, np.uint8), people)
    assert poses.skeleton.id == "coco_17"
    assert poses.keypoints.shape == (1, 17, 3)


def test_the_shipped_weights_by_themselves_find_what_their_model_finds(tmp_path):
    shipped = find_weights("fastpose_small_halpe_136")
    file = tmp_path / "renamed.safetensors"
    file.write_bytes(weights_path(shipped).read_bytes())
    image = np.random.default_rng(5).integers(0, 255, (200, 150, 3), np.uint8)
    people = Detections(boxes=np.array([[20.0, 20, 120, 180]]), scores=np.array([1.0]))
    by_file = PoseConfig(model="auto", weights=str(file), input_size="192x128")
    by_name = replace(by_file, model=shipped.name, weights="", input_size="")
    processor = replace(PROCESSOR, runtime="torch")
    ours, theirs = (build_estimator(c, processor)(image, people) for c in (by_file, by_name))
    np.testing.assert_array_equal(ours.keypoints, theirs.keypoints)


def test_what_auto_cannot_read_is_an_error_with_a_remedy(tmp_path):
    def found(weights):
        return find_model(PoseConfig(model="auto", weights=str(weights)))

    with pytest.raises(ValueError, match=r"set pose\.weights too"):
        found("")
    with pytest.raises(ValueError, match=r"own\.onnx: a graph does not say"):
        found("own.onnx")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth does not exist"):
        found(tmp_path / "nowhere.pth")
    detector = saved(tmp_path / "detector.pth", build_detection_network("yolox_nano", 1))
    with pytest.raises(ValueError, match=r"yolox_nano, 1 classes; set it as detector\.weights"):
        found(detector)
    odd = saved(tmp_path / "odd.pth", build_pose_network("fastpose_small", "crowdpose_14"))
    with pytest.raises(ValueError, match=r"odd\.pth: has 14 keypoints; .* set pose\.model"):
        found(odd)
    torch.save({"a": torch.zeros(1)}, tmp_path / "strange.pth")
    with pytest.raises(CheckpointError, match=r"strange\.pth.* no network"):
        found(tmp_path / "strange.pth")
