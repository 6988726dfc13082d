"""Files are whole however their writing ends."""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from made_results import made_results, seen_only, write

from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.formats.growing import GrowingFile

TEXT = [name for name in FORMATS if name != "parquet"]
KILLED = """
import os, signal, sys
from pathlib import Path
from made_results import made_results
from alphapose_ros.io.formats import FORMATS
results = made_results(1, "coco_17", counts=(2, 1, 3), predicted=0)
for path in map(Path, sys.argv[1:]):
    child = os.fork()
    if child == 0:
        with FORMATS[path.stem].writer(path, results.skeleton) as file:
            for frame in results.frames:
                file.add(frame)
            os.kill(os.getpid(), signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
LIMITED = """
import json, resource, sys
from pathlib import Path
from made_results import made_results
from alphapose_ros.io.formats import FORMATS
results = made_results(1, "coco_17", counts=(2,) * 50, predicted=0)
told = {}
for given in sys.argv[1:]:
    path, _, limit = given.partition("=")
    path, limit = Path(path), int(limit)
    path.parent.mkdir()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    count, problem = 0, ""
    try:
        with FORMATS[path.stem].writer(path, results.skeleton) as file:
            for frame in results.frames:
                file.add(frame)
                count += 1
    except OSError as error:
        problem = str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    told[str(path)] = count, problem
print(json.dumps(told))
"""


class Wreck(Exception):
    """Something that goes wrong elsewhere."""


def program(text, *arguments):
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", FORMATS)
def test_an_exception_leaves_a_whole_file(name, tmp_path):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    target = FORMATS[name]
    results = made_results(1, counts=(2, 1, 3), predicted=0)
    path = tmp_path / f"a{target.suffix}"
    with pytest.raises(Wreck), target.writer(path, results.skeleton) as file:
        for frame in results.frames[:2]:
            file.add(frame)
        raise Wreck
    read = read_results(path)
    assert [len(frame.tracks) for frame in read.frames if len(frame.tracks)] == [2, 1]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]  # no part is left


def test_a_killed_run_leaves_the_old_file_and_a_part(tmp_path):
    paths = [tmp_path / f"{name}{FORMATS[name].suffix}" for name in TEXT]
    for path in paths:
        path.write_text("what was there")
    done = program(KILLED, *paths)
    assert done.stdout.split() == [str(-signal.SIGKILL)] * len(paths), done.stderr
    for path in paths:
        assert path.read_text() == "what was there"
        part = path.with_name(f"{path.name}.part")
        assert part.is_file()
        if path.stem not in ("coco_dataset", "posetrack"):  # theirs end with the list of images
            read = read_results(part, path.stem)
            assert [len(one.tracks) for one in read.frames if len(one.tracks)] == [2, 1, 3]


def test_a_part_is_whole_after_every_frame(tmp_path):
    results = made_results(1, counts=(0, 2, 1, 3), predicted=0)
    path = tmp_path / "a.json"
    with FORMATS["alphapose"].writer(path, results.skeleton) as file:
        counts = []
        for frame in results.frames:
            file.add(frame)
            counts.append(len(json.loads((tmp_path / "a.json.part").read_text())))
    assert counts == [0, 2, 3, 6]


def test_a_full_disk_is_an_error_that_names_the_file_and_keeps_it_whole(tmp_path):
    """A limit on sizes of files ends writing in the middle of a frame, as a full disk does."""
    limits = {
        tmp_path / f"{name}{limit}" / f"{name}{FORMATS[name].suffix}": limit
        for name in TEXT
        for limit in ((2_000, 2_001, 2_345) if name == "mot" else (20_000, 20_001, 23_456))
    }
    done = program(LIMITED, *(f"{path}={limit}" for path, limit in limits.items()))
    told = json.loads(done.stdout)
    assert len(told) == 3 * len(TEXT)
    for path in limits:
        count, problem = told[str(path)]
        assert 0 < count < 50
        assert str(path) in problem
        assert os.strerror(errno.EFBIG) in problem
        assert "what was written until then is kept" in problem
        if path.stem in ("coco_dataset", "posetrack"):  # the limit leaves no room for their end
            continue
        assert sum(len(one.tracks) for one in read_results(path).frames) == 2 * count
        assert [one.name for one in path.parent.iterdir()] == [path.name]


class FullDisk:
    """A file on a disk with room for so many bytes, of all its files together."""

    room = 0
    sizes: dict

    def __init__(self, path, mode):
        self._file = io.open(path, mode, buffering=0)  # noqa: UP020, SIM115
        self._path = path
        self.sizes[path] = 0

    def write(self, data):
        free = self.room - sum(self.sizes.values())
        within = self.sizes[self._path] - self._file.tell()
        count = min(len(data), max(free + within, 0))
        if data and not count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._file.write(bytes(data[:count]))
        self.sizes[self._path] = max(self.sizes[self._path], self._file.tell())
        return count

    def truncate(self, size):
        self.sizes[self._path] = size
        return self._file.truncate(size)

    def close(self):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("name", ["coco_dataset", "posetrack", "alphapose", "openpose"])
@pytest.mark.parametrize("room", (30_000, 30_061, 30_333, 30_511, 30_899))
def test_a_disk_with_room_for_part_of_it_leaves_a_whole_file(name, room, tmp_path, monkeypatch):
    sizes = {}
    monkeypatch.setattr(FullDisk, "room", room)
    monkeypatch.setattr(FullDisk, "sizes", sizes, raising=False)
    results = made_results(1, "coco_17", counts=(2,) * 50, predicted=0)
    path, added = tmp_path / "a.json", 0
    unlink = Path.unlink
    monkeypatch.setattr(Path, "open", lambda path, mode, buffering: FullDisk(path, mode))
    monkeypatch.setattr(Path, "unlink", lambda path: (unlink(path), sizes.pop(path)))
    with (
        pytest.raises(OSError, match="what was written until then is kept") as error,
        FORMATS[name].writer(path, results.skeleton) as file,
    ):
        for frame in results.frames:
            file.add(frame)
            added += 1
    monkeypatch.undo()
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(path))
    assert 0 < added < 50
    read = read_results(path)
    assert [len(one.tracks) for one in read.frames] == [2] * added
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_an_error_in_the_middle_of_a_chunk_is_undone(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt), GrowingFile(path, b"<", b">") as file:
        file.append(b"one")
        whole = file._write

        def interrupted(data):
            file._write = whole
            whole(data[:2])
            raise KeyboardInterrupt

        file._write = interrupted
        file.append(b"another, longer one")
    assert path.read_bytes() == b"<one>"


@pytest.mark.parametrize("name", ["alphapose", "coco_dataset"])
def test_a_folder_of_that_name_is_refused_before_anything_is_done(name, tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write(tmp_path / "a.json", FORMATS[name], made_results())
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_is_missing_is_made(tmp_path):
    path = write(tmp_path / "new/er/a.json", FORMATS["alphapose"], made_results())
    assert len(json.loads(path.read_text())) == sum(
        len(frame.tracks) for frame in seen_only(made_results())
    )


@pytest.mark.parametrize("name", FORMATS)
def test_writers_keep_nothing_of_the_frames(name, tmp_path, monkeypatch):
    """Only names or ids of frames may be kept, where they have to differ."""
    if name == "parquet":
        pytest.importorskip("pyarrow")
        monkeypatch.setattr("alphapose_ros.io.formats.parquet_table.GROUP", 20)
    frame = made_results(1, "halpe_136", counts=(2,), predicted=0).frames[0]
    body, kept = frame.tracks.poses.skeleton, []
    tracemalloc.start()
    try:
        with FORMATS[name].writer(tmp_path / "a", body) as file:
            for index in range(121):
                file.add(replace(frame, name=f"{index}.jpg", index=index))
                if index % 100 == 20:  # as full as before, where rows are gathered
                    gc.collect()
                    kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert kept[1] - kept[0] < 100 * 300  # bytes; a frame has 8,000
