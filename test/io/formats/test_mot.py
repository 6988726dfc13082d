from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_results import made_results, seen_only, write

from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.mot import read_mot


def test_a_line_by_hand(tmp_path):
    results = made_results(1, counts=(1,), predicted=0)
    (frame,) = results.frames
    poses = replace(frame.tracks.poses, boxes=[[0, 10.5, 30, 40]], scores=[0.5])
    tracks = replace(frame.tracks, poses=poses, ids=[3])
    frame = replace(frame, index=4, tracks=tracks)
    path = write(tmp_path / "a.txt", FORMATS["mot"], replace(results, frames=[frame]))
    assert path.read_text() == "5,3,1,11.5,30,29.5,0.5,-1,-1,-1\n"


def test_the_reader_of_the_evaluation_reads_the_same(tmp_path):
    results = made_results(2, counts=(3, 0, 2))
    path = write(tmp_path / "a.txt", FORMATS["mot"], results)
    boxes, frames = read_mot(path, first_pixel=0), seen_only(results)
    wanted = np.concatenate([frame.tracks.poses.boxes for frame in frames])
    np.testing.assert_array_equal(np.float32(boxes.boxes), wanted)
    assert boxes.ids.tolist() == np.concatenate([frame.tracks.ids for frame in frames]).tolist()


def test_frames_before_the_last_are_known_and_those_behind_not(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("3,1,1,1,10,10,1,-1,-1,-1\n3,-1,5,5,10,10,0.5,-1,-1,-1\n")
    results = read_results(path, rate_hz=10)
    assert [len(frame.tracks) for frame in results.frames] == [0, 0, 2]
    assert [frame.stamp_ns for frame in results.frames] == [0, 100_000_000, 200_000_000]
    tracks = results.frames[2].tracks
    assert tracks.ids.tolist() == [1, -1]
    assert tracks.poses.boxes[0].tolist() == [0, 0, 10, 10]
    assert np.isnan(tracks.poses.keypoints[..., :2]).all()


def test_scores_of_detectors_are_rescaled_and_told(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1,-1,1,1,10,10,50\n1,-1,5,5,10,10,-3\n1,-1,5,5,10,10,25\n")
    results = read_results(path)
    assert results.frames[0].tracks.poses.scores.tolist() == [1, 0, 0.5]
    assert len(results.notes) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2,3,4,5", "line 2: has 5 columns"),
        ("1,2,x,4,5,6", "line 2, column left: must be a number"),
        ("0,2,3,4,5,6", "line 2, column frame: must be at least 1"),
        ("99999999,2,3,4,5,6", "frame 99999999 is beyond"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, line, problem):
    path = tmp_path / "a.txt"
    path.write_text(f"1,1,1,1,10,10\n{line}\n")
    with pytest.raises(ValueError, match=problem) as error:
        read_results(path)
    assert str(path) in str(error.value)


def test_a_real_ground_truth_is_read(data):
    files = sorted(data.glob("mot_metrics/**/*.txt"))
    if not files:
        pytest.skip("needs data/mot_metrics")
    file = next(path for path in files if path.name == "gt.txt" or path.stat().st_size > 1000)
    results = read_results(file, "mot")
    lines = [line for line in file.read_text().splitlines() if line.strip()]
    assert sum(len(frame.tracks) for frame in results.frames) == len(lines)
