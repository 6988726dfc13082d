"""For how long something has held of each track."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Held(NamedTuple):
    """How long G signs have held of N tracks."""

    seconds: np.ndarray  # (N, G) from the first to the last sight of each; 0 where it has ended
    since_ns: np.ndarray  # (N, G) int64: the first sight, -1 where it has ended


class Holding:
    """Times how long signs hold, over short gaps; tracks that are gone for longer are forgotten."""

    def __init__(self) -> None:
        self._spans: dict[int, np.ndarray] = {}  # (2, G) int64: since when, last seen [ns]

    def __call__(self, ids: np.ndarray, is_on: np.ndarray, stamp_ns: int, gap_s: float) -> Held:
        """Go on to ``stamp_ns``, which never lies before that of the last call.

        Args:
            ids: (N,) of tracks.
            is_on: (N, G) which of G signs are seen of each.
            stamp_ns: now.
            gap_s: longest gap that does not end a sign.
        """
        spans = {}
        seconds, first = np.zeros(is_on.shape), np.full(is_on.shape, -1)
        for row, track_id in enumerate(ids.tolist()):
            old = self._spans.get(track_id, np.full((2, is_on.shape[1]), -1))
            goes_on = (old[1] >= 0) & (stamp_ns - old[1] <= gap_s * 1e9)
            since = np.where(goes_on, old[0], stamp_ns)
            last = np.where(is_on[row], stamp_ns, np.where(goes_on, old[1], -1))
            seconds[row] = np.where(last >= 0, last - since, 0) / 1e9
            first[row] = np.where(last >= 0, since, -1)
            spans[track_id] = np.stack((since, last))
        for track_id, old in self._spans.items():
            if track_id not in spans and (stamp_ns - old[1] <= gap_s * 1e9).any():
                spans[track_id] = old
        self._spans = spans
        return Held(seconds, first)
