"""All sinks of a run as one, which end in order whatever happens to one of them."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from alphapose_ros.io.ends import Processed, Sink

RESERVE_BYTES = 32 << 20  # so much stays free that every file can still be completed
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)


class DiskFullError(OSError):
    """No room for an output; what was written until then is kept."""


class CutOff(Exception):  # no error: how a block of Outputs ends before its source does
    """Tells the sinks that the source goes on after the last frame; ends with them."""


class Outputs:
    """Hands every frame to all sinks; a context manager that opens and closes them.

    Args:
        sinks: by the names that users know them by.
        folder: in which they write.
    """

    def __init__(self, sinks: Mapping[str, Sink], folder: Path) -> None:
        self._sinks = dict(sinks)
        self._folder = Path(folder)
        self._open: list[str] = []
        self.frames = 0  # that all sinks have got

    def __enter__(self) -> Outputs:
        try:
            for name, sink in self._sinks.items():
                sink.__enter__()
                self._open.append(name)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        """Close all sinks, though some of them fail.

        Raises:
            Exception: the first that a sink raised, unless there is ``error`` already.
        """
        failed: list[tuple[str, Exception]] = []
        while self._open:
            name = self._open.pop()
            try:
                self._sinks[name].__exit__(kind, error, trace)
            except Exception as why:  # noqa: BLE001  the others have to be closed too
                failed.append((name, why))
        is_failure = error is not None and not isinstance(error, CutOff)
        for name, why in failed[not is_failure :]:
            log.error("%s could not be completed: %s", name, why)
        if failed and not is_failure:
            name, why = failed[0]
            raise self.explained(name, why) from why
        return isinstance(error, CutOff)

    def add(self, processed: Processed) -> None:
        """Hand a frame to all sinks.

        Raises:
            DiskFullError: there is no room any more; the sinks can still be completed then.
        """
        free = shutil.disk_usage(self._folder).free
        if free < RESERVE_BYTES:
            raise DiskFullError(
                f"{self._folder}: the disk is full, only {free / 1e6:.0f} MB are left; make room "
                "and go on with --resume, nothing is lost"
            )
        for name, sink in self._sinks.items():
            try:
                sink.add(processed)
            except OSError as error:
                raise self.explained(name, error) from error
        self.frames += 1

    def explained(self, name: str, error: Exception) -> Exception:
        """Return an error that says what to do where there is no room, else the same one."""
        if not (isinstance(error, OSError) and error.errno in FULL):
            return error
        return DiskFullError(
            f"{name} in {self._folder}: the disk is full, or a quota is used up "
            f"({error.strerror}); make room and go on with --resume, nothing is lost"
        )
