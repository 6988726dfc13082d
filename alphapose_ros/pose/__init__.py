"""Pose networks by name, and the stage that runs them.

Both tables name functions by their address, which is looked up when one is used: the default on a
processor must not load PyTorch.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from alphapose_ros.config import PoseConfig
from alphapose_ros.devices import Compute
from alphapose_ros.pose.estimator import PoseEstimator
from alphapose_ros.skeletons import skeleton as find_skeleton
from alphapose_ros.zoo import find_weights, pick_file

if TYPE_CHECKING:
    from torch import nn

POSE_NETWORKS = {  # number of keypoints, options -> nn.Module
    "fastpose_res50": "alphapose_ros.pose.fastpose:fastpose_res50",
    "fastpose_small": "alphapose_ros.pose.fastpose:fastpose_small",
}
BACKENDS = {  # runtime: weights, file, compute, batch size -> backend
    "onnx": "alphapose_ros.pose.onnx_backend:build_onnx_backend",
    "torch": "alphapose_ros.pose.torch_backend:build_torch_backend",
}


def build_pose_network(name: str, skeleton: str, **options: int) -> nn.Module:
    """Return a pose network with random weights, in eval mode.

    Args:
        name: one of POSE_NETWORKS.
        skeleton: id of the skeleton that it predicts, e.g. "halpe_136".
        options: sizes that the network's own function takes.

    Returns:
        (N, 3, H, W) -> heatmaps (N, K, H/4, W/4).

    Raises:
        ValueError: no such network or skeleton.
    """
    if name not in POSE_NETWORKS:
        raise ValueError(f"unknown pose network {name!r}; known are {', '.join(POSE_NETWORKS)}")
    build = resolve_name(POSE_NETWORKS[name])
    return build(len(find_skeleton(skeleton).names), **options).eval()


def build_estimator(config: PoseConfig, compute: Compute) -> PoseEstimator:
    """Return the estimator that ``config`` describes, with its weights loaded.

    Raises:
        ValueError: there is no such model, or the runtime cannot read its file.
        FileNotFoundError: the file is missing.
        CheckpointError, GraphError: the file does not fit.
    """
    weights = find_weights(config.model, "pose")
    runtime, file = pick_file(weights, config.weights, compute)
    backend = resolve_name(BACKENDS[runtime])(weights, file, compute, config.batch_size)
    return PoseEstimator(backend, find_skeleton(weights.skeleton))
