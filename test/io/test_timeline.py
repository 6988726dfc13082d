"""Bars begin and end when people do, and everybody has a place."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from made_runs import job, people, processed

from alphapose_ros.frame import TrackState
from alphapose_ros.io.presence import Identity, Presence, Span, TrackHistory
from alphapose_ros.io.timeline import (
    MOST_ROWS,
    WIDTH,
    TimelineSink,
    arrange,
    clock,
    draw_timeline,
    round_step,
)

BOX = (10, 10, 60, 200)
TENTATIVE, TRACKED, LOST = TrackState.TENTATIVE, TrackState.TRACKED, TrackState.LOST


def presence(frames):
    """Of frames at 10 Hz: number of the frame -> ids, states, persons."""
    follows = Presence(0.1)
    for number, (ids, states, persons) in frames.items():
        follows.add(number * 10**8, people([BOX] * len(ids), ids, states, persons))
    return follows


def told(identity):
    return [(round(s.start_s, 3), round(s.stop_s, 3), s.state) for s in identity.spans]


def test_spans_change_with_the_state():
    states = [TENTATIVE, TENTATIVE, TRACKED, TRACKED, LOST, TRACKED]
    follows = presence({n: ([7], [state], [-1]) for n, state in enumerate(states)})
    (one,) = follows.identities()
    assert told(one) == [
        (0.0, 0.2, TENTATIVE),
        (0.2, 0.4, TRACKED),
        (0.4, 0.5, LOST),
        (0.5, 0.6, TRACKED),
    ]
    assert follows.stop_s == pytest.approx(0.6) and one.name == "track 7"


def test_a_person_has_all_tracks_from_first_sight():
    follows = presence(
        {
            0: ([1, 2], [TRACKED] * 2, [-1, -1]),
            1: ([1, 2], [TRACKED] * 2, [-1, 5]),
            40: ([3], [TRACKED], [5]),
        }
    )
    first, person = follows.identities()
    assert (first.name, person.name) == ("track 1", "person 5 (tracks 2, 3)")
    assert told(person) == [(0.0, 0.2, TRACKED), (4.0, 4.1, TRACKED)]


def test_everybody_is_sorted_by_first_sight():
    follows = presence({0: ([9], [TRACKED], [-1]), 1: ([4, 9], [TRACKED] * 2, [-1, -1])})
    assert [one.name for one in follows.identities()] == ["track 9", "track 4"]


def test_tracks_that_are_none_and_removed_ones_have_no_bar():
    follows = presence({0: ([-1, 2], [TRACKED, TrackState.REMOVED], [-1, -1])})
    assert follows.identities() == [] and draw_timeline([], 1.0) == []


def short(number, start_s, stop_s, person_id=-1):
    spans = [Span(start_s, stop_s, TRACKED)]
    return Identity(person_id, (TrackHistory(number, person_id, (0, 0, 255), spans),))


def test_few_people_have_a_row_each_and_many_share_them_without_overlap():
    many = [short(n + 1, float(n), n + 2.0) for n in range(80)]
    assert len(arrange(many[:60], 82.0)) == 60
    rows = arrange(many, 82.0)
    assert len(rows) < 20 and sum(map(len, rows)) == 80
    for row in rows:
        ends = [(one.spans[0].start_s, one.spans[-1].stop_s) for one in row]
        assert all(before[1] < after[0] for before, after in pairwise(ends))


def test_people_who_are_known_share_no_row():
    many = [short(n + 1, float(n), n + 0.1, person_id=n) for n in range(80)]
    assert len(arrange(many, 81.0)) == 80


@pytest.mark.parametrize("count", [1, 3, 80, 250])
def test_pages_are_as_wide_and_not_too_tall(count):
    pages = draw_timeline([short(n + 1, 0.0, 5.0) for n in range(count)], 5.0)
    assert len(pages) == -(-count // MOST_ROWS)
    assert all(page.shape[1] == WIDTH and page.shape[0] < 1700 for page in pages)


def test_a_bar_stands_where_the_time_is():
    (page,) = draw_timeline([short(1, 2.0, 3.0)], 4.0)
    red = (page == (0, 0, 255)).all(axis=2)
    columns = np.flatnonzero(red[:, 230:].any(axis=0))
    scale = (WIDTH - 250) / 4.0
    assert columns.min() == pytest.approx(2 * scale, abs=3)
    assert columns.max() == pytest.approx(3 * scale, abs=3)


def test_the_sink_writes_one_picture(tmp_path):
    with TimelineSink(tmp_path, job()) as sink:
        for number in range(5):
            sink.add(processed(number, people([BOX])))
    assert [path.name for path in tmp_path.iterdir()] == ["timeline.png"]
    assert cv2.imread(str(tmp_path / "timeline.png")).shape[1] == WIDTH


def test_nobody_no_file(tmp_path):
    with TimelineSink(tmp_path, job()) as sink:
        sink.add(processed(0, people([])))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("extent", "step"), [(0.9, 0.1), (15.0, 2.0), (95.0, 10.0), (500.0, 60.0), (9000.0, 1800.0)]
)
def test_axes_have_round_steps(extent, step):
    assert round_step(extent, 10) == step


def test_times_are_written_as_people_do():
    assert [clock(0.5, 0.1), clock(12.0, 2.0), clock(200.0, 20.0), clock(3800.0, 600.0)] == [
        "0.5 s",
        "12 s",
        "3:20",
        "1:03:20",
    ]
