from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def deadline():
    """A test that hangs is ended with the names of its threads."""

    def fail(*_):
        raise TimeoutError(f"threads: {[thread.name for thread in threading.enumerate()]}")

    old = signal.signal(signal.SIGALRM, fail)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


@pytest.fixture(autouse=True)
def interruptible():
    """Ctrl-C interrupts, also where these tests run in the background and it would be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
