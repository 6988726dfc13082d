"""Image files as a source: one after the other, whatever else they have in common."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.frame import Frame
from alphapose_ros.images import JPEG_START, PNG_START, is_whole
from alphapose_ros.io.ends import Item, Problem

PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".jp2"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
)
USUAL_RATE_HZ = 25.0  # of a sequence that does not say it
FEWEST = 3  # pictures whose numbers make a sequence


class PictureError(OSError):
    """A picture that cannot be read; the message names it and the remedy."""


class PictureSource:
    """Pictures in the order given; a context manager, to be iterated once.

    A sequence has the stamps index / rate, others those of index seconds. What cannot be read
    leaves a gap in the indices. The name of a frame is that of the file, or where two folders hold
    files of one name the path from the folder that holds them all; what is not UTF-8 in it is
    replaced.

    Args:
        paths: the files.
        rate_hz: of the sequence.
        is_sequence: whether the pictures follow each other in time; None: if a rate is given, or
            their names differ by evenly growing numbers alone.

    Raises:
        ValueError: the rate is not above 0.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        rate_hz: float | None = None,
        is_sequence: bool | None = None,
    ) -> None:
        if rate_hz is not None and not 0 < rate_hz < float("inf"):
            raise ValueError(f"rate of {rate_hz} Hz: give a number above 0")
        self._paths = list(dict.fromkeys(Path(path) for path in paths))
        self._names = _names(self._paths)
        first = self._paths[0]
        folder = first.resolve().parent.name or "/"
        self.name = as_utf8(first.name if len(self._paths) == 1 else folder)
        if is_sequence is None:
            is_sequence = rate_hz is not None or is_numbered(self._paths)
        self.is_sequence = is_sequence
        self.rate_hz = (rate_hz or USUAL_RATE_HZ) if is_sequence else None
        self.frame_count: int | None = len(self._paths)
        self.problems: list[Problem] = []

    def __enter__(self) -> PictureSource:
        return self

    def __exit__(self, *exception: object) -> None:
        """No file stays open."""

    def __iter__(self) -> Iterator[Item]:
        """Yield the pictures.

        Raises:
            PictureError: not one can be read.
        """
        step_ns = 1e9 / self.rate_hz if self.rate_hz else 1e9
        for index, (path, name) in enumerate(zip(self._paths, self._names, strict=True)):
            try:
                image = read_picture(path)
            except PictureError as error:
                what = str(error).removeprefix(f"{as_utf8(path)}: ")
                self.problems.append(Problem(where=name, what=what))
                continue
            stamp_ns = round(index * step_ns)
            frame = Frame(image=image, stamp_ns=stamp_ns, index=index)
            yield Item(frame=frame, name=name, received_ns=stamp_ns)
        if len(self.problems) == len(self._paths):
            first = self.problems[0]
            raise PictureError(
                f"not one of {len(self._paths)} pictures can be read; {first.where}: {first.what}"
            )


def read_picture(path: Path) -> np.ndarray:
    """Read an image file as (H, W, 3) uint8 BGR, turned as its EXIF says.

    Grey values are repeated, an alpha channel is left out, 16-bit values become 8 bits.

    Raises:
        PictureError: it cannot be read, or breaks off before its end: people would vanish in the
            grey part of half a picture.
    """
    shown = as_utf8(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{shown}: cannot be opened ({error.strerror}); check it") from error
    if data.startswith((JPEG_START, PNG_START)) and not is_whole(data):
        raise PictureError(f"{shown}: breaks off before its end; copy it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as error:  # more pixels than OpenCV reads
        raise PictureError(f"{shown}: damaged or too large; save it again smaller") from error
    if image is None:
        raise PictureError(f"{shown}: OpenCV cannot read it as a picture; save it again as PNG")
    if image.dtype != np.uint8:  # of floats, as TIFF may hold them
        raise PictureError(f"{shown}: holds {image.dtype}, no colours; save it again as PNG")
    return image


def as_utf8(path: str | Path) -> str:
    """Return a path as it can be written; bytes that are no text are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def natural(path: Path) -> list[tuple[float, str]]:
    """Return a key by which 2.jpg comes before 10.jpg, and every folder's files stay together."""
    text = str(path).replace(os.sep, "\0")
    key = [
        (int(part), part) if part.isdecimal() else (math.inf, part.lower())
        for part in re.findall(r"\d+|\D+", text)
    ]
    return [*key, (math.inf, text)]  # upper and lower case make a difference at last


def is_numbered(paths: Sequence[Path]) -> bool:
    """Tell whether names differ by evenly growing numbers alone: those of a sequence."""
    if len(paths) < FEWEST:
        return False
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", str(path)) for path in paths]
    if not all(found):
        return False
    around = {(match[1], match[3]) for match in found}
    steps = np.diff([int(match[2]) for match in found])
    return len(around) == 1 and steps[0] > 0 and bool((steps == steps[0]).all())


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name of its own for each file."""
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        whole = [path.absolute() for path in paths]
        above = os.path.commonpath([path.parent for path in whole])
        names = [path.relative_to(above).as_posix() for path in whole]
    return _told_apart([as_utf8(name) for name in names])


def _told_apart(names: Sequence[str]) -> list[str]:
    """Number those of the names that occurred before."""
    taken = set(names)
    given: dict[str, None] = {}
    for name in names:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122  with the folders before it
        numbered = (f"{stem}_{number}{suffix}" for number in itertools.count(2))
        free = (one for one in numbered if one not in taken and one not in given)
        given[name if name not in given else next(free)] = None
    return list(given)
