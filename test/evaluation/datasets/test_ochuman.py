from __future__ import annotations

import json

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.ochuman import read_ochuman

# The order of ochuman.json.
NAMES = [
    *("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("head", "neck", "right_ear", "left_ear", "nose", "right_eye", "left_eye"),
]


def person(**changes):
    # Keypoint number i lies at 10 i, 20 i; visibilities go round 0 1 2 3.
    keypoints = [number for i in range(19) for number in (10 * i, 20 * i, i % 4)]
    return {"bbox": [5, 6, 25, 46], "keypoints": keypoints, "max_iou": 0.7, "segms": None} | changes


@pytest.fixture
def written(tmp_path):
    def write(*people, **changes):
        image = {"image_id": "000001", "file_name": "000001.jpg", "width": 640, "height": 480}
        empty = {**image, "image_id": "000002", "file_name": "000002.jpg", "annotations": []}
        content = {
            "keypoint_names": NAMES,
            "images": [{**image, "annotations": list(people)}, empty],
            **changes,
        }
        path = tmp_path / "ochuman.json"
        path.write_text(json.dumps(content))
        return path

    return write


def test_keypoints_are_found_by_name(written):
    truth = read_ochuman(written(person()))
    assert truth.skeleton.id == "coco_17"
    for name, (x, y, _) in zip(truth.skeleton.names, truth.keypoints[0], strict=True):
        assert (x, y) == (10 * NAMES.index(name), 20 * NAMES.index(name))


def test_visibilities_become_those_of_coco(written):
    # 0 missing -> 0; 1 visible and 2 hidden by oneself -> 2; 3 hidden by others -> 1.
    truth = read_ochuman(written(person()))
    rows = [NAMES.index(name) for name in truth.skeleton.names]
    assert truth.keypoints[0, :, 2].tolist() == [[0, 2, 2, 1][row % 4] for row in rows]


def test_boxes_are_corners_and_areas_theirs(written):
    truth = read_ochuman(written(person()))
    assert truth.boxes.tolist() == [[5, 6, 25, 46]]
    assert truth.areas.tolist() == [20 * 40]


def test_people_without_keypoints_and_pictures_without_people_stay(written):
    truth = read_ochuman(written(person(), person(keypoints=None)))
    assert [picture.id for picture in truth.pictures] == ["000001", "000002"]
    assert truth.rows.tolist() == [0, 0] and truth.ids.tolist() == [1, 2]
    assert truth.is_labelled.any(axis=1).tolist() == [True, False]
    assert not truth.is_crowd.any()


def test_areas_of_the_form_of_coco_are_the_boxes_too(data):
    truth = read_ochuman(data / "pose_datasets/ochuman/test_ochuman.json")
    extents = truth.boxes[:, 2:] - truth.boxes[:, :2]
    np.testing.assert_array_equal(truth.areas, extents.prod(axis=1))


def test_both_forms_give_the_same_person(data, written, tmp_path):
    path = data / "pose_datasets/ochuman/test_ochuman.json"
    expected = read_ochuman(path)
    flat = expected.keypoints[0]
    by_name = dict(zip(expected.skeleton.names, flat, strict=True))
    own = [
        number
        for name in NAMES
        for x, y, v in [by_name.get(name, (0, 0, 0))]
        for number in (x, y, [0, 3, 1][int(v)])
    ]
    found = read_ochuman(written(person(keypoints=own, bbox=expected.boxes[0].tolist())))
    np.testing.assert_array_equal(found.keypoints[0], flat)
    assert found.areas[0] == expected.areas[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": [0] * 51}, r"images\[0\].annotations\[0\].keypoints: must be 19 x 3"),
        ({"keypoints": [4] * 57}, r"annotations\[0\].keypoints: visibility must be 0 to 3"),
        ({"bbox": [5, 6, 4, 46]}, r"annotations\[0\].bbox: must be x1 y1 x2 y2"),
    ],
)
def test_a_malformed_person_is_named(written, changes, message):
    with pytest.raises(ValueError, match=message):
        read_ochuman(written(person(**changes)))


def test_names_that_are_missing_are_named(written):
    with pytest.raises(ValueError, match="keypoint_names: lacks nose, left_eye"):
        read_ochuman(written(person(), keypoint_names=NAMES[:16]))
