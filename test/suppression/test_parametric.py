"""Of poses of one person one stays, and nobody is taken for somebody else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.config import SuppressionConfig
from alphapose_ros.frame import Poses
from alphapose_ros.keypoints import PoseSimilarity
from alphapose_ros.skeletons import skeleton
from alphapose_ros.suppression import METHODS, evidence, parametric, pose_nms, pose_similarity
from alphapose_ros.suppression.parametric import Groups, PoseNms, merged

NAMES = ("coco_17", "halpe_26", "coco_wholebody_133", "halpe_136")
BODY = skeleton("coco_17")
ALL = SuppressionConfig(min_score=0.0)
SHIFTS = {  # to an IoU of 0.6 of two boxes of one size, in parts of the box
    "right": (0.25, 0.0),
    "left": (-0.25, 0.0),
    "down": (0.0, 0.25),
    "aslant": (1 - 0.75**0.5, 1 - 0.75**0.5),
}


def corners(count):
    return [(0.5 * (person % 5), 0.6 * (person // 5)) for person in range(count)]


def crowd(pool, count):
    return [pool[person % len(pool)] for person in range(count)]


def beside(one, other, shift, factor=1.0):
    """Put ``other`` into a box of the size of that of ``one``: boxes overlap by 0.6."""
    (places, width), (others, _) = one, other
    return [(places, width), (others, width)], [(0, 0), (shift[0] * width, shift[1])]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 5, 20])
@pytest.mark.parametrize("jitter", [0.01, 0.03])
def test_of_people_found_five_times_each_is_left_once(made_people, find, name, count, jitter):
    people = crowd(made_people(name, 5), count)
    poses = find(people, corners(count), name, jitter=jitter, seed=count)
    for factor in (1 / 3, 1, 2):  # people of 100, 300 and 600 px
        keypoints = poses.keypoints * [factor, factor, 1]
        enlarged = replace(poses, keypoints=keypoints, boxes=poses.boxes * factor)
        assert len(pose_nms(enlarged)) == count


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 5, 20])
def test_of_real_people_found_five_times_each_is_left_once(real_people, find, name, count):
    people = crowd(real_people(name), count)
    for seed, jitter in enumerate((0.01, 0.03)):
        poses = find(people, corners(count), name, jitter=jitter, seed=seed)
        assert len(pose_nms(poses)) == count


def test_with_errors_of_6_percent_nearly_all_crowds_are_counted_right(real_people, find):
    right = []
    for name in NAMES:
        for count in (1, 5, 20):
            people = crowd(real_people(name), count)
            for seed in range(4):
                poses = find(people, corners(count), name, jitter=0.06, seed=seed)
                right.append(len(pose_nms(poses)) == count)
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize("copies", [1, 3])
def test_two_real_people_whose_boxes_overlap_by_0_6_both_stay(
    real_people, find, name, shift, copies
):
    pool = real_people(name)
    for one in pool:
        for other in pool:
            if one is not other:
                poses = find(*beside(one, other, shift), name, copies=copies, jitter=0.01)
                assert len(pose_nms(poses)) == 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_two_made_people_whose_boxes_overlap_by_0_6_both_stay(made_people, find, name, shift):
    for seed in range(10):
        poses = find(*beside(*made_people(name, 2, seed), shift), name, copies=3)
        assert len(pose_nms(poses)) == 2


@pytest.mark.parametrize("name", ["pose_nms_body", "pose_nms_fullhm"])
def test_each_person_of_the_reference_s_cases_is_left_once(data, name):
    with np.load(data / f"reference/vectors/{name}.npz") as stored:
        for case in {key.split("/")[0] for key in stored}:
            keypoints = np.dstack([stored[f"{case}/poses"], stored[f"{case}/pose_scores"]])
            kinds = {len(skeleton(name).names): skeleton(name) for name in NAMES}
            poses = Poses(
                skeleton=kinds[keypoints.shape[1]],
                keypoints=keypoints,
                boxes=stored[f"{case}/boxes"],
                box_scores=stored[f"{case}/box_scores"][:, 0],
                scores=keypoints[..., 2].mean(axis=1),
            )
            people = len(set(stored[f"{case}/true_person"].tolist()))
            assert len(pose_nms(poses, config=ALL)) == people, case


def test_different_people_in_one_place_stay():
    rng = np.random.default_rng(5)
    keypoints = np.concatenate((rng.random((3, 17, 2)) * 100, np.full((3, 17, 1), 0.9)), axis=2)
    poses = Poses(
        skeleton=BODY,
        keypoints=keypoints,
        boxes=[[0, 0, 100, 100]] * 3,
        box_scores=[0.9] * 3,
        scores=[0.7, 0.9, 0.8],
    )
    np.testing.assert_allclose(pose_nms(poses).scores, [0.9, 0.8, 0.7])


def test_the_outcome_is_that_of_going_through_poses_one_by_one(made_people, find):
    similarity = pose_similarity(SuppressionConfig(), BODY)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        places = [tuple(corner) for corner in rng.uniform(0, 0.3, (6, 2))]
        poses = find(made_people("coco_17", 6, seed), places, "coco_17", jitter=0.07, seed=seed)
        groups, _ = PoseNms(similarity, 1.2).groups(poses.keypoints, poses.boxes, poses.scores)
        waiting, expected = list(np.argsort(-poses.scores)), {}
        while waiting:
            best = waiting.pop(0)
            size = poses.boxes[best, 2:] - poses.boxes[best, :2]
            alike = similarity(poses.keypoints[best], size, poses.keypoints[waiting])
            expected[best] = {best, *np.array(waiting, int)[alike > 1.2]}
            waiting = [row for row in waiting if row not in expected[best]]
        found = {best: set(groups.rows[groups.people == n]) for n, best in enumerate(groups.best)}
        assert found == expected
        assert 6 <= len(groups) < 30


def test_who_is_like_two_people_is_the_better_one():
    # 10 px apart in boxes of 100 px: 4 / e = 1.47 of 1.6 at most; 5 px: e^-0.25 (1 + 3 * 0.94).
    person = np.random.default_rng(0).random((17, 2)) * [50, 100]
    shifted = [person, person + [10, 0], person + [5, 0]]
    keypoints = np.dstack([shifted, np.full((3, 17, 1), 9.0)])
    boxes = np.array([[0, 0, 100, 100]] * 3, float)
    suppress = PoseNms(pose_similarity(SuppressionConfig(), BODY), 1.6)
    for scores, expected in (([0.9, 0.8, 0.7], [0, 2, 1]), ([0.8, 0.9, 0.7], [1, 2, 0])):
        groups, _ = suppress.groups(keypoints, boxes, np.array(scores))
        assert groups.rows.tolist() == expected
        assert groups.people.tolist() == [0, 0, 1]


def test_the_pose_that_stays_is_the_mean_of_all_by_score():
    places = np.array([[[10, 10], [50, 90]], [[12, 10], [50, 94]], [[11, 13], [80, 90]]], float)
    scores = np.array([[0.8, 0.8], [0.4, 0.2], [0.4, 0.6]])
    keypoints = np.dstack([places, scores])
    groups = Groups(np.array([0, 1, 2]), np.zeros(3, int), np.array([0]))
    boxes = np.array([[0, 0, 50, 100]] * 3, float)
    # The last place is 30 px away, of which 10 are near: not the same hand.
    expected = [
        [(8 * 10 + 4 * 12 + 4 * 11) / 16, (8 * 10 + 4 * 10 + 4 * 13) / 16, (64 + 16 + 16) / 160],
        [50, (8 * 90 + 2 * 94) / 10, (64 + 4) / 100],
    ]
    np.testing.assert_allclose(merged(groups, keypoints, boxes), [expected])


def test_what_merges_keeps_box_and_score_of_its_best(made_people, find):
    poses = find(made_people("coco_17", 1), [(0, 0)], "coco_17", jitter=0.01)
    best = poses[[np.argmax(poses.scores)]]
    kept = pose_nms(poses)
    np.testing.assert_array_equal(kept.boxes, best.boxes)
    np.testing.assert_array_equal(kept.box_scores, best.box_scores)
    np.testing.assert_array_equal(kept.scores, best.scores)
    assert (kept.keypoints != best.keypoints).any()


@pytest.mark.parametrize("method", ["parametric", "reference", "soft_oks"])
def test_embeddings_and_places_in_space_stay_with_their_poses(made_people, find, method):
    poses = find(made_people("coco_17", 3), corners(3), "coco_17", copies=3, jitter=0.005)
    rows = np.arange(len(poses), dtype=np.float32)
    in_space = np.broadcast_to(rows[:, None, None], poses.keypoints.shape)
    marked = replace(poses, embeddings=rows[:, None], keypoints_3d=in_space)
    kept = pose_nms(marked, method, config=ALL)
    own = kept.embeddings[:, 0].astype(int)
    np.testing.assert_array_equal(kept.box_scores, poses.box_scores[own])
    np.testing.assert_array_equal(kept.keypoints_3d[:, 0, 0], own)


def test_merging_brings_keypoints_nearer_to_the_truth(made_people, find):
    person = made_people("halpe_136", 1)
    truth = person[0][0] * [person[0][1], 1] * 300
    poses = find(person, [(0, 0)], "halpe_136", jitter=0.01)
    errors = {
        merge: np.linalg.norm(
            pose_nms(poses, config=SuppressionConfig(merge=merge)).keypoints[0, :, :2] - truth,
            axis=1,
        ).mean()
        for merge in (True, False)
    }
    assert errors[True] < 0.6 * errors[False]


def test_without_merging_the_best_poses_stay_as_they_are(made_people, find):
    people = made_people("coco_17", 4)
    poses = find(people, corners(4), "coco_17", copies=3)
    kept = pose_nms(poses, config=SuppressionConfig(merge=False))
    rows = [
        np.flatnonzero((poses.keypoints == pose).all(axis=(1, 2)))[0] for pose in kept.keypoints
    ]
    assert len(rows) == 4
    np.testing.assert_array_equal(kept.scores, poses.scores[rows])


def test_poses_come_out_best_first(made_people, find):
    poses = find(made_people("coco_17", 20), corners(20), "coco_17", copies=3)
    kept = pose_nms(poses)
    assert (np.diff(kept.scores) <= 0).all()
    assert kept.scores.max() <= 1


def test_the_threshold_decides(made_people, find):
    poses = find(made_people("coco_17", 4), corners(4), "coco_17", jitter=0.03)
    assert len(pose_nms(poses, config=SuppressionConfig(threshold=11.0))) == 20
    assert len(pose_nms(poses, config=SuppressionConfig(threshold=1.0))) == 4


def test_a_group_without_weight_does_not_decide(made_people, find):
    hands = skeleton("halpe_136").group("left_hand").start
    poses = find(made_people("halpe_136", 1), [(0, 0)], "halpe_136", copies=2, jitter=0.0)
    keypoints = poses.keypoints.copy()
    keypoints[1, hands:, :2] += 500
    moved = replace(poses, keypoints=keypoints)
    assert len(pose_nms(moved, config=SuppressionConfig(hands_weight=0.0))) == 1
    assert len(pose_nms(moved, config=SuppressionConfig(hands_weight=10.0))) == 2


def test_half_a_person_is_the_same_person(made_people, find):
    poses = find(made_people("coco_17", 1), [(0, 0)], "coco_17", copies=2, jitter=0.005)
    keypoints = poses.keypoints.copy()
    keypoints[np.argmin(poses.scores), 11:] = [np.nan, np.nan, 0]  # legs outside the image
    assert len(pose_nms(replace(poses, keypoints=keypoints), config=ALL)) == 1


def test_poses_without_any_keypoint_do_not_suppress_each_other():
    absent = np.tile([np.nan, np.nan, 0], (2, 17, 1))
    poses = Poses(
        skeleton=BODY,
        keypoints=absent,
        boxes=[[0, 0, 9, 9]] * 2,
        box_scores=[0.5, 0.4],
        scores=[0.5, 0.4],
    )
    assert len(pose_nms(poses, config=ALL)) == 2


def test_what_has_too_weak_keypoints_is_nobody_but_half_a_body_is_somebody(made_people, find):
    poses = find(made_people("coco_17", 2), corners(2), "coco_17", copies=1)
    keypoints = poses.keypoints.copy()
    keypoints[:, :, 2] = 0.9
    keypoints[0, :, 2] = 0.3  # weak all over
    keypoints[1, 9:, 2] = 0.0  # nine certain keypoints of 17
    half = replace(poses, keypoints=keypoints)
    kept = pose_nms(half, config=SuppressionConfig())
    np.testing.assert_array_equal(kept.keypoints, keypoints[1:])
    assert len(pose_nms(half)) == 2  # who is somebody is not for it to say by itself


def test_a_score_that_is_not_a_number_is_no_evidence():
    keypoints = np.full((1, 17, 3), 0.8)
    keypoints[0, :3, 2] = np.nan
    poses = Poses(
        skeleton=BODY, keypoints=keypoints, boxes=[[0, 0, 9, 9]], box_scores=[1], scores=[1]
    )
    assert evidence(poses)[0] == pytest.approx(0.8)


@pytest.mark.parametrize("method", METHODS)
def test_nobody_stays_nobody(method):
    assert len(pose_nms(Poses.empty(BODY), method)) == 0


@pytest.mark.parametrize("method", METHODS)
def test_one_person_stays(made_people, find, method):
    poses = find(made_people("coco_17", 1), [(0, 0)], "coco_17", copies=1)
    kept = pose_nms(poses, method)
    np.testing.assert_allclose(kept.keypoints, poses.keypoints, rtol=1e-6)


def test_it_can_be_switched_off(made_people, find):
    poses = find(made_people("coco_17", 4), corners(4), "coco_17", copies=3)
    assert pose_nms(poses, method="none") is poses


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'oks2' is none of"):
        pose_nms(Poses.empty(BODY), method="oks2")


def test_a_shift_that_does_not_matter_leaves_every_pair_possible(made_people, find):
    poses = find(made_people("coco_17", 2), corners(2), "coco_17", copies=2, jitter=0.0)
    suppress = PoseNms(PoseSimilarity(), 1.5)
    groups, _ = suppress.groups(poses.keypoints, poses.boxes, poses.scores)
    assert len(groups) == 2


def test_a_keypoint_without_a_number_for_score_spoils_nobody_else_s():
    poses = crowd_of_two()
    keypoints = poses.keypoints.copy()
    keypoints[1, 3, 2] = np.nan  # of a copy of the first person
    whole, torn = pose_nms(poses), pose_nms(replace(poses, keypoints=keypoints))
    assert np.isfinite(torn.keypoints).all()
    np.testing.assert_allclose(torn.keypoints[1], whole.keypoints[1])


def crowd_of_two():
    """Two people far apart, each found twice, the better ones first."""
    rng = np.random.default_rng(4)
    places = rng.uniform(0, 100, (2, 1, 17, 2)) + [[[[0, 0]]], [[[500, 0]]]]
    places = np.repeat(places, 2, axis=1) + rng.normal(0, 0.5, (2, 2, 17, 2))
    keypoints = np.concatenate((places, np.full((2, 2, 17, 1), 0.8)), axis=3).reshape(4, 17, 3)
    boxes = [[0, 0, 100, 100]] * 2 + [[500, 0, 600, 100]] * 2
    scores = [0.9, 0.7, 0.8, 0.6]
    return Poses(skeleton=BODY, keypoints=keypoints, boxes=boxes, box_scores=scores, scores=scores)


@pytest.mark.parametrize("method", ["parametric", "oks", "soft_oks"])
def test_where_everybody_is_nobody_nobody_is_left(method):
    weak = crowd_of_two()
    keypoints = weak.keypoints * np.array([1, 1, 0.1])
    strict = SuppressionConfig(min_score=0.4)
    assert len(pose_nms(replace(weak, keypoints=keypoints), method, config=strict)) == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("jitter", [0.02, 0.06, 0.12])
def test_few_poses_are_told_apart_as_many_are(made_people, find, monkeypatch, name, jitter):
    for seed in range(10):
        poses = find(made_people(name, 2), corners(2), name, copies=3, jitter=jitter, seed=seed)
        few = pose_nms(poses)
        monkeypatch.setattr(parametric, "FEW", 0)
        many = pose_nms(poses)
        monkeypatch.undo()
        np.testing.assert_allclose(few.keypoints, many.keypoints, rtol=1e-5)
        np.testing.assert_array_equal(few.boxes, many.boxes)


@pytest.mark.parametrize("few", [0, 6])
def test_who_is_gone_takes_nobody_along(monkeypatch, few):
    monkeypatch.setattr(parametric, "FEW", few)
    places = np.random.default_rng(7).uniform(0, 100, (17, 2))
    chain = [np.column_stack((places + [7 * step, 0], np.full(17, 0.9))) for step in range(4)]
    boxes = [[7 * step, 0, 100 + 7 * step, 100] for step in range(4)]
    scores = [0.9, 0.8, 0.7, 0.6]
    poses = Poses(skeleton=BODY, keypoints=chain, boxes=boxes, box_scores=scores, scores=scores)
    config = SuppressionConfig(min_score=0.0, merge=False)
    near, far = pose_similarity(config, BODY)(chain[0], np.array([100, 100]), np.array(chain[1:3]))
    between = replace(config, threshold=float(near + far) / 2)
    np.testing.assert_allclose(pose_nms(poses, config=between).scores, [0.9, 0.7])
