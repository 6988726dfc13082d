"""A pose network as a graph: on a processor without a GPU, and without loading PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.devices import Compute
from alphapose_ros.pose.crop import from_crops, keypoints_by_crops
from alphapose_ros.runtimes import Graph, GraphError
from alphapose_ros.skeletons import skeleton
from alphapose_ros.zoo import Weights


@dataclass(frozen=True)
class OnnxBackend:
    """Image and boxes in, keypoints out.

    Attributes:
        graph: ``crops`` (N, h, w, 3) RGB uint8 -> ``keypoints`` (N, K, 3) x y [px of the crop],
            score; normalisation and decoding are in it.
    """

    graph: Graph
    batch_size: int = 32

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return keypoints (N, K, 3) for boxes (N, 4), N > 0, in an image (H, W, 3) BGR."""
        return keypoints_by_crops(image, boxes, self.input_size, self.batch_size, self.on_crops)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the crops [px]."""
        return self.graph.shape("crops")[1:3]

    def on_crops(self, crops: np.ndarray, regions: np.ndarray) -> np.ndarray:
        """Return keypoints of crops, which may be of several images, in one run of the graph.

        Args:
            crops: (N, h, w, 3) RGB uint8, from crop_people(); N > 0.
            regions: (N, 4) what they show [px of their image].

        Returns:
            (N, K, 3) float32: x y [px of the image], score.
        """
        (keypoints,) = self.graph(crops=crops)
        return from_crops(keypoints, regions, self.input_size)


def build_onnx_backend(
    weights: Weights, file: Path, compute: Compute, batch_size: int
) -> OnnxBackend:
    """Return the graph in ``file``, which must be for the skeleton of ``weights``.

    Raises:
        FileNotFoundError: the file is missing.
        GraphError: it is no graph of crops and keypoints, or is for another skeleton.
    """
    graph = Graph(file, ("crops",), ("keypoints",), compute.threads)
    crops = graph.shape("crops")
    if len(crops) != 4 or None in crops[1:3] or crops[3] != 3:
        raise GraphError(
            f"{file}: takes crops of shape {crops}, expected (N, h, w, 3); "
            f"export {weights.name} again"
        )
    found, expected = graph.shape("keypoints")[1], len(skeleton(weights.skeleton).names)
    if found != expected:
        raise GraphError(
            f"{file}: gives {found} keypoints, but {weights.skeleton} has {expected}; is this the "
            "graph of another model?"
        )
    return OnnxBackend(graph, batch_size)
