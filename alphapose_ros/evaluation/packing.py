"""Figures as JSON: what they are computed from is packed once, however many figures share it."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from alphapose_ros.evaluation.fields import Entry
from alphapose_ros.evaluation.precision_area import KeypointRanking, PrecisionArea
from alphapose_ros.evaluation.statistics import FIGURES, SAMPLES, Figure, Sample

# What a file may hold: all kinds, wherever they are at home.
EVERY_SAMPLE = {**SAMPLES, KeypointRanking.__name__: KeypointRanking}
EVERY_FIGURE = {**FIGURES, PrecisionArea.__name__: PrecisionArea}

_REMEDY = "make the file anew"


class Packer:
    """Describes figures by the numbers of their samples, and collects those."""

    def __init__(self) -> None:
        self._numbers: dict[Sample, int] = {}  # the same object is the same sample

    def described(self, figures: Mapping[str, Figure]) -> dict[str, Any]:
        """Return figures by name: their kind, numbers of samples, and options that are set."""
        return {name: self._described(figure) for name, figure in figures.items()}

    def packed(self) -> list[dict[str, str]]:
        """Return all samples of the figures described until now, by number."""
        return [
            {"kind": type(sample).__name__, "arrays": _packed(sample.arrays())}
            for sample in self._numbers
        ]

    def _described(self, figure: Figure) -> dict[str, Any]:
        samples: dict[str, Any] = {}
        options: dict[str, Any] = {}
        for item in fields(figure):
            value = getattr(figure, item.name)
            if isinstance(value, Sample):
                samples[item.name] = self._number(value)
            elif isinstance(value, tuple) and all(isinstance(one, Sample) for one in value):
                samples[item.name] = [self._number(one) for one in value]
            elif not _is_default(value, item.default):
                options[item.name] = value.item() if isinstance(value, np.generic) else value
        return {"kind": type(figure).__name__, "samples": samples, "options": options}

    def _number(self, sample: Sample) -> int:
        return self._numbers.setdefault(sample, len(self._numbers))


def read_all(entry: Entry, field: str, samples: list[Sample]) -> dict[str, Figure]:
    """Return the figures that Packer.described() described.

    Raises:
        ValueError: one cannot be read; it is named.
    """
    return {name: _figure(figure, samples) for name, figure in members(entry, field).items()}


def unpacked(entry: Entry) -> Sample:
    """Return a sample that Packer.packed() packed.

    Raises:
        ValueError: it cannot be read; it is named.
    """
    kind = entry.text("kind")
    if kind not in EVERY_SAMPLE:
        raise entry.error("kind", f"{kind!r} is none of {', '.join(EVERY_SAMPLE)}")
    try:
        content = base64.b64decode(entry.text("arrays"), validate=True)
        with np.load(io.BytesIO(content)) as arrays:
            return EVERY_SAMPLE[kind](**arrays)
    except (TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise entry.error("arrays", f"cannot be read ({error}); {_REMEDY}") from None


def inner(entry: Entry, field: str) -> Entry:
    """Return an object within another."""
    return Entry(entry.value(field), f"{entry.where}.{field}")


def members(entry: Entry, field: str) -> dict[str, Entry]:
    """Return all objects within an object that holds nothing else."""
    outer = inner(entry, field)
    return {name: inner(outer, name) for name in entry.value(field)}


def _figure(entry: Entry, samples: list[Sample]) -> Figure:
    kind = entry.text("kind")
    if kind not in EVERY_FIGURE:
        raise entry.error("kind", f"{kind!r} is none of {', '.join(EVERY_FIGURE)}")
    try:
        chosen = {
            field: tuple(samples[number] for number in numbers)
            if isinstance(numbers, list)
            else samples[numbers]
            for field, numbers in entry.value("samples").items()
        }
        figure = EVERY_FIGURE[kind](**chosen, **entry.value("options"))
        figure.value()
    except (AttributeError, IndexError, TypeError) as error:
        raise ValueError(f"{entry.where}: cannot be read ({error}); {_REMEDY}") from None
    return figure


def _packed(arrays: Mapping[str, np.ndarray]) -> str:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _is_default(value: Any, default: Any) -> bool:
    """Say whether an option need not be written, NaN as a default included."""
    if default is MISSING or isinstance(value, bool) != isinstance(default, bool):
        return False
    return bool(value == default or (value != value and default != default))  # noqa: PLR0124
