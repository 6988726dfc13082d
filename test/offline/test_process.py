from __future__ import annotations

import errno
import os
import signal
import threading

import pytest
from made_run import BODY, Kept, MadePipeline, MadeSource

from alphapose_ros.offline import outputs as outputs_module
from alphapose_ros.offline.journal import Journal
from alphapose_ros.offline.outputs import DiskFullError, Outputs
from alphapose_ros.offline.process import process

pytestmark = pytest.mark.usefixtures("deadline")
BOTH = pytest.mark.parametrize("concurrent", [True, False])


def processed(folder, source=None, pipeline=None, sinks=None, **options):
    sinks = {"one": Kept()} if sinks is None else sinks
    outputs = Outputs(sinks, folder)
    summary = process(source or MadeSource(), pipeline or MadePipeline(), outputs, **options)
    return sinks, summary


def journal_at(path):
    return Journal(path, {"version": "1"}, BODY, resume=True)


@BOTH
def test_every_frame_arrives_in_order_and_is_counted(tmp_path, concurrent):
    sinks, summary = processed(tmp_path, concurrent=concurrent)
    assert [name for name, *_ in sinks["one"].seen] == [f"{index}.jpg" for index in range(12)]
    assert sinks["one"].events == ["open", "closed"]
    assert sinks["one"].left_with is None
    assert summary.is_complete
    figures = (summary.frames, summary.poses, summary.tracks, summary.people_max)
    assert figures == (12, 12, 1, 1)
    assert [problem.where for problem in summary.problems] == ["made, frame 4", "made, frame 9"]
    assert set(summary.stage_fps) == {"read", "detect", "pose", "follow", "write"}


def test_five_threads_give_what_one_gives(tmp_path):
    found = [
        processed(tmp_path, source=MadeSource(60), concurrent=concurrent)[0]["one"].seen
        for concurrent in (True, False)
    ]
    assert found[0] == found[1]


@BOTH
def test_tracking_starts_afresh_at_pictures_that_are_no_sequence(tmp_path, concurrent):
    pipeline = MadePipeline()
    source = MadeSource(is_sequence=False)
    sinks, _ = processed(tmp_path, source, pipeline, concurrent=concurrent)
    assert [hits for _, hits, *_ in sinks["one"].seen] == [[1]] * 12
    assert processed(tmp_path, MadeSource(3))[0]["one"].seen[-1][1] == [3]


@BOTH
def test_a_limit_is_an_end(tmp_path, concurrent):
    sinks, summary = processed(tmp_path, limit=5, concurrent=concurrent)
    assert len(sinks["one"].seen) == summary.frames == 5
    assert summary.is_complete
    assert sinks["one"].left_with is not None  # the source goes on


@BOTH
@pytest.mark.parametrize("part", ["detect", "estimate", "finish"])
def test_a_stage_that_fails_keeps_the_frames_before_and_is_told_once(tmp_path, part, concurrent):
    sinks = {"one": Kept(), "two": Kept()}
    with pytest.raises(RuntimeError, match=f"{part} of frame 6"):
        processed(
            tmp_path, pipeline=MadePipeline(fails={part: 6}), sinks=sinks, concurrent=concurrent
        )
    for sink in sinks.values():
        assert len(sink.seen) == 6
        assert sink.events == ["open", "closed"]
        assert sink.left_with is not None


@BOTH
def test_a_source_that_breaks_keeps_what_it_gave(tmp_path, concurrent):
    sinks = {"one": Kept()}
    with pytest.raises(OSError, match="the cable is loose"):
        processed(tmp_path, MadeSource(20, fails_at=9), sinks=sinks, concurrent=concurrent)
    assert len(sinks["one"].seen) == 9
    assert sinks["one"].events == ["open", "closed"]


@BOTH
def test_a_full_disk_is_said_and_the_other_sinks_are_completed(tmp_path, concurrent):
    full = OSError(errno.ENOSPC, "No space left on device")
    sinks = {"one": Kept(), "video": Kept(add=full, at=4), "two": Kept()}
    message = r"video in .*: the disk is full.*make room and go on with --resume"
    with journal_at(tmp_path / "j") as journal, pytest.raises(DiskFullError, match=message):
        processed(tmp_path, sinks=sinks, journal=journal, concurrent=concurrent)
    assert [sink.events for sink in sinks.values()] == [["open", "closed"]] * 3
    assert [len(sink.seen) for sink in sinks.values()] == [5, 4, 4]
    pipeline = MadePipeline()
    with journal_at(tmp_path / "j") as journal:
        again, summary = processed(tmp_path, pipeline=pipeline, journal=journal)
    assert again["one"].seen == processed(tmp_path)[0]["one"].seen
    assert summary.frames_resumed >= 5 and pipeline.networks == 12 - summary.frames_resumed


@BOTH
def test_a_sink_that_cannot_be_opened_ends_it_before_anything_is_written(tmp_path, concurrent):
    sinks = {"one": Kept(), "bag": Kept(enter=OSError("there is a bag")), "two": Kept()}
    with pytest.raises(OSError, match="there is a bag"):
        processed(tmp_path, sinks=sinks, concurrent=concurrent)
    assert sinks["one"].events == ["open", "closed"]
    assert sinks["two"].events == []


@BOTH
def test_a_sink_that_cannot_be_closed_is_told_and_the_others_are_closed(tmp_path, concurrent):
    full = OSError(errno.EDQUOT, "Disk quota exceeded")
    sinks = {"one": Kept(), "video": Kept(leave=full), "two": Kept(leave=OSError("too"))}
    with pytest.raises(OSError, match="too"):
        processed(tmp_path, sinks=sinks, concurrent=concurrent)
    assert [sink.events for sink in sinks.values()] == [["open", "closed"]] * 3
    with pytest.raises(DiskFullError, match=r"video in .*quota"):
        processed(tmp_path, sinks={"video": Kept(leave=full)}, concurrent=concurrent)


def test_a_disk_almost_full_stops_it_while_files_can_still_be_completed(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs_module, "RESERVE_BYTES", 1 << 62)
    sinks = {"one": Kept()}
    with pytest.raises(DiskFullError, match="MB are left"):
        processed(tmp_path, sinks=sinks)
    assert sinks["one"].events == ["open", "closed"]


class Interrupting(MadeSource):
    """Sends itself signals while it is read."""

    def __init__(self, number, at, *, count=40):
        super().__init__(count)
        self._number, self._at = number, at

    def __iter__(self):
        for item in super().__iter__():
            if item.frame.index in self._at:
                os.kill(os.getpid(), self._number)
            yield item


@BOTH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_the_frames_that_were_read(tmp_path, number, concurrent):
    before = signal.getsignal(number)
    sinks, summary = processed(tmp_path, Interrupting(number, {7}), concurrent=concurrent)
    assert len(sinks["one"].seen) == summary.frames == 8
    assert not summary.is_complete
    assert sinks["one"].events == ["open", "closed"]
    assert sinks["one"].left_with is not None
    assert signal.getsignal(number) == before


def test_a_second_ctrl_c_does_not_wait_but_closes_all_outputs(tmp_path):
    sinks = {"one": Kept()}
    usual, main = signal.getsignal(signal.SIGINT), threading.main_thread().ident

    class Slow(MadePipeline):
        def estimate(self, frame, detected):
            if frame.index == 5:
                signal.pthread_kill(main, signal.SIGINT)
                while signal.getsignal(signal.SIGINT) != usual:  # the first one is heard
                    pass
                signal.pthread_kill(main, signal.SIGINT)
            return super().estimate(frame, detected)

    with pytest.raises(KeyboardInterrupt):
        processed(tmp_path, MadeSource(500), Slow(), sinks)
    assert sinks["one"].events == ["open", "closed"]
    names = [name for name, *_ in sinks["one"].seen]
    assert names == [f"{index}.jpg" for index in range(len(names))]


@pytest.mark.parametrize("count", [0, 1, 6, 11])
@pytest.mark.parametrize("concurrent", [(True, True), (True, False), (False, True)])
def test_a_resumed_run_gives_what_an_uninterrupted_one_gives(tmp_path, count, concurrent):
    first, second = concurrent
    with journal_at(tmp_path / "j") as journal:
        processed(tmp_path, limit=count, journal=journal, concurrent=first)
    pipeline = MadePipeline()
    with journal_at(tmp_path / "j") as journal:
        sinks, summary = processed(tmp_path, pipeline=pipeline, journal=journal, concurrent=second)
    assert sinks["one"].seen == processed(tmp_path)[0]["one"].seen
    assert pipeline.networks == 12 - count
    assert summary.frames_resumed == count
    assert summary.frames == 12 and summary.is_complete
    with journal_at(tmp_path / "j") as journal:
        assert journal.frames == 12


def test_a_source_that_changed_is_not_resumed(tmp_path):
    with journal_at(tmp_path / "j") as journal:
        processed(tmp_path, limit=6, journal=journal)
    sinks = {"one": Kept()}
    with (
        journal_at(tmp_path / "j") as journal,
        pytest.raises(ValueError, match="frame 0 is not the picture"),
    ):
        processed(tmp_path, MadeSource(change=1), sinks=sinks, journal=journal)
    assert sinks["one"].events == ["open", "closed"]


@BOTH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("usual", [signal.SIG_DFL, signal.SIG_IGN])
def test_the_second_signal_interrupts_whatever_it_usually_does(tmp_path, number, usual, concurrent):
    class Twice(MadeSource):
        def __iter__(self):
            for item in super().__iter__():
                if item.frame.index == 5:
                    signal.raise_signal(number)
                    signal.raise_signal(number)
                yield item

    sinks = {"one": Kept()}
    before = signal.signal(number, usual)
    try:
        with pytest.raises(KeyboardInterrupt):
            processed(tmp_path, Twice(), sinks=sinks, concurrent=concurrent)
        assert signal.getsignal(number) == usual
    finally:
        signal.signal(number, before)
    assert sinks["one"].events == ["open", "closed"]
    assert len(sinks["one"].seen) <= 5
