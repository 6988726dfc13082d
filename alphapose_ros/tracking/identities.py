"""Which known person a track is: confirmed several times before it is said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.config import TrackerConfig
from alphapose_ros.tracking.gallery import Gallery
from alphapose_ros.tracking.tracks import NOBODY, TrackTable

UNDECIDED, NEW = NOBODY, 0  # votes that are for no person known


@dataclass(frozen=True)
class Identifier:
    """Says who tracks are, and learns what those look like who are known.

    An embedding votes for the nearest person where that one is within ``limit`` and nearer than
    the next by ``gallery_margin``; for somebody new where nobody is within ``limit``; for nobody
    otherwise. ``gallery_confirmations`` equal votes in a row decide. Nobody is two tracks at once
    that are both seen; a track that is lost or in doubt gives a person up to one that is not.

    A track that is known teaches the gallery what is within ``limit`` of that person and not
    nearer to somebody else. It becomes somebody else only by votes that are not within ``limit``
    of the person it was.
    """

    gallery: Gallery
    limit: float  # largest distance of one person
    config: TrackerConfig

    def __call__(
        self,
        table: TrackTable,
        tracks: np.ndarray,
        embeddings: np.ndarray,
        qualities: np.ndarray,
        stamp_ns: int,
    ) -> None:
        """Go on with what is seen now.

        Args:
            table: all tracks.
            tracks: (M,) confirmed ones of which enough is to be seen.
            embeddings: (M, D) of these; rows of NaN say nothing.
            qualities: (M,) of the embeddings, in [0, 1].
            stamp_ns: now.
        """
        own = table.rows
        self._drop_forgotten(own)
        for row in np.flatnonzero(np.isfinite(embeddings).all(axis=1)):
            track, embedding, quality = tracks[row], embeddings[row], float(qualities[row])
            vote = self._vote(own, track, embedding)
            self._decide(own, track, vote)
            if own["person_id"][track] == NEW:
                own["person_id"][track] = self.gallery.add(embedding, quality, stamp_ns)
                own["learnt_ns"][track] = stamp_ns
                self._drop_forgotten(own)  # a full gallery has let somebody go
            if own["person_id"][track] != NOBODY:
                distance = self.gallery.distance(int(own["person_id"][track]), embedding)
                own["identity_score"][track] = np.clip(1 - distance / (2 * self.limit), 0, 1)
                if distance <= self.limit and vote in (UNDECIDED, own["person_id"][track]):
                    self._learn(own, track, embedding, quality, stamp_ns)
        own["identity_score"][own["person_id"] == NOBODY] = np.nan

    def _drop_forgotten(self, own: np.ndarray) -> None:
        """Let no track be somebody whom the gallery does not know any more."""
        own["person_id"][~np.isin(own["person_id"], list(self.gallery.people))] = NOBODY

    def _vote(self, own: np.ndarray, track: int, embedding: np.ndarray) -> int:
        """Return whom a track is like: a person, NEW or UNDECIDED."""
        is_taken = (own["row"] != NOBODY) & (own["person_id"] != NOBODY) & ~own["is_doubted"]
        is_taken[track] = False
        nearest = self.gallery.match(embedding, frozenset(own["person_id"][is_taken].tolist()))
        if nearest.distance > self.limit:
            return NEW if own["person_id"][track] == NOBODY else UNDECIDED
        own_id = int(own["person_id"][track])
        is_other = own_id not in (NOBODY, nearest.person_id)
        if is_other and self.gallery.distance(own_id, embedding) <= self.limit:
            return UNDECIDED  # nobody is given up for a better likeness
        is_clear = nearest.distance + self.config.gallery_margin <= nearest.second
        return nearest.person_id if is_clear else UNDECIDED

    def _decide(self, own: np.ndarray, track: int, vote: int) -> None:
        """Count a vote, and give the track a person, or NEW, once there are enough."""
        own["votes"][track] = own["votes"][track] + 1 if vote == own["vote"][track] else 1
        own["vote"][track] = vote
        if vote != UNDECIDED and own["votes"][track] >= self.config.gallery_confirmations:
            own["person_id"][own["person_id"] == vote] = NOBODY
            own["person_id"][track] = vote

    def _learn(
        self, own: np.ndarray, track: int, embedding: np.ndarray, quality: float, stamp_ns: int
    ) -> None:
        """Take an embedding into the gallery, every now and then."""
        if stamp_ns - own["learnt_ns"][track] >= self.config.gallery_interval_s * 1e9:
            self.gallery.observe(int(own["person_id"][track]), embedding, quality, stamp_ns)
            own["learnt_ns"][track] = stamp_ns
