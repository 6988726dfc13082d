"""Reading annotation files so that a malformed entry is named by file, entry and field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 2**53  # whole numbers up to it are themselves as floats


class Entry:
    """One object of a JSON file that knows where it comes from.

    Args:
        content: the object.
        where: how errors name it, e.g. "gt.json: annotations[3]".

    Raises:
        ValueError: ``content`` is no object; so do all methods for missing or wrong fields.
    """

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, dict):
            raise ValueError(f"{where}: must be an object, is {_shown(content)}")
        self._content, self.where = content, where

    def __contains__(self, field: str) -> bool:
        return field in self._content

    def error(self, field: str, problem: str) -> ValueError:
        """Return the error that says what is wrong with ``field``."""
        return ValueError(f"{self.where}.{field}: {problem}")

    def get(self, field: str, default: Any = None) -> Any:
        """Return a field as it is, or ``default``."""
        return self._content.get(field, default)

    def value(self, field: str) -> Any:
        """Return a field that must be there."""
        if field not in self._content:
            raise self.error(field, "is missing")
        return self._content[field]

    def number(self, field: str, default: float | None = None) -> float:
        """Return a finite number."""
        if default is not None and field not in self._content:
            return default
        found = self.value(field)
        if isinstance(found, bool) or not isinstance(found, int | float) or not _is_finite(found):
            raise self.error(field, f"must be a finite number, is {_shown(found)}")
        return float(found)

    def integer(self, field: str, default: int | None = None) -> int:
        """Return a whole number up to LARGEST."""
        found = self.number(field, default)
        if found != int(found) or abs(found) > LARGEST:
            raise self.error(field, f"must be a whole number, is {_shown(found)}")
        return int(found)

    def size(self, field: str, default: float | None = None) -> float:
        """Return a number that is not negative."""
        found = self.number(field, default)
        if found < 0:
            raise self.error(field, f"must not be negative, is {_shown(found)}")
        return found

    def flag(self, field: str, default: bool | None = None) -> bool:
        """Return a field that is 0 or 1, false or true."""
        found = self.value(field) if default is None else self.get(field, default)
        if isinstance(found, list | dict) or found not in (0, 1):
            raise self.error(field, f"must be 0 or 1, is {_shown(found)}")
        return bool(found)

    def key(self, field: str) -> int | str:
        """Return an id: a whole number or a string."""
        found = self.value(field)
        if isinstance(found, str):
            return found
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.error(field, f"must be a number or a string, is {_shown(found)}")
        return self.integer(field)

    def text(self, field: str) -> str:
        """Return a string."""
        found = self.value(field)
        if not isinstance(found, str):
            raise self.error(field, f"must be a string, is {_shown(found)}")
        return found

    def array(self, field: str, *shape: int) -> np.ndarray:
        """Return finite numbers as float64 of ``shape``, of which one size may be -1."""
        found = self.value(field)
        try:
            given = np.array(found)
            if given.dtype.kind not in "biuf":  # text, None and what is too large for a float
                raise TypeError
            numbers = given.astype(np.float64)
            reshaped = numbers.reshape(shape)
        except (TypeError, ValueError):
            wanted = " x ".join("any" if size < 0 else str(size) for size in shape)
            raise self.error(field, f"must be {wanted} numbers, is {_shown(found)}") from None
        if not np.isfinite(numbers).all():
            raise self.error(field, f"holds NaN or Inf: {_shown(found)}")
        return reshaped

    def keypoints(self, field: str, count: int) -> np.ndarray:
        """Return ``count`` times x, y, visibility: (count, 3)."""
        return self.array(field, count, 3)

    def box(self, field: str) -> np.ndarray:
        """Return x, y, width, height as x1 y1 x2 y2: (4,)."""
        x, y, width, height = self.array(field, 4)
        if width < 0 or height < 0:
            raise self.error(field, f"has a negative extent: {[x, y, width, height]}")
        return np.array([x, y, x + width, y + height])

    def inside(self, field: str) -> Entry:
        """Return the object in a field."""
        return Entry(self.value(field), f"{self.where}.{field}")

    def entries(self, field: str) -> Iterator[Entry]:
        """Yield the objects of a list."""
        found = self.value(field)
        if not isinstance(found, list):
            raise self.error(field, f"must be a list, is {_shown(found)}")
        for number, content in enumerate(found):
            yield Entry(content, f"{self.where}.{field}[{number}]")


def existing_file(path: str | Path) -> Path:
    """Return ``path``.

    Raises:
        FileNotFoundError: there is nothing.
        IsADirectoryError: there is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    return path


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no JSON; the place is named.
    """
    path = existing_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not JSON ({error})") from None


def read_object(path: str | Path) -> Entry:
    """Read a JSON file that holds one object."""
    return Entry(read_json(path), str(path))


def read_list(path: str | Path) -> list[Entry]:
    """Read a JSON file that holds a list of objects."""
    found = read_json(path)
    if not isinstance(found, list):
        raise ValueError(f"{path}: must hold a list, holds {_shown(found)}")
    return [Entry(content, f"{path}[{number}]") for number, content in enumerate(found)]


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that is too large for a float
        return False


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}... ({type(value).__name__})"
