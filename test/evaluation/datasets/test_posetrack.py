from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.posetrack import (
    read_posetrack,
    read_posetrack_results,
    write_posetrack_results,
)
from alphapose_ros.evaluation.posetrack import evaluate_posetrack
from alphapose_ros.evaluation.records import Predictions, Truth
from alphapose_ros.skeletons import skeleton

BODY = skeleton("posetrack_15")
SAMPLE = "pose_datasets/posetrack18/annotations"
FILES = ("val/003418_mpii_test.json", "val/009473_mpii_test.json", "test_posetrack18_val.json")
POINTS = [float(number) for slot in range(17) for number in (10 + slot, 20 + 2 * slot, 1)]


def document(**first_person) -> dict:
    """A video of two frames, the first with a person."""
    person = {
        "id": 100,
        "image_id": 1,
        "track_id": 3,
        "bbox": [10, 20, 30, 40],
        "bbox_head": [10, 20, 30, 40],
        "keypoints": POINTS,
        "scores": [],
    }
    image = {"file_name": "images/val/000342_mpii_test/000007.jpg", "id": 1}
    return {
        "images": [image, {"file_name": "images/val/000342_mpii_test/000008.jpg", "id": 2}],
        "annotations": [{**person, **first_person}],
    }


def written(folder: Path, content: dict, name: str = "000342_mpii_test.json") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder / name


def without(content: dict, field: str) -> dict:
    del content["annotations"][0][field]
    return content


def small_truth(tmp_path: Path) -> Truth:
    return read_posetrack(written(tmp_path, document(), "truth.json"))


@pytest.mark.parametrize("file", FILES)
def test_everything_in_a_real_file_is_read(data, file):
    raw = json.loads((data / SAMPLE / file).read_text())
    truth = read_posetrack(data / SAMPLE / file)
    slots = raw["categories"][0]["keypoints"]
    assert len(truth.pictures) == len(raw["images"])
    assert len(truth) == len(raw["annotations"])
    for image, picture in zip(raw["images"], truth.pictures, strict=True):
        assert picture.id == image["id"]
        assert picture.file == image["file_name"]
        assert picture.size == (image["width"], image["height"])
        assert picture.sequence == f"{image['vid_id']}_mpii_test"
        assert picture.frame == image["frame_id"] % 10000
        assert picture.is_labelled is image["is_labeled"]
        for region, x, y in zip(
            picture.ignored_regions,
            image["ignore_regions_x"],
            image["ignore_regions_y"],
            strict=True,
        ):
            np.testing.assert_array_equal(region.T, [x, y])
    for row, person in enumerate(raw["annotations"]):
        named = dict(zip(slots, np.reshape(person["keypoints"], (17, 3)), strict=True))
        expected = [named[name] for name in BODY.names]
        np.testing.assert_array_equal(truth.keypoints[row], expected)
        assert truth.is_labelled[row].sum() == person["num_keypoints"]
        assert truth.pictures[truth.rows[row]].id == person["image_id"]
        x, y, width, height = person["bbox"]
        np.testing.assert_array_equal(truth.boxes[row], [x, y, x + width, y + height])
        assert truth.areas[row] == pytest.approx(width * height)
        diagonal = float(np.linalg.norm(person["bbox_head"][2:]))
        assert truth.sizes_px[row] == pytest.approx(0.6 * diagonal)
    assert truth.ids.tolist() == [person["id"] for person in raw["annotations"]]
    assert truth.track_ids.tolist() == [person["track_id"] for person in raw["annotations"]]
    assert not truth.is_crowd.any()


def test_a_folder_is_all_its_files(data):
    truth = read_posetrack(data / SAMPLE / "val")
    merged = read_posetrack(data / SAMPLE / "test_posetrack18_val.json")
    assert len(truth.pictures) == 2 and len(truth) == 3
    assert truth.is_labelled.sum() == 40
    order = [merged.ids.tolist().index(one) for one in truth.ids]
    np.testing.assert_array_equal(truth.keypoints, merged.keypoints[order])
    assert {it.sequence for it in truth.pictures} == {it.sequence for it in merged.pictures}


def test_detections_are_no_annotations(data):
    with pytest.raises(ValueError, match=r"human_detections\.json: must be an object"):
        read_posetrack(data / SAMPLE / "test_posetrack18_human_detections.json")


def test_real_labels_as_results_are_perfect(data):
    truth = read_posetrack(data / SAMPLE / "val")
    found = read_posetrack_results(data / SAMPLE / "val", truth)
    # An ignored region covers some labelled keypoints: these count for neither side.
    assert evaluate_posetrack(truth, found).figures["mAP"].value() == 1


def test_frames_that_lack_fields_are_read(tmp_path):
    truth = small_truth(tmp_path)
    first, second = truth.pictures
    assert (first.is_labelled, second.is_labelled) == (True, False)  # where people are
    assert (first.frame, second.frame) == (7, 8)
    assert first.size is None and first.ignored_regions == ()
    assert first.sequence == "000342_mpii_test"


def test_ears_are_left_out(tmp_path):
    keypoints = small_truth(tmp_path).keypoints[0]
    assert keypoints[:, 0].tolist() == [10, 11, 12, *range(15, 27)]


def test_a_head_size_is_a_share_of_its_diagonal(tmp_path):
    assert small_truth(tmp_path).sizes_px.tolist() == [30.0]  # 0.6 * |(30, 40)|


def test_only_three_zeros_are_no_label(tmp_path):
    points = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 6.0, 0.0, *POINTS[9:]]
    truth = read_posetrack(written(tmp_path, document(keypoints=points)))
    assert truth.keypoints[0, :3].tolist() == [[0, 0, 0], [0, 0, 1], [5, 6, 1]]


def test_a_person_without_a_box_has_that_of_the_keypoints(tmp_path):
    points = [0.0, 0.0, 0.0, *POINTS[3:]]
    truth = read_posetrack(written(tmp_path, without(document(keypoints=points), "bbox")))
    assert truth.boxes.tolist() == [[11, 22, 26, 52]]
    assert truth.areas.tolist() == [15 * 30]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image_id", 9, r"annotations\[0\]\.image_id: no picture has the id 9"),
        ("image_id", "x", r"annotations\[0\]\.image_id: must be a finite number"),
        ("track_id", 1.5, r"annotations\[0\]\.track_id: must be a whole number"),
        ("track_id", None, r"annotations\[0\]\.track_id: must be a finite number"),
        ("keypoints", POINTS[:45], r"annotations\[0\]\.keypoints: must be 17 x 3 numbers"),
        ("keypoints", None, r"annotations\[0\]\.keypoints: must be 17 x 3 numbers"),
        ("bbox", [1, 2, 3], r"annotations\[0\]\.bbox: must be 4 numbers"),
        ("bbox_head", [1, 2, -3, 4], r"annotations\[0\]\.bbox_head: has a negative extent"),
    ],
)
def test_a_malformed_person_is_named(tmp_path, field, value, message):
    path = written(tmp_path, document(**{field: value}))
    with pytest.raises(ValueError, match=rf"000342_mpii_test\.json.{message}"):
        read_posetrack(path)


@pytest.mark.parametrize("field", ["image_id", "track_id", "keypoints", "bbox_head"])
def test_a_missing_field_is_named(tmp_path, field):
    path = written(tmp_path, without(document(), field))
    with pytest.raises(ValueError, match=rf"annotations\[0\]\.{field}: is missing"):
        read_posetrack(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"file_name": 5}, r"images\[1\]\.file_name: must be a string"),
        ({"id": None}, r"images\[1\]\.id: must be a finite number"),
        ({"id": 1}, r"000007\.jpg: another picture has the id 1, too"),
        ({"width": 5}, r"images\[1\]\.height: is missing"),
        ({"ignore_regions_x": [[1, 2]]}, r"images\[1\]\.ignore_regions_y: has 0 regions, x has 1"),
        ({"ignore_regions_x": 5}, r"images\[1\]\.ignore_regions_x: must be a list, is 5"),
        (
            {"ignore_regions_x": [[1, 2, 3]], "ignore_regions_y": [[1, 2]]},
            r"images\[1\]\.ignore_regions_x: must be lists as long as those of y",
        ),
        (
            {"ignore_regions_x": [["a"]], "ignore_regions_y": [[1]]},
            r"images\[1\]\.ignore_regions_x: must be lists",
        ),
    ],
)
def test_a_malformed_picture_is_named(tmp_path, fields, message):
    content = document()
    content["images"][1] |= fields
    with pytest.raises(ValueError, match=message):
        read_posetrack(written(tmp_path, content))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json does not exist"):
        read_posetrack(tmp_path / "nowhere.json")
    with pytest.raises(FileNotFoundError, match=r"holds no \*\.json"):
        read_posetrack(tmp_path)


def made_poses(truth: Truth) -> Predictions:
    random = np.random.default_rng(1)
    keypoints = random.uniform(0.1, 500, (5, 15, 3))
    keypoints[..., 2] /= 500
    keypoints[0, 3] = keypoints[2] = np.nan, np.nan, 0
    return Predictions(
        skeleton=BODY,
        rows=[0, 0, 1, 1, 1],
        keypoints=keypoints,
        scores=random.random(5),
        boxes=[[1, 2, 3, 5]] * 5,
        track_ids=[4, 5, 4, 6, 5],
    )


def test_results_survive_their_files(tmp_path):
    truth = small_truth(tmp_path)
    found = made_poses(truth)
    write_posetrack_results(tmp_path / "results", found, truth)
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["000342_mpii_test.json"]
    for source in (tmp_path / "results", tmp_path / "results/000342_mpii_test.json"):
        again = read_posetrack_results(source, truth)
        for name in ("rows", "keypoints", "scores", "boxes", "track_ids"):
            np.testing.assert_allclose(getattr(again, name), getattr(found, name), atol=1e-12)


def test_results_of_another_skeleton_are_written_by_name(tmp_path):
    truth = small_truth(tmp_path)
    found = made_poses(truth).in_layout(skeleton("coco_17"))
    write_posetrack_results(tmp_path / "results", found, truth)
    again = read_posetrack_results(tmp_path / "results", truth)
    is_known = ~np.isin(BODY.names, ["head_bottom", "head_top"])
    np.testing.assert_allclose(
        again.keypoints[:, is_known], made_poses(truth).keypoints[:, is_known]
    )
    assert np.isnan(again.keypoints[:, ~is_known, 0]).all()


def test_nothing_found_is_written_and_read(tmp_path):
    truth = small_truth(tmp_path)
    write_posetrack_results(tmp_path / "results", made_poses(truth)[:0], truth)
    assert len(read_posetrack_results(tmp_path / "results", truth)) == 0


def test_scores_come_from_their_list_or_from_third_numbers(tmp_path):
    truth = small_truth(tmp_path)
    scores = [slot / 16 for slot in range(17)]
    of_body = [*scores[:3], *scores[5:]]
    listed = read_posetrack_results(written(tmp_path, document(scores=scores)), truth)
    np.testing.assert_array_equal(listed.keypoints[0, :, 2], of_body)
    assert listed.scores[0] == pytest.approx(np.mean(of_body))
    thirds = np.reshape(POINTS, (17, 3))
    thirds[:, 2] = scores
    path = written(tmp_path, document(keypoints=thirds.ravel().tolist()))
    third = read_posetrack_results(path, truth)
    np.testing.assert_array_equal(third.keypoints, listed.keypoints)


def test_a_score_of_zero_is_not_an_absent_keypoint(tmp_path):
    points = [0.0, 0.0, 0.0, 5.0, 6.0, 0.0, *POINTS[6:]]
    path = written(tmp_path, document(keypoints=points, scores=[0.9, *[0.0] * 16], score=0.25))
    found = read_posetrack_results(path, small_truth(tmp_path))
    np.testing.assert_array_equal(found.keypoints[0, 0], [np.nan, np.nan, 0])
    np.testing.assert_array_equal(found.keypoints[0, 1], [5, 6, 0])
    assert found.scores.tolist() == [0.25]


def test_results_without_identities_are_read(tmp_path):
    truth = small_truth(tmp_path)
    path = written(tmp_path, without(document(), "track_id"))
    assert read_posetrack_results(path, truth).track_ids is None


def partly_identified(content: dict) -> None:
    content["annotations"].append(dict(content["annotations"][0]))
    del content["annotations"][1]["track_id"]


def wrongly_scored(content: dict) -> None:
    content["annotations"][0]["scores"] = [0.5] * 15


def elsewhere(content: dict) -> None:
    content["annotations"][0]["image_id"] = 77


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (partly_identified, r"annotations\[1\]\.track_id: is missing"),
        (wrongly_scored, r"annotations\[0\]\.scores: must be 17 numbers"),
        (elsewhere, r"annotations\[0\]\.image_id: no picture has the id 77"),
    ],
)
def test_malformed_results_are_named(tmp_path, spoil: Callable[[dict], None], message):
    content = document()
    spoil(content)
    truth = small_truth(tmp_path)
    with pytest.raises(ValueError, match=rf"results\.json.{message}"):
        read_posetrack_results(written(tmp_path, content, "results.json"), truth)


def test_a_video_without_its_file_of_results_is_named(tmp_path):
    truth = small_truth(tmp_path)
    (tmp_path / "results").mkdir()
    with pytest.raises(FileNotFoundError, match=r"000342_mpii_test\.json does not exist"):
        read_posetrack_results(tmp_path / "results", truth)
