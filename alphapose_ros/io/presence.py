"""Who was seen when: the states of all tracks over a run, told by when they changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from alphapose_ros.frame import Tracks, TrackState
from alphapose_ros.io.colours import Colour, IdentityColours

LONGEST_GAP_S = 1.0  # between frames in which a track is told of, until its bar is interrupted


@dataclass
class Span:
    """A track in one state."""

    start_s: float
    stop_s: float
    state: TrackState


@dataclass
class TrackHistory:
    """One track from its first frame to its last."""

    id: int
    person_id: int = -1  # the last that re-ID said
    colour: Colour = (255, 255, 255)  # the last, as in the overlay
    spans: list[Span] = field(default_factory=list)  # in order of time, without overlap


@dataclass(frozen=True)
class Identity:
    """A person with all his or her tracks, or a track of which nobody knows whose it is."""

    person_id: int  # -1: not known
    tracks: tuple[TrackHistory, ...]  # by their beginning

    @property
    def spans(self) -> list[Span]:
        """The spans of all its tracks, by their beginning."""
        return sorted((s for track in self.tracks for s in track.spans), key=lambda s: s.start_s)

    @property
    def colour(self) -> Colour:
        """That of its last track."""
        return self.tracks[-1].colour

    @property
    def name(self) -> str:
        """What it is called in pictures: ASCII."""
        ids = ", ".join(str(track.id) for track in self.tracks)
        if self.person_id < 0:
            return f"track {ids}"
        return f"person {self.person_id} ({'track' if len(self.tracks) == 1 else 'tracks'} {ids})"


class Presence:
    """Follows when each track is tentative, tracked, lost.

    Memory grows with the number of tracks and with how often they change, not with that of frames.

    Args:
        period_s: usual time between two frames: how long a state lasts of which but one frame
            tells.
    """

    def __init__(self, period_s: float) -> None:
        self.stop_s = 0.0  # end of the last frame, from the first
        self._period_s = period_s
        self._start_ns: int | None = None
        self._of_tracks: dict[int, TrackHistory] = {}
        self._colours = IdentityColours()

    def add(self, stamp_ns: int, tracks: Tracks) -> None:
        """Take the people of one frame; tracks with an id below 1 are none."""
        self._start_ns = stamp_ns if self._start_ns is None else self._start_ns
        now_s = max((stamp_ns - self._start_ns) / 1e9, 0.0)
        self.stop_s = max(self.stop_s, now_s + self._period_s)
        columns = (tracks.ids, tracks.states, tracks.person_ids)
        rows = zip(*(column.tolist() for column in columns), self._colours(tracks), strict=True)
        for track_id, state, person_id, colour in rows:
            if track_id < 1 or state == TrackState.REMOVED:
                continue
            track = self._of_tracks.setdefault(track_id, TrackHistory(track_id))
            track.colour = colour
            track.person_id = person_id if person_id >= 0 else track.person_id
            self._lengthen(track, now_s, TrackState(state))

    def identities(self) -> list[Identity]:
        """Return everybody, by first sight."""
        found: dict[tuple[str, int], list[TrackHistory]] = {}
        for track in self._of_tracks.values():
            is_known = track.person_id >= 0
            key = ("person", track.person_id) if is_known else ("track", track.id)
            found.setdefault(key, []).append(track)
        everybody = [
            Identity(number if kind == "person" else -1, tuple(tracks))
            for (kind, number), tracks in found.items()
        ]
        return sorted(everybody, key=lambda one: one.tracks[0].spans[0].start_s)

    def _lengthen(self, track: TrackHistory, now_s: float, state: TrackState) -> None:
        last = track.spans[-1] if track.spans else None
        stop_s = now_s + self._period_s
        is_next = last is not None and now_s - last.stop_s <= LONGEST_GAP_S
        if is_next:  # also where frames are missing in between
            last.stop_s = max(last.start_s, now_s)
        if is_next and last.state == state:
            last.stop_s = stop_s
        else:
            track.spans.append(Span(now_s, stop_s, state))
