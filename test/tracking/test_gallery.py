from __future__ import annotations

import itertools

import numpy as np
import pytest

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.embedding import EmbeddingSpace
from alphapose_ros.tracking.gallery import Gallery
from alphapose_ros.tracking.ids import Ids

DT_NS = 100_000_000
SPACE = EmbeddingSpace(max_distance=0.4, digest="test network, weights 1")
LOOKS = np.eye(8, dtype=np.float32)  # distance 1 between any two people
FAR = 10_000_000_000


def person(x=0.0, width=40):
    """One person 100 px tall, who stands at x."""
    shape = np.random.default_rng(0).random((1, 17, 2)) * [width, 100] + [x, 0]
    return Poses(
        skeleton=skeleton("coco_17"),
        keypoints=np.concatenate((shape, np.full((1, 17, 1), 0.8)), axis=2),
        boxes=[[x, 0, x + width, 100]],
        box_scores=[0.9],
        scores=[0.9],
    )


def tracker(**settings):
    return build_tracker(TrackerConfig(**settings), space=SPACE)


def visit(one, look, start_ns, frames=30, x=0.0):
    """Let somebody be there for a while, and be gone for long; return the person ids given."""
    given = []
    for number in range(frames):
        noise = 0.02 * np.random.default_rng(number).normal(size=8)
        embedding = (look + noise) / np.linalg.norm(look + noise)
        tracks = one.update(person(x), start_ns + number * DT_NS, lambda rows, e=embedding: e[None])
        given.append(int(tracks.person_ids[tracks.detection_rows == 0][0]))
    one.update(Poses.empty(skeleton("coco_17")), start_ns + frames * DT_NS + FAR)
    return given


def test_who_returns_after_somebody_else_was_there_is_known_again():
    one = tracker()
    first = visit(one, LOOKS[0], 0)
    other = visit(one, LOOKS[1], 2 * FAR)
    again = visit(one, LOOKS[0], 4 * FAR)
    assert first[-1] == again[-1] == 1
    assert other[-1] == 2
    assert set(again) == {-1, 1}  # nothing is said before it is sure
    assert 2 <= again.index(1) < 15


@pytest.mark.parametrize(("left", "came"), itertools.permutations(range(3), 2))
def test_nobody_else_gets_the_identity_of_who_left(left, came):
    one = tracker()
    before = visit(one, LOOKS[left], 0)
    after = visit(one, LOOKS[came], 2 * FAR)
    assert before[-1] == 1
    assert 1 not in after


def test_who_is_about_as_near_to_two_people_is_neither():
    gallery_tracker = tracker(gallery_margin=0.1, gallery_max_distance=0.5)
    visit(gallery_tracker, LOOKS[0], 0)
    visit(gallery_tracker, LOOKS[1], 2 * FAR)
    between = 1.1 * LOOKS[0] + LOOKS[1]
    between /= np.linalg.norm(between)  # 0.26 and 0.33 from them
    assert set(visit(gallery_tracker, between, 4 * FAR)) == {-1}


@pytest.mark.parametrize(("own_part", "expected"), [(0.65, 2), (0.2, 1)])
def test_a_person_is_given_up_only_where_nothing_is_like_them_any_more(own_part, expected):
    # Distances 0.35 and 0.8 to the own person, 0.24 and 0.02 to the other; the limit is 0.4.
    one = tracker(gallery_interval_s=0.0, embed_interval_s=0.0)
    visit(one, LOOKS[1], 0)  # person 1
    for number in range(20):
        tracks = one.update(person(), 2 * FAR + number * DT_NS, lambda rows: LOOKS[[0]])
    assert tracks.person_ids.tolist() == [2]
    mixed = own_part * LOOKS[0] + np.sqrt(1 - own_part**2) * LOOKS[1]
    for number in range(20, 40):
        tracks = one.update(person(), 2 * FAR + number * DT_NS, lambda rows: mixed[None])
    assert tracks.person_ids.tolist() == [expected]


def test_a_single_likeness_confirms_nobody():
    one = tracker(gallery_confirmations=3, gallery_interval_s=0.0)
    visit(one, LOOKS[0], 0)
    looks = itertools.cycle([LOOKS[0], LOOKS[3]])
    for number in range(30):
        tracks = one.update(person(), 2 * FAR + number * DT_NS, lambda rows: next(looks)[None])
    assert tracks.person_ids.tolist() == [-1]
    assert np.isnan(tracks.identity_scores).all()


def test_two_people_seen_at_once_are_never_the_same_person():
    one = tracker()
    visit(one, LOOKS[0], 0)
    two = Poses(
        skeleton=skeleton("coco_17"),
        **{
            name: np.concatenate((getattr(person(), name), getattr(person(300), name)))
            for name in ("keypoints", "boxes", "box_scores", "scores")
        },
    )
    for number in range(30):
        tracks = one.update(two, 2 * FAR + number * DT_NS, lambda rows: LOOKS[[0] * len(rows)])
        known = tracks.person_ids[tracks.person_ids >= 0].tolist()
        assert len(set(known)) == len(known)
    assert 1 in tracks.person_ids


def test_a_reset_forgets_tracks_and_no_person():
    one = tracker()
    visit(one, LOOKS[0], 0)
    one.reset()
    assert visit(one, LOOKS[0], 0)[-1] == 1


def test_a_gallery_is_bounded_and_keeps_different_views():
    gallery = Gallery(max_people=2, max_embeddings=3)
    one = gallery.add(LOOKS[0], 0.5, 0)
    for look, quality in ((LOOKS[1], 0.9), (LOOKS[2], 0.9), (LOOKS[0], 0.8)):
        gallery.observe(one, look, quality, 1)
    known = gallery.people[one]
    assert len(known.embeddings) == 3
    np.testing.assert_allclose(sorted(known.qualities), [0.8, 0.9, 0.9], rtol=1e-6)
    np.testing.assert_array_equal(known.embeddings.sum(axis=0), LOOKS[:3].sum(axis=0))
    assert [gallery.add(LOOKS[4], 1, 5), gallery.add(LOOKS[5], 1, 6)] == [2, 3]
    assert sorted(gallery.people) == [2, 3]  # who was not seen for longest is forgotten


def test_the_nearest_person_and_the_next_one():
    gallery = Gallery()
    gallery.add(LOOKS[0], 1, 0)
    gallery.add((0.6 * LOOKS[0] + 0.8 * LOOKS[1]), 1, 0)
    found = gallery.match(LOOKS[0])
    assert (found.person_id, found.distance) == (1, 0)
    assert found.second == pytest.approx(0.4)
    assert gallery.match(LOOKS[0], frozenset([1])).person_id == 2
    assert gallery.match(np.ones(3)).distance == np.inf


def test_a_gallery_survives_a_restart(tmp_path):
    one = tracker()
    visit(one, LOOKS[0], 0)
    visit(one, LOOKS[1], 2 * FAR)
    one.gallery.save(tmp_path / "people.npz")
    next_day = tracker(gallery_file=str(tmp_path / "people.npz"))
    assert visit(next_day, LOOKS[1], 0)[-1] == 2
    assert visit(next_day, LOOKS[4], 2 * FAR)[-1] == 3  # and not 1 or 2 again


def test_people_are_kept_where_the_settings_ask_for_it(tmp_path):
    path = tmp_path / "people.npz"
    settings = {"gallery_file": str(path), "gallery_save": True}
    first = tracker(**settings)  # there is no file yet
    visit(first, LOOKS[0], 0)
    first.keep()
    assert visit(tracker(**settings), LOOKS[0], 0)[-1] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["people.npz"]
    before = path.read_bytes()
    other = tracker(gallery_file=str(path))
    visit(other, LOOKS[3], 0)
    other.keep()
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tracker(gallery_file=str(tmp_path / "nowhere.npz"))


def test_a_gallery_from_a_file_keeps_its_order_and_its_bounds(tmp_path):
    full = Gallery(max_people=5)
    for number in range(5):
        full.add(LOOKS[number], 0.5, 10 * number)
    full.observe(1, LOOKS[0], 0.9, 1000)  # the first is seen last
    full.save(tmp_path / "people.npz")
    few = Gallery(max_people=3, max_embeddings=1)
    few.load(tmp_path / "people.npz")
    assert set(few.people) == {1, 4, 5}
    assert len(few.people[1].embeddings) == 1
    assert few.add(LOOKS[6], 0.5, 0) == 6
    assert set(few.people) == {1, 5, 6}  # 4 was not seen for longest


@pytest.mark.parametrize(
    "change",
    [
        {"person_ids": np.array([0])},
        {"person_ids": np.array([-1])},
        {"person_ids": np.array([[1]])},
        {"person_ids": np.array([1.5])},
        {"next_id": np.array([1, 2])},
        {"form": np.array([1, 1])},
    ],
)
def test_an_odd_gallery_is_refused(tmp_path, change):
    gallery = Gallery()
    gallery.add(LOOKS[0], 0.5, 0)
    gallery.save(tmp_path / "people.npz")
    with np.load(tmp_path / "people.npz") as file:
        arrays = dict(file) | change
    np.savez(tmp_path / "people.npz", **arrays)
    with pytest.raises(ValueError, match=r"people\.npz: "):
        Gallery().load(tmp_path / "people.npz")


def test_without_a_network_nobody_is_kept_or_read(tmp_path):
    path = tmp_path / "people.npz"
    blind = build_tracker(TrackerConfig(gallery_file=str(path), gallery_save=True))
    blind.update(person(), 0)
    blind.keep()
    assert not path.exists()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"gallery_save": True}, "gallery_save needs tracker.gallery_file"),
        ({"gallery_save": True, "gallery_file": "/nowhere/people.npz"}, "/nowhere does not exist"),
    ],
)
def test_what_could_not_be_kept_in_the_end_is_refused_at_once(settings, error):
    with pytest.raises((ValueError, FileNotFoundError), match=error):
        tracker(**settings)


def test_an_empty_gallery_can_be_kept(tmp_path):
    Gallery(ids=Ids(next_person=7)).save(tmp_path / "none.npz")
    gallery = Gallery()
    gallery.load(tmp_path / "none.npz")
    assert len(gallery) == 0
    assert gallery.add(LOOKS[0], 1, 0) == 7


def test_files_that_do_not_fit_are_refused_with_the_reason(tmp_path):
    gallery = Gallery("a")
    with pytest.raises(FileNotFoundError, match=r"missing\.npz"):
        gallery.load(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("people")
    with pytest.raises(ValueError, match="not a gallery"):
        gallery.load(tmp_path / "text.npz")
    Gallery("b").save(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"network 'b', but 'a' is in use"):
        gallery.load(tmp_path / "other.npz")
    gallery.add(2 * LOOKS[0], 1, 0)
    gallery.save(tmp_path / "long.npz")
    with pytest.raises(ValueError, match="unit length"):
        gallery.load(tmp_path / "long.npz")


def test_more_people_than_the_gallery_holds_are_followed_all_the_same():
    one = tracker(gallery_people=2, gallery_confirmations=1, gallery_interval_s=0.0)
    alone = [person(150.0 * place) for place in range(4)]
    everybody = Poses(
        skeleton=alone[0].skeleton,
        **{
            name: np.concatenate([getattr(someone, name) for someone in alone])
            for name in ("keypoints", "boxes", "box_scores", "scores")
        },
    )
    for number in range(8):
        tracks = one.update(everybody, number * DT_NS, lambda rows: LOOKS[rows])
        assert len(tracks) == 4
        known = tracks.person_ids[tracks.person_ids >= 0].tolist()
        assert set(known) <= set(one.gallery.people)
        assert len(known) == len(set(known))
    assert one.gallery.ids.next_person > 3


def test_whom_an_embedding_is_like_is_the_mean_of_the_nearest_three():
    rng = np.random.default_rng(5)
    gallery = Gallery(max_embeddings=9)
    made = {}
    for count in (1, 2, 7):
        looks = rng.normal(size=(count, 8))
        looks /= np.linalg.norm(looks, axis=1, keepdims=True)
        number = gallery.add(looks[0], 1.0, 0)
        for look in looks[1:]:
            gallery.observe(number, look, 1.0, 0)
        made[number] = looks
    probe = rng.normal(size=8)
    probe /= np.linalg.norm(probe)
    apart = {n: sorted((1 - looks @ probe).tolist())[:3] for n, looks in made.items()}
    means = {number: sum(some) / len(some) for number, some in apart.items()}
    first, second = sorted(means, key=means.get)[:2]
    found = gallery.match(probe)
    assert found.person_id == first
    np.testing.assert_allclose([found.distance, found.second], [means[first], means[second]])
    assert gallery.match(probe, frozenset({first})).person_id == second
    assert gallery.match(probe, frozenset(made)).person_id == -1
    np.testing.assert_allclose(gallery.distance(first, probe), means[first], rtol=1e-5)


def test_a_tracker_in_the_place_of_another_gives_no_number_twice():
    ids = Ids()
    one = build_tracker(TrackerConfig(), ids, SPACE)
    assert visit(one, LOOKS[0], 0)[-1] == 1
    another = build_tracker(TrackerConfig(), ids, SPACE)
    assert visit(another, LOOKS[1], 2 * FAR)[-1] == 2
