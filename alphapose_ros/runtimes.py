"""Networks without PyTorch: graphs in ONNX form, run on the processor by ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Read once, by the import: from 1.29 on ONNX Runtime else tells its makers of every network.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures
except (ImportError, AttributeError, OSError, SystemError) as error:  # of a broken one, any
    raise ValueError(
        f"the networks need ONNX Runtime, which cannot be loaded ({error}): pip install "
        "onnxruntime, or use runtime 'torch'"
    ) from error

UNREADABLE = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
)


class GraphError(ValueError):
    """A graph file cannot be read, or is made for something else."""


class Graph:
    """A network in a file: arrays in, arrays out.

    Args:
        path: the .onnx file.
        inputs: names of what goes in.
        outputs: names of what is wanted back, in this order.
        threads: of the processor, at most, while it runs.

    Raises:
        FileNotFoundError: there is no such file.
        GraphError: it is damaged, or has other inputs and outputs.
    """

    def __init__(
        self, path: str | Path, inputs: Sequence[str], outputs: Sequence[str], threads: int = 1
    ) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(f"graph {path} does not exist; see `alphapose models list`")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), session_options(threads), providers=["CPUExecutionProvider"]
            )
        except UNREADABLE as error:
            raise GraphError(
                f"{path}: not a readable ONNX graph ({error}); fetch or export it again"
            ) from None
        self.path = Path(path)
        self._outputs = list(outputs)
        self._shapes = {
            end.name: tuple(size if isinstance(size, int) else None for size in end.shape)
            for end in (*self._session.get_inputs(), *self._session.get_outputs())
        }
        self._check(set(inputs))

    def _check(self, inputs: set[str]) -> None:
        there = {end.name for end in self._session.get_inputs()}
        if there != inputs or not {*self._outputs} <= {*self._shapes}:
            raise GraphError(
                f"{self.path}: goes from {', '.join(sorted(there))} to "
                f"{', '.join(sorted({*self._shapes} - there))}, expected from "
                f"{', '.join(sorted(inputs))} to {', '.join(self._outputs)}; export it with "
                "`alphapose models export NAME FILE`"
            )

    def shape(self, name: str) -> tuple[int | None, ...]:
        """Return the shape of an input or output; None where the graph takes any length."""
        return self._shapes[name]

    def __call__(self, **inputs: np.ndarray) -> list[np.ndarray]:
        """Run once: arrays by name in, the wanted outputs back."""
        return self._session.run(self._outputs, inputs)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return options for a node that shares the processor with others.

    Threads that wait do not spin: they would take the processor from the next stage, and from
    other programs of the robot.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors; they are raised besides
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
