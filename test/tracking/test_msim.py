from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, TrackState
from alphapose_ros.keypoints import PoseSimilarity
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import TRACKERS, build_tracker
from alphapose_ros.tracking.embedding import Looks
from alphapose_ros.tracking.msim import Costs
from alphapose_ros.tracking.tracks import TrackTable

BODY = skeleton("coco_17")
DT_NS = 100_000_000
SHAPES = np.random.default_rng(0).random((9, 17, 2))  # how each person holds the limbs


def people(places, shapes=None, score=0.9):
    """Poses of people 40 x 100 px with their upper left corners at ``places``."""
    corners = np.array(places, float).reshape(-1, 2)
    shapes = range(len(corners)) if shapes is None else shapes
    keypoints = [
        np.concatenate((SHAPES[shape] * [40, 100] + corner, np.full((17, 1), 0.8)), axis=1)
        for shape, corner in zip(shapes, corners, strict=True)
    ]
    return Poses(
        skeleton=BODY,
        keypoints=np.reshape(keypoints, (-1, 17, 3)),
        boxes=np.concatenate((corners, corners + [40, 100]), axis=1),
        box_scores=np.full(len(corners), score),
        scores=np.full(len(corners), score),
    )


def tracker(**settings):
    return build_tracker(TrackerConfig(**settings))


def run(one, frames, start_ns=0):
    """Give a tracker frame after frame; return the last tracks."""
    for number, frame in enumerate(frames):
        tracks = one.update(frame, start_ns + number * DT_NS)
    return tracks


@pytest.mark.parametrize("name", TRACKERS)
def test_every_tracker_lives_with_empty_frames(name, tmp_path):
    (tmp_path / "tracks.txt").write_text("2,1,1,1,40,100,1,-1,-1,-1\n")
    one = tracker(name=name, tracks_file=str(tmp_path / "tracks.txt"), byte_score=0.5)
    assert len(one.update(people([]), 0)) == 0
    assert len(one.update(people([(0, 0)]), DT_NS)) == (0 if name == "none" else 1)
    one.reset()


def test_walking_people_keep_their_ids():
    one = tracker()
    for step in range(30):
        tracks = one.update(people([(10 * step, 0), (400 - 10 * step, 150)]), step * DT_NS)
        assert tracks.ids.tolist() == [1, 2]
        assert tracks.detection_rows.tolist() == [0, 1]
    assert tracks.states.tolist() == [TrackState.TRACKED] * 2
    assert tracks.hits.tolist() == [30, 30]
    np.testing.assert_allclose(tracks.ages_s, 2.9)
    np.testing.assert_allclose(tracks.velocities_px, [[100, 0], [-100, 0]], atol=3)


def test_people_who_cross_are_told_apart_by_their_poses():
    one = tracker()
    for step in range(21):  # they walk through each other, and are listed in turn
        both = people([(10 * step, 0), (200 - 10 * step, 0)], shapes=[0, 1])
        tracks = one.update(both[[0, 1] if step % 2 else [1, 0]], step * DT_NS)
    left_to_right = tracks.ids[tracks.poses.boxes[:, 0] == 200]
    assert left_to_right.tolist() == [2]  # who was listed second in the first frame
    assert len(tracks) == 2


def test_a_track_is_tentative_until_it_was_seen_often_enough():
    one = tracker(confirm_hits=3)
    states = [one.update(people([(0, 0)]), s * DT_NS).states.tolist() for s in range(4)]
    assert states == [[0], [0], [1], [1]]


def test_a_lost_person_is_predicted_and_comes_back_as_the_same():
    one = tracker(max_age_s=2.0)
    run(one, [people([(10 * s, 0)]) for s in range(10)])
    lost = run(one, [people([])] * 5, 10 * DT_NS)
    assert lost.states.tolist() == [TrackState.LOST]
    assert lost.detection_rows.tolist() == [-1]
    assert lost.unseen_s == pytest.approx([0.5])
    assert np.isnan(lost.poses.keypoints[..., :2]).all()
    assert lost.poses.boxes[0, 0] == pytest.approx(140, abs=8)
    back = one.update(people([(150, 0)]), 15 * DT_NS)
    assert back.ids.tolist() == [1]
    assert back.states.tolist() == [TrackState.TRACKED]


def test_a_track_ends_after_its_time_is_reported_once_and_its_id_never_returns():
    one = tracker(max_age_s=1.0)
    run(one, [people([(0, 0)])] * 5)
    states = [one.update(people([]), s * DT_NS).states.tolist() for s in range(5, 18)]
    assert states == [[2]] * 10 + [[3], [], []]
    assert one.update(people([(0, 0)]), 20 * DT_NS).ids.tolist() == [2]


def test_time_is_counted_by_stamps_not_by_frames():
    one = tracker(max_age_s=1.0)
    run(one, [people([(0, 0)])] * 5)
    assert one.update(people([]), 400_000_000 + 3 * 10**9).states.tolist() == [TrackState.REMOVED]


def test_a_gap_in_the_stamps_ends_a_track_even_if_somebody_stands_there_afterwards():
    one = tracker(max_age_s=1.0)
    run(one, [people([(0, 0)])] * 5)
    tracks = one.update(people([(0, 0)]), 3600 * 10**9)
    assert dict(zip(tracks.ids.tolist(), tracks.states.tolist(), strict=True)) == {
        1: TrackState.REMOVED,
        2: TrackState.TENTATIVE,
    }


def test_a_weak_box_continues_a_track_but_begins_none():
    one = tracker(min_score=0.5)
    assert len(one.update(people([(0, 0)], score=0.2), 0)) == 0
    run(one, [people([(0, 0)])] * 3, DT_NS)
    assert one.update(people([(0, 0)], score=0.2), 9 * DT_NS).detection_rows.tolist() == [0]


def test_people_far_apart_are_not_the_same():
    one = tracker()
    run(one, [people([(0, 0)])] * 3)
    tracks = one.update(people([(300, 0)]), 3 * DT_NS)
    assert tracks.ids.tolist() == [1, 2]
    assert tracks.states.tolist() == [TrackState.LOST, TrackState.TENTATIVE]


def test_a_box_much_taller_is_somebody_else():
    one = tracker()
    run(one, [people([(0, 0)])] * 3)
    tall = people([(0, 0)])
    tall = replace(tall, boxes=tall.boxes * [1, 1, 1, 2.5])
    assert one.update(tall, 3 * DT_NS).ids.tolist() == [1, 2]


def test_ids_go_on_after_a_reset():
    one = tracker()
    run(one, [people([(0, 0), (200, 0)])])
    one.reset()
    assert one.update(people([(0, 0)]), 0).ids.tolist() == [3]


def test_two_trackers_count_for_themselves():
    for _ in range(2):
        assert tracker().update(people([(0, 0)]), 0).ids.tolist() == [1]


def test_a_stamp_before_the_last_one_is_refused_with_the_remedy():
    one = tracker()
    one.update(people([]), 10 * DT_NS)
    with pytest.raises(ValueError, match=r"went back by 1.000 s; reset\(\) first"):
        one.update(people([]), 0)


def test_a_changed_setting_holds_from_the_next_frame():
    one = tracker(confirm_hits=3)
    one.update(people([(0, 0)]), 0)
    one.config = replace(one.config, confirm_hits=2)
    assert one.update(people([(0, 0)]), DT_NS).states.tolist() == [TrackState.TRACKED]


def test_poses_without_keypoints_are_followed_by_their_boxes():
    blind = people([(0, 0)])
    blind = replace(blind, keypoints=np.tile([np.nan, np.nan, 0], (1, 17, 1)))
    one = tracker()
    assert run(one, [blind] * 4).ids.tolist() == [1]


@pytest.mark.parametrize("name", ["msim", "iou", "byte"])
def test_crowds_gaps_and_values_that_are_not_numbers_are_survived(name):
    rng = np.random.default_rng(5)
    one, stamp_ns, known = tracker(name=name), 0, set()
    gaps_ns = [DT_NS, 10 * 10**9, 300 * 10**9, 0]
    for number in range(12):
        count = 500 if number == 4 else int(rng.integers(0, 6))
        frame = people(rng.uniform(0, 400, (count, 2)), rng.integers(0, 9, count))
        keypoints, boxes = frame.keypoints.copy(), frame.boxes.copy()
        keypoints[rng.random(keypoints.shape[:2]) < 0.3] = np.nan
        boxes[rng.random(count) < 0.1] = np.nan
        boxes[rng.random(count) < 0.1, 2:] = 0
        frame = replace(frame, keypoints=keypoints, boxes=boxes)
        stamp_ns += gaps_ns[number % 4]
        tracks = one.update(frame, stamp_ns)
        assert len(set(tracks.ids.tolist())) == len(tracks)
        born = set(tracks.ids[tracks.ages_s == 0].tolist())
        assert number % 4 == 3 or not born & known  # no time passed: still newborn
        known |= set(tracks.ids.tolist())
        rows = tracks.detection_rows[tracks.detection_rows >= 0]
        assert len(set(rows.tolist())) == len(rows)
    for _ in range(600):  # ten minutes without anybody
        stamp_ns += 10**9
        tracks = one.update(people([]), stamp_ns)
    assert len(tracks) == 0
    assert one.update(people([(0, 0)]), stamp_ns).ids.min() > max(known)


def test_boxes_of_low_score_come_last_and_only_go_on():
    one = tracker(low_score=0.3, min_score=0.1)
    run(one, [people([(0, 0)])] * 4)
    weak = people([(6, 0)], shapes=[0], score=0.2)
    both = replace(
        people([(0, 0), (6, 0)], shapes=[0, 0]), box_scores=np.array([0.2, 0.9], np.float32)
    )
    tracks = one.update(both, 4 * DT_NS)
    assert tracks.detection_rows.tolist() == [1, 0]  # the strong box goes on, the weak one is new
    tracks = one.update(weak, 5 * DT_NS)
    assert tracks.states[tracks.detection_rows == 0].tolist() == [TrackState.TRACKED]
    alike = tracker(low_score=0.0, min_score=0.1)
    run(alike, [people([(0, 0)])] * 4)
    assert alike.update(both, 4 * DT_NS).detection_rows.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["msim", "iou", "byte"])
def test_people_are_followed_where_images_are_rare(name):
    one = build_tracker(TrackerConfig(name=name))
    for number in range(6):  # one a second, which is longer than tentative_age_s
        tracks = one.update(people([(0, 0)]), number * 10**9)
    assert tracks.ids.tolist() == [1]
    assert tracks.states.tolist() == [TrackState.TRACKED]
    assert one.update(people([(0, 0)]), 60 * 10**9).ids.tolist() == [1, 2]  # a gap ends it


@pytest.mark.parametrize(
    ("confirm_hits", "state"), [(1, TrackState.TRACKED), (2, TrackState.TENTATIVE)]
)
def test_one_sight_confirms_where_one_is_asked_for(confirm_hits, state):
    one = build_tracker(TrackerConfig(confirm_hits=confirm_hits))
    assert one.update(people([(0, 0)]), 0).states.tolist() == [state]


def test_another_skeleton_needs_a_reset():
    one = tracker()
    one.update(people([(0, 0)]), 0)
    other = Poses.empty(skeleton("halpe_26"))
    with pytest.raises(ValueError, match=r"halpe_26 after coco_17; reset\(\) first"):
        one.update(other, DT_NS)
    one.reset()
    assert len(one.update(other, DT_NS)) == 0


def test_the_fused_cost_is_that_of_the_paper_divided_by_its_weights():
    # Box shifted by a quarter: IoU 30/50 = 0.6. The poses are shifted along: their distance by
    # PoseSimilarity, one pair at a time.
    before, after = people([(0, 0)]), people([(10, 0)])
    table = TrackTable(BODY)
    table.begin(before, np.array([0]), 0, iter([1]))
    costs = Costs(table, after, TrackerConfig(pose_weight=0.25), Looks(after, None), 0.7, None)
    distance = PoseSimilarity().distance(
        before.keypoints[0], np.array([40.0, 100.0]), after.keypoints
    )[0]
    assert 0.2 < distance < 1
    row = np.array([0])
    np.testing.assert_allclose(costs.fused(row, row), 0.75 * 0.4 + 0.25 * distance, rtol=1e-5)
    np.testing.assert_allclose(costs.apart(row, row), 0.4)
