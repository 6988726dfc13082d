from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.alphapose import entries, write_results
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")


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


def test_entries_have_the_fields_and_ranges_of_a_real_result_file(data):
    folder = data / "result_formats/alphapose/demo_coco17"
    (file,) = folder.rglob("alphapose-results.json")
    real = json.loads(file.read_text())
    (ours,) = entries(some_tracks(), "0.jpg")
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
    (person,) = entries(replace(tracks, poses=poses), "0.jpg")
    assert person["score"] == pytest.approx(0.4 + 0.5 + 1.25 * 0.6, abs=1e-4)
    assert person["keypoints"][2:6:3] == pytest.approx([0.2, 0.6])  # these are not rescaled


def test_the_surest_of_all_poses_has_the_largest_score_there_is():
    scores = pose_scores(np.ones((1, 17, 3)), np.ones(1))
    tracks = some_tracks()[:1]
    (person,) = entries(replace(tracks, poses=replace(tracks.poses, scores=scores)), "0.jpg")
    assert person["score"] == 3.25


def test_only_people_who_were_seen_are_written_without_nan(tmp_path):
    write_results(tmp_path / "results.json", [entries(some_tracks(), "0.jpg"), []])
    (person,) = json.loads((tmp_path / "results.json").read_text())
    assert person["idx"] == 5
    assert person["box"] == [10, 20, 30, 60]
    assert person["keypoints"][12:15] == [0, 0, 0]


def test_nobody_is_an_empty_list(tmp_path):
    write_results(tmp_path / "results.json", [entries(Tracks.empty(BODY), "0.jpg")])
    assert json.loads((tmp_path / "results.json").read_text()) == []
