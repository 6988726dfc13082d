from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alphapose_ros.offline.folder import Earlier, RunFolder
from alphapose_ros.offline.summary import Summary

FILES = ["results.json", "overlay.mp4", "images"]
MADE_WITH = {"version": "1", "tracker.name": "msim", "save": ["json"], "limit": None}
DONE = Summary(
    source="made",
    is_complete=True,
    frames=3,
    frames_resumed=0,
    poses=4,
    people_max=2,
    tracks=2,
    problems=(),
    seconds=2.0,
    stage_fps={"read": 10.0},
)


def folder(path, **changes):
    return RunFolder(path / "out", FILES, {**MADE_WITH, **changes})


def left_behind(path, *, complete, journal):
    """What a run leaves that was complete, or cut off."""
    place = folder(path)
    assert place.begin(Earlier.REFUSED)
    if journal:
        place.journal.write_bytes(b"findings")
    (place.path / "results.json").write_text("old")
    (place.path / "images").mkdir()
    (place.path / "images/1.jpg").write_text("old")
    (place.path / "mine.txt").write_text("of somebody")
    if complete:
        place.end(DONE)
    return place


def test_a_new_folder_is_made_and_in_the_end_says_what_came_out(tmp_path):
    place = folder(tmp_path)
    assert place.begin(Earlier.REFUSED)
    place.journal.write_bytes(b"findings")
    place.end(DONE)
    told = json.loads((tmp_path / "out/summary.json").read_text())
    assert (told["frames"], told["poses"], told["fps"], told["is_complete"]) == (3, 4, 1.5, True)
    assert told["made_with"] == MADE_WITH
    assert not place.journal.exists()


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("journal", [True, False])
def test_nothing_is_overwritten_unasked(tmp_path, complete, journal):
    left_behind(tmp_path, complete=complete, journal=journal)
    with pytest.raises(FileExistsError, match=r"results\.json is there.*--resume.*--overwrite"):
        folder(tmp_path).begin(Earlier.REFUSED)
    assert (tmp_path / "out/results.json").read_text() == "old"


def test_to_overwrite_removes_the_outputs_and_nothing_else(tmp_path):
    place = left_behind(tmp_path, complete=True, journal=True)
    assert folder(tmp_path).begin(Earlier.OVERWRITTEN)
    assert sorted(path.name for path in place.path.iterdir()) == ["mine.txt", "summary.json"]
    assert not json.loads((place.path / "summary.json").read_text())["is_complete"]


def test_to_resume_keeps_the_journal(tmp_path):
    place = left_behind(tmp_path, complete=False, journal=True)
    assert folder(tmp_path).begin(Earlier.RESUMED)
    assert place.journal.read_bytes() == b"findings"
    assert not (place.path / "results.json").exists()


def test_a_run_killed_before_its_first_frame_begins_anew(tmp_path):
    assert folder(tmp_path).begin(Earlier.REFUSED)
    assert folder(tmp_path).begin(Earlier.RESUMED)


def test_a_complete_run_is_not_done_again(tmp_path):
    place = left_behind(tmp_path, complete=True, journal=False)
    place.journal.write_bytes(b"killed before this was removed")
    assert not folder(tmp_path).begin(Earlier.RESUMED)
    assert (place.path / "results.json").read_text() == "old"
    assert not place.journal.exists()


def test_a_complete_run_with_other_settings_is_not_taken_for_this_one(tmp_path):
    left_behind(tmp_path, complete=True, journal=False)
    with pytest.raises(ValueError, match=r'tracker\.name was "msim", now "none"'):
        folder(tmp_path, **{"tracker.name": "none"}).begin(Earlier.RESUMED)


def test_a_stopped_run_keeps_its_journal(tmp_path):
    place = left_behind(tmp_path, complete=False, journal=True)
    place.end(replace(DONE, is_complete=False))
    assert place.journal.exists()
    assert folder(tmp_path).begin(Earlier.RESUMED)


@pytest.mark.parametrize("earlier", Earlier)
def test_a_folder_that_is_not_of_a_run_is_left_alone(tmp_path, earlier):
    (tmp_path / "out/images").mkdir(parents=True)
    (tmp_path / "out/images/holiday.jpg").write_text("mine")
    (tmp_path / "out/summary.json").write_text('{"frames": "of another program"}')
    with pytest.raises(FileExistsError, match=r"images is there.*--out"):
        folder(tmp_path).begin(earlier)
    assert (tmp_path / "out/images/holiday.jpg").exists()


def test_results_without_a_run_cannot_be_resumed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/results.json").write_text("of an older version")
    with pytest.raises(FileExistsError, match=r"no journal\.bin to resume from"):
        folder(tmp_path).begin(Earlier.RESUMED)
    assert folder(tmp_path).begin(Earlier.OVERWRITTEN)
