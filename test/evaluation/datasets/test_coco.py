from __future__ import annotations

import json

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.coco import read_coco, read_coco_people, read_crowdpose
from alphapose_ros.evaluation.datasets.ochuman import read_ochuman
from alphapose_ros.evaluation.datasets.wholebody import read_halpe, read_wholebody
from alphapose_ros.skeletons import SKELETONS, skeleton

PARTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


@pytest.mark.parametrize(
    ("file", "read", "pictures", "people"),
    [
        ("coco/test_coco.json", read_coco, 2, 6),
        ("coco/test_coco_wholebody.json", read_wholebody, 2, 6),
        ("coco/test_keypoint_partition_metric.json", read_wholebody, 2, 6),
        ("coco_wholebody_eval/example_gt.json", read_wholebody, 3, 18),
        ("crowdpose/test_crowdpose.json", read_crowdpose, 1, 3),
        ("halpe/test_halpe.json", read_halpe, 2, 6),
        ("ochuman/test_ochuman.json", read_ochuman, 2, 3),
    ],
)
def test_a_file_is_read_completely(data, file, read, pictures, people):
    path = data / "pose_datasets" / file
    truth = read(path)
    content = json.loads(path.read_text())
    labelled = [
        sum(v > 0 for part in PARTS for v in person.get(part, [])[2::3])
        for person in content["annotations"]
    ]
    assert (len(truth.pictures), len(truth)) == (pictures, people)
    assert [picture.id for picture in truth.pictures] == [i["id"] for i in content["images"]]
    assert truth.is_labelled.sum(axis=1).tolist() == labelled
    assert truth.ids.tolist() == [person["id"] for person in content["annotations"]]
    ids = [truth.pictures[row].id for row in truth.rows]
    assert ids == [person["image_id"] for person in content["annotations"]]


def test_coco_gives_boxes_areas_and_sizes(data):
    truth = read_coco(data / "pose_datasets/coco/test_coco.json")
    # bbox 280.79 44.73 218.7 346.68: the sums are the far corner.
    np.testing.assert_allclose(truth.boxes[0], [280.79, 44.73, 499.49, 391.41])
    assert truth.areas[0] == 27789.11055
    assert truth.pictures[0].size == (640, 425)
    assert truth.pictures[0].file == "000000000785.jpg"
    assert truth.skeleton.id == "coco_17" and truth.keypoints[0, 0].tolist() == [367, 81, 2]
    assert not truth.is_crowd.any() and truth.is_valid is None and truth.jaw == ""


def test_crowdpose_has_crowd_indices_and_areas_as_its_own_tool_takes_them(data):
    path = data / "pose_datasets/crowdpose/test_crowdpose.json"
    truth = read_crowdpose(path)
    boxes = [person["bbox"] for person in json.loads(path.read_text())["annotations"]]
    # crowdposetools' own OKS of 10,651 pairs of its validation set follows from this to 4e-16.
    np.testing.assert_allclose(truth.areas, [0.53 * w * h for _, _, w, h in boxes])
    assert [picture.crowd_index for picture in truth.pictures] == [0.33]
    assert truth.skeleton.id == "crowdpose_14"


def test_the_small_set_of_coco_is_read_completely(data):
    path = data / "pose_datasets/coco_people/labels.json"
    truth = read_coco_people(path)
    images = json.loads(path.read_text())["images"]
    people = [person for image in images for person in image["persons"]]
    labelled = [sum(v > 0 for _, _, v in person["keypoints"]) for person in people]
    assert len(truth.pictures) == 80 and len(truth) == len(people) == 172
    assert truth.is_labelled.sum(axis=1).tolist() == labelled
    assert truth.is_crowd.sum() == 5
    assert truth.pictures[0].id == 493652 and truth.pictures[0].size == (640, 399)
    assert truth.boxes.tolist() == [person["box"] for person in people]
    assert np.bincount(truth.rows, minlength=80).tolist() == [len(i["persons"]) for i in images]


def document(count=17, **changes):
    keypoints = [1.0, 2.0, 2.0] * count
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [
            {
                **{"id": 1, "image_id": 7, "category_id": 1, "area": 50.0, "iscrowd": 0},
                **{"bbox": [1, 2, 10, 20], "keypoints": keypoints},
            }
        ],
        "categories": [{"id": 1, "name": "person"}],
        **changes,
    }


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "gt.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.mark.parametrize("name", SKELETONS)
def test_our_own_annotations_name_their_skeleton(written, name):
    count = len(skeleton(name).names)
    truth = read_coco(written(document(count, info={"skeleton": name})))
    assert truth.skeleton.id == name and truth.keypoints.shape == (1, count, 3)


def test_our_own_synthetic_sequences_are_read(root):
    path = root / "test/data/synthetic_sequences/0000_crossing/annotations.json"
    truth = read_coco(path)
    content = json.loads(path.read_text())
    assert truth.skeleton.id == content["info"]["skeleton"]
    assert len(truth) == len(content["annotations"]) > 0
    assert truth.is_labelled.sum() == sum(a["num_keypoints"] for a in content["annotations"])


def test_pictures_without_people_and_people_without_keypoints_stay(written):
    content = document()
    content["images"] += [{"id": 8, "file_name": "b.jpg"}]
    content["annotations"] += [
        {"id": 2, "image_id": 7, "category_id": 1, "area": 9, "bbox": [0, 0, 3, 3], "iscrowd": 1}
    ]
    truth = read_coco(written(content))
    assert len(truth.pictures) == 2 and truth.pictures[1].size is None
    assert truth.is_labelled.sum(axis=1).tolist() == [17, 0]
    assert truth.is_crowd.tolist() == [False, True]


def test_other_categories_are_left_out(written):
    content = document()
    content["categories"] += [{"id": 18, "name": "dog"}]
    content["annotations"] += [{"id": 2, "image_id": 7, "category_id": 18, "bbox": [0, 0, 3, 3]}]
    assert read_coco(written(content)).ids.tolist() == [1]


def test_the_category_is_known_by_its_name(written):
    content = document(categories=[{"id": 1, "name": "dog"}, {"id": 3, "name": "person"}])
    content["annotations"] += [{**content["annotations"][0], "id": 2, "category_id": 3}]
    assert read_coco(written(content)).ids.tolist() == [2]


def test_nobody_is_read_as_nobody(written):
    truth = read_coco(written(document(annotations=[])))
    assert len(truth) == 0 and len(truth.pictures) == 1 and truth.keypoints.shape == (0, 17, 3)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("keypoints", [1, 2], r"gt.json.annotations\[0\].keypoints: must be 17 x 3 numbers"),
        ("keypoints", [1.0, 2.0, None] * 17, r"annotations\[0\].keypoints"),
        ("bbox", [1, 2, -3, 4], r"annotations\[0\].bbox: has a negative extent"),
        ("bbox", [1, 2, 3], r"annotations\[0\].bbox: must be 4 numbers"),
        ("image_id", 8, r"annotations\[0\].image_id: no picture has the id 8"),
        ("area", "big", r"annotations\[0\].area: must be a finite number"),
        ("area", -1, r"annotations\[0\].area: must not be negative"),
        ("category_id", [1], r"annotations\[0\].category_id: must be a finite number"),
        ("iscrowd", 2, r"annotations\[0\].iscrowd: must be 0 or 1"),
        ("id", 1.5, r"annotations\[0\].id: must be a whole number"),
    ],
)
def test_a_malformed_person_is_named(written, field, value, message):
    content = document()
    content["annotations"][0][field] = value
    with pytest.raises(ValueError, match=message):
        read_coco(written(content))


@pytest.mark.parametrize("field", ["id", "image_id", "bbox", "area"])
def test_a_missing_field_is_named(written, field):
    content = document()
    del content["annotations"][0][field]
    with pytest.raises(ValueError, match=rf"annotations\[0\].{field}: is missing"):
        read_coco(written(content))


@pytest.mark.parametrize("listed", ["images", "annotations"])
def test_ids_that_occur_twice_are_named(written, listed):
    content = document()
    content[listed] *= 2
    with pytest.raises(ValueError, match=rf"{listed}\[1\].id: . is the id of another"):
        read_coco(written(content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": 3}, "images: must be a list"),
        ({"categories": [{"id": 1, "name": "dog"}]}, "categories: none of the 1 is 'person'"),
        ({"info": {"skeleton": "spider_8"}}, "info.skeleton: .*'spider_8' is none of"),
    ],
)
def test_a_malformed_file_is_named(written, changes, message):
    with pytest.raises(ValueError, match=message):
        read_coco(written(document(**changes)))


def test_instances_without_keypoints_are_refused_with_the_right_file(written):
    content = document()
    del content["annotations"][0]["keypoints"]
    with pytest.raises(ValueError, match="person_keypoints_"):
        read_coco(written(content))


def test_keypoints_of_another_data_set_are_refused_though_their_number_fits(data):
    # PoseTrack has 17 too, but the ends of the head where COCO has eyes.
    path = data / "pose_datasets/posetrack18/annotations/test_posetrack18_val.json"
    with pytest.raises(ValueError, match=r"head_bottom.* are not those of coco_17"):
        read_coco(path)
    with pytest.raises(ValueError, match="not those of coco_17"):
        read_coco(data / "pose_datasets/crowdpose/test_crowdpose.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.json does not exist"):
        read_coco(tmp_path / "none.json")
