"""Training of a detector of people: pictures in, boxes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.config import Section, setting
from alphapose_ros.detection.yolox import yolox
from alphapose_ros.training.datasets import open_pictures
from alphapose_ros.training.detection_augmentation import (
    DetectionAugmentation,
    DetectionAugmentationConfig,
)
from alphapose_ros.training.detection_figures import detect, detection_sheet, figures
from alphapose_ros.training.detection_losses import DetectionLoss, People
from alphapose_ros.training.detection_mixing import PictureMixture, PictureSource
from alphapose_ros.training.detection_teacher import Teacher, open_teacher, teacher_loss
from alphapose_ros.training.packing import find_pack, pack_pictures
from alphapose_ros.training.settings import (
    DataConfig,
    RunConfig,
    check_sections,
    data_sets,
    section_from,
)


@dataclass(frozen=True)
class DetectionTaskConfig(Section):
    """What network is trained, and on what sizes."""

    network: str = setting("yolox_nano", "Name in detection.yolox.SIZES")
    initial: str = setting("", "Weights to begin with; random ones without")
    sizes: tuple = setting((256,), "Sides of its input, taken in turn, multiples of 32 [px]")
    batch_sizes: tuple = setting((16,), "Pictures in a batch of each size")
    teacher: str = setting("", "Weights of a trained detector to learn from besides; none without")
    teacher_network: str = setting("yolox_nano", "Its size")
    teacher_classes: int = setting(80, "Classes that it knows, people first", low=1, high=10_000)
    teacher_weight: float = setting(1.0, "Of its loss beside the labels'", low=0.0, high=1000.0)
    plain_after: float = setting(
        0.9, "Part of all steps after which there are no mosaics", low=0.0, high=1.0
    )
    l1_weight: float = setting(1.0, "Of the exact numbers, from then on", low=0.0, high=1000.0)
    evaluated: int = setting(
        100, "Most pictures of a data set that figures are from", low=1, high=10**6
    )
    evaluated_person_px: float = setting(
        48.0, "Lower people do not count in figures", low=0.0, high=1000.0
    )


class DetectionBatch(NamedTuple):
    """Pictures and their people as tensors."""

    pictures: Tensor  # (B, s, s, 3) uint8 BGR
    boxes: Tensor  # (T, 4) x1 y1 x2 y2 [px]
    rows: Tensor  # (T,) int64: picture of each box
    is_ignored: Tensor  # (T,) bool
    is_plain: Tensor  # () bool: one of the last steps


@dataclass
class DetectionTask:
    """Batches, losses and figures of a detector; a trainer.Task."""

    network: nn.Module
    config: DetectionTaskConfig
    augmentation: DetectionAugmentation
    mixture: PictureMixture
    last_mosaic: int  # step
    seed: int
    rank: int = 0
    teacher: Teacher | None = None

    def __post_init__(self) -> None:
        self._loss = DetectionLoss()
        most = self.config.evaluated
        self._examples = {
            source.name: source.held_out_examples(most) for source in self.mixture.sources
        }

    def batch(self, step: int) -> DetectionBatch:
        """Return the batch of one step, in the size whose turn it is."""
        rng = np.random.default_rng([self.seed, self.rank, step])
        turn = step % len(self.config.sizes)
        size, count = self.config.sizes[turn], self.config.batch_sizes[turn]
        is_plain = step >= self.last_mosaic
        shown = []
        for _ in range(count):
            is_mosaic = not is_plain and rng.random() < self.augmentation.config.mosaic
            examples = tuple(self.mixture.draw(rng) for _ in range(4 if is_mosaic else 1))
            shown.append(self.augmentation.mosaic(examples, size, rng))
        rows = np.repeat(np.arange(count), [len(example.boxes) for example in shown])
        return DetectionBatch(
            torch.from_numpy(np.stack([example.picture for example in shown])),
            torch.from_numpy(np.concatenate([example.boxes for example in shown])),
            torch.from_numpy(rows),
            torch.from_numpy(np.concatenate([example.is_ignored for example in shown])),
            torch.tensor(is_plain),
        )

    def inputs(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the pictures (B, 3, s, s) float32 BGR in 0..255."""
        return batch[0].permute(0, 3, 1, 2).float()

    def losses(self, outputs: Tensor, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return "boxes", "objects", "classes", "l1", which is 0 at first, perhaps "teacher"."""
        batch = DetectionBatch(*batch)
        people = People(batch.boxes, batch.rows, batch.is_ignored)
        l1_weight = self.config.l1_weight if batch.is_plain else 0.0
        size = tuple(batch.pictures.shape[1:3])
        predictions = outputs.float()
        losses = self._loss(predictions, people, size, l1_weight=l1_weight)
        if self.teacher is not None:
            loss = teacher_loss(predictions, self.teacher(self.inputs(batch)), size)
            losses["teacher"] = self.config.teacher_weight * loss
        return losses

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return figures on the pictures held out of each data set."""
        results: dict[str, float] = {}
        for name, examples in self._examples.items():
            if examples:
                found = detect(network, [example.picture for example in examples])
                measured = figures(found, examples, self.config.evaluated_person_px)
                results |= {f"{name}/{figure}": value for figure, value in measured.items()}
        return results

    def sheet(self, network: nn.Module) -> np.ndarray:
        """Return predictions on some of the pictures held out of each data set."""
        examples = [example for group in self._examples.values() for example in group[:6]]
        if not examples:
            return np.zeros((1, 1, 3), np.uint8)
        return detection_sheet(detect(network, [e.picture for e in examples]), examples)


SECTIONS = ("task", "run", "detection", "augmentation", "data")


def build_task(
    settings: Mapping[str, Any], data: Path, *, seed: int, rank: int = 0
) -> DetectionTask:
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
    config = section_from(settings.get("detection"), DetectionTaskConfig(), "detection")
    if len(config.sizes) != len(config.batch_sizes):
        raise ValueError(
            f"detection: {len(config.sizes)} sizes for {len(config.batch_sizes)} batch_sizes"
        )
    if any(size % 32 or size <= 0 for size in config.sizes):
        raise ValueError(f"detection.sizes: {config.sizes} are not all multiples of 32")
    mixture = _mixture(settings.get("data"), data)
    torch.manual_seed(seed)
    network = yolox(config.network)
    if config.initial:
        load_checkpoint(network, config.initial)
    augmentation = section_from(
        settings.get("augmentation"), DetectionAugmentationConfig(), "augmentation"
    )
    teacher = None
    if config.teacher:
        teacher = open_teacher(config.teacher, config.teacher_network, config.teacher_classes)
    steps = section_from(settings.get("run"), RunConfig(), "run").steps
    return DetectionTask(
        network=network,
        config=config,
        augmentation=DetectionAugmentation(augmentation),
        mixture=mixture,
        last_mosaic=int(config.plain_after * steps),
        seed=seed,
        rank=rank,
        teacher=teacher,
    )


def _mixture(rows: Any, root: Path) -> PictureMixture:
    sources, ratios = [], []
    for config, folder in data_sets(rows, root, DataConfig()):
        pack = open_pictures(find_pack(folder, pack_pictures))
        sources.append(PictureSource(pack, is_evaluation=config.ratio == 0))
        ratios.append(config.ratio)
    return PictureMixture(sources, ratios)
