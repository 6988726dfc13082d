from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace

import numpy as np
import pytest
from made_results import made_results, seen_only, write

from alphapose_ros.evaluation.datasets.coco import read_coco as read_labels
from alphapose_ros.evaluation.datasets.coco import read_crowdpose
from alphapose_ros.evaluation.datasets.wholebody import read_wholebody
from alphapose_ros.evaluation.results import read_results as read_for_evaluation
from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.skeletons import skeleton


def opened(path):
    """Open a data set by COCO's own tools, which print."""
    coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
    with redirect_stdout(io.StringIO()):
        return coco.COCO(str(path))


def loaded(truth, path):
    with redirect_stdout(io.StringIO()):
        return truth.loadRes(str(path))


@pytest.mark.parametrize("name", ["coco_17", "halpe_136"])
def test_cocos_tools_load_results_and_the_data_set(tmp_path, name):
    results = made_results(3, name, counts=(2, 0, 3, 1))
    truth = opened(write(tmp_path / "set.json", FORMATS["coco_dataset"], results))
    assert sorted(truth.getImgIds()) == [frame.index for frame in results.frames]
    people = sum(len(frame.tracks) for frame in seen_only(results))
    assert len(truth.getAnnIds()) == people
    (category,) = truth.loadCats(truth.getCatIds())
    assert tuple(category["keypoints"]) == results.skeleton.names
    found = loaded(truth, write(tmp_path / "found.json", FORMATS["coco"], results))
    assert len(found.getAnnIds()) == people
    for frame in seen_only(results):
        entries = found.loadAnns(found.getAnnIds(imgIds=frame.index))
        body = frame.tracks.poses.keypoints[:, results.skeleton.rows_of(skeleton("coco_17"))]
        ours = np.reshape([entry["keypoints"] for entry in entries], (-1, 17, 3))
        np.testing.assert_array_equal(np.float32(ours), np.nan_to_num(body))
        scores = [entry["score"] for entry in entries]
        np.testing.assert_array_equal(np.float32(scores), frame.tracks.poses.scores)


def test_cocos_evaluation_of_results_on_themselves_is_perfect(tmp_path):
    cocoeval = pytest.importorskip("pycocotools.cocoeval", reason="needs pycocotools")
    results = made_results(5, "coco_17", counts=(2, 3, 1), predicted=0)
    truth = opened(write(tmp_path / "set.json", FORMATS["coco_dataset"], results))
    found = loaded(truth, write(tmp_path / "found.json", FORMATS["coco"], results))
    with redirect_stdout(io.StringIO()):
        evaluation = cocoeval.COCOeval(truth, found, "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_values_by_hand(tmp_path):
    results = made_results(1, "coco_17", counts=(1,), predicted=0)
    (frame,) = results.frames
    keypoints = np.tile(np.float32([np.nan, np.nan, 0]), (1, 17, 1))
    keypoints[0, 5] = 10.1, 20.5, 0.25
    poses = replace(
        frame.tracks.poses, keypoints=keypoints, boxes=[[10.1, 20, 40.3, 80]], scores=[0.7]
    )
    tracks = replace(frame.tracks, poses=poses, ids=[7])
    named = replace(frame, name="COCO_val2014_000000000192.jpg", index=3, tracks=tracks)
    path = write(tmp_path / "a.json", FORMATS["coco"], replace(results, frames=[named]))
    (person,) = json.loads(path.read_text())
    flat = [0] * 15 + [10.1, 20.5, 0.25] + [0] * 33
    width = float(np.float32(40.3)) - float(np.float32(10.1))
    assert person == {
        "image_id": 192,
        "category_id": 1,
        "keypoints": flat,
        "score": 0.7,
        "bbox": [10.1, 20, pytest.approx(width, abs=1e-6), 60],
        "track_id": 7,
    }


def test_frames_never_share_an_id(tmp_path):
    results = made_results(2, "coco_17", counts=(1, 1, 1, 1), predicted=0, is_video=False)
    names = ("3.jpg", "3.png", "b.jpg", "c.jpg")
    frames = [replace(frame, name=name) for frame, name in zip(results.frames, names, strict=True)]
    path = write(tmp_path / "a.json", FORMATS["coco"], replace(results, frames=frames))
    assert [one["image_id"] for one in json.loads(path.read_text())] == [3, 1, 2, 4]


def test_the_evaluation_reads_what_is_written(tmp_path):
    """The readers of `alphapose eval` were written apart from these."""
    for name, target, reader in (
        ("coco_17", "coco", read_labels),
        ("coco_wholebody_133", "wholebody", None),
        ("halpe_136", "halpe", read_labels),
    ):
        results = made_results(4, name, counts=(2, 0, 1), predicted=0)
        data_set = write(tmp_path / "set.json", FORMATS["coco_dataset"], results)
        truth = read_labels(data_set) if reader is None else reader(data_set)
        found = read_for_evaluation(
            write(tmp_path / "a.json", FORMATS[target], results), truth, skeleton(name)
        )
        frames = seen_only(results)
        wanted = np.concatenate([frame.tracks.poses.keypoints for frame in frames])
        np.testing.assert_array_equal(np.float32(found.keypoints), wanted)
        boxes = np.concatenate([frame.tracks.poses.boxes for frame in frames])
        np.testing.assert_allclose(found.boxes, boxes, rtol=1e-5)
        ids = np.concatenate([frame.tracks.ids for frame in frames])
        assert found.track_ids.tolist() == ids.tolist()


def test_whole_bodies_have_fields_of_their_own(tmp_path):
    results = made_results(4, "halpe_136", counts=(1,), predicted=0)
    path = write(tmp_path / "a.json", FORMATS["wholebody"], results)
    (person,) = json.loads(path.read_text())
    parts = [name for name in person if name.endswith(("kpts", "keypoints"))]
    assert {name: len(person[name]) // 3 for name in parts} == {
        "keypoints": 17,
        "foot_kpts": 6,
        "face_kpts": 68,
        "lefthand_kpts": 21,
        "righthand_kpts": 21,
    }
    (tracks,) = [frame.tracks for frame in results.frames]
    body = results.skeleton
    heel = np.nan_to_num(tracks.poses.keypoints[0, body.index("left_heel")])
    assert np.float32(person["foot_kpts"][6:9]).tolist() == heel.tolist()  # not as Halpe's order


def test_real_results_of_coco_are_read(data):
    folder = data / "result_formats/coco"
    results = read_results(folder / "person_keypoints_val2014_fakekeypoints100_results.json")
    assert (len(results.frames), sum(len(frame.tracks) for frame in results.frames)) == (47, 125)
    poses = results.frames[0].tracks.poses
    assert poses.keypoints[0, 0].tolist() == [36, 181, 2]
    assert poses.scores[0] == np.float32(0.897)
    results = read_results(folder / "instances_val2014_fakebbox100_results.json")
    assert sum(len(frame.tracks) for frame in results.frames) == 201
    assert results.notes == ("533 entries are no people and left out",)
    np.testing.assert_allclose(
        results.frames[0].tracks.poses.boxes[0], [296.55, 93.96, 314.97, 152.79], rtol=1e-6
    )


def test_real_results_of_others_are_read(data):
    folder = data / "pose_datasets"
    results = read_results(folder / "coco/ultralight_simplepose_gtbox_results.json")
    content = json.loads((folder / "coco/ultralight_simplepose_gtbox_results.json").read_text())
    assert sum(len(frame.tracks) for frame in results.frames) == len(content)
    results = read_results(folder / "coco_wholebody_eval/example_pred.json")
    assert results.skeleton.id == "coco_wholebody_133"
    content = json.loads((folder / "coco_wholebody_eval/example_pred.json").read_text())
    assert sum(len(frame.tracks) for frame in results.frames) == len(content)


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("coco/test_coco.json", read_labels),
        ("coco/test_coco_wholebody.json", read_wholebody),
        ("crowdpose/test_crowdpose.json", read_crowdpose),
    ],
)
def test_labels_of_data_sets_are_read_as_the_evaluation_reads_them(data, file, reader):
    truth = reader(data / "pose_datasets" / file)
    results = read_results(data / "pose_datasets" / file)
    assert results.skeleton is truth.skeleton
    assert [frame.name for frame in results.frames] == [one.file for one in truth.pictures]
    for row, frame in enumerate(results.frames):
        labelled = truth.keypoints[truth.rows == row]
        is_there = labelled[..., 2] > 0
        found = frame.tracks.poses.keypoints
        assert (np.isfinite(found[..., 0]) == is_there).all()
        np.testing.assert_array_equal(found[is_there][:, :2], np.float32(labelled[is_there][:, :2]))


def test_scores_above_one_are_rescaled_and_told(tmp_path):
    person = {"image_id": 1, "category_id": 1, "keypoints": [1, 2, 0.5] * 17}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([person | {"score": score} for score in (3.25, 1.3, 0)]))
    results = read_results(path)
    np.testing.assert_allclose(results.frames[0].tracks.poses.scores, [1, 0.4, 0])
    assert results.notes == ("scores reach 3.25: all are divided by 3.25",)


def test_annotations_of_unknown_images_are_refused(tmp_path):
    path = write(tmp_path / "a.json", FORMATS["coco_dataset"], made_results(0, "coco_17"))
    content = json.loads(path.read_text())
    content["annotations"][1]["image_id"] = 99
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"annotations\[1\].image_id: no image has the id 99"):
        read_results(path)
