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
