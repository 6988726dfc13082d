"""Poses found in a data set, kept picture by picture: a run that was cut off can go on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.evaluation.fields import Entry
from alphapose_ros.evaluation.records import Predictions
from alphapose_ros.skeletons import Skeleton

FORMAT = "poses by picture, version 1"


class PoseStore:
    """A file of JSON lines: what the rest depends on, then the poses of one picture each.

    The first line is written with the first poses: a run that fails before leaves an empty file.
    A line counts when its end is there. Numbers are float32 in as many digits as they need: what
    is read is what was written, to the bit. An absent keypoint is null, null, 0.

    Args:
        path: the file; None keeps the poses in memory only.
        header: names and values, in JSON, that all poses in the file depend on.
        skeleton: of the poses.
        resume: go on with what a file at ``path`` holds. Without, such a file is an error unless
            it is empty: no result is ever overwritten.

    Raises:
        FileExistsError: there is a file, and ``resume`` is False.
        ValueError: the file belongs to another header, or is damaged elsewhere than at its end.
    """

    def __init__(
        self, path: Path | None, header: Mapping[str, Any], skeleton: Skeleton, *, resume: bool
    ) -> None:
        self.found: dict[int, Predictions] = {}  # by number of the picture
        self._skeleton = skeleton
        self._header = _json({"format": FORMAT, **header})
        self._file = None
        self._has_header = False
        if path is not None:
            self._open(Path(path), resume)

    def _open(self, path: Path, resume: bool) -> None:
        if path.exists() and path.stat().st_size:
            if not resume:
                raise FileExistsError(
                    f"{path} holds results: resume, choose another file, or remove it"
                )
            os.truncate(path, self._read(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def _read(self, path: Path) -> int:
        """Take over what a file holds, and return how many of its bytes are whole lines."""
        whole = 0
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if number == 1:
                    self._check_header(line, path)
                if not line.endswith(b"\n"):
                    break
                if number == 1:
                    self._has_header = True
                else:
                    row, found = self._parsed(line, f"{path}: line {number}")
                    self.found[row] = found
                whole += len(line)
        return whole

    def _check_header(self, line: bytes, path: Path) -> None:
        """Refuse a file whose first line, which may be cut off, is another one."""
        if self._header.startswith(line):
            return
        ours, theirs = json.loads(self._header), _header_in(line)
        if theirs is None:
            raise ValueError(f"{path} is no file of {FORMAT}; choose another file")
        changes = ", ".join(
            f"{name} {_short(theirs.get(name))} (now {_short(ours.get(name))})"
            for name in sorted(theirs.keys() | ours.keys())
            if theirs.get(name) != ours.get(name)
        )
        if changes:
            raise ValueError(
                f"{path} holds results of something else: {changes}. Choose another file, remove "
                "it, or go back to what it was made with"
            )

    def _parsed(self, line: bytes, where: str) -> tuple[int, Predictions]:
        try:
            entry = Entry(json.loads(line), where)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{where}: not JSON ({error}); remove the line, or the file to begin anew"
            ) from None
        row, count = entry.integer("picture"), len(self._skeleton.names)
        ids = entry.get("truth_ids")
        scores = _float32(entry, "scores", -1)
        return row, Predictions(
            skeleton=self._skeleton,
            rows=np.full(len(scores), row),
            keypoints=_float32(entry, "keypoints", len(scores), count, 3),
            scores=scores,
            boxes=_float32(entry, "boxes", len(scores), 4),
            truth_ids=None if ids is None else entry.array("truth_ids", len(scores)),
        )

    def add(self, row: int, found: Predictions) -> None:
        """Keep the poses of picture number ``row``, in the file too."""
        self.found[row] = found
        if self._file is None:
            return
        if not self._has_header:
            self._file.write(self._header)
            self._has_header = True
        ids = None if found.truth_ids is None else found.truth_ids.tolist()
        line = {
            "picture": row,
            "scores": _numbers(found.scores),
            "boxes": _numbers(found.boxes),
            "truth_ids": ids,
            "keypoints": _numbers(found.keypoints),
        }
        self._file.write(_json(line))
        self._file.flush()

    def predictions(self) -> Predictions:
        """Return all poses, in the order of the pictures."""
        parts = [self.found[row] for row in sorted(self.found)]
        count = len(self._skeleton.names)
        has_ids = all(part.truth_ids is not None for part in parts) and bool(parts)
        return Predictions(
            skeleton=self._skeleton,
            rows=np.concatenate([np.empty(0), *(part.rows for part in parts)]),
            keypoints=np.concatenate([np.empty((0, count, 3)), *(p.keypoints for p in parts)]),
            scores=np.concatenate([np.empty(0), *(part.scores for part in parts)]),
            boxes=np.concatenate([np.empty((0, 4)), *(part.boxes for part in parts)]),
            truth_ids=np.concatenate([p.truth_ids for p in parts]) if has_ids else None,
        )

    def __enter__(self) -> PoseStore:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _header_in(line: bytes) -> dict[str, Any] | None:
    """Return the content of a whole header, None for anything else."""
    try:
        content = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    is_header = isinstance(content, dict) and content.get("format") == FORMAT
    return content if is_header and line.endswith(b"\n") else None


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, allow_nan=False) + "\n").encode("ascii")


def _numbers(array: np.ndarray) -> list:
    """Return float32 numbers in as many digits as they need; None in place of NaN."""
    short = array.astype(np.float32).astype(str).astype(np.float64)
    return np.where(np.isnan(short), None, short.astype(object)).tolist()


def _float32(entry: Entry, field: str, *shape: int) -> np.ndarray:
    """Return numbers, NaN in place of null, as _numbers() was given them."""
    found = entry.value(field)
    try:
        return np.array(found, np.float32).reshape(shape)
    except (TypeError, ValueError):
        wanted = " x ".join("any" if size < 0 else str(size) for size in shape)
        raise entry.error(field, f"must be {wanted} numbers") from None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 24 else f"{text[:12]}...{text[-4:]}"
