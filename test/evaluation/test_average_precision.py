import contextlib
import io
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")

from made_people import made_people, read
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from alphapose_ros.evaluation.average_precision import (
    Contest,
    Found,
    Labelled,
    oks,
    precision_and_recall,
)
from alphapose_ros.evaluation.datasets.coco import read_coco
from alphapose_ros.evaluation.datasets.wholebody import read_halpe
from alphapose_ros.evaluation.protocols import evaluate_coco
from alphapose_ros.skeletons import skeleton


def by_pycocotools(labels, results, sigmas):
    """Ten figures, -1 where nobody is labelled."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = labels
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def numbers(evaluation):
    return np.nan_to_num(list(evaluation.values().values()), nan=-1)


@pytest.mark.parametrize("seed", range(30))
def test_figures_of_crowded_pictures_are_those_of_pycocotools(tmp_path, seed):
    layout = skeleton("coco_17")
    labels, results = made_people(layout, seed, pictures=10)
    ours = evaluate_coco(*read(tmp_path, read_coco, labels, results))
    theirs = by_pycocotools(labels, results, layout.sigmas)
    np.testing.assert_allclose(numbers(ours), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_any_number_of_keypoints_is_compared_as_pycocotools_would(tmp_path, seed):
    layout = skeleton("halpe_136")
    labels, results = made_people(layout, seed, pictures=10)
    for person in labels["annotations"]:  # pycocotools ignores people by this
        person["num_keypoints"] = int(np.count_nonzero(person["keypoints"][2::3]))
    ours = evaluate_coco(*read(tmp_path, read_halpe, labels, results))
    theirs = by_pycocotools(labels, results, layout.sigmas)
    np.testing.assert_allclose(numbers(ours), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_boxes_of_poses_say_how_large_they_are_as_in_pycocotools(tmp_path, seed):
    layout = skeleton("coco_17")
    labels, results = made_people(layout, seed, pictures=10)
    for result in results:
        result["bbox"] = [10, 10, 30 + 7 * len(labels["images"]), 90.5]
    without = evaluate_coco(*read(tmp_path, read_coco, labels, results))
    theirs = by_pycocotools(labels, results, layout.sigmas)
    np.testing.assert_allclose(numbers(without), theirs, rtol=0, atol=1e-12)


def test_only_the_twenty_best_poses_of_a_picture_count(tmp_path):
    layout = skeleton("coco_17")
    labels, results = made_people(layout, 1, pictures=1)
    results = [
        {**result, "score": score}
        for score, result in zip(np.random.default_rng(0).random(60), 20 * results, strict=False)
    ]
    assert len(results) == 60
    ours = evaluate_coco(*read(tmp_path, read_coco, labels, results))
    theirs = by_pycocotools(labels, results, layout.sigmas)
    np.testing.assert_allclose(numbers(ours), theirs, rtol=0, atol=1e-12)
    assert len(ours.figures["AP"].of[0].unit) == 20


def test_equal_scores_of_two_pictures_are_ordered_by_the_ids_of_the_pictures(tmp_path):
    # Equal scores in both pictures: the right pose, in picture 3, stands before the wrong one of
    # picture 7 although the file lists 7 first, hence AP is 1 at recalls to 1/2, and 0 beyond.
    layout = skeleton("coco_17")
    keypoints = np.c_[np.arange(17) * 10, np.arange(17) * 5, np.full(17, 2)]
    wrong = keypoints + [500, 0, 0]
    person = {"category_id": 1, "iscrowd": 0, "bbox": [0, 0, 160, 80], "area": 10000}
    labels = {
        "images": [{"id": number, "file_name": "", "width": 9, "height": 9} for number in (7, 3)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {**person, "id": number, "image_id": number, "num_keypoints": 17}
            | {"keypoints": keypoints.ravel().tolist()}
            for number in (7, 3)
        ],
    }
    results = [
        {"image_id": number, "category_id": 1, "score": 0.5, "keypoints": places.ravel().tolist()}
        for number, places in ((7, wrong), (3, keypoints))
    ]
    ours = evaluate_coco(*read(tmp_path, read_coco, labels, results))
    assert ours.values()["AP"] == pytest.approx(51 / 101)
    assert ours.values()["AP"] == pytest.approx(by_pycocotools(labels, results, layout.sigmas)[0])


def one_person(keypoints, **columns):
    defaults = {
        "rows": np.zeros(1, int),
        "keypoints": np.array([keypoints], float),
        "boxes": np.array([[100.0, 100, 120, 140]]),
        "areas": np.array([400.0]),
        "is_crowd": np.zeros(1, bool),
        "is_ignored": np.zeros(1, bool),
    }
    return Labelled(**{**defaults, **columns})


def test_similarity_is_the_mean_over_labelled_keypoints():
    # Area 400, sigma 0.05 and 0.1: d = 2 px gives exp(-4 / (2 * 400 * 0.01)) = exp(-0.5), and
    # d = (3, 4) gives exp(-25 / (2 * 400 * 0.04)) = exp(-0.78125). The third is not labelled.
    person = one_person([[10, 10, 2], [50, 50, 1], [0, 0, 0]])
    poses = np.array([[[12.0, 10], [53, 54], [999, 999]], [[10, 10], [50, 50], [0, 0]]])
    similarity = oks(person, np.array([0]), poses, np.array([0.05, 0.1, 0.1]))
    np.testing.assert_allclose(similarity, [[(np.exp(-0.5) + np.exp(-0.78125)) / 2], [1]])


def test_who_has_no_keypoints_is_like_poses_around_the_box():
    # Box 100..120 x 100..140: three times that is 80..140 x 60..180. Inside is 1; 4 px outside
    # with sigma 0.1 and area 400: exp(-16 / (2 * 400 * 0.04)) = exp(-0.5).
    crowd = one_person([[0, 0, 0]], is_crowd=np.ones(1, bool), is_ignored=np.ones(1, bool))
    poses = np.array([[[80.0, 180]], [[76, 100]], [[110, 184]]])
    similarity = oks(crowd, np.array([0]), poses, np.array([0.1]))
    np.testing.assert_allclose(similarity[:, 0], [1, np.exp(-0.5), np.exp(-0.5)])


def contest(similarity_px, scores, is_crowd=()):
    """One picture with people at x = 0, 100, 200 ... and poses at given x, of one keypoint."""
    people = max(len(is_crowd), 2)
    is_crowd = np.array(is_crowd or [False] * people)
    x = np.arange(people) * 100.0
    return Contest(
        labelled=Labelled(
            rows=np.zeros(people, int),
            keypoints=np.c_[x, np.zeros(people), np.full(people, 2)][:, None],
            boxes=np.c_[x - 5, np.full(people, -5), x + 5, np.full(people, 5)].astype(float),
            areas=np.full(people, 2000.0),
            is_crowd=is_crowd,
            is_ignored=is_crowd,
        ),
        found=Found(
            rows=np.zeros(len(similarity_px), int),
            keypoints=np.array([[[place, 0.0]] for place in similarity_px]).reshape(-1, 1, 2),
            scores=np.array(scores, float),
            areas=np.full(len(similarity_px), 2000.0),
            is_dropped=np.zeros(len(similarity_px), bool),
        ),
        sigmas=np.array([0.1]),
        order=np.array([0]),
    )


def test_a_second_pose_of_the_same_person_is_wrong():
    # Best first: right, again the first person (wrong), then the second person: precision 1 up to
    # recall 1/2, 2/3 up to 1. 51 recalls of 101 are at most 1/2.
    figures = precision_and_recall(contest([0, 1, 100], [0.9, 0.8, 0.7]).rankings())
    assert figures["AP"].value() == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert figures["AR"].value() == 1


def test_poses_within_a_crowd_count_neither_way():
    figures = precision_and_recall(
        contest([0, 100, 101, 99], [0.5, 0.9, 0.8, 0.7], is_crowd=[False, True]).rankings()
    )
    assert figures["AP"].value() == pytest.approx(1)


def test_a_dropped_pose_was_not_found():
    both = contest([0, 100], [0.9, 0.8])
    both.found.is_dropped[1] = True
    assert precision_and_recall(both.rankings())["AR"].value() == 0.5
    assert both.pairs[0].tolist() == [0, -1]


def test_people_of_another_size_and_their_poses_do_not_count():
    figures = precision_and_recall(contest([0, 50], [0.9, 0.8]).rankings())
    assert np.isnan(figures["AP_L"].value())
    assert figures["AP_M"].value() == figures["AP"].value()


def test_pairs_take_the_most_similar_first_whatever_the_scores():
    # Pose 0 at 40 is nearer to person 0, whom pose 1 has exactly; pose 0 is left for person 1, at
    # 60 px: exp(-3600 / (2 * 2000 * 0.04)) is 1.7e-10, nobody's.
    finder, similarity = contest([40, 0], [0.9, 0.1]).pairs
    assert finder.tolist() == [1, -1]
    np.testing.assert_allclose(similarity, [1, 0])
    # At 85, 15 px off: exp(-225 / 160).
    finder, similarity = contest([85, 0], [0.9, 0.1]).pairs
    assert finder.tolist() == [1, 0]
    np.testing.assert_allclose(similarity, [1, np.exp(-225 / 160)])


def test_no_pictures_no_figures():
    nobody = contest([], [])
    figures = precision_and_recall(nobody.rankings())
    assert figures["AP"].value() == 0
    empty = Contest(
        labelled=Labelled(
            **{name: getattr(nobody.labelled, name)[:0] for name in vars(nobody.labelled)}
        ),
        found=nobody.found,
        sigmas=nobody.sigmas,
        order=np.empty(0, int),
    )
    assert np.isnan(precision_and_recall(empty.rankings())["AP"].value())


def test_nothing_is_printed(tmp_path, capsys):
    evaluate_coco(*read(tmp_path, read_coco, *made_people(skeleton("coco_17"), 0)))
    assert capsys.readouterr() == ("", "")


def test_the_package_is_imported_without_pycocotools():
    code = (
        "import sys, alphapose_ros, alphapose_ros.evaluation, alphapose_ros.evaluation.report;"
        "assert 'pycocotools' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
