from __future__ import annotations

import importlib.util
import itertools
import sys

import numpy as np
import pytest
from decoding import DECODES_AS_KNOWN, WHY_NOT

from alphapose_ros import Frame, Pipeline
from alphapose_ros.config import Config

STEP, RATE_HZ = 2, 5.0  # every second frame
ABSENT_S = 6.0  # longer than lost tracks are kept
STREET = slice(40, 120)  # frames in which somebody walks alone


@pytest.fixture(scope="module")
def identity(root):
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("identity", root / "benchmarks/identity.py")
    sys.modules["identity"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def entrance(identity, data):
    """Three people, one after the other."""
    return identity.Film(data / "videos/intel/one_by_one_part1.mp4", Config())


@pytest.fixture(scope="module")
def halves(identity, data):
    """{(person, half): every second frame}."""
    return {
        key: identity.Part(part.name, part.numbers[::STEP])
        for key, part in identity.halves(data).items()
    }


def visits(identity, halves, one, other, absent_s=ABSENT_S):
    """One's first half, nobody, other, nobody, one's second half."""
    nobody = identity.pause(absent_s, RATE_HZ)
    both = identity.joined(halves[other, 0], halves[other, 1])
    return halves[one, 0], nobody, both, nobody, halves[one, 1]


def test_who_comes_back_is_the_same_person_to_the_whole_pipeline(identity, entrance, halves):
    pipeline = Pipeline(Config())
    ids, tracks = [], []
    stamp_ns = 0
    for part in visits(identity, halves, 2, 3):
        seen = []
        for number in part.numbers:
            stamp_ns += round(1e9 / RATE_HZ)
            found = pipeline(Frame(image=entrance.images[number], stamp_ns=stamp_ns))
            seen.append(found[found.detection_rows >= 0])
        ids.append(np.concatenate([found.person_ids for found in seen]))
        tracks.append({number for found in seen for number in found.ids.tolist()})
    first, _, stranger, _, again = (set(some[some >= 0].tolist()) for some in ids)
    assert len(first) == len(stranger) == 1
    assert again == first
    assert first.isdisjoint(stranger)
    assert np.mean(ids[4] >= 0) > 0.7
    assert tracks[0].isdisjoint(tracks[4])  # it is not one track that went on


@pytest.mark.parametrize(
    ("one", "other", "absent_s"),
    [
        (one, other, absent_s)
        for absent_s in (ABSENT_S, 2.0, 0.0)  # lost tracks have ended; have not; no image between
        for one, other in itertools.permutations((1, 2, 3), 2)
    ],
)
def test_nobody_else_becomes_who_left_and_who_left_is_known_again(
    identity, entrance, halves, one, other, absent_s
):
    parts = visits(identity, halves, one, other, absent_s)
    first, _, stranger, _, again = identity.ids_of(entrance, parts, Config(), RATE_HZ)
    mine = identity.usual(first)
    assert mine >= 0
    assert identity.usual(stranger) >= 0
    assert stranger[mine] == 0
    assert identity.usual(again) == mine
    assert identity.share(again, {mine}, parts[4]) > 0.5


@pytest.mark.skipif(not DECODES_AS_KNOWN, reason=WHY_NOT)
def test_who_is_hidden_on_a_street_keeps_track_and_person(identity, data):
    """A patch hides somebody who walks alone, for one, two and three seconds."""
    config = Config()
    street = identity.Film(data / identity.PETS, config, STREET)
    boxes = identity.reference_boxes(street, config)
    for duration_s in identity.HIDDEN_S:
        walks = identity.alone(boxes, duration_s, most=1)
        assert walks
        own = boxes[walks[0].track]
        patched = identity.hidden(street, own, walks[0].start, duration_s)
        start = walks[0].start
        plain = street.poses(start).boxes
        assert identity.iou(own[start][None], plain).max() > 0.5
        left = patched[start][1].boxes
        assert not len(left) or identity.iou(own[start][None], left).max() < 0.3  # really hidden
        assert identity.kept(street, own, patched, config) == (True, True, True)
