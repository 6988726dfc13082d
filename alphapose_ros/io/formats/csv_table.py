"""CSV: the table of `table.py` as text, comma-separated, UTF-8, one line per person and frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from alphapose_ros.evaluation.fields import existing_file
from alphapose_ros.frame import Tracks
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.growing import GrowingFile
from alphapose_ros.io.formats.names import printable
from alphapose_ros.io.formats.results import Given, Results
from alphapose_ros.io.formats.table import (
    FRAME,
    INTEGERS,
    WORDS,
    Part,
    columns_of,
    frame_of,
    keypoint_values,
    number_of,
    person_parts,
    skeleton_in,
    tracks_from,
    word,
)
from alphapose_ros.skeletons import Skeleton

LARGEST = 2**53  # whole numbers up to it are themselves as floats


class CsvWriter:
    """Writes the people of each frame, seen or only predicted, and frames without people.

    Numbers have as many digits as it takes to read the same again.

    Args:
        path: of the file.
        body: skeleton of all poses.
    """

    def __init__(self, path: Path, body: Skeleton) -> None:
        self._columns = columns_of(body)
        self._file = GrowingFile(path, _line([list(self._columns)]))

    def __enter__(self) -> CsvWriter:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def add(self, frame: FrameResult) -> None:
        """Write the rows of one frame."""
        start = [frame.index, frame.name, frame.stamp_ns, frame.width, frame.height]
        rows = _cells(frame.tracks) or [[""] * (len(self._columns) - len(start))]
        self._file.append(_line([[*start, *row] for row in rows]))


def read_csv(given: Given) -> Results:
    """Read a table that `CsvWriter` wrote.

    Raises:
        FileNotFoundError, ValueError: as `Format.read`.
    """
    path = existing_file(given.path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            columns = next(rows, [])
            body = skeleton_in(columns, path)
            frames = list(_frames(rows, columns, body, path))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not CSV ({error})") from None
    return Results(skeleton=body, frames=frames, source_name=path.stem)


def _frames(
    rows: Iterator[list[str]], columns: list[str], body: Skeleton, path: Path
) -> Iterator[FrameResult]:
    numbered = ((number, row) for number, row in enumerate(rows, start=1) if row)
    for key, group in groupby(numbered, key=lambda row: row[1][: len(FRAME)]):
        lines = list(group)
        where = f"{path}: entry {lines[0][0]}"
        values = _columns(lines, columns, path)
        for name in ("frame", "stamp_ns", "width", "height"):
            if not _is_whole(key[columns.index(name)]):
                raise ValueError(f"{where}, column {name!r}: must be a whole number")
        if len(lines) == 1 and np.isnan(values["state"][0]):
            tracks = Tracks.empty(body)
        else:
            tracks = _tracks(values, body, where)
        yield frame_of(dict(zip(FRAME, key, strict=True)), tracks)


def _tracks(values: dict[str, np.ndarray], body: Skeleton, where: str) -> Tracks:
    try:
        return tracks_from(values, body)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _columns(
    lines: list[tuple[int, list[str]]], columns: list[str], path: Path
) -> dict[str, np.ndarray]:
    """Return the values of the columns after those of the frame."""
    for number, cells in lines:
        if len(cells) != len(columns):
            raise ValueError(
                f"{path}: entry {number} has {len(cells)} cells of {len(columns)}; was its writer "
                "stopped? cut the file before it"
            )
    table = np.empty((len(lines), len(columns) - len(FRAME)))
    for row, (number, cells) in enumerate(lines):
        for column, (name, text) in enumerate(
            zip(columns[len(FRAME) :], cells[len(FRAME) :], strict=True)
        ):
            try:
                table[row, column] = _number(name, text)
            except ValueError as error:
                raise ValueError(f"{path}: entry {number}, column {name!r}: {error}") from None
    return dict(zip(columns[len(FRAME) :], table.T, strict=True))


def _number(name: str, text: str) -> float:
    if not text:
        return np.nan
    if name in WORDS:
        return number_of(name, text)
    value = float(text)
    if name in INTEGERS and not (value == int(value) and abs(value) <= LARGEST):
        raise ValueError(f"must be a whole number, is {text!r}")
    return value


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _cells(tracks: Tracks) -> list[list[str]]:
    """Return the cells of each person after those of the frame."""
    blocks = [_texts(part, values) for part, values in person_parts(tracks)]
    blocks.append(_floats(keypoint_values(tracks)))
    return np.concatenate(blocks, axis=1).tolist()


def _texts(part: Part, values: np.ndarray) -> np.ndarray:
    if part.kind is str:
        name = part.columns[0]
        return np.array([[word(name, value) for value in row] for row in values], "U9").reshape(
            values.shape
        )
    if part.kind is np.int64:
        whole = np.nan_to_num(values).astype(np.int64).astype("U")
        return np.where(np.isnan(values), "", whole)
    return _floats(values.astype(part.kind))


def _floats(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), "", values.astype("U"))


def _line(rows: list[list[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return printable(text.getvalue()).encode()
