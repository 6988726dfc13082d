"""Threads that are used again, and those that are not."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

from alphapose_ros.nodes import threads
from alphapose_ros.nodes.threads import in_thread


@pytest.fixture(autouse=True)
def nobody_idle(monkeypatch):
    monkeypatch.setattr(threads, "_idle", [])


def ident_of(release=None):
    """Return the thread that does something, which it does until it is released."""
    idents = []

    def action():
        idents.append(threading.get_ident())
        if release is not None:
            release.wait(20)

    done = in_thread(action)
    if release is None:
        assert done.wait(20)
    return idents, done


def test_a_thread_that_is_done_is_used_again():
    first, second = ident_of()[0], ident_of()[0]
    assert first == second != [threading.get_ident()]


def test_one_that_is_at_work_is_not():
    release = threading.Event()
    busy, done = ident_of(release)
    assert ident_of()[0] != busy
    assert not done.is_set()
    release.set()
    assert done.wait(20)


def test_one_that_failed_says_so_and_is_not_used_again(monkeypatch):
    told, has_told = [], threading.Event()

    def tell(failure):
        told.append(failure.exc_type)
        has_told.set()

    def fail():
        raise RuntimeError

    monkeypatch.setattr(threading, "excepthook", tell)
    assert in_thread(fail).wait(20)
    assert has_told.wait(20)
    assert told == [RuntimeError]
    assert threads._idle == []
    assert len(ident_of()[0]) == 1


def test_what_it_did_is_forgotten():
    class Work:
        def __call__(self):
            pass

    work = Work()
    remembered = weakref.ref(work)
    assert in_thread(work).wait(20)
    del work
    end_s = time.monotonic() + 20
    while remembered() is not None and time.monotonic() < end_s:
        gc.collect()
    assert remembered() is None
