"""`alphapose view` finds what belongs to a run, and says what it cannot show."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_runs import SIZE, SKELETON, frame_result, people

from alphapose_ros.cli import main
from alphapose_ros.io.formats import FORMATS
from alphapose_ros.io.video import VideoSink


@pytest.fixture
def folder(tmp_path):
    """A folder as `alphapose run` leaves it, with results and overlay."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ("alphapose", "csv"):
        with FORMATS[name].writer(run / f"results{FORMATS[name].suffix}", SKELETON) as writer:
            for number in range(8):
                tracks = people([(20, 40, 80, 200)], person_ids=[3])
                writer.add(frame_result(number, tracks))
    with VideoSink(run / "overlay.mp4", 10.0, SIZE) as sink:
        for number in range(8):
            sink.write(np.full((SIZE[1], SIZE[0], 3), 20 * number, np.uint8))
    told = {"source": "walk.mp4", "made_with": {"output.privacy": False}}
    (run / "summary.json").write_text(json.dumps(told))
    return run


def facts(page):
    return json.loads(page.read_text().partition('id="facts">')[2].partition("</script>")[0])


def test_a_run_becomes_a_page_in_its_folder(folder, capsys):
    assert main(["view", str(folder), "--embed-frames", "2"]) == 0
    shown = facts(folder / "view.html")
    assert (shown["source"], len(shown["times_ms"])) == ("walk.mp4", 8)
    assert [track["person"] for track in shown["tracks"]] == [3]  # which results.json does not say
    assert len(shown["stills"]) == 2 and list(shown["thumbnails"]) == ["person 3"]
    printed = capsys.readouterr().out
    assert "browsers do not play" not in printed and "view.html: 8 frames" in printed


def test_a_codec_that_browsers_do_not_know_is_told(folder, capsys):
    assert main(["view", str(folder)]) == 0
    assert "browsers do not play" in capsys.readouterr().out


@pytest.mark.parametrize(("told", "count"), [({"frames": 8}, 8), ({}, 1)])
def test_a_run_without_people_becomes_a_page_without_people(folder, capsys, told, count):
    (folder / "results.csv").unlink()
    (folder / "results.json").write_text("[]")
    (folder / "summary.json").write_text(json.dumps({"made_with": {}, **told}))
    assert main(["view", str(folder)]) == 0
    shown = facts(folder / "view.html")
    assert (len(shown["times_ms"]), shown["rows"]) == (count, 0)
    assert (shown["width"], shown["height"]) == SIZE
    assert "there is nobody" in capsys.readouterr().out


def test_only_outputs_of_the_run_are_shown(folder):
    told = {"source": "walk.mp4", "made_with": {}, "outputs": ["results.json"]}
    (folder / "summary.json").write_text(json.dumps(told))
    assert main(["view", str(folder)]) == 0
    shown = facts(folder / "view.html")
    assert shown["has_stamps"] is False and "video" not in shown and "thumbnails" not in shown


def test_names_that_are_no_text_do_no_harm(folder, capsys):
    named = replace(frame_result(0, people([(20, 40, 80, 200)])), name="caf\udce9.jpg")
    for name in ("alphapose", "csv"):
        with FORMATS[name].writer(folder / f"results{FORMATS[name].suffix}", SKELETON) as writer:
            writer.add(named)
    told = {"source": "caf\udce9.mp4", "made_with": {}}
    (folder / "summary.json").write_text(json.dumps(told))
    assert main(["view", str(folder)]) == 0
    assert facts(folder / "view.html")["names"] == ["caf\\udce9.jpg"]
    arguments = [str(folder / "results.json"), str(folder / "results.csv")]
    assert main(["compare", *arguments, "--frames", str(folder / "frames.csv")]) == 0
    assert "frames, by name: 1 in both" in capsys.readouterr().out


def test_a_result_file_becomes_a_page_beside_it(folder):
    (folder / "overlay.mp4").unlink()
    assert main(["view", str(folder / "results.json")]) == 0
    shown = facts(folder / "results.html")
    assert shown["has_stamps"] is False and "stills" not in shown


def test_a_page_goes_where_it_is_wanted_without_pictures(folder, tmp_path):
    assert main(["view", str(folder), "--no-pictures", "--out", str(tmp_path / "p.html")]) == 0
    assert "thumbnails" not in facts(tmp_path / "p.html")


@pytest.mark.parametrize("where", ["settings", "run"])
def test_with_privacy_there_are_no_pictures(folder, where, capsys):
    chosen = ["--set", "output.privacy=true"] if where == "settings" else []
    if where == "run":
        told = {"source": "walk.mp4", "made_with": {"output.privacy": True}}
        (folder / "summary.json").write_text(json.dumps(told))
    assert main(["view", str(folder), *chosen]) == 0
    assert (
        "thumbnails" not in facts(folder / "view.html") and facts(folder / "view.html")["privacy"]
    )
    video = str(folder / "overlay.mp4")
    assert main(["view", str(folder), "--video", video, *chosen]) == 1
    assert "output.privacy is set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "gone does not exist"),
        (["{run}", "--video", "gone.mp4"], "gone.mp4: no such video"),
        (["{run}", "--embed-frames", "-1"], "--embed-frames must be at least 0"),
        (["{run}", "--embed-frames", "2", "--no-pictures"], "leave --no-pictures out"),
    ],
)
def test_what_is_wrong_is_said(folder, capsys, arguments, message):
    assert main(["view", *(text.format(run=folder) for text in arguments)]) == 1
    assert message in capsys.readouterr().err


def test_frames_of_no_video_cannot_be_embedded(folder, capsys):
    (folder / "overlay.mp4").unlink()
    assert main(["view", str(folder), "--embed-frames", "2"]) == 1
    assert "there is no video to take frames from; name one by --video" in capsys.readouterr().err


def test_a_folder_without_results_says_what_makes_them(tmp_path, capsys):
    (tmp_path / "summary.json").write_text('{"source": "walk.mp4"}')
    assert main(["view", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "holds no results" in said and "`alphapose run SOURCE --out" in said
