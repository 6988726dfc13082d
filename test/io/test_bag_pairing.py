"""Pairs by stamps, against all pairs at once."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from alphapose_ros.io.bag_pairing import LOOK_AHEAD, Stamped, pair


def colour(stamp):
    return Stamped(False, stamp, stamp)


def depth(stamp):
    return Stamped(True, stamp, stamp)


def nearest_both_ways(colours, depths, slop):
    """Each picture in order takes the nearest depth image that is nearer to no later picture."""
    free, found = list(depths), []
    for number, stamp in enumerate(colours):
        within = [
            other
            for other in free
            if abs(other - stamp) <= slop
            and all(abs(other - stamp) <= abs(other - later) for later in colours[number + 1 :])
        ]
        partner = min(within, key=lambda other: abs(other - stamp), default=None)
        if partner is not None:
            free = [other for other in free if other > partner]
        found.append((stamp, partner))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_pairs_are_those_of_all_stamps_at_once(seed):
    rng = np.random.default_rng(seed)
    colours = np.unique(rng.integers(0, 3000, 60)).tolist()
    depths = np.unique(rng.integers(0, 3000, rng.integers(5, 90))).tolist()
    slop = int(rng.integers(1, 80))
    # Arriving up to 150 late, each kind in its order.
    lag = {True: rng.integers(0, 150), False: rng.integers(0, 150)}
    images = sorted(
        [*map(colour, colours), *map(depth, depths)], key=lambda one: one.stamp_ns + lag[one[0]]
    )
    assert list(pair(images, slop)) == nearest_both_ways(colours, depths, slop)


def test_a_depth_image_is_given_to_one_picture_only():
    assert list(pair([colour(0), depth(4), colour(5)], 10)) == [(0, None), (5, 4)]
    assert list(pair([colour(0), depth(2), colour(5)], 10)) == [(0, 2), (5, None)]


def test_what_waits_is_bounded_and_pictures_are_not_lost():
    taken = []

    def images():
        for number in range(500):
            taken.append(number)
            yield colour(number * 100)

    for given, (stamp, partner) in enumerate(pair(images(), 10)):
        assert (stamp, partner) == (given * 100, None)
        assert len(taken) - given <= LOOK_AHEAD + 1
    assert given == 499


def test_depth_that_no_picture_comes_for_is_let_go():
    class Thing:
        pass

    alive = []

    def images():
        for number in range(500):
            thing = Thing()
            alive.append(weakref.ref(thing))
            yield Stamped(True, number, thing)
            del thing
            assert sum(one() is not None for one in alive) <= LOOK_AHEAD + 2

    assert list(pair(images(), 10)) == []


def test_stamps_that_go_back_begin_anew():
    first = [colour(1000), depth(1000), colour(1100), depth(1100)]
    again = [colour(0), depth(1), colour(100), depth(101)]
    expected = [(1000, 1000), (1100, 1100), (0, 1), (100, 101)]
    assert list(pair([*first, *again], 10)) == expected
