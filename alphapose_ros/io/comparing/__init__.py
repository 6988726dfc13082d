"""Two results of the same images, compared frame by frame and in sum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from alphapose_ros.io.comparing.frames import AUTO, NAME, FramePairs, pair_frames
from alphapose_ros.io.comparing.identities import Identities, compare_ids
from alphapose_ros.io.comparing.people import (
    MEASURES,
    Common,
    Couples,
    Measured,
    couple,
    measure,
)
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.results import Results

NUMBERS = {"tracks": "ids", "person_ids": "person_ids"}  # what is compared -> column of Tracks
COMPARED = (*MEASURES, *NUMBERS)


@dataclass(frozen=True)
class FrameDifference:
    """What differs in one frame; everything is empty where one result lacks the frame."""

    name: str
    stamp_ns: int
    first: FrameResult | None
    second: FrameResult | None
    couples: Couples
    measured: dict[str, Measured]

    @property
    def is_in_both(self) -> bool:
        """Whether both results have the frame."""
        return self.first is not None and self.second is not None


@dataclass(frozen=True)
class Spread:
    """How far apart all pairs of all frames are, by one measure; NaN where there are none."""

    unit: str
    count: int  # of values that both know
    median: float
    percentile_95: float
    largest: float
    largest_at: str  # in words; "" where nothing differs
    only_first: int
    only_second: int
    may_lack: bool = False  # whether it is no difference that one result has none at all

    @property
    def lacks_in(self) -> str:
        """The result that has none of what the other one has: "A" or "B"; "" for neither."""
        if self.count or bool(self.only_first) == bool(self.only_second):
            return ""
        return "B" if self.only_first else "A"

    @property
    def is_compared(self) -> bool:
        """Whether it is told in both results, or that one lacks it is a difference."""
        return not (self.may_lack and self.lacks_in)


@dataclass(frozen=True)
class Comparison:
    """Two results and all that differs."""

    first: Results
    second: Results
    by: str  # how frames were matched
    frames: tuple[FrameDifference, ...]  # in the order of time
    spreads: dict[str, Spread]  # by the names of MEASURES
    identities: dict[str, Identities]  # by the names of NUMBERS
    keypoint_names: tuple[str, ...]  # that both skeletons have
    notes: tuple[str, ...] = field(default=())  # what a reader must know

    @property
    def only_first(self) -> list[FrameDifference]:
        """The frames that only the first result has."""
        return [frame for frame in self.frames if frame.second is None]

    @property
    def only_second(self) -> list[FrameDifference]:
        """The frames that only the second result has."""
        return [frame for frame in self.frames if frame.first is None]

    @property
    def box_error_px(self) -> float:
        """By how much boxes may be apart since one result is rounded otherwise."""
        return max(self.first.box_error_px, self.second.box_error_px)

    @property
    def shared(self) -> list[FrameDifference]:
        """The frames that both results have."""
        return [frame for frame in self.frames if frame.is_in_both]


def compare(
    first: Results, second: Results, *, by: str = AUTO, without: tuple[str, ...] = ()
) -> Comparison:
    """Compare two results of the same images.

    People are compared who were seen; predicted ones are passed over.

    Args:
        first: one of them, A for readers.
        second: the other one, B.
        by: how frames are matched: "stamp", "name", or "auto": by stamp where both have stamps.
        without: what is not compared, of COMPARED.

    Raises:
        ValueError: ``without`` holds something else, or ``by`` is "stamp" where there are none.
    """
    unknown = sorted(set(without) - set(COMPARED))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not among what is compared: {', '.join(COMPARED)}")
    common = Common.of(first.skeleton, second.skeleton)
    measures = [name for name in MEASURES if name not in without]
    pairs = pair_frames(first, second, by)
    frames = tuple(_difference(one, other, common, measures) for one, other in pairs.pairs)
    return Comparison(
        first=first,
        second=second,
        by=pairs.by,
        frames=frames,
        spreads={name: _spread(name, frames, common) for name in measures},
        identities={
            name: compare_ids(_numbers(frames, column))
            for name, column in NUMBERS.items()
            if name not in without
        },
        keypoint_names=common.names,
        notes=tuple(_notes(first, second, common, pairs)),
    )


def _difference(
    first: FrameResult | None, second: FrameResult | None, common: Common, measures: list[str]
) -> FrameDifference:
    either = first or second
    nobody = either.tracks[:0]
    if first is not None and second is not None:
        couples = couple(first.tracks, second.tracks, common)
        measured = {name: measure(name, couples, common) for name in measures}
    else:
        couples, measured = Couples(nobody, nobody, nobody, nobody), {}
    return FrameDifference(either.name, either.stamp_ns, first, second, couples, measured)


def _spread(name: str, frames: tuple[FrameDifference, ...], common: Common) -> Spread:
    found = [frame for frame in frames if frame.is_in_both]
    values = np.concatenate([np.empty(0), *(frame.measured[name].values for frame in found)])
    median, percentile_95, largest = (
        np.percentile(values, (50, 95, 100)).tolist() if len(values) else (np.nan,) * 3
    )
    return Spread(
        unit=MEASURES[name].unit,
        count=len(values),
        median=median,
        percentile_95=percentile_95,
        largest=largest,
        largest_at=_place(name, found, common) if largest > 0 else "",
        only_first=sum(frame.measured[name].only_first for frame in found),
        only_second=sum(frame.measured[name].only_second for frame in found),
        may_lack=MEASURES[name].may_lack,
    )


def _place(name: str, frames: list[FrameDifference], common: Common) -> str:
    """Say where the largest difference is."""
    frame = max(frames, key=lambda one: one.measured[name].values.max(initial=-np.inf))
    measured = frame.measured[name]
    track = int(frame.couples.first.ids[measured.largest_row])
    who = f"track {track}" if track >= 0 else f"person {measured.largest_row + 1}"
    keypoint = measured.largest_keypoint
    what = f"{common.names[keypoint]} of {who}" if keypoint >= 0 else who
    return f"{what} in {frame.name}"


def _numbers(
    frames: tuple[FrameDifference, ...], column: str
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [
        (
            frame.name,
            getattr(frame.couples.first, column),
            getattr(frame.couples.second, column),
        )
        for frame in frames
        if frame.is_in_both
    ]


def _notes(first: Results, second: Results, common: Common, pairs: FramePairs) -> list[str]:
    notes = [*first.notes, *second.notes]
    if first.skeleton.names != second.skeleton.names:
        notes.append(
            f"the skeletons differ ({first.skeleton.id}, {second.skeleton.id}): compared are the "
            f"{len(common.names)} keypoints of the same name"
        )
    if not any(one is not None and other is not None for one, other in pairs.pairs):
        note = f"no frame is in both by {pairs.by}"
        if pairs.by != NAME:
            note += "; they can be matched by name too"
        elif first.has_stamps and second.has_stamps:
            note += "; they can be matched by stamp too"
        notes.append(note)
    return notes
