"""Weights from files into networks: strictly, by name, and without running foreign code."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from alphapose_ros.architectures import Architecture, recognise
from alphapose_ros.darknet import DarknetError, read_darknet
from alphapose_ros.zoo import fitting

SHOWN = 3  # names of keys in an error
WRAPPERS = ("state_dict", "model")  # under which trainers put the weights among other things
PARALLEL = "module."  # before every name, when saved from a network spread over several devices
FETCH = "fetch or export it again"
TORCH = tuple(map(int, torch.__version__.split(".")[:2]))  # 2.6.0a0 of NVIDIA counts as 2.6
READS_NUMBERS = TORCH >= (2, 6)  # of NumPy
CODE = ("GLOBAL", "nsupported class", "reduce")  # in what PyTorch says where it refuses functions
ADVICE = "weights_only"  # in PyTorch's advice to trust a file, which is not for us to give


class CheckpointError(ValueError):
    """A weights file cannot be read or does not fit its network."""


def load_checkpoint(module: nn.Module, path: str | Path) -> nn.Module:
    """Fill ``module`` with the weights in a file; every name and shape must fit.

    Args:
        module: the network; its own dtype and device stay. One on the meta device takes over the
            memory into which the file is read, so that the weights are never there twice; it is
            then on the processor.
        path: .safetensors, Darknet's .weights, or .pth / .pt / .tar holding a state dict, bare or
            under ``state_dict`` or ``model``.

    Returns:
        ``module``.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, holds more than tensors, or does not fit.
    """
    path = Path(path)
    expected = module.state_dict()
    state = _read(path, expected)
    problems = _misfits(state, expected)
    if problems:
        raise CheckpointError(
            f"{path}: {len(problems)} of {len(expected)} keys do not fit "
            f"{type(module).__name__}: {'; '.join(problems[:SHOWN])}. {_advice(state)}"
        )
    is_empty = any(tensor.is_meta for tensor in expected.values())
    if is_empty:
        state = {name: tensor.to(expected[name].dtype) for name, tensor in state.items()}
    module.load_state_dict(state, assign=is_empty)
    return module


def load_network(build: Callable[[], nn.Module], path: str | Path) -> nn.Module:
    """Build a network and fill it from a file, holding its weights once.

    Args:
        build: makes the network, on whatever device is the default.
        path: as for load_checkpoint().

    Returns:
        The network on the processor, in eval mode.

    Raises:
        FileNotFoundError, CheckpointError: as load_checkpoint().
    """
    with torch.device("meta"):
        network = build()
    return load_checkpoint(network, path).eval()


def read_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a file by name, without reading their values.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, holds more than tensors, or has no names (Darknet's).
    """
    path = _existing(path)
    if path.suffix == ".weights":
        raise CheckpointError(f"{path}: Darknet's form has no names, and is for yolov3_spp alone")
    if path.suffix == ".safetensors":
        with _safetensors(path) as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118, no dict
    return {name: tuple(tensor.shape) for name, tensor in _unpickled(path, "meta").items()}


def recognise_file(path: str | Path) -> Architecture:
    """Return which network the weights in a file are for.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: as read_shapes(), or it is of no network that is known.
    """
    shapes = read_shapes(path)
    try:
        return recognise(shapes)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _read(path: Path, expected: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    _existing(path)
    if path.suffix == ".weights":
        try:
            return read_darknet(path, expected)
        except DarknetError as error:
            raise CheckpointError(f"{path}: {error}; {FETCH}") from error
    if path.suffix == ".safetensors":
        # What safetensors returns is the file itself, mapped: a copy survives its replacement.
        with _safetensors(path) as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    return _unpickled(path, "cpu")


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights file {path} does not exist; `alphapose models` lists what there is"
        )
    return path


def _safetensors(path: Path) -> safe_open:
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a readable weights file ({error}); {FETCH}") from error


def _unpickled(path: Path, device: str) -> dict[str, Tensor]:
    try:
        with _plain_numbers():
            state = torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        lines = str(error).splitlines()
        if wish := next((line for line in lines if any(sign in line for sign in CODE)), ""):
            raise CheckpointError(
                f"{path}: refused, as it wants to run code when it is read ({wish.strip(' .')}); "
                f"ask for a file of tensors alone, best as .safetensors{_newer(wish)}"
            ) from None
        reason = next((line for line in lines if ADVICE not in line), "no file of torch.save")
        raise CheckpointError(f"{path}: not a readable weights file ({reason}); {FETCH}") from error
    for wrapper in WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    is_state = isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    )
    if not is_state or not state:
        raise CheckpointError(f"{path}: holds no state dict of tensors")
    if all(name.startswith(PARALLEL) for name in state):
        return {name.removeprefix(PARALLEL): tensor for name, tensor in state.items()}
    return dict(state)


def _plain_numbers() -> AbstractContextManager:
    """Let NumPy's scalars be read, such as the accuracies that trainers note beside the weights.

    Before PyTorch 2.6 files that hold some are refused.
    """
    if not READS_NUMBERS:
        return nullcontext()
    scalar = np.float64(0).__reduce__()[0]
    names = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    dtypes = {type(np.dtype(kind)) for kind in ("f4", "f8", "i8")}
    return torch.serialization.safe_globals([*names, np.dtype, *dtypes])


def _newer(wish: str) -> str:
    return "" if READS_NUMBERS or "numpy" not in wish else "; PyTorch 2.6 reads NumPy's numbers"


def _misfits(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    missing = [f"{name} is missing" for name in expected if name not in state]
    strange = [f"{name} is not in the network" for name in state if name not in expected]
    shapes = [
        f"{name} is {tuple(state[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    return shapes + missing + strange


def _advice(state: Mapping[str, Tensor]) -> str:
    """Say what the file is for, instead."""
    try:
        found = recognise({name: tuple(tensor.shape) for name, tensor in state.items()})
    except ValueError:
        return "Is this the file of another network or skeleton? See `alphapose models`."
    names = [weights.name for weights in fitting(found)]
    models = f", as of {' or '.join(names)}" if names else ""
    return f"The file is that of {found}{models}."
