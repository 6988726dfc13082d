"""The table of weights: what there is, what it is for, and in which file it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EMBEDDED = Path(__file__).parent / "models" / "weights"


@dataclass(frozen=True)
class Weights:
    """One set of weights."""

    name: str
    task: str  # pose
    network: str  # name in pose.POSE_NETWORKS
    skeleton: str
    input_size: tuple[int, int]  # height, width of the crop [px]
    file: str  # in models/weights
    licence: str
    note: str


_ALL = (
    Weights(
        name="fastpose_small_halpe_136",
        task="pose",
        network="fastpose_small",
        skeleton="halpe_136",
        input_size=(128, 96),
        file="fastpose_small_halpe_136.safetensors",
        licence="Apache-2.0",
        note="version 0, briefly trained: body usable, feet, face and hands poor",
    ),
)
ZOO = {weights.name: weights for weights in _ALL}


def find_weights(name: str) -> Weights:
    """Return the entry called ``name``.

    Raises:
        ValueError: there is none; the known names are given.
    """
    if name not in ZOO:
        raise ValueError(f"unknown model {name!r}; known are {', '.join(ZOO)}")
    return ZOO[name]


def weights_path(weights: Weights) -> Path:
    """Return where the file of ``weights`` lies."""
    return EMBEDDED / weights.file
