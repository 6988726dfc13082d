"""A pose network that looks at crops of several pictures at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.config import Config
from alphapose_ros.devices import pick_compute
from alphapose_ros.frame import Detections
from alphapose_ros.pose import build_backend, find_model
from alphapose_ros.pose.crop import crop_boxes, crop_people
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.skeletons import skeleton as find_skeleton

Run = Callable[[np.ndarray, np.ndarray], np.ndarray]  # crops, regions -> keypoints (N, K, 3)


@dataclass(frozen=True)
class CropNetwork:
    """A network that takes crops as crop_people() makes them, and the regions they show."""

    run: Run
    skeleton: Skeleton
    input_size: tuple[int, int]  # height, width of the crops [px]
    batch_size: int
    file: Path  # of its weights
    decode: str
    flip: bool = False  # whether it looks at mirrored crops too


def build_crop_network(
    config: Config, *, batch_size: int | None = None, decode: str | None = None, flip: bool = False
) -> CropNetwork:
    """Return the pose network that ``config`` names, with its weights loaded.

    Args:
        config: model, weights, device and runtime; with runtime "auto", PyTorch runs what needs
            heatmaps: another decoding, and the flip test.
        batch_size: crops in one run; None for that of ``config``.
        decode: name in pose.heatmap.DECODERS; None for that of ``config``.
        flip: look at mirrored crops too, also where ``config`` does not say so.

    Raises:
        ValueError: there is no such model, or a graph is asked for heatmaps.
        FileNotFoundError: the file of the weights is missing.
        CheckpointError, GraphError: it does not fit.
    """
    compute = pick_compute(config.device, config.runtime, config.threads)
    decode, flip = decode or config.pose.decode, flip or config.pose.flip
    backend, file = build_backend(config.pose, compute, decode=decode, flip=flip)
    weights = find_model(config.pose)
    return CropNetwork(
        run=backend.on_crops,
        skeleton=find_skeleton(weights.skeleton),
        input_size=backend.input_size,
        batch_size=batch_size or config.pose.batch_size,
        file=file,
        decode=decode or weights.decode,
        flip=flip,
    )


class CropQueue:
    """Crops on their way through the network, and the pictures that wait for them, in order.

    Every run has the same number of crops; at the end, black ones stand in for those that are not
    there. The kernels of a runtime depend on that number: a crop's result then does not depend on
    which others came along, to the bit.
    """

    def __init__(self, network: CropNetwork) -> None:
        self._network = network
        self._crops: deque[tuple[np.ndarray, np.ndarray]] = deque()  # crop, region
        self._keypoints: deque[np.ndarray] = deque()
        self._pictures: deque[tuple[int, int]] = deque()  # name of a picture, number of people

    def add(self, picture: int, image: np.ndarray | None, people: Detections) -> None:
        """Put in a picture (H, W, 3) BGR; None will do where there is nobody."""
        self._pictures.append((picture, len(people)))
        if len(people):
            regions = crop_boxes(people.boxes, self._network.input_size)
            crops = crop_people(image, regions, self._network.input_size)
            self._crops.extend(zip(crops, regions, strict=True))

    def results(self, *, is_end: bool = False) -> list[tuple[int, np.ndarray]]:
        """Run the network on all full batches, at the end on the rest too.

        Returns:
            The pictures that are through with the keypoints (N, K, 3) of their people.
        """
        while len(self._crops) >= self._network.batch_size or (is_end and self._crops):
            self._run()
        done = []
        while self._pictures and self._pictures[0][1] <= len(self._keypoints):
            picture, count = self._pictures.popleft()
            found = [self._keypoints.popleft() for _ in range(count)]
            shape = (count, len(self._network.skeleton.names), 3)
            done.append((picture, np.reshape(found, shape)))
        return done

    def _run(self) -> None:
        size = self._network.batch_size
        crops = np.zeros((size, *self._network.input_size, 3), np.uint8)
        regions = np.zeros((size, 4), np.float32)
        count = min(size, len(self._crops))
        for row in range(count):
            crops[row], regions[row] = self._crops.popleft()
        self._keypoints.extend(self._network.run(crops, regions)[:count])
