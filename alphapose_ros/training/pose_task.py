"""Training of pose networks: crops of people in, keypoints by heatmap and by integral out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.config import Section, setting
from alphapose_ros.pose import build_pose_network
from alphapose_ros.pose.torch_backend import normalised
from alphapose_ros.skeletons import Skeleton, skeleton
from alphapose_ros.training.augmentation import Augmentation, AugmentationConfig
from alphapose_ros.training.datasets import open_crops
from alphapose_ros.training.losses import CombinedLoss, score_loss
from alphapose_ros.training.mixing import Mixture, Source
from alphapose_ros.training.packing import find_pack, pack_crops
from alphapose_ros.training.pose_figures import Examples, examples_of, figures, predict
from alphapose_ros.training.settings import DataConfig, check_sections, data_sets, section_from
from alphapose_ros.training.sheets import pose_sheet

SHOWN = 12  # people of each pack on a sheet
STRIDE = 4  # pixels of a crop per pixel of a heatmap
OUTSIDE = 0.3  # part of the weight of a keypoint outside of the crop: "not to be seen here"


@dataclass(frozen=True)
class PoseTaskConfig(Section):
    """What network is trained, and on what sizes."""

    network: str = setting("fastpose_small", "Name in pose.POSE_NETWORKS")
    skeleton: str = setting("halpe_136", "What it predicts")
    initial: str = setting("", "Weights to begin with; random ones without")
    sizes: tuple = setting(((192, 128),), "Heights and widths of its input, taken in turn [px]")
    batch_sizes: tuple = setting((64,), "People in a batch of each size")


@dataclass(frozen=True)
class PoseLossConfig(Section):
    """How much what counts."""

    sigma: float = setting(1.5, "Of the Gaussian targets [heatmap px]", low=0.1, high=20.0)
    peak_weight: float = setting(
        2.0, "How much more a pixel counts at the peak than far away", low=0.0, high=1000.0
    )
    heatmap_weight: float = setting(1.0, "Of body and feet", low=0.0, high=1000.0)
    face_weight: float = setting(10.0, "Of the face's positions", low=0.0, high=1000.0)
    hand_weight: float = setting(10.0, "Of the hands' positions", low=0.0, high=1000.0)
    score_weight: float = setting(
        0.5, "Of the scores of face and hands, which positions do not teach", low=0.0, high=1000.0
    )
    score_distance: float = setting(
        0.05, "Error at which a score should be 1/e, in parts of the crop", low=1e-4, high=1.0
    )
    amplitude: float = setting(
        0.0, "A_grad of Eq. 3 [heatmap px]; 0 = the paper's, an eighth of the side", low=0, high=100
    )
    gradient: str = setting(
        "symmetric", "Of positions (Eq. 3 or Eq. 2)", choices=("symmetric", "asymmetric")
    )


class PoseBatch(NamedTuple):
    """N people as tensors."""

    crops: Tensor  # (N, h, w, 3) uint8 RGB
    keypoints: Tensor  # (N, K, 2) x y [px of the crop]
    weights: Tensor  # (N, K)
    absent: Tensor  # (N, K)


@dataclass
class PoseTask:
    """Batches, losses and figures of a pose network; a trainer.Task."""

    network: nn.Module
    skeleton: Skeleton
    config: PoseTaskConfig
    loss: PoseLossConfig
    augmentation: Augmentation
    mixture: Mixture
    seed: int
    rank: int = 0

    def __post_init__(self) -> None:
        groups = self.skeleton.groups
        integral = [name for name in groups if name not in ("body", "feet")]
        self._first_integral = groups[integral[0]][0] if integral else len(self.skeleton.names)
        self._combined = CombinedLoss(
            num_heatmap=self._first_integral,
            num_face=int(np.ptp(groups.get("face", (0, 0)))),
            sigma=self.loss.sigma,
            peak_weight=self.loss.peak_weight,
            heatmap_weight=self.loss.heatmap_weight,
            face_weight=self.loss.face_weight,
            hand_weight=self.loss.hand_weight,
            amplitude=self.loss.amplitude or None,
            gradient=self.loss.gradient,
        )

    def batch(self, step: int) -> PoseBatch:
        """Return the batch of one step, in the size whose turn it is."""
        rng = np.random.default_rng([self.seed, self.rank, step])
        turn = step % len(self.config.sizes)
        size, count = self.config.sizes[turn], self.config.batch_sizes[turn]
        people = self.mixture.draw(rng, count)
        crops = np.empty((count, *size, 3), np.uint8)
        keypoints = np.empty((count, len(self.skeleton.names), 2), np.float32)
        weights, absent = (np.empty(keypoints.shape[:2], np.float32) for _ in range(2))
        for i, person in enumerate(people):
            other = people[int(rng.integers(count))].crop
            crop, keypoints[i], order = self.augmentation(person, other, size, rng)
            crops[i] = crop[..., ::-1]
            weights[i], absent[i] = person.weights[order], person.absent[order]
        return PoseBatch(*map(torch.from_numpy, (crops, keypoints, weights, absent)))

    def inputs(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the normalised crops (N, 3, h, w)."""
        return normalised(batch[0])

    def losses(self, outputs: Tensor, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return "heatmap", "face", "hands" and "scores"."""
        batch = PoseBatch(*batch)
        heatmaps = outputs.to(torch.float32, memory_format=torch.contiguous_format)  # faster sums
        positions, weights = taught(batch)
        losses = self._combined(heatmaps, positions, weights)
        fine = slice(self._first_integral, None)
        losses["scores"] = self.loss.score_weight * score_loss(
            heatmaps[:, fine],
            positions[:, fine],
            weights[:, fine],
            self.loss.score_distance * heatmaps.shape[2],
        )
        return losses

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return figures on the people held out, for each pack and group of keypoints."""
        found: dict[str, float] = {}
        for examples in self._examples:
            keypoints = predict(network, examples.crops, self._first_integral)
            for name, value in figures(keypoints, examples, self.skeleton).items():
                found[f"{examples.name}/{name}"] = value
        return found

    def sheet(self, network: nn.Module) -> np.ndarray:
        """Return predictions on some of the people held out of each pack."""
        if not self._examples:
            return np.zeros((1, 1, 3), np.uint8)
        some = [examples.crops[:: -(-len(examples.crops) // SHOWN)] for examples in self._examples]
        crops = np.concatenate(some)
        keypoints = predict(network, crops, self._first_integral)
        return pose_sheet(crops, keypoints, self.skeleton)

    @cached_property
    def _examples(self) -> list[Examples]:
        """People held out, of each source that has any; cut when first used."""
        size = self.config.sizes[0]
        return [examples_of(s, size) for s in self.mixture.sources if len(s.held_out)]


def taught(batch: PoseBatch) -> tuple[Tensor, Tensor]:
    """Return what each keypoint is taught.

    A keypoint inside of the crop is taught its place. One that lies outside, or is marked absent,
    is taught to be nowhere, with a lower weight: a label may be wrong about it.

    Args:
        batch: people with keypoints in pixels of the crops.

    Returns:
        Positions (N, K, 2) [heatmap px], NaN for nowhere, and weights (N, K).
    """
    height, width = batch.crops.shape[1:3]
    x, y = batch.keypoints.unbind(-1)
    is_inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    is_known = batch.weights > 0
    is_there = is_known & is_inside
    positions = (batch.keypoints / STRIDE).masked_fill(~is_there[..., None], float("nan"))
    nowhere = torch.where(is_known, OUTSIDE * batch.weights, batch.absent)
    return positions, torch.where(is_there, batch.weights, nowhere)


SECTIONS = ("task", "run", "pose", "loss", "augmentation", "data")


def build_task(settings: Mapping[str, Any], data: Path, *, seed: int, rank: int = 0) -> PoseTask:
    """Return the task that a training file describes; packs are made where there are none.

    Args:
        settings: the file's tree.
        data: folder that the data sets' folders are relative to.
        seed: of the weights and batches.
        rank: of this process; batches differ between ranks.

    Raises:
        ValueError, FileNotFoundError: a setting or a data set is wrong or missing.
    """
    check_sections(settings, SECTIONS)
    config = section_from(settings.get("pose"), PoseTaskConfig(), "pose")
    layout = skeleton(config.skeleton)
    mixture = _mixture(settings.get("data"), data, layout)
    torch.manual_seed(seed)
    network = build_pose_network(config.network, config.skeleton)
    _prepare_last_layer(network)
    if config.initial:
        load_checkpoint(network, config.initial)
    _check_sizes(config, network)
    return PoseTask(
        network=network,
        skeleton=layout,
        config=config,
        loss=section_from(settings.get("loss"), PoseLossConfig(), "loss"),
        augmentation=Augmentation(
            section_from(settings.get("augmentation"), AugmentationConfig(), "augmentation"), layout
        ),
        mixture=mixture,
        seed=seed,
        rank=rank,
    )


@torch.inference_mode()
def _check_sizes(config: PoseTaskConfig, network: nn.Module) -> None:
    """Refuse sizes whose heatmaps would not cover the crop evenly: they decode to wrong places."""
    if len(config.sizes) != len(config.batch_sizes):
        raise ValueError(f"pose: {len(config.sizes)} sizes, {len(config.batch_sizes)} batch_sizes")
    for size in config.sizes:
        if np.shape(size) != (2,):
            raise ValueError(f"pose: sizes: {size!r} is no pair of height and width")
        found = tuple(network(torch.zeros(1, 3, *size)).shape[2:])
        if found != (size[0] / STRIDE, size[1] / STRIDE):
            raise ValueError(
                f"pose: sizes: {config.network} makes heatmaps of {found} from {size}, not of a "
                f"quarter of it; multiples of 32 fit all networks"
            )


@dataclass(frozen=True)
class PeopleConfig(DataConfig):
    """One data set of people."""

    weight: float = setting(1.0, "Of its labels beside others'", low=0.0, high=1e6)


def _mixture(rows: Any, root: Path, layout: Skeleton) -> Mixture:
    sources, ratios = [], []
    for config, folder in data_sets(rows, root, PeopleConfig()):
        pack = open_crops(find_pack(folder, pack_crops))
        sources.append(Source(pack, layout, config.weight))
        ratios.append(config.ratio)
    return Mixture(sources, ratios)


def _prepare_last_layer(network: nn.Module) -> None:
    """Begin with flat heatmaps near 0: the default's noise costs the first hundreds of steps."""
    last = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
