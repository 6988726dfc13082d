from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.wholebody import read_halpe, read_wholebody
from alphapose_ros.evaluation.records import VISIBLE_JAW


def sample(data, name):
    return data / "pose_datasets" / name


def test_both_forms_of_wholebody_are_the_same(data):
    split = read_wholebody(sample(data, "coco/test_coco_wholebody.json"))
    flat = read_wholebody(sample(data, "coco/test_keypoint_partition_metric.json"))
    np.testing.assert_array_equal(split.keypoints, flat.keypoints)
    np.testing.assert_array_equal(split.is_valid, flat.is_valid)


def test_each_part_stands_at_its_place(data):
    path = sample(data, "coco_wholebody_eval/example_gt.json")
    truth = read_wholebody(path)
    fields = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    for row, person in enumerate(json.loads(path.read_text())["annotations"]):
        joined = [number for field in fields for number in person[field]]
        assert truth.keypoints[row].ravel().tolist() == joined
    assert truth.jaw == VISIBLE_JAW


def test_what_was_clear_enough_is_told_by_group(data):
    path = sample(data, "coco_wholebody_eval/example_gt.json")
    truth = read_wholebody(path)
    assert list(truth.skeleton.groups) == ["body", "feet", "face", "left_hand", "right_hand"]
    expected = [
        [True] + [person[f"{part}_valid"] for part in ("foot", "face", "lefthand", "righthand")]
        for person in json.loads(path.read_text())["annotations"]
    ]
    assert truth.is_valid.tolist() == expected
    assert 0 < truth.is_valid[:, 1:].mean() < 1  # or the comparison would show little


def test_feet_of_both_data_sets_coincide_by_name_and_only_by_name(data):
    # Both data sets label both feet of the one person of picture 785, 347 px high.
    halpe = read_halpe(sample(data, "halpe/test_halpe.json"))
    coco = read_wholebody(sample(data, "coco/test_coco_wholebody.json"))
    assert halpe.pictures[0].id == coco.pictures[0].id == 785 and halpe.ids[0] == coco.ids[0]
    feet = halpe.skeleton.group("feet")
    there = halpe.keypoints[0, feet]
    by_name = coco.keypoints[0, coco.skeleton.rows_of(halpe.skeleton)[feet]]
    by_place = coco.keypoints[0, coco.skeleton.group("feet")]
    assert (there[:, 2] > 0).all() and (by_name[:, 2] > 0).all()
    assert np.linalg.norm(there - by_name, axis=1).max() < 20
    assert np.linalg.norm(there - by_place, axis=1).max() > 100
    # Of all 720 ways to pair the six points, that by name leaves the least between them.
    distances = np.linalg.norm(there[:, None, :2] - by_place[None, :, :2], axis=2)
    pairs = min(permutations(range(6)), key=lambda order: distances[range(6), order].sum())
    np.testing.assert_array_equal(by_place[list(pairs)], by_name)


def test_bodies_of_both_data_sets_coincide(data):
    halpe = read_halpe(sample(data, "halpe/test_halpe.json"))
    coco = read_wholebody(sample(data, "coco/test_coco_wholebody.json"))
    assert halpe.ids.tolist() == coco.ids.tolist()
    both = (halpe.keypoints[:, :17, 2] > 0) & (coco.keypoints[:, :17, 2] > 0)
    apart = np.linalg.norm(halpe.keypoints[:, :17, :2] - coco.keypoints[:, :17, :2], axis=2)
    assert both.sum() > 50 and np.median(apart[both]) < 5


def test_halpe_counts_what_is_labelled_and_not_what_the_file_says(data):
    # num_keypoints of its first person is 17, but 55 of the 136 are labelled.
    truth = read_halpe(sample(data, "halpe/test_halpe.json"))
    assert truth.is_labelled.sum(axis=1).tolist() == [55, 62, 84, 0, 16, 18]
    assert truth.jaw == VISIBLE_JAW and truth.is_valid is None


def halpe_person(**changes):
    return {
        **{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 20], "area": 120.0},
        **{"keypoints": [3.0, 4.0, 2.0] * 136},
        **changes,
    }


def document(person):
    image = {"id": 1, "file_name": "HICO_train2015_00000001.jpg", "width": 64, "height": 48}
    category = {"id": 1, "name": "person", "keypoints": []}
    return {"images": [image], "annotations": [person], "categories": [category]}


@pytest.fixture
def written(tmp_path):
    def write(person):
        path = tmp_path / "gt.json"
        path.write_text(json.dumps(document(person)))
        return path

    return write


def test_halpe_takes_the_box_where_there_is_no_area(written):
    person = halpe_person()
    assert read_halpe(written(person)).areas.tolist() == [120]
    del person["area"]
    assert read_halpe(written(person)).areas.tolist() == [200]


def test_a_wrong_number_of_keypoints_is_named(written):
    with pytest.raises(ValueError, match=r"gt.json.annotations\[0\].keypoints: must be 136 x 3"):
        read_halpe(written(halpe_person(keypoints=[0.0] * 399)))
    with pytest.raises(ValueError, match=r"gt.json.annotations\[0\].keypoints: must be 133 x 3"):
        read_wholebody(written(halpe_person()))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("face_kpts", [0] * 3, "must be 68 x 3"),
        ("face_valid", "yes", "must be 0 or 1"),
        ("foot_valid", None, "must be 0 or 1"),
    ],
)
def test_a_malformed_part_is_named(data, tmp_path, field, value, message):
    path = sample(data, "coco/test_coco_wholebody.json")
    content = json.loads(path.read_text())
    content["annotations"][2][field] = value
    copy = tmp_path / "gt.json"
    copy.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"annotations\[2\].{field}: {message}"):
        read_wholebody(copy)


def test_a_missing_part_is_named(data, tmp_path):
    content = json.loads(sample(data, "coco/test_coco_wholebody.json").read_text())
    del content["annotations"][1]["lefthand_kpts"]
    copy = tmp_path / "gt.json"
    copy.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"annotations\[1\].lefthand_kpts: is missing"):
        read_wholebody(copy)
