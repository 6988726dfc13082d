"""Several packs of pictures as one stream of examples, at fixed ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alphapose_ros.training.datasets import PicturePack, held_out, spread
from alphapose_ros.training.detection_augmentation import Example
from alphapose_ros.training.mixing import check_ratios


class PictureSource:
    """A pack, its boxes found by picture.

    Args:
        pack: pictures and boxes, in any order.
        is_evaluation: whether all of it is held out, and not only some of its groups.
    """

    def __init__(self, pack: PicturePack, *, is_evaluation: bool = False) -> None:
        self.name = pack.name
        self._pack = pack
        self._order = np.argsort(pack.rows, kind="stable")
        self._bounds = np.searchsorted(pack.rows[self._order], np.arange(len(pack) + 1))
        is_held_out = held_out(pack.groups) | is_evaluation
        self.training, self.held_out = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)

    def example(self, row: int, *, is_square: bool = False) -> Example:
        """Return a picture, without its padding unless it is to stay square."""
        pack = self._pack
        boxes = self._order[self._bounds[row] : self._bounds[row + 1]]
        height, width = pack.pictures.shape[1:3] if is_square else pack.sizes[row]
        return Example(
            pack.pictures[row, :height, :width], pack.boxes[boxes], pack.is_ignored[boxes]
        )

    def held_out_examples(self, most: int) -> list[Example]:
        """Return at most ``most`` square pictures held out, evenly from first to last."""
        return [self.example(row, is_square=True) for row in spread(self.held_out, most)]


@dataclass(frozen=True, eq=False)
class PictureMixture:
    """Training pictures from several sources.

    Raises:
        ValueError: nothing to mix, a ratio is negative, or a source with a ratio has no pictures.
    """

    sources: Sequence[PictureSource]
    ratios: Sequence[float]  # how many from each; any scale; 0: only for figures

    def __post_init__(self) -> None:
        check_ratios(self.sources, self.ratios)

    def draw(self, rng: np.random.Generator) -> Example:
        """Return a random training picture without its padding."""
        bounds = np.cumsum(self.ratios)
        number = int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right"))
        source = self.sources[number]
        return source.example(rng.choice(source.training))
