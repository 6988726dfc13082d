"""Multi-stage identity matching: who in this frame is who in the last one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses
from alphapose_ros.tracking.core import StagedTracker
from alphapose_ros.tracking.costs import (
    IMPOSSIBLE,
    covered,
    cut_off,
    embedding_distances,
    is_as_tall,
    overlaps,
    pose_distances,
    upright_overlaps,
)
from alphapose_ros.tracking.doubts import STRANGE, Doubts, doubtful
from alphapose_ros.tracking.embedding import Embed, EmbeddingSpace, Looks
from alphapose_ros.tracking.gallery import Gallery
from alphapose_ros.tracking.identities import Identifier
from alphapose_ros.tracking.ids import Ids
from alphapose_ros.tracking.stages import ASSOCIATIONS, Stage, beyond_doubt
from alphapose_ros.tracking.tracks import NOBODY, TrackTable

BLIND = 5 / 3  # pose distance per 1 - IoU that is assumed where poses cannot be compared


class MsimTracker(StagedTracker):
    """Follows people by where they should be now, how they hold themselves and what they look like.

    The stages, of which each one takes what the earlier ones have left:

    1. Pairs beyond doubt: a person and a track seen in the frame before whose fused cost (stage 3)
       lies below that of any other person or track for either by ``ambiguity_margin``. Nobody
       needs to know what they look like. Not in the paper; left out with ``embed_all``, and where
       there are no embeddings.
    2. Embeddings (Eq. 21), of people near enough to a track whose embedding is known: those in
       doubt, and those who might be a lost track.
    3. Overlap of boxes and distance of poses, fused (Eq. 22): confirmed tracks first, then others.
       Nobody becomes a lost track who looks different.
    4. The same with a relaxed limit, for all.
    5. Boxes of low score, by overlap, for tracks seen in the frame before (the idea of ByteTrack).
    6. Who comes in again at the side of the picture where a track was lost, as long as too little
       is seen to tell what somebody looks like. Not in the paper.

    Who is left begins a track. Embeddings of tracks are means that fade, renewed every
    ``embed_interval_s`` from people of whom enough is to be seen. Where a match is in doubt (found
    again after a loss, or far from where expected), nobody is told who it is until a look confirms
    it; see doubts.

    The fused cost is (1 - w) (1 - IoU) + w distance, in [0, 1]: that of Eq. 22 divided by
    1 + lambda_np, with w = lambda_np / (1 + lambda_np). The default w = 0.5 is lambda_np = 1, the
    default limit of 0.8 is mu_f = 1.6; the paper has 0.5 and does not say its lambda_np.

    People who are known again get their ``person_ids`` from ``gallery``, which outlives reset().

    Source: paper 4.2.
    """

    def __init__(
        self, config: TrackerConfig, ids: Ids, space: EmbeddingSpace | None = None
    ) -> None:
        super().__init__(config, ids)
        self._space = EmbeddingSpace() if space is None else space
        self.gallery: Gallery | None = None
        if config.gallery_people and self._space.digest:  # else nobody can be known again
            self.gallery = Gallery(
                self._space.digest, config.gallery_people, config.gallery_embeddings, ids=ids
            )
            _check_file(config)
            is_new = config.gallery_save and not Path(config.gallery_file).exists()
            if config.gallery_file and not is_new:
                self.gallery.load(config.gallery_file)

    def keep(self) -> None:
        """Write who is known to ``gallery_file``, where ``gallery_save`` asks for it.

        Raises:
            OSError: it cannot be written.
        """
        config = self.config
        if self.gallery is not None and config.gallery_save and config.gallery_file:
            self.gallery.save(config.gallery_file)

    def _stages(self, table: TrackTable, people: Poses, embed: Embed | None) -> list[Stage]:
        config = self.config
        self._looks = looks = Looks(people, embed)
        self._costs = costs = Costs(table, people, config, looks, self._limit, self._width)
        choose = ASSOCIATIONS[config.association]
        is_high = people.box_scores >= config.low_score
        was_seen = table.rows["was_seen"]
        confirmed = table.rows["is_confirmed"]
        fused = [
            Stage(costs.fused, config.max_cost, choose, tracks=first, people=is_high)
            for first in (confirmed, ~confirmed)
        ]
        relaxed = Stage(costs.fused, config.relaxed_max_cost, choose, people=is_high)
        low = Stage(costs.apart, config.low_max_cost, choose, tracks=was_seen, people=~is_high)
        if not looks.can_know:
            return [*fused, relaxed, low]
        alike = Stage(costs.embedding, self._limit, choose, people=is_high)
        is_sure = people.box_scores >= config.min_score
        back = Stage(
            costs.returning, config.max_cost, choose, tracks=confirmed & ~was_seen, people=is_sure
        )
        if config.embed_all:
            looks.of(np.arange(len(people)))
            return [alike, *fused, relaxed, low, back]
        sure = beyond_doubt(config.ambiguity_margin)
        clear = Stage(costs.fused, config.max_cost, sure, people=is_high, chosen=was_seen)
        return [clear, alike, *fused, relaxed, low, back]

    @property
    def _limit(self) -> float:
        """The largest distance of embeddings of one person."""
        return self.config.embedding_max_distance or self._space.max_distance

    def _after(self, table: TrackTable, people: Poses, stamp_ns: int) -> None:
        """Remember what those look like of whom enough is to be seen, and say who they are."""
        if not self._looks.can_know:
            return
        own, config = table.rows, self.config
        doubts = Doubts(self.gallery, self._limit, config.gallery_confirmations)
        doubts.begin(table, doubtful(table, self._costs.all_fused, config.max_cost))
        hidden = covered(people.boxes)
        is_good = people.box_scores >= config.embed_min_score
        is_good &= hidden <= config.embed_max_covered
        tracks = np.flatnonzero(own["row"] != NOBODY)
        tracks = tracks[is_good[own["row"][tracks]]]
        is_known = self._looks.is_known[own["row"][tracks]]
        tracks = np.concatenate((tracks[is_known], self._due(table, tracks[~is_known], stamp_ns)))
        if not len(tracks):
            return
        rows = own["row"][tracks]
        embeddings = self._looks.of(rows)
        table.split(doubts.settle(table, tracks, embeddings), self._ids.tracks, stamp_ns)
        own = table.rows
        is_trusted = ~own["is_doubted"][tracks]
        tracks, rows, embeddings = tracks[is_trusted], rows[is_trusted], embeddings[is_trusted]
        table.remember(tracks, embeddings, stamp_ns)
        if self.gallery is not None:
            is_sure = own["is_confirmed"][tracks]
            limit = config.gallery_max_distance or self._limit
            Identifier(self.gallery, limit, config)(
                table,
                tracks[is_sure],
                embeddings[is_sure],
                (people.box_scores * (1 - hidden))[rows[is_sure]],
                stamp_ns,
            )

    def _due(self, table: TrackTable, tracks: np.ndarray, stamp_ns: int) -> np.ndarray:
        """Return those of ``tracks`` to be looked at: in doubt, then with the oldest embedding."""
        own, config = table.rows, self.config
        tracks = tracks[own["is_confirmed"][tracks]]
        waits_s = np.full(len(tracks), config.embed_interval_s)
        if self.gallery is not None:
            waits_s[own["person_id"][tracks] == NOBODY] = config.gallery_interval_s
        waits_s[own["is_doubted"][tracks]] = 0
        age_ns = stamp_ns - own["embedded_ns"][tracks]
        oldest = np.lexsort((-age_ns, ~own["is_doubted"][tracks]))
        oldest = oldest[age_ns[oldest] >= waits_s[oldest] * 1e9]
        return tracks[oldest[: config.embed_per_frame]]


def _check_file(config: TrackerConfig) -> None:
    """Refuse at once what would fail in the end.

    Raises:
        ValueError: people are to be saved, but not where.
        FileNotFoundError: the folder for them does not exist.
    """
    if not config.gallery_save:
        return
    if not config.gallery_file:
        raise ValueError("tracker.gallery_save needs tracker.gallery_file")
    folder = Path(config.gallery_file).absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"tracker.gallery_file: folder {folder} does not exist")


class Costs:
    """The costs of one frame's pairs; what several stages need is worked out once."""

    def __init__(
        self,
        table: TrackTable,
        people: Poses,
        config: TrackerConfig,
        looks: Looks,
        limit: float,
        width: int | None,
    ) -> None:
        self._width = width  # of the image [px]
        self._table, self._people, self._config, self._looks = table, people, config, looks
        self._limit = limit  # the largest distance of embeddings of one person
        self._boxes = table.filters.boxes
        self._overlap = overlaps(self._boxes, people.boxes)
        self._is_possible = is_as_tall(self._boxes, people.boxes, config.max_growth)
        self._is_possible &= self._overlap > 0
        self._fused: np.ndarray | None = None

    def apart(self, tracks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return 1 - IoU."""
        pairs = np.ix_(tracks, rows)
        return np.where(self._is_possible[pairs], 1 - self._overlap[pairs], IMPOSSIBLE)

    @property
    def all_fused(self) -> np.ndarray:
        """1 - IoU and pose distance, weighted, where boxes touch and are of like height: (T, N)."""
        if self._fused is None:
            self._fused = self._all_fused()
        return self._fused

    def fused(self, tracks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return all_fused of some."""
        return self.all_fused[np.ix_(tracks, rows)]

    def embedding(self, tracks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return cosine distances of those whom motion allows to be one person."""
        table = self._table
        allowed = np.full((len(tracks), len(rows)), False)
        known = np.flatnonzero(table.has_embedding[tracks])
        if not self._config.embed_all and not len(known):
            return np.where(allowed, 0.0, IMPOSSIBLE)
        distances = table.filters.distances(tracks[known], self._people.boxes[rows])
        allowed[known] = distances <= self._config.motion_gate
        cost = np.full(allowed.shape, IMPOSSIBLE)
        needed = np.flatnonzero(allowed.any(axis=0))
        if len(needed):
            embeddings = self._looks.of(rows[needed])
            cost[:, needed] = embedding_distances(table.embeddings[tracks], embeddings)
        return np.where(allowed, cost, IMPOSSIBLE)

    def returning(self, tracks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return 1 - IoU of the upright extents of who left and who may come in again.

        That is at the side where a track was last seen, and where looks say nothing yet. Where the
        track should be by now does not count: boxes that shrink at the side spoil that.
        """
        cost = np.full((len(tracks), len(rows)), IMPOSSIBLE)
        table, boxes = self._table, self._people.boxes[rows]
        if self._width is None:
            return cost
        old = table.rows["box"][tracks]
        is_there = cut_off(old, self._width)[:, None] & cut_off(boxes, self._width)
        allowed = is_there.any(axis=2) & is_as_tall(old, boxes, self._config.max_growth)
        allowed &= table.has_embedding[tracks, None]
        if not allowed.any():
            return cost
        is_unknown = ~np.isfinite(self._looks.of(rows)).all(axis=1)
        return np.where(allowed & is_unknown, 1 - upright_overlaps(old, boxes), cost)

    def _all_fused(self) -> np.ndarray:
        table, weight = self._table, self._config.pose_weight
        fused = np.full(self._overlap.shape, IMPOSSIBLE)
        ones, many = np.nonzero(self._is_possible)
        if len(ones):
            tracks, own = np.unique(ones, return_inverse=True)
            boxes = self._boxes[tracks]
            keypoints = table.predicted_keypoints(tracks, boxes)
            sizes = boxes[:, 2:] - boxes[:, :2]
            others = table.compared(self._people)
            apart = 1 - self._overlap[ones, many]
            distance = pose_distances(keypoints, sizes, others, (own, many))
            distance = np.where(np.isnan(distance), BLIND * apart, distance)
            fused[ones, many] = (1 - weight) * apart + weight * distance
        self._refuse_strangers(fused)
        return fused

    def _refuse_strangers(self, fused: np.ndarray) -> None:
        """Let nobody be a lost track who looks different, however well the box fits.

        Who comes to the place where somebody was lost would else become that person.
        """
        was_seen = self._table.rows["was_seen"][: len(fused)]  # new tracks come last
        lost = np.flatnonzero(self._table.has_embedding[: len(fused)] & ~was_seen)
        best = fused[lost].min(axis=0, initial=IMPOSSIBLE)
        best_seen = fused[was_seen].min(axis=0, initial=IMPOSSIBLE)
        is_near = (best < IMPOSSIBLE) & (best < best_seen + self._config.ambiguity_margin)
        rows = np.flatnonzero(is_near)  # others belong to tracks that were not lost
        if len(rows):
            embeddings = self._looks.of(rows)
            if embeddings.shape[1]:
                distances = embedding_distances(self._table.embeddings[lost], embeddings)
                is_strange = (distances > STRANGE * self._limit) & (distances < IMPOSSIBLE)
                strange, where = np.nonzero(is_strange)  # IMPOSSIBLE: nothing is known
                fused[lost[strange], rows[where]] = IMPOSSIBLE
