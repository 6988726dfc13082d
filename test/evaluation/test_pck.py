from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import trapezoid

from alphapose_ros.evaluation.datasets.hands import read_freihand, read_interhand
from alphapose_ros.evaluation.datasets.lsp import read_lsp
from alphapose_ros.evaluation.datasets.mpii import read_mpii, read_mpii_trb
from alphapose_ros.evaluation.pck import (
    evaluate_hands,
    evaluate_lsp,
    evaluate_mpii,
    evaluate_trb,
)
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.evaluation.report import read_figures, to_markdown, write_json
from alphapose_ros.skeletons import skeleton

MPII = skeleton("mpii_16")
HEAD_PX = 10.0
EVALUATORS = {
    "mpii_16": evaluate_mpii,
    "lsp_14": evaluate_lsp,
    "mpii_trb_40": evaluate_trb,
    "single_hand_21": evaluate_hands,
    "interhand_42": evaluate_hands,
}
REAL = [
    (read_mpii, "pose_datasets/mpii/test_mpii.json"),
    (read_mpii_trb, "pose_datasets/mpii/test_mpii_trb.json"),
    (read_lsp, "lspet/labels.npz"),
    (read_freihand, "pose_datasets/freihand/test_freihand.json"),
    (read_interhand, "pose_datasets/interhand2.6m/test_interhand2.6m_data.json"),
]
MAIN = {evaluate_mpii: "PCKh@0.5", evaluate_trb: "PCKh@0.5"}


def made(layout="mpii_16", count=3, share_labelled=1.0, size_px=HEAD_PX, pictures=None):
    """People at random places, one to a picture."""
    random = np.random.default_rng(count)
    names = skeleton(layout).names
    keypoints = random.uniform(0, 100, (count, len(names), 3))
    keypoints[..., 2] = random.random((count, len(names))) < share_labelled
    pictures = count if pictures is None else pictures
    return Truth(
        name="made",
        skeleton=skeleton(layout),
        pictures=tuple(Picture(id=i, file=f"{i}.jpg") for i in range(pictures)),
        rows=np.arange(count) % max(pictures, 1),
        keypoints=keypoints,
        boxes=np.tile([0.0, 0, 100, 100], (count, 1)),
        areas=np.full(count, 1e4),
        ids=np.arange(count),
        is_crowd=np.zeros(count),
        sizes_px=np.full(count, size_px),
        size_meaning="a made size",
    )


def copied(truth, shift_px=(0.0, 0.0)):
    """Predictions at the labels, or beside them."""
    return Predictions(
        skeleton=truth.skeleton,
        rows=truth.rows,
        keypoints=truth.keypoints + [*shift_px, 0.0],
        scores=np.ones(len(truth)),
        truth_ids=truth.ids,
    )


def moved(found, changes):
    """Predictions with places {(person, name): shift_px} moved to the right; NaN loses them."""
    keypoints = found.keypoints.copy()
    for (row, name), shift in changes.items():
        keypoints[row, found.skeleton.index(name), 0] += shift
    return replace(found, keypoints=keypoints)


def values(rows):
    return {
        row: {name: figure.value() for name, figure in figures.items()}
        for row, figures in rows.items()
    }


def figures(evaluation):
    return {name: figure.value() for name, figure in evaluation.every_figure()}


def test_a_worked_example_of_mpii():
    # Two people, heads of 10 px: PCKh@0.5 allows 5 px, PCKh@0.1 allows 1 px.
    #   person 0: left wrist 5 px off (right at 0.5: the very threshold), right wrist 6 px (wrong),
    #             left ankle not labelled, pelvis 50 px off (in no total)
    #   person 1: head_top not predicted, left wrist 1 px off
    # Labelled without pelvis and thorax: 14 + 14 - 1 = 27.
    # @0.5 wrong: right wrist and head_top, 25/27. @0.1 wrong: both wrists of 0, head_top: 24/27.
    # Wrists @0.5: left 2/2, right 1/2, mean 3/4. Head: upper_neck 2/2, head_top 1/2, mean 3/4.
    truth = made(count=2)
    keypoints = truth.keypoints.copy()
    keypoints[0, MPII.index("left_ankle")] = -1, -1, 0
    truth = replace(truth, keypoints=keypoints)
    changes = {
        (0, "left_wrist"): 5.0,
        (0, "right_wrist"): 6.0,
        (0, "pelvis"): 50.0,
        (0, "left_ankle"): 70.0,
        (1, "head_top"): np.nan,
        (1, "left_wrist"): 1.0,
    }
    keypoints[0, MPII.index("left_wrist"), 0] = 20  # so that 5 and 1 are exact
    keypoints[1, MPII.index("left_wrist"), 0] = 20
    evaluation = evaluate_mpii(truth, moved(copied(truth), changes))
    main = evaluation.values()
    assert main["PCKh@0.5"] == pytest.approx(25 / 27)
    assert main["PCKh@0.1"] == pytest.approx(24 / 27)
    groups = values(evaluation.sections["groups"])
    shown = {row: numbers["PCKh@0.5"] for row, numbers in groups.items()}
    assert shown == {
        **{row: 1.0 for row in ("Shoulder", "Elbow", "Hip", "Knee", "Ankle")},
        **{"Head": 0.75, "Wrist": 0.75, "Mean": main["PCKh@0.5"]},
    }
    assert list(groups) == ["Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Mean"]
    keypoint = values(evaluation.sections["keypoints"])
    assert keypoint["pelvis"]["PCKh@0.5"] == 0.5
    assert keypoint["left_wrist"] == {
        "PCKh@0.5": 1.0,
        "PCKh@0.1": 0.5,
        # Of the 50 trapezoids between 51 thresholds, a distance of 0.5 is right at the outer end of
        # the last; one of 0.1 at the outer end of that from 0.09 to 0.1, and in the 40 beyond.
        "AUC": pytest.approx((0.5 / 50 + 40.5 / 50) / 2),
    }


def test_mpii_agrees_with_loops_over_people_and_thresholds():
    # The mean over keypoints, each weighing as often as it is labelled, pelvis and thorax masked;
    # AUC by trapezoids.
    truth = made(count=40, share_labelled=0.7)
    random = np.random.default_rng(1)
    found = copied(truth)
    keypoints = found.keypoints + random.normal(0, 3, found.keypoints.shape)
    keypoints[random.random(keypoints.shape[:2]) < 0.1] = np.nan, np.nan, 0
    found = replace(found, keypoints=keypoints)

    thresholds = np.arange(0, 0.505, 0.01)
    right = np.zeros((51, 16))
    labelled = np.zeros(16)
    for label, place in zip(truth.keypoints, keypoints, strict=True):
        for k in range(16):
            if label[k, 2] > 0:
                labelled[k] += 1
                distance = np.linalg.norm(label[k, :2] - place[k, :2]) / HEAD_PX
                right[:, k] += distance <= thresholds
    kept = [k for k in range(16) if k not in (6, 7)]
    curve = (right[:, kept] / labelled[kept]) @ (labelled[kept] / labelled[kept].sum())

    main = evaluate_mpii(truth, found).values()
    assert main["PCKh@0.5"] == pytest.approx(curve[50])
    assert main["PCKh@0.1"] == pytest.approx(curve[10])
    assert main["AUC"] == pytest.approx(trapezoid(curve, thresholds) / 0.5)
    assert 0.05 < main["PCKh@0.1"] < main["AUC"] < main["PCKh@0.5"] < 0.9


@pytest.mark.parametrize("layout", EVALUATORS)
def test_the_labels_themselves_are_perfect(layout):
    truth = made(layout, share_labelled=0.8)
    everything = figures(EVALUATORS[layout](truth, copied(truth)))
    errors = {name: value for name, value in everything.items() if name.endswith("EPE")}
    assert set(errors.values()) <= {0.0}
    assert {everything[name] for name in everything if name not in errors} == {1.0}


@pytest.mark.parametrize("layout", EVALUATORS)
@pytest.mark.parametrize("is_within", [True, False])
def test_the_threshold_lies_where_it_is_said_to_lie(layout, is_within):
    truth = made(layout)
    evaluate = EVALUATORS[layout]
    name = MAIN.get(evaluate, "PCK@0.2")
    threshold_px = float(name.split("@")[1]) * HEAD_PX
    shift = threshold_px * (1 - 1e-6 if is_within else 1 + 1e-6)
    found = copied(truth, (shift * 0.6, -shift * 0.8))
    assert evaluate(truth, found).values()[name] == float(is_within)


@pytest.mark.parametrize("layout", EVALUATORS)
@pytest.mark.parametrize("row", [0, 5, -1])
def test_a_shifted_keypoint_lowers_its_own_figure_alone(layout, row):
    truth = made(layout)
    name = truth.skeleton.names[row]
    evaluate = EVALUATORS[layout]
    measure = MAIN.get(evaluate, "PCK@0.2")
    before, after = (
        evaluate(truth, found)
        for found in (copied(truth), moved(copied(truth), {(1, name): 3 * HEAD_PX}))
    )
    keypoints = values(after.sections["keypoints"])
    assert keypoints.pop(name)[measure] == pytest.approx(2 / 3)
    assert {numbers[measure] for numbers in keypoints.values()} == {1.0}
    assert after.values()[measure] < before.values()[measure]
    np.testing.assert_allclose(after.cases.quality < 1, [False, True, False])


@pytest.mark.parametrize("layout", EVALUATORS)
def test_who_is_missed_counts_as_wrong(layout):
    truth = made(layout, count=4)
    evaluation = EVALUATORS[layout](truth, copied(truth)[:3])
    name = next(iter(evaluation.figures))
    assert evaluation.values()[name] == 0.75
    assert {rows[name].value() for rows in evaluation.sections["keypoints"].values()} == {0.75}
    np.testing.assert_array_equal(evaluation.cases.quality, [1, 1, 1, 0])
    np.testing.assert_array_equal(evaluation.cases.found, [0, 1, 2, -1])
    assert "people not found: 1; all their keypoints count as wrong" in evaluation.notes


@pytest.mark.parametrize("layout", EVALUATORS)
def test_no_predictions_are_zero_and_no_labels_are_no_figure(layout):
    truth = made(layout)
    evaluate = EVALUATORS[layout]
    nobody = copied(truth)[:0]
    assert next(iter(evaluate(truth, nobody).values().values())) == 0
    empty = evaluate(made(layout, count=0, pictures=2), nobody)
    assert np.isnan(list(empty.values().values())).all() and len(empty.cases) == 0
    assert to_markdown(empty)


@pytest.mark.parametrize("layout", EVALUATORS)
def test_everything_can_be_written_weighed_and_read_again(layout, tmp_path):
    truth = made(layout, count=6, pictures=4, share_labelled=0.9)
    found = moved(copied(truth), {(0, truth.skeleton.names[0]): 90.0})
    evaluation = EVALUATORS[layout](truth, found)
    write_json(evaluation, tmp_path / "figures.json", {})
    again = dict(read_figures(tmp_path / "figures.json").every_figure())
    weights = np.array([2, 0, 1, 1])
    for name, figure in evaluation.every_figure():
        np.testing.assert_equal(again[name].value(weights), figure.value(weights))


def test_weights_repeat_pictures():
    truth = made(count=4)
    found = copied(truth)
    found = replace(found, keypoints=found.keypoints + np.arange(4)[:, None, None] * [2.2, 0, 0])
    twice_the_last = truth[[0, 3, 3]]
    twice_the_last = replace(twice_the_last, ids=[0, 1, 2], rows=[0, 1, 2])
    chosen = replace(found[[0, 3, 3]], truth_ids=[0, 1, 2], rows=[0, 1, 2])
    repeated = evaluate_mpii(twice_the_last, chosen)
    for name, figure in evaluate_mpii(truth, found).every_figure():
        expected = dict(repeated.every_figure())[name].value()
        assert figure.value(np.array([1, 0, 0, 2])) == pytest.approx(expected), name


def test_data_sets_without_sizes_are_refused():
    truth = replace(made(), sizes_px=None)
    with pytest.raises(ValueError, match="made has no sizes of heads"):
        evaluate_mpii(truth, copied(truth))


def test_people_of_unknown_size_are_left_out():
    truth = replace(made(), sizes_px=[HEAD_PX, np.nan, HEAD_PX])
    found = moved(copied(truth), {(1, name): 90.0 for name in MPII.names})
    evaluation = evaluate_mpii(truth, found)
    assert evaluation.values() == {"PCKh@0.5": 1.0, "PCKh@0.1": 1.0, "AUC": 1.0}
    np.testing.assert_array_equal(evaluation.cases.truth, [0, 2])
    assert "people left out, since their size is not known: 1" in evaluation.notes


def test_the_head_of_lsp_is_neck_and_head_top():
    truth = made("lsp_14")
    found = moved(copied(truth), {(0, "neck"): 90.0, (1, "left_hip"): 90.0})
    groups = values(evaluate_lsp(truth, found).sections["groups"])
    # One of three people is wrong in one of two keypoints: (2/3 + 1) / 2.
    wrong = {row for row, numbers in groups.items() if numbers["PCK@0.2"] == pytest.approx(5 / 6)}
    assert wrong == {"Head", "Hip"}
    assert {groups[row]["PCK@0.2"] for row in groups if row not in wrong} == {1.0}


def test_contour_and_keypoints_of_trb_stand_apart():
    truth = made("mpii_trb_40")
    found = moved(copied(truth), {(0, "left_lateral_hip"): 90.0, (0, "left_hip"): 90.0})
    evaluation = evaluate_trb(truth, found)
    groups = values(evaluation.sections["groups"])
    assert groups["skeleton"]["PCKh@0.5"] == pytest.approx(1 - 1 / (3 * 14))
    assert groups["contour"]["PCKh@0.5"] == pytest.approx(1 - 1 / (3 * 26))
    assert groups["Hip"]["PCKh@0.5"] == pytest.approx(5 / 6)
    assert evaluation.values()["PCKh@0.5"] == pytest.approx(1 - 2 / (3 * 40))


@pytest.mark.parametrize("sizes", [None, [np.nan] * 3])
def test_trb_without_head_sizes_is_divided_by_torsos(sizes):
    truth = made("mpii_trb_40")
    keypoints = truth.keypoints.copy()
    keypoints[:, truth.skeleton.index("left_shoulder"), :2] = 0, 0
    keypoints[:, truth.skeleton.index("right_hip"), :2] = 30, 40  # 50 px: 10 px are right
    truth = replace(truth, keypoints=keypoints, sizes_px=sizes)
    found = moved(copied(truth), {(0, "upper_neck"): 9.99, (1, "head_top"): 10.01})
    evaluation = evaluate_trb(truth, found)
    assert evaluation.values() == {"PCK@0.2": pytest.approx(1 - 1 / 120)}
    assert any("torso" in note for note in evaluation.notes)


def test_a_worked_example_of_hands():
    # Two hands in boxes of 100 px: PCK@0.2 allows 20 px.
    #   thumb_1 of hand 0 is 21 px off, index_1 of hand 0 is 3 px off, little_4 of hand 1 is lost.
    # PCK 40/42. EPE (21 + 3) / 41 px. Thresholds 0, 1.5 ... 28.5 px: 21 px is right at 21 ... 28.5,
    # 6 of 20; 3 px at 3 ... 28.5, 18 of 20; the lost one at none. AUC (39 + 6/20 + 18/20) / 42.
    truth = made("single_hand_21", count=2, size_px=100.0)
    keypoints = truth.keypoints.copy()
    keypoints[0, :, 0] = 50
    truth = replace(truth, keypoints=keypoints)
    changes = {(0, "thumb_1"): 21.0, (0, "index_1"): 3.0, (1, "little_4"): np.nan}
    evaluation = evaluate_hands(truth, moved(copied(truth), changes))
    assert evaluation.values() == {
        "PCK@0.2": pytest.approx(40 / 42),
        "AUC": pytest.approx(40.2 / 42),
        "EPE": pytest.approx(24 / 41),
        "found": pytest.approx(41 / 42),
    }
    assert "EPE [px] is that of found keypoints; 1 of 42 are missing" in evaluation.notes
    groups = values(evaluation.sections["groups"])
    assert list(groups) == ["wrist", "thumb", "index", "middle", "ring", "little"]
    assert groups["thumb"]["PCK@0.2"] == pytest.approx(7 / 8)
    assert groups["thumb"]["EPE"] == pytest.approx(21 / 8)
    assert groups["index"]["AUC"] == pytest.approx(7.9 / 8)
    assert groups["little"] == {
        "PCK@0.2": pytest.approx(7 / 8),
        "AUC": pytest.approx(7 / 8),
        "EPE": 0,
        "found": pytest.approx(7 / 8),
    }
    assert groups["wrist"]["PCK@0.2"] == groups["ring"]["PCK@0.2"] == 1


def test_auc_of_hands_is_the_mean_over_thresholds():
    truth = made("single_hand_21", count=30, share_labelled=0.8)
    random = np.random.default_rng(2)
    found = replace(
        copied(truth), keypoints=truth.keypoints + random.normal(0, 12, truth.keypoints.shape)
    )
    distances = np.linalg.norm((found.keypoints - truth.keypoints)[..., :2], axis=2)
    distances = distances[truth.keypoints[..., 2] > 0]
    expected = np.mean([(distances <= 1.5 * step).mean() for step in range(20)])
    assert evaluate_hands(truth, found).values()["AUC"] == pytest.approx(expected)
    assert evaluate_hands(truth, found).values()["EPE"] == pytest.approx(distances.mean())


def test_both_hands_have_rows_of_their_own_and_share_those_of_fingers():
    truth = made("interhand_42")
    found = moved(copied(truth), {(0, "left_hand_ring_2"): 90.0})
    groups = values(evaluate_hands(truth, found).sections["groups"])
    assert groups["left_hand"]["PCK@0.2"] == pytest.approx(1 - 1 / 63)
    assert groups["right_hand"]["PCK@0.2"] == 1
    assert groups["ring"]["PCK@0.2"] == pytest.approx(1 - 1 / 24)


def test_notes_name_the_size_and_the_rule_for_ties():
    notes = evaluate_mpii(made(), copied(made())).notes
    assert "distances are in parts of: a made size" in notes
    assert "a keypoint at the very threshold is right" in notes


@pytest.mark.parametrize(("read", "file"), REAL)
@pytest.mark.parametrize("by_annotation", [True, False])
def test_real_labels_are_perfect_and_as_wrong_as_they_were_made(data, read, file, by_annotation):
    truth = read(data / file)
    assert len(truth) > 0
    evaluate = EVALUATORS[truth.skeleton.id]
    name = MAIN.get(evaluate, "PCK@0.2")
    threshold = float(name.split("@")[1])
    found = copied(truth)
    found = found if by_annotation else replace(found, truth_ids=None)
    numbers = evaluate(truth, found).values()
    assert numbers.pop("EPE", 0) == 0 and set(numbers.values()) == {1.0}
    for share, right in ((threshold - 1e-6, 1), (threshold + 1e-6, 0)):
        sizes = np.nan_to_num(truth.sizes_px)
        keypoints = found.keypoints.copy()
        keypoints[..., 1] += share * sizes[:, None]
        numbers = evaluate(truth, replace(found, keypoints=keypoints)).values()
        assert numbers[name] == right
        if "EPE" in numbers:
            weights = truth.is_labelled.sum(axis=1)
            assert numbers["EPE"] == pytest.approx(np.average(share * sizes, weights=weights))
