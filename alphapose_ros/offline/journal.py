"""What the networks gave, written down frame by frame: a run that was cut off can go on.

A journal is a header and one record per frame, each with its length and checksum before it. A
record that was cut off in the middle does not count, and neither does what follows it.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from alphapose_ros.frame import Detections, Frame, Poses
from alphapose_ros.pipeline import Detected
from alphapose_ros.skeletons import Skeleton

FORMAT = "findings of alphapose run, version 1"
LARGEST = 1 << 30  # bytes of a record; more is damage
EVERY_ROW = 4  # of an image enters its checksum
_HEAD = struct.Struct("<II")  # length, CRC-32
_FRAME = struct.Struct("<qqI")  # index, stamp [ns], checksum of the image

log = logging.getLogger(__name__)


class Journal:
    """The findings of all frames up to the last whole one; new ones are appended.

    Kept frames are handed out in their order by kept(), the others come to add(). Both may be
    called by different threads. Every record is handed to the operating system at once: a killed
    process loses none, a machine without power those that were not on the disk yet.

    Args:
        path: of the file.
        made_with: names and values, in JSON, that all findings depend on.
        skeleton: of the poses.
        resume: go on with what a file at ``path`` holds, if there is one.

    Raises:
        FileExistsError: there is a file, and ``resume`` is False.
        ValueError: the file was made with something else; what differs is named.
        OSError: the file cannot be written.
    """

    def __init__(
        self, path: Path, made_with: Mapping[str, Any], skeleton: Skeleton, *, resume: bool
    ) -> None:
        self.path = Path(path)
        self.frames = 0  # whole records in the file
        self._skeleton = skeleton
        header = json.dumps({"format": FORMAT, **made_with}).encode()
        whole = 0
        if resume and self.path.exists():
            whole = self._check(made_with)
        self._out: BinaryIO = self.path.open("r+b" if whole else "wb" if resume else "xb", 0)
        self._out.truncate(whole)
        self._out.seek(whole)
        if not whole:
            self._write(header)
        self._old = self._records(self.frames)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self._old.close()
        self._out.close()

    def remove(self) -> None:
        """Let go of the file and remove it: the run is complete."""
        self.__exit__()
        self.path.unlink(missing_ok=True)

    def kept(self, frame: Frame) -> tuple[Detected, Poses] | None:
        """Return what was found in the next frame, None once there is nothing more.

        Raises:
            ValueError: the record is of another picture: the source has changed.
        """
        record = next(self._old, None)
        if record is None:
            return None
        if record[: _FRAME.size] != _name(frame):
            raise ValueError(
                f"frame {frame.index} is not the picture that it was when the run began: the "
                "source has changed since, or cannot be read twice; begin anew (--overwrite)"
            )
        return _findings(record[_FRAME.size :], self._skeleton)

    def add(self, frame: Frame, detected: Detected, found: Poses) -> None:
        """Keep what was found in a frame.

        Raises:
            OSError: it cannot be written.
        """
        self._write(_name(frame) + _packed(detected, found))
        self.frames += 1

    def _write(self, record: bytes) -> None:
        whole = memoryview(_HEAD.pack(len(record), zlib.crc32(record)) + record)
        while whole:
            count = self._out.write(whole)
            if not count:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            whole = whole[count:]

    def _check(self, made_with: Mapping[str, Any]) -> int:
        """Return how many bytes of the file are whole records, the header included."""
        with self.path.open("rb") as file:
            header = _read_record(file)
            if header is None:  # killed before it was written
                return 0
            require_same(_parsed(header, self.path), made_with, self.path)
            whole = file.tell()
            while _read_record(file) is not None:
                whole = file.tell()
                self.frames += 1
            return whole

    def _records(self, count: int) -> Iterator[bytes]:
        if not count:
            return
        with self.path.open("rb") as file:
            _read_record(file)
            for _ in range(count):
                record = _read_record(file)
                if record is None:
                    raise ValueError(f"{self.path} changed while it was read; begin anew")
                yield record


def require_same(theirs: Mapping[str, Any], ours: Mapping[str, Any], path: Path) -> None:
    """Check that what a file was made with is what is asked for now.

    Raises:
        ValueError: it is not; all that differs is named.
    """
    changes = ", ".join(
        f"{name} was {_short(theirs.get(name))}, now {_short(ours.get(name))}"
        for name in sorted(theirs.keys() | ours.keys())
        if name != "format" and theirs.get(name) != ours.get(name)
    )
    if changes:
        raise ValueError(
            f"{path} is of a run with something else: {changes}; go back to that to resume, or "
            "begin anew (--overwrite)"
        )


def _parsed(header: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(header)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} holds no {FORMAT}; begin anew (--overwrite)")
    return content


def _read_record(file: BinaryIO) -> bytes | None:
    """Return the next record, None where there is no whole one."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    record = file.read(length) if length <= LARGEST else b""
    return record if len(record) == length and zlib.crc32(record) == checksum else None


def _name(frame: Frame) -> bytes:
    """Return what tells a frame from any other."""
    rows = np.ascontiguousarray(frame.image[::EVERY_ROW])
    shape = np.array(frame.image.shape, np.int64).tobytes()
    return _FRAME.pack(frame.index, frame.stamp_ns, zlib.crc32(rows, zlib.crc32(shape)))


def _packed(detected: Detected, found: Poses) -> bytes:
    arrays = {"counts": detected.counts}
    for prefix, kind, record in (("people", Detections, detected.people), ("poses", Poses, found)):
        for item in fields(kind):
            value = getattr(record, item.name)
            if isinstance(value, np.ndarray):
                arrays[f"{prefix}.{item.name}"] = value
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _findings(packed: bytes, skeleton: Skeleton) -> tuple[Detected, Poses]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}

    def of(prefix: str) -> dict[str, np.ndarray]:
        return {
            name.removeprefix(prefix): value
            for name, value in arrays.items()
            if name.startswith(prefix)
        }

    people = Detections(**of("people."))
    detected = Detected(people=people, counts=arrays["counts"])
    return detected, Poses(skeleton=skeleton, **of("poses."))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:24]}...{text[-12:]}"
