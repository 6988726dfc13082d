"""JSON result files, read so that damage is named by file and entry."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.evaluation.fields import Entry, existing_file
from alphapose_ros.io.formats.numbers import exact_box

SPACE = re.compile(r"[\s,]*")
BRACKETS = {"[": "]", "{": "}"}


def load_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        ValueError: it is damaged; says where, how much before it is whole, and what to do.
    """
    try:
        text = existing_file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text ({error})") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: {_damage(text, error)}") from None
    except RecursionError:
        raise ValueError(f"{path}: not a result file: nested too deeply") from None


def entries_of(content: Any, where: object) -> list[Entry]:
    """Return the objects of a list.

    Raises:
        ValueError: there is something else.
    """
    if not isinstance(content, list):
        raise ValueError(f"{where}: must hold a list, holds {type(content).__name__}")
    return [Entry(one, f"{where}: entry {number}") for number, one in enumerate(content)]


def members_of(content: Any, where: object) -> dict[str, Entry]:
    """Return the objects of an object, by name.

    Raises:
        ValueError: there is something else.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{where}: must hold an object, holds {type(content).__name__}")
    return {
        name: Entry(one, f"{where}: entry {number} ({name!r})")
        for number, (name, one) in enumerate(content.items())
    }


def box_in(entry: Entry, field: str) -> np.ndarray | None:
    """Return x1 y1 x2 y2 of a field with x y width height, (4,); None where it is missing.

    Raises:
        ValueError: it holds something else.
    """
    if field not in entry:
        return None
    entry.box(field)  # checks it
    return exact_box(entry.array(field, 4))


def unit_scores(scores: np.ndarray, largest: float, notes: list[str]) -> np.ndarray:
    """Bring scores (N,) of any scale into [0, 1] and note it where they were not.

    Args:
        scores: NaN where unknown, and then also in the result.
        largest: what scores above 1 are divided by; by their own largest if that is larger.
        notes: is added to.
    """
    known = scores[np.isfinite(scores)]
    if len(known) and known.min() < 0:
        notes.append(f"{(known < 0).sum()} scores below 0 are taken as 0")
        scores = np.where(scores < 0, 0, scores)
    if len(known) and known.max() > 1:
        divisor = max(largest, float(known.max()))
        notes.append(f"scores reach {known.max():g}: all are divided by {divisor:g}")
        scores = scores / divisor
    return scores


def _damage(text: str, error: json.JSONDecodeError) -> str:
    if not text.strip():
        return "is empty; was its writer stopped before the end? make it anew"
    start = len(text) - len(text.lstrip())
    place = f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})"
    if text[start] not in BRACKETS:
        return f"{place}; name its format if it is another one"
    whole = _whole_entries(text, start)
    end = BRACKETS[text[start]]
    remedy = f"to save the {whole} before it, cut the file there and end it with {end}"
    return f"entry {whole}, {place}; {remedy}; or make it anew"


def _whole_entries(text: str, start: int) -> int:
    """Count the entries of a list or object at ``start`` that can be read."""
    decoder, position, count = json.JSONDecoder(), start + 1, 0
    try:
        while True:
            position = SPACE.match(text, position).end()
            _, position = decoder.raw_decode(text, position)
            if text[start] == "{":
                position = re.compile(r"\s*:\s*").match(text, position).end()
                _, position = decoder.raw_decode(text, position)
            count += 1
    except (json.JSONDecodeError, AttributeError, RecursionError):
        return count
