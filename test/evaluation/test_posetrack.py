from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.posetrack import read_posetrack, read_posetrack_results
from alphapose_ros.evaluation.posetrack import evaluate_posetrack
from alphapose_ros.evaluation.posetrack_matching import inside
from alphapose_ros.evaluation.precision_area import KeypointRanking, PrecisionArea
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.evaluation.report import Evaluation, read_figures, to_markdown, write_json
from alphapose_ros.frame import People
from alphapose_ros.skeletons import skeleton

MADE = Path(__file__).resolve().parents[1] / "data/evaluation/posetrack"
MAKER = runpy.run_path(str(MADE / "make_cases.py"))
EXPECTED = json.loads((MADE / "expected.json").read_text())
BODY = skeleton("posetrack_15")
OURS = ["head_bottom" if name == "neck" else name for name in EXPECTED["keypoints"][:-1]]
OFFICIAL = {  # our name -> kind and name in poseval's files
    **{"AP": ("AP", "ap"), "MOTA": ("MOT", "mota"), "MOTP": ("MOT", "motp")},
    **{"Precision": ("MOT", "pre"), "Recall": ("MOT", "rec")},
}
HEAD_PX = 10.0  # size of the heads of tiny cases: 5 px are right


def made(case: str, folder: Path) -> tuple[Truth, Predictions]:
    MAKER["write"](case, folder)
    truth = read_posetrack(folder / "gt")
    return truth, read_posetrack_results(folder / "pred", truth)


def official(scope: dict, figure: str) -> np.ndarray:
    """Return poseval's fractions by keypoint, and in the last place of all."""
    kind, name = OFFICIAL[figure]
    return np.array(scope[kind][name], float) / 100


def total(evaluation: Evaluation, figure: str) -> float:
    return evaluation.figures["mAP" if figure == "AP" else figure].value()


def by_keypoint(evaluation: Evaluation, figure: str) -> np.ndarray:
    rows = evaluation.sections["keypoints"]
    return np.array([rows[name][figure].value() for name in OURS])


def changed(record: People, **columns) -> People:
    return type(record)(**{**vars(record), **columns})


def shifted(found: Predictions, name: str, x: float, rows: slice = slice(None)) -> Predictions:
    keypoints = found.keypoints.copy()
    keypoints[rows, BODY.index(name), 0] += x
    return changed(found, keypoints=keypoints)


@pytest.mark.parametrize("figure", OFFICIAL)
@pytest.mark.parametrize("case", MAKER["CASES"])
def test_figures_are_posevals(case, figure, tmp_path):
    evaluation = evaluate_posetrack(*made(case, tmp_path))
    theirs = official(EXPECTED["cases"][case]["total"], figure)
    np.testing.assert_allclose(by_keypoint(evaluation, figure), theirs[:-1], rtol=0, atol=1e-9)
    assert total(evaluation, figure) == pytest.approx(theirs[-1], abs=1e-9)


@pytest.mark.parametrize("case", MAKER["CASES"])
def test_groups_are_those_of_posevals_tables(case, tmp_path):
    groups = evaluate_posetrack(*made(case, tmp_path)).sections["groups"]
    precision, tracking = EXPECTED["cases"][case]["printed"]
    for table, figure in ((precision, "AP"), (tracking[:8], "MOTA")):
        ours = [100 * row[figure].value() for row in groups.values()]
        known = [row for row, value in enumerate(table) if value is not None]
        np.testing.assert_allclose(
            np.array(ours)[known], np.array(table, float)[known], atol=0.05 + 1e-9
        )
    assert list(groups) == ["Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl", "Total"]


@pytest.mark.parametrize("figure", OFFICIAL)
def test_each_video_has_posevals_figures(figure, tmp_path):
    evaluation = evaluate_posetrack(*made("two_videos", tmp_path))
    assert evaluation.units == ("000342_mpii_test", "000524_mpii_test")
    for name, row in evaluation.sections["sequences"].items():
        theirs = official(EXPECTED["cases"]["two_videos"][name], figure)[-1]
        assert row["mAP" if figure == "AP" else figure].value() == pytest.approx(theirs, abs=1e-9)


def test_weights_choose_videos(tmp_path):
    truth, found = made("two_videos", tmp_path)
    both = evaluate_posetrack(truth, found)
    (tmp_path / "gt/000524_mpii_test.json").unlink()
    truth = read_posetrack(tmp_path / "gt")
    alone = evaluate_posetrack(truth, read_posetrack_results(tmp_path / "pred", truth))
    for name, figure in both.figures.items():
        for weights in ([1, 0], [3, 0]):
            weighed = figure.value(np.array(weights))
            assert weighed == pytest.approx(alone.figures[name].value(), abs=1e-12)
    assert np.isnan(
        both.sections["sequences"]["000342_mpii_test"]["Recall"].value(np.array([0, 1]))
    )


# Tiny cases: people stand on a line, all 15 keypoints of each in one place, heads of 10 px.
# Each row is picture, identity, x [px], and for poses a score.
def tiny_truth(*rows: tuple[int, int, float], pictures: int = 2, **more) -> Truth:
    picture, identity, x = (np.array(column) for column in zip(*rows, strict=True))
    return Truth(
        name="posetrack",
        skeleton=BODY,
        pictures=tuple(Picture(id=row, file=f"video/{row}.jpg", **more) for row in range(pictures)),
        rows=picture,
        keypoints=places(x, 1),
        boxes=np.zeros((len(x), 4)),
        areas=np.ones(len(x)),
        ids=np.arange(len(x)),
        is_crowd=np.zeros(len(x), bool),
        sizes_px=np.full(len(x), HEAD_PX),
        track_ids=identity,
    )


def tiny_poses(*rows: tuple[int, int, float] | tuple[int, int, float, float]) -> Predictions:
    full = [row if len(row) == 4 else (*row, 1.0) for row in rows]
    columns = [np.array([row[column] for row in full]) for column in range(4)]
    picture, identity, x, score = columns
    return Predictions(
        skeleton=BODY,
        rows=picture,
        keypoints=places(x, score),
        scores=score,
        track_ids=identity,
    )


def places(x: np.ndarray, third: np.ndarray | float) -> np.ndarray:
    keypoints = np.zeros((len(x), 15, 3))
    keypoints[..., 0] = np.asarray(x).reshape(-1, 1)
    keypoints[..., 2] = np.broadcast_to(third, (len(x),)).reshape(-1, 1)
    return keypoints


def test_a_wrong_keypoint_costs_its_rank_and_its_picture():
    truth = tiny_truth(*((picture, 1, 0) for picture in range(4)), pictures=4)
    found = tiny_poses((0, 5, 0, 0.9), (1, 5, 0, 0.8), (2, 5, 0, 0.7), (3, 5, 0, 0.6))
    rows = evaluate_posetrack(truth, shifted(found, "right_wrist", 6, slice(1, 2))).sections[
        "keypoints"
    ]
    # Best first: right, wrong, right, right. Recall 1/4 at precision 1, then 3/4 at best: 3/4.
    assert rows["right_wrist"]["AP"].value() == pytest.approx(1 / 4 + 2 / 4 * 3 / 4)
    # The last picture is left out: 3 labelled, 1 missed, 1 false positive.
    assert rows["right_wrist"]["MOTA"].value() == pytest.approx(1 - 2 / 3)
    assert rows["right_wrist"]["Precision"].value() == pytest.approx(2 / 3)
    assert rows["right_wrist"]["Recall"].value() == pytest.approx(2 / 3)
    for name in set(BODY.names) - {"right_wrist"}:
        assert all(figure.value() == 1 for figure in rows[name].values()), name


def test_a_switch_costs_a_match_and_the_distance_of_a_new_track_once_more():
    truth = tiny_truth(*((picture, 1, 0) for picture in range(5)), pictures=5)
    found = tiny_poses((0, 7, 1), (1, 7, 1), (2, 8, 2), (3, 8, 1), (4, 8, 0))
    evaluation = evaluate_posetrack(truth, found)
    assert evaluation.figures["MOTA"].value() == pytest.approx(1 - 1 / 4)
    # Distances 0.1 0.1 0.2 0.1 twice, and 0.2 again: 1.2 over 4 matches.
    assert evaluation.figures["MOTP"].value() == pytest.approx(1 - 1.2 / 4)
    assert evaluation.figures["mAP"].value() == 1


def test_a_switch_is_one_however_long_ago_the_last_match_was():
    truth = tiny_truth(*((picture, 1, 0) for picture in range(5)), pictures=5)
    found = tiny_poses((0, 7, 0), (1, 7, 50), (2, 7, 50), (3, 8, 0))
    # 4 labelled: 2 matches, 2 misses, 2 false positives, 1 switch
    assert evaluate_posetrack(truth, found).figures["MOTA"].value() == pytest.approx(1 - 5 / 4)


def test_distances_of_rivals_count_for_motp():
    truth = tiny_truth((0, 1, 0), (1, 1, 0))
    figures = evaluate_posetrack(truth, tiny_poses((0, 5, 1), (0, 6, 3), (1, 5, 0))).figures
    # One match (0.1), one false positive that reaches (0.3): D = 0.1 + 0.3 + 0.1.
    assert figures["MOTP"].value() == pytest.approx(1 - 0.5)
    assert figures["MOTA"].value() == pytest.approx(1 - 1)
    assert figures["Precision"].value() == pytest.approx(1 / 2)


def test_a_track_newly_given_to_another_person_adds_its_distance():
    truth = tiny_truth((0, 1, 0), (1, 2, 0), (2, 1, 0), pictures=3)
    found = tiny_poses((0, 5, 1), (1, 5, 2), (2, 5, 0))
    # Person 1: 0.1 twice. Person 2 has no match yet and gets the track of 1: 0.2, four times.
    assert evaluate_posetrack(truth, found).figures["MOTP"].value() == pytest.approx(1 - 1.0 / 2)


def test_as_many_people_as_possible_are_matched():
    truth = tiny_truth((0, 1, 0), (0, 2, 6), (1, 1, 0))
    # The nearest pair (2 px) would leave person 2 without a pose.
    found = tiny_poses((0, 5, 2), (0, 6, -3))
    assert evaluate_posetrack(truth, found).figures["Recall"].value() == 1


def test_the_track_of_the_last_match_is_kept_though_another_is_nearer():
    truth = tiny_truth((0, 1, 0), (1, 1, 0), (2, 1, 0), pictures=3)
    found = tiny_poses((0, 5, 0), (1, 5, 4), (1, 6, 1), (2, 5, 0))
    # 2 labelled, no miss, 1 false positive, no switch
    assert evaluate_posetrack(truth, found).figures["MOTA"].value() == pytest.approx(1 - 1 / 2)


def test_a_picture_without_any_pose_counts_one_miss_and_one_false_positive():
    truth = tiny_truth((0, 1, 0), (0, 2, 50), (1, 1, 0), (1, 2, 50), (2, 1, 0), pictures=3)
    found = tiny_poses((1, 5, 0), (1, 6, 50), (2, 5, 0))
    figures = evaluate_posetrack(truth, found).figures
    # 1 + 2 labelled, 2 matches, 1 miss, 1 false positive
    assert figures["MOTA"].value() == pytest.approx(1 - 2 / 3)
    assert figures["Precision"].value() == pytest.approx(2 / 3)
    assert figures["Recall"].value() == pytest.approx(2 / 3)
    assert figures["mAP"].value() == pytest.approx(3 / 5)  # AP misses all of them


def test_pictures_without_labelled_people_do_not_count():
    truth = tiny_truth((0, 1, 0), (2, 1, 0), pictures=3)
    found = tiny_poses((0, 5, 0), (1, 5, 0), (1, 6, 0), (2, 5, 0))
    assert evaluate_posetrack(truth, found).values() == pytest.approx(
        {"mAP": 1, "MOTA": 1, "MOTP": 1, "Precision": 1, "Recall": 1}
    )


@pytest.mark.parametrize(("x", "is_right"), [(5.0, True), (5.001, False)])
def test_half_a_head_size_is_still_right(x, is_right):
    figures = evaluate_posetrack(tiny_truth((0, 1, 0), (1, 1, 0)), tiny_poses((0, 5, x), (1, 5, x)))
    assert figures.figures["mAP"].value() == is_right
    assert figures.figures["Recall"].value() == is_right


def test_a_person_keeps_the_pose_of_the_highest_pckh_and_others_are_wrong():
    truth = tiny_truth((0, 1, 0))
    found = tiny_poses((0, 5, 0, 0.9), (0, 6, 0, 0.8))
    worse_first = shifted(found, "nose", 50, slice(0, 1))
    rows = evaluate_posetrack(truth, worse_first).sections["keypoints"]
    # The second pose is assigned: its keypoints are right, and rank behind the wrong ones.
    assert rows["left_hip"]["AP"].value() == pytest.approx(1 / 2)
    assert evaluate_posetrack(truth, found).sections["keypoints"]["left_hip"]["AP"].value() == 1


def test_keypoints_that_the_person_does_not_have_labelled_are_wrong():
    truth = tiny_truth((0, 1, 0), (1, 1, 0))
    keypoints = truth.keypoints.copy()
    keypoints[0, BODY.index("nose")] = 0
    truth = changed(truth, keypoints=keypoints)
    found = tiny_poses((0, 5, 0, 0.9), (1, 5, 0, 0.8))
    rows = evaluate_posetrack(truth, found).sections["keypoints"]
    assert rows["nose"]["AP"].value() == pytest.approx(1 / 2)
    # In the only picture of tracking it is not labelled: nothing to find, one false positive.
    assert np.isnan(rows["nose"]["MOTA"].value()) and np.isnan(rows["nose"]["Recall"].value())
    assert rows["nose"]["Precision"].value() == 0


def test_ignored_regions_excuse_poses_and_people():
    region = np.array([[90.0, -10], [110, -10], [110, 10], [90, 10]])
    rows = ((0, 1, 0), (0, 2, 100), (1, 1, 0))
    found = tiny_poses((0, 5, 0), (0, 6, 103), (0, 7, 104), (1, 5, 0))
    plain = evaluate_posetrack(tiny_truth(*rows), found).figures
    excused = evaluate_posetrack(tiny_truth(*rows, ignored_regions=(region,)), found).figures
    assert plain["MOTA"].value() == pytest.approx(1 - 1 / 2)
    assert excused["MOTA"].value() == excused["mAP"].value() == 1


def test_shuffled_identities_lower_mota_and_leave_ap(tmp_path):
    truth, found = made("trembling", tmp_path)
    shuffled = found.track_ids.copy()
    random = np.random.default_rng(0)
    for picture in range(len(truth.pictures)):
        rows = np.flatnonzero(found.rows == picture)
        shuffled[rows] = shuffled[random.permutation(rows)]
    before = evaluate_posetrack(truth, found).values()
    after = evaluate_posetrack(truth, changed(found, track_ids=shuffled)).values()
    assert after["MOTA"] < before["MOTA"]
    assert [after[name] for name in ("mAP", "Precision", "Recall")] == [1, 1, 1]


def test_other_names_of_the_same_identities_change_nothing(tmp_path):
    truth, found = made("crowded", tmp_path)
    renamed = evaluate_posetrack(truth, changed(found, track_ids=1000 - found.track_ids))
    assert renamed.values() == pytest.approx(evaluate_posetrack(truth, found).values())


def test_a_shifted_keypoint_lowers_its_own_figures_only(tmp_path):
    truth, found = made("trembling", tmp_path)
    before = evaluate_posetrack(truth, found).sections["keypoints"]
    after = evaluate_posetrack(truth, shifted(found, "left_ankle", 80, slice(3, 9))).sections[
        "keypoints"
    ]
    for name in BODY.names:
        for figure in ("AP", "MOTA", "Precision", "Recall"):
            if name == "left_ankle":
                assert after[name][figure].value() < before[name][figure].value()
            else:
                assert after[name][figure].value() == before[name][figure].value()


@pytest.mark.parametrize("figure", ["mAP", "Recall", "MOTP"])
def test_nobody_found_gives_zeros(figure):
    truth, found = tiny_truth((0, 1, 0), (1, 1, 0)), tiny_poses((0, 5, 0))[:0]
    assert evaluate_posetrack(truth, found).figures[figure].value() == 0


def test_no_people_and_no_pictures_give_nothing():
    truth = tiny_truth((0, 1, 0))[:0]
    evaluation = evaluate_posetrack(truth, tiny_poses((0, 5, 0)))
    assert np.isnan(evaluation.figures["MOTA"].value()) and len(evaluation.cases) == 0
    empty = evaluate_posetrack(changed(truth, pictures=()), tiny_poses((0, 5, 0))[:0])
    assert np.isnan(empty.figures["Recall"].value()) and empty.units == ()


def test_results_without_identities_have_ap_only():
    truth, found = tiny_truth((0, 1, 0)), changed(tiny_poses((0, 5, 0)), track_ids=None)
    evaluation = evaluate_posetrack(truth, found)
    assert evaluation.values() == {"mAP": 1}
    assert "no identities" in evaluation.notes[-1]


def test_keypoints_are_found_by_name():
    truth, found = tiny_truth((0, 1, 0), (1, 1, 0)), tiny_poses((0, 5, 0), (1, 5, 0))
    coco = found.in_layout(skeleton("coco_17"))
    rows = evaluate_posetrack(truth, coco).sections["keypoints"]
    recalls = {name: row["Recall"].value() for name, row in rows.items()}
    assert recalls == {name: float(name not in ("head_bottom", "head_top")) for name in BODY.names}


def test_cases_tell_how_much_of_each_person_was_found():
    truth = tiny_truth((0, 1, 0), (0, 2, 50), (1, 1, 0))
    found = shifted(tiny_poses((0, 5, 50), (1, 6, 0)), "nose", 9, slice(1, 2))
    cases = evaluate_posetrack(truth, found).cases
    assert cases.measure == "PCKh"
    np.testing.assert_array_equal(cases.truth, [0, 1, 2])
    np.testing.assert_array_equal(cases.found, [-1, 0, 1])
    np.testing.assert_allclose(cases.quality, [0, 1, 14 / 15])


@pytest.mark.parametrize("side", ["truth", "results"])
def test_an_identity_twice_in_a_picture_is_an_error(side):
    truth, found = tiny_truth((0, 1, 0), (0, 2, 50)), tiny_poses((1, 5, 0), (1, 6, 50))
    if side == "truth":
        truth = changed(truth, track_ids=[4, 4])
    else:
        found = changed(found, track_ids=[4, 4])
    with pytest.raises(ValueError, match=rf"{side}: identity 4 occurs twice in video/[01]\.jpg"):
        evaluate_posetrack(truth, found)


@pytest.mark.parametrize("column", ["sizes_px", "track_ids"])
def test_truth_without_sizes_or_identities_is_an_error(column):
    truth = changed(tiny_truth((0, 1, 0)), **{column: None})
    with pytest.raises(ValueError, match="no sizes of heads or no identities"):
        evaluate_posetrack(truth, tiny_poses((0, 5, 0)))


def test_points_inside_of_polygons():
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    bow = np.array([[10.0, 0], [14, 4], [14, 0], [10, 4]])  # crosses itself in (12, 2)
    points = {
        **{(2, 2): True, (0, 2): False, (4, 4): False, (2, 0): False, (5, 2): False},
        **{(11, 2): True, (13, 2): True, (12, 3): False, (12, 1): False, (-1, 2): False},
        **{(2, 4.001): False, (2, 3.999): True},
    }
    places = np.array([*points, (np.nan, np.nan)], float)
    np.testing.assert_array_equal(inside(places, [square, bow]), [*points.values(), False])
    np.testing.assert_array_equal(
        inside(places.reshape(-1, 1, 2), [square[::-1]])[:, 0], inside(places, [square])
    )


def made_ranking(seed: int) -> KeypointRanking:
    random = np.random.default_rng(seed)
    unit = np.sort(random.integers(0, 4, 30))
    score = random.permutation(30) / 30
    is_true = random.random(30) < 0.6
    return KeypointRanking(unit, score, is_true, np.bincount(unit, is_true, 4) + 2.0)


@pytest.mark.parametrize("seed", range(5))
def test_area_is_the_integral_of_the_best_precision_at_each_recall_or_beyond(seed):
    ranking = made_ranking(seed)
    hits = ranking.is_true[np.argsort(-ranking.score)]
    count = int(ranking.positives.sum())
    precisions = [hits[: n + 1].mean() for n in range(30)]
    recalls = [hits[: n + 1].sum() for n in range(30)]
    best = [
        max((p for p, r in zip(precisions, recalls, strict=True) if r >= wanted), default=0)
        for wanted in range(1, count + 1)
    ]
    assert ranking.area() == pytest.approx(sum(best) / count, abs=1e-12)


def test_of_equal_scores_the_later_comes_first():
    ranking = KeypointRanking(
        np.zeros(2, int), np.ones(2), np.array([True, False]), np.array([1.0])
    )
    assert ranking.area() == pytest.approx(1 / 2)


@pytest.mark.parametrize("seed", range(5))
def test_weights_count_videos_several_times(seed):
    ranking, weights = made_ranking(seed), np.array([2, 0, 1, 3])
    repeated = np.repeat(np.arange(30), weights[ranking.unit])
    copies = KeypointRanking(
        np.zeros(len(repeated), int),
        ranking.score[repeated],
        ranking.is_true[repeated],
        np.array([weights @ ranking.positives]),
    )
    # Copies of one detection have equal scores and equal outcomes: their order does not matter.
    assert ranking.area(weights) == pytest.approx(copies.area(), abs=1e-12)


def test_unknown_keypoints_are_left_out_of_the_mean():
    known = made_ranking(0)
    nothing = KeypointRanking(known.unit, known.score, known.is_true & False, np.zeros(4))
    assert PrecisionArea((known, nothing)).value() == known.area()
    assert np.isnan(PrecisionArea((nothing,)).value())


def test_figures_survive_their_file(tmp_path):
    evaluation = evaluate_posetrack(*made("two_videos", tmp_path))
    write_json(evaluation, tmp_path / "figures.json", {})
    stored = read_figures(tmp_path / "figures.json")
    assert stored.units == evaluation.units
    figures = dict(stored.every_figure())
    for name, figure in evaluation.every_figure():
        weights = np.array([2, 1])
        assert figures[name].value(weights) == figure.value(weights), name


def test_report_shows_groups_keypoints_and_videos(tmp_path):
    text = to_markdown(evaluate_posetrack(*made("two_videos", tmp_path)))
    for title in ("| keypoints |", "| groups |", "| sequences |", "| Ankl |", "| mAP |"):
        assert title in text.replace("|  |", "|")


def test_made_cases_are_the_same_each_time(tmp_path):
    for folder in ("a", "b"):
        MAKER["write"]("crowded", tmp_path / folder)
    files = [sorted((tmp_path / folder).rglob("*.json")) for folder in ("a", "b")]
    assert [path.read_text() for path in files[0]] == [path.read_text() for path in files[1]]
