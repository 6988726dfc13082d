"""Which frames of two results are the same, by stamp or by name."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.names import printable
from alphapose_ros.io.formats.results import Results

AUTO, STAMP, NAME = "auto", "stamp", "name"
BY = (AUTO, STAMP, NAME)

Pair = tuple[FrameResult | None, FrameResult | None]


@dataclass(frozen=True)
class FramePairs:
    """The frames of two results, in the order of time."""

    by: str  # STAMP or NAME
    pairs: tuple[Pair, ...]  # None where one of both lacks the frame


def pair_frames(first: Results, second: Results, by: str = AUTO) -> FramePairs:
    """Find the frames that both results have.

    By stamp where both tell times, by name otherwise. Where several frames have the same stamp or
    name, the first belongs to the first and so on.

    Args:
        first: one of the results.
        second: the other one.
        by: one of BY.

    Raises:
        ValueError: they are to be matched by stamp, and one of them tells no times.
    """
    if by == AUTO:
        by = STAMP if has_times(first) and has_times(second) else NAME
    if by == STAMP:
        _check_times(first, second)
    key = _KEYS[by]
    waiting: dict[Hashable, deque[FrameResult]] = defaultdict(deque)
    for frame in second.frames:
        waiting[key(frame)].append(frame)
    pairs: list[Pair] = []
    for frame in first.frames:
        same = waiting[key(frame)]
        pairs.append((frame, same.popleft() if same else None))
    pairs += [(None, frame) for left in waiting.values() for frame in left]
    return FramePairs(by=by, pairs=tuple(sorted(pairs, key=_ORDERS[by])))


def has_times(results: Results) -> bool:
    """Tell whether stamps tell frames apart: not where a file has none, or a camera gave none."""
    return results.has_stamps and _are_apart(results.frames)


def _check_times(*both: Results) -> None:
    for results in both:
        if not results.has_stamps:
            raise ValueError(
                f"{results.source_name or 'one of the results'} tells no times, so that frames "
                "cannot be matched by stamp; match them by name (--match name)"
            )


def _are_apart(frames: Sequence[FrameResult]) -> bool:
    return len(frames) < 2 or len({frame.stamp_ns for frame in frames}) > 1


def _stamp_of(pair: Pair) -> int:
    frame = pair[0] or pair[1]
    return frame.stamp_ns


def _index_of(pair: Pair) -> int:
    frame = pair[0] or pair[1]
    return frame.index


_KEYS: dict[str, Callable[[FrameResult], Hashable]] = {
    STAMP: lambda frame: frame.stamp_ns,
    NAME: lambda frame: printable(frame.name),  # as tables have it
}
_ORDERS: dict[str, Callable[[Pair], int]] = {STAMP: _stamp_of, NAME: _index_of}
