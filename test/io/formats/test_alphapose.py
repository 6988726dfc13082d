from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_results import made_results, write

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.formats.alphapose import entries
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
ALPHAPOSE = FORMATS["alphapose"]


def some_tracks():
    keypoints = np.random.default_rng(0).random((2, 17, 3)) * [640, 480, 1]
    keypoints[0, 4] = [np.nan, np.nan, 0]
    return Tracks(
        poses=Poses(
            skeleton=BODY,
            keypoints=keypoints,
            boxes=[[10, 20, 40, 80], [0, 0, 5, 5]],
            box_scores=[0.9, 0.0],
            scores=[0.8, 0.0],
        ),
        ids=[5, 6],
        states=[TrackState.TRACKED, TrackState.LOST],
        ages_s=[1, 1],
        unseen_s=[0, 1],
        hits=[3, 3],
        detection_rows=[0, -1],
        velocities_px=np.zeros((2, 2)),
        person_ids=[-1, -1],
        identity_scores=[np.nan, np.nan],
    )


def written(tracks, name="0.jpg"):
    return [json.loads(entry) for entry in entries(tracks, name)]


def file_with(path, *people):
    path.write_text(json.dumps(list(people)))
    return path


def person(name="0.jpg", **fields):
    return {
        "image_id": name,
        "category_id": 1,
        "keypoints": [1.5, 2, 0.5] * 17,
        "score": 1.625,
    } | fields


def test_entries_have_the_fields_and_ranges_of_a_real_result_file(data):
    real = json.loads(
        (data / "result_formats/alphapose/demo_coco17/alphapose-results.json").read_text()
    )
    (ours,) = written(some_tracks())
    assert ours.keys() == real[0].keys()
    assert len(ours["keypoints"]) == len(real[0]["keypoints"])
    assert max(entry["score"] for entry in real) > 1  # theirs is no probability
    assert ours["score"] == 2.6  # 0.8 of 3.25


def test_scores_are_those_of_the_reference_again():
    # The reference: mean of the keypoints 0.4, plus box 0.5, plus 1.25 times the best one's 0.6.
    keypoints = np.tile([100.0, 100, 0.4], (1, 17, 1))
    keypoints[0, :2, 2] = 0.2, 0.6
    scores = pose_scores(keypoints, np.array([0.5]))
    tracks = some_tracks()[:1]
    poses = replace(tracks.poses, keypoints=keypoints, box_scores=[0.5], scores=scores)
    (one,) = written(replace(tracks, poses=poses))
    assert one["score"] == pytest.approx(0.4 + 0.5 + 1.25 * 0.6, abs=1e-4)
    assert one["keypoints"][2:6:3] == [0.2, 0.6]  # these are not rescaled


def test_the_surest_of_all_poses_has_the_largest_score_there_is():
    scores = pose_scores(np.ones((1, 17, 3)), np.ones(1))
    tracks = some_tracks()[:1]
    (one,) = written(replace(tracks, poses=replace(tracks.poses, scores=scores)))
    assert one["score"] == 3.25


def test_only_people_who_were_seen_are_written_without_nan():
    (one,) = written(some_tracks())
    assert one["idx"] == 5
    assert one["box"] == [10, 20, 30, 60]
    assert one["keypoints"][12:15] == [0, 0, 0]


def test_nobody_is_an_empty_list(tmp_path):
    path = write(tmp_path / "results.json", ALPHAPOSE, made_results(counts=(0, 0)))
    assert json.loads(path.read_text()) == []


@pytest.mark.parametrize(
    ("name", "body", "frames", "people"),
    [
        ("demo_coco17", "coco_17", 3, 25),
        ("coco17_single_person_video", "coco_17", 122, 122),
        ("halpe26_video", "halpe_26", 20, 20),
        ("old_format_coco17", "coco_17", 727, 1459),
    ],
)
def test_real_files_are_read_and_written_again(data, tmp_path, name, body, frames, people):
    file = data / f"result_formats/alphapose/{name}/alphapose-results.json"
    results = read_results(file)
    assert results.skeleton.id == body
    assert len(results.frames) == frames
    assert sum(len(frame.tracks) for frame in results.frames) == people
    assert all((frame.tracks.ids == -1).all() for frame in results.frames)  # idx is 0, if anything
    real = json.loads(file.read_text())
    ours = json.loads(write(tmp_path / "ours.json", ALPHAPOSE, results).read_text())
    real.sort(key=lambda one: int(one["image_id"].split(".")[0]))  # keeps the order in a frame
    for theirs, mine in zip(real, ours, strict=True):
        assert mine["image_id"] == theirs["image_id"]
        np.testing.assert_array_equal(
            np.float32(mine["keypoints"]), np.float32(theirs["keypoints"])
        )
        assert mine["score"] == pytest.approx(theirs["score"], rel=1e-6)
        if "box" in theirs:
            np.testing.assert_allclose(mine["box"], theirs["box"], rtol=1e-5)


def test_a_real_file_without_boxes_gets_the_extents_of_the_keypoints(data):
    file = data / "result_formats/alphapose/old_format_coco17/alphapose-results.json"
    first = json.loads(file.read_text())[0]
    frame = read_results(file).frames[0]
    assert (frame.name, frame.index) == ("9.jpg", 9)
    x, y = first["keypoints"][0::3], first["keypoints"][1::3]
    np.testing.assert_allclose(
        frame.tracks.poses.boxes[0], [min(x), min(y), max(x), max(y)], rtol=1e-6
    )
    assert frame.tracks.poses.scores[0] == np.float32(first["score"] / 3.25)


@pytest.mark.parametrize("idx", [7, 7.0, [7.0], [[7.0], [3.0]]])
def test_tracks_come_in_many_shapes(tmp_path, idx):
    (frame,) = read_results(file_with(tmp_path / "a.json", person(idx=idx))).frames
    assert frame.tracks.ids.tolist() == [7]


def test_an_idx_that_comes_twice_in_a_frame_is_no_track(tmp_path):
    path = file_with(tmp_path / "a.json", person(idx=3), person(idx=3), person("1.jpg", idx=4))
    results = read_results(path)
    assert [frame.tracks.ids.tolist() for frame in results.frames] == [[-1, -1], [-1]]
    assert "twice" in results.notes[0]


def test_values_by_hand(tmp_path):
    keypoints = [0, 0, 0] * 16 + [3, 4, 0.75]
    path = file_with(
        tmp_path / "a.json",
        person("12.jpg", keypoints=keypoints, box=[1, 2, 30, 40], idx=2),
        person("4.jpg", category_id=1, score=3.25),
        person("4.jpg", category_id=18),
    )
    results = read_results(path, rate_hz=10)
    four, twelve = results.frames
    assert (four.index, four.stamp_ns, four.name) == (4, 400_000_000, "4.jpg")
    assert four.tracks.poses.scores.tolist() == [1]
    assert twelve.index == 12
    poses = twelve.tracks.poses
    assert poses.boxes.tolist() == [[1, 2, 31, 42]]
    assert poses.scores.tolist() == [0.5]
    assert np.isnan(poses.keypoints[0, :16, :2]).all()
    assert poses.keypoints[0, 16].tolist() == [3, 4, 0.75]
    assert np.isnan(poses.box_scores).all()
    assert results.notes == ("1 entries are no people and left out",)
    assert not results.has_stamps


def test_files_that_are_no_numbers_are_numbered_as_they_come(tmp_path):
    names = ("b.jpg", "10.jpg", "a.jpg", "b.jpg")
    path = file_with(tmp_path / "a.json", *(person(name) for name in names))
    frames = read_results(path).frames
    assert [(one.name, one.index, len(one.tracks)) for one in frames] == [
        ("b.jpg", 0, 2),
        ("10.jpg", 1, 1),
        ("a.jpg", 2, 1),
    ]


def test_scores_beyond_the_range_are_cut_and_told(tmp_path):
    results = read_results(file_with(tmp_path / "a.json", person(score=8.4), person(score=-1)))
    assert results.frames[0].tracks.poses.scores.tolist() == [1, 0]
    assert "3.25" in results.notes[0]


@pytest.mark.parametrize(
    ("spoiled", "problem"),
    [
        ({"keypoints": [1.0] * 50}, "keypoints: must be"),
        ({"keypoints": [float("nan")] * 51}, "keypoints: holds NaN"),
        ({"keypoints": None}, "keypoints: must be"),
        ({"score": "high"}, "score: must be a finite number"),
        ({"box": [1, 2, -3, 4]}, "box: has a negative extent"),
        ({"box": [1, 2, 3]}, "box: must be 4 numbers"),
        ({"idx": [0.5]}, "idx: must be a whole number"),
        ({"idx": "a"}, "idx: must be any numbers"),
        ({"image_id": None}, "image_id: must be"),
    ],
)
def test_what_is_wrong_is_named_by_entry_and_field(tmp_path, spoiled, problem):
    path = file_with(tmp_path / "a.json", person(), person(**spoiled))
    with pytest.raises(ValueError, match=problem) as error:
        read_results(path)
    assert str(error.value).startswith(f"{path}: entry 1.")


def test_a_number_of_keypoints_that_is_unknown_needs_a_skeleton(tmp_path):
    path = file_with(tmp_path / "a.json", person(keypoints=[1, 2, 0.5] * 14))
    assert read_results(path).skeleton.id == "crowdpose_14"
    assert read_results(path, skeleton=skeleton("lsp_14")).skeleton.id == "lsp_14"
    path = file_with(tmp_path / "a.json", person(keypoints=[1, 2, 0.5] * 11))
    with pytest.raises(ValueError, match="holds 33 numbers; known are 3 times 14, 15"):
        read_results(path)
