"""Redundant poses, what pose NMS leaves of them, and fitting its constants to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")

import made_people

from alphapose_ros.boxes import iou
from alphapose_ros.cli.fit_nms import LAYOUTS
from alphapose_ros.config import Config, SuppressionConfig, load_config, with_values
from alphapose_ros.evaluation.box_sources import boxes_of_file
from alphapose_ros.evaluation.copies import CopiesRule
from alphapose_ros.evaluation.datasets.coco import read_coco, read_coco_people
from alphapose_ros.evaluation.datasets.wholebody import read_halpe
from alphapose_ros.evaluation.fitting import FitOptions, fit_and_check, to_parameter_file
from alphapose_ros.evaluation.inference import DETECTED, InferenceOptions, estimate
from alphapose_ros.evaluation.protocols import evaluate_coco
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.evaluation.redundant import (
    Jitter,
    jittered_boxes,
    jittered_poses,
    shuffled,
    with_low_thresholds,
    write_jittered_boxes,
)
from alphapose_ros.evaluation.suppressed import (
    NONE,
    Redundant,
    average_precision,
    box_scores_of,
    groups_of,
    poses_per_found,
    truth_in_layout,
)
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
ALL = SuppressionConfig(min_score=0.0)
WEAK = with_values(ALL, {"threshold": 3.9})  # leaves nearly everything


def crowds(pictures=40, seed=0, name="coco_17"):
    """People of 60 to 240 px, well labelled."""
    rng = np.random.default_rng(seed)
    layout = skeleton(name)
    rows, keypoints, boxes = [], [], []
    for row in range(pictures):
        for _ in range(rng.integers(1, 6)):
            height = rng.uniform(60, 240)
            corner = rng.uniform(0, [900, 500])
            size = np.array([0.45 * height, height])
            rows.append(row)
            places = corner + rng.random((len(layout.names), 2)) * size
            keypoints.append(np.c_[places, np.full(len(places), 2)])
            boxes.append([*corner, *(corner + size)])
    boxes = np.array(boxes)
    return Truth(
        name="crowds",
        skeleton=layout,
        pictures=tuple(Picture(id=row, file=f"{row}.jpg") for row in range(pictures)),
        rows=np.array(rows),
        keypoints=np.array(keypoints),
        boxes=boxes,
        areas=0.5 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
        ids=np.arange(len(rows)) + 1,
        is_crowd=np.zeros(len(rows), bool),
    )


@pytest.fixture(scope="module")
def truth():
    return crowds()


@pytest.fixture(scope="module")
def redundant(truth):
    return Redundant.of(truth, jittered_poses(truth, Jitter()), BODY)


def pair_of_people(found_boxes):
    """Two labelled people in one picture, a third nobody need find, and poses in some boxes."""
    keypoints = np.zeros((3, 17, 3))
    keypoints[:2] = [1, 1, 2]
    boxes = np.array([[0, 0, 10, 20], [50, 0, 60, 20], [80, 0, 90, 20]], float)
    truth = Truth(
        name="pair",
        skeleton=BODY,
        pictures=(Picture(id=1, file=""), Picture(id=2, file="")),
        rows=[0, 0, 0],
        keypoints=keypoints,
        boxes=boxes,
        areas=[200, 200, 200],
        ids=[1, 2, 3],
        is_crowd=[False, False, True],
    )
    count = len(found_boxes)
    found = Predictions(
        skeleton=BODY,
        rows=np.zeros(count),
        keypoints=np.ones((count, 17, 3)),
        scores=np.ones(count),
        boxes=np.reshape(found_boxes, (-1, 4)),
    )
    return truth, found


# Jitter


def test_everybody_gets_boxes_of_the_spread_that_was_asked_for(truth):
    jitter = Jitter(copies=200, shift=0.1, scale=0.2)
    boxes, scores, people = jittered_boxes(truth, jitter)
    np.testing.assert_array_equal(np.bincount(people), np.full(len(truth), 200))
    own = truth.boxes[people]
    size = own[:, 2:] - own[:, :2]
    shift = ((boxes[:, 2:] + boxes[:, :2]) - (own[:, 2:] + own[:, :2])) / 2 / size
    scale = np.log((boxes[:, 2:] - boxes[:, :2]) / size)
    np.testing.assert_allclose(shift.std(axis=0), 0.1, rtol=0.03)
    np.testing.assert_allclose(scale.std(axis=0), 0.2, rtol=0.03)
    assert scores.min() > 0 and scores.max() <= 1


def test_better_boxes_have_larger_scores(truth):
    boxes, scores, people = jittered_boxes(truth, Jitter())
    overlap = np.diag(iou(boxes, truth.boxes[people]))
    assert np.corrcoef(overlap, scores)[0, 1] > 0.5


def test_crowds_and_people_without_keypoints_get_none(truth):
    keypoints, is_crowd = truth.keypoints.copy(), truth.is_crowd.copy()
    keypoints[3], is_crowd[5] = 0, True
    _, _, people = jittered_boxes(replace(truth, keypoints=keypoints, is_crowd=is_crowd), Jitter())
    assert set(range(len(truth))) - set(people) == {3, 5}


def test_jittered_boxes_are_read_as_detections(truth, tmp_path):
    path = tmp_path / "new" / "boxes.json"
    write_jittered_boxes(truth, Jitter(copies=3), path)
    source = boxes_of_file(path, truth.pictures)
    boxes, scores, people = jittered_boxes(truth, Jitter(copies=3))
    for row in range(len(truth.pictures)):
        given = source(row, None).people
        np.testing.assert_allclose(given.boxes, boxes[truth.rows[people] == row], rtol=1e-5)
        np.testing.assert_allclose(given.scores, scores[truth.rows[people] == row], rtol=1e-5)


def test_jittered_poses_stay_near_the_true_ones(truth):
    found = jittered_poses(truth, Jitter(copies=50, noise=0.02))
    people = np.repeat(np.arange(len(truth)), 50)
    height = truth.boxes[people, 3] - truth.boxes[people, 1]
    off = np.linalg.norm(found.keypoints[..., :2] - truth.keypoints[people, :, :2], axis=2)
    spread = (off / height[:, None]).mean(axis=1) / np.sqrt(np.pi / 2)
    assert spread.min() >= 0 and np.quantile(spread, 0.9) < 0.025
    assert 0.008 < spread.mean() < 0.012  # half of the largest
    assert np.corrcoef(spread, found.keypoints[..., 2].mean(axis=1))[0, 1] < -0.9


def test_keypoints_that_are_not_labelled_are_absent_from_jittered_poses(truth):
    keypoints = truth.keypoints.copy()
    keypoints[:, 4] = 0
    found = jittered_poses(replace(truth, keypoints=keypoints), Jitter())
    np.testing.assert_array_equal(found.keypoints[0, 4], [np.nan, np.nan, 0])
    assert np.isfinite(np.delete(found.keypoints, 4, axis=1)).all()


def test_a_seed_makes_the_same_poses_again_and_another_seed_others(truth):
    first, again = (jittered_poses(truth, Jitter(seed=4)) for _ in range(2))
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    assert not np.array_equal(first.keypoints, jittered_poses(truth, Jitter(seed=5)).keypoints)


@pytest.mark.parametrize("wrong", [{"copies": 0}, {"noise": -0.1}])
def test_jitter_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        Jitter(**wrong)


def test_low_thresholds_are_lower_than_the_usual_ones():
    low, usual = with_low_thresholds(Config()).detector, Config().detector
    assert low.score_threshold < usual.score_threshold and low.nms_iou > usual.nms_iou


def test_shuffling_keeps_the_people_and_how_many_a_picture_has(truth):
    mixed = shuffled(truth)
    np.testing.assert_array_equal(mixed.rows, truth.rows)
    np.testing.assert_array_equal(np.sort(mixed.ids), truth.ids)
    assert (mixed.ids == truth.ids).mean() < 0.1


# What is left, and how good it is


@pytest.mark.parametrize("name", ["coco_17", "halpe_136"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_average_precision_is_that_of_the_official_tool(tmp_path, name, seed):
    layout = skeleton(name)
    labels, results = made_people.made_people(layout, seed, pictures=20)
    read = read_coco if name == "coco_17" else read_halpe
    truth, found = made_people.read(tmp_path, read, labels, results)
    extent = np.nan_to_num(found.keypoints[..., :2])
    found = replace(found, boxes=np.concatenate((extent.min(axis=1), extent.max(axis=1)), axis=1))
    evaluation = evaluate_coco(truth, found)
    groups = evaluation.sections.get("groups", {})
    expected = {"all": evaluation.figures["AP"]} | {
        group: groups[group]["AP"] for group in ("body", "feet", "face") if group in groups
    }
    assert len(expected) == (1 if name == "coco_17" else 4)
    for group, figure in expected.items():
        own = average_precision(truth, found, groups_of(layout)[group])
        assert own == pytest.approx(figure.value(), abs=1e-12)


def test_both_hands_are_one_group():
    layout = skeleton("halpe_136")
    groups = groups_of(layout)
    assert list(groups) == ["all", "body", "feet", "face", "hands"]
    assert {layout.names[row].split("_")[0] for row in groups["hands"]} == {"left", "right"}
    assert sorted(np.concatenate(list(groups.values())[1:])) == list(groups["all"])


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([[0, 0, 10, 20], [1, 0, 11, 20], [50, 0, 60, 20]], 1.5),
        ([[0, 0, 10, 20], [0, 0, 10, 9.9]], 1),  # IoU 0.495: nobody's
        ([[80, 0, 90, 20], [80, 0, 90, 20], [0, 0, 10, 20]], 1.5),  # crowds can have them, too
        ([[200, 0, 210, 20]], np.nan),
        ([], np.nan),
    ],
)
def test_poses_of_each_person_found_are_counted(boxes, expected):
    np.testing.assert_equal(poses_per_found(*pair_of_people(boxes)), expected)


def test_scores_of_boxes_are_found_again(truth):
    boxes = jittered_boxes(truth, Jitter())[1]
    found = jittered_poses(truth, Jitter())
    np.testing.assert_allclose(box_scores_of(found), boxes, atol=1e-6)


def test_poses_of_a_smaller_layout_are_rated_by_its_keypoints():
    whole = crowds(name="halpe_136")
    found = jittered_poses(whole, Jitter())
    part = Redundant.of(whole, found, BODY)
    rows = whole.skeleton.rows_of(BODY)
    np.testing.assert_array_equal(part.truth.keypoints, whole.keypoints[:, rows])
    expected = pose_scores(found.keypoints[:, rows], box_scores_of(found))
    np.testing.assert_allclose(part.found.scores, expected)


def test_labels_of_a_larger_layout_have_no_keypoint_where_there_was_none(truth):
    whole = truth_in_layout(truth, skeleton("halpe_136"))
    assert (whole.is_labelled.sum(axis=1) == 17).all()
    row = whole.skeleton.index("left_knee")
    np.testing.assert_array_equal(
        whole.keypoints[:, row], truth.keypoints[:, BODY.index("left_knee")]
    )


def test_poses_without_boxes_are_refused(truth):
    found = replace(jittered_poses(truth, Jitter()), boxes=None)
    with pytest.raises(ValueError, match="boxes"):
        Redundant.of(truth, found, BODY)


def test_joined_data_sets_keep_their_people_and_poses_apart(redundant):
    both = Redundant.joined([redundant, redundant])
    count = len(redundant.pictures)
    assert len(both.pictures) == len({picture.id for picture in both.pictures}) == 2 * count
    second = both.in_pictures(np.arange(2 * count) >= count)
    np.testing.assert_array_equal(second.truth.rows, redundant.truth.rows)
    np.testing.assert_array_equal(second.found.keypoints, redundant.found.keypoints)
    assert second.average_precision() == redundant.average_precision()
    assert both.average_precision() == pytest.approx(redundant.average_precision(), abs=0.02)


def test_a_split_has_every_picture_once_and_depends_on_the_seed(redundant):
    near, far = redundant.split(0.25, seed=3)
    assert (len(near.pictures), len(far.pictures)) == (30, 10)
    assert {p.id for p in near.pictures} | {p.id for p in far.pictures} == set(range(40))
    assert len(near.truth) + len(far.truth) == len(redundant.truth)
    assert len(near.found) + len(far.found) == len(redundant.found)
    again, other = redundant.split(0.25, seed=3)[1], redundant.split(0.25, seed=4)[1]
    assert far.digest() == again.digest() != other.digest()


def test_a_split_keeps_the_pictures_of_a_video_together(redundant):
    pictures = tuple(
        replace(picture, sequence=f"video {row // 8}")
        for row, picture in enumerate(redundant.pictures)
    )
    videos = replace(redundant, truth=replace(redundant.truth, pictures=pictures))
    for part in videos.split(0.4):
        names = [picture.sequence for picture in part.pictures]
        assert all(names.count(name) == 8 for name in names)


def test_a_split_that_leaves_nobody_is_refused(redundant):
    with pytest.raises(ValueError, match="nobody"):
        redundant.split(0.001)


def test_pose_nms_removes_copies_and_raises_average_precision(redundant):
    left = redundant.suppressed(ALL)
    assert poses_per_found(redundant.truth, left) < 1.2
    assert poses_per_found(redundant.truth, redundant.suppressed(NONE)) > 3
    assert redundant.average_precision(ALL) > redundant.average_precision(NONE) + 0.1


def test_surplus_poses_have_their_price(redundant):
    free, paid = redundant.merit(NONE), redundant.merit(NONE, surplus_cost=0.1)
    each = poses_per_found(redundant.truth, redundant.suppressed(NONE))
    assert free == redundant.average_precision(NONE)
    assert paid == pytest.approx(free - 0.1 * (each - 1))


def test_there_is_nothing_to_fit_to_where_nobody_is_labelled(redundant):
    nobody = replace(redundant.truth, keypoints=np.zeros_like(redundant.truth.keypoints))
    with pytest.raises(ValueError, match="nobody is labelled"):
        replace(redundant, truth=nobody).merit(ALL)


# Copies


def test_the_rule_refuses_what_leaves_copies_and_what_makes_one_of_two_people(truth):
    rule = CopiesRule(truth)
    assert rule(with_values(ALL, {"threshold": 1.3}))
    assert not rule(WEAK)
    greedy = {"threshold": 1e-3, "distance_scale": 1.0, "distance_weight": 10.0}
    assert not rule(with_values(ALL, greedy))
    assert rule.crowds_right(WEAK, 0.03) < 0.1
    assert rule.pairs_right(with_values(ALL, greedy)) < 0.1


@pytest.mark.parametrize(
    ("pairs", "crowds_right", "expected"),
    [
        (0.86, {0.01: 1, 0.03: 1, 0.06: 0.96}, True),
        (0.8, {0.01: 1, 0.03: 1, 0.06: 1}, False),
        (1.0, {0.01: 1, 0.03: 0.98, 0.06: 1}, False),
        (1.0, {0.01: 1, 0.03: 1, 0.06: 0.94}, False),
    ],
)
def test_every_part_of_the_rule_counts(truth, monkeypatch, pairs, crowds_right, expected):
    monkeypatch.setattr(CopiesRule, "pairs_right", lambda rule, config: pairs)
    monkeypatch.setattr(
        CopiesRule, "crowds_right", lambda rule, config, jitter: crowds_right[jitter]
    )
    assert CopiesRule(truth)(ALL) == expected


def test_the_rule_needs_two_people(truth):
    with pytest.raises(ValueError, match="takes two"):
        CopiesRule(truth[:0])(ALL)


# Fitting


def test_fitting_raises_average_precision_on_pictures_held_back(redundant):
    report = fit_and_check({"poses": redundant}, WEAK, FitOptions())
    near, far = report.parts
    assert (near.is_held, far.is_held) == (False, True)
    assert (near.pictures, far.pictures) == (24, 16)
    without, start, fitted = (far.outcomes[name] for name in ("without", "start", "fitted"))
    assert fitted.precisions["all"] > start.precisions["all"] + 0.1
    assert fitted.precisions["all"] > without.precisions["all"] + 0.1
    assert fitted.poses_per_found < 1.2
    assert report.gain == pytest.approx(fitted.merit - start.merit) and report.gain > 0.1


def test_kinds_of_poses_count_the_same_and_share_the_split(redundant, truth):
    steadier = Redundant.of(truth, jittered_poses(truth, Jitter(noise=0.001)), BODY)
    report = fit_and_check({"one": redundant, "other": steadier}, ALL, FitOptions(most=30))
    assert [part.kind for part in report.parts] == ["one", "other"] * 2
    near = [part.outcomes["start"].merit for part in report.parts if not part.is_held]
    assert report.fit.start_value == pytest.approx(np.mean(near))
    assert report.parts[0].people == report.parts[1].people


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fitting_to_shuffled_labels_gains_nothing_on_pictures_held_back(redundant, seed):
    options = FitOptions(is_shuffled=True, surplus_cost=0.0, is_free=True, seed=seed)
    report = fit_and_check({"poses": redundant}, ALL, options)
    figures = [report.parts[1].outcomes[name].precisions["all"] for name in ("start", "fitted")]
    assert figures[1] <= figures[0] + 0.005
    assert report.fit.value < 0.01


def test_the_file_of_constants_is_read_as_settings(tmp_path):
    config = with_values(ALL, {"threshold": 0.123, "distance_scale": 1e-4, "face_weight": 0.5})
    path = tmp_path / "fitted.yaml"
    path.write_text(to_parameter_file(config, ["From made data.", "", "| a | b |"]))
    read = load_config(path)
    assert read.suppression == with_values(config, {"min_score": read.suppression.min_score})
    assert read.suppression.min_score == Config().suppression.min_score
    assert path.read_text().startswith("# From made data.\n#\n# | a | b |\n/**:\n")


@pytest.mark.parametrize("held", [0, 1, -0.5])
def test_a_share_that_leaves_nothing_is_refused(held):
    with pytest.raises(ValueError, match="held"):
        FitOptions(held=held)


# Real pictures


@pytest.mark.parametrize("layout", ["17", "26", "133", "136"])
def test_the_constants_that_come_with_the_package_keep_the_rule(root, truth, layout):
    config = load_config(root / f"config/pose_nms/{layout}.yaml").suppression
    people = crowds(name=LAYOUTS[layout])
    assert CopiesRule(people)(with_values(config, {"min_score": 0.0}))


@pytest.fixture(scope="module")
def real(data):
    """Pictures of COCO with people, and all poses that are found in them."""
    folder = data / "pose_datasets/coco_people"
    coco = read_coco_people(folder / "labels.json")
    labelled = np.isin(np.arange(len(coco.pictures)), coco.rows)
    config = with_values(with_low_thresholds(Config()), {"device": "cpu", "threads": 1})
    options = InferenceOptions(config=config, boxes=DETECTED, suppression=False)
    whole = Redundant.of(coco, estimate(coco, folder / "images", options), coco.skeleton)
    return whole.in_pictures(labelled)


def test_pose_nms_raises_average_precision_of_redundant_poses_in_real_pictures(real, root):
    config = load_config(root / "config/pose_nms/17.yaml").suppression
    config = with_values(config, {"min_score": 0.0})
    assert real.average_precision(config) > real.average_precision(NONE) + 0.005
    left = real.suppressed(config)
    assert poses_per_found(real.truth, left) < 1.4
    assert poses_per_found(real.truth, real.found) > 2.5
