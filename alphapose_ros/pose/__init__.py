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
from alphapose_ros.pose.parts import PartsEstimator
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.skeletons import skeleton as find_skeleton
from alphapose_ros.zoo import Weights, find_weights, pick_file

if TYPE_CHECKING:
    from torch import nn

    from alphapose_ros.pose.onnx_backend import OnnxBackend
    from alphapose_ros.pose.torch_backend import TorchBackend

POSE_NETWORKS = {  # number of keypoints, options -> nn.Module
    name: f"alphapose_ros.pose.{file}:{name}"
    for file, names in {
        "fastpose": (
            "fastpose_small",
            "fastpose_res18",
            "fastpose_res34",
            "fastpose_res50",
            "fastpose_res101",
            "fastpose_res152",
            "fastpose_res50_dcn",
            "fastpose_res101_dcn",
            "fastpose_res152_dcn",
        ),
        "fastpose_duc": (
            "fastpose_duc_res50",
            "fastpose_duc_res101",
            "fastpose_duc_res152",
            "fastpose_duc_se50",
            "fastpose_duc_se101",
            "fastpose_duc_se152",
            "fastpose_duc_shuffle50",
            "fastpose_duc_shuffle101",
            "fastpose_duc_shuffle152",
            "fastpose_duc_dense",
        ),
        "simplepose": ("simplepose_res50", "simplepose_res101", "simplepose_res152"),
        "hrnet": ("hrnet_w32", "hrnet_w48"),
        "hardnet": ("hardnet_68", "hardnet_85"),
    }.items()
    for name in names
}
BACKENDS = {  # runtime, or kind of graph: weights, file, compute, batch size -> backend
    "onnx": "alphapose_ros.pose.onnx_backend:build_onnx_backend",
    "simcc": "alphapose_ros.pose.simcc:build_simcc_backend",
    "torch": "alphapose_ros.pose.torch_backend:build_torch_backend",
}
AUTO = "auto"  # in place of a model's name: what the file of weights is for
OWN_WEIGHTS = "alphapose_ros.pose.own:own_weights"
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


def build_estimator(config: PoseConfig, compute: Compute) -> PoseEstimator | PartsEstimator:
    """Return the estimator that ``config`` describes, with its weights loaded.

    Hands and faces have crops of their own where ``config`` names a model for them.

    Raises:
        ValueError: there is no such model, the runtime cannot read its file, a graph is asked for
            heatmaps, or the body's skeleton has no hands or face.
        FileNotFoundError: the file is missing.
        CheckpointError, GraphError: the file does not fit.
    """
    body = _build_one(config, compute)
    hands = _build_part(config, config.hand_model, config.hand_weights, compute)
    faces = _build_part(config, config.face_model, config.face_weights, compute)
    return PartsEstimator(body, hands, faces) if hands or faces else body


def _build_one(config: PoseConfig, compute: Compute) -> PoseEstimator:
    backend, _ = build_backend(config, compute, decode=config.decode, flip=config.flip)
    return PoseEstimator(backend, find_skeleton(find_model(config).skeleton))


def _build_part(
    config: PoseConfig, model: str, weights: str, compute: Compute
) -> PoseEstimator | None:
    if not model:
        if weights:
            raise ValueError(f"{weights}: set the model of these weights too, or 'auto'")
        return None
    part = replace(config, model=model, weights=weights, decode="", input_size="")
    return _build_one(part, compute)


def find_model(config: PoseConfig) -> Weights:
    """Return what ``config`` says of the network and its weights.

    Raises:
        ValueError: there is no such model; for "auto", the file does not say what it is for.
        FileNotFoundError: for "auto", there is no such file.
        CheckpointError: for "auto", it is damaged.
    """
    if config.model == AUTO:
        weights = resolve_name(OWN_WEIGHTS)(config.weights)
    else:
        weights = find_weights(config.model, "pose")
    if config.input_size:
        height, width = map(int, config.input_size.split("x"))
        weights = replace(weights, input_size=(height, width))
    return weights


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
    weights = find_model(config)
    if decode or flip or config.input_size:
        compute = _with_torch(compute, config.weights, weights)
    runtime, file = pick_file(weights, config.weights, compute)
    if runtime == "torch" and not weights.network:
        raise ValueError(f"{weights.name} is an ONNX graph only; pose.weights must be an .onnx too")
    weights = replace(weights, decode=decode or weights.decode)
    kind = weights.preprocess if runtime == "onnx" and weights.preprocess else runtime
    backend = resolve_name(BACKENDS[kind])(weights, file, compute, config.batch_size)
    if flip:
        order = find_skeleton(weights.skeleton).flip_order
        backend = replace(backend, flip_order=tuple(order.tolist()))
    return backend, file


def _with_torch(compute: Compute, own_file: str, weights: Weights) -> Compute:
    usual = "leave pose.flip, pose.decode and pose.input_size as they are by default"
    is_graph = own_file.endswith(".onnx") or not weights.network
    if compute.runtime == "onnx" or is_graph:
        raise ValueError(
            "the flip test, other decodings and other sizes of crops are not for ONNX graphs, "
            "which give keypoints of one size of crops; use runtime 'auto' or 'torch' and "
            f"a model with weights that are no .onnx, or {usual}"
        )
    if not has_torch():
        raise ValueError(
            "the flip test, other decodings and other sizes of crops need PyTorch; "
            f"pip install torch safetensors, or {usual}"
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
