"""One thread that works on the images of a topic, while the executor stays free."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from rclpy.node import Node

from alphapose_ros.config import Config
from alphapose_ros.mailbox import Mailbox, Queue
from alphapose_ros.nodes.depth import BY_DEPTH, DepthReception
from alphapose_ros.nodes.diagnostics import Counts
from alphapose_ros.nodes.reception import Arrival, Reception
from alphapose_ros.nodes.threads import in_thread

T = TypeVar("T")
YIELD_S = 20e-6  # long enough for another thread to wake up


def _hand_over(mailbox: Mailbox[Arrival] | Queue[Arrival], arrival: Arrival) -> None:
    """Leave an arrival, and the interpreter, which else the executor keeps for half a millisecond.

    It knows no worker: rclpy's executor holds on to a subscription after it was destroyed, and
    networks would stay with it.
    """
    mailbox.put(arrival)
    time.sleep(YIELD_S)


class Worker(Generic[T]):
    """Takes images off their topic and has them processed, one at a time, until it is stopped.

    Callbacks only store. The newest image comes next, or with `process_every_frame` the oldest.

    Args:
        node: whose topics these are.
        config: how images are received.
        work: called with one arrival after the other, in the thread of the worker.
        tell: called with what came of it, in that thread.

    Raises:
        ValueError: a quality of service that the user asks for is wrong.
    """

    def __init__(
        self,
        node: Node,
        config: Config,
        work: Callable[[Arrival], T],
        tell: Callable[[T], None],
    ) -> None:
        self._log, self._do, self._tell = node.get_logger(), work, tell
        self._mailbox: Mailbox[Arrival] | Queue[Arrival] = (
            Queue(config.queue_size) if config.process_every_frame else Mailbox()
        )
        self.is_wanted = True  # what comes of the present image
        self._telling = threading.Lock()  # nothing is told once it is not wanted any more
        self._processed = self._failed = 0
        self._busy_since_s: float | None = None
        self._is_closed = False
        put, has_room = partial(_hand_over, self._mailbox), self._mailbox.has_room
        self.depth: DepthReception | None = None
        if config.lifting.name in BY_DEPTH:
            self.depth = DepthReception(node, put, config, has_room)
            put = self.depth.add_colour
        try:
            self.reception = Reception(node, put, config, has_room)
        except ValueError:
            if self.depth is not None:
                self.depth.stop()
            raise
        self._ended = in_thread(self._work)

    @property
    def counts(self) -> Counts:
        """What became of the images so far."""
        return Counts(
            received=self.reception.received,
            lost=self.reception.lost,
            dropped=self._mailbox.dropped + (self.depth.dropped if self.depth else 0),
            processed=self._processed,
            failed=self._failed,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it still takes images, or is at work on the last one."""
        return not self._ended.is_set()

    @property
    def busy_s(self) -> float:
        """For how long it has been at work on the present image; 0 while it waits."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def stop(self, patience_s: float) -> None:
        """Take no more images, and wait until the present one is done.

        Raises:
            TimeoutError: that takes more than ``patience_s``; nothing more will come of it.
        """
        self._close()
        if not self._ended.wait(patience_s):
            self.abandon()
            raise TimeoutError(
                f"still at work on one image after {self.busy_s:.0f} s; it is left to itself"
            )

    def abandon(self) -> None:
        """Take no more images, and let nothing come of the present one, nor of those that wait."""
        with self._telling:
            self.is_wanted = False
        self._close()

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.reception.stop()
            if self.depth is not None:
                self.depth.stop()
            self._mailbox.close()

    def _work(self) -> None:
        while (arrival := self._mailbox.take()) is not None and self.is_wanted:
            self._busy_since_s = time.monotonic()
            try:
                done = self._do(arrival)
                with self._telling:
                    if self.is_wanted:
                        self._tell(done)
                        self._processed += 1
            except ValueError as error:  # bad input: its message says what to do
                self._failed += 1
                self._log.error(f"image ignored: {error}", throttle_duration_sec=5.0)
            except Exception:  # noqa: BLE001  top of the thread: nothing may be lost in silence
                self._failed += 1
                self._log.error(f"frame lost:\n{traceback.format_exc()}", throttle_duration_sec=5.0)
            finally:
                self._busy_since_s = None
                arrival = done = None  # not kept while waiting for the next one
