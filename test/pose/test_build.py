from __future__ import annotations

import re
from dataclasses import fields

import cv2
import numpy as np
import pytest

from alphapose_ros import pose
from alphapose_ros.config import PoseConfig
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections
from alphapose_ros.pose import build_estimator, usual_decode
from alphapose_ros.pose.heatmap import DECODERS, INTEGRAL_KEYPOINTS
from alphapose_ros.skeletons import SKELETONS, skeleton
from alphapose_ros.zoo import ZOO, is_embedded

PROCESSOR = Compute()


@pytest.fixture(scope="module")
def scene(data):
    image = cv2.imread(str(data / "pose_datasets/coco/images/000000000785.jpg"))
    return image, Detections(boxes=[[270, 40, 510, 390]], scores=[0.9])


def keypoints(scene, **settings):
    return build_estimator(PoseConfig(**settings), PROCESSOR)(*scene).keypoints[0]


def test_the_settings_know_all_decodings():
    (decode,) = (item for item in fields(PoseConfig) if item.name == "decode")
    assert decode.metadata["rules"].choices == ("", *DECODERS)


def test_an_unknown_decoding_is_refused():
    with pytest.raises(ValueError, match="decode: 'argmax' is none of"):
        PoseConfig(decode="argmax")


def test_with_dark_body_and_feet_move_by_less_than_a_pixel_of_the_heatmap(scene):
    plain, dark = keypoints(scene), keypoints(scene, decode="combined_dark")
    heatmap_px = 1.25 * 350 / 48  # the crop is as high as the box, and a quarter
    moved = np.abs(dark - plain)[:26, :2]
    assert 0.05 * heatmap_px < np.nanmean(moved)
    assert np.nanmax(moved) <= 1.26 * heatmap_px
    np.testing.assert_allclose(dark[26:], plain[26:], atol=0.05)  # runtimes differ a little
    np.testing.assert_allclose(dark[:, 2], plain[:, 2], atol=1e-4)


def test_the_flip_test_moves_keypoints_a_little(scene):
    plain, both = keypoints(scene), keypoints(scene, flip=True)
    moved = np.abs(both - plain)[..., :2]
    assert 0.05 < np.nanmedian(moved) < 12  # px
    body = skeleton("halpe_136").group("body")
    assert np.nanmedian(moved[body]) < 12


def test_the_model_s_own_decoding_by_name_is_the_same(scene):
    own, named = keypoints(scene), keypoints(scene, decode="combined")
    np.testing.assert_allclose(named, own, atol=0.05)


@pytest.mark.parametrize("settings", [{"decode": "dark"}, {"flip": True}])
def test_graphs_give_no_heatmaps(settings):
    message = "are not for ONNX graphs, which give keypoints of one size of crops; use runtime"
    with pytest.raises(ValueError, match=message):
        build_estimator(PoseConfig(**settings), Compute(runtime="onnx"))
    with pytest.raises(ValueError, match=message):
        build_estimator(PoseConfig(weights="own.onnx", **settings), PROCESSOR)


@pytest.mark.parametrize("settings", [{"decode": "dark"}, {"flip": True}])
def test_without_pytorch_heatmaps_are_refused_with_a_remedy(settings, monkeypatch):
    monkeypatch.setattr(pose, "has_torch", lambda: False)
    with pytest.raises(ValueError, match="need PyTorch; pip install torch"):
        build_estimator(PoseConfig(**settings), PROCESSOR)


USUAL = {
    "heatmap": "coco_17 halpe_26 posetrack_15 mpii_16 crowdpose_14 mpii_trb_40 lsp_14",
    "integral": "single_hand_21 interhand_42 face_68 wflw_98",
    "combined": "halpe_68 halpe_136 coco_wholebody_133",
}


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_has_its_usual_decoding(name):
    expected = {known: decode for decode, names in USUAL.items() for known in names.split()}
    assert usual_decode(SKELETONS[name]) == expected[name]


@pytest.mark.parametrize("name", USUAL["combined"].split())
def test_combined_decodings_take_face_and_hands_for_the_last_keypoints(name):
    groups = SKELETONS[name].groups
    fine = sum(stop - start for group, (start, stop) in groups.items() if is_fine(group))
    assert INTEGRAL_KEYPOINTS[len(SKELETONS[name].names)] == fine
    assert [is_fine(group) for group in groups] == sorted(map(is_fine, groups))


def is_fine(group):
    return re.fullmatch("face|left_hand|right_hand", group) is not None


def test_the_embedded_networks_are_decoded_as_usual():
    for weights in ZOO.values():
        if weights.task == "pose" and is_embedded(weights):
            assert weights.decode == usual_decode(skeleton(weights.skeleton))
