from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from alphapose_ros.cli import main


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
    assert found == ["results.csv", "results.json", "summary.json"]
    assert len(json.loads((out / "results.json").read_text())) == 4
    said = capsys.readouterr()
    assert "4 frames, 4 poses, 1 tracks" in said.out
    assert "4/4" in said.err and "people=1" in said.err


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


@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--resume", "--overwrite"]])
def test_options_that_make_no_sense_are_refused(clip, tmp_path, arguments):
    make, run = clip
    with pytest.raises(SystemExit):
        run(make("a.avi"), "--out", str(tmp_path / "out"), *arguments)
