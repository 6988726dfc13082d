"""Every format gives back all that it says it holds, of any results."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from made_results import any_results, made_results, write

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.formats.numbers import extent, mean_score

pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, see requirements-test.txt")

STAND_INS = {"head": "head_top", "neck": "head_bottom", "upper_neck": "head_bottom"}
OF_TABLES = ("csv", "parquet")
COLUMNS = {  # part of what a format may hold -> columns of Tracks
    "tracks": ("ids",),
    "states": ("states", "ages_s", "unseen_s", "hits", "detection_rows"),
    "motion": ("velocities_px",),
    "identities": ("person_ids", "identity_scores"),
    "positions": ("positions", "position_covariances", "position_sources"),
    "velocities": ("velocities", "velocity_covariances"),
    "facings": ("facings", "facing_stds"),
}
UNKNOWN = {"ids": -1, "states": TrackState.TRACKED, "unseen_s": 0, "hits": 0, "person_ids": -1}


def expected_frames(results, target):
    """Return the frames that a file has, with the rows of people in it."""
    frames = []
    for frame in results.frames:
        rows = np.arange(len(frame.tracks))
        if "predicted" not in target.holds:
            rows = rows[frame.tracks.detection_rows >= 0]
        if len(rows) or "empty frames" in target.holds:
            frames.append((frame, frame.tracks[rows]))
    return frames


def expected_index(frame, row, target):
    is_video = frame.name == f"{frame.index}.jpg"
    by_position = {"alphapose", "openpose", "cmu", "posetrack"}
    return row if target.name in by_position and not is_video else frame.index


def check_column(name, wanted, got):
    if wanted is None:
        assert got is None or not len(got), name
    else:
        np.testing.assert_array_equal(got, wanted, name)


def check_keypoints(tracks, got, target):
    body, there = tracks.poses.skeleton, got.poses.skeleton
    wanted = np.tile(np.float32([np.nan, np.nan, 0]), (len(tracks), len(there.names), 1))
    for name in target.keeps(body):
        place = STAND_INS.get(name, name) if target.name == "posetrack" else name
        wanted[:, there.index(place)] = tracks.poses.keypoints[:, body.index(name)]
    made_up = [
        there.index(name)
        for name in ("neck", "hip")
        if target.name == "openpose" and name in there.names and name not in body.names
    ]
    kept = np.delete(np.arange(len(there.names)), made_up)
    np.testing.assert_array_equal(got.poses.keypoints[:, kept], wanted[:, kept])


def check_people(tracks, got, target):
    assert len(got) == len(tracks)
    if not len(got):  # files do not tell the skeleton of nobody
        return
    check_keypoints(tracks, got, target)
    if "boxes" in target.holds:
        np.testing.assert_array_equal(got.poses.boxes, tracks.poses.boxes)
    else:
        boxes = [extent(points) for points in got.poses.keypoints]
        np.testing.assert_array_equal(got.poses.boxes, np.reshape(boxes, (-1, 4)))
    if "scores" in target.holds:
        np.testing.assert_array_equal(got.poses.scores, tracks.poses.scores)
    else:
        scores = [mean_score(points) for points in got.poses.keypoints]
        np.testing.assert_allclose(got.poses.scores, scores, rtol=1e-6)
    if "box scores" in target.holds:
        np.testing.assert_array_equal(got.poses.box_scores, tracks.poses.box_scores)
    else:
        assert np.isnan(got.poses.box_scores).all()
    held = {name for part, names in COLUMNS.items() if part in target.holds for name in names}
    for name in (name for names in COLUMNS.values() for name in names):
        values = vars(got)[name]
        if name in held:
            check_column(name, vars(tracks)[name], values)
        elif name in UNKNOWN:
            assert (values == UNKNOWN[name]).all(), name
        elif name == "detection_rows":
            assert values.tolist() == list(range(len(got)))
        else:
            assert values is None or np.isnan(values).all(), name


def check_round_trip(path, target, results):
    got = read_results(write(path, target, results))
    wanted = expected_frames(results, target)
    frames = list(got.frames)
    if target.name == "mot":  # counts its frames from 1, so that those before the last are known
        frames = [frame for frame in frames if len(frame.tracks)]
    assert len(frames) == len(wanted)
    assert got.has_stamps == ("stamps" in target.holds and bool(frames or target.name in OF_TABLES))
    for row, ((frame, tracks), ours) in enumerate(zip(wanted, frames, strict=True)):
        check_people(tracks, ours.tracks, target)
        assert ours.index == expected_index(frame, row, target)
        if "names" in target.holds:
            assert ours.name == frame.name
        if "stamps" in target.holds:
            assert ours.stamp_ns == frame.stamp_ns
        else:
            assert ours.stamp_ns == ours.index * 40_000_000
        if "sizes" in target.holds:
            assert (ours.width, ours.height) == (frame.width, frame.height)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(results=any_results())
def test_what_a_format_holds_comes_back(name, tmp_path_factory, results):
    target = FORMATS[name]
    path = tmp_path_factory.mktemp("trip") / f"made{target.suffix}"
    check_round_trip(path, target, results)


@pytest.mark.parametrize("name", FORMATS)
def test_nobody_at_all_is_an_ordinary_file(name, tmp_path):
    target = FORMATS[name]
    path = write(tmp_path / f"a{target.suffix}", target, made_results(counts=()))
    assert list(read_results(path).frames) == []
    path = write(tmp_path / f"b{target.suffix}", target, made_results(counts=(0, 0)))
    held = "empty frames" in target.holds
    assert [len(frame.tracks) for frame in read_results(path).frames] == [0, 0] * held


@pytest.mark.parametrize("name", FORMATS)
def test_reading_and_writing_again_changes_nothing(name, tmp_path):
    target = FORMATS[name]
    made = write(tmp_path / f"made{target.suffix}", target, made_results(1, "halpe_136"))
    first = write(tmp_path / f"a{target.suffix}", target, read_results(made))
    again = write(tmp_path / f"b{target.suffix}", target, read_results(first))
    if name == "parquet":
        assert pq.read_table(first).equals(pq.read_table(again))
    else:
        assert again.read_text() == first.read_text()


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_that_are_not_finite_are_no_obstacle(name, tmp_path):
    results = made_results(2, predicted=0)
    spoiled = []
    for frame in results.frames:
        poses = frame.tracks.poses
        unknown = np.full(len(poses), np.nan)
        poses = replace(poses, boxes=poses.boxes * unknown[:, None], scores=unknown)
        spoiled.append(replace(frame, tracks=replace(frame.tracks, poses=poses)))
    target = FORMATS[name]
    path = write(tmp_path / f"a{target.suffix}", target, replace(results, frames=spoiled))
    got = read_results(path)
    count = 0 if name == "mot" else 6  # a box is all that there is of a person there
    assert sum(len(frame.tracks) for frame in got.frames) == count


def test_every_column_of_the_records_is_thought_of():
    """A new column has to be given a place in the tables, or to be named as lost."""
    known = {name for names in COLUMNS.values() for name in names} | {"poses"}
    assert {item.name for item in fields(Tracks)} == known
    poses = {"skeleton", "keypoints", "boxes", "box_scores", "scores"}
    assert {item.name for item in fields(Poses)} == poses | {"embeddings", "keypoints_3d"}
