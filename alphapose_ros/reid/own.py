"""Weights of the user's own for `reid.model: auto`: the network is read from the file."""

from __future__ import annotations

from pathlib import Path

from alphapose_ros.checkpoints import recognise_file
from alphapose_ros.reid import POSE_GUIDED
from alphapose_ros.zoo import Weights, fitting

USUAL_SIZE, POSE_GUIDED_SIZE = (256, 128), (128, 64)  # height, width of pictures [px]


def own_weights(file: str) -> Weights:
    """Return what a file of weights is for.

    An entry of the zoo counts if it has the architecture and the name of the file.

    Raises:
        ValueError: none is given, it is a graph, or of a network for something else.
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or of no network that is known.
    """
    if not file:
        raise ValueError("reid.model 'auto' reads the network from a file: set reid.weights too")
    if file.endswith(".onnx"):
        raise ValueError(f"{file}: a graph does not say its network; set reid.model, not 'auto'")
    path = Path(file)
    found = recognise_file(path)
    if found.task != "reid":
        raise ValueError(f"{path}: is no network for re-identification but {found}")
    for entry in fitting(found):
        if entry.file == path.name:
            return entry
    return Weights(
        name=path.stem,
        task="reid",
        network=found.network,
        classes=found.outputs,
        input_size=POSE_GUIDED_SIZE if found.network in POSE_GUIDED else USUAL_SIZE,
        file=path.name,
        licence="unknown",
    )
