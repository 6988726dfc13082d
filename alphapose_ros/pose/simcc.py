"""RTMPose and RTMW as graphs: one row of scores for x and one for y in place of heatmaps.

Their crops are cut as all others are: mmpose enlarges a box by 1.25 and grows it to the aspect of
the crop, maps its centre to the crop's and scales by the width, with no half-pixel shift, which is
what pose.crop does. Only the normalisation is another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.devices import Compute
from alphapose_ros.pose.crop import from_crops, keypoints_by_crops
from alphapose_ros.runtimes import Graph, GraphError
from alphapose_ros.skeletons import skeleton
from alphapose_ros.zoo import Weights

MEAN_RGB = np.array((123.675, 116.28, 103.53), np.float32)  # ImageNet's, of pixels in 0 .. 255
STD_RGB = np.array((58.395, 57.12, 57.375), np.float32)
OUTPUTS = ("simcc_x", "simcc_y")


@dataclass(frozen=True)
class SimccBackend:
    """Image and boxes in, keypoints out.

    Attributes:
        graph: ``input`` (N, 3, h, w) float32, normalised RGB -> ``simcc_x`` (N, K, r w) and
            ``simcc_y`` (N, K, r h), scores of the places along each axis, r of them to a pixel.
        batch_size: most crops in one run; graphs for a fixed number of crops run by that.
    """

    graph: Graph
    batch_size: int = 32

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return keypoints (N, K, 3) for boxes (N, 4), N > 0, in an image (H, W, 3) BGR."""
        return keypoints_by_crops(image, boxes, self.input_size, self.batch_size, self.on_crops)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the crops [px]."""
        return self.graph.shape("input")[2:]

    def on_crops(self, crops: np.ndarray, regions: np.ndarray) -> np.ndarray:
        """Return keypoints of crops, which may be of several images.

        Args:
            crops: (N, h, w, 3) RGB uint8, from crop_people(); N > 0.
            regions: (N, 4) what they show [px of their image].

        Returns:
            (N, K, 3) float32: x y [px of the image], score; NaN NaN 0 where there is none.
        """
        inputs = normalised(crops)
        step = self.graph.shape("input")[0] or len(inputs)
        if missing := -len(inputs) % step:
            inputs = np.pad(inputs, ((0, missing), (0, 0), (0, 0), (0, 0)))
        runs = [
            self.graph(input=inputs[start : start + step]) for start in range(0, len(inputs), step)
        ]
        simcc_x, simcc_y = (
            np.concatenate(parts)[: len(crops)] for parts in zip(*runs, strict=True)
        )
        return from_crops(decode(simcc_x, simcc_y, self.input_size), regions, self.input_size)


def normalised(crops: np.ndarray) -> np.ndarray:
    """Turn crops (N, h, w, 3) RGB uint8 into the graph's input (N, 3, h, w) float32."""
    return np.ascontiguousarray(((crops - MEAN_RGB) / STD_RGB).transpose(0, 3, 1, 2))


def decode(simcc_x: np.ndarray, simcc_y: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """Find the keypoints: along each axis, the place of the highest score.

    A keypoint is as sure as the less sure of its axes: its score is the smaller of both maxima.
    These are no probabilities and may be above 1, where they are cut off, or not above 0, which
    says that there is no such keypoint.

    Args:
        simcc_x: (N, K, r w) scores of the columns; r, the places to a pixel, is usually 2.
        simcc_y: (N, K, r h) scores of the rows.
        input_size: height h and width w of the crops [px].

    Returns:
        (N, K, 3) float32: x y [px of the crop], score in [0, 1]; NaN NaN 0 where there is none.

    Source: Jiang et al., "RTMPose", 2023, and mmpose, where keypoints without a score lie at -1.
        rtmlib takes the mean of both maxima in place of the smaller one.
    """
    height, width = input_size
    scores = np.minimum(simcc_x.max(axis=2), simcc_y.max(axis=2))
    x = simcc_x.argmax(axis=2) * (width / simcc_x.shape[2])
    y = simcc_y.argmax(axis=2) * (height / simcc_y.shape[2])
    keypoints = np.stack((x, y, np.clip(scores, 0, 1)), axis=-1).astype(np.float32)
    keypoints[~(scores > 0)] = [np.nan, np.nan, 0]
    return keypoints


def build_simcc_backend(
    weights: Weights, file: Path, compute: Compute, batch_size: int
) -> SimccBackend:
    """Return the graph in ``file``, which must be for the skeleton of ``weights``.

    Raises:
        FileNotFoundError: the file is missing.
        GraphError: it is no graph with SimCC outputs for crops of a fixed size, or is for another
            skeleton.
    """
    graph = Graph(file, ("input",), OUTPUTS, compute.threads)
    taken = graph.shape("input")
    if len(taken) != 4 or taken[1] != 3 or None in taken[2:]:
        raise GraphError(f"{file}: takes input of shape {taken}, expected (N, 3, h, w)")
    expected = len(skeleton(weights.skeleton).names)
    for name in OUTPUTS:
        given = graph.shape(name)
        if len(given) != 3 or given[1] not in (None, expected):
            raise GraphError(
                f"{file}: gives {name} of shape {given}, expected (N, {expected}, places), as "
                f"{weights.skeleton} has {expected} keypoints; is this the graph of another model?"
            )
    return SimccBackend(graph, batch_size)
