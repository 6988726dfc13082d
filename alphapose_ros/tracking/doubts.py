"""Whether a track still follows whom it did, where motion alone cannot tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.tracking.gallery import Gallery
from alphapose_ros.tracking.tracks import NOBODY, TrackTable

STRANGE = 2.0  # times the limit: embeddings of two people, and not of one in another light


@dataclass(frozen=True)
class Doubts:
    """Raises doubts about tracks, and settles them by what people look like.

    While a track is in doubt, nobody is told who it is, and it teaches nothing. One look as before
    settles the doubt. After ``checks`` looks that are not, who it was is forgotten; where all of
    these were strange, it has taken somebody else for the one it followed.
    """

    gallery: Gallery | None
    limit: float  # largest distance of one person's embeddings
    checks: int

    def begin(self, table: TrackTable, is_doubtful: np.ndarray) -> None:
        """Doubt the tracks of a mask (T,), where it is known what they look like."""
        own = table.rows
        new = is_doubtful & table.has_embedding & ~own["is_doubted"]
        own["is_doubted"][new] = True
        own["checks"][new] = own["strange"][new] = 0

    def settle(self, table: TrackTable, tracks: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """Take note of what tracks (M,) look like now, (M, D); NaN says nothing.

        Returns:
            Those of ``tracks`` that follow somebody else by now.
        """
        own = table.rows
        says = own["is_doubted"][tracks] & np.isfinite(embeddings).all(axis=1)
        tracks, embeddings = tracks[says], embeddings[says]
        distances = self._distances(table, tracks, embeddings)
        own["checks"][tracks] += 1
        is_strange = distances > STRANGE * self.limit
        own["strange"][tracks] = np.where(is_strange, own["strange"][tracks] + 1, 0)
        is_same = distances <= self.limit
        is_enough = ~is_same & (own["checks"][tracks] >= self.checks)
        own["is_doubted"][tracks[is_same | is_enough]] = False
        table.forget(tracks[is_enough])
        return tracks[is_enough & (own["strange"][tracks] >= self.checks)]

    def _distances(
        self, table: TrackTable, tracks: np.ndarray, embeddings: np.ndarray
    ) -> np.ndarray:
        """Return how far looks are from the track's mean, or from the person's nearest ones."""
        if table.embeddings.shape[1] != embeddings.shape[1]:
            return np.full(len(tracks), np.inf)
        distances = 1 - (table.embeddings[tracks] * embeddings).sum(axis=1)
        people = table.rows["person_id"][tracks].tolist()
        for row, person in enumerate(people):
            if self.gallery is not None and person in self.gallery.people:
                known = self.gallery.distance(person, embeddings[row])
                distances[row] = min(distances[row], known)
        return distances


def doubtful(table: TrackTable, costs: np.ndarray, max_cost: float) -> np.ndarray:
    """Return the mask (T,) of the tracks that may have taken somebody else for the one they had.

    Those are seen again after they were lost, or matched at a cost above ``max_cost``.

    Args:
        table: T tracks.
        costs: (T, N) of tracks and rows, for the tracks there were before this frame; new ones are
            beyond doubt.
        max_cost: largest ordinary cost.
    """
    own = table.rows
    is_doubtful = np.zeros(len(own), bool)
    seen = np.flatnonzero(own["row"][: len(costs)] != NOBODY)
    is_dear = costs[seen, own["row"][seen]] > max_cost
    is_doubtful[seen] = is_dear | ~own["was_seen"][seen]
    return is_doubtful
