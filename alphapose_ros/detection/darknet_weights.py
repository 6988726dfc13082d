"""Which network a file in Darknet's form is for; it has no names."""

from __future__ import annotations

from pathlib import Path

import torch

from alphapose_ros.architectures import Architecture
from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.darknet import DarknetError, count_numbers
from alphapose_ros.detection.networks import build_detection_network

DARKNET = "yolov3_spp"


def recognise_darknet(path: str | Path) -> Architecture:
    """Return what a file in Darknet's form is for, told by its length: each class adds to it.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it has another length than with any number of classes.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    one, two = (_count(classes) for classes in (1, 2))
    try:
        numbers = count_numbers(path)
    except DarknetError as error:
        raise CheckpointError(f"{path}: {error}") from error
    classes = 1 + (numbers - one) / (two - one)
    if classes < 1 or classes != int(classes):
        raise CheckpointError(
            f"{path}: holds {numbers:,.10g} numbers, which fits {DARKNET} for no number of classes "
            f"(80: {_count(80):,}); is it cut short?"
        )
    return Architecture("detection", DARKNET, int(classes))


def _count(classes: int) -> int:
    with torch.device("meta"):
        state = build_detection_network(DARKNET, classes).state_dict()
    return sum(
        tensor.numel() for name, tensor in state.items() if not name.endswith("batches_tracked")
    )
