"""A detector as a graph: on a processor without a GPU, and without loading PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.devices import Compute
from alphapose_ros.runtimes import Graph, GraphError
from alphapose_ros.zoo import Weights


@dataclass(frozen=True)
class OnnxBackend:
    """A square in, the boxes and scores of all cells out.

    Attributes:
        graph: ``image`` (1, s, s, 3) BGR uint8 -> ``boxes`` (A, 4) x1 y1 x2 y2 [px of the square]
            and ``scores`` (A,).
    """

    graph: Graph

    def __call__(self, square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (A, 4) and scores (A,)."""
        boxes, scores = self.graph(image=square[None])
        return boxes, scores


def build_onnx_backend(weights: Weights, file: Path, compute: Compute) -> tuple[OnnxBackend, int]:
    """Return the graph in ``file`` and the side of its square [px].

    Raises:
        FileNotFoundError: the file is missing.
        GraphError: it is no graph of a square image, boxes and scores.
    """
    graph = Graph(file, ("image",), ("boxes", "scores"), compute.threads)
    shape = graph.shape("image")
    side = shape[1] if len(shape) == 4 else None
    if side is None or shape != (1, side, side, 3):
        raise GraphError(
            f"{file}: takes an image of shape {shape}, expected (1, s, s, 3); "
            f"export {weights.name} again"
        )
    return OnnxBackend(graph), side
