"""What a training leaves to be read: CSV, TensorBoard, sheets of predictions."""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
import torch
from torch import Tensor

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:  # tensorboard is an option, not among the requirements
    SummaryWriter = None


class Log:
    """Rows of log.csv (losses) and metrics.csv (figures by name), and the same for TensorBoard.

    Args:
        folder: where the files lie.
        step: rows after it are dropped: of a run that was killed, and whose steps come again.
        is_active: False for all processes but the first, which write nothing.
        tensorboard: whether to write its events, too.

    Raises:
        ValueError: TensorBoard is wanted but not installed.
    """

    def __init__(self, folder: Path, step: int, is_active: bool, tensorboard: bool) -> None:
        if tensorboard and SummaryWriter is None:
            raise ValueError("run.tensorboard: TensorBoard is missing; pip install tensorboard")
        self._folder, self._is_active = folder, is_active
        self._sums: dict[str, Tensor] = {}
        self._count, self._step, self._rate = 0, step, 0.0
        self._since = time.monotonic()
        self._events = None
        if is_active:
            (folder / "sheets").mkdir(parents=True, exist_ok=True)
            for name in ("log.csv", "metrics.csv"):
                _drop_after(folder / name, step)
            if tensorboard:
                self._events = SummaryWriter(str(folder), purge_step=step + 1)

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._events:
            self._events.close()

    def losses(self, step: int, rate: float, losses: dict[str, Tensor]) -> None:
        """Note the losses of a step; nothing waits for the device."""
        for name, loss in losses.items():
            self._sums[name] = self._sums[name] + loss if name in self._sums else loss.clone()
        self._count, self._step, self._rate = self._count + 1, step, rate

    def check(self) -> None:
        """Refuse losses that are no numbers, before the weights of such a step are saved.

        Raises:
            ValueError: there was one since the last row.
        """
        for name, total in self._sums.items():
            if not math.isfinite(total.item()):
                raise ValueError(
                    f"loss {name!r} is {total.item()} at step {self._step}: lower "
                    f"run.learning_rate or run.clip_norm; {self._folder} holds the last good state"
                )

    def write(self) -> str:
        """Write the mean losses since the last row; returns them as a line.

        Raises:
            ValueError: one is no number.
        """
        self.check()
        names = list(self._sums)
        means = (torch.stack(list(self._sums.values())) / self._count).tolist()
        row = dict(zip(names, means, strict=True))
        elapsed_s = time.monotonic() - self._since
        more = {"learning_rate": self._rate, "steps_per_s": self._count / elapsed_s}
        self._sums, self._count, self._since = {}, 0, time.monotonic()
        values = {**row, **more}
        self._add("log.csv", ["step", *values], [[self._step, *map(_short, values.values())]])
        self._add_events(values)
        return "  ".join(f"{name} {value:.3g}" for name, value in row.items())

    def metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Write the figures of an evaluation."""
        self._step = step
        rows = [[step, name, _short(value)] for name, value in metrics.items()]
        self._add("metrics.csv", ["step", "name", "value"], rows)
        self._add_events(metrics)

    def sheet(self, step: int, image: np.ndarray) -> None:
        """Write a sheet (H, W, 3) BGR as sheets/<step>.jpg."""
        cv2.imwrite(str(self._folder / "sheets" / f"{step:08d}.jpg"), image)

    def _add(self, file: str, head: list[str], rows: list[list[object]]) -> None:
        if not self._is_active:
            return
        with (self._folder / file).open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows if stream.tell() else [head, *rows])

    def _add_events(self, values: dict[str, float]) -> None:
        if self._events:
            for name, value in values.items():
                self._events.add_scalar(name, value, self._step)


def _short(value: float) -> str:
    return f"{value:.6g}"


def _drop_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as stream:
        head, *rows = list(csv.reader(stream)) or [[]]
    kept = [head, *(row for row in rows if int(row[0]) <= step)] if head and step else []
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(kept)
