"""Colour images and the depth images that belong to them, found by their stamps."""

from __future__ import annotations

import itertools
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

SILENT_S = 1.0  # after which a stream is taken to have stopped; no colour image waits for depth
RECENT = 8  # periods of a stream from which its shortest is taken

log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    """An image that waits for its partner."""

    stamp_ns: int
    item: Any
    came_s: float


class Stream:
    """What waits of one input, oldest first, and when its next image can be expected."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.newest_ns: int | None = None
        self.came_s = -float("inf")  # the newest one
        self._periods_ns: deque[int] = deque(maxlen=RECENT)

    def is_behind(self, stamp_ns: int) -> bool:
        """Tell whether a stamp is older than the newest one."""
        return self.newest_ns is not None and stamp_ns < self.newest_ns

    def add(self, image: Waiting) -> None:
        """Take an image that is not older than the last one."""
        if self.newest_ns is not None and image.stamp_ns > self.newest_ns:
            self._periods_ns.append(image.stamp_ns - self.newest_ns)
        self.newest_ns, self.came_s = image.stamp_ns, image.came_s
        self.waiting.append(image)

    def clear(self) -> int:
        """Drop what waits, so that any stamp may follow; return how many did."""
        count = len(self.waiting)
        self.waiting.clear()
        self.newest_ns = None
        return count

    @property
    def next_ns(self) -> float:
        """Stamp before which no further image can be expected."""
        if self.newest_ns is None:
            return -float("inf")
        return self.newest_ns + min(self._periods_ns, default=0)


class Pairing:
    """Pairs each colour image with the depth image of nearest stamp, one to one, in order.

    A pair is handed on as soon as no nearer partner can come for either of both, which the period
    of the streams tells: at once, where cameras take both together. A colour image waits
    ``wait_s`` at most; then, or when its depth image can no longer come, it is handed on alone:
    people are found without depth as well. Where depth has stopped, colour does not wait at all.

    Inputs may come from several threads. ``take`` is called outside of any lock, never twice at a
    time and in the order of the stamps; an exception in it is reported and costs that pair only.
    When stamps go back, as where a bag begins again, what waits is dropped and all begins anew.

    Args:
        take: called with a colour image and its depth image, or None.
        slop_s: largest difference of the stamps of a pair.
        wait_s: how long a colour image waits, by ``clock``.
        size: images that wait at most, of colour, of depth, and of pairs that ``take`` is too slow
            for; the oldest colour image is then handed on, the others are dropped.
        clock: tells the time [s]; with simulated time that of the simulation.
        report: gets the traceback of an exception in ``take``.
    """

    def __init__(
        self,
        take: Callable[[Any, Any | None], None],
        *,
        slop_s: float = 0.05,
        wait_s: float = 0.1,
        size: int = 10,
        clock: Callable[[], float] = time.monotonic,
        report: Callable[[str], None] = log.error,
    ) -> None:
        self._take, self._clock, self._report = take, clock, report
        self._slop_ns, self._wait_s, self._size = round(slop_s * 1e9), wait_s, size
        self._since_s = 0.0  # when colour began to come
        self._lock = threading.Lock()
        self._colour, self._depth = Stream(), Stream()
        self._ready: deque[tuple[Any, Any | None]] = deque()
        self._is_handing_on = False
        self.paired = 0  # colour images that found their depth image
        self.colour_alone = 0  # handed on without
        self.depth_alone = 0  # depth images that no colour image came for
        self.dropped = 0  # colour images never handed on: stamps went back, or ``take`` was slow
        self.went_back = 0  # times that stamps did
        self.failed = 0  # exceptions in ``take``

    def add_colour(self, item: Any, stamp_ns: int) -> None:
        """Take a colour image; returns when what it completes is handed on, or soon will be."""
        self._add(self._colour, item, stamp_ns)

    def add_depth(self, item: Any, stamp_ns: int) -> None:
        """Take a depth image, likewise."""
        self._add(self._depth, item, stamp_ns)

    def expire(self) -> None:
        """Hand on what has waited long enough; to be called by a timer, every half ``wait_s``."""
        with self._lock:
            self._settle(self._clock())
        self._hand_on()

    def reset(self) -> None:
        """Drop what waits; any stamps may follow."""
        with self._lock:
            self._drop_all()
            self.dropped += len(self._ready)
            self._ready.clear()

    def _add(self, stream: Stream, item: Any, stamp_ns: int) -> None:
        now_s = self._clock()
        with self._lock:
            if stream.is_behind(stamp_ns):
                self.went_back += 1
                self._drop_all()
            if stream is self._colour and now_s - stream.came_s >= SILENT_S:
                self._since_s = now_s
            stream.add(Waiting(stamp_ns, item, now_s))
            self._settle(now_s)
        self._hand_on()

    def _drop_all(self) -> None:
        self.dropped += self._colour.clear()
        self.depth_alone += self._depth.clear()

    def _settle(self, now_s: float) -> None:
        """Move what is decided from the streams to the pairs that are ready."""
        colours = self._colour.waiting
        while colours:
            self._drop_depth_before(colours[0].stamp_ns - self._slop_ns)
            partner = self._partner()
            must_go = (
                now_s - colours[0].came_s >= self._wait_s
                or now_s - max(self._depth.came_s, self._since_s) >= SILENT_S
                or len(colours) > self._size
            )
            if not must_go and not self._is_certain(partner):
                break
            self._decide(colours.popleft(), partner)
        while len(self._depth.waiting) > self._size:
            self._depth.waiting.popleft()
            self.depth_alone += 1

    def _partner(self) -> Waiting | None:
        """Return what waits of depth and is nearest to the oldest colour image, and it to that."""
        first_ns, *later = (image.stamp_ns for image in itertools.islice(self._colour.waiting, 2))
        within = [
            depth
            for depth in self._depth.waiting
            if abs(depth.stamp_ns - first_ns) <= self._slop_ns
            and all(abs(depth.stamp_ns - first_ns) <= abs(depth.stamp_ns - ns) for ns in later)
        ]
        return min(within, key=lambda depth: abs(depth.stamp_ns - first_ns), default=None)

    def _is_certain(self, partner: Waiting | None) -> bool:
        """Tell whether nothing that is still to come can change the oldest image's partner."""
        first_ns = self._colour.waiting[0].stamp_ns
        if partner is None:
            return self._depth.next_ns > first_ns + self._slop_ns
        gap_ns = abs(partner.stamp_ns - first_ns)
        return (
            self._depth.next_ns - first_ns >= gap_ns
            and self._colour.next_ns - partner.stamp_ns >= gap_ns
        )

    def _decide(self, colour: Waiting, partner: Waiting | None) -> None:
        if partner is None:
            self.colour_alone += 1
        else:
            self.paired += 1
            self._drop_depth_before(partner.stamp_ns)
            self._depth.waiting.popleft()
        self._ready.append((colour.item, None if partner is None else partner.item))
        if len(self._ready) > self._size:
            self._ready.popleft()
            self.dropped += 1

    def _drop_depth_before(self, stamp_ns: int) -> None:
        depths = self._depth.waiting
        while depths and depths[0].stamp_ns < stamp_ns:
            depths.popleft()
            self.depth_alone += 1

    def _hand_on(self) -> None:
        """Call ``take`` with what is ready, unless another thread is about it already."""
        while True:
            with self._lock:
                if self._is_handing_on or not self._ready:
                    return
                pair = self._ready.popleft()
                self._is_handing_on = True
            try:
                self._take(*pair)
            except Exception:  # noqa: BLE001  of the caller's code: the next pair may be better
                self.failed += 1
                self._report(f"pair lost:\n{traceback.format_exc()}")
            finally:
                with self._lock:
                    self._is_handing_on = False
