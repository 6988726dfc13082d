from __future__ import annotations

import json

import numpy as np
import pytest
from made_results import made_results, seen_only, write

from alphapose_ros.cli import main
from alphapose_ros.io.formats import FORMATS, read_results


@pytest.fixture
def made(tmp_path):
    results = made_results(1, "halpe_26", counts=(2, 0, 1), predicted=0)
    return write(tmp_path / "made.csv", FORMATS["csv"], results)


@pytest.mark.parametrize("name", FORMATS)
def test_it_converts_into_every_format(name, made, tmp_path, capsys):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    target = tmp_path / "new/out.file"
    assert main(["convert", str(made), str(target), "--to", name]) == 0
    frames = read_results(target).frames
    assert sum(len(frame.tracks) for frame in frames) == 3
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{made}: 3 frames, 3 people, halpe_26"
    assert out[-1] == f"{target}: {name}"


@pytest.mark.parametrize(
    ("file", "name"), [("a.json", "alphapose"), ("a.txt", "mot"), ("a.csv", "csv")]
)
def test_the_ending_tells_the_format(file, name, made, tmp_path):
    assert main(["convert", str(made), str(tmp_path / file)]) == 0
    wanted = write(tmp_path / "wanted", FORMATS[name], read_results(made))
    assert (tmp_path / file).read_text() == wanted.read_text()


def test_it_says_what_is_lost(made, tmp_path, capsys):
    assert main(["convert", str(made), str(tmp_path / "a.txt")]) == 0
    out = capsys.readouterr().out
    assert "  lost, mot has no room for it: frames without people (1 frames)\n" in out
    assert "  lost, mot has no room for it: all keypoints (3 people)\n" in out
    assert main(["convert", str(made), str(tmp_path / "b.csv")]) == 0
    assert "lost, " not in capsys.readouterr().out


def test_it_says_what_reading_left_out_and_that_times_are_made_up(tmp_path, capsys):
    poses = write(
        tmp_path / "a.json",
        FORMATS["openpose"],
        made_results(1, "coco_17", counts=(1,), predicted=0),
    )
    assert main(["convert", str(poses), str(tmp_path / "b.csv"), "--rate", "10"]) == 0
    out = capsys.readouterr().out
    assert "  note: necks of 1 people are left out" in out
    assert f"  note: {poses} tells no times: written are those of 10 frames/s\n" in out


def test_it_does_not_overwrite_without_being_told(made, tmp_path, capsys):
    target = tmp_path / "a.json"
    target.write_text("mine")
    assert main(["convert", str(made), str(target)]) == 1
    assert capsys.readouterr().err == (
        f"alphapose convert: {target} exists; --force overwrites it\n"
    )
    assert target.read_text() == "mine"
    assert main(["convert", str(made), str(target), "--force"]) == 0
    assert len(json.loads(target.read_text())) == 3


def test_a_file_can_be_converted_onto_itself(made):
    before = made.read_text()
    assert main(["convert", str(made), str(made), "--force"]) == 0
    assert made.read_text() == before


def test_a_damaged_file_leaves_the_target_alone(made, tmp_path, capsys):
    source, target = tmp_path / "a.json", tmp_path / "b.csv"
    write(source, FORMATS["alphapose"], read_results(made))
    source.write_text(source.read_text()[:-40])
    assert main(["convert", str(source), str(target)]) == 1
    assert f"{source}: entry 2, line 4" in capsys.readouterr().err
    assert not target.exists()


def test_what_is_wrong_is_told(made, tmp_path, capsys):
    for arguments, problem in (
        ([made, tmp_path / "a.what"], ".what tells no format; name one of alphapose, cmu"),
        ([made, tmp_path / "a"], "no suffix tells no format"),
        ([tmp_path / "none.json", tmp_path / "a.json"], "none.json does not exist"),
        ([made, tmp_path / "a.json", "--rate", "0"], "rate_hz must be above 0"),
        ([made, tmp_path / "a.json", "--skeleton", "dog_20"], "dog_20"),
        ([made, tmp_path / "a.json", "--from", "coco"], f"{made}: "),
    ):
        assert main(["convert", *map(str, arguments)]) == 1
        assert problem in capsys.readouterr().err
        assert not (tmp_path / "a.json").exists()


def test_formats_are_listed(capsys):
    with pytest.raises(SystemExit):
        main(["convert", "--help"])
    out = capsys.readouterr().out
    for name, target in FORMATS.items():
        assert f"{name:<14}{target.meaning}" in out


def test_real_files_go_through_everything_that_holds_their_keypoints(data, tmp_path):
    file = data / "result_formats/alphapose/demo_coco17/alphapose-results.json"
    wanted, source = read_results(file), file
    for number, name in enumerate(("csv", "coco_dataset", "halpe", "wholebody", "coco")):
        target = tmp_path / str(number)
        assert main(["convert", str(source), str(target), "--to", name]) == 0
        source = target
    for frame, ours in zip(seen_only(wanted), read_results(source).frames, strict=True):
        np.testing.assert_array_equal(ours.tracks.poses.keypoints, frame.tracks.poses.keypoints)
        np.testing.assert_array_equal(ours.tracks.poses.scores, frame.tracks.poses.scores)
        np.testing.assert_array_equal(ours.tracks.poses.boxes, frame.tracks.poses.boxes)
