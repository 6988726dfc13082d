from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from alphapose_ros.evaluation.box_sources import boxes_of_file, rows_by_picture, true_boxes
from alphapose_ros.evaluation.records import Picture, Truth
from alphapose_ros.skeletons import skeleton

PICTURES = (
    Picture(id=7, file="a/000001.jpg"),
    Picture(id=9, file="b/000001.jpg"),
    Picture(id="frame", file="b/000002.jpg"),
)


def entry(image_id, x=10, score=0.5, **more):
    return {"image_id": image_id, "bbox": [x, 20, 30, 40], "score": score, **more}


def boxes_in(tmp_path, entries, min_score=0.0):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(entries))
    source = boxes_of_file(path, PICTURES, min_score)
    return [source(row, None).people for row in range(3)]


@pytest.mark.parametrize(
    ("image_id", "row"),
    [(7, 0), ("9", 1), ("frame", 2), ("a/000001.jpg", 0), ("b/000001.jpg", 1), ("000002.jpg", 2)],
)
def test_pictures_are_found_by_id_or_file(tmp_path, image_id, row):
    counts = [len(people) for people in boxes_in(tmp_path, [entry(image_id)])]
    assert counts == np.eye(3, dtype=int)[row].tolist()


def test_a_bare_name_that_two_pictures_have_is_nobody_s(tmp_path):
    with pytest.raises(ValueError, match="no box is of one of the 3 pictures"):
        boxes_in(tmp_path, [entry("000001.jpg")])


def test_boxes_keep_their_order_places_and_scores(tmp_path):
    entries = [entry(9, 1), entry(7, 2), entry(9, 3, 1.5), entry(9, 4, 0.2)]
    first, second, third = boxes_in(tmp_path, entries, min_score=0.3)
    assert first.boxes.tolist() == [[2, 20, 32, 60]]
    assert second.boxes[:, 0].tolist() == [1, 3]
    assert second.scores.tolist() == [0.5, 1.0]
    assert len(third) == 0


def test_what_is_no_person_or_has_no_extent_is_left_out(tmp_path):
    entries = [entry(7, category_id=2), entry(7, category_id=1), entry(7) | {"bbox": [1, 2, 0, 4]}]
    assert [len(people) for people in boxes_in(tmp_path, entries)] == [1, 0, 0]


def test_boxes_of_other_pictures_are_left_out_with_a_word(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        counts = [len(people) for people in boxes_in(tmp_path, [entry(7), entry(8)])]
    assert counts == [1, 0, 0]
    assert "1 boxes are of pictures left out" in caplog.text


def test_no_boxes_are_nobody(tmp_path):
    assert [len(people) for people in boxes_in(tmp_path, [])] == [0, 0, 0]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"bbox": [1, 2, 3]}, r"boxes\.json\[1\]\.bbox: must be 4 numbers"),
        ({"bbox": [1, 2, -3, 4]}, r"\[1\]\.bbox: has a negative extent"),
        ({"score": "high"}, r"\[1\]\.score: must be a finite number"),
        ({"image_id": [7]}, r"\[1\]\.image_id: must be a number or a file name"),
        ({"category_id": "person"}, r"\[1\]\.category_id"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path, bad, problem):
    with pytest.raises(ValueError, match=problem):
        boxes_in(tmp_path, [entry(7), entry(7) | bad])


def labelled(boxes, *, rows, is_crowd=None, visibility=None):
    count = len(boxes)
    keypoints = np.zeros((count, 17, 3))
    keypoints[:, 0, 2] = 2 if visibility is None else visibility
    return Truth(
        name="made up",
        skeleton=skeleton("coco_17"),
        pictures=PICTURES,
        rows=rows,
        keypoints=keypoints,
        boxes=np.reshape(boxes, (-1, 4)),
        areas=np.ones(count),
        ids=np.arange(count) + 100,
        is_crowd=np.zeros(count) if is_crowd is None else is_crowd,
    )


def test_true_boxes_are_those_of_labelled_people_in_any_order():
    boxes = [[number, 0, number + 5, 9] for number in range(5)]
    truth = labelled(
        boxes, rows=[2, 0, 2, 2, 0], is_crowd=[0, 1, 0, 0, 0], visibility=[1, 1, 0, 2, 2]
    )
    source = true_boxes(truth)
    assert [source(row, None).truth_ids.tolist() for row in range(3)] == [[104], [], [100, 103]]
    assert source(2, None).people.boxes[:, 0].tolist() == [0, 3]
    assert source(2, None).people.scores.tolist() == [1, 1]
    assert [source.needs_picture(row) for row in range(3)] == [True, False, True]


def test_people_in_boxes_without_extent_are_missed_with_a_word(caplog):
    with caplog.at_level(logging.WARNING):
        source = true_boxes(labelled([[5, 5, 5, 9], [0, 0, 2, 2]], rows=[0, 0]))
    assert source(0, None).truth_ids.tolist() == [101]
    assert "1 labelled people of made up have boxes without extent" in caplog.text


def test_rows_by_picture_of_nobody():
    assert [len(rows) for rows in rows_by_picture(np.empty(0, int), 2)] == [0, 0]
    assert rows_by_picture(np.empty(0, int), 0) == []
