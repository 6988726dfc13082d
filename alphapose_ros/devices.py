"""Where networks run, and how much of the processor they may take."""

from __future__ import annotations

import os

import torch


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``; "auto" is the first GPU, or the processor without one.

    Raises:
        ValueError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device: {name!r} is none of auto, cpu, cuda, cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device: {name!r} is not there, {torch.cuda.device_count()} GPUs are visible to "
            "PyTorch; use 'auto' or 'cpu', or install a CUDA build of PyTorch"
        )
    return device


def limit_threads(count: int) -> int:
    """Let networks use ``count`` processor threads; 0 leaves one of up to 4 cores to others.

    Returns:
        The number set.
    """
    cores = os.cpu_count() or 1
    count = count or (cores - 1 if 1 < cores <= 4 else cores)
    torch.set_num_threads(count)
    return count
