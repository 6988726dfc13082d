from __future__ import annotations

import random
import threading

import pytest

from alphapose_ros.nodes.pairing import SILENT_S, Pairing

MS = 1_000_000  # [ns]


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


class Bench:
    """A pairing whose clock the test moves; items are their stamps in ms, depth as text."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.pairs = []
        self.reports = []
        settings = {"slop_s": 0.05, "wait_s": 0.1, **settings}
        self.pairing = Pairing(self.take, clock=self.clock, report=self.reports.append, **settings)

    def take(self, colour, depth):
        self.pairs.append((colour, depth))

    def colour(self, *stamps_ms):
        for stamp_ms in stamps_ms:
            self.pairing.add_colour(stamp_ms, round(stamp_ms * MS))

    def depth(self, *stamps_ms):
        for stamp_ms in stamps_ms:
            self.pairing.add_depth(f"d{stamp_ms}", round(stamp_ms * MS))

    def wait(self, seconds):
        self.clock.now_s += seconds
        self.pairing.expire()

    def learn(self, colour_ms=33, depth_ms=33, start_ms=-2000):
        """Let both streams run long enough that their periods are known; forget what came of it."""
        for step in range(12):
            self.colour(start_ms + colour_ms * step)
        for step in range(12):
            self.depth(start_ms + depth_ms * step)
        pairing = self.pairing
        pairing.reset()
        self.pairs.clear()
        pairing.paired = pairing.colour_alone = pairing.depth_alone = pairing.dropped = 0


def play(bench, colours, depths):
    """Send (stamp, arrival) in ms of both in the order of their arrival; depth is sent by name."""
    events = [(arrival, "colour", stamp) for stamp, arrival in colours]
    events += [(arrival, "depth", stamp) for stamp, arrival in depths]
    start_s = bench.clock.now_s
    for arrival_ms, name, stamp_ms in sorted(events):
        bench.clock.now_s = start_s + arrival_ms / 1000
        bench.pairing.expire()
        getattr(bench, name)(stamp_ms)
    bench.wait(1.0)


def test_images_of_one_stamp_are_a_pair_at_once():
    bench = Bench()
    bench.depth(0)
    bench.colour(0)
    assert bench.pairs == [(0, "d0")]
    bench.colour(33)
    assert bench.pairs == [(0, "d0")]
    bench.depth(33)
    assert bench.pairs == [(0, "d0"), (33, "d33")]
    assert (bench.pairing.paired, bench.pairing.colour_alone, bench.pairing.depth_alone) == (
        2,
        0,
        0,
    )


@pytest.mark.parametrize("first", ["colour", "depth"])
def test_once_the_periods_are_known_near_images_are_a_pair_at_once(first):
    bench = Bench()
    bench.learn()
    if first == "colour":
        bench.colour(10)
        bench.depth(15)
    else:
        bench.depth(15)
        bench.colour(10)
    assert bench.pairs == [(10, "d15")]


def test_an_image_that_may_have_a_nearer_partner_waits_for_it():
    bench = Bench()
    bench.learn()
    bench.depth(0)
    bench.colour(30)  # the next depth image is due at 33
    assert bench.pairs == []
    bench.depth(33)
    assert bench.pairs == [(30, "d33")]
    assert bench.pairing.depth_alone == 1


def test_a_depth_image_goes_to_the_nearer_of_two_colour_images():
    bench = Bench()
    bench.learn()
    bench.colour(0)
    bench.depth(30)  # the next colour image is due at 33
    assert bench.pairs == []
    bench.colour(33)
    assert bench.pairs[-1] == (33, "d30")
    assert bench.pairs[:-1] in ([], [(0, None)])
    bench.wait(0.2)
    assert sorted(bench.pairs, key=lambda pair: pair[0]) == [(0, None), (33, "d30")]
    assert bench.pairs[0][0] == 0  # in order


def test_what_is_farther_than_the_slop_is_no_pair():
    bench = Bench(slop_s=0.01)
    bench.depth(0)
    bench.colour(11)
    bench.depth(30)
    assert bench.pairs == [(11, None)]
    bench.colour(40)
    bench.wait(0.1)
    assert bench.pairs == [(11, None), (40, "d30")]
    assert (bench.pairing.paired, bench.pairing.colour_alone, bench.pairing.depth_alone) == (
        1,
        1,
        1,
    )


def test_colour_waits_for_depth_until_its_deadline():
    bench = Bench()
    bench.learn()
    bench.colour(0)
    bench.wait(0.099)
    assert bench.pairs == []
    bench.wait(0.002)
    assert bench.pairs == [(0, None)]
    assert bench.pairing.colour_alone == 1


def test_at_its_deadline_colour_takes_what_is_there():
    bench = Bench()
    bench.learn()
    bench.depth(0)
    bench.colour(30)
    bench.wait(0.099)
    assert bench.pairs == []
    bench.wait(0.002)
    assert bench.pairs == [(30, "d0")]


def test_colour_that_can_have_no_partner_any_more_does_not_wait():
    bench = Bench()
    bench.learn(colour_ms=33, depth_ms=200)
    bench.depth(500)
    bench.colour(500, 533)  # the next depth image is due at 700
    assert bench.pairs == [(500, "d500"), (533, None)]


def test_colour_does_not_wait_where_depth_never_came_or_has_stopped():
    bench = Bench()
    for step in range(41):  # more than SILENT_S
        bench.colour(33 * step)
        bench.wait(0.033)
    assert bench.pairs == [(33 * step, None) for step in range(41)]
    bench.colour(33 * 41)
    assert bench.pairs[-1] == (33 * 41, None)  # at once
    bench.depth(33 * 42)
    bench.colour(33 * 42, 33 * 43)  # there is depth, so it is worth while to wait
    assert bench.pairs[-1] == (33 * 42, f"d{33 * 42}")
    bench.wait(0.99)
    bench.colour(33 * 44)
    assert bench.pairs[-1] == (33 * 43, None)
    bench.wait(0.02)
    bench.colour(33 * 45)
    assert bench.pairs[-1] == (33 * 45, None)


def test_after_a_pause_of_both_the_first_images_are_a_pair():
    bench = Bench()
    for start_ms in (0, 5000):
        bench.colour(start_ms)
        bench.depth(start_ms)
        bench.clock.now_s += 2 * SILENT_S
    assert bench.pairs == [(0, "d0"), (5000, "d5000")]


def test_stamps_that_go_back_begin_anew():
    bench = Bench()
    bench.learn()
    bench.depth(9000)
    bench.colour(9000, 9033)
    bench.depth(0)  # the bag begins again
    bench.colour(0)
    assert bench.pairs == [(9000, "d9000"), (0, "d0")]
    assert bench.pairing.went_back == 1
    assert bench.pairing.dropped == 1
    bench.colour(33)
    bench.depth(33)
    assert bench.pairs[-2:] == [(0, "d0"), (33, "d33")]


def test_reset_drops_what_waits_and_allows_any_stamp():
    bench = Bench()
    bench.depth(0)
    bench.colour(10)
    bench.pairing.reset()
    bench.wait(1.0)
    assert bench.pairs == []
    assert (bench.pairing.dropped, bench.pairing.depth_alone) == (1, 1)
    bench.depth(-500)
    bench.colour(-500)
    assert bench.pairs == [(-500, "d-500")]
    assert bench.pairing.went_back == 0


@pytest.mark.parametrize(
    ("colour_ms", "depth_ms", "depth_late_ms"),
    [(33.3, 33.3, 4), (33.3, 33.3, 30), (33.3, 33.3, -25), (100, 33.3, 4), (33.3, 100, 4)],
    ids=["equal rates", "late depth", "late colour", "depth 3:1", "colour 3:1"],
)
def test_each_image_finds_its_own_partner(colour_ms, depth_ms, depth_late_ms):
    # Both are taken at multiples of a period, with jitter; the true partner is that of its time.
    rng = random.Random(0)
    slower_ms, faster_ms = max(colour_ms, depth_ms), min(colour_ms, depth_ms)
    every = round(slower_ms / faster_ms)
    true, colours, depths = {}, [], []
    for number in range(300):
        time_ms = 1000 + number * faster_ms
        stamps = [round(time_ms + rng.uniform(-4, 4), 3) for _ in range(2)]
        arrivals = [stamp + 5 + rng.uniform(0, 8) for stamp in stamps]
        has = [number % every == 0 or faster_ms == own for own in (colour_ms, depth_ms)]
        if has[0]:
            colours.append((stamps[0], arrivals[0]))
        if has[1]:
            depths.append((stamps[1], arrivals[1] + depth_late_ms))
        if has[0]:
            true[stamps[0]] = f"d{stamps[1]}" if has[1] else None
    bench = Bench(slop_s=0.015, wait_s=0.1)
    bench.depth(0)
    play(bench, colours, depths)
    assert [colour for colour, _ in bench.pairs] == [stamp for stamp, _ in colours]
    learned = bench.pairs[10:]
    assert learned == [(colour, true[colour]) for colour, _ in learned]
    counts = bench.pairing
    assert counts.paired + counts.colour_alone == len(colours)
    assert counts.paired + counts.depth_alone + len(counts._depth.waiting) == len(depths) + 1


def test_lost_images_cost_only_their_own_pair():
    rng = random.Random(1)
    stamps = [1000 + 33 * number for number in range(300)]
    colours = [(stamp, stamp + 5) for stamp in stamps if rng.random() > 0.1]
    depths = [(stamp + 3, stamp + 12) for stamp in stamps if rng.random() > 0.1]
    bench = Bench()
    play(bench, colours, depths)
    kept = {stamp - 3 for stamp, _ in depths}
    true = [(stamp, f"d{stamp + 3}" if stamp in kept else None) for stamp, _ in colours]
    wrong = [own for own, pair in zip(true, bench.pairs, strict=True) if own != pair]
    # Whose depth image was lost may take a neighbour's, where that one's colour image was lost.
    assert all(depth is None for _, depth in wrong)
    assert len(wrong) < 10


def test_no_depth_image_is_used_twice():
    bench = Bench()
    rng = random.Random(2)
    colours = [(stamp := 1000 + 33 * n + rng.uniform(-20, 20), stamp) for n in range(200)]
    depths = [(stamp := 1000 + 50 * n + rng.uniform(-20, 20), stamp) for n in range(130)]
    play(bench, sorted(colours), sorted(depths))
    used = [depth for _, depth in bench.pairs if depth]
    assert len(used) == len(set(used)) > 80
    assert len(bench.pairs) == 200


def test_an_exception_costs_its_pair_only_and_is_reported():
    bench = Bench()

    def take(colour, depth):
        if colour == 33:
            raise RuntimeError("this one")
        bench.pairs.append((colour, depth))

    bench.pairing._take = take
    for stamp_ms in (0, 33, 66):
        bench.depth(stamp_ms)
        bench.colour(stamp_ms)
    assert bench.pairs == [(0, "d0"), (66, "d66")]
    assert bench.pairing.failed == 1
    assert len(bench.reports) == 1
    assert "RuntimeError: this one" in bench.reports[0]


def test_ctrl_c_passes_and_the_pairing_goes_on():
    bench = Bench()
    original = bench.pairing._take

    def take(colour, depth):
        raise KeyboardInterrupt

    bench.pairing._take = take
    bench.depth(0)
    with pytest.raises(KeyboardInterrupt):
        bench.colour(0)
    bench.pairing._take = original
    bench.depth(33)
    bench.colour(33)
    assert bench.pairs == [(33, "d33")]


def test_a_slow_callback_holds_up_no_input_and_is_never_called_twice_at_a_time():
    entered, go_on = threading.Event(), threading.Event()
    taken, inside = [], []

    def take(colour, depth):
        inside.append(colour)
        assert len(inside) == 1
        entered.set()
        assert go_on.wait(20)
        taken.append((colour, depth))
        inside.clear()

    pairing = Pairing(take, report=pytest.fail)
    pairing.add_depth("d0", 0)
    worker = threading.Thread(target=pairing.add_colour, args=("c0", 0))
    worker.start()
    assert entered.wait(20)
    for number in range(1, 6):  # would never return if they waited for the callback
        pairing.add_depth(f"d{number}", number * 33 * MS)
        pairing.add_colour(f"c{number}", number * 33 * MS)
    assert taken == []
    go_on.set()
    worker.join(20)
    assert not worker.is_alive()
    assert taken == [(f"c{number}", f"d{number}") for number in range(6)]


def test_a_callback_may_add_images_itself():
    pairs = []

    def take(colour, depth):
        pairs.append((colour, depth))
        if colour < 3:
            pairing.add_depth(colour + 1, (colour + 1) * 33 * MS)
            pairing.add_colour(colour + 1, (colour + 1) * 33 * MS)

    pairing = Pairing(take, report=pytest.fail)
    pairing.add_depth(0, 0)
    pairing.add_colour(0, 0)
    assert pairs == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_what_waits_is_bounded():
    bench = Bench(size=4, wait_s=1000.0)
    bench.depth(*range(0, 330, 33))
    assert bench.pairing.depth_alone == 6
    bench.colour(*range(1000, 1330, 33))  # depth may still come
    assert bench.pairs == [(stamp, None) for stamp in range(1000, 1198, 33)]


def test_pairs_that_a_slow_callback_leaves_behind_are_bounded_and_counted():
    bench = Bench(size=3)
    bench.pairing._is_handing_on = True  # as while another thread is inside the callback
    for stamp_ms in range(0, 330, 33):
        bench.depth(stamp_ms)
        bench.colour(stamp_ms)
    bench.pairing._is_handing_on = False
    bench.pairing.expire()
    assert [colour for colour, _ in bench.pairs] == [231, 264, 297]
    assert bench.pairing.dropped == 7


def test_many_threads_lose_nothing():
    taken = []
    pairing = Pairing(lambda *pair: taken.append(pair), size=1000, report=pytest.fail)
    threads = [
        threading.Thread(target=lambda add=add: [add(n, n * 33 * MS) for n in range(500)])
        for add in (pairing.add_colour, pairing.add_depth)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    pairing.reset()
    assert [colour for colour, _ in taken] == list(range(500 - pairing.dropped))
    assert all(depth in (None, colour) for colour, depth in taken)
