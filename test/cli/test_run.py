from __future__ import annotations

import json
from pathlib import Path

import cv2
import made_bags as made
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from alphapose_ros.cli import main
from alphapose_ros.cli.run import _folders


@pytest.fixture
def clip(tmp_path):
    """Write a clip of noise with a box per frame; return a function that runs `alphapose run`."""
    boxes = tmp_path / "boxes.json"
    box = {"bbox": [20, 10, 40, 90], "score": 0.9}
    boxes.write_text(json.dumps([{"image_id": index, **box} for index in range(6)]))
    values = ["detector.name=file", f"detector.boxes_file={boxes}", "suppression.min_score=0"]
    settings = [word for value in values for word in ("--set", value)]

    def make(name, frames=6):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (160, 120))
        for seed in range(frames):
            writer.write(np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8))
        writer.release()
        return str(path)

    def run(*arguments):
        return main(["run", *arguments, *settings])

    return make, run


def test_a_video_becomes_what_is_asked_for(clip, tmp_path, capsys):
    make, run = clip
    out = tmp_path / "out"
    save = ["--save", "csv, json", "--format", "coco", "--limit", "4"]
    assert run(make("a.avi"), "--out", str(out), *save) == 0
    found = sorted(path.name for path in out.iterdir())
    assert found == ["journal.bin", "results.csv", "results.json", "summary.json"]
    assert len(json.loads((out / "results.json").read_text())) == 4
    said = capsys.readouterr()
    assert "4 frames, 4 poses, 1 tracks" in said.out
    assert "4/4" in said.err and "people=1" in said.err


def test_people_of_a_bag_are_told_in_the_frame_that_is_asked_for(clip, tmp_path):
    _, run = clip
    sent = [*made.camera(3), made.transform("odom", "camera", (0, 0, 1))]
    path = made.write(tmp_path / "drive", sent)
    out = tmp_path / "out"
    asked = ["--save", "bag", "--set", "target_frame=odom", "--set", "lifting.name=ground"]
    assert run(str(path), "--out", str(out), *asked) == 0
    with AnyReader([out / "bag"]) as bag:
        frames = {
            connection.topic: bag.deserialize(data, connection.msgtype).header.frame_id
            for connection, _, data in bag.messages()
            if connection.topic in ("/poses", "/tracks")
        }
    assert frames == {"/poses": "camera", "/tracks": "odom"}


def test_where_nothing_is_lifted_the_frame_stays_that_of_the_camera(clip, tmp_path, capsys):
    _, run = clip
    path = made.write(tmp_path / "drive", made.camera(3))
    out = tmp_path / "out"
    assert run(str(path), "--out", str(out), "--save", "bag", "--set", "target_frame=odom") == 0
    with AnyReader([out / "bag"]) as bag:
        of_tracks = [one for one in bag.connections if one.topic == "/tracks"]
        frames = {
            bag.deserialize(data, one.msgtype).header.frame_id
            for one, _, data in bag.messages(of_tracks)
        }
    assert frames == {"camera"}
    assert "no positions" not in capsys.readouterr().err


def test_rectified_images_of_a_bag_are_seen_by_the_camera_p(clip, tmp_path, capsys):
    _, run = clip
    path = made.write(tmp_path / "drive", made.camera(2))  # where P is zero
    for is_rectified in (False, True):
        asked = ["--save", "json", "--set", f"image_rectified={is_rectified}"]
        assert run(str(path), "--out", str(tmp_path / str(is_rectified)), *asked) == 0
        assert ("camera_info has P = [0.0" in capsys.readouterr().err) == is_rectified


def test_each_of_several_sources_gets_a_folder(clip, tmp_path):
    make, run = clip
    sources = [make("a.avi", 2), make("b.avi", 3), make("other/a.avi", 4)]
    arguments = [*sources, "--out", str(tmp_path / "out"), "--save", "json"]
    assert run(*arguments) == 0
    frames = {
        path.parent.name: json.loads(path.read_text())["frames"]
        for path in (tmp_path / "out").glob("*/summary.json")
    }
    assert frames == {"a.avi": 2, "b.avi": 3, "a.avi_2": 4}
    ids = [
        {one["idx"] for one in json.loads((tmp_path / "out" / name / "results.json").read_text())}
        for name in frames
    ]
    assert ids == [{1}] * 3  # each as if it were alone


def test_an_earlier_run_is_not_overwritten_unasked(clip, tmp_path, capsys):
    make, run = clip
    arguments = [make("a.avi"), "--out", str(tmp_path / "out"), "--save", "json"]
    assert run(*arguments) == 0
    assert run(*arguments) == 1
    assert "--resume" in capsys.readouterr().err
    assert run(*arguments, "--resume") == 0
    assert "finished already, nothing to do" in capsys.readouterr().out
    assert run(*arguments, "--overwrite") == 0
    assert run(*arguments, "--overwrite", "--sequential") == 0


def test_problems_of_a_source_are_told_once_each(clip, tmp_path, capsys):
    _, run = clip
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(30):
        picture = np.full((120, 160, 3), 60, np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        if number > 5:
            (folder / f"{number}.png").write_bytes(b"damaged")
    assert run(str(folder), "--out", str(tmp_path / "out"), "--save", "json") == 0
    said = capsys.readouterr().err
    assert sum(line.startswith("6.png: ") for line in said.splitlines()) == 1
    assert "and 4 more problems" in said
    told = json.loads((tmp_path / "out/summary.json").read_text())
    assert (told["problem_count"], len(told["problems"]), told["frames"]) == (24, 20, 6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--save", "film"], "--save: 'film' is none of json, video"),
        (["--format", "xml"], "--format: 'xml' is none of"),
        (["--topics", "picture=/a"], "--topics: expected image=..., depth=..., camera_info=..."),
        (["--topics", "image"], "--topics: expected"),
        (["--topics", "image=/a,image=/b"], "--topics: image is given twice"),
        (["--copy", "/tf"], "add `bag` to --save"),
        (["--copy", "/tf", "--save", "bag"], "a.avi is no bag"),
        (["--target", "nobody", "--save", "bag"], "'nobody' is none of nearest"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    clip, tmp_path, capsys, arguments, message
):
    make, run = clip
    assert run(make("a.avi"), "--out", str(tmp_path / "out"), *arguments) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in said
    assert not list((tmp_path / "out").glob("results.*"))
    assert run(make("a.avi"), "--out", str(tmp_path / "out"), "--save", "json") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limit", "0"], "--limit: expected a whole number of at least 1, got '0'"),
        (["--limit", "x"], "--limit: expected a whole number of at least 1, got 'x'"),
        (["--rate", "-3"], "--rate: expected a number of Hz above 0, got '-3'"),
        (["--rate", "fast"], "--rate: expected a number of Hz above 0, got 'fast'"),
        (["--resume", "--overwrite"], "not allowed with"),
    ],
)
def test_options_that_make_no_sense_are_refused(clip, tmp_path, capsys, arguments, message):
    make, run = clip
    with pytest.raises(SystemExit):
        run(make("a.avi"), "--out", str(tmp_path / "out"), *arguments)
    assert message in capsys.readouterr().err


def all_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def write_pictures(folder, count=3):
    folder.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((120, 160, 3), 60 + number, np.uint8))


def test_pictures_in_the_folder_of_a_run_are_not_deleted(clip, tmp_path, capsys):
    make, run = clip
    out = tmp_path / "out"
    assert run(make("a.avi"), "--out", str(out), "--save", "json") == 0
    write_pictures(out / "images")
    arguments = ["--out", str(out), "--overwrite", "--save", "json,images"]
    assert run(str(out / "images"), *arguments) == 1
    assert "images is there and not of a run" in capsys.readouterr().err
    assert len(list((out / "images").iterdir())) == 3


@pytest.mark.parametrize("source", ["overlay.mp4", "images", "images/*.jpg", "list.txt"])
def test_outputs_of_a_run_cannot_be_replaced_by_what_is_made_of_them(
    clip, tmp_path, capsys, source
):
    make, run = clip
    out = tmp_path / "out"
    arguments = ["--out", str(out), "--save", "json,video,images"]
    assert run(make("a.avi"), *arguments) == 0
    (out / "list.txt").write_text("images/0.jpg  # the first\n")
    before = all_of(out)
    assert run(str(out / source), *arguments, "--overwrite") == 1
    assert "is read by this run, which would replace" in capsys.readouterr().err
    assert all_of(out) == before


def test_a_file_that_a_setting_names_is_not_replaced(clip, tmp_path, capsys):
    make, run = clip
    out = tmp_path / "out"
    assert run(make("a.avi"), "--out", str(out), "--save", "json") == 0
    boxes = ["--set", f"detector.boxes_file={out / 'results.json'}"]
    settings = ["--save", "json", "--overwrite", *boxes]
    before = all_of(out)
    assert main(["run", make("a.avi"), "--out", str(out), "--set", "detector.name=file", *settings])
    assert "is read by this run" in capsys.readouterr().err
    assert all_of(out) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--save", "json,bag", "--target", "nobody"],
        ["--save", "json,bag", "--copy", "/tf"],
        ["--set", "device=cuda:77"],
        ["--set", "pose.weights=/nowhere/weights.pth"],
    ],
)
def test_a_mistake_does_not_cost_the_earlier_run(clip, tmp_path, arguments):
    make, run = clip
    out = tmp_path / "out"
    settings = ["--out", str(out), "--save", "json"]
    assert run(make("a.avi"), *settings) == 0
    before = all_of(out)
    assert run(make("a.avi"), *settings, "--overwrite", *arguments) == 1
    assert all_of(out) == before


def test_pictures_and_outputs_do_not_share_a_folder(clip, tmp_path, capsys):
    _, run = clip
    write_pictures(tmp_path / "pictures")
    before = all_of(tmp_path / "pictures")
    for name in ("", "*.png"):
        source = str(tmp_path / "pictures" / name)
        assert run(source, "--out", str(tmp_path / "other/../pictures")) == 1
        assert "is a folder that is read itself" in capsys.readouterr().err
    assert all_of(tmp_path / "pictures") == before
    assert run(str(tmp_path / "pictures"), "--out", str(tmp_path / "pictures/out")) == 0


def test_one_source_that_fails_does_not_end_the_others(clip, tmp_path, capsys):
    make, run = clip
    write_pictures(tmp_path / "pictures")
    for path in (tmp_path / "pictures").iterdir():
        path.write_bytes(b"damaged")
    arguments = [str(tmp_path / "pictures"), make("a.avi"), make("b.avi")]
    out = tmp_path / "out"
    assert run(*arguments, "--out", str(out), "--save", "json") == 1
    said = capsys.readouterr().err
    assert "alphapose run: pictures: not one of 3 pictures can be read" in said
    assert said.strip().splitlines()[-1] == "alphapose run: 1 of 3 sources failed"
    assert sorted(path.name for path in out.iterdir()) == ["a.avi", "b.avi"]


def test_a_run_that_could_read_nothing_can_be_repeated(clip, tmp_path):
    _, run = clip
    write_pictures(tmp_path / "pictures")
    kept = (tmp_path / "pictures/0.png").read_bytes()
    for path in (tmp_path / "pictures").iterdir():
        path.write_bytes(b"damaged")
    arguments = [str(tmp_path / "pictures"), "--out", str(tmp_path / "out")]
    assert run(*arguments) == 1
    assert not (tmp_path / "out").exists()
    (tmp_path / "pictures/0.png").write_bytes(kept)
    assert run(*arguments) == 0


def test_a_limit_can_be_raised_afterwards(clip, tmp_path, capsys):
    make, run = clip
    arguments = [make("a.avi"), "--save", "json", "--out"]
    assert run(*arguments, str(tmp_path / "whole")) == 0
    out = tmp_path / "out"
    for limit, frames in (("2", 2), ("4", 4), (None, 6)):
        words = [] if limit is None else ["--limit", limit]
        assert run(*arguments, str(out), "--resume", *words) == 0
        assert json.loads((out / "summary.json").read_text())["frames"] == frames
        assert run(*arguments, str(out), "--resume", *words) == 0
        assert "finished already" in capsys.readouterr().out
    assert (out / "results.json").read_bytes() == (tmp_path / "whole/results.json").read_bytes()
    assert not (out / "journal.bin").exists()


def test_another_rate_is_named_and_not_the_source(clip, tmp_path, capsys):
    _, run = clip
    write_pictures(tmp_path / "pictures", count=4)
    arguments = [str(tmp_path / "pictures"), "--out", str(tmp_path / "out"), "--save", "json"]
    assert run(*arguments, "--rate", "10", "--limit", "2") == 0
    assert run(*arguments, "--rate", "5", "--resume") == 1
    assert "--rate was 10.0, now 5.0" in capsys.readouterr().err


def test_every_source_has_a_folder_of_another_name():
    names = [path.name for path in _folders(Path("out"), ["a", "a", "a_2", "a"])]
    assert names == ["a", "a_2", "a_2_2", "a_3"]


def test_a_file_cannot_be_the_folder(clip, tmp_path, capsys):
    make, run = clip
    (tmp_path / "out").write_text("mine")
    assert run(make("a.avi"), "--out", str(tmp_path / "out")) == 1
    assert "there is a file in the place of the folder" in capsys.readouterr().err
