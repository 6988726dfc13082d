"""Several packs as one stream of people, at fixed ratios, in the skeleton of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from alphapose_ros.skeletons import Skeleton
from alphapose_ros.training.datasets import CropPack, held_out


@dataclass(frozen=True, eq=False)
class Person:
    """One row of a pack, its labels in the network's skeleton."""

    crop: np.ndarray  # (h, w, 3) uint8 BGR
    keypoints: np.ndarray  # (K, 2) float32 x y [px of the crop]
    weights: np.ndarray  # (K,) float32, 0 for what the pack does not label
    absent: np.ndarray  # (K,) float32
    zoom: float  # how much more the crop shows than the network's


class TrainingRows(Protocol):
    """A source of any kind."""

    name: str
    training: np.ndarray  # (R,) rows that may be trained on


class Source:
    """A pack as the network's skeleton sees it.

    Args:
        pack: people in a skeleton of its own.
        target: the network's; keypoints are found by name, and those that the pack lacks get
            weight 0.
        weight: of all labels of this pack beside those of other packs.
    """

    def __init__(self, pack: CropPack, target: Skeleton, weight: float = 1.0) -> None:
        rows = pack.skeleton.rows_of(target)
        self._rows, self._is_there, self._weight = rows, rows >= 0, weight
        self.pack, self.name = pack, pack.name
        is_held_out = held_out(pack.groups)
        self.training = np.flatnonzero(~is_held_out)  # rows
        self.held_out = np.flatnonzero(is_held_out)

    def person(self, row: int) -> Person:
        """Return one row of the pack."""
        pack, rows, is_there = self.pack, self._rows, self._is_there
        return Person(
            crop=pack.crops[row],
            keypoints=pack.keypoints[row][rows],
            weights=pack.weights[row][rows] * (is_there * np.float32(self._weight)),
            absent=pack.absent[row][rows] * (is_there * np.float32(self._weight)),
            zoom=pack.zoom,
        )


class Mixture:
    """Training people from several sources.

    Args:
        sources: where they come from.
        ratios: how many from each; any scale.

    Raises:
        ValueError: nothing to mix, a ratio is negative, or a source with a ratio has no rows.
    """

    def __init__(self, sources: Sequence[Source], ratios: Sequence[float]) -> None:
        check_ratios(sources, ratios)
        self.sources = tuple(sources)
        self._bounds = np.cumsum(ratios) / np.sum(ratios)

    def draw(self, rng: np.random.Generator, count: int) -> list[Person]:
        """Return ``count`` people; the ratios hold within each batch, not only on average.

        The first ones come from the first source: shuffling would change nothing for a sum of
        losses.
        """
        places = (np.arange(count) + rng.random()) / count
        which = np.searchsorted(self._bounds, places, side="right")
        people = []
        for source in (self.sources[i] for i in np.minimum(which, len(self.sources) - 1)):
            people.append(source.person(source.training[rng.integers(len(source.training))]))
        return people


def check_ratios(sources: Sequence[TrainingRows], ratios: Sequence[float]) -> None:
    """Refuse what cannot be mixed.

    Raises:
        ValueError: there is not one ratio for each source, all are 0, one is negative, or a source
            with a ratio has nothing to train on.
    """
    if len(sources) != len(ratios) or min(ratios, default=0) < 0:
        raise ValueError(f"ratios {list(ratios)} for {len(sources)} data sets: need one each")
    if not sum(ratios) > 0:
        raise ValueError("no data set has a ratio above 0")
    for source, ratio in zip(sources, ratios, strict=True):
        if ratio > 0 and not len(source.training):
            raise ValueError(f"{source.name}: all of it is held out, nothing is left to train on")
