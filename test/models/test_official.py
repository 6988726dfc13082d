from __future__ import annotations

import json

import pytest
import torch

from alphapose_ros.detection.networks import DETECTION_NETWORKS
from alphapose_ros.models import build_official
from alphapose_ros.models.official import OFFICIAL, official_name

NAMES = [*OFFICIAL, *DETECTION_NETWORKS]


def key_list(data, name: str) -> dict[str, list[int]]:
    kind = "pose" if name in OFFICIAL else "det"
    path = data / "reference" / "keys" / f"{kind}__{name.replace('/', '__')}.json"
    return json.loads(path.read_text("utf-8"))["keys"]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_are_those_of_the_published_file(data, name):
    with torch.device("meta"):
        state = build_official(name).state_dict()
    assert {key: list(tensor.shape) for key, tensor in state.items()} == key_list(data, name)


def test_names_and_shapes_of_re_id_networks_are_those_of_the_published_files(data):
    files = sorted((data / "reference" / "keys").glob("reid__*.json"))
    for file in files:
        with torch.device("meta"):
            state = build_official(file.stem).state_dict()
        keys = json.loads(file.read_text("utf-8"))["keys"]
        assert {key: list(tensor.shape) for key, tensor in state.items()} == keys, file.stem
    assert len(files) == 8


def test_all_published_lists_are_there():
    assert len(NAMES) == 38


@pytest.mark.parametrize("name", NAMES)
def test_networks_come_in_eval_mode_and_on_any_device(name):
    with torch.device("meta"):
        network = build_official(name)
    assert not any(module.training for module in network.modules())
    tensors = [*network.parameters(), *network.buffers()]
    assert all(tensor.is_meta for tensor in tensors)


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("size", [(256, 192), (256, 256)])
def test_heatmaps_have_a_quarter_of_the_input(name, size):
    with torch.device("meta"), torch.inference_mode():
        heatmaps = build_official(name)(torch.empty(2, 3, *size))
    assert heatmaps.shape == (2, OFFICIAL[name].keypoints, size[0] // 4, size[1] // 4)


@pytest.mark.parametrize(
    "path",
    [
        "halpe_26/resnet/256x192_res50_lr1e-3_1x",
        "configs/halpe_26/resnet/256x192_res50_lr1e-3_1x.yaml",
        "somewhere/configs/halpe_26/resnet/256x192_res50_lr1e-3_1x.yaml",
        "pose__halpe_26__resnet__256x192_res50_lr1e-3_1x",
        "pose__halpe_26__resnet__256x192_res50_lr1e-3_1x.json",
    ],
)
def test_a_configuration_is_known_by_its_path(path):
    assert official_name(path) == "halpe_26/resnet/256x192_res50_lr1e-3_1x"


def test_detectors_are_known_by_their_names():
    assert official_name("det__yolox_s") == official_name("yolox_s") == "yolox_s"


def test_an_unknown_configuration_is_an_error_with_similar_names():
    with pytest.raises(ValueError, match="'halpe_26/res50'; similar ones: halpe_26/resnet"):
        build_official("halpe_26/res50")
