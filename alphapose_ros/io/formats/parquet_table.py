"""Parquet: the table of `table.py` in columns of their types; for pandas, DuckDB and the like."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapose_ros.evaluation.fields import existing_file
from alphapose_ros.frame import Tracks
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.growing import PART
from alphapose_ros.io.formats.names import printable
from alphapose_ros.io.formats.results import Given, Results
from alphapose_ros.io.formats.table import (
    FRAME,
    PERSON,
    columns_of,
    frame_of,
    keypoint_columns,
    keypoint_values,
    number_of,
    person_parts,
    skeleton_in,
    tracks_from,
    word,
)
from alphapose_ros.skeletons import Skeleton

GROUP = 2048  # rows that are written together
SPARE = 16 << 20  # bytes of the disk that are left for the end of the file


class ParquetWriter:
    """Writes the people of each frame, seen or only predicted, and frames without people.

    A Parquet file can be read when its end is written, not before: rows wait in groups of GROUP,
    and what a killed run leaves in ``NAME.part`` is lost. Before the disk is full writing stops, as
    long as there is room for the end.

    Args:
        path: of the file.
        body: skeleton of all poses.
    """

    def __init__(self, path: Path, body: Skeleton) -> None:
        self.path = path
        self._part = path.with_name(path.name + PART)
        self._schema = _schema(body)
        self._frames: list[FrameResult] = []
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> ParquetWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            raise IsADirectoryError(f"{self.path} is a folder; a file cannot have its name")
        self._writer = pq.ParquetWriter(self._part, self._schema, compression="zstd")
        return self

    def add(self, frame: FrameResult) -> None:
        """Take the rows of one frame.

        Raises:
            OSError: the disk is nearly full; the groups written before are kept.
        """
        self._frames.append(frame)
        self._rows += max(len(frame.tracks), 1)
        if self._rows >= GROUP:
            self._write()

    def __exit__(self, *exception: object) -> None:
        try:
            if self._frames:
                self._write()
        finally:
            self._writer.close()
            self._part.replace(self.path)

    def _write(self) -> None:
        frames, self._frames, self._rows = self._frames, [], 0
        table = _table(frames, self._schema)
        if shutil.disk_usage(self.path.parent).free < table.nbytes + SPARE:
            raise OSError(
                errno.ENOSPC,
                f"disk nearly full; the rows before frame {frames[0].index} are kept",
                str(self.path),
            )
        self._writer.write_table(table)


def read_parquet(given: Given) -> Results:
    """Read a table that `ParquetWriter` wrote.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    path = existing_file(given.path)
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{path}: not a whole Parquet file ({error}); was its writer killed? make it anew"
        ) from None
    body = skeleton_in(table.column_names, path)
    return Results(skeleton=body, frames=list(_frames(table, body, path)), source_name=path.stem)


def _frames(table: pa.Table, body: Skeleton, path: Path) -> Iterator[FrameResult]:
    starts = {name: table[name].to_pylist() for name in FRAME}
    keys = list(zip(*starts.values(), strict=True))
    changes = [row for row in range(len(keys)) if row == 0 or keys[row] != keys[row - 1]]
    values = {name: _numbers(table[name], name, path) for name in columns_of(body)[len(FRAME) :]}
    for row, key in enumerate(keys):
        if None in key:
            column = FRAME[key.index(None)]
            raise ValueError(f"{path}: entry {row + 1}, column {column!r}: is empty")
    for start, stop in pairwise([*changes, len(keys)]):
        part = {name: column[start:stop] for name, column in values.items()}
        is_empty = stop == start + 1 and np.isnan(part["state"][0])
        try:
            tracks = Tracks.empty(body) if is_empty else tracks_from(part, body)
        except ValueError as error:
            raise ValueError(f"{path}: entry {start + 1}: {error}") from None
        yield frame_of(dict(zip(FRAME, keys[start], strict=True)), tracks)


def _numbers(column: pa.ChunkedArray, name: str, path: Path) -> np.ndarray:
    """Return a column as float64, NaN where it is empty."""
    try:
        if pa.types.is_string(column.type):
            words = column.to_pylist()
            numbers = [np.nan if text is None else number_of(name, text) for text in words]
            return np.array(numbers, np.float64)
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except (ValueError, KeyError, pa.ArrowException) as error:
        raise ValueError(f"{path}: column {name!r}: {error}") from None


def _schema(body: Skeleton) -> pa.Schema:
    whole = [(name, pa.string() if name == "name" else pa.int64()) for name in FRAME]
    person = [
        (name, pa.string() if part.kind is str else pa.from_numpy_dtype(part.kind))
        for part in PERSON
        for name in part.columns
    ]
    return pa.schema([*whole, *person, *((name, pa.float32()) for name in keypoint_columns(body))])


def _table(frames: list[FrameResult], schema: pa.Schema) -> pa.Table:
    """Return the rows of some frames; a frame without people has one row."""
    counts = [max(len(frame.tracks), 1) for frame in frames]
    starts = zip(
        *((f.index, printable(f.name), f.stamp_ns, f.width, f.height) for f in frames), strict=True
    )
    columns = [
        [value for value, count in zip(values, counts, strict=True) for _ in range(count)]
        for values in starts
    ]
    blocks = [np.concatenate(block) for block in zip(*map(_blocks, frames), strict=True)]
    columns += [column for block in blocks for column in block.T]
    arrays = [_array(column, field) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _blocks(frame: FrameResult) -> list[np.ndarray]:
    """Return blocks of columns (rows, columns) of one frame, NaN where empty."""
    blocks = [values for _, values in person_parts(frame.tracks)]
    blocks.append(keypoint_values(frame.tracks))
    if len(frame.tracks):
        return blocks
    return [np.full((1, block.shape[1]), np.nan) for block in blocks]


def _array(column: list | np.ndarray, field: pa.Field) -> pa.Array:
    if isinstance(column, list):
        return pa.array(column, field.type)
    if pa.types.is_string(field.type):
        return pa.array([word(field.name, value) or None for value in column], pa.string())
    is_empty = np.isnan(column)
    return pa.array(np.where(is_empty, 0, column), mask=is_empty).cast(field.type)
