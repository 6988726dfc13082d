"""Ctrl-C as a wish that is heard between two frames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Stop:
    """Whether the work is to end soon."""

    is_asked: bool = False


@contextmanager
def hearing_stop() -> Iterator[Stop]:
    """Turn the first Ctrl-C or SIGTERM into a wish to stop; the second raises KeyboardInterrupt.

    So too where the process was started with one of them ignored, as in the background of a script.

    In other threads than the main one, which get no signals, the wish is never uttered.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(*_: Any) -> None:
        stop.is_asked = True
        for number, handler in old.items():
            signal.signal(number, handler if callable(handler) else signal.default_int_handler)

    for number in old:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
