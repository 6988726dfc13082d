"""Work done in stages, each in a thread of its own, with short queues in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

from alphapose_ros.mailbox import Queue

WAITING = 2  # items between two stages: enough to even out their pace, and memory stays small


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is done with every item, one after the other, by one thread."""

    name: str
    work: Callable[[Any], Any]  # item -> item for the next stage
    context: AbstractContextManager = field(default_factory=nullcontext)  # open while it works


def run_stages(
    items: Iterable[Any],
    stages: Sequence[Stage],
    *,
    concurrent: bool = True,
    waiting: int = WAITING,
) -> None:
    """Take all items through all stages, in their order.

    The items are read in the calling thread. When one stage, or the reading, fails, the stages
    behind it still finish what it gave them, those before it end, all contexts are left in order,
    and the error is raised here. So what comes out of the last stage is always the beginning of
    ``items``, without gaps.

    Args:
        items: to be worked on.
        stages: one or more.
        concurrent: False: all in the calling thread, one item after the other.
        waiting: most items between two stages.

    Raises:
        Exception: the first that was raised by ``items`` or a stage.
        KeyboardInterrupt: Ctrl-C, after which what waits is given up.
    """
    if concurrent:
        _Threads(stages, waiting).run(items)
        return
    with ExitStack() as contexts:
        for stage in stages:
            contexts.enter_context(stage.context)
        for item in items:
            for stage in stages:
                item = stage.work(item)  # noqa: PLW2901  it travels


class _Threads:
    """One thread for each stage, from queue to queue."""

    def __init__(self, stages: Sequence[Stage], waiting: int) -> None:
        self._queues: list[Queue] = [Queue(waiting) for _ in stages]
        self._errors: list[BaseException] = []
        self._ended = [threading.Event() for _ in stages]
        outboxes = [*self._queues[1:], None]
        self._threads = [
            threading.Thread(target=self._run_one, args=way, name=way[1].name, daemon=True)
            for way in zip(self._ended, stages, self._queues, outboxes, strict=True)
        ]

    def run(self, items: Iterable[Any]) -> None:
        for thread in self._threads:
            thread.start()
        try:
            self._feed(items)
        except BaseException as error:  # noqa: BLE001  raised again at the end
            self._errors.append(error)
        self._join()
        if self._errors:
            raise self._errors[0]

    def _feed(self, items: Iterable[Any]) -> None:
        for item in items:
            if not self._queues[0].put(item):
                break

    def _run_one(self, ended: threading.Event, *way: Any) -> None:
        try:
            self._work(*way)
        finally:
            ended.set()

    def _work(self, stage: Stage, inbox: Queue, outbox: Queue | None) -> None:
        try:
            with stage.context:
                while (item := inbox.take()) is not None:
                    done = stage.work(item)
                    if outbox is not None and not outbox.put(done):
                        break
        except BaseException as error:  # noqa: BLE001  raised again by run()
            self._errors.append(error)
        finally:
            inbox.close()
            if outbox is not None:
                outbox.finish()

    def _join(self) -> None:
        """Wait for all threads; Ctrl-C shortens it, but never leaves a context open.

        However often it comes, before or during the wait, what waits between the stages is dropped:
        every thread ends after the item in its hands.
        """
        is_over = False
        while not is_over:
            try:
                if any(isinstance(error, KeyboardInterrupt) for error in self._errors):
                    for queue in self._queues:
                        queue.close()
                self._queues[0].finish()
                for ended in self._ended:  # a join() that is interrupted takes a thread for ended
                    ended.wait()
                for thread in self._threads:
                    thread.join()
                is_over = True
            except KeyboardInterrupt as error:
                self._errors.append(error)
