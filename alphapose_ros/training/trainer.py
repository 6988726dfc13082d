"""The loop that trains any network: it knows steps and checkpoints, and nothing of the task."""

from __future__ import annotations

import copy
import logging
import math
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.devices import pick_device, thread_count
from alphapose_ros.training.distributed import is_true_anywhere, join, rank, shared
from alphapose_ros.training.logs import Log
from alphapose_ros.training.settings import RunConfig

try:
    from torch.amp import GradScaler
except ImportError:  # before PyTorch 2.3
    from torch.cuda.amp import GradScaler

Batch = tuple[Tensor, ...]
CHECKPOINT = "last.pt"  # all that a run is, to be resumed
WEIGHTS = "ema.safetensors"  # the averaged weights, to be used

logger = logging.getLogger(__name__)


class Task(Protocol):
    """What is trained: a network, its batches and its losses."""

    network: nn.Module

    def batch(self, step: int) -> Batch:
        """Return one batch on the CPU; the same for the same step, always."""

    def inputs(self, batch: Batch) -> Tensor:
        """Return what the network takes, from a batch that is on the network's device."""

    def losses(self, outputs: Any, batch: Batch) -> dict[str, Tensor]:
        """Return named scalars, whose sum is made small; the same names at every step."""

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return figures on data that is never trained on, within seconds."""

    def sheet(self, network: nn.Module) -> np.ndarray:
        """Return a picture of predictions, (H, W, 3) uint8 BGR."""


@dataclass
class State:
    """All that a run is: saved whole, and resumed to the bit."""

    network: nn.Module
    average: nn.Module  # moving average of the weights: the result
    optimizer: torch.optim.Optimizer
    scaler: GradScaler
    step: int = 0  # steps done
    settings: dict[str, Any] = field(default_factory=dict)  # the whole training file


def train(task: Task, run: RunConfig, folder: Path, *, resume: bool, settings: dict) -> State:
    """Train until the last step, a signal, or the time is over.

    Ctrl-C and SIGTERM end the run after the current step, with a checkpoint. Under torchrun every
    process trains on batches of its own, and the first one writes the files.

    Args:
        task: what to train.
        run: how.
        folder: gets last.pt, ema.safetensors, log.csv, metrics.csv and sheets/.
        resume: go on from last.pt in ``folder``, where there is one.
        settings: the whole training file, kept in the checkpoint.

    Returns:
        The state after the last step done.

    Raises:
        FileExistsError: ``folder`` holds a run and ``resume`` is False.
        CheckpointError: the run in ``folder`` is of another network, or damaged.
        ValueError: a loss is no longer a number, or the device lacks the precision.
    """
    device, is_first = set_up(run), rank() == 0
    state = start(task.network, run, device, settings)
    if (folder / CHECKPOINT).exists():
        if not resume:
            raise FileExistsError(f"{folder} holds a run: add --resume, or choose another folder")
        load(state, folder / CHECKPOINT)
    network = shared(state.network, device)
    bar = tqdm(total=run.steps, initial=state.step, unit="step", disable=not is_first)
    began = saved = time.monotonic()
    with bar, Log(folder, state.step, is_first, run.tensorboard) as log, _stopping() as stop:
        for batch in batches(task, run, state.step, device):
            log.losses(
                state.step + 1,
                learning_rate(run, state.step),
                train_step(task, network, state, run, batch),
            )
            bar.update()
            now = time.monotonic()
            is_late = 0 < run.stop_after_minutes * 60 <= now - began
            is_over = is_true_anywhere(stop.is_asked or is_late, device)
            is_last = is_over or state.step == run.steps
            if is_last or state.step % run.log_steps == 0:
                bar.set_postfix_str(log.write())
            if is_first and (is_last or now - saved >= run.checkpoint_minutes * 60):
                log.check()
                save(state, folder)
                saved = now
            is_due = state.step % run.evaluate_steps == 0 or state.step == run.steps
            if is_first and is_due and not stop.is_asked:
                bar.write(evaluate(task, state, log))
            if is_over:
                break
    return state


def train_step(
    task: Task, network: nn.Module, state: State, run: RunConfig, batch: Batch
) -> dict[str, Tensor]:
    """Do one step of the optimiser.

    Args:
        task: gives inputs and losses.
        network: ``state.network``, or what shares its gradients between processes.
        state: is changed.
        run: how.
        batch: on the network's device.

    Returns:
        The losses before the step.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(run, state.step)
    inputs = task.inputs(batch)
    if inputs.dim() == 4:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    network.train()
    with autocast(run, inputs.device):
        outputs = network(inputs)
    losses = task.losses(outputs, batch)
    state.optimizer.zero_grad(set_to_none=True)
    state.scaler.scale(sum(losses.values())).backward()
    state.scaler.unscale_(state.optimizer)
    if run.clip_norm:
        nn.utils.clip_grad_norm_(state.network.parameters(), run.clip_norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.step += 1
    update_average(state.average, state.network, average_decay(run, state.step))
    return {name: loss.detach() for name, loss in losses.items()}


def learning_rate(run: RunConfig, step: int) -> float:
    """Return the rate of step ``step``, the first being 0."""
    rate = run.learning_rate * min(1.0, (step + 1) / max(1, run.warmup_steps))
    done = step / run.steps
    if run.schedule == "cosine" and done > run.hold:
        rate *= 0.5 + 0.5 * math.cos(math.pi * (done - run.hold) / (1 - run.hold))
    if run.schedule == "step":
        rate *= 0.1 ** sum(done >= drop for drop in run.drops)
    return rate


def average_decay(run: RunConfig, step: int) -> float:
    """Return how much of the average stays: little at first, when the weights are still random."""
    return min(run.ema_decay, step / (step + 30))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the weights, and the statistics of batch norms with them."""
    for mean, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(new, 1 - decay)
        else:
            mean.copy_(new)


def set_up(run: RunConfig) -> torch.device:
    """Set threads, meet the other processes if there are any, and return the device.

    Raises:
        ValueError: there is no such device, or it lacks the precision.
    """
    cv2.setNumThreads(1)
    torch.set_num_threads(thread_count(run.threads))
    device = join(torch.device(pick_device(run.device)))
    if run.precision == "float16" and device.type != "cuda":
        raise ValueError(f"run.precision: float16 needs a GPU; on {device} use bfloat16")
    torch.backends.cudnn.benchmark = device.type == "cuda"
    return device


def start(network: nn.Module, run: RunConfig, device: torch.device, settings: dict) -> State:
    """Return the state before the first step."""
    network = network.to(device, memory_format=torch.channels_last).train()
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() <= 1]
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[run.optimizer]
    optimizer = kind(
        [
            {"params": matrices, "weight_decay": run.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=run.learning_rate,
    )
    scaler = GradScaler(enabled=run.precision == "float16")
    return State(network, copy.deepcopy(network).eval(), optimizer, scaler, settings=settings)


def save(state: State, folder: Path) -> None:
    """Write the checkpoint and the weights for use; a crash meanwhile leaves the older ones."""
    whole = {
        "network": state.network.state_dict(),
        "ema": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "step": state.step,
        "random": torch.get_rng_state(),
        "settings": state.settings,
    }
    new = folder / f"{CHECKPOINT}.new"
    torch.save(whole, new)
    new.replace(folder / CHECKPOINT)
    weights = {name: value.cpu().contiguous() for name, value in whole["ema"].items()}
    new = folder / f"{WEIGHTS}.new"
    new.write_bytes(to_safetensors(weights))  # unlike its save_file: readable as files usually are
    new.replace(folder / WEIGHTS)


def load(state: State, path: Path) -> None:
    """Fill ``state`` from a checkpoint.

    Raises:
        CheckpointError: it is damaged, or of another network or optimiser.
    """
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({error}); choose another folder"
        ) from None
    try:
        state.network.load_state_dict(whole["network"])
        state.average.load_state_dict(whole["ema"])
        state.optimizer.load_state_dict(whole["optimizer"])
        state.scaler.load_state_dict(whole["scaler"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is a run of another network or optimiser; choose another folder ({error})"
        ) from None
    state.step = whole["step"]
    torch.set_rng_state(whole["random"])
    changed = [
        name for name, value in state.settings.items() if whole["settings"].get(name) != value
    ]
    if changed:
        logger.warning("%s was made with other settings of: %s", path, ", ".join(changed))


def evaluate(task: Task, state: State, log: Log) -> str:
    """Measure the averaged weights and draw a sheet; returns a line to print."""
    with torch.no_grad():
        metrics = task.evaluate(state.average.eval())
        sheet = task.sheet(state.average)
    log.metrics(state.step, metrics)
    log.sheet(state.step, sheet)
    return f"step {state.step}: " + "  ".join(f"{k} {v:.3f}" for k, v in metrics.items())


class _Steps(Dataset):
    """Batches by step, for a DataLoader: item i is the batch of step ``first`` + i."""

    def __init__(self, task: Task, first: int, stop: int) -> None:
        self._task, self._first, self._count = task, first, max(0, stop - first)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, item: int) -> Batch:
        return self._task.batch(self._first + item)


def batches(task: Task, run: RunConfig, first: int, device: torch.device) -> Iterator[Batch]:
    """Yield the batches from step ``first`` on, on ``device``; ``run.workers`` make them."""
    is_cuda = device.type == "cuda"
    loader = DataLoader(
        _Steps(task, first, run.steps),
        batch_size=None,  # an item is a whole batch
        num_workers=run.workers,
        multiprocessing_context="fork" if run.workers else None,  # they share the mapped packs
        pin_memory=is_cuda,
        collate_fn=tuple,
        worker_init_fn=_set_up_worker,
        prefetch_factor=4 if run.workers else None,
    )
    for batch in loader:
        yield tuple(part.to(device, non_blocking=is_cuda) for part in batch)


def _set_up_worker(_: int) -> None:
    cv2.setNumThreads(1)  # the processes are the parallelism
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the loop, which ends them
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def autocast(run: RunConfig, device: torch.device) -> Any:
    """Return the context in which the network computes in ``run.precision``."""
    if run.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, run.precision))


@dataclass
class _Stop:
    is_asked: bool = False


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Turn Ctrl-C and SIGTERM into a wish to stop, heard between two steps."""
    stop = _Stop()

    def ask(*_: Any) -> None:
        stop.is_asked = True

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
