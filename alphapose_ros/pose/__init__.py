"""Pose networks by name, and the stage that runs them.

Both tables name functions by their address, which is looked up when one is used: the default on a
processor must not load PyTorch.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from alphapose_ros.config import PoseConfig
from alphapose_ros.devices import Compute, has_torch
from alphapose_ros.pose.estimator import PoseEstimator
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.skeletons import skeleton as find_skeleton
from alphapose_ros.zoo import find_weights, pick_file

if TYPE_CHECKING:
    from torch import nn

    from alphapose_ros.pose.onnx_backend import OnnxBackend
    from alphapose_ros.pose.torch_backend import TorchBackend

POSE_NETWORKS = {  # number of keypoints, options -> nn.Module
    "fastpose_res50": "alphapose_ros.pose.fastpose:fastpose_res50",
    "fastpose_small": "alphapose_ros.pose.fastpose:fastpose_small",
}
BACKENDS = {  # runtime: weights, file, compute, batch size -> backend
    "onnx": "alphapose_ros.pose.onnx_backend:build_onnx_backend",
    "torch": "alphapose_ros.pose.torch_backend:build_torch_backend",
}
FINE_GROUPS = ("face", "hand", "left_hand", "right_hand")  # small beside a heatmap's pixels


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
        ValueError: there is no such model, the runtime cannot read its file, or a graph is asked
            for heatmaps.
        FileNotFoundError: the file is missing.
        CheckpointError, GraphError: the file does not fit.
    """
    backend, _ = build_backend(config, compute, decode=config.decode, flip=config.flip)
    return PoseEstimator(backend, find_skeleton(find_weights(config.model, "pose").skeleton))


def build_backend(
    config: PoseConfig, compute: Compute, *, decode: str, flip: bool
) -> tuple[OnnxBackend | TorchBackend, Path]:
    """Return what runs the network of ``config``, and the file that it was loaded from.

    Args:
        config: model, weights and batch size.
        compute: with runtime "auto", PyTorch runs what needs heatmaps: another decoding, and the
            flip test. The decoding of a graph is in it.
        decode: name in heatmap.DECODERS; "" for the model's own.
        flip: look at mirrored crops too.

    Raises:
        ValueError, FileNotFoundError, CheckpointError, GraphError: as build_estimator().
    """
    weights = find_weights(config.model, "pose")
    if decode or flip:
        compute = _giving_heatmaps(compute, config.weights)
    runtime, file = pick_file(weights, config.weights, compute)
    weights = replace(weights, decode=decode or weights.decode)
    backend = resolve_name(BACKENDS[runtime])(weights, file, compute, config.batch_size)
    if flip:
        order = find_skeleton(weights.skeleton).flip_order
        backend = replace(backend, flip_order=tuple(order.tolist()))
    return backend, file


def _giving_heatmaps(compute: Compute, own_file: str) -> Compute:
    if compute.runtime == "onnx" or own_file.endswith(".onnx"):
        raise ValueError(
            "the flip test and other decodings need heatmaps, which ONNX graphs do not give; use "
            "runtime 'auto' or 'torch' and pose.weights that are no .onnx, or leave pose.flip and "
            "pose.decode as they are by default"
        )
    if not has_torch():
        raise ValueError(
            "the flip test and other decodings need PyTorch; pip install torch safetensors, or "
            "leave pose.flip and pose.decode as they are by default"
        )
    return replace(compute, runtime="torch")


def usual_decode(skeleton: Skeleton) -> str:
    """Return how networks for ``skeleton`` are best trained and decoded, where no file says it.

    Body and feet are found better by heatmaps: 0.718 against 0.649 AP on COCO (ResNet-50). Face
    and hands are small beside a heatmap's pixels and found better by integrals: 0.491 against
    0.432 and 0.207 against 0.163 AP on Halpe-FullBody, where heatmaps still lead at body and feet
    (0.658 against 0.650, 0.730 against 0.706) but not on the whole (0.417 against 0.441).

    Returns:
        Name in heatmap.DECODERS: "heatmap" for body and feet, "integral" for faces and hands,
        "combined" for both together.

    Source: paper Table 4 (FastPose-hm, FastPose-si), Table 2 (FastPose50-hm, FastPose50-si).
    """
    is_fine = [group in FINE_GROUPS for group in skeleton.groups]
    if all(is_fine):
        return "integral"
    return "combined" if any(is_fine) else "heatmap"
