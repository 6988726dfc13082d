"""Where networks run: on which device, by which runtime, with how many threads."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

_INSTALL = "pip install torch safetensors"
NVIDIA = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg")  # card, Jetsons, WSL


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What the stages have to run their networks with."""

    device: str = "cpu"  # cpu, cuda or cuda:N
    runtime: str = "auto"  # auto, onnx or torch
    threads: int = 1  # of the processor


def pick_compute(device: str = "auto", runtime: str = "auto", threads: int = 0) -> Compute:
    """Return what there is of what the settings ask for.

    Raises:
        ValueError: there is no such device, the runtime does not run on it, or PyTorch is missing.
    """
    if runtime == "torch" and not has_torch():
        raise ValueError(f"runtime: 'torch' needs PyTorch; {_INSTALL}, or use 'auto' or 'onnx'")
    device = pick_device(device)
    if runtime == "onnx" and device != "cpu":
        raise ValueError(
            f"runtime: 'onnx' runs on the processor, not on {device!r}; use device 'cpu', or "
            "runtime 'auto' or 'torch'"
        )
    return Compute(device=device, runtime=runtime, threads=thread_count(threads))


def pick_device(name: str = "auto") -> str:
    """Return the device called ``name``; "auto" is the first GPU, or the processor without one.

    PyTorch is asked, and loaded, only where a GPU is wanted, or its driver and PyTorch are there.

    Raises:
        ValueError: there is no such device here.
    """
    if name == "cpu" or (name == "auto" and not (has_nvidia_driver() and has_torch())):
        return "cpu"
    if name != "auto" and not re.fullmatch(r"cuda(:\d+)?", name):
        raise ValueError(f"device: {name!r} is none of auto, cpu, cuda, cuda:N")
    if not has_torch():
        raise ValueError(f"device: {name!r} needs PyTorch; {_INSTALL}, or use 'auto' or 'cpu'")
    cuda = import_module("torch").cuda
    if name == "auto":
        return "cuda" if cuda.is_available() else "cpu"
    count = cuda.device_count()
    if int(name.partition(":")[2] or 0) >= count:
        raise ValueError(
            f"device: {name!r} is not there, {count} GPUs are visible to "
            "PyTorch; use 'auto' or 'cpu', or install a CUDA build of PyTorch"
        )
    return name


def has_torch() -> bool:
    """Tell whether PyTorch is installed, without loading it."""
    return find_spec("torch") is not None


def has_onnx_runtime() -> bool:
    """Tell whether ONNX Runtime is installed, without loading it."""
    return find_spec("onnxruntime") is not None


def has_nvidia_driver() -> bool:
    """Tell whether a driver for NVIDIA's GPUs is loaded, of whatever kind."""
    return any(Path(node).exists() for node in NVIDIA)


def thread_count(wanted: int = 0) -> int:
    """Return ``wanted``; for 0, all cores, or all but one where there are 2 to 4."""
    cores = os.cpu_count() or 1
    return wanted or (cores - 1 if 1 < cores <= 4 else cores)
