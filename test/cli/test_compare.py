"""`alphapose compare`: bags, files and folders, and what checks are told by the exit code."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.cli import main
from alphapose_ros.config import Config
from alphapose_ros.frame import Frame, Poses, Tracks, TrackState
from alphapose_ros.io.bag_results import read_bag_results
from alphapose_ros.io.bag_sink import BagSink
from alphapose_ros.io.comparing import COMPARED
from alphapose_ros.io.comparing.verdict import RELATIVE
from alphapose_ros.io.ends import Item, Job, Processed
from alphapose_ros.io.formats import FORMATS
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")


def tracks_of(index, ids=(1, 2), away_px=0.0):
    random, n = np.random.default_rng(index), len(ids)
    corners = np.array([(200.0 * i, 20.0) for i in range(n)])
    places = corners[:, None] + random.uniform(0, 100, (n, 17, 2))
    places[0, 0] += (away_px, 0)
    poses = Poses(
        skeleton=BODY,
        keypoints=np.concatenate((places, random.uniform(0.5, 1, (n, 17, 1))), axis=2),
        boxes=np.concatenate((corners, corners + (100, 120)), axis=1),
        box_scores=np.full(n, 0.9),
        scores=np.full(n, 0.75),
    )
    return Tracks(
        poses=poses,
        ids=ids,
        states=np.full(n, TrackState.TRACKED),
        ages_s=np.full(n, 1.0),
        unseen_s=np.zeros(n),
        hits=np.full(n, index + 1),
        detection_rows=np.arange(n),
        velocities_px=np.zeros((n, 2)),
        person_ids=np.full(n, -1),
        identity_scores=np.full(n, np.nan),
    )


def write_bag(path, people, **options):
    with BagSink(path, Job(config=Config(), skeleton=BODY, rate_hz=25.0), **options) as sink:
        for index, tracks in enumerate(people):
            image = np.zeros((240, 640, 3), np.uint8)
            frame = Frame(image=image, stamp_ns=(index + 1) * 40_000_000, index=index)
            result = Result(poses=tracks.poses, tracks=tracks, stage_ms={})
            item = Item(frame=frame, name=f"{index}.jpg", received_ns=frame.stamp_ns)
            sink.add(Processed(item=item, result=result))
    return path


def write_file(path, bag, format_name):
    results = read_bag_results(bag)
    with FORMATS[format_name].writer(path, results.skeleton) as writer:
        for frame in results.frames:
            writer.add(frame)
    return path


@pytest.fixture
def bag(tmp_path):
    return write_bag(tmp_path / "first", [tracks_of(index) for index in range(4)])


@pytest.fixture
def other(tmp_path):
    """The nose of one person is 5 pixels away, in the third frame."""
    people = [tracks_of(index, away_px=5.0 if index == 2 else 0.0) for index in range(4)]
    return write_bag(tmp_path / "second", people)


def test_a_bag_and_its_copy_are_equal(capsys, bag, tmp_path):
    again = write_bag(tmp_path / "again", [tracks_of(index) for index in range(4)])
    assert main(["compare", str(bag), str(again), "--tolerance-px", "0"]) == 0
    said = capsys.readouterr().out
    assert "A and B are equal: 4 frames, 8 people, no difference." in said
    assert said.endswith("all is within tolerance\n")


def test_what_differs_is_said_and_is_no_error_by_itself(capsys, bag, other):
    assert main(["compare", str(bag), str(other)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"A: {bag}, 4 frames, coco_17\nB: {other}, 4 frames")
    assert "nose of track 1 in 2.jpg" in said
    assert said.endswith("A and B differ.\n")


@pytest.mark.parametrize(("tolerance", "code"), [("5.5", 0), ("4.5", 1), ("0", 1)])
def test_checks_are_told_by_the_exit_code(capsys, bag, other, tolerance, code):
    arguments = ["compare", str(bag), str(other), "--tolerance-px", tolerance]
    if code:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == code
        assert "beyond tolerance: keypoints differ by up to 5 px" in capsys.readouterr().out
    else:
        assert main(arguments) == 0


@pytest.mark.parametrize("name", ["alphapose", "coco", "csv", "parquet"])
def test_a_file_and_the_bag_that_it_was_made_of_are_as_good_as_equal(capsys, bag, tmp_path, name):
    pytest.importorskip("pyarrow") if name == "parquet" else None
    file = write_file(tmp_path / f"results{FORMATS[name].suffix}", bag, name)
    assert main(["compare", str(bag), str(file), "--tolerance-px", "0.01"]) == 0
    assert "8 in both, 0 in A only, 0 in B only" in capsys.readouterr().out


def test_folders_of_a_run_are_taken(bag, other, tmp_path, capsys):
    folders = [tmp_path / "run_a", tmp_path / "run_b"]
    for folder, source in zip(folders, (bag, other), strict=True):
        folder.mkdir()
        write_file(folder / "results.json", source, "alphapose")
    with pytest.raises(SystemExit):
        main(["compare", *map(str, folders), "--tolerance-px", "1"])
    assert "frames, by name: 4 in both" in capsys.readouterr().out


def test_of_two_runs_the_file_that_tells_most_of_those_in_both_is_taken(bag, tmp_path, capsys):
    saved = {"run_a": ("csv", "alphapose", "mot"), "run_b": ("alphapose", "mot"), "run_c": ("csv",)}
    for run, names in saved.items():
        (tmp_path / run).mkdir()
        for name in names:
            write_file(tmp_path / run / f"results{FORMATS[name].suffix}", bag, name)
    a, b, c = (str(tmp_path / run) for run in saved)
    for first, second, files in (
        (a, b, ("results.json", "results.json")),
        (a, c, ("results.csv", "results.csv")),
        (b, c, ("results.json", "results.csv")),
        (a, str(bag), ("results.csv", "")),
    ):
        assert main(["compare", first, second]) == 0
        told = capsys.readouterr().out.splitlines()[:2]
        for line, side, path, file in zip(told, "AB", (first, second), files, strict=True):
            assert line.startswith(f"{side}: {path}{f' ({file})' if file else ''}, 4 frames")


def test_states_and_scores_of_boxes_of_tables_are_compared(bag, tmp_path, capsys):
    people = [tracks_of(index) for index in range(4)]
    tentative = np.full(2, TrackState.TENTATIVE)
    people[2] = replace(people[2], states=tentative)
    people[3] = replace(people[3], poses=replace(people[3].poses, box_scores=[0.5, 0.9]))
    other = write_bag(tmp_path / "states", people)
    files = [write_file(tmp_path / f"{b.name}.csv", b, "csv") for b in (bag, other)]
    with pytest.raises(SystemExit):
        main(["compare", *map(str, files), "--tolerance-px", "1"])
    said = capsys.readouterr().out
    assert "states differ, first that of track 1 in 2.jpg" in said
    assert "box_scores differ by up to 0.4 score" in said


def test_a_bag_and_a_table_of_one_run_are_equal(tmp_path, capsys):
    """The bag has widths and heights in float32; a corner is 1.2e-4 px away at 1820 px."""
    people = [tracks_of(0)]
    boxes = np.float32([[100, 20, 130, 140], [0.68769354, 769.87506, 169.36081, 1820.4471]])
    people[0] = replace(people[0], poses=replace(people[0].poses, boxes=boxes))
    bag = write_bag(tmp_path / "bag", people)
    results = read_bag_results(bag)
    file = tmp_path / "results.csv"
    with FORMATS["csv"].writer(file, BODY) as writer:
        writer.add(replace(results.frames[0], tracks=people[0]))
    read = results.frames[0].tracks.poses.boxes
    assert 0 < np.abs(read - boxes).max() < 5e-4
    assert main(["compare", str(bag), str(file), "--tolerance-px", "0"]) == 0
    assert "A and B are equal: 1 frames, 2 people, no difference." in capsys.readouterr().out


def test_stamps_that_nobody_told_are_refused(bag, tmp_path, capsys):
    file = write_file(tmp_path / "results.json", bag, "alphapose")
    assert main(["compare", str(bag), str(file), "--match", "stamp"]) == 1
    assert f"{file} tells no times" in capsys.readouterr().err


def test_figures_and_frames_are_written(bag, other, tmp_path):
    figures, frames = tmp_path / "figures.json", tmp_path / "frames.csv"
    written = ["--json", str(figures), "--frames", str(frames)]
    assert main(["compare", str(bag), str(other), *written]) == 0
    told = json.loads(figures.read_text())
    assert told["differences"]["keypoints"]["largest"] == pytest.approx(5, abs=1e-3)
    with frames.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["keypoints_largest"]) > 1 for row in rows] == [False, False, True, False]


def test_something_can_be_left_out(bag, other):
    arguments = ["compare", str(bag), str(other), "--tolerance-px", "0"]
    assert main([*arguments, "--ignore", "keypoints"]) == 0
    with pytest.raises(SystemExit):
        main([*arguments, "--ignore", "tracks"])


def test_one_of_several_topics_of_a_bag_is_named(capsys, bag, tmp_path):
    people = [tracks_of(index) for index in range(4)]
    both = write_bag(tmp_path / "both", people, prefix="new", copy_from=bag)
    assert main(["compare", f"{both}:/tracks", f"{both}:/new/tracks"]) == 0
    assert "A and B are equal" in capsys.readouterr().out
    assert main(["compare", str(both), str(bag)]) == 1
    assert "which tracks are meant, /new/tracks or /tracks?" in capsys.readouterr().err


def test_frames_can_be_matched_by_name(capsys, bag, tmp_path):
    later = tmp_path / "later"
    people = [tracks_of(index) for index in range(4)]
    with BagSink(later, Job(config=Config(), skeleton=BODY, rate_hz=25.0)) as sink:
        for index, tracks in enumerate(people):
            frame = Frame(image=np.zeros((240, 640, 3), np.uint8), stamp_ns=index + 10**12)
            result = Result(poses=tracks.poses, tracks=tracks, stage_ms={})
            item = Item(frame=frame, name="", received_ns=index)
            sink.add(Processed(item=item, result=result))
    assert main(["compare", str(bag), str(later)]) == 0
    assert "note: no frame is in both by stamp" in capsys.readouterr().out
    assert main(["compare", str(bag), str(later), "--match", "name"]) == 0
    assert "A and B are equal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json", "nowhere.json"], "nowhere.json"),
        (["nowhere:/tracks", "nowhere.json"], "nowhere: no bag there"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(capsys, arguments, message):
    assert main(["compare", *arguments]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_the_help_names_all_that_can_be_left_out(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    said = capsys.readouterr().out.replace(",", " ").split()
    assert set(COMPARED) - {RELATIVE} <= set(said)


def test_an_unknown_thing_to_ignore_is_named(capsys, bag):
    assert main(["compare", str(bag), str(bag), "--ignore", "colours"]) == 1
    assert "colours: not among what is compared: keypoints" in capsys.readouterr().err


def test_identities_that_change_are_found(capsys, bag, tmp_path):
    people = [tracks_of(index) for index in range(4)]
    people[2:] = [replace(tracks, ids=np.array([2, 1])) for tracks in people[2:]]
    swapped = write_bag(tmp_path / "swapped", people)
    with pytest.raises(SystemExit):
        main(["compare", str(bag), str(swapped), "--tolerance-px", "1"])
    assert "beyond tolerance: tracks change 2 times, first in 2.jpg" in capsys.readouterr().out
