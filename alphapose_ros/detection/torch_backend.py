"""A detector in PyTorch: on a GPU, and for weights that have no graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alphapose_ros.checkpoints import load_network
from alphapose_ros.detection.letterbox import PREPROCESSING, USUAL, Preprocessing
from alphapose_ros.detection.networks import build_detection_network
from alphapose_ros.devices import Compute
from alphapose_ros.zoo import Weights


@dataclass(frozen=True)
class TorchBackend:
    """A square in, boxes and scores out; one transfer to the device and one back.

    Boxes are chosen here, not on a GPU: how many there are would have to be asked there, and the
    processor would wait for that twice.

    Attributes:
        network: as build_detection_network() returns it, on ``device``.
        device: where it runs.
        preprocessing: which colours it takes.
        person: which of its classes is a person.
        gives_objectness: whether objectness is returned too.
    """

    network: nn.Module
    device: torch.device
    preprocessing: Preprocessing = PREPROCESSING[USUAL]
    person: int = 0
    gives_objectness: bool = False

    @torch.inference_mode()
    def __call__(self, square: np.ndarray) -> tuple[np.ndarray, ...]:
        """Find people in a square (s, s, 3) BGR uint8.

        Returns:
            Boxes (N, 4) x1 y1 x2 y2 of all cells that see a person, scores (N,) and, if it is asked
            for, objectness (N,).
        """
        pixels = torch.from_numpy(square).to(self.device)
        rows = self.network(as_planes(pixels, self.preprocessing))[0]
        columns = people(rows, self.person).cpu().numpy()
        columns = columns[columns[:, 4] > 0]
        boxes, scores, objectness = columns[:, :4], columns[:, 4], columns[:, 5]
        return (boxes, scores, objectness) if self.gives_objectness else (boxes, scores)


def as_planes(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Turn a square (s, s, 3) BGR uint8 into a network's input (1, 3, s, s) float32."""
    planes = pixels.permute(2, 0, 1)[None]
    if preprocessing.is_rgb:
        planes = planes.flip(1)
    return planes.float() / preprocessing.divisor


def people(rows: Tensor, person: int) -> Tensor:
    """Turn what a network says of all classes into what it says of people.

    Only boxes that look more like a person than like anything else score, as in the reference:
    what is a horse first and a person second would else be a second person on the horse.

    Args:
        rows: (A, 5 + classes), as build_detection_network() describes them.
        person: number of the class.

    Returns:
        (A, 6): x1 y1 x2 y2, objectness times class (0 where another class is likelier), objectness.
    """
    centres, halves, objectness, classes = rows.split((2, 2, 1, rows.shape[1] - 5), dim=1)
    halves = halves / 2
    chance = classes[:, person : person + 1]
    is_person = chance >= classes.amax(dim=1, keepdim=True)
    score = objectness * chance * is_person
    return torch.cat((centres - halves, centres + halves, score, objectness), dim=1)


def build_torch_backend(weights: Weights, file: Path, compute: Compute) -> tuple[TorchBackend, int]:
    """Return the network of ``weights``, filled from ``file``, and the side of its square [px].

    Raises:
        FileNotFoundError: the file is missing.
        CheckpointError: it does not fit the network.
    """
    torch.set_num_threads(compute.threads)
    device = torch.device(compute.device)
    network = load_network(lambda: build_detection_network(weights.network, weights.classes), file)
    preprocessing = PREPROCESSING[weights.preprocess or USUAL]
    backend = TorchBackend(network.to(device), device, preprocessing, weights.person)
    return backend, weights.input_size[0]
