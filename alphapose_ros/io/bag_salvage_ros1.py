"""The messages of a bag of ROS 1 without its index, chunk by chunk, to where it breaks off."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from rosbags.rosbag1 import ReaderError
from rosbags.rosbag1.reader import (
    Header,
    RecordType,
    decompressors,
    normalize,
    read_bytes,
    read_uint32,
)
from rosbags.typesys.msg import normalize_msgtype

from alphapose_ros.io.ends import Problem

Row = tuple[str, str, str, int, bytes]  # topic, type, its definition, stamp [ns], message

# What the reader raises at bytes that are no records, and the decompressors (bz2, lz4) at theirs.
_DAMAGE = (ReaderError, struct.error, ValueError, RuntimeError, LookupError, OSError, EOFError)


def read_ros1(path: Path, report: Callable[[Problem], None]) -> Iterator[Row]:
    """Give topic, type, definition, stamp and bytes of messages, in the order of the file.

    A damaged chunk is reported and skipped.

    Args:
        path: the file.
        report: gets the places [byte] where something is missing.

    Source: the bag format 2.0 of ROS 1.
    """
    connections: dict[int, tuple[str, str, str]] = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        file.readline()  # the version
        while (start := file.tell()) < size:
            where = f"{path.name}, byte {start}"
            try:
                header = Header.read(file)
                data = read_bytes(file, read_uint32(file))
            except _DAMAGE as error:
                what = f"the file breaks off there, what came before is kept: {error}"
                report(Problem(where=where, what=what))
                return
            if header.get_uint8("op") == RecordType.CHUNK:
                yield from _of_chunk(header, data, connections, (where, report))


def _of_chunk(
    header: Header,
    data: bytes,
    connections: dict[int, tuple[str, str, str]],
    told: tuple[str, Callable[[Problem], None]],
) -> list[Row]:
    """Return the messages of a chunk; ``connections`` gets what it declares."""
    found: list[Row] = []
    where, report = told
    try:
        chunk = BytesIO(decompressors[header.get_string("compression")](data))
        while chunk.tell() < chunk.getbuffer().nbytes:
            _read_record(chunk, connections, found)
    except _DAMAGE as error:
        report(Problem(where=where, what=f"of a damaged chunk {len(found)} messages: {error}"))
    return found


def _read_record(
    chunk: BinaryIO, connections: dict[int, tuple[str, str, str]], found: list[Row]
) -> None:
    header = Header.read(chunk)
    data = read_bytes(chunk, read_uint32(chunk))
    kind = header.get_uint8("op")
    if kind == RecordType.CONNECTION:
        fields = Header.read(BytesIO(struct.pack("<I", len(data)) + data))
        connections[header.get_uint32("conn")] = (
            normalize(header.get_string("topic")),
            normalize_msgtype(fields.get_string("type")),
            fields.get_string("message_definition"),
        )
    elif kind == RecordType.MSGDATA and header.get_uint32("conn") in connections:
        found.append((*connections[header.get_uint32("conn")], header.get_time("time"), data))
