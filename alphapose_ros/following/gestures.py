"""Gestures over time: a hand held up, a wave, a palm that says stop, an arm that points."""
# ruff: noqa: RUF009  (fields of records are declared by a call, as in frame.py)

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field

import numpy as np

from alphapose_ros.following.gesture_config import GestureConfig
from alphapose_ros.following.hands import pointing, raised_hands, stop_palms, swings
from alphapose_ros.following.holding import Holding
from alphapose_ros.frame import People, Tracks, array

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Gestures(People):
    """What N people say with their left and right hands in one frame."""

    ids: np.ndarray = array("N", dtype=np.int64)  # of the tracks
    is_raised: np.ndarray = array("N", 2, dtype=bool)
    is_waving: np.ndarray = array("N", 2, dtype=bool)
    is_stop: np.ndarray = array("N", 2, dtype=bool)
    is_pointing: np.ndarray = array("N", 2, dtype=bool)
    origins: np.ndarray = array("N", 2, 3)  # of pointing arms [m], NaN where none points
    directions: np.ndarray = array("N", 2, 3)  # unit vectors, in the frame of keypoints_3d

    def __len__(self) -> int:
        return len(self.ids)


class GestureReader:
    """Reads gestures frame by frame; those of tracks that end are forgotten.

    A stop palm is no pointing arm, and a raised hand neither; a hand may be raised and wave.

    Args:
        config: may be exchanged between two frames.
    """

    def __init__(self, config: GestureConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._holding = Holding()
        self._swings: dict[tuple[int, int], _Swing] = {}
        self._stamp_ns: int | None = None

    def __call__(
        self,
        tracks: Tracks,
        stamp_ns: int,
        place: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Gestures:
        """Return the gestures of those who are seen; to be called for empty frames too.

        Args:
            tracks: of this frame.
            stamp_ns: of this frame; where it goes back, everything begins anew.
            place: of the camera, in the frame of ``keypoints_3d`` [m].
        """
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            log.warning("stamps went back: gestures begin anew")
            self.reset()
        self._stamp_ns = stamp_ns
        config, seen = self.config, tracks[tracks.detection_rows >= 0]
        raised = raised_hands(seen.poses, config)
        stops = stop_palms(seen.poses, config, place) & ~raised
        origins, directions = pointing(seen.poses, config)
        points = np.isfinite(directions).all(axis=-1) & ~raised & ~stops
        signs = np.concatenate((raised, stops, points), axis=1)
        held_s = self._holding(seen.ids, signs, stamp_ns, config.gap_s)
        raised, stops, points = np.split(held_s >= config.hold_s, 3, axis=1)
        points &= np.isfinite(directions).all(axis=-1)  # in a gap, nobody knows where to
        return Gestures(
            ids=seen.ids,
            is_raised=raised,
            is_waving=self._waves(seen, stamp_ns),
            is_stop=stops,
            is_pointing=points,
            origins=np.where(points[..., None], origins, np.nan),
            directions=np.where(points[..., None], directions, np.nan),
        )

    def _waves(self, seen: Tracks, stamp_ns: int) -> np.ndarray:
        """Return whose hands turn to and fro (N, 2)."""
        config = self.config
        values = swings(seen.poses, config)
        is_waving = np.zeros(values.shape, bool)
        for row, track_id in enumerate(seen.ids.tolist()):
            for side, value in enumerate(values[row].tolist()):
                swing = self._swings.setdefault((track_id, side), _Swing())
                swing.go_on(value, stamp_ns, config)
                is_waving[row, side] = len(swing.turns_ns) >= config.wave_turns
        window_ns = config.wave_window_s * 1e9
        self._swings = {
            key: swing
            for key, swing in self._swings.items()
            if stamp_ns - swing.seen_ns <= window_ns
        }
        return is_waving


@dataclass
class _Swing:
    """The turns of one hand that moves to and fro."""

    sense: int = 0  # of the movement, 0 before the first one
    low: float = math.inf  # extremes since the last turn
    high: float = -math.inf
    seen_ns: int = 0
    turns_ns: list[int] = field(default_factory=list)

    def go_on(self, value: float, stamp_ns: int, config: GestureConfig) -> None:
        """Take in where the hand is now, NaN where it is not up."""
        if math.isnan(value):
            if stamp_ns - self.seen_ns > config.gap_s * 1e9:
                self.sense, self.low, self.high, self.turns_ns = 0, math.inf, -math.inf, []
            return
        self.seen_ns = stamp_ns
        self.turns_ns = [t for t in self.turns_ns if stamp_ns - t <= config.wave_window_s * 1e9]
        self.low, self.high = min(self.low, value), max(self.high, value)
        back = 0
        if self.sense <= 0 and value - self.low >= config.wave_swing:
            back = 1
        elif self.sense >= 0 and self.high - value >= config.wave_swing:
            back = -1
        if back:
            if self.sense:
                self.turns_ns.append(stamp_ns)
            self.sense, self.low, self.high = back, value, value
