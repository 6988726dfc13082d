"""The networks of the reference's configurations, by the names that it gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pkgutil import resolve_name

from torch import nn

from alphapose_ros.detection.networks import DETECTION_NETWORKS, build_detection_network
from alphapose_ros.pose import POSE_NETWORKS
from alphapose_ros.reid import POSE_GUIDED, REID_NETWORKS, build_reid_network

WIDE = {"head_channels": 256}
COCO_CLASSES = 80
REID_NAMES = {"ResModel_PGA_17": "pga_res50"}  # of the reference


@dataclass(frozen=True)
class Official:
    """A pose network of the reference.

    Attributes:
        network: name in pose.POSE_NETWORKS.
        keypoints: number of outputs.
        decode: how it was trained to be decoded, name in pose.heatmap.DECODERS.
        options: of the network.
    """

    network: str
    keypoints: int
    decode: str = "heatmap"
    options: Mapping[str, int] = field(default_factory=dict)


_50 = "resnet/256x192_res50_lr1e-3"
_152 = "resnet/256x192_res152_lr1e-3"
OFFICIAL = {
    f"coco/{_50}_1x": Official("fastpose_res50", 17),
    f"coco/{_50}_2x": Official("fastpose_res50", 17),
    f"coco/{_50}_2x-regression": Official("fastpose_res50", 17, "integral"),
    f"coco/{_50}_2x-dcn": Official("fastpose_res50_dcn", 17),
    f"coco/{_50}_1x-concat": Official("fastpose_res50", 33),  # several data sets' keypoints
    f"coco/{_50}_1x-duc": Official("fastpose_duc_shuffle50", 17),
    f"coco/{_152}_1x-duc": Official("fastpose_duc_se152", 17),
    f"coco/{_50}_1x-simple": Official("simplepose_res50", 17),
    "coco/hrnet/256x192_w32_lr1e-3": Official("hrnet_w32", 17),
    "coco/hardnet/256x192_hard68_lr1e-3_1x": Official("hardnet_68", 17),
    "coco/hardnet/256x192_hard85_lr1e-3_1x": Official("hardnet_85", 17),
    "dense_coco/resnet50/256x192_adam_lr1e-3-duc-dcn_1x_crop": Official("fastpose_duc_dense", 49),
    f"halpe_26/{_50}_1x": Official("fastpose_res50", 26),
    f"halpe_26/{_50}_2x": Official("fastpose_res50", 26),
    f"halpe_26/{_50}_2x-regression": Official("fastpose_res50", 26, "integral", WIDE),
    f"halpe_26/{_50}_2x-dcn-regression": Official("fastpose_res50_dcn", 26, "integral", WIDE),
    f"halpe_136/{_50}_2x": Official("fastpose_res50", 136, options=WIDE),
    f"halpe_136/{_50}_2x-regression": Official("fastpose_res50", 136, "integral", WIDE),
    f"halpe_136/{_50}_2x-dcn-regression": Official("fastpose_res50_dcn", 136, "integral", WIDE),
    f"halpe_136/{_50}_2x-dcn-combined": Official("fastpose_res50_dcn", 136, "combined", WIDE),
    f"halpe_136/{_152}_1x-duc": Official("fastpose_res152", 136, "integral", WIDE),  # without DUC
    f"halpe_coco_wholebody_136/{_50}_2x-regression": Official("fastpose_res50", 136, "integral"),
    f"halpe_coco_wholebody_136/{_50}_2x-dcn-combined": Official(
        "fastpose_res50_dcn", 136, "combined", WIDE
    ),
    f"coco_wholebody/{_50}_2x-regression": Official("fastpose_res50", 133, "integral"),
    f"coco_wholebody/{_50}_2x-combined": Official("fastpose_res50", 133, "combined", WIDE),
    f"coco_wholebody/{_50}_2x-dcn-combined": Official("fastpose_res50_dcn", 133, "combined", WIDE),
    f"coco_wholebody/{_50}_2x-dcn-regression": Official(
        "fastpose_res50_dcn", 133, "integral", WIDE
    ),
    f"coco_wholebody/{_152}_1x-duc": Official("fastpose_res152", 133, "integral", WIDE),
    f"halpe_68_noface/{_50}_2x-dcn-combined": Official("fastpose_res50_dcn", 68, "combined", WIDE),
    f"single_hand/{_50}_2x-dcn-regression": Official("fastpose_res50_dcn", 21, "integral", WIDE),
}


def build_official(name: str) -> nn.Module:
    """Return the network of one of the reference's configurations, with random weights.

    Args:
        name: of a pose configuration as its path says it, with or without ``configs/`` and
            ``.yaml``, e.g. "halpe_26/resnet/256x192_res50_lr1e-3_1x"; of a detector, e.g.
            "yolox_s" or "yolov3_spp", for COCO's 80 classes; or of a re-ID network, e.g.
            "osnet_ain_x1_0", with ``_cls1`` after it for a classifier of 1 class.

    Returns:
        The network in eval mode: images to heatmaps, to a detector's predictions, or to
        embeddings.

    Raises:
        ValueError: there is no such configuration; similar names are given.
    """
    name = official_name(name)
    if name in OFFICIAL:
        official = OFFICIAL[name]
        build = resolve_name(POSE_NETWORKS[official.network])
        return build(official.keypoints, **official.options).eval()
    if name in DETECTION_NETWORKS:
        # The reference pads its pooling with zeros, unlike the Darknet that trained the weights.
        options = {"pool_padding": "zero"} if name == "yolov3_spp" else {}
        return build_detection_network(name, COCO_CLASSES, **options)
    network, _, classes = REID_NAMES.get(name, name).partition("_cls")
    if network in REID_NETWORKS and network not in POSE_GUIDED:
        return build_reid_network(network, **({"classes": int(classes)} if classes else {}))
    known = [*OFFICIAL] if "/" in name else [*OFFICIAL, *DETECTION_NETWORKS, *REID_NETWORKS]
    similar = get_close_matches(name, known, n=3, cutoff=0.3) or known
    raise ValueError(f"no official configuration {name!r}; similar ones: {', '.join(similar)}")


def official_name(path: str) -> str:
    """Return a configuration's name from its path or from the name of its list of keys."""
    name = path.removesuffix(".yaml").removesuffix(".json").rpartition("configs/")[2]
    kind, _, rest = name.partition("__")
    return (rest if kind in ("pose", "det", "reid") else name).replace("__", "/")
