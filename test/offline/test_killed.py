"""Real processes that are killed, and what they leave."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from made_clip import decoded, make_clip

from alphapose_ros.offline.folder import JOURNAL

DEADLINE_S = 120
FRAMES = 50
SAVE = ("--save", "json,video,sheet,csv,timeline")
RUN = "import sys\nfrom alphapose_ros.cli import main\nsys.exit(main(sys.argv[1:]))\n"
SLOW_TO_CLOSE = (
    "import time\nfrom pathlib import Path\nfrom alphapose_ros.io.video import VideoSink\n"
    "close = VideoSink.close\n"
    "def slow(sink):\n"
    "    (sink.path.parent / 'closing').touch()\n"
    "    close(sink)\n"
    "    time.sleep(30)\n"
    "VideoSink.close = slow\n"
)


SLOW_POSES = (
    "import time\nfrom alphapose_ros.pipeline import Pipeline\n"
    "estimate = Pipeline.estimate\n"
    "def slow(*arguments):\n"
    "    time.sleep(1)\n"
    "    return estimate(*arguments)\n"
    "Pipeline.estimate = slow\n"
)
IN_THE_BACKGROUND = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"


def start(arguments, code=RUN):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(arguments, code=RUN):
    process = start(arguments, code)
    said, _ = process.communicate(timeout=DEADLINE_S)
    return process.returncode, said


def wait_for(condition, process):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def same_outputs(one, other):
    for name in ("results.json", "results.csv", "timeline.png", "contact_sheet.png"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert decoded(one / "overlay.mp4") == decoded(other / "overlay.mp4")
    return True


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, and the arguments of it."""
    folder = tmp_path_factory.mktemp("whole")
    arguments = make_clip(folder, frames=FRAMES)
    code, said = finish([*arguments, *SAVE, "--out", str(folder / "out")])
    assert code == 0, said
    assert len(decoded(folder / "out/overlay.mp4")) == FRAMES
    return folder / "out", arguments


def test_killed_at_five_random_moments_and_resumed_it_comes_to_the_same(whole, tmp_path):
    expected, arguments = whole
    out, seed = tmp_path / "out", random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    begin = [*arguments, *SAVE, "--out", str(out)]
    start_bytes = size_of(out / JOURNAL)
    for number in range(4):  # each goes on where the one before was killed
        process = start([*begin, "--resume"] if number else begin)
        more = rng.randrange(1, 40_000)  # of some 290,000 bytes
        wait_for(lambda: size_of(out / JOURNAL) >= start_bytes + more, process)  # noqa: B023
        process.kill()
        process.wait()
        start_bytes = size_of(out / JOURNAL)
    process = start([*begin, "--resume"], SLOW_TO_CLOSE + RUN)
    wait_for((out / "closing").exists, process)
    time.sleep(rng.uniform(0, 0.01))
    process.kill()
    process.wait()
    assert not (out / "results.json").exists()
    assert not json.loads((out / "summary.json").read_text())["is_complete"]
    code, said = finish([*begin, "--resume"])
    assert code == 0, said
    assert json.loads((out / "summary.json").read_text())["frames_resumed"] == FRAMES
    assert same_outputs(out, expected)
    assert not (out / JOURNAL).exists()
    code, said = finish([*begin, "--resume"])
    assert code == 0 and "finished already" in said


def test_ctrl_c_completes_all_files_and_resuming_comes_to_the_same(whole, tmp_path):
    expected, arguments = whole
    out = tmp_path / "out"
    begin = [*arguments, *SAVE, "--out", str(out)]
    process = start(begin)
    wait_for(lambda: size_of(out / JOURNAL) > 20_000, process)
    process.send_signal(2)
    said, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130, said
    assert "--resume goes on" in said
    figures = json.loads((out / "summary.json").read_text())
    shown = decoded(out / "overlay.mp4")
    assert 0 < figures["frames"] == len(shown) < FRAMES
    assert len(json.loads((out / "results.json").read_text())) == figures["poses"]
    code, said = finish([*begin, "--resume"])
    assert code == 0, said
    assert same_outputs(out, expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("presses", [1, 2])
def test_a_run_in_the_background_of_a_script_can_be_stopped(whole, tmp_path, number, presses):
    _, arguments = whole
    out = tmp_path / "out"
    code = IN_THE_BACKGROUND + SLOW_POSES + RUN
    process = start([*arguments, *SAVE, "--out", str(out)], code)
    wait_for(lambda: size_of(out / JOURNAL) > 4000, process)
    for _ in range(presses):
        process.send_signal(number)
        time.sleep(0.3)  # at most five frames wait, a second each
    said, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "alphapose run: stopped"
    assert ("--resume goes on" in said) == (presses == 1)
    json.loads((out / "results.json").read_text())


def test_a_second_run_in_the_same_folder_is_refused_while_the_first_one_runs(whole, tmp_path):
    _, arguments = whole
    out = tmp_path / "out"
    begin = [*arguments, "--save", "json", "--out", str(out)]
    process = start(begin, SLOW_POSES + RUN)
    wait_for(lambda: size_of(out / JOURNAL) > 4000, process)
    for more in ([], ["--resume"], ["--overwrite"]):
        code, said = finish([*begin, *more])
        assert code == 1 and "another alphapose run is writing there" in said
    assert process.poll() is None
    process.kill()
    process.wait()
    code, said = finish([*begin, "--resume", "--limit", "2"])
    assert code == 0, said


def test_where_files_may_not_grow_any_more_it_says_so_and_resumes_later(whole, tmp_path):
    expected, arguments = whole
    out = tmp_path / "out"
    begin = [*arguments, *SAVE, "--out", str(out)]
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (120_000, -1))\n"
    code, said = finish([*begin], limit + RUN)
    assert code == 1
    assert "the disk is full, or a quota is used up" in said.splitlines()[-1]
    assert (out / JOURNAL).exists()
    code, said = finish([*begin, "--resume"])
    assert code == 0, said
    assert same_outputs(out, expected)


def test_on_a_full_disk_every_file_is_completed(whole, tmp_path):
    expected, arguments = whole
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=36m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        begin = [*arguments, *SAVE, "--out", str(disk / "out")]
        (disk / "filler").write_bytes(bytes(3_700_000))
        code, said = finish(begin)
        assert code == 1
        assert "the disk is full, only" in said.splitlines()[-1]
        people = json.loads((disk / "out/results.json").read_text())
        assert people[0]["image_id"] == "0.jpg"
        assert 0 < len(decoded(disk / "out/overlay.mp4")) < FRAMES
        (disk / "filler").unlink()
        code, said = finish([*begin, "--resume"])
        assert code == 0, said
        assert same_outputs(disk / "out", expected)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
