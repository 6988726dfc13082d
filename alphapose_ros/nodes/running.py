"""Runs one node until it is told to end."""

from __future__ import annotations

import signal
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

WAIT_S = 0.1  # until a signal is noticed


def run(make_node: Callable[[], Node], finish: Callable[[Node], None] | None = None) -> None:
    """Run one node until Ctrl-C, SIGTERM or rclpy.shutdown(), then let it finish its work.

    rclpy's own signal handlers end the context at once, so that a node could not publish its
    last word any more, and wake the executor before, so that an idle one can miss the signal;
    hence handlers of our own and short waits.

    Args:
        make_node: called once the context is there.
        finish: called with the node while it can still publish.
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stopped.append(number))
    try:
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            while rclpy.ok() and not stopped:
                executor.spin_once(timeout_sec=WAIT_S)
        finally:
            if finish is not None and rclpy.ok():
                finish(node)
        executor.remove_node(node)
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
