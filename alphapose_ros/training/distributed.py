"""Several processes that train one network, as torchrun starts them; or one, which is the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def rank() -> int:
    """Return the number of this process, 0 for the first one or the only one."""
    return int(os.environ.get("RANK", "0"))


def join(device: torch.device) -> torch.device:
    """Meet the other processes, if torchrun started any, and return the device of this one."""
    if "RANK" not in os.environ:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


@contextmanager
def first_process_first() -> Iterator[None]:
    """Let the first process go ahead, for work whose files the others then find."""
    if distributed.is_initialized() and rank() > 0:
        distributed.barrier()
    yield
    if distributed.is_initialized() and rank() == 0:
        distributed.barrier()


def shared(network: nn.Module, device: torch.device) -> nn.Module:
    """Return ``network`` so that gradients become the mean over all processes."""
    if not distributed.is_initialized():
        return network
    return DistributedDataParallel(network, [device] if device.type == "cuda" else None)


def is_true_anywhere(value: bool, device: torch.device) -> bool:
    """Agree on ``value``: a process that stops alone would leave the others waiting."""
    if not distributed.is_initialized():
        return value
    flag = torch.tensor(float(value), device=device)
    distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
    return bool(flag)


def leave() -> None:
    """Part from the other processes, after the last step."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
