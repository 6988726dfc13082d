from __future__ import annotations

from dataclasses import replace

import numpy as np

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.colours import IdentityColours, colour_of
from alphapose_ros.skeletons import skeleton


def people(persons):
    """Tracks of {track id: person id, -1 where unknown}."""
    n = len(persons)
    zeros = np.zeros(n)
    return Tracks(
        poses=Poses(
            skeleton=skeleton("coco_17"),
            keypoints=np.zeros((n, 17, 3)),
            boxes=np.zeros((n, 4)),
            box_scores=zeros,
            scores=zeros,
        ),
        ids=list(persons),
        states=np.full(n, TrackState.TRACKED),
        ages_s=zeros,
        unseen_s=zeros,
        hits=zeros,
        detection_rows=zeros,
        velocities_px=np.zeros((n, 2)),
        person_ids=list(persons.values()),
        identity_scores=zeros,
    )


def shown(colours, **persons):
    """Colours of tracks, as the numbers that they are those of."""
    numbers = {colour_of(number): number for number in range(-50, 200)}
    tracks = people({int(name[1:]): person for name, person in persons.items()})
    return [numbers[colour] for colour in colours(tracks)]


def test_the_colour_stays_when_it_becomes_known_who_somebody_is():
    colours = IdentityColours()
    assert shown(colours, t5=-1, t6=-1) == [5, 6]
    assert shown(colours, t5=1, t6=2) == [5, 6]
    assert shown(colours, t6=2, t5=-1) == [6, 5]


def test_who_comes_back_gets_the_earlier_colour_once_known_again():
    colours = IdentityColours()
    shown(colours, t5=-1)
    shown(colours, t5=1)
    shown(colours)
    assert shown(colours, t9=-1) == [9]
    assert shown(colours, t9=1) == [5]
    assert shown(colours, t9=-1) == [5]


def test_two_known_people_never_share_a_colour():
    colours = IdentityColours()
    assert shown(colours, t5=1) == [5]
    (other,) = shown(colours, t5=2)  # taken for somebody else before
    assert other != 5
    assert shown(colours, t5=2, t8=1) == [other, 5]


def test_tracks_that_have_ended_and_people_of_long_ago_are_forgotten():
    colours = IdentityColours()
    for number in range(3000):
        colours(people({number + 1: number}))
    assert len(colours._of_tracks) == 1
    assert len(colours._of_people) == 1000
    assert colours(people({5000: 2999})) == [colour_of(3000)]
    assert colours(people({5001: 0})) == [colour_of(5001)]


def test_nobody_has_no_colour():
    assert IdentityColours()(people({})) == []


def test_people_without_tracks_have_a_colour_each():
    one = people({1: -1})
    rows = one[np.array([0, 0, 0])]
    nobody = replace(rows, ids=np.array([-1, -1, 2]), person_ids=np.array([-1, -1, -1]))
    assert len(IdentityColours()(nobody)) == 3
