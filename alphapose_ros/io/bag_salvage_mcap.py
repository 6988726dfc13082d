"""The messages of an mcap file without its index, chunk by chunk, to where it breaks off."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import zstandard
from lz4.frame import LZ4FrameDecompressor
from mcap.exceptions import EndOfFile, McapError, RecordLengthLimitExceeded
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk

from alphapose_ros.io.ends import Problem

Row = tuple[str, tuple[str, str, str], int, bytes]  # topic, type, stamp [ns], message

# What the reader raises at bytes that are no records.
_DAMAGE = (
    McapError,
    zstandard.ZstdError,
    struct.error,
    ValueError,
    RuntimeError,
    LookupError,
    OverflowError,
    MemoryError,
)


def read_mcap(path: Path, report: Callable[[Problem], None]) -> Iterator[Row]:
    """Give topic, type (name, encoding and text of its definition), stamp and bytes of messages.

    In the order of the file; within a chunk in that of their stamps. A damaged chunk is reported
    and skipped; where the records end, what is left of the last chunk is given.

    Args:
        path: the file.
        report: gets the places [byte] where something is missing.
    """
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    with path.open("rb") as file:
        for record in _records(file, path, report):
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                channels[record.id] = record
            elif isinstance(record, Message) and record.channel_id in channels:
                channel = channels[record.channel_id]
                schema = schemas.get(channel.schema_id)
                kind = ("", "", "") if schema is None else _kind(schema)
                yield channel.topic, kind, record.log_time, bytes(record.data)


def _kind(schema: Schema) -> tuple[str, str, str]:
    return schema.name, schema.encoding, bytes(schema.data).decode(errors="replace")


def _records(file: BinaryIO, path: Path, report: Callable[[Problem], None]) -> Iterator[McapRecord]:
    """Give schemas, channels and messages, chunks taken apart."""
    size = path.stat().st_size
    records = StreamReader(file, emit_chunks=True, record_size_limit=size).records
    while True:
        start = file.tell()
        try:
            record = next(records, None)
        except _DAMAGE as error:
            is_cut = isinstance(error, (EndOfFile, RecordLengthLimitExceeded, struct.error))
            what = (
                f"the file breaks off there, at {size} bytes" if is_cut else f"no record: {error}"
            )
            report(
                Problem(
                    where=f"{path.name}, byte {start}", what=f"{what}; what came before is kept"
                )
            )
            yield from _of_cut_chunk(file, start)
            return
        if record is None:
            return
        if isinstance(record, Chunk):
            yield from _of_chunk(record, f"{path.name}, byte {start}", report)
        else:
            yield record


def _of_chunk(chunk: Chunk, where: str, report: Callable[[Problem], None]) -> list[McapRecord]:
    try:
        # Without compression a wrong byte costs one message, whoever decodes it will see.
        return _in_order(breakup_chunk(chunk, validate_crc=bool(chunk.compression)))
    except _DAMAGE as error:
        report(Problem(where=where, what=f"a damaged chunk was left out: {error}"))
        return []


def _in_order(records: list[McapRecord]) -> list[McapRecord]:
    """Return the messages by their stamps, behind what declares them."""
    return sorted(records, key=lambda r: r.log_time if isinstance(r, Message) else -1)


def _of_cut_chunk(file: BinaryIO, start: int) -> list[McapRecord]:
    """Return the records of a chunk whose end is missing, as far as they can be unpacked."""
    file.seek(start)
    data = file.read()
    found: list[McapRecord] = []
    try:
        if data[0] != Opcode.CHUNK:
            return found
        (length,) = struct.unpack_from("<I", data, 9 + 28)  # behind times, size and checksum
        compression = data[41 : 41 + length].decode()
        rest = data[41 + length + 8 :]
        if compression == "zstd":
            rest = zstandard.ZstdDecompressor().decompressobj().decompress(rest)
        elif compression == "lz4":
            rest = LZ4FrameDecompressor().decompress(rest)
        for record in StreamReader(BytesIO(rest), skip_magic=True).records:
            found.append(record)
    except _DAMAGE:  # what came before counts
        pass
    return _in_order(found)
