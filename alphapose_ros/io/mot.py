"""Files of the MOTChallenge: boxes of people with identities, and what is known of a sequence.

A line is one box: frame, identity, left, top, width, height, then where there are such columns the
score (in ground truth a flag: 0 is not to be counted), the class and the visibility. Frames and
pixels are counted from 1.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from alphapose_ros.boxes import from_xywh, to_xywh
from alphapose_ros.frame import People, array

COLUMNS = ("frame", "id", "left", "top", "width", "height", "score", "class", "visibility", "z")
FEWEST = 6  # columns: frame, id and box
UNKNOWN = -1  # class, visibility or place in the world that a file does not give
FIRST_PIXEL = 1  # as the files count


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackedBoxes(People):
    """N boxes of one sequence, in the order of the file."""

    frames: np.ndarray = array("N", dtype=np.int64)  # 1..
    ids: np.ndarray = array("N", dtype=np.int64)  # -1 where nobody is identified (detections)
    boxes: np.ndarray = array("N", 4, dtype=np.float64)  # x1 y1 x2 y2 [px]
    scores: np.ndarray = array("N", dtype=np.float64)  # any scale; 1 where the file has none
    classes: np.ndarray = array("N", dtype=np.int64)  # 1 pedestrian..., -1 unknown
    visibilities: np.ndarray = array("N", dtype=np.float64)  # [0, 1], NaN unknown

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, kw_only=True)
class SequenceInfo:
    """What the file seqinfo.ini says."""

    name: str
    length: int  # frames
    frame_rate_hz: float = np.nan
    size: tuple[int, int] | None = None  # width, height [px]


def read_mot(path: str | Path, *, first_pixel: int = FIRST_PIXEL) -> TrackedBoxes:
    """Read ground truth, detections or results, separated by commas or blanks.

    Of ten columns the last three are a place in the world where the tenth is not -1; there are no
    classes then.

    Args:
        path: of the file; an empty one is a sequence in which there is nobody.
        first_pixel: what the first pixel is called in the record: 1 as in the file, 0 as in the
            other records of this package.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: something is no number or out of range; file, line and column are named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text ({error})") from None
    lines, values = _parsed(path, text)
    count = values.shape[1]
    table = np.full((len(values), len(COLUMNS)), float(UNKNOWN))
    table[:, COLUMNS.index("score")] = 1
    table[:, :count] = values
    if count == len(COLUMNS) and (table[:, -1] != UNKNOWN).any():
        table[:, COLUMNS.index("class") :] = UNKNOWN
    _check(path, lines, table)
    visibility = table[:, 8]
    return TrackedBoxes(
        frames=table[:, 0],
        ids=table[:, 1],
        boxes=from_xywh(table[:, 2:6] + _shift(first_pixel - FIRST_PIXEL)),
        scores=table[:, 6],
        classes=table[:, 7],
        visibilities=np.where(visibility < 0, np.nan, visibility),
    )


def write_mot(path: str | Path, boxes: TrackedBoxes, *, first_pixel: int = FIRST_PIXEL) -> None:
    """Write boxes as the MOTChallenge takes them: as results, or as ground truth with classes.

    Numbers have twelve digits. Boxes with known classes are written in nine columns, others in ten
    of which the last three are -1.

    Args:
        path: of the file; its folder is made.
        boxes: any order; they are written in it.
        first_pixel: what the first pixel is called in ``boxes``; it becomes 1.
    """
    xywh = to_xywh(boxes.boxes) + _shift(FIRST_PIXEL - first_pixel)
    visibilities = np.where(np.isnan(boxes.visibilities), UNKNOWN, boxes.visibilities)
    columns = [boxes.frames, boxes.ids, *xywh.T, boxes.scores]
    if (boxes.classes != UNKNOWN).any():
        columns += [boxes.classes, visibilities]
    else:
        columns += [np.full(len(boxes), UNKNOWN)] * 3
    lines = map(",".join, zip(*map(_written, columns), strict=True))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_seqinfo(path: str | Path) -> SequenceInfo:
    """Read seqinfo.ini; only the length must be there, the folder is the name otherwise.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: it has no section [Sequence] or a field is wrong; file and field are named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
        fields = parser["Sequence"]
    except (configparser.Error, UnicodeDecodeError, KeyError) as error:
        raise ValueError(f"{path}: no file with a section [Sequence] ({error})") from None
    if "seqLength" not in fields:
        raise ValueError(f"{path}: Sequence.seqLength is missing")
    size = None
    if "imWidth" in fields and "imHeight" in fields:
        size = tuple(_positive(path, fields, name, int) for name in ("imWidth", "imHeight"))
    has_rate = "frameRate" in fields
    return SequenceInfo(
        name=fields.get("name", path.resolve().parent.name),
        length=_positive(path, fields, "seqLength", int),
        frame_rate_hz=_positive(path, fields, "frameRate", float) if has_rate else np.nan,
        size=size,
    )


def _written(column: np.ndarray) -> list[str]:
    return [
        f"{value:.12g}" if isinstance(value, float) else str(value) for value in column.tolist()
    ]


def _shift(pixels: int) -> np.ndarray:
    return np.array([pixels, pixels, 0, 0], np.float64)


def _parsed(path: Path, text: str) -> tuple[list[int], np.ndarray]:
    """Return the numbers of the lines that hold something, and their values (N, columns)."""
    rows, lines = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip(" \t,")
        if content:
            rows.append(content.split("," if "," in content else None))
            lines.append(number)
    if not rows:
        return [], np.empty((0, FEWEST))
    count = len(rows[0])
    for number, row in zip(lines, rows, strict=True):
        if not FEWEST <= len(row) <= len(COLUMNS):
            raise ValueError(
                f"{path}: line {number}: has {len(row)} columns, "
                f"expected {FEWEST} to {len(COLUMNS)}: {', '.join(COLUMNS[:-1])}"
            )
        if len(row) != count:
            raise ValueError(
                f"{path}: line {number}: has {len(row)} columns, line {lines[0]} has {count}"
            )
    try:
        values = np.fromiter(map(float, chain.from_iterable(rows)), np.float64)
    except ValueError:
        raise _no_number(path, lines, rows) from None
    return lines, values.reshape(-1, count)


def _no_number(path: Path, lines: list[int], rows: list[list[str]]) -> ValueError:
    """Return the error that names the first value that is no number."""
    number, column, value = next(
        (number, column, value)
        for number, row in zip(lines, rows, strict=True)
        for column, value in zip(COLUMNS, row, strict=False)
        if not _is_number(value)
    )
    return _error(path, number, column, f"must be a number, is {value.strip()!r}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check(path: Path, lines: list[int], table: np.ndarray) -> None:
    """Check the range of every column."""
    columns = dict(zip(COLUMNS, table.T, strict=True))
    rules = [(name, "must be finite", np.isfinite(values)) for name, values in columns.items()]
    for name in ("frame", "id", "class"):
        rules.append((name, "must be a whole number", columns[name] == np.round(columns[name])))
    rules.append(("frame", "must be at least 1", columns["frame"] >= 1))
    for name in ("width", "height"):
        rules.append((name, "must not be negative", columns[name] >= 0))
    for name, rule, is_right in rules:
        if not is_right.all():
            row = int(np.argmin(is_right))
            raise _error(path, lines[row], name, f"{rule}, is {columns[name][row]:g}")


def _error(path: Path, line: int, column: str, problem: str) -> ValueError:
    return ValueError(f"{path}: line {line}, column {column}: {problem}")


def _positive(
    path: Path, fields: configparser.SectionProxy, name: str, kind: Callable[[str], float]
) -> float:
    """Return a number of seqinfo.ini."""
    try:
        value = kind(fields[name])
    except ValueError:
        value = kind(0)
    if not 0 < value < np.inf:
        raise ValueError(f"{path}: Sequence.{name} must be positive, is {fields[name]!r}")
    return value
