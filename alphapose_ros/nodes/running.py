"""Runs one node until it is told to end."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

WAIT_S = 0.1  # until a signal is noticed
PAUSE_S = 5.0  # between warnings of one kind, which may be about every image


class ToRos(logging.Handler):
    """Has what the package logs told as the node's own: with name and time, and on /rosout.

    Args:
        node: in whose name.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(logging.WARNING)
        self._log = node.get_logger()
        self._told_s: dict[str, float] = {}  # when, by the text before numbers are filled in

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, unless one of its kind was told a moment ago."""
        now_s, kind = time.monotonic(), str(record.msg)
        if now_s - self._told_s.get(kind, -PAUSE_S) < PAUSE_S:
            return
        self._told_s[kind] = now_s
        self._tell(record)

    def _tell(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self._log.error(self.format(record))
        else:
            self._log.warning(self.format(record))


@contextmanager
def told_by(node: Node) -> Iterator[None]:
    """Have what the package logs in the block told by ``node``."""
    logger, handler = logging.getLogger("alphapose_ros"), ToRos(node)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def run(
    make_node: Callable[[], Node],
    finish: Callable[[Node], None] | None = None,
    start: Callable[[Node], object] | None = None,
) -> None:
    """Run one node until Ctrl-C, SIGTERM or rclpy.shutdown(), then let it finish its work.

    rclpy's own signal handlers end the context at once, so that a node could not publish its
    last word any more, and wake the executor before, so that an idle one can miss the signal;
    hence handlers of our own and short waits.

    Args:
        make_node: called once the context is there.
        finish: called with the node while it can still publish.
        start: called with the node before anything else; what it logs is told by the node, which
            that of ``make_node`` cannot be.
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stopped.append(number))
    try:
        node = make_node()
        with told_by(node):
            if start is not None:
                start(node)
            _spin(node, stopped, finish)
        node.destroy_node()
    finally:
        rclpy.try_shutdown()


def _spin(node: Node, stopped: Sized, finish: Callable[[Node], None] | None) -> None:
    """Have the node work until ``stopped`` holds something, or the context is gone."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while rclpy.ok() and not stopped:
            executor.spin_once(timeout_sec=WAIT_S)
    finally:
        if finish is not None and rclpy.ok():
            finish(node)
    executor.remove_node(node)
