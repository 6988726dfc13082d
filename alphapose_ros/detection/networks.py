"""Detection networks by name; PyTorch is loaded when one is built, not before."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

DETECTION_NETWORKS = {  # number of classes, options -> nn.Module
    "yolox_nano": "alphapose_ros.detection.yolox:yolox_nano",
    "yolox_tiny": "alphapose_ros.detection.yolox:yolox_tiny",
    "yolox_s": "alphapose_ros.detection.yolox:yolox_s",
    "yolox_m": "alphapose_ros.detection.yolox:yolox_m",
    "yolox_l": "alphapose_ros.detection.yolox:yolox_l",
    "yolox_x": "alphapose_ros.detection.yolox:yolox_x",
    "yolov3": "alphapose_ros.detection.yolox_darknet:yolov3",
    "yolov3_spp": "alphapose_ros.detection.yolov3:yolov3_spp",
}


def build_detection_network(name: str, classes: int = 80, **options: str) -> nn.Module:
    """Return a detection network with random weights, in eval mode.

    Args:
        name: one of DETECTION_NETWORKS.
        classes: number of classes; COCO has 80.
        options: what else the network's own function takes.

    Returns:
        (B, 3, H, W) -> (B, A, 5 + classes): of every cell, or anchor of a cell, centre x, y, width
        and height [px of the input], then in [0, 1] that there is an object, and its classes. H
        and W are multiples of 32; the colours are as letterbox.PREPROCESSING says.

    Raises:
        ValueError: there is no such network.
    """
    if name not in DETECTION_NETWORKS:
        known = ", ".join(DETECTION_NETWORKS)
        raise ValueError(f"unknown detection network {name!r}; known are {known}")
    return resolve_name(DETECTION_NETWORKS[name])(classes, **options).eval()
