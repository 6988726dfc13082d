"""Which weights a detector's settings mean, and by which runtime they run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import resolve_name

from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection.networks import DETECTION_NETWORKS
from alphapose_ros.devices import Compute, has_torch
from alphapose_ros.zoo import ZOO, Weights, find_weights, fitting, pick_file

NETWORK_DETECTORS = ("yolox", "yolov3")
AUTO = "auto"  # in place of a model's name: the network that the file is for
CELL = 32  # [px]: squares are whole numbers of the coarsest grid's cells
RECOGNISE_FILE = "alphapose_ros.checkpoints:recognise_file"
RECOGNISE_DARKNET = (
    "alphapose_ros.detection.darknet_weights:recognise_darknet"  # by address: it loads PyTorch
)


@dataclass(frozen=True)
class Choice:
    """What a detector runs.

    Attributes:
        weights: the network's entry in the table, with the size of square that is asked for.
        runtime: onnx or torch.
        file: the weights or the graph.
    """

    weights: Weights
    runtime: str
    file: Path


def choose(config: DetectorConfig, compute: Compute) -> Choice:
    """Return the weights that ``config`` means, for a detector with a network.

    Args:
        config: of detector "yolox" or "yolov3".
        compute: with runtime "auto", PyTorch runs what no graph can: another size of square, and
            objectness for score.

    Raises:
        ValueError: there is no such model, it is another detector's, or no runtime that is here
            does what the settings ask for.
        FileNotFoundError: a file is missing.
        CheckpointError: the network shall be read from a file that is not readable.
    """
    if config.input_size % CELL:
        raise ValueError(
            f"detector.input_size: {config.input_size} is no multiple of {CELL}; use e.g. 416, 640"
        )
    if config.input_size or config.score == "objectness":
        compute = _in_pytorch(config, compute)
    weights = _recognised(config) if config.model == AUTO else _named(config)
    runtime, file = pick_file(weights, config.weights, compute)
    if runtime == "torch" and not has_torch():
        raise ValueError(
            f"{weights.name} needs PyTorch; pip install torch safetensors, or use the default of "
            "detector.model"
        )
    if config.input_size:
        weights = replace(weights, input_size=(config.input_size, config.input_size))
    return Choice(weights, runtime, file)


def networks_of(detector: str) -> tuple[str, ...]:
    """Return the networks of a detector, "yolox" or "yolov3", by name."""
    return tuple(name for name in DETECTION_NETWORKS if name.startswith(detector))


def _named(config: DetectorConfig) -> Weights:
    weights = find_weights(config.model, "detection")
    networks = networks_of(config.name)
    if weights.network not in networks:
        fit = [entry.name for entry in ZOO.values() if entry.network in networks]
        raise ValueError(
            f"detector.model: {config.model!r} is none of detector {config.name!r}; those are "
            f"{', '.join(fit)}"
        )
    return weights


def _recognised(config: DetectorConfig) -> Weights:
    """Return the entry for the network in a file; the file says how many classes it has."""
    if not config.weights or config.weights.endswith(".onnx"):
        raise ValueError(
            f"detector.model: {AUTO!r} reads the network from detector.weights, which must name "
            f"weights for PyTorch, not {config.weights!r}; else name the model"
        )
    is_darknet = config.weights.endswith(".weights")
    found = resolve_name(RECOGNISE_DARKNET if is_darknet else RECOGNISE_FILE)(config.weights)
    if found.network not in networks_of(config.name):
        owners = [name for name in NETWORK_DETECTORS if found.network in networks_of(name)]
        advice = f"set detector.name to {owners[0]}" if owners else "it finds no people"
        raise ValueError(f"{config.weights}: holds {found}; {advice}")
    same = fitting(found) or [e for e in ZOO.values() if e.network == found.network]
    same = sorted(same, key=lambda entry: not entry.preprocess)  # ours is not as others' are
    # Of other classes than those in the table, the first is taken for a person.
    return replace(same[0], classes=found.outputs, person=min(same[0].person, found.outputs - 1))


def _in_pytorch(config: DetectorConfig, compute: Compute) -> Compute:
    if compute.runtime == "onnx" or config.weights.endswith(".onnx"):
        raise ValueError(
            "detector.input_size and detector.score 'objectness' need a network in PyTorch; use "
            "runtime 'auto' or 'torch' and detector.weights that are no .onnx, or leave both as "
            "they are by default"
        )
    return replace(compute, runtime="torch")
