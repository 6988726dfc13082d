"""Ways lie where people went, in pixels and in metres, and cost a bounded memory."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from made_runs import job, people, processed

from alphapose_ros.frame import TrackState
from alphapose_ros.io.colours import colour_of
from alphapose_ros.io.faces import FILL
from alphapose_ros.io.trajectories import (
    MOST_POINTS,
    MOST_WAYS,
    TrajectoriesSink,
    Way,
    Ways,
    draw_from_above,
    draw_ways,
)

RED = (0, 0, 255)


def near(image, where, colour, reach=4):
    """Whether a colour is found around x, y."""
    x, y = (round(value) for value in where)
    part = image[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1].astype(int)
    return (np.abs(part - colour).max(axis=2) < 60).any()


def way(times, places):
    one = Way(1, RED)
    for time_s, place in zip(times, places, strict=True):
        one.add(time_s, place)
    return one


def test_a_long_way_is_thinned_and_keeps_its_ends():
    times = np.arange(100_000) / 10
    one = way(times, [(t, 2 * t) for t in times])
    kept, places = one.points()
    assert len(kept) <= MOST_POINTS + 1
    assert (kept[0], kept[-1]) == (0.0, times[-1])
    steps = np.diff(kept)[:-1]
    assert steps.min() == pytest.approx(steps.max())  # even
    np.testing.assert_allclose(places, np.stack((kept, 2 * kept), axis=1))


def test_the_shortest_ways_go_when_there_are_too_many():
    ways = Ways()
    for number in range(50):
        ways.add(number, np.array([1]), np.array([[5.0, 5.0]]), [RED])
    for number in range(MOST_WAYS + 100):
        ways.add(50.0 + number, np.array([2 + number]), np.array([[5.0, 5.0]]), [RED])
    assert len(ways) <= MOST_WAYS + 1 and [one.id for one in ways.all()] == [1]


def test_tracks_that_are_none_and_unknown_places_are_left_out():
    ways = Ways()
    for time_s in (0.0, 1.0):
        places = np.array([[1.0, 1.0], [np.nan, 1.0]])
        ways.add(time_s, np.array([-1, 2]), places, [RED, RED])
    assert ways.all() == []


def test_a_way_is_drawn_where_it_went_and_brightens():
    image = np.zeros((480, 640, 3), np.uint8)
    drawn = draw_ways(image, [way([0, 1, 2], [(100, 100), (300, 100), (500, 300)])])
    assert not image.any()
    assert drawn[100, 200, 2] < drawn[200, 400, 2] and drawn[100, 200, 2] > 40
    assert not near(drawn, (300, 300), RED)


def test_a_way_is_grey_where_nobody_was_seen():
    times = [0.0, 0.1, 0.2, 0.3, 9.0, 9.1, 9.2]
    places = [(100 + 30 * n, 100 if n < 4 else 300) for n in range(7)]
    drawn = draw_ways(np.zeros((480, 640, 3), np.uint8), [way(times, places)])
    between = drawn[200, 190:220].max(axis=0).astype(int)
    assert between.min() > 80 and np.ptp(between) < 5


def test_the_map_keeps_distances():
    ways = [way([0, 1], [(0.0, 2.0), (2.0, 2.0)]), way([0, 1], [(0.0, 2.0), (0.0, 4.0)])]
    sheet = draw_from_above(ways)
    red = np.abs(sheet.astype(int) - RED).max(axis=2) < 10
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=12)
    assert np.ptp(rows) > 100


def walk(sink, count=12, **columns):
    image = np.full((240, 320, 3), 200, np.uint8)
    for number in range(count):
        box = (20 + 20 * number, 60, 50 + 20 * number, 200)
        place = {key: value(number) for key, value in columns.items()}
        sink.add(processed(number, people([box], **place), image))


def test_the_sink_draws_feet(tmp_path):
    with TrajectoriesSink(tmp_path, job()) as sink:
        walk(sink)
    assert [path.name for path in tmp_path.iterdir()] == ["trajectories.png"]
    drawn = cv2.imread(str(tmp_path / "trajectories.png"))
    assert drawn.shape == (480, 640, 3)  # twice the frame
    assert near(drawn, (2 * 255, 2 * 200), colour_of(1))  # where the last box stands
    assert drawn[20, 20].max() < 110  # dimmed


def test_positions_give_a_map(tmp_path):
    with TrajectoriesSink(tmp_path, job()) as sink:
        walk(sink, positions=lambda n: [[0.1 * n, 0.0, 3.0]])
    assert (tmp_path / "trajectories_m.png").is_file()


def test_lost_people_have_no_place(tmp_path):
    with TrajectoriesSink(tmp_path, job()) as sink:
        walk(sink, states=lambda n: [TrackState.LOST])
    assert list(tmp_path.iterdir()) == []


def test_faces_are_covered_with_privacy(tmp_path):
    shown = []
    for name, privacy in (("open", False), ("private", True)):
        (tmp_path / name).mkdir()
        with TrajectoriesSink(tmp_path / name, job(output__privacy=privacy)) as sink:
            for number in range(3):
                keypoints = np.full((1, 136, 3), np.nan)
                box = (20 + number, 60, 120 + number, 200)
                sink.add(processed(number, people([box], keypoints=keypoints)))
        shown.append(cv2.imread(str(tmp_path / name / "trajectories.png"))[160, 140])
    assert shown[0].min() > 80 and shown[1].max() < max(FILL)
