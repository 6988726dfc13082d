"""AP as the area under precision over recall: PoseTrack's, where COCO's has 101 points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alphapose_ros.evaluation.statistics import Figure, Sample, Step, Weights


@dataclass(frozen=True, eq=False)
class KeypointRanking(Sample):
    """All that was found of one keypoint.

    Args:
        unit: (D,) which video it is in.
        score: (D,).
        is_true: (D,) lies right on the person that its pose was assigned to.
        positives: (U,) how many are labelled.
    """

    unit: np.ndarray
    score: np.ndarray
    is_true: np.ndarray
    positives: np.ndarray

    @property
    def units(self) -> int:
        """How many videos there are."""
        return len(self.positives)

    def area(self, weights: Weights = None) -> float:
        """Return the area under precision over recall, made falling from right to left.

        Of equal scores the later comes first. 0 where nothing was found; otherwise NaN where
        nothing is labelled.

        Source: PASCAL VOC's average precision since 2010; ties and empty cases as poseval's.
        """
        order = np.lexsort((np.arange(len(self.score)), self.score))[::-1]
        weights = np.ones(self.units) if weights is None else np.asarray(weights, float)
        each = weights[self.unit[order]]
        if not each.any():
            return 0.0
        total = float(weights @ self.positives)
        if total == 0:
            return float("nan")
        right, all_found = np.cumsum(each * self.is_true[order]), np.cumsum(each)
        precision = right / np.maximum(all_found, np.spacing(1))
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.diff(right, prepend=0) @ envelope / total)


@dataclass(frozen=True)
class PrecisionArea(Figure):
    """AP: the area under precision over recall; of several keypoints the mean of those known."""

    of: tuple[KeypointRanking, ...]

    def steps(self) -> Sequence[Step]:
        """Return the areas of all keypoints."""
        return [ranking.area for ranking in self.of]

    def reduced(self, results: Sequence[float]) -> float:
        """Return AP; NaN where nothing is labelled."""
        known = [area for area in results if not np.isnan(area)]
        return float(np.mean(known)) if known else float("nan")
