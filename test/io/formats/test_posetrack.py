from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_results import made_results, seen_only, write

from alphapose_ros.evaluation.datasets.posetrack import read_posetrack, read_posetrack_results
from alphapose_ros.evaluation.records import Picture
from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.page_data import page_data
from alphapose_ros.io.presence import Presence

POSETRACK = FORMATS["posetrack"]
VIDEO = "pose_datasets/posetrack18/annotations/val/003418_mpii_test.json"
SLOTS = """nose head_bottom head_top left_ear right_ear left_shoulder right_shoulder left_elbow
    right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle
    right_ankle"""


def test_fields_and_slots_are_those_of_the_official_file(data, tmp_path):
    official = json.loads((data / VIDEO).read_text())
    path = write(tmp_path / "a.json", POSETRACK, made_results(1, "posetrack_15"))
    ours = json.loads(path.read_text())
    assert ours.keys() == official.keys() & {"images", "annotations", "categories"}
    assert ours["categories"][0]["keypoints"] == official["categories"][0]["keypoints"]
    assert ours["categories"][0]["keypoints"] == SLOTS.split()
    assert ours["images"][0].keys() >= {"id", "frame_id", "file_name"}
    person = ours["annotations"][0]
    assert person.keys() >= {"image_id", "track_id", "keypoints", "scores"}
    assert len(person["keypoints"]) == 51
    assert person["scores"] == person["keypoints"][2::3]
    assert person["keypoints"][9:15] == [0] * 6  # ears


def test_ends_of_the_head_come_from_what_halpe_has(tmp_path):
    results = made_results(1, "halpe_26", counts=(1,), predicted=0)
    (frame,) = results.frames
    body = results.skeleton
    keypoints = np.zeros((1, 26, 3))
    keypoints[..., 2] = 0.5
    keypoints[0, body.index("head"), :2] = 5, 6
    keypoints[0, body.index("neck"), :2] = 7, 8
    poses = replace(frame.tracks.poses, keypoints=keypoints)
    frame = replace(frame, tracks=replace(frame.tracks, poses=poses))
    path = write(tmp_path / "a.json", POSETRACK, replace(results, frames=[frame]))
    (person,) = json.loads(path.read_text())["annotations"]
    assert person["keypoints"][3:9] == [7, 8, 0.5, 5, 6, 0.5]


def test_coco_has_no_ends_of_the_head(tmp_path):
    path = write(tmp_path / "a.json", POSETRACK, made_results(1, "coco_17", predicted=0))
    for person in json.loads(path.read_text())["annotations"]:
        assert person["keypoints"][3:9] == [0] * 6


def test_the_evaluation_reads_what_is_written(tmp_path, data):
    results = made_results(3, "posetrack_15", counts=(2, 0, 3))
    path = write(tmp_path / "a.json", POSETRACK, results)
    truth = replace_pictures(read_posetrack(data / VIDEO), results)
    found = read_posetrack_results(path, truth)
    frames = seen_only(results)
    wanted = np.concatenate([frame.tracks.poses.keypoints for frame in frames])
    np.testing.assert_array_equal(np.float32(found.keypoints), wanted)
    ids = np.concatenate([frame.tracks.ids for frame in frames])
    assert found.track_ids.tolist() == ids.tolist()


def replace_pictures(truth, results):
    """The same data set with the frames of ``results`` as its pictures."""
    pictures = tuple(Picture(id=frame.index, file=frame.name) for frame in results.frames)
    return replace(truth[:0], pictures=pictures)


def test_an_official_file_is_read(data):
    truth = read_posetrack(data / VIDEO)
    results = read_results(data / VIDEO)
    assert results.skeleton.id == "posetrack_15"
    assert [frame.name for frame in results.frames] == [one.file for one in truth.pictures]
    assert [frame.index for frame in results.frames] == list(range(len(truth.pictures)))
    assert sum(len(frame.tracks) for frame in results.frames) == len(truth)
    for row, frame in enumerate(results.frames):
        assert frame.tracks.ids.tolist() == (truth.track_ids[truth.rows == row] + 1).tolist()
        labelled = truth.keypoints[truth.rows == row]
        there = np.isfinite(frame.tracks.poses.keypoints[..., 0])
        assert (there == (labelled[..., 2] > 0)).all()


def test_tracks_counted_from_0_are_counted_from_1(tmp_path):
    path = write(tmp_path / "a.json", POSETRACK, made_results(1, counts=(1,), predicted=0))
    content = json.loads(path.read_text())
    content["annotations"][0]["track_id"] = 0
    path.write_text(json.dumps(content))
    results = read_results(path)
    assert results.frames[0].tracks.ids.tolist() == [1]
    assert results.notes == ("tracks are counted from 0 there: 1 is added to all their numbers",)
    page = page_data(results)
    assert [track["id"] for track in page.facts["tracks"]] == [1]
    presence = Presence(0.04)
    presence.add(0, results.frames[0].tracks)
    assert [one.name for one in presence.identities()] == ["track 1"]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("keypoints", [1] * 45, "keypoints: must be 17 x 3 numbers"),
        ("image_id", 99, "no image has the id 99"),
        ("scores", [1, 2], "scores: must be 17 numbers"),
        ("bbox", [0, 0, -1, 5], "bbox: has a negative extent"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, field, value, problem):
    path = write(tmp_path / "a.json", POSETRACK, made_results(1, counts=(2,), predicted=0))
    content = json.loads(path.read_text())
    content["annotations"][1][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=problem) as error:
        read_results(path)
    assert str(error.value).startswith(f"{path}.annotations[1].")
