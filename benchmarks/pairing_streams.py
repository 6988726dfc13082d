"""Pairing of colour with depth images, ours and that of message_filters, on streams like a robot's.

Used by inputs.py. Partners are known: images taken at one time have the same number.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from alphapose_ros.nodes.conversions import to_ns
from alphapose_ros.nodes.pairing import Pairing

try:
    from message_filters import ApproximateTimeSynchronizer, SimpleFilter
except ImportError:
    ApproximateTimeSynchronizer = None

PERIOD_S = 1 / 30
SLOPS_S = (0.015, 0.05)  # less than half a period, and more than one
WAIT_S = 0.1
SECONDS = 20.0  # of streams


class Stamped(NamedTuple):
    """An image as far as pairing is concerned."""

    header: Header
    number: int  # images taken together have the same; -1: it has no partner


class Event(NamedTuple):
    """An image that arrives."""

    at_s: float
    is_depth: bool
    image: Stamped


class Streams(NamedTuple):
    """Two streams, and what happens to them."""

    name: str
    colour_every: int = 1  # of the periods
    depth_every: int = 1
    late_s: float = 0.01  # how much later depth arrives
    lost: float = 0.0  # share of each that is lost
    loops: int = 1  # times that the stamps begin again


STREAMS = [
    Streams("30 Hz : 30 Hz"),
    Streams("30 Hz : 30 Hz, depth 60 ms late", late_s=0.06),
    Streams("10 Hz : 30 Hz", colour_every=3),
    Streams("30 Hz : 10 Hz", depth_every=3),
    Streams("30 Hz : 30 Hz, a tenth of each lost", lost=0.1),
    Streams("30 Hz : 30 Hz, bag begins again", loops=2),
    Streams("10 Hz : 30 Hz, bag begins again", colour_every=3, loops=2),
]


def steps_of(seconds: float) -> int:
    """Return how many periods there are."""
    return round(seconds / PERIOD_S)


def events_of(streams: Streams, seconds: float) -> list[Event]:
    """Return what arrives, by the time of its arrival."""
    rng = random.Random(0)
    events = []
    steps = steps_of(seconds)
    for loop in range(streams.loops):
        for step in range(steps):
            for is_depth, every in enumerate((streams.colour_every, streams.depth_every)):
                taken_s = 10 + step * PERIOD_S + rng.uniform(-0.004, 0.004)
                if step % every or rng.random() < streams.lost:
                    continue
                stamp = Time(sec=int(taken_s), nanosec=int(taken_s % 1 * 1e9))
                image = Stamped(Header(stamp=stamp), loop * steps + step)
                late_s = streams.late_s if is_depth else 0.0
                at_s = taken_s + loop * (seconds + 1) + rng.uniform(0.005, 0.012) + late_s
                events.append(Event(at_s, bool(is_depth), image))
    return sorted(events)


class Ours:
    """Our pairing, its clock that of the events."""

    def __init__(self, take: Callable[[Stamped, Stamped | None], None], slop_s: float) -> None:
        self.now_s = 0.0
        self._pairing = Pairing(
            take, slop_s=slop_s, wait_s=WAIT_S, clock=lambda: self.now_s, report=lambda _: None
        )

    def add(self, event: Event) -> None:
        """Let an image arrive; a timer would have run before."""
        self.now_s = event.at_s
        self._pairing.expire()
        add = self._pairing.add_depth if event.is_depth else self._pairing.add_colour
        add(event.image, to_ns(event.image.header.stamp))

    def end(self) -> None:
        """Let the deadlines of all pass."""
        self.now_s += 10
        self._pairing.expire()


class Theirs:
    """The synchroniser of message_filters."""

    def __init__(self, take: Callable[[Stamped, Stamped | None], None], slop_s: float) -> None:
        self._inputs = SimpleFilter(), SimpleFilter()
        self._pairing = ApproximateTimeSynchronizer(self._inputs, 10, slop_s)
        self._pairing.registerCallback(take)

    def add(self, event: Event) -> None:
        """Let an image arrive."""
        self._inputs[event.is_depth].signalMessage(event.image)

    def end(self) -> None:
        """Nothing: it has no deadlines."""


def pairings() -> dict[str, type]:
    """Return the ways that are there to pair images."""
    return {"ours": Ours} | ({"message_filters": Theirs} if ApproximateTimeSynchronizer else {})


def paired(way: type, events: list[Event], slop_s: float) -> list[tuple[Stamped, Stamped | None]]:
    """Return what a pairing hands on."""
    pairs: list[tuple[Stamped, Stamped | None]] = []
    pairing = way(lambda colour, depth: pairs.append((colour, depth)), slop_s)
    for event in events:
        pairing.add(event)
    pairing.end()
    return pairs


def pairing_rows(rounds: int) -> Iterator[dict[str, Any]]:
    """Measure every stream with every slop; where a bag begins again, its second turn counts."""
    ways = pairings()
    for streams in STREAMS:
        events = events_of(streams, SECONDS)
        first = steps_of(SECONDS) * (streams.loops - 1)
        numbers = [
            {event.image.number for event in events if event.is_depth == is_depth}
            for is_depth in (False, True)
        ]
        possible = sum(number >= first for number in numbers[0] & numbers[1])
        for slop_s in SLOPS_S:
            row = {"streams": streams.name, "slop_s": slop_s, "possible": possible}
            spent: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, way in ways.items():
                    start_s = time.perf_counter()
                    pairs = paired(way, events, slop_s)
                    spent[name].append(1e6 * (time.perf_counter() - start_s) / len(events))
                    row[name] = counted([pair for pair in pairs if pair[0].number >= first])
            for name, values in spent.items():
                row[name]["us"] = statistics.median(values)
            yield row


def counted(pairs: list[tuple[Stamped, Stamped | None]]) -> dict[str, float]:
    """Count what became of the colour images."""
    return {
        "right": sum(
            depth is not None and colour.number == depth.number for colour, depth in pairs
        ),
        "wrong": sum(
            depth is not None and colour.number != depth.number for colour, depth in pairs
        ),
        "alone": sum(depth is None for _, depth in pairs),
    }


def after_an_exception(way: type) -> str:
    """Raise an exception in the callback at the tenth pair; say how many follow."""
    events = events_of(STREAMS[0], seconds=4.0)
    calls = []

    def take(colour: Stamped, _depth: Stamped | None) -> None:
        calls.append(colour.number)
        if len(calls) == 10:
            raise RuntimeError("in the callback")

    pairing = way(take, SLOPS_S[0])

    def feed() -> None:
        for event in events:
            try:
                pairing.add(event)
            except RuntimeError:  # as a node does that goes on
                continue

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    thread.join(5.0)
    is_stuck = ", then the inputs block for ever" if thread.is_alive() else ""
    return f"{len(calls) - 10} more pairs of {len(events) // 2 - 10}{is_stuck}"


def during_a_slow_callback(way: type) -> str:
    """Say whether an image can be added while the callback works on a pair."""
    entered, go_on = threading.Event(), threading.Event()

    def take(_colour: Stamped, _depth: Stamped | None) -> None:
        entered.set()
        go_on.wait(10)

    pairing = way(take, SLOPS_S[0])
    stamp = Time(sec=1)
    together = [Event(1.0, is_depth, Stamped(Header(stamp=stamp), 0)) for is_depth in (True, False)]
    later = Event(1.1, True, Stamped(Header(stamp=Time(sec=2)), 1))

    def feed(events: list[Event]) -> threading.Thread:
        thread = threading.Thread(target=lambda: [pairing.add(event) for event in events])
        thread.start()
        return thread

    first = feed(together)
    entered.wait(10)
    second = feed([later])
    second.join(1.0)
    result = "waits for the callback" if second.is_alive() else "is taken at once"
    go_on.set()
    first.join()
    second.join()
    return result
