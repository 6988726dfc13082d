"""One process at a time writes into a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on this system
    fcntl = None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder; the lock ends with the process, however that ends.

    The folder itself is locked, so that no file has to be left or removed. Systems that cannot do
    so, and some network disks, go without.

    Raises:
        BlockingIOError: another run has it.
    """
    if fcntl is None:
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"{folder}: another alphapose run is writing there; wait for its end, or choose "
                "another folder (--out)"
            ) from error
        except OSError:  # a disk that knows no locks
            pass
        yield
    finally:
        os.close(opened)
