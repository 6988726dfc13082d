"""Re-identification networks by name, and the stage that runs them.

Both tables name functions by their address, which is looked up when one is used: graphs on a
processor must not load PyTorch.
"""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from alphapose_ros.devices import Compute
from alphapose_ros.downloads import hash_of
from alphapose_ros.reid.embedder import Embedder
from alphapose_ros.zoo import Weights, find_weights, main_path, pick_file

if TYPE_CHECKING:
    from torch import nn

    from alphapose_ros.config import ReidConfig

REID_NETWORKS = {  # options -> nn.Module
    name: f"alphapose_ros.reid.{file}:{name}"
    for file, names in {
        "attention": ("reid_small",),
        "osnet": (
            "osnet_x0_25",
            "osnet_x0_5",
            "osnet_x0_75",
            "osnet_x1_0",
            "osnet_ain_x1_0",
            "osnet_ibn_x1_0",
        ),
        "resnet_fc": ("resnet50_fc512",),
        "published_attention": ("pga_res50",),
    }.items()
    for name in names
}
POSE_GUIDED = ("reid_small",)  # those that take heatmaps of the body besides pictures
NOT_OFFERED = {"pga_res50": "its attention is the same everywhere, whatever the pose"}
BACKENDS = {  # runtime: weights, file, compute, batch size -> backend
    "onnx": "alphapose_ros.reid.onnx_backend:build_onnx_backend",
    "torch": "alphapose_ros.reid.torch_backend:build_torch_backend",
}
AUTO = "auto"  # in place of a model's name: what the file of weights is for
SMALL = "reid_small"  # weights that come with the package
OWN_WEIGHTS = "alphapose_ros.reid.own:own_weights"
DIGITS = 12  # of the weights' hash in a digest


def build_reid_network(name: str, **options: int) -> nn.Module:
    """Return a re-identification network with random weights, in eval mode.

    Args:
        name: one of REID_NETWORKS.
        options: sizes that the network's own function takes; ``classes`` of those with a
            classifier.

    Returns:
        Pictures (N, 3, h, w), for networks that a pose guides also heatmaps of the body
        (N, J, h/4, w/4) -> (N, D).

    Raises:
        ValueError: no such network.
    """
    if name not in REID_NETWORKS:
        raise ValueError(
            f"unknown re-identification network {name!r}; known are {', '.join(REID_NETWORKS)}"
        )
    return resolve_name(REID_NETWORKS[name])(**options).eval()


def build_reid(config: ReidConfig, compute: Compute) -> Embedder | None:
    """Return what ``config`` describes, with its weights loaded; None for "none".

    Raises:
        ValueError: there is no such model, it is not offered, its largest distance within a person
            is not known, or the runtime cannot read its file.
        FileNotFoundError: the file is missing.
        CheckpointError, GraphError: the file does not fit.
    """
    if config.name == "none":
        return None
    weights = find_model(config)
    if reason := NOT_OFFERED.get(weights.network):
        raise ValueError(f"{weights.name}: {weights.network} is not offered: {reason}")
    max_distance = config.max_distance or weights.max_distance
    if not max_distance:
        raise ValueError(
            f"{weights.name}: nothing says up to which cosine distance two embeddings are of one "
            "person; set reid.max_distance"
        )
    runtime, file = pick_file(weights, config.weights, compute)
    return Embedder(
        backend=resolve_name(BACKENDS[runtime])(weights, file, compute, config.batch_size),
        is_pose_guided=weights.network in POSE_GUIDED,
        sees_poses=config.pose_guided,
        max_distance=max_distance,
        digest=f"{weights.network}:{_hash(weights, file, config.weights)}",
    )


def find_model(config: ReidConfig) -> Weights:
    """Return what ``config`` says of the network and its weights.

    Raises:
        ValueError: there is no such model; for "auto", the file does not say what it is for.
        FileNotFoundError: for "auto", there is no such file.
        CheckpointError: for "auto", it is damaged.
    """
    if config.name == "small":
        return find_weights(SMALL, "reid")
    if config.model == AUTO:
        return resolve_name(OWN_WEIGHTS)(config.weights)
    return find_weights(config.model, "reid")


def _hash(weights: Weights, file: Path, own_file: str) -> str:
    """Return what tells these weights from others, the same for all their forms.

    Embeddings that a graph gives can be compared with those of the file that it was made from.
    """
    if not own_file and main_path(weights).is_file():
        file = main_path(weights)
    return hash_of(file)[:DIGITS]
