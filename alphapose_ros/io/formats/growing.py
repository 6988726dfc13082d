"""Files that grow frame by frame and are whole whenever somebody stops."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO

PART = ".part"  # suffix until a file is complete
SPARE = 4096  # bytes of the disk, besides what is known, that the end of a file is sure of


class GrowingFile:
    """A file ``head + chunks + tail`` that is whole after every chunk.

    It is written as ``NAME.part`` and renamed when the block ends, also by an exception: a killed
    run never leaves half a file under the final name, and what it did write lies in the part, whole
    but for the chunk being written.

    Args:
        path: of the file; its folder is made.
        head, tail: what stands before and after all chunks.
    """

    def __init__(self, path: Path, head: bytes = b"", tail: bytes = b"") -> None:
        self.path = path
        self._part = path.with_name(path.name + PART)
        self._head, self._tail = head, tail
        self._end = 0  # where the next chunk goes
        self._is_whole = True
        self._file: IO[bytes] | None = None

    def __enter__(self) -> GrowingFile:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            raise IsADirectoryError(f"{self.path} is a folder; a file cannot have its name")
        self._file = self._part.open("wb", buffering=0)
        try:
            self.append(self._head)
        except OSError:
            self._file.close()
            self._part.unlink(missing_ok=True)
            raise
        return self

    def append(self, chunk: bytes, tail: bytes | None = None) -> None:
        """Write a chunk, and after it the tail, or another one from now on.

        Raises:
            OSError: it could not be written; the file is as it was before.
        """
        data = chunk + (self._tail if tail is None else tail)
        self._is_whole = False
        try:
            self._write(data)
        except OSError as error:
            self._restore()
            raise OSError(
                error.errno,
                f"{error.strerror}; what was written until then is kept",
                str(self.path),
            ) from None
        self._tail = self._tail if tail is None else tail
        self._end += len(chunk)
        self._is_whole = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_whole:  # interrupted in the middle of a chunk
            self._restore()
        self._file.close()
        self._part.replace(self.path)

    def abandon(self) -> None:
        """Close the part as it is, and leave it under its name."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.seek(self._end)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def _restore(self) -> None:
        """Cut what came after the last whole chunk; the disk has room for the tail already."""
        self._write(self._tail)
        self._file.truncate(self._end + len(self._tail))
        self._is_whole = True


class JsonFile:
    """A JSON list or object of which entries are added frame by frame.

    Args:
        path: of the file.
        brackets: "[]" or "{}".
    """

    def __init__(self, path: Path, brackets: str = "[]") -> None:
        start, end = brackets
        self._file = GrowingFile(path, f"{start}\n".encode(), f"{end}\n".encode())
        self._tail = f"\n{end}\n".encode()
        self._separator = b""

    def __enter__(self) -> JsonFile:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def append(self, entries: list[str]) -> None:
        """Write entries, each JSON already."""
        if entries:
            chunk = self._separator + ",\n".join(entries).encode()
            self._file.append(chunk, self._tail)
            self._separator = b",\n"


class TwoLists:
    """A JSON object with two lists that grow at the same time, and constant fields.

    The shorter list waits in a file of its own until the end. Its place on the disk is then free
    for it to be written after the other: a disk that runs full does not spoil the file.

    Args:
        path: of the file.
        names: of the long list and of the short one.
        others: further fields, as the inside of a JSON object.
    """

    def __init__(self, path: Path, names: tuple[str, str], others: str) -> None:
        self._long_name, self._short_name = names
        self._long = GrowingFile(path, f'{{"{self._long_name}": [\n'.encode(), b"")
        self._short_path = path.with_name(f"{path.name}.{self._short_name}{PART}")
        self._short: IO[bytes] | None = None
        self._start = len(others) + SPARE
        self._end = self._start
        self._others = others
        self._separators = [b"", b""]

    def __enter__(self) -> TwoLists:
        self._long.__enter__()
        try:
            self._short = self._short_path.open("w+b", buffering=0)
            self._write(0, b" " * self._start)
        except OSError:
            self._long.abandon()
            raise
        return self

    def append(self, long: list[str], short: str) -> None:
        """Write entries of the long list and one of the short; all or, on an error, nothing."""
        entry = self._separators[1] + short.encode()
        try:
            self._write(self._end, entry)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}; what was written until then is kept",
                str(self._long.path),
            ) from None
        before = self._end, self._separators[1]
        self._end, self._separators[1] = self._end + len(entry), b",\n"
        if long:
            try:
                self._long.append(self._separators[0] + ",\n".join(long).encode())
            except OSError:
                self._end, self._separators[1] = before
                raise
            self._separators[0] = b",\n"

    def __exit__(self, *exception: object) -> None:
        self._short.seek(self._start)
        short = self._short.read(self._end - self._start)
        self._short.close()
        self._short_path.unlink()
        end = f'\n],\n"{self._short_name}": [\n'.encode() + short + b"\n],\n"
        try:
            self._long.append(end + self._others.encode() + b"}\n")
        except OSError:
            self._long.abandon()
            raise
        self._long.__exit__(*exception)

    def _write(self, start: int, data: bytes) -> None:
        self._short.seek(start)
        left = memoryview(data)
        while left:
            left = left[self._short.write(left) :]
