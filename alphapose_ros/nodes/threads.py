"""Threads that are used again: OpenCV never gives back what it keeps of one that called it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = tuple[Callable[[], None], threading.Event]
_idle: list[SimpleQueue[Job]] = []  # of each thread that has nothing to do


def in_thread(action: Callable[[], None]) -> threading.Event:
    """Do something in another thread; return what is set once it is done.

    The thread does not keep the process alive. One whose action raises is not used again.
    """
    done = threading.Event()
    try:
        jobs = _idle.pop()
    except IndexError:
        jobs = SimpleQueue()
        threading.Thread(target=_serve, args=(jobs,), name="worker", daemon=True).start()
    jobs.put((action, done))
    return done


def _serve(jobs: SimpleQueue[Job]) -> None:
    while True:
        action, done = jobs.get()
        try:
            action()
            del action  # it may hold networks
            _idle.append(jobs)
        finally:
            done.set()
