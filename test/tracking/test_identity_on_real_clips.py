from __future__ import annotations

import importlib.util
import sys

import pytest

from alphapose_ros import Frame, Pipeline
from alphapose_ros.config import Config, with_values

STEP = 2  # every second frame: five a second


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


def visits(identity, halves, one, other):
    """One's first half, nobody, other, nobody, one's second half."""
    nobody = identity.pause(6.0 / STEP)
    both = identity.joined(halves[other, 0], halves[other, 1])
    return halves[one, 0], nobody, both, nobody, halves[one, 1]


def test_somebody_who_comes_back_is_the_same_person_in_the_whole_pipeline(
    identity, entrance, halves
):
    pipeline = Pipeline(Config())
    found, tracks_of = [], []
    count = 0
    for part in visits(identity, halves, 2, 3):
        people, tracks = [], set()
        for number in part.numbers:
            count += 1
            stamp_ns = round(count * STEP / identity.RATE_HZ * 1e9)
            frame = Frame(image=entrance.images[number], stamp_ns=stamp_ns, index=count)
            result = pipeline(frame)
            seen = result.detection_rows >= 0
            people += result.person_ids[seen & (result.person_ids >= 0)].tolist()
            tracks |= set(result.ids[seen].tolist())
        found.append(people)
        tracks_of.append(tracks)
    first, _, stranger, _, again = found
    assert set(first) == set(again)
    assert len(set(first)) == 1
    assert set(first).isdisjoint(stranger)
    assert len(again) > 0.7 * len(halves[2, 1].numbers)
    assert tracks_of[0].isdisjoint(tracks_of[4])  # it is not the track that goes on


@pytest.mark.parametrize("one, other", [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)])
def test_nobody_else_becomes_who_has_left_and_he_does_again(
    identity, entrance, halves, monkeypatch, one, other
):
    monkeypatch.setattr(identity, "RATE_HZ", identity.RATE_HZ / STEP)
    parts = visits(identity, halves, one, other)
    first, _, stranger, _, again = identity.ids_of(entrance, parts, Config())
    mine = identity.usual(first)
    assert mine >= 0
    assert identity.usual(stranger) >= 0
    assert stranger[mine] == 0
    assert identity.usual(again) == mine
    assert identity.share(again, {mine}, parts[4]) > 0.5


def test_who_is_hidden_on_a_street_keeps_the_person_id_by_looks_alone_known(identity, data):
    pets = identity.Film(data / "videos/pets09_s2l1_part1/video.mp4", Config())
    boxes = identity.reference_boxes(pets, Config())
    assert boxes
