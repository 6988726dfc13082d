"""The least that pose NMS must do: one pose of copies of a person, two of two people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alphapose_ros.boxes import from_xywh
from alphapose_ros.config import SuppressionConfig
from alphapose_ros.evaluation.records import Truth
from alphapose_ros.frame import Poses
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.suppression import pose_nms

COPIES = 5
SEEDS = 32
CROWDS = (1, 5, 20)
PER_ROW, SPACING = 5, (0.8, 0.5)  # of a crowd; from one to the next in widths and heights
LEAST_RIGHT = {0.01: 1.0, 0.03: 1.0, 0.06: 0.95}  # by spread of keypoints in parts of the height
LEAST_PAIRS = 0.85  # two people can be as good as one, from where one stands
PARTNERS = 4  # of each person, one at a time
APART = 0.25  # of the width: boxes overlap by an IoU of 0.6
MOST_PEOPLE = 20  # that crowds are made of
MOST_SLENDER = 0.3  # width / height of who is nearly all in the picture


@dataclass(frozen=True, eq=False)
class CopiesRule:
    """Tells whether pose NMS makes one of jittered copies, and leaves different people alone.

    Crowds of true poses, each ``COPIES`` times with normal errors, must come out as they are, and
    so must nearly all pairs of different people whose boxes overlap by an IoU of 0.6. Average
    precision alone would not see to either where a data set has few crowds. All is seeded.

    Args:
        truth: labels of the layout that the constants are for; the people with most keypoints
            are taken. Keypoints that are not labelled get a place in the box.

    Raises:
        ValueError: fewer than two people in ``truth`` have keypoints.
    """

    truth: Truth

    def __call__(self, config: SuppressionConfig) -> bool:
        """Tell whether constants are good enough."""
        return self.pairs_right(config) >= LEAST_PAIRS and all(
            self.crowds_right(config, jitter) >= least for jitter, least in LEAST_RIGHT.items()
        )

    def crowds_right(self, config: SuppressionConfig, jitter: float) -> float:
        """Return the share of crowds of which as many poses stay as there are people."""
        crowds = self._crowds[jitter]
        return np.mean([len(pose_nms(poses, config=config)) == count for count, poses in crowds])

    def pairs_right(self, config: SuppressionConfig) -> float:
        """Return the share of pairs of people in overlapping boxes who both stay."""
        return np.mean([len(pose_nms(poses, config=config)) == 2 for poses in self._pairs])

    @cached_property
    def _people(self) -> list[tuple[np.ndarray, float]]:
        """Keypoints (K, 2) in boxes of height 1, and the width of these."""
        rng = np.random.default_rng(0)
        counts = self.truth.is_labelled.sum(axis=1)
        size = self.truth.boxes[:, 2:] - self.truth.boxes[:, :2]
        usable = (counts > 0) & (size[:, 1] > 0) & (size[:, 0] > MOST_SLENDER * size[:, 1])
        best = np.argsort(-counts * usable, kind="stable")[:MOST_PEOPLE]
        best = best[usable[best]]
        if len(best) < 2:
            raise ValueError(
                f"{len(best)} of the people have labelled keypoints; to see whether constants tell "
                "people apart it takes two: give more labels, or do without that check (--free)"
            )
        places = (self.truth.keypoints[best, :, :2] - self.truth.boxes[best, None, :2]) / size[
            best, 1, None, None
        ]
        widths = size[best, 0] / size[best, 1]
        anywhere = rng.random(places.shape) * np.stack((widths, np.ones_like(widths)), 1)[:, None]
        places = np.where(self.truth.is_labelled[best][..., None], places, anywhere)
        return list(zip(places, widths, strict=True))

    @cached_property
    def _crowds(self) -> dict[float, list[tuple[int, Poses]]]:
        return {
            jitter: [
                (count, self._crowd(count, jitter, np.random.default_rng((count, number))))
                for number in range(SEEDS)
                for count in CROWDS
            ]
            for jitter in LEAST_RIGHT
        }

    @cached_property
    def _pairs(self) -> list[Poses]:
        rng = np.random.default_rng(1)
        pairs = []
        for first in np.tile(np.arange(len(self._people)), PARTNERS):
            places, width = self._people[first]
            second = rng.choice(np.delete(np.arange(len(self._people)), first))
            others, other_width = self._people[second]
            others = others * [width / other_width, 1] + [APART * width, 0]
            boxes = np.array([[0, 0, width, 1], [APART * width, 0, width, 1]])
            pairs.append(self._poses(np.stack((places, others)), from_xywh(boxes), rng))
        return pairs

    def _crowd(self, count: int, jitter: float, rng: np.random.Generator) -> Poses:
        widest = max(width for _, width in self._people)
        keypoints, boxes = [], []
        for person in range(count):
            places, width = self._people[rng.integers(len(self._people))]
            down, right = divmod(person, PER_ROW)
            corner = np.array([right * SPACING[0] * widest, down * SPACING[1]])
            keypoints.append(places + corner)
            boxes.append([*corner, width, 1])
        keypoints = np.repeat(keypoints, COPIES, axis=0)
        boxes = np.repeat(from_xywh(np.array(boxes)), COPIES, axis=0)
        return self._poses(
            keypoints + rng.normal(0, jitter, keypoints.shape),
            boxes + rng.normal(0, jitter, boxes.shape),
            rng,
        )

    def _poses(self, places: np.ndarray, boxes: np.ndarray, rng: np.random.Generator) -> Poses:
        """Give keypoints and poses scores at random."""
        surety = rng.uniform(0.4, 1, (*places.shape[:2], 1))
        keypoints = np.concatenate((places, surety), axis=2)
        box_scores = rng.uniform(0.3, 1, len(places))
        return Poses(
            skeleton=self.truth.skeleton,
            keypoints=300 * keypoints * [1, 1, 1 / 300],
            boxes=300 * boxes,
            box_scores=box_scores,
            scores=pose_scores(keypoints, box_scores),
        )
