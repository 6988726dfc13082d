import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")

from made_people import made_people, read

from alphapose_ros.evaluation.datasets.coco import read_coco, read_crowdpose
from alphapose_ros.evaluation.datasets.ochuman import read_ochuman
from alphapose_ros.evaluation.datasets.wholebody import read_halpe, read_wholebody
from alphapose_ros.evaluation.protocols import (
    evaluate_coco,
    evaluate_crowdpose,
    evaluate_halpe,
    evaluate_ochuman,
    evaluate_wholebody,
)
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.evaluation.report import read_figures, write_json
from alphapose_ros.evaluation.results import read_results
from alphapose_ros.skeletons import skeleton

COCO = skeleton("coco_17")
CASES = Path(__file__).resolve().parents[1] / "data/evaluation/average_precision"
TEN = ["AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AR50", "AR75", "AR_M", "AR_L"]


def numbers(figures):
    """The figures' values, -1 instead of NaN, as the official tools have it."""
    return np.nan_to_num([figure.value() for figure in figures.values()], nan=-1)


def case(folder, name, read_truth):
    """A made case and what the official tool says about it."""
    content = json.loads((CASES / f"{name}.json").read_text())
    return *read(folder, read_truth, content["labels"], content["results"]), content["expected"]


def people(places, skeleton=COCO, **columns):
    """Truth of one picture per person, each 100 px wide and high, of 5000 px^2."""
    keypoints = np.array(places, float)
    count = len(keypoints)
    rows = np.arange(count)
    defaults = {
        "name": "coco",
        "skeleton": skeleton,
        "pictures": tuple(Picture(id=int(row), file=f"{row}.jpg") for row in rows),
        "rows": rows,
        "keypoints": keypoints,
        "boxes": np.tile([0.0, 0, 100, 100], (count, 1)),
        "areas": np.full(count, 5000.0),
        "ids": rows + 1,
        "is_crowd": np.zeros(count, bool),
    }
    return Truth(**{**defaults, **columns})


def poses_of(truth, **columns):
    """Poses that are exactly the labels."""
    defaults = {
        "skeleton": truth.skeleton,
        "rows": truth.rows,
        "keypoints": np.where(truth.keypoints[..., 2:] > 0, truth.keypoints, [np.nan, np.nan, 0]),
        "scores": np.linspace(0.9, 0.5, len(truth)),
    }
    return Predictions(**{**defaults, **columns})


def standing(count, skeleton=COCO):
    """Places of ``count`` people, all labelled."""
    rng = np.random.default_rng(3)
    shape = (count, len(skeleton.names))
    return np.concatenate((rng.uniform(10, 90, (*shape, 2)), np.full((*shape, 1), 2)), axis=2)


@pytest.mark.parametrize("boxes", ["gtbox", "yolox"])
def test_figures_of_a_real_network_on_coco_are_those_of_pycocotools(data, boxes):
    truth = read_coco(data / "pose_datasets/coco/test_coco.json")
    name = f"ultralight_simplepose_{boxes}_results.json"
    found = read_results(data / "pose_datasets/coco" / name, truth)
    expected = json.loads((data / "pose_datasets/coco/expected_keypoint_ap.json").read_text())
    evaluation = evaluate_coco(truth, found)
    assert list(evaluation.values()) == expected["stats_order"] == TEN
    np.testing.assert_allclose(numbers(evaluation.figures), expected[name], atol=1e-6)


def test_figures_of_a_real_network_on_wholebody_are_those_of_both_official_tools(data):
    folder = data / "pose_datasets/coco_wholebody_eval"
    truth = read_wholebody(folder / "example_gt.json")
    evaluation = evaluate_wholebody(truth, read_results(folder / "example_pred.json", truth))
    groups = {"wholebody": evaluation.figures, **evaluation.sections["groups"]}
    expected = json.loads((folder / "expected.json").read_text())
    assert expected.pop("stats_order") == list(evaluation.figures)
    for tool in expected.values():
        assert tool.keys() == groups.keys()
        for name, figures in groups.items():
            np.testing.assert_allclose(numbers(figures), tool[name], atol=1e-6)


def test_wholebody_equals_the_official_tool_where_groups_and_people_are_missing(tmp_path):
    truth, found, expected = case(tmp_path, "wholebody", read_wholebody)
    evaluation = evaluate_wholebody(truth, found)
    groups = {"wholebody": evaluation.figures, **evaluation.sections["groups"]}
    assert groups.keys() == expected.keys()
    for name, figures in groups.items():
        np.testing.assert_allclose(numbers(figures), expected[name], atol=1e-12, err_msg=name)


def test_published_constants_of_halpe_equal_its_official_tool(tmp_path):
    truth, found, expected = case(tmp_path, "halpe", read_halpe)
    evaluation = evaluate_halpe(truth, found, constants="published")
    groups = {"fullbody": evaluation.figures, **evaluation.sections["groups"]}
    assert groups.keys() == expected.keys()
    for name, figures in groups.items():
        np.testing.assert_allclose(numbers(figures), expected[name], atol=1e-12, err_msg=name)


def test_crowdpose_equals_its_official_tool(tmp_path):
    truth, found, expected = case(tmp_path, "crowdpose", read_crowdpose)
    evaluation = evaluate_crowdpose(truth, found)
    figures = numbers(evaluation.figures)
    np.testing.assert_allclose(figures[:6], expected["all"], atol=1e-12)
    np.testing.assert_allclose(figures[6:], expected["levels"], atol=5.1e-5)  # rounded there
    names = ["AP", "AP50", "AP75", "AR", "AR50", "AR75", "AP_easy", "AP_medium", "AP_hard"]
    assert list(evaluation.figures) == names


def test_crowded_pictures_begin_where_the_official_tool_lets_them():
    places = standing(4, skeleton("crowdpose_14"))
    indices = (0.199, 0.2, 0.799, 0.8)
    truth = people(
        places,
        skeleton("crowdpose_14"),
        pictures=tuple(
            Picture(id=row, file="", crowd_index=index) for row, index in enumerate(indices)
        ),
    )
    evaluation = evaluate_crowdpose(truth, poses_of(truth))
    positives = {
        level: figures["AP"].of[0].positives.tolist()
        for level, figures in evaluation.sections["crowding"].items()
    }
    assert positives == {"easy": [1, 0, 0, 0], "medium": [0, 1, 1, 0], "hard": [0, 0, 0, 1]}


def test_who_shows_only_head_and_neck_need_not_be_found_in_crowdpose():
    layout = skeleton("crowdpose_14")
    places = standing(2, layout)
    places[1, :12] = 0
    truth = people(places, layout)
    only_first = poses_of(truth)[[0]]
    assert evaluate_crowdpose(truth, only_first).values()["AP"] == pytest.approx(1)
    assert evaluate_coco(truth, only_first).values()["AR"] == pytest.approx(0.5)


def test_feet_may_be_less_far_off_with_the_constants_of_the_paper():
    layout = skeleton("halpe_136")
    truth = people(standing(1, layout), layout, areas=[10000.0])
    moved = np.array(truth.keypoints)
    moved[:, layout.group("feet"), 0] += 4
    found = poses_of(truth, keypoints=moved)
    # 4 px of sqrt(10000) = 100: exp(-0.04^2 / (2 * (2 * sigma)^2)) is 0.975 for 0.089, hence all
    # ten thresholds are met; 0.411 for 0.015, and none is. As k, that would be 0.029.
    published = evaluate_halpe(truth, found, constants="published")
    paper = evaluate_halpe(truth, found)
    assert published.sections["groups"]["foot"]["AP"].value() == pytest.approx(1)
    assert paper.sections["groups"]["foot"]["AP"].value() == 0
    toe = paper.sections["keypoints"]["left_big_toe"]["similarity"].value()
    assert toe == pytest.approx(np.exp(-(0.04**2) / (2 * 0.03**2)))
    assert "OKS constants: paper" in paper.notes
    with pytest.raises(ValueError, match="'k' must be 'paper' or 'published'"):
        evaluate_halpe(truth, found, constants="k")


def test_groups_rank_by_their_own_scores_where_they_have_some():
    # Two poses in one picture, of which the second fits; only the hand's score says so.
    layout = skeleton("coco_wholebody_133")
    truth = people(standing(1, layout), layout)
    wrong = np.array(truth.keypoints)
    wrong[..., 0] += 200
    scores = np.full((2, 5), np.nan)
    scores[:, 3] = 0.1, 0.9
    found = poses_of(
        truth,
        rows=[0, 0],
        keypoints=np.concatenate((wrong, truth.keypoints)),
        scores=[0.9, 0.1],
        group_scores=scores,
    )
    groups = evaluate_wholebody(truth, found).sections["groups"]
    assert groups["lefthand"]["AP"].value() == pytest.approx(1)
    assert groups["righthand"]["AP"].value() == pytest.approx(0.5)  # right pose second
    without = replace(found, group_scores=None)
    groups = evaluate_wholebody(truth, without).sections["groups"]
    assert groups["lefthand"]["AP"].value() == pytest.approx(0.5)


def test_a_skeleton_of_several_groups_has_figures_of_each():
    layout = skeleton("halpe_26")
    truth = people(standing(2, layout), layout)
    found = np.array(truth.keypoints)
    found[:, layout.group("feet"), 0] += 50
    groups = evaluate_coco(truth, poses_of(truth, keypoints=found)).sections["groups"]
    assert {name: figures["AP"].value() for name, figures in groups.items()} == {
        "body": pytest.approx(1),
        "feet": 0,
    }
    assert "groups" not in evaluate_coco(*perfect()).sections


def perfect():
    truth = people(standing(3))
    return truth, poses_of(truth)


def test_poses_in_another_layout_are_compared_by_name():
    truth, found = perfect()
    halpe = skeleton("halpe_136")
    wide = np.full((3, 136, 3), 7.0)
    wide[:, halpe.rows_of(COCO)] = found.keypoints
    found = poses_of(truth, skeleton=halpe, keypoints=wide)
    assert evaluate_coco(truth, found).values()["AP"] == pytest.approx(1)


def test_keypoints_are_judged_on_everybody_who_has_them():
    # Three people 5000 px^2 large. Noses: right, 10 px off, and of somebody nobody found; the left
    # eye of the first is not labelled. exp(-10^2 / (2 * 5000 * (2 * 0.026)^2)) = 0.0248.
    places = standing(3)
    places[0, 1] = 0
    truth = people(places)
    moved = np.array(truth.keypoints)
    moved[1, 0, 0] += 10
    found = poses_of(truth, keypoints=moved)[[0, 1]]
    evaluation = evaluate_coco(truth, found)
    rows = evaluation.sections["keypoints"]
    value = np.exp(-100 / (2 * 5000 * 0.052**2))
    assert rows["nose"]["similarity"].value() == pytest.approx((1 + value + 0) / 3)
    assert rows["nose"]["distance"].value() == pytest.approx((0 + 10 / np.sqrt(5000)) / 2)
    assert rows["left_eye"]["similarity"].value() == pytest.approx(1 / 2)
    assert rows["left_eye"]["distance"].value() == 0
    cases = evaluation.cases
    assert cases.found.tolist() == [0, 1, -1]
    np.testing.assert_allclose(cases.quality, [1, (16 + value) / 17, 0])
    assert cases.worst(1).truth.tolist() == [2]


def test_crowds_and_people_without_keypoints_are_no_cases():
    places = standing(3)
    places[2] = 0
    truth = people(places, is_crowd=[False, True, False])
    evaluation = evaluate_coco(truth, poses_of(truth))
    assert evaluation.cases.truth.tolist() == [0]
    assert evaluation.notes == (
        "1 people in 3 pictures count, 2 crowds or people without labelled keypoints do not; "
        "3 poses",
    )
    assert evaluation.figures["AP"].of[0].positives.tolist() == [1, 0, 0]
    assert evaluation.sections["keypoints"]["nose"]["similarity"].value() == 1  # the crowd has one


def test_people_are_paired_with_the_poses_most_like_them():
    # Two people side by side in one picture; the better scored pose lies between them, nearer to
    # the first, for whom there is a perfect one, too.
    places = standing(1)
    places = np.concatenate((places, places + [20, 0, 0]))
    truth = people(places, rows=[0, 0])
    between = truth.keypoints[0] + [8, 0, 0]
    found = poses_of(truth, keypoints=np.stack((between, truth.keypoints[0])), scores=[0.9, 0.2])
    cases = evaluate_coco(truth, found).cases
    assert cases.found.tolist() == [1, 0]
    assert cases.quality[0] == 1
    assert 0.01 < cases.quality[1] < 0.9


def test_a_pose_far_from_everybody_finds_nobody():
    truth = people(standing(1))
    found = poses_of(truth, keypoints=truth.keypoints + [500, 0, 0])
    evaluation = evaluate_coco(truth, found)
    assert evaluation.cases.found.tolist() == [-1]
    assert np.isnan(evaluation.sections["keypoints"]["nose"]["distance"].value())


@pytest.mark.parametrize(
    ("evaluate", "layout"),
    [
        (evaluate_coco, "coco_17"),
        (evaluate_ochuman, "coco_17"),
        (evaluate_wholebody, "coco_wholebody_133"),
        (evaluate_halpe, "halpe_136"),
        (evaluate_crowdpose, "crowdpose_14"),
    ],
)
class TestEveryProtocol:
    def test_worse_poses_have_worse_figures(self, evaluate, layout):
        truth = people(standing(6, skeleton(layout)), skeleton(layout))
        moves = np.random.default_rng(0).normal(size=(*truth.keypoints.shape[:2], 2))
        values = []
        for spread_px in (0, 1, 2, 4, 8, 40):
            moved = np.array(truth.keypoints)
            moved[..., :2] += spread_px * moves
            values.append(evaluate(truth, poses_of(truth, keypoints=moved)).values()["AP"])
        assert values[0] == pytest.approx(1)
        assert values == sorted(values, reverse=True)
        assert values[-1] < 0.1

    def test_one_shifted_keypoint_is_noticed(self, evaluate, layout):
        truth = people(standing(6, skeleton(layout)), skeleton(layout))
        for name in skeleton(layout).names[::7]:
            moved = np.array(truth.keypoints)
            moved[:, skeleton(layout).index(name), 0] += 15
            rows = evaluate(truth, poses_of(truth, keypoints=moved)).sections["keypoints"]
            assert rows[name]["distance"].value() == pytest.approx(15 / np.sqrt(5000))
            assert min(rows, key=lambda row: rows[row]["similarity"].value()) == name

    def test_nothing_found_is_zero(self, evaluate, layout):
        truth = people(standing(2, skeleton(layout)), skeleton(layout))
        evaluation = evaluate(truth, poses_of(truth)[:0])
        assert evaluation.values()["AP"] == evaluation.values()["AR"] == 0
        assert evaluation.cases.quality.tolist() == [0, 0]
        assert {row["similarity"].value() for row in evaluation.sections["keypoints"].values()} == {
            0
        }

    def test_nobody_labelled_has_no_figures(self, evaluate, layout):
        truth = people(standing(2, skeleton(layout)), skeleton(layout))
        found = poses_of(truth)
        evaluation = evaluate(truth[:0], found)
        assert all(np.isnan(value) for value in evaluation.values().values())
        assert len(evaluation.cases) == 0
        assert all(np.isnan(figure.value()) for _, figure in evaluation.every_figure())

    def test_figures_survive_the_file(self, evaluate, layout, tmp_path):
        truth = people(standing(6, skeleton(layout)), skeleton(layout))
        moved = truth.keypoints + np.random.default_rng(0).normal(size=truth.keypoints.shape) * 2
        evaluation = evaluate(truth, poses_of(truth, keypoints=moved))
        write_json(evaluation, tmp_path / "figures.json", {})
        again = dict(read_figures(tmp_path / "figures.json").every_figure())
        assert again.keys() == dict(evaluation.every_figure()).keys()
        weights = np.array([2, 0, 1, 1, 0, 2])
        for name, figure in evaluation.every_figure():
            assert again[name].value(weights) == pytest.approx(figure.value(weights), nan_ok=True)


def test_ochuman_is_evaluated_as_coco(tmp_path):
    labels, results = made_people(COCO, seed=5)
    for person in labels["annotations"]:
        person["segmentation"] = []
    one, found = read(tmp_path, read_coco, labels, results)
    other, also_found = read(tmp_path, read_ochuman, labels, results)
    assert evaluate_ochuman(other, also_found).values() == evaluate_coco(one, found).values()
