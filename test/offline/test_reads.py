from __future__ import annotations

import pytest

from alphapose_ros.config import Config, with_values
from alphapose_ros.offline.reads import refuse_folder, setting_paths, source_paths


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a.png", "b c.png", "deep/d.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def test_arguments_become_what_they_name_on_the_disk(folder):
    assert source_paths([str(folder)]) == [folder]
    assert source_paths([f"file://{folder}/b%20c.png"]) == [folder / "b c.png"]
    assert source_paths(["0", "rtsp://camera/1", str(folder / "nothing")]) == []
    assert set(source_paths([f"{folder}/**/*.mp4"])) == {folder / "deep/d.mp4", folder / "deep"}


def test_lists_are_followed_once(folder):
    (folder / "one.txt").write_text("a.png # first\n\n# none\ndeep/two.txt\n")
    (folder / "deep/two.txt").write_text("d.mp4\n../one.txt\nmissing.png\n")
    found = {path.resolve() for path in source_paths([str(folder / "one.txt")])}
    assert found == {folder / name for name in ("one.txt", "a.png", "deep/two.txt", "deep/d.mp4")}


def test_files_that_settings_name_are_found(folder):
    config = with_values(Config(), {"detector.boxes_file": str(folder / "a.png")})
    assert setting_paths(config) == [folder / "a.png"]


def test_only_a_folder_that_is_a_source_is_refused(folder):
    with pytest.raises(ValueError, match="is a folder that is read itself"):
        refuse_folder(folder / "deep/..", [folder])
    refuse_folder(folder / "deep", [folder, folder / "a.png"])
