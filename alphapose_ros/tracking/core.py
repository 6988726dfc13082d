"""What all trackers share: time, births and deaths; how people are matched is each one's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.tracking.camera_motion import CameraMotion
from alphapose_ros.tracking.embedding import Embed
from alphapose_ros.tracking.ids import Ids
from alphapose_ros.tracking.stages import Stage, run
from alphapose_ros.tracking.tracks import TrackTable, to_tracks


class StagedTracker:
    """Base of the trackers that match people with predicted tracks in stages.

    ``config`` may be exchanged between two calls. ``ids`` gives tracks and people their numbers.
    """

    def __init__(self, config: TrackerConfig, ids: Ids) -> None:
        self.config = config
        self._ids = ids
        self.reset()

    def reset(self) -> None:
        """Forget everybody; ids go on, so that none comes twice."""
        self._camera = CameraMotion()
        self._table: TrackTable | None = None
        self._stamp_ns: int | None = None
        self._width: int | None = None  # of the image [px]

    def keep(self) -> None:
        """Write down what outlives the tracker: nothing, unless a tracker knows more."""

    def update(
        self,
        people: Poses,
        stamp_ns: int,
        embed: Embed | None = None,
        image: np.ndarray | None = None,
    ) -> Tracks:
        """Go on to ``stamp_ns`` and return the live tracks; to be called for empty frames too.

        Tracks that end now are among them once, as REMOVED. People whose box is not finite are
        nobody.

        Args:
            people: of one frame.
            stamp_ns: when it was taken.
            embed: rows of ``people`` (M,) -> unit vectors (M, D), NaN where nothing can be said.
            image: (H, W, 3) BGR; its width tells who is cut off, ``camera_motion`` looks at it.

        Raises:
            ValueError: ``stamp_ns`` lies before that of the previous call, or the skeleton is
                another one; reset() first.
        """
        elapsed_s = self._elapsed_s(stamp_ns)
        table = self._table_for(people)
        if self.config.camera_motion and image is not None:
            table.filters.move(self._camera(image, people.boxes))
        else:
            self._camera.reset()
        table.predict(elapsed_s)
        self._stamp_ns = stamp_ns
        self._end_old(table, stamp_ns)

        can_be = np.isfinite(people.boxes).all(axis=1)
        self._width = None if image is None else image.shape[1]
        stages = self._stages(table, people, embed)
        found = run(stages, ~table.rows["is_removed"], can_be)
        seen = np.flatnonzero(found >= 0)
        if len(seen):
            table.observe(seen, people, found[seen], stamp_ns, self.config.confirm_hits)
        can_be[found[seen]] = False
        can_be &= people.box_scores >= self._birth_score
        is_sure = self.config.confirm_hits == 1
        table.begin(people, np.flatnonzero(can_be), stamp_ns, self._ids.tracks, is_sure=is_sure)
        self._after(table, people, stamp_ns)
        tracks = to_tracks(table, people, stamp_ns)
        table.keep(~table.rows["is_removed"])
        return tracks

    def _stages(self, table: TrackTable, people: Poses, embed: Embed | None) -> Sequence[Stage]:
        """Return the rounds of matching of one frame."""
        raise NotImplementedError(f"{type(self).__name__} has no stages")

    def _after(self, table: TrackTable, people: Poses, stamp_ns: int) -> None:
        """Do what is left once everybody is matched: nothing here."""

    @property
    def _birth_score(self) -> float:
        """The smallest score of a box that begins a track."""
        return self.config.min_score

    def _elapsed_s(self, stamp_ns: int) -> float:
        last_ns = stamp_ns if self._stamp_ns is None else self._stamp_ns
        if stamp_ns < last_ns:
            raise ValueError(
                f"stamp went back by {(last_ns - stamp_ns) / 1e9:.3f} s; reset() first"
            )
        return (stamp_ns - last_ns) / 1e9

    def _table_for(self, people: Poses) -> TrackTable:
        if self._table is None:
            self._table = TrackTable(people.skeleton)
        if self._table.skeleton.id != people.skeleton.id:
            raise ValueError(
                f"people of skeleton {people.skeleton.id} after {self._table.skeleton.id}; "
                "reset() first"
            )
        return self._table

    def _end_old(self, table: TrackTable, stamp_ns: int) -> None:
        """Mark those as removed who were not seen for too long.

        Who was seen in the frame before is waited for as if confirmed: where images are rare
        nobody could be confirmed otherwise.
        """
        own = table.rows
        is_waited_for = own["is_confirmed"] | own["was_seen"]
        patience_s = np.where(is_waited_for, self.config.max_age_s, self.config.tentative_age_s)
        own["is_removed"] = stamp_ns - own["seen_ns"] > patience_s * 1e9
