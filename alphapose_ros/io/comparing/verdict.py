"""Whether two results are equal, or as good as equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alphapose_ros.io.comparing import Comparison, FrameDifference
from alphapose_ros.io.comparing.identities import Identities
from alphapose_ros.io.ends import FrameResult


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """By how much pairs may be apart without being different."""

    px: float = 0.0  # of keypoints and boxes
    score: float = 0.0
    m: float = 0.0  # of positions; of velocities [m/s]
    deg: float = 0.0  # of facings

    def of(self, unit: str) -> float:
        """Return the one for a unit."""
        limits = {"px": self.px, "score": self.score, "m": self.m, "m/s": self.m, "deg": self.deg}
        return limits.get(unit, 0.0)


EXACT = Tolerances()
BOXES, STATES = "boxes", "states"
RELATIVE = "keypoints_in_heights"  # told only: no difference of its own


def differences(comparison: Comparison, tolerances: Tolerances = EXACT) -> list[str]:
    """Return what differs by more than is tolerated, one sentence each; empty: nothing does.

    Frames, people, keypoints and other values that only one result has always differ, and so does
    a change of identity. Numbers that are others throughout do not: see `renamed`; nor do frames
    without people, where the other result is of a file that keeps none of these.
    """
    return [*_missing(comparison), *_apart(comparison, tolerances), *_identities(comparison)]


def are_empty_frames_of_a_file(comparison: Comparison, frames: list[FrameDifference]) -> bool:
    """Tell whether frames lack only because the other file keeps none without people.

    Args:
        comparison: both results.
        frames: that only one of them has.
    """
    other = comparison.second if frames[0].second is None else comparison.first
    mine = [frame.first or frame.second for frame in frames]
    return not any(map(_has_people, mine)) and all(map(_has_people, other.frames))


def _has_people(frame: FrameResult) -> bool:
    return bool((frame.tracks.detection_rows >= 0).any())


def renamed(comparison: Comparison) -> list[str]:
    """Return which kinds of numbers are others in the second result."""
    return [name for name, found in comparison.identities.items() if found.renamed]


def is_equal(comparison: Comparison) -> bool:
    """Tell whether nothing at all differs."""
    return not differences(comparison) and not renamed(comparison)


def _missing(comparison: Comparison) -> Iterator[str]:
    for side, frames in (("A", comparison.only_first), ("B", comparison.only_second)):
        if frames and not are_empty_frames_of_a_file(comparison, frames):
            yield f"{len(frames)} frames are in {side} only, the first {frames[0].name}"
    for side, column in (("A", "only_first"), ("B", "only_second")):
        found = [(frame, getattr(frame.couples, column)) for frame in comparison.shared]
        found = [(frame, people) for frame, people in found if len(people)]
        if found:
            count = sum(len(people) for _, people in found)
            yield f"{count} people are in {side} only, the first in {found[0][0].name}"


def _apart(comparison: Comparison, tolerances: Tolerances) -> Iterator[str]:
    for name, spread in comparison.spreads.items():
        if name == RELATIVE or not spread.is_compared:
            continue
        for side, count in (("A", spread.only_first), ("B", spread.only_second)):
            if count and name != "keypoint_scores":  # whose keypoints are counted already
                yield f"{count} {name} are in {side} only"
        limit = tolerances.of(spread.unit)
        if name == BOXES:
            limit = max(limit, comparison.box_error_px)
        if spread.largest > limit:  # NaN is not
            much = f"by up to {spread.largest:.4g} {spread.unit}"
            if name == STATES:
                yield f"{name} differ, first that of {spread.largest_at}"
                continue
            more = f", more than {limit:g}" if limit else ""
            yield f"{name} differ {much}{more}: {spread.largest_at}"


def _identities(comparison: Comparison) -> Iterator[str]:
    for name, found in comparison.identities.items():
        for side, count in (("A", found.only_first), ("B", found.only_second)):
            if count:
                yield f"{count} numbers of {name} are in {side} only"
        if found.switches:
            yield f"{name} change {len(found.switches)} times, first in {_first_change(found)}"


def _first_change(found: Identities) -> str:
    return found.switches[0].frame
