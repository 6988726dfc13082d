from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, TrackState
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.embedding import EmbeddingSpace, Looks

BODY = skeleton("coco_17")
DT_NS = 100_000_000
SHAPES = np.random.default_rng(0).random((9, 17, 2))  # how each person holds the limbs
LOOKS = np.linalg.qr(np.random.default_rng(3).normal(size=(16, 16)))[0].astype(np.float32)


def people(places, shapes=None):
    """Poses of people 40 x 100 px with their upper left corners at ``places``."""
    corners = np.array(places, float).reshape(-1, 1, 2)
    shapes = list(range(len(corners))) if shapes is None else shapes
    scores = np.full((len(corners), 17, 1), 0.8)
    return Poses(
        skeleton=BODY,
        keypoints=np.concatenate((SHAPES[shapes] * [40, 100] + corners, scores), axis=2),
        boxes=np.concatenate((corners[:, 0], corners[:, 0] + [40, 100]), axis=1),
        box_scores=np.full(len(corners), 0.9),
        scores=np.full(len(corners), 0.9),
    )


class Camera:
    """Knows what everybody looks like, and counts who is asked for."""

    def __init__(self):
        self.who = []
        self.asked = []

    def __call__(self, rows):
        self.asked.append(rows.tolist())
        return np.array([self.look(self.who[row]) for row in rows]).reshape(len(rows), 16)

    @staticmethod
    def look(person):
        return np.full(16, np.nan) if person is None else LOOKS[person]


def tracker(**settings):
    space = EmbeddingSpace(max_distance=0.45, digest="looks")
    return build_tracker(TrackerConfig(**settings), space=space)


def step(one, camera, frame, who, number):
    camera.who = who
    return one.update(frame, number * DT_NS, camera)


def test_nobody_is_embedded_without_a_doubt_but_to_be_known():
    one, camera = tracker(embed_interval_s=1.0, gallery_people=0), Camera()
    for number in range(20):
        both = people([(5 * number, 0), (300 - 5 * number, 200)])
        tracks = step(one, camera, both, [0, 1], number)
        assert tracks.ids.tolist() == [1, 2]
    # Confirmed in frame 2, renewed a second later; nothing else.
    assert camera.asked == [[0, 1], [0, 1]]


@pytest.mark.parametrize("embed_all", [False, True])
def test_where_nothing_is_in_doubt_the_order_of_the_paper_gives_the_same(embed_all):
    one, camera = tracker(embed_all=embed_all), Camera()
    rng = np.random.default_rng(0)
    ids = []
    for number in range(30):
        places = [(4 * number, 0), (400, 3 * number), (250, 300 - 5 * number)]
        order = rng.permutation(3)
        frame = people(places)[order]
        tracks = step(one, camera, frame, order.tolist(), number)
        found = dict(zip(tracks.detection_rows.tolist(), tracks.ids.tolist(), strict=True))
        ids.append([found[order.tolist().index(person)] for person in range(3)])
    assert ids == [ids[0]] * 30
    assert (len(camera.asked) == 30) == embed_all


def test_embeddings_decide_where_boxes_and_poses_do_not():
    # Two people who stand close in the same pose change places.
    one, camera = tracker(), Camera()
    for number in range(6):
        step(one, camera, people([(0, 0), (30, 0)], shapes=[0, 0]), [0, 1], number)
    swapped = step(one, camera, people([(14, 0), (16, 0)], shapes=[0, 0]), [1, 0], 6)
    assert swapped.ids.tolist() == [1, 2]
    assert swapped.detection_rows.tolist() == [1, 0]
    blind = tracker()
    for number in range(6):
        blind.update(people([(0, 0), (30, 0)], shapes=[0, 0]), number * DT_NS)
    nearest = blind.update(people([(14, 0), (16, 0)], shapes=[0, 0]), 6 * DT_NS)
    assert nearest.detection_rows.tolist() == [0, 1]


def test_a_lost_person_is_known_again_beyond_the_reach_of_boxes():
    for who, expected in ((0, [1]), (1, [1, 2])):
        one, camera = tracker(max_age_s=2.0), Camera()
        for number in range(5):
            step(one, camera, people([(0, 0)]), [0], number)
        tracks = step(one, camera, people([(90, 0)], shapes=[4]), [who], 15)
        assert tracks.ids.tolist() == expected
    assert tracks.states.tolist() == [TrackState.LOST, TrackState.TENTATIVE]


@pytest.mark.parametrize(("who", "expected"), [(0, [1]), (None, [1]), (1, [1, 2])])
def test_who_comes_to_where_somebody_was_lost_is_not_that_one_by_place_alone(who, expected):
    one, camera = tracker(), Camera()
    for number in range(5):
        step(one, camera, people([(0, 0)]), [0], number)
    for number in range(5, 10):
        step(one, camera, Poses.empty(BODY), [], number)
    tracks = step(one, camera, people([(0, 0)]), [who], 10)  # the same box, the same pose
    assert tracks.ids.tolist() == expected


def test_a_lost_track_that_fits_better_leaves_a_doubt():
    # A is missed once, then found while B is missed, who stands so near that A might be B.
    one, camera = tracker(), Camera()
    for number in range(6):
        step(one, camera, people([(0, 0), (20, 0)], shapes=[0, 0]), [0, 1], number)
    step(one, camera, people([(20, 0)], shapes=[0]), [1], 6)
    found = step(one, camera, people([(0, 0)], shapes=[0]), [0], 7)
    seen = found[found.detection_rows >= 0]
    assert seen.ids.tolist() == [1]


def test_who_cannot_be_embedded_does_not_keep_others_from_it():
    one, camera = tracker(embed_per_frame=1, embed_interval_s=0.5, gallery_people=0), Camera()
    asked = np.zeros(3, int)
    for number in range(60):
        camera.asked.clear()
        step(one, camera, people([(0, 0), (200, 0), (400, 0)]), [None, None, 2], number)
        asked += np.bincount([row for rows in camera.asked for row in rows], minlength=3)
    assert (asked >= 5).all()


def test_what_is_hidden_is_not_learnt():
    one, camera = tracker(embed_interval_s=0.0, embed_per_frame=10), Camera()
    for number in range(5):
        step(one, camera, people([(0, 0), (300, 0)]), [0, 1], number)
    known = one._table.embeddings.copy()
    np.testing.assert_allclose(known, LOOKS[:2], atol=1e-6)
    for number in range(5, 34):  # person 1 comes near, until half of each is covered
        distance = 300 - 10 * (number - 5)
        both = people([(0, 0), (distance, 0)])
        tracks = step(one, camera, both, [0, 1 if distance >= 30 else 2], number)
    assert distance == 20
    assert tracks.ids.tolist() == [1, 2]
    np.testing.assert_allclose(one._table.embeddings, known, atol=1e-6)


def test_embeddings_of_nan_say_nothing_and_harm_nobody():
    one, camera = tracker(embed_all=True), Camera()
    for number in range(10):
        tracks = step(one, camera, people([(3 * number, 0), (200, 0)]), [None, None], number)
    assert tracks.ids.tolist() == [1, 2]
    again = step(one, camera, people([(30, 0), (200, 0)]), [0, None], 10)
    assert again.ids.tolist() == [1, 2]


def test_embeddings_that_come_with_the_poses_are_used_instead():
    one = tracker()
    for number in range(4):
        both = replace(people([(0, 0), (30, 0)], shapes=[0, 0]), embeddings=LOOKS[:2])
        one.update(both, number * DT_NS, pytest.fail)
    swapped = replace(people([(14, 0), (16, 0)], shapes=[0, 0]), embeddings=LOOKS[[1, 0]])
    tracks = one.update(swapped, 4 * DT_NS, pytest.fail)
    assert tracks.detection_rows.tolist() == [1, 0]
    np.testing.assert_array_equal(tracks.poses.embeddings, LOOKS[[0, 1]])


def test_an_embedding_fades_slowly_and_keeps_its_length():
    one, camera = tracker(embed_all=True), Camera()
    for number in range(4):
        step(one, camera, people([(0, 0)]), [0], number)
    step(one, camera, people([(0, 0)]), [1], 4)  # the stages by box and pose go on with it
    expected = 0.9 * LOOKS[0] + 0.1 * LOOKS[1]
    np.testing.assert_allclose(
        one._table.embeddings[0], expected / np.linalg.norm(expected), atol=1e-6
    )


def test_a_wrong_number_of_embeddings_is_named():
    looks = Looks(people([(0, 0), (50, 0)]), lambda rows: np.zeros((1, 8)))
    with pytest.raises(ValueError, match=r"shape \(2, D\), got \(1, 8\)"):
        looks.of(np.array([0, 1]))
