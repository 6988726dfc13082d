"""Weights in Darknet's own form: numbers without names, in the order of the layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

# Files before version 0.2 count the pictures seen in 4 bytes, later ones in 8.
VERSION_BYTES, OLD_HEADER, HEADER = 12, 16, 20
NORM_ORDER = ("bias", "weight", "running_mean", "running_var")


class DarknetError(ValueError):
    """A Darknet file does not fit the network."""


def read_darknet(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in a .weights file.

    Args:
        path: of the file: a header, then float32 numbers: of each convolution its bias, or the
            bias, weight, mean and variance of the batch norm after it, then its weight.
        expected: state dict of the network, in the order of its layers, which are called
            ``....I.conv_I`` and ``....I.batch_norm_I``.

    Raises:
        DarknetError: the file has another length.
    """
    names = list(_order(expected))
    if not names:
        raise DarknetError("is in Darknet's form, which yolov3_spp alone is read from")
    count = sum(expected[name].numel() for name in names)
    numbers = count_numbers(path)
    if numbers != count:
        what = "is cut short" if numbers < count else "is of another network"
        raise DarknetError(
            f"holds {numbers:,.10g} numbers, where the network has {count:,}: it {what}"
        )
    values = torch.from_numpy(np.fromfile(path, "<f4", offset=_header_bytes(path)))
    parts = values.split([expected[name].numel() for name in names])
    state = {name: part.view(expected[name].shape) for name, part in zip(names, parts, strict=True)}
    state |= {
        name: torch.zeros_like(tensor, device="cpu")
        for name, tensor in expected.items()
        if name.endswith("num_batches_tracked")
    }
    return state


def write_darknet(path: Path, state: Mapping[str, Tensor], *, seen: int = 0) -> None:
    """Write a state dict as read_darknet() reads it.

    Args:
        path: of the file.
        state: tensors by name, see read_darknet().
        seen: how many pictures the network was trained on, for the header.
    """
    with path.open("wb") as file:
        file.write(np.array([0, 2, 0], "<i4").tobytes() + np.array([seen], "<i8").tobytes())
        for name in _order(state):
            file.write(state[name].detach().cpu().numpy().astype("<f4").tobytes())


def count_numbers(path: Path) -> float:
    """Return how many numbers follow the header; a part of one where the file is cut short.

    Raises:
        DarknetError: the file is shorter than a header.
    """
    size = path.stat().st_size - _header_bytes(path)
    if size < 0:
        raise DarknetError("is too short to be a Darknet file")
    return size / 4


def _header_bytes(path: Path) -> int:
    with path.open("rb") as file:
        start = file.read(VERSION_BYTES)
    if len(start) < VERSION_BYTES:
        raise DarknetError("is too short to be a Darknet file")
    major, minor, _ = np.frombuffer(start, "<i4").tolist()
    return HEADER if 10 * major + minor >= 2 else OLD_HEADER


def _order(state: Mapping[str, Tensor]) -> Iterator[str]:
    for name in state:
        layer, _, number = name.removesuffix(".weight").rpartition(".conv_")
        if not name.endswith(".weight") or not number.isdigit():
            continue
        norm, bias = f"{layer}.batch_norm_{number}.", f"{layer}.conv_{number}.bias"
        if bias in state:
            yield bias
        else:
            yield from (norm + part for part in NORM_ORDER)
        yield name
