"""MATLAB files as objects of plain Python values, read by the same means as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from alphapose_ros.evaluation.fields import Entry, existing_file


def read_mat(path: str | Path) -> Entry:
    """Read a MATLAB file of version 4 to 7.2.

    Structs become objects; fields that MATLAB keeps empty, as it must in an array of structs,
    are left out, so that an absent and an empty field are the same.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no MATLAB file, is cut off, or is of version 7.3.
    """
    path = existing_file(path)
    try:
        content = loadmat(path, simplify_cells=True)
    except NotImplementedError:
        raise ValueError(
            f"{path}: MATLAB's version 7.3, save it again by save(..., '-v7')"
        ) from None
    except (ValueError, TypeError, OSError, MatReadError) as error:
        raise ValueError(f"{path}: not a whole MATLAB file ({error})") from None
    content = {name: value for name, value in content.items() if not name.startswith("__")}
    return Entry(_plain(content), str(path))


def structs(entry: Entry, field: str) -> Iterator[Entry]:
    """Yield the structs of an array that may be empty or, of one struct, no array at all."""
    found = entry.get(field, [])
    for number, content in enumerate(found if isinstance(found, list) else [found], start=1):
        yield Entry(content, f"{entry.where}.{field}({number})")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if not _is_empty(inner)}
    if isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def _is_empty(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size == 0
