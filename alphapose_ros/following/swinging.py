"""Hands that go to and fro."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from alphapose_ros.config import GestureConfig


class Swinging:
    """Counts turns of hands; those of tracks that are gone for long are forgotten."""

    def __init__(self) -> None:
        self._swings: dict[tuple[int, int], _Swing] = {}

    def __call__(
        self, ids: np.ndarray, ways: np.ndarray, stamp_ns: int, config: GestureConfig
    ) -> np.ndarray:
        """Go on to ``stamp_ns``, which never lies before that of the last call.

        Args:
            ids: (N,) of tracks.
            ways: (N, 2) how far hands are to the side, in lengths of the trunk; NaN: not up.
            stamp_ns: now.
            config: from what on it is a wave.

        Returns:
            (N, 2) since when hands wave, the stamp of the first turn; -1 where they do not.
        """
        since = np.full(ways.shape, -1)
        for row, track_id in enumerate(ids.tolist()):
            for side, value in enumerate(ways[row].tolist()):
                swing = self._swings.setdefault((track_id, side), _Swing())
                swing.go_on(value, stamp_ns, config)
                since[row, side] = swing.since_ns
        window_ns = config.wave_window_s * 1e9
        self._swings = {
            key: swing
            for key, swing in self._swings.items()
            if stamp_ns - swing.seen_ns <= window_ns
        }
        return since


@dataclass
class _Swing:
    """The turns of one hand that moves to and fro."""

    sense: int = 0  # of the movement, 0 before the first one
    low: float = math.inf  # extremes since the last turn
    high: float = -math.inf
    seen_ns: int = 0
    since_ns: int = -1  # the first turn of a wave
    turns_ns: list[int] = field(default_factory=list)

    def go_on(self, value: float, stamp_ns: int, config: GestureConfig) -> None:
        """Take in where the hand is now, NaN where it is not up."""
        if not math.isnan(value):
            self._turn(value, stamp_ns, config)
        elif stamp_ns - self.seen_ns > config.gap_s * 1e9:
            self.sense, self.low, self.high, self.turns_ns = 0, math.inf, -math.inf, []
        if len(self.turns_ns) < config.wave_turns:
            self.since_ns = -1
        elif self.since_ns < 0:
            self.since_ns = self.turns_ns[0]

    def _turn(self, value: float, stamp_ns: int, config: GestureConfig) -> None:
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
