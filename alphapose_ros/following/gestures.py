"""Gestures over time: a hand held up, a wave, a palm that says stop, an arm that points."""
# ruff: noqa: RUF009  (fields of records are declared by a call, as in frame.py)

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from alphapose_ros.config import GestureConfig
from alphapose_ros.following.hands import (
    pointing,
    raised_hands,
    stop_palms,
    swings,
)
from alphapose_ros.following.holding import Holding
from alphapose_ros.following.swinging import Swinging
from alphapose_ros.frame import JUMP_BACK_S, People, Tracks, TrackState, array
from alphapose_ros.lifting.axes import DOWN_OF_CAMERA

log = logging.getLogger(__name__)


class Gesture(IntEnum):
    """What a hand says; the numbers are those of Gesture.msg."""

    HAND_RAISED = 1
    WAVE = 2
    STOP = 3
    POINTING = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Gestures(People):
    """What N people say with their left and right hands in one frame."""

    ids: np.ndarray = array("N", dtype=np.int64)  # of the tracks
    person_ids: np.ndarray = array("N", dtype=np.int64)  # -1 where re-ID says nothing
    since_ns: np.ndarray = array("N", 2, 4, dtype=np.int64)  # first sight (WAVE: turn), or -1
    is_new: np.ndarray = array("N", 2, 4, dtype=bool)  # told for the first time
    origins: np.ndarray = array("N", 2, 3)  # of pointing arms [m], NaN where none points
    directions: np.ndarray = array("N", 2, 3)  # unit vectors, in the frame of keypoints_3d

    def __len__(self) -> int:
        return len(self.ids)

    def says(self, gesture: Gesture) -> np.ndarray:
        """Tell whose hands make a gesture: (N, 2) bool."""
        return self.since_ns[..., gesture - 1] >= 0

    @property
    def is_raised(self) -> np.ndarray:
        """Whose hands are held up: (N, 2) bool."""
        return self.says(Gesture.HAND_RAISED)

    @property
    def is_waving(self) -> np.ndarray:
        """Whose hands wave: (N, 2) bool."""
        return self.says(Gesture.WAVE)

    @property
    def is_stop(self) -> np.ndarray:
        """Whose palms say stop: (N, 2) bool."""
        return self.says(Gesture.STOP)

    @property
    def is_pointing(self) -> np.ndarray:
        """Whose arms point: (N, 2) bool."""
        return self.says(Gesture.POINTING)


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
        self._holding, self._swinging = Holding(), Swinging()
        self._told: dict[tuple[int, int, int], tuple[int, int]] = {}  # since when, last told [ns]
        self._stamp_ns: int | None = None

    def __call__(
        self,
        tracks: Tracks,
        stamp_ns: int,
        place: tuple[float, float, float] = (0.0, 0.0, 0.0),
        down: tuple[float, float, float] = DOWN_OF_CAMERA,
    ) -> Gestures:
        """Return the gestures of confirmed tracks that are seen; to be called for empty frames too.

        Args:
            tracks: of this frame.
            stamp_ns: of this frame; where it lies a second or more back (a bag that starts again),
                everything begins anew. Where it goes back by less (images out of order), it counts
                as the last one.
            place: of the camera, in the frame of ``keypoints_3d`` [m]; NaN where unknown.
            down: unit vector in the frame of ``keypoints_3d``.
        """
        self._stamp_ns = stamp_ns = self._not_before(stamp_ns)
        is_seen = (tracks.detection_rows >= 0) & (tracks.states == TrackState.TRACKED)
        config, seen = self.config, tracks[is_seen]
        raised = raised_hands(seen.poses, config)
        stops = stop_palms(seen.poses, config, place) & ~raised
        origins, directions = pointing(seen.poses, config, down)
        is_known = np.isfinite(directions).all(axis=-1)
        signs = np.stack((raised, stops, is_known & ~raised & ~stops), axis=2)
        held = self._holding(seen.ids, signs.reshape(len(seen), 6), stamp_ns, config.gap_s)
        since = np.where(held.seconds >= config.hold_s, held.since_ns, -1).reshape(signs.shape)
        since[..., 2][~is_known] = -1  # in a gap, nobody knows where to
        waves = self._swinging(seen.ids, swings(seen.poses, config), stamp_ns, config)
        since = np.stack((since[..., 0], waves, since[..., 1], since[..., 2]), axis=2)
        points = since[..., Gesture.POINTING - 1, None] >= 0
        return Gestures(
            ids=seen.ids,
            person_ids=seen.person_ids,
            since_ns=since,
            is_new=self._first_told(seen.ids, since, stamp_ns),
            origins=np.where(points, origins, np.nan),
            directions=np.where(points, directions, np.nan),
        )

    def _not_before(self, stamp_ns: int) -> int:
        if self._stamp_ns is None or stamp_ns >= self._stamp_ns:
            return stamp_ns
        back_s = (self._stamp_ns - stamp_ns) / 1e9
        if back_s <= JUMP_BACK_S:
            return self._stamp_ns
        log.warning("stamps went back by %.3f s: gestures begin anew", back_s)
        self.reset()
        return stamp_ns

    def _first_told(self, ids: np.ndarray, since: np.ndarray, stamp_ns: int) -> np.ndarray:
        """Return of which gestures it has not been told that they began then: (N, 2, 4)."""
        is_new = np.zeros(since.shape, bool)
        for row, hand, gesture in np.argwhere(since >= 0).tolist():
            began = int(since[row, hand, gesture])
            key = (int(ids[row]), hand, gesture)
            is_new[row, hand, gesture] = key not in self._told or self._told[key][0] != began
            self._told[key] = (began, stamp_ns)
        longest_ns = max(self.config.gap_s, self.config.wave_window_s) * 1e9
        self._told = {
            key: told for key, told in self._told.items() if stamp_ns - told[1] <= longest_ns
        }
        return is_new
