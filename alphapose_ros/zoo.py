"""The weights that there are, by name, and the files in which they lie."""

from __future__ import annotations

import logging
import os
from difflib import get_close_matches
from pathlib import Path

from alphapose_ros.architectures import Architecture
from alphapose_ros.devices import Compute, has_onnx_runtime, has_torch
from alphapose_ros.skeletons import skeleton
from alphapose_ros.zoo_table import OURS, WEIGHTS, Weights

EMBEDDED = Path(__file__).parent / "models" / "weights"
log = logging.getLogger(__name__)
ZOO = {weights.name: weights for weights in WEIGHTS}


def find_weights(name: str, task: str = "") -> Weights:
    """Return the entry called ``name``.

    Args:
        name: of the weights.
        task: what they must be for; "" for any.

    Raises:
        ValueError: there is none; names like it are given.
    """
    known = [weights.name for weights in ZOO.values() if task in ("", weights.task)]
    if name not in known:
        kind = f"{task} model" if task else "model"
        alike = get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"do you mean {' or '.join(alike)}? " if alike else ""
        raise ValueError(f"unknown {kind} {name!r}; {hint}`alphapose models list` has them all")
    return ZOO[name]


def fitting(architecture: Architecture) -> tuple[Weights, ...]:
    """Return the entries for an architecture: those of its network, sizes and outputs."""
    return tuple(
        weights
        for weights in ZOO.values()
        if weights.task == architecture.task
        and weights.network == architecture.network
        and dict(weights.options) == dict(architecture.options)
        and _outputs(weights) == architecture.outputs
    )


def _outputs(weights: Weights) -> int:
    return len(skeleton(weights.skeleton).names) if weights.skeleton else weights.classes


def is_embedded(weights: Weights) -> bool:
    """Return whether ``weights`` come with the package."""
    return weights.name in {ours.name for ours in OURS}


def cache_folder() -> Path:
    """Return the folder of the weights that do not come with the package, there or not.

    ``ALPHAPOSE_ROS_CACHE``, else ``XDG_CACHE_HOME``/alphapose_ros, else ~/.cache/alphapose_ros.
    """
    if own := os.environ.get("ALPHAPOSE_ROS_CACHE"):
        return Path(own).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "alphapose_ros"


def weights_path(weights: Weights) -> Path:
    """Return where the file of ``weights`` lies, or will lie.

    Raises:
        ValueError: they are a graph only.
    """
    if not weights.file:
        raise ValueError(
            f"{weights.name} is an ONNX graph only; use runtime 'onnx' and device 'cpu'"
        )
    return _folder(weights) / weights.file


def graph_path(weights: Weights) -> Path:
    """Return where the graph of ``weights`` lies, or will lie.

    Raises:
        ValueError: they have none.
    """
    if not weights.onnx:
        raise ValueError(f"{weights.name} has no ONNX graph; use runtime 'torch'")
    return _folder(weights) / weights.onnx


def main_path(weights: Weights) -> Path:
    """Return where that of ``weights`` lies, or will lie, which is fetched: file or graph."""
    return weights_path(weights) if weights.file else graph_path(weights)


def _folder(weights: Weights) -> Path:
    return EMBEDDED if is_embedded(weights) else cache_folder()


def how_to_get(weights: Weights) -> str:
    """Return in a sentence how one comes by the file of ``weights``."""
    if weights.url:
        return f"fetch it by `alphapose models download {weights.name}`"
    if weights.location:
        return (
            f"no command can fetch it: get that of {weights.official} by hand from "
            f"{weights.location} and save it under this name"
        )
    if is_embedded(weights):
        return "it belongs to the package: install that again"
    return "nobody has published it: train your own (docs/training.md) and put it there"


def require_file(weights: Weights, runtime: str = "") -> Path:
    """Return the file of ``weights``, which must be there. Nothing is fetched.

    Args:
        weights: an entry of the table.
        runtime: which will read it: "onnx", "torch", or "" for the file that is fetched.

    Raises:
        FileNotFoundError: it is not there; the message says how to get it.
        ValueError: there is none for this runtime.
    """
    paths = {"onnx": graph_path, "torch": weights_path, "": main_path}
    path = paths[runtime](weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"{weights.name} lacks its file {path.name} in {path.parent}; {how_to_get(weights)}"
        )
    return path


def pick_file(weights: Weights, own_file: str, compute: Compute) -> tuple[str, Path]:
    """Return by which runtime a network runs, onnx or torch, and the file that it reads.

    Args:
        weights: the network's own.
        own_file: a file of the user's in their place, or "": a graph if it ends in .onnx.
        compute: with runtime "auto", graphs run where there is no GPU; without ONNX Runtime what
            can runs in PyTorch, which is told.

    Raises:
        ValueError: the runtime asked for cannot read the file that is there.
        FileNotFoundError: the network's own file is not there; the message says how to get it.
    """
    is_graph = Path(own_file).suffix == ".onnx"
    has_graph = is_graph if own_file else bool(weights.onnx)
    runtime = compute.runtime
    if runtime == "auto":
        runtime = "onnx" if has_graph and compute.device == "cpu" else "torch"
        has_other = not own_file and bool(weights.file) and has_torch()
        if runtime == "onnx" and has_other and not has_onnx_runtime():
            log.warning("ONNX Runtime is missing: PyTorch runs %s, slower", weights.name)
            runtime = "torch"
    if own_file and is_graph != (runtime == "onnx"):
        raise ValueError(
            f"{own_file}: runtime {runtime!r} on device {compute.device!r} cannot read it; graphs "
            "(.onnx) need runtime 'onnx' and device 'cpu', all other weights runtime 'torch'"
        )
    if own_file:
        return runtime, Path(own_file)
    return runtime, require_file(weights, runtime)
