from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.training.synthetic.identities import NEIGHBOURS, Identities
from alphapose_ros.training.synthetic.keypoints import SKELETON

EACH = 3


@pytest.fixture(scope="module")
def samples(studio):
    draw = Identities(studio, (96, 48), pictures_each=EACH)
    return [draw(number) for number in range(2 * EACH)]


def test_a_picture_is_a_function_of_seed_and_number(studio, samples):
    again = Identities(studio, (96, 48), pictures_each=EACH)(4)
    np.testing.assert_array_equal(again.image, samples[4].image)
    np.testing.assert_array_equal(again.subjects[0].label.box, samples[4].subjects[0].label.box)


def test_pictures_come_by_identity_and_neighbours_share_a_group(samples):
    firsts = [sample.subjects[0] for sample in samples]
    assert [subject.track_id for subject in firsts] == [1] * EACH + [2] * EACH
    assert {subject.body for sample in samples for subject in sample.subjects} == {0}
    assert not any(subject.is_ignored for subject in firsts)
    assert all(s.is_ignored for sample in samples for s in sample.subjects[1:])


def looks(person):
    """Return the colours of all that a person shows, as bytes."""
    return b"".join(material.colours.tobytes() for material in person.materials)


def test_the_same_person_keeps_its_build_and_clothes(studio):
    first, again = (Identities(studio)._dressed(9) for _ in range(2))
    np.testing.assert_array_equal(first.rest, again.rest)
    assert looks(first) == looks(again)
    assert [m.texture for m in first.materials] == [m.texture for m in again.materials]


def test_everybody_looks_different(studio):
    people = [Identities(studio)._dressed(number) for number in range(NEIGHBOURS)]
    assert len({looks(person) for person in people}) == NEIGHBOURS
    assert len({person.rest.tobytes() for person in people}) == NEIGHBOURS


def test_the_person_is_seen_large_in_the_picture(samples):
    for sample in samples:
        label = sample.subjects[0].label
        height, width = sample.image.shape[:2]
        assert (height, width) == (96, 48)
        assert label.visible >= 0.25
        sides = (label.box[2:] - label.box[:2]) / (width, height)
        assert sides.max() > 0.4
        inside = label.keypoints[[SKELETON.index("left_hip"), SKELETON.index("right_hip")], 2]
        assert inside.max() > 0 or label.visible < 0.8
