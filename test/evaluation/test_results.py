from __future__ import annotations

import json
import time

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.coco import read_coco, read_crowdpose
from alphapose_ros.evaluation.datasets.wholebody import read_halpe, read_wholebody
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.evaluation.results import read_results, write_results
from alphapose_ros.skeletons import ID_OF_COUNT, SKELETONS, skeleton


def truth_of(*files, ids=None, name="coco_17"):
    ids = ids or range(1, len(files) + 1)
    count = len(skeleton(name).names)
    return Truth(
        name="made",
        skeleton=skeleton(name),
        pictures=tuple(Picture(id=i, file=file) for i, file in zip(ids, files, strict=True)),
        rows=np.zeros(0),
        keypoints=np.zeros((0, count, 3)),
        boxes=np.zeros((0, 4)),
        areas=np.zeros(0),
        ids=np.zeros(0),
        is_crowd=np.zeros(0, bool),
    )


def pose(image_id=1, count=17, **more):
    return {"image_id": image_id, "keypoints": [5.0, 6.0, 0.5] * count, "score": 0.9, **more}


@pytest.fixture
def written(tmp_path):
    def write(*poses):
        path = tmp_path / "found.json"
        path.write_text(json.dumps(poses))
        return path

    return write


def test_results_of_a_real_network_are_read(data):
    folder = data / "pose_datasets/coco"
    truth = read_coco(folder / "test_coco.json")
    path = folder / "ultralight_simplepose_yolox_results.json"
    found = read_results(path, truth)
    content = json.loads(path.read_text())
    assert [truth.pictures[row].id for row in found.rows] == [p["image_id"] for p in content]
    assert found.keypoints.reshape(6, -1).tolist() == [p["keypoints"] for p in content]
    assert found.scores.tolist() == [p["score"] for p in content]
    assert found.skeleton.id == "coco_17"
    assert found.boxes is None and found.track_ids is None and found.truth_ids is None


def test_parts_of_wholebody_are_joined_and_scored_apart(data):
    folder = data / "pose_datasets/coco_wholebody_eval"
    truth = read_wholebody(folder / "example_gt.json")
    found = read_results(folder / "example_pred.json", truth)
    content = json.loads((folder / "example_pred.json").read_text())
    assert found.skeleton.id == "coco_wholebody_133" and len(found) == len(content) == 18
    parts = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68}
    parts |= {"lefthand_kpts": 21, "righthand_kpts": 21}
    start = 0
    for part, count in parts.items():
        numbers = np.array([p[part] for p in content]).reshape(-1, count, 3)
        np.testing.assert_array_equal(found.keypoints[:, start : start + count], numbers)
        start += count
    assert start == 133
    names = ("body", "foot", "face", "lefthand", "righthand")
    assert found.group_scores.tolist() == [[p[f"{n}_score"] for n in names] for p in content]


def test_only_the_body_of_wholebody_results_can_be_read(data):
    folder = data / "pose_datasets/coco_wholebody_eval"
    truth = read_wholebody(folder / "example_gt.json")
    found = read_results(folder / "example_pred.json", truth, skeleton("coco_17"))
    whole = read_results(folder / "example_pred.json", truth)
    np.testing.assert_array_equal(found.keypoints, whole.keypoints[:, :17])
    np.testing.assert_array_equal(found.group_scores, whole.group_scores[:, :1])


@pytest.mark.parametrize(
    ("file", "name", "people"),
    [
        ("demo_coco17", "coco_17", 25),
        ("coco17_single_person_video", "coco_17", 122),
        ("halpe26_video", "halpe_26", 20),
        ("old_format_coco17", "coco_17", 1459),
    ],
)
def test_alphaposes_own_results_are_read(data, file, name, people):
    path = data / "result_formats/alphapose" / file / "alphapose-results.json"
    content = json.loads(path.read_text())
    files = sorted({p["image_id"] for p in content})
    truth = truth_of(*files, ids=range(100, 100 + len(files)))
    found = read_results(path, truth)
    assert found.skeleton.id == name and len(found) == len(content) == people
    assert [truth.pictures[row].file for row in found.rows] == [p["image_id"] for p in content]
    assert found.boxes is None  # COCO's tools do not know what AlphaPose calls "box"


@pytest.mark.parametrize(
    ("image_id", "file"),
    [
        (785, "000000000785.jpg"),  # by id
        ("000000000785.jpg", "000000000785.jpg"),  # by file
        ("somewhere/000000000785.jpg", "val/000000000785.jpg"),  # by the file's name
        ("000000000785.png", "val/000000000785.jpg"),  # by number
        ("COCO_val2014_000000000785.jpg", "000000000785.jpg"),
        ("785", "000000000785.jpg"),
        ("a.jpg", "a.jpg"),
    ],
)
def test_pictures_are_found_by_id_file_and_number(written, image_id, file):
    truth = truth_of("other.jpg", file, ids=[1, 785])
    assert read_results(written(pose(image_id)), truth).rows.tolist() == [1]


def test_pictures_with_names_for_ids_are_found(written):
    truth = truth_of("x.jpg", "y.jpg", ids=["000001", "000002"])
    assert read_results(written(pose("000002")), truth).rows.tolist() == [1]


@pytest.mark.parametrize("image_id", [3, "b.jpg", "frame_2.jpg", None, True, [1], 1.5])
def test_a_picture_that_the_data_set_lacks_is_named(written, image_id):
    message = r"found.json\[1\].image_id: .* is none of the 2 pictures of made"
    with pytest.raises(ValueError, match=message):
        read_results(written(pose(), pose(image_id)), truth_of("a.jpg", "2.jpg"))


def test_a_name_that_two_pictures_have_is_refused_but_their_paths_are_not(written):
    truth = truth_of("run/1.jpg", "walk/1.jpg", ids=[10, 20])
    assert read_results(written(pose("walk/1.jpg")), truth).rows.tolist() == [1]
    with pytest.raises(ValueError, match=r"\[0\].image_id: several pictures are called '1.jpg'"):
        read_results(written(pose("1.jpg")), truth)


@pytest.mark.parametrize(("count", "name"), ID_OF_COUNT.items())
def test_the_number_of_keypoints_tells_the_skeleton(written, count, name):
    assert len(skeleton(name).names) == count
    found = read_results(written(pose(count=count)), truth_of("a.jpg", name="coco_17"))
    assert found.skeleton.id == name


def test_the_skeleton_of_the_data_set_comes_first(written):
    own = skeleton("crowdpose_14")
    other = type(own)("other_14", own.names[::-1], own.edges, own.sigmas[::-1], own.groups)
    truth = truth_of("a.jpg", name="crowdpose_14")
    truth = Truth(**{**vars(truth), "skeleton": other})
    assert read_results(written(pose(count=14)), truth).skeleton.id == "other_14"
    assert read_results(written(pose(count=14)), truth, own).skeleton.id == "crowdpose_14"


def test_absent_keypoints_are_nan_but_those_at_the_corner_are_not(written):
    found = pose()
    found["keypoints"][:6] = [0, 0, 0, 0, 0, 0.7]
    keypoints = read_results(written(found), truth_of("a.jpg")).keypoints[0]
    np.testing.assert_array_equal(keypoints[0], [np.nan, np.nan, 0])
    np.testing.assert_array_equal(keypoints[1], [0, 0, 0.7])


def test_other_categories_are_left_out(written):
    path = written(pose(category_id=1, score=3.1), pose(category_id=18), pose())
    assert read_results(path, truth_of("a.jpg")).scores.tolist() == [3.1, 0.9]


def test_people_meant_are_read_and_unknown_ones_are_minus_one(written):
    found = read_results(written(pose(annotation_id=44), pose()), truth_of("a.jpg"))
    assert found.truth_ids.tolist() == [44, -1]


def test_tracks_are_read_from_either_program(written):
    truth = truth_of("a.jpg", "b.jpg")
    found = read_results(written(pose(1, track_id=3), pose(2, track_id=4)), truth)
    assert found.track_ids.tolist() == [3, 4]
    found = read_results(written(pose(1, idx=[2.0]), pose(2, idx=2), pose(2, idx=[[7.0]])), truth)
    assert found.track_ids.tolist() == [2, 2, 7]


def test_the_same_idx_twice_in_a_picture_is_no_track(written):
    truth = truth_of("a.jpg", "b.jpg")
    found = read_results(written(pose(1, idx=[0.0]), pose(1, idx=[[0.0], [0.0]])), truth)
    assert found.track_ids is None


def test_an_empty_list_is_nobody_found(written):
    found = read_results(written(), truth_of("a.jpg", name="halpe_26"))
    assert len(found) == 0 and found.skeleton.id == "halpe_26"
    assert found.keypoints.shape == (0, 26, 3) and found.boxes is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": [1, 2, 3]}, r"\[1\].keypoints: must be 17 x 3 numbers"),
        ({"keypoints": [float("nan")] * 51}, r"\[1\].keypoints: holds NaN or Inf"),
        ({"score": None}, r"\[1\].score: must be a finite number"),
        ({"bbox": [1, 2, 3, 4]}, r"\[0\].bbox: is missing"),
        ({"track_id": 1.5}, r"\[0\].track_id: is missing"),
        ({"idx": []}, r"\[0\].idx: is missing"),
        ({"body_score": 1.0}, r"\[0\].body_score: is missing"),
        ({"foot_kpts": [0] * 18}, r"\[0\].keypoints: must be 133 x 3"),
    ],
)
def test_a_malformed_pose_is_named(written, changes, message):
    with pytest.raises(ValueError, match=message):
        read_results(written(pose(), {**pose(), **changes}), truth_of("a.jpg"))


def test_a_box_turned_inside_out_is_named(written):
    with pytest.raises(ValueError, match=r"\[0\].bbox: has a negative extent"):
        read_results(written(pose(bbox=[1, 2, -3, 4])), truth_of("a.jpg"))


@pytest.mark.parametrize("field", ["image_id", "keypoints", "score"])
def test_a_missing_field_is_named(written, field):
    found = pose()
    del found[field]
    with pytest.raises(ValueError, match=rf"found.json\[0\].{field}: is missing"):
        read_results(written(found), truth_of("a.jpg"))


def test_an_odd_number_of_keypoints_is_refused_with_what_is_known(written):
    with pytest.raises(ValueError, match=r"\[0\].keypoints: holds 15 numbers; .*17 \(coco_17\)"):
        read_results(written(pose(count=5)), truth_of("a.jpg"))
    with pytest.raises(ValueError, match=r"holds 50 numbers"):
        read_results(written({**pose(), "keypoints": [1.0] * 50}), truth_of("a.jpg"))


def test_detections_and_objects_are_no_results(data, tmp_path):
    folder = data / "pose_datasets"
    truth = read_coco(folder / "coco/test_coco.json")
    with pytest.raises(ValueError, match=r"\[0\].keypoints: is missing"):
        read_results(folder / "coco/test_coco_det_AP_H_56.json", truth)
    with pytest.raises(ValueError, match="must hold a list"):
        read_results(folder / "coco/test_coco.json", truth)


def random_predictions(name, truth, count, **more):
    random = np.random.default_rng(0)
    body = skeleton(name)
    keypoints = random.uniform(0, 640, (count, len(body.names), 3))
    keypoints[random.random(keypoints.shape[:2]) < 0.1] = np.nan, np.nan, 0
    corners = random.uniform(0, 300, (count, 2))
    return Predictions(
        skeleton=body,
        rows=random.integers(0, len(truth.pictures), count),
        keypoints=keypoints,
        scores=random.normal(0, 10, count),
        boxes=np.hstack((corners, corners + random.uniform(1, 300, (count, 2)))),
        **more,
    )


def assert_same(found, expected):
    assert found.skeleton is expected.skeleton
    for name in ("rows", "keypoints", "scores", "group_scores", "track_ids", "truth_ids"):
        left, right = getattr(found, name), getattr(expected, name)
        assert (left is None) == (right is None), name
        if right is not None:
            np.testing.assert_array_equal(left, right, err_msg=name)
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=1e-12)


@pytest.mark.parametrize("name", SKELETONS)
def test_what_is_written_reads_back_as_it_was(tmp_path, name):
    truth = truth_of("a.jpg", "b.jpg", "c.jpg", ids=[5, "six", 7], name=name)
    groups = len(skeleton(name).groups)
    expected = random_predictions(
        name,
        truth,
        20,
        group_scores=np.random.default_rng(1).random((20, groups)),
        track_ids=np.arange(20) % 4,
        truth_ids=np.arange(20) - 1,
    )
    write_results(tmp_path / "found.json", expected, truth)
    assert_same(read_results(tmp_path / "found.json", truth), expected)


def test_what_was_not_known_is_not_written(tmp_path):
    truth = truth_of("a.jpg")
    write_results(tmp_path / "found.json", random_predictions("coco_17", truth, 1), truth)
    (entry,) = json.loads((tmp_path / "found.json").read_text())
    assert set(entry) == {"image_id", "category_id", "keypoints", "score", "bbox"}
    assert entry["image_id"] == 1 and entry["category_id"] == 1 and len(entry["keypoints"]) == 51


def test_a_keypoint_without_a_place_is_written_as_absent(tmp_path):
    truth = truth_of("a.jpg")
    keypoints = np.full((1, 17, 3), [np.nan, 4.0, 0.5])
    found = Predictions(
        skeleton=skeleton("coco_17"), rows=[0], keypoints=keypoints, scores=np.ones(1)
    )
    write_results(tmp_path / "found.json", found, truth)
    (entry,) = json.loads((tmp_path / "found.json").read_text())
    assert entry["keypoints"] == [0] * 51


def test_nobody_is_written_and_read(tmp_path):
    truth = truth_of("a.jpg")
    write_results(tmp_path / "found.json", random_predictions("halpe_136", truth, 0), truth)
    assert len(read_results(tmp_path / "found.json", truth)) == 0


def test_a_score_that_is_no_number_is_not_written(tmp_path):
    truth = truth_of("a.jpg")
    found = random_predictions("coco_17", truth, 1)
    found = Predictions(**{**vars(found), "scores": np.array([np.nan])})
    with pytest.raises(ValueError, match="Out of range float"):
        write_results(tmp_path / "found.json", found, truth)
    assert not (tmp_path / "found.json").exists()


def test_real_results_survive_being_written(data, tmp_path):
    folder = data / "pose_datasets/coco_wholebody_eval"
    truth = read_wholebody(folder / "example_gt.json")
    found = read_results(folder / "example_pred.json", truth)
    write_results(tmp_path / "found.json", found, truth)
    again = read_results(tmp_path / "found.json", truth)
    np.testing.assert_array_equal(again.keypoints, found.keypoints)
    np.testing.assert_array_equal(again.group_scores, found.group_scores)


def test_coco_own_tool_reads_what_is_written_and_finds_the_figures_of_the_original(data, tmp_path):
    coco = pytest.importorskip("pycocotools.coco", reason="see requirements-test.txt")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    folder = data / "pose_datasets/coco"
    name = "ultralight_simplepose_yolox_results.json"
    truth = read_coco(folder / "test_coco.json")
    write_results(tmp_path / name, read_results(folder / name, truth), truth)
    labelled = coco.COCO(folder / "test_coco.json")
    found = labelled.loadRes(str(tmp_path / name))
    evaluation = cocoeval.COCOeval(labelled, found, "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    expected = json.loads((folder / "expected_keypoint_ap.json").read_text())[name]
    np.testing.assert_allclose(evaluation.stats, expected, atol=1e-6)


def test_halpe_and_crowdpose_take_results_in_their_own_numbers(data, written):
    folder = data / "pose_datasets"
    halpe = read_halpe(folder / "halpe/test_halpe.json")
    assert read_results(written(pose(785, 136)), halpe).skeleton.id == "halpe_136"
    crowd = read_crowdpose(folder / "crowdpose/test_crowdpose.json")
    assert read_results(written(pose(106848, 14)), crowd).skeleton.id == "crowdpose_14"


def test_a_whole_validation_set_is_read_in_seconds(tmp_path):
    truth = truth_of(*(f"{i:012}.jpg" for i in range(1, 5001)))
    found = random_predictions("halpe_136", truth, 2000)
    write_results(tmp_path / "found.json", found, truth)
    start = time.process_time()
    assert len(read_results(tmp_path / "found.json", truth)) == 2000
    assert time.process_time() - start < 5  # a tenth of 20,000 poses; 0.4 s where this was written
