"""Weights from files into networks: strictly, by name, and without running foreign code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

SHOWN = 3  # names of keys in an error


class CheckpointError(ValueError):
    """A weights file cannot be read or does not fit its network."""


def load_checkpoint(module: nn.Module, path: str | Path) -> nn.Module:
    """Fill ``module`` with the weights in a file; every name and shape must fit.

    Args:
        module: the network; its own dtype and device stay.
        path: .safetensors, or .pth / .pt / .tar holding a state dict, bare or under
            ``state_dict`` or ``model``.

    Returns:
        ``module``.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, holds more than tensors, or does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights file {path} does not exist; `alphapose models` lists what is there"
        )
    state = _read(path)
    expected = module.state_dict()
    problems = _misfits(state, expected)
    if problems:
        raise CheckpointError(
            f"{path}: {len(problems)} of {len(expected)} keys do not fit "
            f"{type(module).__name__}: {'; '.join(problems[:SHOWN])}. Is this the file of another "
            "network or skeleton? See `alphapose models`."
        )
    module.load_state_dict(state)
    return module


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a readable weights file ({error}); fetch or export it again"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(f"{path}: holds no state dict of tensors")
    return state


def _misfits(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    missing = [f"{name} is missing" for name in expected if name not in state]
    strange = [f"{name} is not in the network" for name in state if name not in expected]
    shapes = [
        f"{name} is {tuple(state[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    return shapes + missing + strange
