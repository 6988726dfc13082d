from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from alphapose_ros.boxes import iou
from alphapose_ros.evaluation.distances import measure, normalised_distances, pair
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.skeletons import skeleton

MPII = skeleton("mpii_16")
K = len(MPII.names)


def people(places, rows, ids=None, pictures=None, sizes=None):
    """Labels at ``places`` (N, 16, 2); NaN where there is none."""
    places = np.asarray(places, float).reshape(-1, K, 2)
    labelled = ~np.isnan(places[..., :1])
    count = len(places)
    return Truth(
        name="made",
        skeleton=MPII,
        pictures=tuple(Picture(id=i, file=f"{i}.jpg") for i in range(pictures or max(rows) + 1)),
        rows=rows,
        keypoints=np.concatenate((np.where(labelled, places, -1), labelled), axis=2),
        boxes=np.zeros((count, 4)),
        areas=np.zeros(count),
        ids=np.arange(count) if ids is None else ids,
        is_crowd=np.zeros(count),
        sizes_px=sizes,
    )


def poses(places, rows, scores=None, truth_ids=None, layout=MPII):
    places = np.asarray(places, float).reshape(len(rows), len(layout.names), 2)
    found = ~np.isnan(places[..., :1])
    return Predictions(
        skeleton=layout,
        rows=rows,
        keypoints=np.concatenate((places, found), axis=2),
        scores=np.ones(len(rows)) if scores is None else scores,
        truth_ids=truth_ids,
    )


def person(x, y, size=20.0):
    """Sixteen places on a grid of 4 x 4 in a square at x, y."""
    steps = np.stack(np.meshgrid(np.arange(4), np.arange(4)), axis=-1).reshape(-1, 2)
    return np.array([x, y]) + steps * size / 3


def test_the_annotation_that_is_meant_decides_wherever_the_keypoints_are():
    truth = people([person(0, 0), person(100, 0)], rows=[0, 0], ids=[7, 5])
    found = poses([person(0, 0), person(100, 0)], rows=[0, 0], truth_ids=[5, 7])
    np.testing.assert_array_equal(pair(truth, found), [1, 0])


def test_of_several_that_mean_the_same_annotation_the_best_score_counts():
    truth = people([person(0, 0)], rows=[0], ids=[7])
    found = poses([person(0, 0)] * 3, rows=[0] * 3, scores=[0.2, 0.9, 0.5], truth_ids=[7] * 3)
    np.testing.assert_array_equal(pair(truth, found), [1])


def test_who_is_of_another_annotation_is_given_to_nobody():
    truth = people([person(0, 0)], rows=[0], ids=[7])
    found = poses([person(0, 0)], rows=[0], truth_ids=[8])
    np.testing.assert_array_equal(pair(truth, found), [-1])


def test_predictions_without_annotation_go_to_the_people_left():
    truth = people([person(0, 0), person(5, 0), person(0, 0)], rows=[0, 0, 1], ids=[7, 5, 3])
    found = poses([person(0, 0)] * 3, rows=[0, 0, 1], truth_ids=[5, -1, -1])
    np.testing.assert_array_equal(pair(truth, found), [1, 0, 2])


def test_an_annotation_of_another_picture_is_an_error():
    truth = people([person(0, 0), person(0, 0)], rows=[0, 1], ids=[7, 5])
    found = poses([person(0, 0)], rows=[0], truth_ids=[5])
    with pytest.raises(ValueError, match=r"prediction 0 lies in picture 0, but annotation 5 .* 1"):
        pair(truth, found)


def test_one_person_in_a_picture_gets_the_best_score_of_that_picture():
    truth = people([person(0, 0), person(0, 0)], rows=[0, 1], pictures=3)
    places = [person(0, 0), person(900, 0), person(0, 0), person(0, 0)]
    found = poses(places, rows=[1, 1, 2, 0], scores=[0.4, 0.6, 0.9, 0.1])
    np.testing.assert_array_equal(pair(truth, found), [3, 1])


def test_people_of_one_picture_are_matched_to_overlap_most_in_sum():
    # Boxes 20 px wide, hence 21 with the width of a keypoint, all in one row. Shares of pairs at a
    # distance d: (21 - d) / (21 + d). Person 0 at 0 and person 1 at 8; poses at 6 and at -10.
    #   0-a: d 6, 15/27 = 0.556    0-b: d 10, 11/31 = 0.355
    #   1-a: d 2, 19/23 = 0.826    1-b: d 18,  3/39 = 0.077
    # 0-b and 1-a give 1.181, 0-a and 1-b give 0.633.
    truth = people([person(0, 0), person(8, 0)], rows=[0, 0])
    found = poses([person(6, 0), person(-10, 0)], rows=[0, 0], scores=[0.1, 0.9])
    np.testing.assert_array_equal(pair(truth, found), [1, 0])


def test_people_are_matched_as_trying_all_orders_matches_them():
    random = np.random.default_rng(0)
    places = [person(*random.uniform(0, 15, 2), random.uniform(10, 30)) for _ in range(8)]
    truth = people(places[:4], rows=[0] * 4)
    found = poses(places[4:], rows=[0] * 4)
    half = np.array([-0.5, -0.5, 0.5, 0.5])
    boxes = np.array([[*p.min(axis=0), *p.max(axis=0)] for p in places]) + half
    shared = iou(boxes[:4], boxes[4:])
    best = max(permutations(range(4)), key=lambda order: shared[range(4), order].sum())
    np.testing.assert_array_equal(pair(truth, found), best)


def test_who_does_not_overlap_is_not_matched():
    truth = people([person(0, 0), person(100, 0)], rows=[0, 0])
    found = poses([person(2, 0), person(300, 0)], rows=[0, 0])
    np.testing.assert_array_equal(pair(truth, found), [0, -1])


def test_only_labelled_and_only_predicted_keypoints_make_the_boxes():
    unlabelled, lost = person(60, 0), person(100, 0)
    unlabelled[3] = np.nan  # stored at -1, -1, where the first pose is
    lost[5] = np.nan
    truth = people([unlabelled, person(101, 0)], rows=[0, 0])
    found = poses([person(-10, -10), lost], rows=[0, 0])
    np.testing.assert_array_equal(pair(truth, found), [-1, 1])


def test_a_person_with_one_label_can_be_matched():
    lone = np.full((K, 2), np.nan)
    lone[0] = 10, 10
    truth = people([lone, person(100, 0)], rows=[0, 0])
    np.testing.assert_array_equal(pair(truth, poses([person(0, 0)], rows=[0])), [0, -1])


def test_pictures_do_not_mix():
    truth = people([person(0, 0), person(40, 0), person(0, 0), person(40, 0)], rows=[1, 1, 0, 0])
    found = poses([person(41, 0), person(1, 0), person(1, 0)], rows=[0, 1, 0])
    np.testing.assert_array_equal(pair(truth, found), [1, -1, 2, 0])


@pytest.mark.parametrize("count", [0, 2])
def test_nobody_found_or_nobody_labelled_is_ordinary(count):
    truth = people([person(0, 0)] * count, rows=np.zeros(count, int), pictures=1)
    nobody = poses(np.empty((0, K, 2)), rows=np.empty(0, int))
    somebody = poses([person(0, 0)], rows=[0], truth_ids=[9])
    for found in (nobody, somebody):
        np.testing.assert_array_equal(pair(truth, found), [-1] * count)
        measured = measure(truth, found, np.ones(count))
        assert measured.parts.shape == (count, K) and np.isinf(measured.parts).all()


def test_distances_are_divided_by_each_persons_size():
    # 3-4-5 triangles: every keypoint 5 px off, sizes 10 and 20 px.
    truth = people([person(0, 0), person(100, 0)], rows=[0, 1])
    found = poses([person(3, 4), person(97, -4)], rows=[0, 1])
    distances = normalised_distances(truth, found, np.array([0, 1]), np.array([10.0, 20.0]))
    np.testing.assert_allclose(distances, [[0.5] * K, [0.25] * K])


def test_not_labelled_is_nan_and_not_found_is_infinite():
    label, place = person(0, 0), person(0, 0)
    label[0] = np.nan
    place[:2] = np.nan
    truth = people([label, person(0, 0)], rows=[0, 1])
    found = poses([place], rows=[0])
    distances = normalised_distances(truth, found, np.array([0, -1]), np.ones(2))
    np.testing.assert_array_equal(distances[0], [np.nan, np.inf, *[0.0] * 14])
    np.testing.assert_array_equal(distances[1], [np.inf] * K)


@pytest.mark.parametrize("unknown", [np.nan, 0.0, -1.0, np.inf])
def test_people_of_unknown_size_are_left_out_and_counted(unknown):
    truth = people([person(0, 0), person(0, 0)], rows=[0, 1])
    found = poses([person(0, 0)] * 2, rows=[0, 1])
    measured = measure(truth, found, np.array([unknown, 2.0]))
    assert np.isnan(measured.parts[0]).all() and np.isnan(measured.px[0]).all()
    assert (measured.parts[1] == 0).all()
    assert measured.notes == ("people left out, since their size is not known: 1",)


def test_who_is_left_out_still_keeps_others_from_his_prediction():
    truth = people([person(0, 0), person(15, 0)], rows=[0, 0])
    measured = measure(truth, poses([person(1, 0)], rows=[0]), np.array([np.nan, 1.0]))
    np.testing.assert_array_equal(measured.pairs, [0, -1])
    assert "people not found: 1; all their keypoints count as wrong" in measured.notes


def test_keypoints_are_found_by_name_and_those_that_lack_are_named():
    coco = skeleton("coco_17")
    truth = people([person(0, 0)], rows=[0])
    places = np.full((1, 17, 2), np.nan)
    for row, name in enumerate(coco.names):
        if name in MPII.names:
            places[0, row] = person(0, 0)[MPII.index(name)]
    measured = measure(truth, poses(places, rows=[0], layout=coco), np.ones(1))
    lacking = [MPII.names.index(name) for name in ("pelvis", "thorax", "upper_neck", "head_top")]
    assert np.isinf(measured.parts[0, lacking]).all()
    assert (np.delete(measured.parts[0], lacking) == 0).all()
    assert measured.notes == (
        "coco_17 has no pelvis, thorax, upper_neck, head_top: these keypoints count as wrong",
    )


def test_predictions_that_share_no_keypoint_are_an_error():
    hand = skeleton("single_hand_21")
    with pytest.raises(ValueError, match="single_hand_21 have none of the keypoints of mpii_16"):
        measure(
            people([person(0, 0)], rows=[0]),
            poses(np.zeros((1, 21, 2)), rows=[0], layout=hand),
            np.ones(1),
        )


def test_sums_are_of_pictures_in_their_order_with_zeros_for_those_without_people():
    truth = people([person(0, 0)] * 3, rows=[2, 0, 2], pictures=4)
    measured = measure(truth, poses(np.empty((0, K, 2)), rows=[]), np.ones(3))
    sums = measured.sums(np.array([[1.0], [2.0], [4.0]]), np.ones((3, 1)))
    np.testing.assert_array_equal(sums.parts, [[2], [0], [5], [0]])
    np.testing.assert_array_equal(sums.wholes, [[1], [0], [2], [0]])
    assert measured.units == ("0", "1", "2", "3")
