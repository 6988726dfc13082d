"""Pose networks by name, and the stage that runs them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.config import PoseConfig
from alphapose_ros.pose.estimator import PoseEstimator, TorchBackend
from alphapose_ros.pose.fastpose import fastpose_res50, fastpose_small
from alphapose_ros.skeletons import skeleton as find_skeleton
from alphapose_ros.zoo import find_weights, weights_path

POSE_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "fastpose_res50": fastpose_res50,
    "fastpose_small": fastpose_small,
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
    return POSE_NETWORKS[name](len(find_skeleton(skeleton).names), **options).eval()


def build_estimator(config: PoseConfig, device: torch.device) -> PoseEstimator:
    """Return the estimator that ``config`` describes, with its weights loaded.

    Raises:
        ValueError: there is no such model.
        FileNotFoundError: the weights file is missing.
        CheckpointError: the weights do not fit.
    """
    weights = find_weights(config.model)
    network = build_pose_network(weights.network, weights.skeleton)
    load_checkpoint(network, config.weights or weights_path(weights))
    network = network.to(device)
    backend = TorchBackend(network, weights.input_size, device, config.batch_size)
    return PoseEstimator(backend, find_skeleton(weights.skeleton))
