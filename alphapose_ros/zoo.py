"""The table of weights: what there is, what it is for, and in which file it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alphapose_ros.devices import Compute

EMBEDDED = Path(__file__).parent / "models" / "weights"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One set of weights."""

    name: str
    task: str  # pose or detection
    network: str  # name in pose.POSE_NETWORKS, or yolox_nano
    skeleton: str  # of pose networks
    input_size: tuple[int, int]  # height, width of the crop or picture [px]
    decode: str  # of pose networks: name in pose.heatmap.DECODERS
    file: str  # in models/weights
    onnx: str  # the same as a graph with decoding inside, in models/weights; "" for none
    licence: str
    note: str


_ALL = (
    Weights(
        name="fastpose_small_halpe_136",
        task="pose",
        network="fastpose_small",
        skeleton="halpe_136",
        input_size=(192, 128),
        decode="combined",
        file="fastpose_small_halpe_136.safetensors",
        onnx="fastpose_small_halpe_136.onnx",
        licence="Apache-2.0",
        note="version 1: bodies of everyday poses; feet, face and hands rough",
    ),
    Weights(
        name="yolox_nano_person",
        task="detection",
        network="yolox_nano",
        skeleton="",
        input_size=(416, 416),
        decode="",
        file="yolox_nano_person.safetensors",
        onnx="yolox_nano_person.onnx",
        licence="Apache-2.0",
        note="version 1: people only, misses tiny and mostly hidden ones",
    ),
)
ZOO = {weights.name: weights for weights in _ALL}


def find_weights(name: str, task: str = "") -> Weights:
    """Return the entry called ``name``.

    Args:
        name: of the weights.
        task: what they must be for; "" for any.

    Raises:
        ValueError: there is none; the known names are given.
    """
    known = [weights.name for weights in _ALL if task in ("", weights.task)]
    if name not in known:
        kind = f"{task} model" if task else "model"
        raise ValueError(f"unknown {kind} {name!r}; known are {', '.join(known)}")
    return ZOO[name]


def weights_path(weights: Weights) -> Path:
    """Return where the file of ``weights`` lies."""
    return EMBEDDED / weights.file


def graph_path(weights: Weights) -> Path:
    """Return where the graph of ``weights`` lies.

    Raises:
        ValueError: they have none.
    """
    if not weights.onnx:
        raise ValueError(f"{weights.name} has no ONNX graph; use runtime 'torch'")
    return EMBEDDED / weights.onnx


def pick_file(weights: Weights, own_file: str, compute: Compute) -> tuple[str, Path]:
    """Return by which runtime a network runs, onnx or torch, and the file that it reads.

    Args:
        weights: the network's own.
        own_file: a file of the user's in their place, or "": a graph if it ends in .onnx.
        compute: with runtime "auto", graphs run where there is no GPU.

    Raises:
        ValueError: the runtime asked for cannot read the file that is there.
    """
    is_graph = Path(own_file).suffix == ".onnx"
    has_graph = is_graph if own_file else bool(weights.onnx)
    runtime = compute.runtime
    if runtime == "auto":
        runtime = "onnx" if has_graph and compute.device == "cpu" else "torch"
    if own_file and is_graph != (runtime == "onnx"):
        raise ValueError(
            f"{own_file}: runtime {runtime!r} on device {compute.device!r} cannot read it; graphs "
            "(.onnx) need runtime 'onnx' and device 'cpu', all other weights runtime 'torch'"
        )
    if own_file:
        return runtime, Path(own_file)
    return runtime, graph_path(weights) if runtime == "onnx" else weights_path(weights)
