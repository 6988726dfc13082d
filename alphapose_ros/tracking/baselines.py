"""Trackers by boxes alone, to compare with: the stages of SORT and of ByteTrack."""

from __future__ import annotations

import numpy as np

from alphapose_ros.frame import Poses
from alphapose_ros.tracking.core import StagedTracker
from alphapose_ros.tracking.costs import overlaps
from alphapose_ros.tracking.embedding import Embed
from alphapose_ros.tracking.stages import ASSOCIATIONS, Stage
from alphapose_ros.tracking.tracks import TrackTable

SORT_MAX_COST = 0.7  # 1 - IoU: boxes overlap by 0.3 at least
BYTE_BIRTH = 0.1  # how much more than a high score a box has that begins a track
BYTE_MAX_COST = 0.8  # 1 - IoU times score
BYTE_LOW_MAX_COST = 0.5  # 1 - IoU
BYTE_TENTATIVE_MAX_COST = 0.7  # 1 - IoU times score


class IouTracker(StagedTracker):
    """Follows people by the overlap of their boxes with predicted ones, all in one round.

    How long tracks live and how they are confirmed is as for the other trackers; SORT gives a
    track up after one frame without it.

    Source: Bewley et al., Simple Online and Realtime Tracking, 2016.
    """

    def _stages(self, table: TrackTable, people: Poses, embed: Embed | None) -> list[Stage]:
        apart = _Apart(table, people)
        return [Stage(apart.plain, SORT_MAX_COST, ASSOCIATIONS[self.config.association])]


class ByteTracker(StagedTracker):
    """Follows people by overlap: boxes of high score first, then those of low score.

    Boxes of high score are matched with confirmed tracks, lost ones included; boxes of low score
    with confirmed tracks that are left and were seen in the frame before; then what is left of
    high score with unconfirmed tracks. Boxes of ``byte_score`` are high, those 0.1 above begin
    tracks.

    Source: Zhang et al., ByteTrack, 2022, with its thresholds of overlap.
    """

    @property
    def _birth_score(self) -> float:
        return self.config.byte_score + BYTE_BIRTH

    def _stages(self, table: TrackTable, people: Poses, embed: Embed | None) -> list[Stage]:
        apart, choose = _Apart(table, people), ASSOCIATIONS[self.config.association]
        is_high = people.box_scores >= self.config.byte_score
        confirmed = table.rows["is_confirmed"]
        seen = confirmed & table.rows["was_seen"]
        return [
            Stage(apart.sure, BYTE_MAX_COST, choose, tracks=confirmed, people=is_high),
            Stage(apart.plain, BYTE_LOW_MAX_COST, choose, tracks=seen, people=~is_high),
            Stage(apart.sure, BYTE_TENTATIVE_MAX_COST, choose, tracks=~confirmed, people=is_high),
        ]


class _Apart:
    """How little the boxes of one frame overlap with those of the tracks."""

    def __init__(self, table: TrackTable, people: Poses) -> None:
        self._overlap = overlaps(table.filters.boxes, people.boxes)
        self._scores = people.box_scores

    def plain(self, tracks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return 1 - IoU."""
        return 1 - self._overlap[np.ix_(tracks, rows)]

    def sure(self, tracks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return 1 - IoU times the score of the box."""
        return 1 - self._overlap[np.ix_(tracks, rows)] * self._scores[rows]
