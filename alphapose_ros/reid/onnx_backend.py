"""A re-identification network as a graph: on a processor, and without loading PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.devices import Compute
from alphapose_ros.reid import POSE_GUIDED
from alphapose_ros.runtimes import Graph, GraphError
from alphapose_ros.zoo import Weights


@dataclass(frozen=True)
class OnnxBackend:
    """Pictures in, embeddings out.

    Attributes:
        graph: ``crops`` (N, h, w, 3) RGB uint8, and for networks that a pose guides ``heatmaps``
            (N, 12, h/4, w/4) float32 -> ``embeddings`` (N, D); normalisation is in it.
        batch_size: most people in one run.
    """

    graph: Graph
    batch_size: int = 32

    def __call__(self, pictures: np.ndarray, heatmaps: np.ndarray | None = None) -> np.ndarray:
        """Return embeddings (N, D) float32, not of unit length.

        Args:
            pictures: (N, h, w, 3) RGB uint8; N > 0.
            heatmaps: (N, 12, h/4, w/4) float32, for networks that a pose guides.
        """
        inputs = {"crops": pictures}
        if heatmaps is not None:
            inputs["heatmaps"] = heatmaps
        found = []
        for start in range(0, len(pictures), self.batch_size):
            rows = slice(start, start + self.batch_size)
            found += self.graph(**{name: array[rows] for name, array in inputs.items()})
        return np.concatenate(found)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the pictures [px]."""
        return self.graph.shape("crops")[1:3]

    @property
    def dimensions(self) -> int:
        """Numbers of an embedding."""
        return self.graph.shape("embeddings")[1]


def build_onnx_backend(
    weights: Weights, file: Path, compute: Compute, batch_size: int
) -> OnnxBackend:
    """Return the graph in ``file``.

    Raises:
        FileNotFoundError: the file is missing.
        GraphError: it is no graph of pictures (and heatmaps) and embeddings.
    """
    inputs = ("crops", "heatmaps") if weights.network in POSE_GUIDED else ("crops",)
    graph = Graph(file, inputs, ("embeddings",), compute.threads)
    crops, embeddings = graph.shape("crops"), graph.shape("embeddings")
    if len(crops) != 4 or None in crops[1:3] or crops[3] != 3:
        raise GraphError(
            f"{file}: takes crops of shape {crops}, expected (N, h, w, 3); "
            f"export {weights.name} again"
        )
    if len(embeddings) != 2 or embeddings[1] is None:
        raise GraphError(
            f"{file}: gives embeddings of shape {embeddings}, expected (N, D); "
            f"export {weights.name} again"
        )
    return OnnxBackend(graph, batch_size)
