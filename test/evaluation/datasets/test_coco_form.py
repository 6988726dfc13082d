import json

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.coco_form import read_coco_form

PERSON = {"id": 4, "image_id": "b", "keypoints": [1, 2, 2, 5, 12, 1]}
PICTURE = {"id": 7, "file_name": "7.jpg"}
CONTENT = {
    "images": [PICTURE, {"id": "b", "file_name": "b.jpg"}],
    "annotations": [PERSON, PERSON | {"id": 5, "bbox": [1, 2, 3, 4], "area": 5, "iscrowd": 1}],
}


def write(folder, **change):
    path = folder / "form.json"
    path.write_text(json.dumps(CONTENT | change))
    return path


def test_what_a_file_has_not_is_made_from_the_keypoints(tmp_path):
    form = read_coco_form(write(tmp_path))
    assert [picture.file for picture in form.pictures] == ["7.jpg", "b.jpg"]
    assert form.pictures[1].size is None and form.rows.tolist() == [1, 1]
    columns = form.columns(form.keypoints(2))
    np.testing.assert_allclose(columns["boxes"], [[0.6, 1, 5.4, 13], [1, 2, 4, 6]])
    np.testing.assert_allclose(columns["areas"], [4.8 * 12, 5])
    assert columns["is_crowd"].tolist() == [False, True]


def test_a_file_without_people_is_read(tmp_path):
    form = read_coco_form(write(tmp_path, annotations=[]))
    columns = form.columns(form.keypoints(2))
    assert len(form.pictures) == 2 and columns["keypoints"].shape == (0, 2, 3)
    assert columns["boxes"].shape == (0, 4) and columns["ids"].shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 3}, r"form.json.images: must be a list"),
        ({"images": [PICTURE]}, r"form.json.annotations\[0\].image_id: no picture has the id 'b'"),
        ({"images": [PICTURE, PICTURE]}, r"images\[1\].id: 7 is the id of another picture"),
        ({"images": [PICTURE | {"width": 3}]}, r"images\[0\].height: is missing"),
        ({"images": [{"id": [7]}]}, r"form.json.images\[0\].id: must be a number or a string"),
        ({"images": [{"id": "b"}]}, r"form.json.images\[0\].file_name: is missing"),
        ({"annotations": [{}]}, r"form.json.annotations\[0\].image_id: is missing"),
    ],
)
def test_malformed_entries_are_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read_coco_form(write(tmp_path, **change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 4}, r"annotations\[1\].id: 4 is the id of another annotation"),
        ({"area": -1}, r"annotations\[1\].area: must not be negative, is -1"),
        ({"iscrowd": 7}, r"annotations\[1\].iscrowd: must be 0 or 1, is 7"),
    ],
)
def test_malformed_people_are_named(tmp_path, change, message):
    people = [PERSON, PERSON | {"id": 5} | change]
    form = read_coco_form(write(tmp_path, annotations=people))
    with pytest.raises(ValueError, match=message):
        form.columns(form.keypoints(2))
