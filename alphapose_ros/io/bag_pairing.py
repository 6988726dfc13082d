"""Images of a bag and the depth images that belong to them, by their stamps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

LOOK_AHEAD = 32  # images of a kind that wait at most, where the other kind does not come


class Stamped(NamedTuple):
    """An image of one of both kinds."""

    is_depth: bool
    stamp_ns: int
    item: Any


def pair(images: Iterable[Stamped], slop_ns: int) -> Iterator[tuple[Any, Any | None]]:
    """Give every picture in order, with the depth image of the nearest stamp or None.

    A depth image goes to the picture it is nearest to, so no two pictures share one. When stamps
    go back, as where a recording begins again, what waits is given first.

    Args:
        images: both kinds, each in the order of its stamps; one may lag behind the other.
        slop_ns: largest difference of the stamps of a pair.
    """
    pictures: deque[Stamped] = deque()
    depths: deque[Stamped] = deque()
    newest = {False: -(2**63), True: -(2**63)}
    for image in images:
        if image.stamp_ns < newest[image.is_depth]:
            while pictures:
                yield _take(pictures, depths, slop_ns)
            depths.clear()
            newest = dict.fromkeys(newest, -(2**63))
        newest[image.is_depth] = image.stamp_ns
        (depths if image.is_depth else pictures).append(image)
        while pictures and (
            len(pictures) > LOOK_AHEAD or _is_decided(pictures[0].stamp_ns, newest)
        ):
            yield _take(pictures, depths, slop_ns)
        while len(depths) > LOOK_AHEAD:
            depths.popleft()
    while pictures:
        yield _take(pictures, depths, slop_ns)


def _is_decided(stamp_ns: int, newest: dict[bool, int]) -> bool:
    """Tell whether no image is still to come that could change the partner.

    The nearest depth images on both sides are there, and the next picture, which a depth image
    must pass to be nearer to any later one.
    """
    return newest[True] >= stamp_ns and newest[False] > stamp_ns


def _take(pictures: deque[Stamped], depths: deque[Stamped], slop_ns: int) -> tuple[Any, Any | None]:
    """Remove the oldest picture, and its depth image if there is one."""
    picture = pictures.popleft()
    while depths and depths[0].stamp_ns < picture.stamp_ns - slop_ns:
        depths.popleft()

    def gap_ns(depth: Stamped, other: Stamped = picture) -> int:
        return abs(depth.stamp_ns - other.stamp_ns)

    within = [
        depth
        for depth in depths
        if gap_ns(depth) <= slop_ns
        and all(gap_ns(depth) <= gap_ns(depth, other) for other in pictures)
    ]
    if not within:
        return picture.item, None
    partner = min(within, key=gap_ns)
    while depths.popleft() is not partner:
        pass
    return picture.item, partner.item
