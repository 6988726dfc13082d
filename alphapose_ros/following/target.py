"""The one person whom a robot follows: chosen, followed, lost, and known again."""

from __future__ import annotations

import logging

import numpy as np

from alphapose_ros.config import GestureConfig, TargetConfig
from alphapose_ros.following.hands import raised_hands
from alphapose_ros.following.holding import Holding
from alphapose_ros.following.places import Place, place_of
from alphapose_ros.following.records import (
    NO_TRACK,
    NOBODY,
    SelectBy,
    Selection,
    TargetState,
    TargetStatus,
    View,
    Wish,
)
from alphapose_ros.following.selection import choose, ranges_m
from alphapose_ros.frame import JUMP_BACK_S, Tracks, TrackState

GONE = ("left_view", "hidden")  # reasons, for as long as the target is predicted
SIDE = 0.01  # of the image's size: a box so near to its side is cut off

log = logging.getLogger(__name__)


class Target:
    """Goes on from frame to frame with the one person who is followed.

    While the target's track is seen, it is the target, whoever else comes; except where re-ID says
    that this track is somebody else by now, or that another track is the target's person for
    ``confirmations`` frames in a row. Then the target is lost at once, without a prediction.

    A lost target is predicted for ``predict_s``; then there is silence. It is found again by
    identity: the track of the same ``person_id`` in ``confirmations`` frames in a row, who need not
    have been faster than ``max_speed_mps`` to get there. Where re-ID has never said who the target
    is, its track alone counts, and the target ends with it.

    Positions may be in any frame, also in another one from image to image: a predicted one stays in
    the frame in which it was measured. In one that moves with the robot, the robot's own motion is
    added to the speed of who is lost, so that ``max_speed_mps`` and predictions mean what they say
    in a fixed frame (odom) only.

    Args:
        config: may be exchanged between two frames.
        gestures: how a raised hand is told.

    Source: 5 frames in a row before somebody is the target again, as in Koide et al., Monocular
        person tracking and identification with on-line deep feature selection (2020).
    """

    def __init__(self, config: TargetConfig, gestures: GestureConfig | None = None) -> None:
        self.config = config
        self.gestures = gestures or GestureConfig()
        self._stamp_ns: int | None = None
        self._clear("")

    @property
    def person_id(self) -> int:
        """Who the target is, NOBODY where there is none or re-ID has not said."""
        return self._person_id

    def reset(self) -> None:
        """Forget the target and the time."""
        self._stamp_ns = None
        self._clear("")

    def clear(self) -> None:
        """Follow nobody any more."""
        self._clear("cleared")

    def select(self, wish: Wish, tracks: Tracks, view: View) -> Selection:
        """Follow whom ``wish`` means, in the tracks of the last frame.

        Somebody asked for by ``person_id`` need not be in view: that person becomes the target
        once there, within ``max_range_m``, by the same proof as a lost target. Where nobody fits
        otherwise, all stays as it was.
        """
        found = choose(wish, tracks, view, self.config.max_range_m)
        if found.success:
            self._begin(tracks, _row_of(tracks, found.track_id), view, "selected")
        elif wish.by == SelectBy.PERSON_ID and _is_away(wish.person_id, tracks):
            self._clear("selected")
            self._person_id, self._status = wish.person_id, TargetStatus.SELECTING
            message = f"person {wish.person_id} is not in view; becomes the target once there"
            return Selection(True, NO_TRACK, message)
        return found

    def update(self, tracks: Tracks, stamp_ns: int, view: View) -> TargetState:
        """Go on to ``stamp_ns``; to be called for frames without people too.

        A stamp that lies a second or more back begins anew (a bag that starts again); the target
        is forgotten. Other stamps that go back (images out of order) count as the last one.
        """
        self._stamp_ns = stamp_ns = self._not_before(stamp_ns)
        seen = tracks[tracks.detection_rows >= 0]
        if self._is_sought:
            self._follow(tracks, seen, view)
        if not self._is_sought:
            self._wait_for_hand(seen, view)
        return self._state()

    @property
    def _is_sought(self) -> bool:
        """Whether there is a target, in view or not."""
        return self._track_id != NO_TRACK or self._person_id != NOBODY

    def _not_before(self, stamp_ns: int) -> int:
        if self._stamp_ns is None or stamp_ns >= self._stamp_ns:
            return stamp_ns
        back_s = (self._stamp_ns - stamp_ns) / 1e9
        if back_s <= JUMP_BACK_S:
            return self._stamp_ns
        log.warning("stamps went back by %.3f s: there is no target any more", back_s)
        self._clear("time_went_back")
        return stamp_ns

    def _clear(self, reason: str) -> None:
        self._track_id, self._person_id = NO_TRACK, NOBODY
        self._status, self._reason = TargetStatus.NONE, reason
        self._place: Place | None = None  # to be told
        self._sure_place: Place | None = None  # where it was the target beyond doubt
        self._seen_ns: int | None = None
        self._confidence = 0.0
        self._is_at_side = False
        self._others: dict[int, int] = {}  # frames in a row by track: it may be the target
        self._holding = Holding()

    # Choosing

    def _begin(self, tracks: Tracks, row: int, view: View, reason: str) -> None:
        self._clear(reason)
        self._track_id, self._person_id = int(tracks.ids[row]), int(tracks.person_ids[row])
        self._status = TargetStatus.TRACKING
        self._confidence = _confidence(tracks, row)
        self._seen_ns = self._stamp_ns
        if self._stamp_ns is not None:
            place = place_of(tracks, row, self._stamp_ns, view.frame_id)
            self._place = self._sure_place = place

    def _wait_for_hand(self, seen: Tracks, view: View) -> None:
        if self.config.select != "raised_hand":
            self._status = TargetStatus.NONE
            return
        self._status = TargetStatus.SELECTING
        is_up = raised_hands(seen.poses, self.gestures).any(axis=1)
        is_up &= (seen.states == TrackState.TRACKED) & ~(
            ranges_m(seen, view) > self.config.max_range_m
        )
        held = self._holding(seen.ids, is_up[:, None], self._stamp_ns, self.gestures.gap_s)
        held_s = held.seconds[:, 0]
        if len(held_s) and held_s.max() >= self.config.raised_hand_s:
            self._begin(seen, int(np.argmax(held_s)), view, "raised_hand")

    # Following

    def _follow(self, tracks: Tracks, seen: Tracks, view: View) -> None:
        row = _row_of(seen, self._track_id)
        if row >= 0 and self._is_somebody_else(seen, row):
            self._give_up_track()
            return
        claims = self._claims(seen, view)
        if row >= 0 and self._is_accepted(seen, row, view):
            others = [count for track_id, count in claims.items() if track_id != self._track_id]
            if max(others, default=0) >= self.config.confirmations:
                self._give_up_track()
                return
            reason = self._reason if self._status == TargetStatus.TRACKING else "found_again"
            self._observe(seen, row, view, reason)
            return
        for track_id, count in claims.items():
            if count >= self.config.confirmations:
                self._others = {}
                self._track_id = track_id
                self._observe(seen, _row_of(seen, track_id), view, "reidentified")
                return
        self._go_without(tracks, seen)

    def _is_somebody_else(self, seen: Tracks, row: int) -> bool:
        return self._person_id != NOBODY and seen.person_ids[row] not in (NOBODY, self._person_id)

    def _is_accepted(self, seen: Tracks, row: int, view: View) -> bool:
        """Tell whether the target's own track, which is seen, needs no proof of identity."""
        if self._status == TargetStatus.TRACKING or self._unseen_s <= self.config.predict_s:
            return True
        return self._person_id == NOBODY and self._is_reachable(seen, row, view)

    def _claims(self, seen: Tracks, view: View) -> dict[int, int]:
        """Return by track how many frames in a row it has been the target's person, now included.

        The target's own track makes no claim while it is followed. Who has been asked for, but not
        been there yet, makes none from farther away than ``max_range_m``.
        """
        may_claim = (seen.person_ids == self._person_id) & (seen.person_ids != NOBODY)
        if self._status == TargetStatus.SELECTING:
            may_claim &= ~(ranges_m(seen, view) > self.config.max_range_m)  # NaN is not
        rows = np.flatnonzero(may_claim)
        claims = {}
        for row in rows[np.argsort(-seen.identity_scores[rows], kind="stable")].tolist():
            track_id = int(seen.ids[row])
            if track_id == self._track_id and self._status == TargetStatus.TRACKING:
                self._others = {}
                return {}  # the one who is there wins
            if self._is_reachable(seen, row, view):
                claims[track_id] = self._others.get(track_id, 0) + 1
            elif self._status != TargetStatus.TRACKING:
                self._reason = "too_fast"
        self._others = claims
        return claims

    def _is_reachable(self, seen: Tracks, row: int, view: View) -> bool:
        place = place_of(seen, row, self._stamp_ns, view.frame_id)
        if place is None or self._sure_place is None:
            return True
        return self._sure_place.can_reach(place, self.config.max_speed_mps)

    def _observe(self, seen: Tracks, row: int, view: View, reason: str) -> None:
        person_id = int(seen.person_ids[row])
        place = place_of(seen, row, self._stamp_ns, view.frame_id)
        is_sure = self._person_id in (NOBODY, person_id)
        self._person_id = person_id if self._person_id == NOBODY else self._person_id
        self._status, self._reason = TargetStatus.TRACKING, reason
        self._confidence = _confidence(seen, row)
        self._is_at_side = _is_at_side(seen.poses.boxes[row], view)
        self._seen_ns = self._stamp_ns
        self._place = place or self._place
        if is_sure:
            self._sure_place = place or self._sure_place

    def _give_up_track(self) -> None:
        """Lose the target: its track follows somebody else."""
        self._track_id = NO_TRACK
        self._status, self._reason = TargetStatus.LOST, "id_switch_detected"
        self._place = None
        self._confidence = 0.0
        if self._sure_place is not None:
            self._seen_ns = self._sure_place.stamp_ns

    def _go_without(self, tracks: Tracks, seen: Tracks) -> None:
        if self._person_id == NOBODY and not _is_alive(tracks, self._track_id):
            self._clear("timeout")
            return
        if self._status == TargetStatus.SELECTING:
            return
        if self._status == TargetStatus.TRACKING:
            self._status = TargetStatus.LOST
            self._reason = "left_view" if self._is_at_side else "hidden"
        if self._reason in GONE:
            if self._unseen_s <= self.config.predict_s:
                return
            self._reason = "timeout"
        maybe = np.isin(seen.person_ids, (NOBODY, self._person_id)).any()
        is_known = self._person_id != NOBODY
        self._status = TargetStatus.REIDENTIFYING if is_known and maybe else TargetStatus.LOST

    @property
    def _unseen_s(self) -> float:
        return 0.0 if self._seen_ns is None else (self._stamp_ns - self._seen_ns) / 1e9

    def _state(self) -> TargetState:
        where = self._place
        if where is not None and self._stamp_ns - where.stamp_ns > self.config.predict_s * 1e9:
            where = None
        position, covariance = (None, None) if where is None else where.at(self._stamp_ns)
        return TargetState(
            status=self._status,
            track_id=self._track_id,
            person_id=self._person_id,
            confidence=self._told_confidence(),
            time_since_seen_s=self._unseen_s,
            reason=self._reason,
            position=position,
            frame_id="" if where is None else where.frame_id,
            covariance=covariance,
            facing=None if where is None else where.facing,
            facing_std=np.nan if where is None else where.facing_std,
            is_predicted=where is not None and where.stamp_ns < self._stamp_ns,
        )

    def _told_confidence(self) -> float:
        if self._status == TargetStatus.TRACKING:
            return self._confidence
        if self._status == TargetStatus.LOST and self._reason in GONE and self.config.predict_s:
            return self._confidence * max(0.0, 1 - self._unseen_s / self.config.predict_s)
        return min(max(self._others.values(), default=0) / self.config.confirmations, 1.0)


def _row_of(tracks: Tracks, track_id: int) -> int:
    """Return the row of a track, -1 where there is none."""
    rows = np.flatnonzero(tracks.ids == track_id)
    return int(rows[0]) if len(rows) else -1


def _is_away(person_id: int, tracks: Tracks) -> bool:
    """Tell whether there is such a person id, and nobody who is seen has it."""
    return person_id >= 0 and person_id not in tracks.person_ids[tracks.detection_rows >= 0]


def _is_alive(tracks: Tracks, track_id: int) -> bool:
    row = _row_of(tracks, track_id)
    return row >= 0 and tracks.states[row] != TrackState.REMOVED


def _confidence(tracks: Tracks, row: int) -> float:
    """Return how sure the identity is, where re-ID says nothing, how sure the person."""
    score = float(tracks.identity_scores[row])
    score = score if np.isfinite(score) else float(tracks.poses.scores[row])
    return min(max(score, 0.0), 1.0) if np.isfinite(score) else 0.0


def _is_at_side(box: np.ndarray, view: View) -> bool:
    """Tell whether a box is cut off by the left or right side of the image."""
    margin = SIDE * view.width
    return bool(box[0] <= margin or box[2] >= view.width - 1 - margin)
