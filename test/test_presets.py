"""The presets of config/paper say what the paper's tables say."""

from __future__ import annotations

import re

import pytest
import torch

from alphapose_ros.config import load_config
from alphapose_ros.detection.networks import build_detection_network
from alphapose_ros.pose import build_pose_network
from alphapose_ros.suppression.reference import CONSTANTS
from alphapose_ros.zoo import find_weights

HALPE, WHOLE, COCO = "halpe_136", "coco_wholebody_133", "coco_17"
NARROW, SQUARE = (256, 192), (256, 256)

# As read in the paper: row, figure, whether its weights are published; then what the row says of
# the network: backbone, skeleton, size of the crop, decoding ("hm" heatmap, "si" integral).
ROWS = {
    "table2_fastpose50_hm": ("FastPose50-hm", "AP 0.417", True, "50", HALPE, NARROW, "hm"),
    "table2_fastpose50_si": ("FastPose50-si", "AP 0.441", True, "50", HALPE, NARROW, "si"),
    "table2_fastpose152_si": ("FastPose152-si", "AP 0.451", True, "152", HALPE, NARROW, "si"),
    "table2_fastpose50_dcn_si": (
        *("FastPose50-dcn-si", "AP 0.462", True),
        *("50_dcn", HALPE, NARROW, "si"),
    ),
    "table2_fastpose50_dcn_si_multi": (
        *("FastPose50-dcn-si*", "AP 0.484", False),
        *("50_dcn", HALPE, NARROW, "si"),
    ),
    "table3_fastpose50_si": ("FastPose50-si", "AP 0.554", True, "50", WHOLE, NARROW, "si"),
    "table3_fastpose152_si": ("FastPose152-si", "AP 0.569", True, "152", WHOLE, NARROW, "si"),
    "table3_fastpose50_dcn_si": (
        *("FastPose50-dcn-si", "AP 0.577", True),
        *("50_dcn", WHOLE, NARROW, "si"),
    ),
    "table4_fastpose_hm_res50": (
        *("FastPose-hm, ResNet-50", "AP 0.718", True),
        *("50", COCO, NARROW, "hm"),
    ),
    "table4_fastpose_dcn_hm_res50": (
        *("FastPose-dcn-hm, ResNet-50", "AP 0.726", True),
        *("50_dcn", COCO, NARROW, "hm"),
    ),
    "table4_fastpose_dcn_hm_res101": (
        *("FastPose-dcn-hm, ResNet-101", "AP 0.727", False),
        *("101_dcn", COCO, NARROW, "hm"),
    ),
    "table4_fastpose_si_res50": (
        *("FastPose-si, ResNet-50", "AP 0.649", False),
        *("50", COCO, SQUARE, "si"),
    ),
    "table4_fastpose_si_res101": (
        *("FastPose-si, ResNet-101", "AP 0.679", False),
        *("101", COCO, SQUARE, "si"),
    ),
    "table4_fastpose_dcn_si_res101": (
        *("FastPose-dcn-si, ResNet-101", "AP 0.690", False),
        *("101_dcn", COCO, SQUARE, "si"),
    ),
    **{
        f"table6_posetrack{year}_{kind}": (
            *(f"{year}, Ours-{kind.upper()}", f"mAP {precision}, MOTA {accuracy}", False),
            *("152", "posetrack_15", NARROW, "hm"),
        )
        for year, kind, precision, accuracy in (
            ("2017", "uni", 76.1, 65.5),
            ("2017", "sep", 76.9, 65.7),
            ("2018", "uni", "74.0", 64.4),
            ("2018", "sep", 74.7, 64.7),
        )
    },
}
OTHERWISE_REPORTED = {  # on other pictures: Table 4's published files, PoseTrack18 for all
    "table4_fastpose_hm_res50": 72.0,
    "table4_fastpose_dcn_hm_res50": 72.8,
    **{name: 74.7 for name in ROWS if name.startswith("table6")},
}
DECODES = {"hm": "heatmap", "si": "integral"}
CONSTANTS_OF = {"hm": "heatmap", "si": "regression"}
BILLIONS = {  # multiplications of a crop, as Table 4 states them; it counts a little more
    "table4_fastpose_hm_res50": 5.9,
    "table4_fastpose_dcn_hm_res50": 6.1,
    "table4_fastpose_dcn_hm_res101": 9.8,
    "table4_fastpose_si_res50": 7.9,
    "table4_fastpose_si_res101": 12.8,
    "table4_fastpose_dcn_si_res101": 13.1,
}


@pytest.fixture(params=ROWS)
def preset(request, root):
    """Name, text and settings of a preset."""
    path = root / f"config/paper/{request.param}.yaml"
    return request.param, path.read_text(), load_config(path)


def test_every_row_has_its_preset_and_every_preset_a_row(root):
    assert {path.stem for path in (root / "config/paper").glob("*")} == set(ROWS)


def test_the_comment_names_row_figure_and_whether_there_are_weights(preset):
    name, text, _ = preset
    row, figure, is_published, *_, size, _ = ROWS[name]
    first, weights, *_ = text.splitlines()
    start = f"# Paper, Table {name[5]}, {row}, {size[0]}x{size[1]}: {figure} on "
    assert first.startswith(start)
    assert weights.startswith("# Weights: published" if is_published else "# Weights: never")


def test_the_network_is_the_row_s(preset):
    name, _, config = preset
    *_, is_published, backbone, skeleton, size, kind = ROWS[name]
    weights = find_weights(config.pose.model, "pose")
    assert weights.network == f"fastpose_res{backbone}"
    assert (weights.skeleton, weights.input_size) == (skeleton, size)
    assert weights.decode == DECODES[kind]
    assert bool(weights.url or weights.location) == is_published
    assert config.pose.decode == config.pose.input_size == config.pose.weights == ""


def test_the_zoo_reports_the_row_s_figure_or_that_of_the_published_file(preset):
    name, text, config = preset
    reported = find_weights(config.pose.model, "pose").reported
    stated = 100 * float(re.search(r"AP ([\d.]+)", text).group(1))
    expected = f"AP {OTHERWISE_REPORTED.get(name, stated):.1f} "
    assert reported.startswith(expected)


def test_the_detector_is_the_table_s(preset):
    name, _, config = preset
    tracks = name.startswith("table6")
    weights = find_weights(config.detector.model, "detection")
    assert config.detector.name == ("yolox" if tracks else "yolov3")
    assert weights.network == ("yolox_x" if tracks else "yolov3_spp")
    assert weights.input_size == ((640, 640) if tracks else (608, 608))
    assert (config.detector.score_threshold, config.detector.nms_iou) == (0.1, 0.6)
    with torch.device("meta"):
        build_detection_network(weights.network, weights.classes)


def test_people_are_followed_in_table_6_only(preset):
    name, _, config = preset
    assert config.tracker.name == ("msim" if name.startswith("table6") else "none")


def test_pose_nms_is_that_of_the_reference_for_the_decoding(preset):
    name, _, config = preset
    assert config.suppression.name == "reference"
    assert config.suppression.constants == CONSTANTS_OF[ROWS[name][-1]]
    assert config.suppression.constants in CONSTANTS


def network_of(config):
    weights = find_weights(config.pose.model, "pose")
    with torch.device("meta"):
        network = build_pose_network(weights.network, weights.skeleton, **weights.options)
        return network, torch.empty(1, 3, *weights.input_size)


def test_the_network_gives_heatmaps_of_the_row_s_crops(preset):
    name, _, config = preset
    *_, skeleton, (height, width), _ = ROWS[name]
    network, crop = network_of(config)
    keypoints = int(skeleton.rpartition("_")[2])
    assert network(crop).shape == (1, keypoints, height // 4, width // 4)


@pytest.mark.parametrize("name", BILLIONS)
def test_a_network_costs_what_table_4_says(root, name):
    network, crop = network_of(load_config(root / f"config/paper/{name}.yaml"))
    assert convolution_cost(network, crop) / 1e9 == pytest.approx(BILLIONS[name], rel=0.02)


def convolution_cost(network, crop):
    """Count the multiplications of all convolutions, deformable ones too, by their outputs."""
    total = 0

    def count(module, _, output):
        nonlocal total
        weight = getattr(module, "weight", None)
        if weight is not None and weight.ndim == 4:
            total += weight.numel() * output[0, 0].numel()

    for module in network.modules():
        module.register_forward_hook(count)
    network(crop)
    return total


def test_the_page_lists_every_preset_with_its_figure(root):
    lines = (root / "docs/presets.md").read_text().splitlines()
    listed = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    assert list(listed) == list(ROWS)
    for name, line in listed.items():
        row, figure, is_published, *_ = ROWS[name]
        assert row.removeprefix("2017, ").removeprefix("2018, ") in line
        assert f"| {figure} |" in line
        assert line.endswith("| published |" if is_published else "| never published |")
