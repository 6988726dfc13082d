"""Training of the pose-guided re-ID network: pictures of people in, embeddings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.config import Section, setting
from alphapose_ros.reid import build_reid_network
from alphapose_ros.reid.embedder import HEATMAP_STRIDE
from alphapose_ros.reid.heatmaps import body_heatmaps
from alphapose_ros.reid.torch_backend import normalised
from alphapose_ros.training.datasets import spread
from alphapose_ros.training.packing import find_pack
from alphapose_ros.training.reid_augmentation import (
    ReidAugmentation,
    ReidAugmentationConfig,
    cut_region,
)
from alphapose_ros.training.reid_data import Identities, PeoplePack, open_people, pack_people
from alphapose_ros.training.reid_figures import reid_figures
from alphapose_ros.training.reid_losses import hardest_triplets, identity_loss, teacher_loss
from alphapose_ros.training.reid_network import ClassifiedReid, folded
from alphapose_ros.training.reid_teacher import find_views, targets
from alphapose_ros.training.settings import (
    DataConfig,
    check_sections,
    data_folder,
    data_sets,
    section_from,
)

EVALUATED = 2000  # people of each pack, at most
BATCH = 128  # people that are evaluated at once
SHOWN = 8  # people on a sheet


@dataclass(frozen=True)
class ReidTaskConfig(Section):
    """What network is trained, and on what batches."""

    network: str = setting("reid_small", "Name in reid.REID_NETWORKS that a pose guides")
    initial: str = setting("", "Weights to begin with; random ones without")
    size: tuple = setting((128, 64), "Height and width of its pictures [px]")
    people: int = setting(10, "Identities in a batch", low=2, high=10_000)
    each: int = setting(4, "Pictures of each identity in a batch", low=2, high=1000)
    others: int = setting(64, "People in a batch that only the teacher knows", low=0, high=10_000)
    teacher: str = setting(
        "", "ONNX graph of a re-ID network whose embeddings are targets; ${NAME} is filled in"
    )


@dataclass(frozen=True)
class ReidLossConfig(Section):
    """How much what counts."""

    identity_weight: float = setting(0.5, "Of the classifier's cross-entropy", low=0.0, high=1e3)
    scale: float = setting(16.0, "Of the classifier's cosines", low=0.1, high=1e3)
    smoothing: float = setting(0.1, "Of the classifier's targets", low=0.0, high=0.9)
    triplet_weight: float = setting(1.5, "Of the hardest triplets", low=0.0, high=1e3)
    margin: float = setting(0.3, "Cosine distance of the hardest triplets", low=0.0, high=2.0)
    teacher_weight: float = setting(6.0, "Of the distance to the teacher", low=0.0, high=1e3)


class ReidBatch(NamedTuple):
    """N people as tensors."""

    pictures: Tensor  # (N, h, w, 3) uint8 RGB
    heatmaps: Tensor  # (N, 12, h/4, w/4)
    identities: Tensor  # (N,) int64 among those trained on, -1 for none
    targets: Tensor  # (N, D) the teacher's; 0 without one


@dataclass
class ReidTask:
    """Batches, losses and figures of a re-ID network; a trainer.Task."""

    network: ClassifiedReid
    config: ReidTaskConfig
    loss: ReidLossConfig
    augmentation: ReidAugmentation
    packs: Sequence[PeoplePack]
    ratios: Sequence[float]  # of the packs among the others
    identities: Identities
    targets: Sequence[np.ndarray]  # (N, D) of each pack
    seed: int
    rank: int = 0

    def batch(self, step: int) -> ReidBatch:
        """Return the batch of one step: some pictures of each of some identities, and others."""
        rng = np.random.default_rng([self.seed, self.rank, step])
        rows, identities = self.identities.draw(rng, self.config.people, self.config.each)
        others = self._draw_others(rng)
        rows = np.concatenate((rows, others))
        identities = np.concatenate((identities, np.full(len(others), -1)))
        pictures = np.empty((len(rows), *self.config.size, 3), np.uint8)
        keypoints, regions = np.empty((len(rows), 12, 3)), np.empty((len(rows), 4))
        for i, (number, row) in enumerate(rows):
            pack = self.packs[number]
            pictures[i], keypoints[i], regions[i] = self.augmentation(
                pack.pictures[row], pack.boxes[row], pack.keypoints[row], self.config.size, rng
            )
        views = np.stack([self.targets[number][row] for number, row in rows])
        columns = (pictures, heatmaps_of(keypoints, regions, self.config.size), identities, views)
        return ReidBatch(*map(torch.from_numpy, columns))

    def _draw_others(self, rng: np.random.Generator) -> np.ndarray:
        """Draw packs and rows (N, 2) of people who are only looked at as the teacher does."""
        shares = np.array(self.ratios) / max(sum(self.ratios), 1e-9)
        count = self.config.others if self._has_others else 0
        packs = rng.choice(len(self.packs), count, p=shares) if count else []
        rows = [(pack, rng.choice(self._training_rows[pack])) for pack in packs]
        return np.array(rows, np.int64).reshape(-1, 2)

    @property
    def _has_others(self) -> bool:
        return bool(self.config.teacher) and sum(self.ratios) > 0

    @cached_property
    def _training_rows(self) -> list[np.ndarray]:
        return [np.flatnonzero(~pack.is_held_out) for pack in self.packs]

    def inputs(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return pictures and heatmaps as one tensor."""
        return folded(normalised(batch[0]), batch[1])

    def losses(
        self, outputs: tuple[Tensor, Tensor], batch: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """Return "identity", "triplet" and, with a teacher, "teacher"."""
        (embeddings, cosines), batch = outputs, ReidBatch(*batch)
        is_known = batch.identities >= 0
        known, loss = batch.identities[is_known], self.loss
        losses = {
            "identity": loss.identity_weight
            * identity_loss(cosines[is_known], known, loss.scale, loss.smoothing),
            "triplet": loss.triplet_weight
            * hardest_triplets(embeddings[is_known], known, loss.margin),
        }
        if self.config.teacher:
            losses["teacher"] = loss.teacher_weight * teacher_loss(embeddings, batch.targets)
        return losses

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return figures on the people held out of each pack."""
        found: dict[str, float] = {}
        known, identities = [], []
        for number, (pack, rows) in enumerate(zip(self.packs, self._held_out, strict=True)):
            if not len(rows):
                continue
            embeddings = embed(network.reid, pack, rows, self.config.size)
            if self.config.teacher:
                near = (embeddings * self.targets[number][rows]).sum(axis=1).mean()
                found[f"{pack.name.partition('.')[0]}/teacher"] = float(near)
            is_known = pack.identities[rows] >= 0
            known.append(embeddings[is_known])
            identities += [(number, identity) for identity in pack.identities[rows][is_known]]
        if identities:
            _, numbers = np.unique(identities, axis=0, return_inverse=True)
            found |= reid_figures(np.concatenate(known), numbers.reshape(-1))
        return found

    @cached_property
    def _held_out(self) -> list[np.ndarray]:
        return [spread(np.flatnonzero(pack.is_held_out), EVALUATED) for pack in self.packs]

    def sheet(self, network: nn.Module) -> np.ndarray:
        """Return some people held out, each beside the six who look most like it."""
        pack, rows = max(zip(self.packs, self._held_out, strict=True), key=lambda one: len(one[1]))
        if len(rows) < 7:
            return np.zeros((1, 1, 3), np.uint8)
        embeddings = embed(network.reid, pack, rows, self.config.size)
        some = spread(np.arange(len(rows)), SHOWN)
        order = np.argsort(-embeddings[some] @ embeddings.T, axis=1)[:, :7]
        lines = [np.hstack([pack.pictures[rows[i]] for i in line]) for line in order]
        return cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR)


def heatmaps_of(keypoints: np.ndarray, regions: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the heatmaps (N, 12, h/4, w/4) of keypoints (N, 12, 3) in regions (N, 4) of pictures.

    Regions of stored pictures are counted between centres of pixels, those of
    `reid.heatmaps.body_heatmaps` between their edges.
    """
    map_size = tuple(side // HEATMAP_STRIDE for side in size)
    return body_heatmaps(keypoints, regions + 0.5, map_size)


@torch.inference_mode()
def embed(reid: nn.Module, pack: PeoplePack, rows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return embeddings (R, D) of rows (R,) of a pack, their boxes taken as they are."""
    device = next(reid.parameters()).device
    found = []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        bounds = np.tile(pack.pictures.shape[2:0:-1], 2) - 0.5
        regions = np.clip(pack.boxes[part], -0.5, bounds)
        pictures = np.stack(
            [cut_region(pack.pictures[r], b, size) for r, b in zip(part, regions, strict=True)]
        )
        heatmaps = heatmaps_of(pack.keypoints[part], regions, size)
        inputs = (normalised(torch.from_numpy(pictures)), torch.from_numpy(heatmaps))
        found.append(reid(*(tensor.to(device) for tensor in inputs)).float().cpu().numpy())
    return np.concatenate(found)


SECTIONS = ("task", "run", "reid", "loss", "augmentation", "data")


def build_task(settings: Mapping[str, Any], data: Path, *, seed: int, rank: int = 0) -> ReidTask:
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
    config = section_from(settings.get("reid"), ReidTaskConfig(), "reid")
    sets = [
        (pack, ratio)
        for row, folder in data_sets(settings.get("data"), data, DataConfig())
        for pack, ratio in [(open_people(find_pack(folder, pack_people)), row.ratio)]
    ]
    packs, ratios = zip(*sets, strict=True)
    identities = Identities(packs)
    if len(identities) < 2:
        raise ValueError("data: no two identities with two pictures each (track_id) to train on")
    torch.manual_seed(seed)
    reid = build_reid_network(config.network).train()
    if config.initial:
        load_checkpoint(reid, config.initial)
    dimensions = reid.head.fc.out_features
    return ReidTask(
        network=ClassifiedReid(reid, dimensions, len(identities)),
        config=config,
        loss=section_from(settings.get("loss"), ReidLossConfig(), "loss"),
        augmentation=ReidAugmentation(
            section_from(settings.get("augmentation"), ReidAugmentationConfig(), "augmentation")
        ),
        packs=packs,
        ratios=ratios,
        identities=identities,
        targets=_targets(packs, config.teacher, dimensions),
        seed=seed,
        rank=rank,
    )


def _targets(packs: Sequence[PeoplePack], teacher: str, dimensions: int) -> list[np.ndarray]:
    """Return what the teacher says of each pack (N, D); zeros without a teacher."""
    if not teacher:
        return [np.zeros((len(pack), dimensions), np.float32) for pack in packs]
    folder = data_folder(str(Path(teacher).parent), Path())
    file = folder / Path(teacher).name
    if not file.is_file():
        raise FileNotFoundError(
            f"reid.teacher: {file} does not exist; see config/training/reid.yaml"
        )
    return targets([find_views(pack, file) for pack in packs], dimensions)
