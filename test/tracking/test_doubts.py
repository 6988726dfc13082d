"""Whom a track follows after it was lost is not said before a look has confirmed it."""

from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, TrackState
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.costs import upright_overlaps
from alphapose_ros.tracking.embedding import EmbeddingSpace

BODY = skeleton("coco_17")
DT_NS = 100_000_000
SHAPE = np.random.default_rng(0).random((17, 2))
LIMIT = 0.4
IMAGE = np.zeros((240, 320, 3), np.uint8)


def look(angle_deg):
    """A unit vector; the cosine distance of two is 1 - cos of the angle between them."""
    angle = np.radians(angle_deg)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


SELF, UNKNOWN = look(0), np.full(2, np.nan, np.float32)
OTHER = look(60)  # distance 0.5: beyond the limit of one person, not beyond twice that
STRANGER = look(100)  # distance 1.17


def person(x=100.0, width=40.0, shape=SHAPE):
    corner = np.array([x, 50.0])
    return Poses(
        skeleton=BODY,
        keypoints=np.concatenate((shape * [width, 100] + corner, np.full((17, 1), 0.8)), 1)[None],
        boxes=[[*corner, x + width, 150.0]],
        box_scores=[0.9],
        scores=[0.9],
    )


class Walk:
    """A tracker that knows one person, number 1, who then is away for half a second."""

    def __init__(self, x=100.0, width=40.0, image=None, seconds_away=0.5):
        settings = TrackerConfig(gallery_interval_s=0.1, embed_interval_s=0.5)
        space = EmbeddingSpace(max_distance=LIMIT, digest="angles")
        self.tracker, self.image, self.number = build_tracker(settings, space=space), image, 0
        for _ in range(20):
            tracks = self.see(person(x, width), SELF)
        assert (tracks.ids.tolist(), tracks.person_ids.tolist()) == ([1], [1])
        for _ in range(round(10 * seconds_away)):
            self.see(Poses.empty(BODY), SELF)

    def see(self, people, embedding):
        self.number += 1
        stamp_ns = self.number * DT_NS
        return self.tracker.update(
            people, stamp_ns, lambda rows: np.tile(embedding, (len(rows), 1)), self.image
        )


def test_who_is_found_again_is_named_once_a_look_says_so():
    walk = Walk()
    for _ in range(4):
        tracks = walk.see(person(), UNKNOWN)
        assert (tracks.ids.tolist(), tracks.person_ids.tolist()) == ([1], [-1])
        assert np.isnan(tracks.identity_scores).all()
    tracks = walk.see(person(), SELF)
    assert (tracks.ids.tolist(), tracks.person_ids.tolist()) == ([1], [1])


def test_what_a_track_looks_like_is_told_unless_it_is_in_doubt():
    walk = Walk()
    tracks = walk.see(person(), UNKNOWN)
    assert np.isnan(tracks.poses.embeddings).all()
    tracks = walk.see(person(), SELF)
    np.testing.assert_allclose(tracks.poses.embeddings, [SELF], atol=1e-6)


def test_a_stranger_in_the_place_of_who_was_lost_gets_a_track_of_his_own():
    walk = Walk()
    walk.see(person(), UNKNOWN)
    for _ in range(2):
        tracks = walk.see(person(), STRANGER)
        assert (tracks.ids.tolist(), tracks.person_ids.tolist()) == ([1], [-1])
    tracks = walk.see(person(), STRANGER)  # the third look: gallery_confirmations
    assert tracks.ids.tolist() == [2, 1]
    assert tracks.states.tolist() == [TrackState.TRACKED, TrackState.REMOVED]
    assert tracks.person_ids[0] == -1
    named = [walk.see(person(), STRANGER) for _ in range(8)]
    assert all(found.ids.tolist() == [2] for found in named)
    assert set(named[-1].person_ids.tolist()) == {2}
    assert all(1 not in found.person_ids for found in named)


def test_who_does_not_look_alike_is_not_named_after_who_was_lost():
    walk = Walk()
    seen = [walk.see(person(), OTHER) for _ in range(12)]
    assert all(1 not in found.person_ids for found in seen)
    assert seen[-1].ids.tolist() == [1]  # but it may be the same one in another light
    assert seen[-1].person_ids.tolist() == [2]


def test_one_strange_look_is_not_enough():
    walk = Walk()
    walk.see(person(), UNKNOWN)
    walk.see(person(), STRANGER)
    tracks = walk.see(person(), SELF)
    assert (tracks.ids.tolist(), tracks.person_ids.tolist()) == ([1], [1])


def test_a_match_that_is_dear_raises_a_doubt():
    walk = Walk(seconds_away=0.0)
    far = person(100 + 22, shape=1 - SHAPE)  # IoU 18 / 62 and another pose
    tracks = walk.see(far, UNKNOWN)
    assert (tracks.ids.tolist(), tracks.person_ids.tolist()) == ([1], [-1])
    tracks = walk.see(far, SELF)
    assert (tracks.ids.tolist(), tracks.person_ids.tolist()) == ([1], [1])


@pytest.mark.parametrize(
    ("x", "image", "embedding", "expected"),
    [
        (0.0, IMAGE, UNKNOWN, 1),  # where he left
        (0.0, None, UNKNOWN, 2),  # how wide the picture is, is not known
        (290.0, IMAGE, UNKNOWN, 2),  # the other side
        (30.0, IMAGE, UNKNOWN, 2),  # nowhere near a side
        (0.0, IMAGE, STRANGER, 2),
    ],
)
def test_who_is_cut_off_where_somebody_left_is_that_one_unless_looks_say_no(
    x, image, embedding, expected
):
    walk = Walk(x=0.0, width=30.0, image=image, seconds_away=0.0)
    for step in range(6):  # out of the picture to the left
        walk.see(person(0.0, 30.0 - 4 * step), UNKNOWN)
    for _ in range(20):
        walk.see(Poses.empty(BODY), UNKNOWN)
    tracks = walk.see(person(x, 30.0, shape=1 - SHAPE), embedding)
    assert tracks[tracks.detection_rows >= 0].ids.tolist() == [expected]
    assert tracks[tracks.detection_rows >= 0].person_ids.tolist() == [-1]


def test_upright_overlaps_are_those_of_intervals():
    boxes = np.array([[0, 100, 10, 200], [50, 0, 90, 50]], float)
    others = np.array([[9, 150, 20, 250], [0, 50, 1, 60], [0, 100, 5, 200]], float)
    # 50 of 150, none, all; none, none (they touch), none
    np.testing.assert_allclose(upright_overlaps(boxes, others), [[1 / 3, 0, 1], [0, 0, 0]])
