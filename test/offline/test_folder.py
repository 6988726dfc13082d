from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alphapose_ros.offline.folder import Earlier, RunFolder
from alphapose_ros.offline.summary import Summary

FILES = ["results.json", "overlay.mp4", "images", "timeline.png", "timeline_[0-9]*.png"]
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


def begin(place, earlier):
    """Make room as a run does, but for what it builds in between."""
    with place.writing():
        if not place.check(earlier):
            return False
        place.clear(keep_journal=earlier is Earlier.RESUMED)
        return True


def left_behind(path, *, complete, journal):
    """What a run leaves that was complete, or cut off."""
    place = folder(path)
    assert begin(place, Earlier.REFUSED)
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
    assert begin(place, Earlier.REFUSED)
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
        begin(folder(tmp_path), Earlier.REFUSED)
    assert (tmp_path / "out/results.json").read_text() == "old"


def test_to_overwrite_removes_the_outputs_and_nothing_else(tmp_path):
    place = left_behind(tmp_path, complete=True, journal=True)
    assert begin(folder(tmp_path), Earlier.OVERWRITTEN)
    assert sorted(path.name for path in place.path.iterdir()) == ["mine.txt", "summary.json"]
    assert not json.loads((place.path / "summary.json").read_text())["is_complete"]


def test_to_resume_keeps_the_journal(tmp_path):
    place = left_behind(tmp_path, complete=False, journal=True)
    assert begin(folder(tmp_path), Earlier.RESUMED)
    assert place.journal.read_bytes() == b"findings"
    assert not (place.path / "results.json").exists()


def test_a_run_killed_before_its_first_frame_begins_anew(tmp_path):
    assert begin(folder(tmp_path), Earlier.REFUSED)
    assert begin(folder(tmp_path), Earlier.RESUMED)


def test_a_complete_run_is_not_done_again(tmp_path):
    place = left_behind(tmp_path, complete=True, journal=False)
    place.journal.write_bytes(b"killed before this was removed")
    assert not begin(folder(tmp_path), Earlier.RESUMED)
    assert (place.path / "results.json").read_text() == "old"
    assert not place.journal.exists()


def test_a_complete_run_with_other_settings_is_not_taken_for_this_one(tmp_path):
    left_behind(tmp_path, complete=True, journal=False)
    with pytest.raises(ValueError, match=r'tracker\.name was "msim", now "none"'):
        begin(folder(tmp_path, **{"tracker.name": "none"}), Earlier.RESUMED)


def test_a_stopped_run_keeps_its_journal(tmp_path):
    place = left_behind(tmp_path, complete=False, journal=True)
    place.end(replace(DONE, is_complete=False))
    assert place.journal.exists()
    assert begin(folder(tmp_path), Earlier.RESUMED)


@pytest.mark.parametrize("earlier", Earlier)
def test_a_folder_that_is_not_of_a_run_is_left_alone(tmp_path, earlier):
    (tmp_path / "out/images").mkdir(parents=True)
    (tmp_path / "out/images/holiday.jpg").write_text("mine")
    (tmp_path / "out/summary.json").write_text('{"frames": "of another program"}')
    with pytest.raises(FileExistsError, match=r"images is there.*--out"):
        begin(folder(tmp_path), earlier)
    assert (tmp_path / "out/images/holiday.jpg").exists()


def test_results_without_a_run_cannot_be_resumed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/results.json").write_text("of an older version")
    with pytest.raises(FileExistsError, match=r"no journal\.bin to resume from"):
        begin(folder(tmp_path), Earlier.RESUMED)


@pytest.mark.parametrize("name", ["images", "overlay.mp4"])
@pytest.mark.parametrize("earlier", [Earlier.OVERWRITTEN, Earlier.RESUMED])
def test_what_an_earlier_run_did_not_write_is_never_removed(tmp_path, name, earlier):
    begin(RunFolder(tmp_path / "out", ["results.json"], MADE_WITH), Earlier.REFUSED)
    mine = tmp_path / "out" / name
    if name == "images":
        mine.mkdir()
        mine /= "holiday.jpg"
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match=f"{name} is there and not of a run"):
        begin(folder(tmp_path), earlier)
    assert mine.read_text() == "mine"


def test_a_complete_run_owns_what_it_wrote_and_not_what_it_might_have_written(tmp_path):
    place = left_behind(tmp_path, complete=True, journal=False)
    told = json.loads((place.path / "summary.json").read_text())
    assert told["outputs"] == ["results.json", "images"]
    (place.path / "overlay.mp4").write_text("mine")
    with pytest.raises(FileExistsError, match=r"overlay\.mp4 is there and not of a run"):
        begin(folder(tmp_path), Earlier.OVERWRITTEN)


@pytest.mark.parametrize("earlier", [Earlier.OVERWRITTEN, Earlier.RESUMED])
def test_nothing_is_removed_that_is_read(tmp_path, earlier):
    place = left_behind(tmp_path, complete=False, journal=True)
    for source in ("images/1.jpg", "images", "results.json"):
        reads = [tmp_path / "out" / "." / source]
        with pytest.raises(FileExistsError, match="is read by this run"):
            begin(RunFolder(place.path, FILES, MADE_WITH, reads=reads), earlier)
    assert (place.path / "images/1.jpg").exists()
    assert begin(RunFolder(place.path, FILES, MADE_WITH, reads=[place.path]), earlier)


def test_to_check_changes_nothing(tmp_path):
    place = left_behind(tmp_path, complete=True, journal=True)
    before = {path: path.stat().st_mtime_ns for path in place.path.rglob("*")}
    assert folder(tmp_path, other=1).check(Earlier.OVERWRITTEN)
    assert {path: path.stat().st_mtime_ns for path in place.path.rglob("*")} == before


def test_all_outputs_of_the_earlier_run_are_removed_also_begun_ones(tmp_path):
    place = left_behind(tmp_path, complete=False, journal=True)
    ours = [
        *("timeline.png", "timeline_2.png", "timeline_10.png", "results.json.part"),
        *("results.json.short.part", ".overlay.mp4.x.part"),
    ]
    for name in [*ours, "timeline_mine.png", "results.json.bak"]:
        (place.path / name).write_text("old")
    other = RunFolder(place.path, ["results.csv"], MADE_WITH)
    assert begin(other, Earlier.OVERWRITTEN)
    left = {path.name for path in place.path.iterdir()}
    assert left == {"mine.txt", "summary.json", "timeline_mine.png", "results.json.bak"}


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    place = left_behind(tmp_path, complete=False, journal=True)
    (place.path / "images").rename(tmp_path / "elsewhere")
    (place.path / "images").symlink_to(tmp_path / "elsewhere")
    assert begin(folder(tmp_path), Earlier.OVERWRITTEN)
    assert (tmp_path / "elsewhere/1.jpg").exists() and not (place.path / "images").exists()


@pytest.mark.parametrize("text", ['{"frames": 1}', "[]", "", '{"made_with": "love"}'])
@pytest.mark.parametrize("earlier", Earlier)
def test_a_summary_of_another_program_is_kept(tmp_path, earlier, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/summary.json").write_text(text)
    with pytest.raises(FileExistsError, match=r"summary\.json is there"):
        begin(folder(tmp_path), earlier)
    assert (tmp_path / "out/summary.json").read_text() == text


def test_a_killed_run_is_not_overwritten_though_it_kept_no_journal(tmp_path):
    place = folder(tmp_path)
    begin(place, Earlier.REFUSED)
    part = place.path / "results.json.part"
    part.write_text("of a camera")
    with pytest.raises(FileExistsError, match=r"results\.json\.part is there"):
        begin(folder(tmp_path), Earlier.REFUSED)
    part.unlink()
    with pytest.raises(FileExistsError, match=r"summary\.json is there"):
        begin(folder(tmp_path), Earlier.REFUSED)


def test_outputs_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    place = left_behind(tmp_path, complete=True, journal=False)
    summary = place.path / "summary.json"
    told = json.loads(summary.read_text())
    summary.write_text(json.dumps({**told, "outputs": [*told["outputs"], "../precious", ".."]}))
    (tmp_path / "precious").mkdir()
    assert begin(folder(tmp_path), Earlier.OVERWRITTEN)
    assert (tmp_path / "precious").exists()


def test_a_run_that_ended_by_its_limit_goes_on_with_another(tmp_path):
    place = left_behind(tmp_path, complete=False, journal=True)
    place.end(replace(DONE, limit=3))
    assert place.journal.exists()
    same = RunFolder(place.path, FILES, MADE_WITH, limit=3)
    assert not begin(same, Earlier.RESUMED) and place.journal.exists()
    assert begin(RunFolder(place.path, FILES, MADE_WITH, limit=9), Earlier.RESUMED)
    assert place.journal.exists()


def test_only_one_run_at_a_time_has_a_folder(tmp_path):
    with folder(tmp_path).writing():
        with (
            pytest.raises(BlockingIOError, match="another alphapose run is writing there"),
            folder(tmp_path).writing(),
        ):
            pass
        assert (tmp_path / "out").is_dir()
    assert not (tmp_path / "out").exists()
    assert begin(folder(tmp_path), Earlier.REFUSED)


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "out").write_text("mine")
    for path in (tmp_path / "out", tmp_path / "out/below"):
        with (
            pytest.raises(NotADirectoryError, match="a file in the place of the folder"),
            RunFolder(path, FILES, MADE_WITH).writing(),
        ):
            pass


def test_a_run_that_is_withdrawn_leaves_nothing(tmp_path):
    place = folder(tmp_path)
    with place.writing():
        place.clear(keep_journal=False)
        place.journal.write_bytes(b"header")
        (place.path / "results.json").write_text("nobody")
        place.withdraw()
    assert not place.path.exists()
