"""Names, indices and ids of frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapose_ros.io.ends import FrameResult

NOBODY = -1  # id where nobody is identified
UNPADDED = re.compile(r"0|[1-9]\d{0,14}")  # INDEX.jpg, as frames of videos are called
PADDED = re.compile(r"(?:COCO_\w+_)?(\d{1,15})")  # files that are called by COCO's ids


def index_in(name: str) -> int | None:
    """Return the number of a frame called INDEX.EXTENSION."""
    stem = PurePath(name).stem
    return int(stem) if UNPADDED.fullmatch(stem) else None


def indices_of(names: Sequence[str]) -> Sequence[int]:
    """Return the index of each frame: 0, 1, ..., or where all are INDEX.EXTENSION that one."""
    numbers = [index_in(name) for name in names]
    is_video = None not in numbers and len(set(numbers)) == len(numbers)
    return numbers if is_video else range(len(names))


def printable(text: str) -> str:
    """Return a text that UTF-8 can hold: bytes of a file's name that are no letters are spelled."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


class Numbers:
    """Whole numbers that were given; those that rise by equal steps take no memory."""

    def __init__(self) -> None:
        self.largest = -1
        self._steps = range(0)
        self._others: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return number in self._steps or number in self._others

    def add(self, number: int) -> None:
        """Note a number that was not given before."""
        steps = self._steps
        if not len(steps):
            self._steps = range(number, number + 1)
        elif len(steps) == 1 and number > steps.start:
            self._steps = range(steps.start, number + 1, number - steps.start)
        elif number == steps[-1] + steps.step:
            self._steps = range(steps.start, number + 1, steps.step)
        else:
            self._others.add(number)
        self.largest = max(self.largest, number)


class Names:
    """Names that were given; INDEX.jpg of frames that rise by equal steps take no memory."""

    def __init__(self) -> None:
        self._indices = Numbers()
        self._others: set[str] = set()

    def __contains__(self, name: str) -> bool:
        number = _video_index(name)
        return name in self._others if number is None else number in self._indices

    def add(self, name: str) -> None:
        """Note a name that was not given before."""
        number = _video_index(name)
        if number is None:
            self._others.add(name)
        else:
            self._indices.add(number)


def _video_index(name: str) -> int | None:
    stem = name.removesuffix(".jpg")
    return int(stem) if stem != name and UNPADDED.fullmatch(stem) else None


class PictureIds:
    """Whole numbers for frames: COCO's where a file is called by it, else the index.

    None is given twice.
    """

    def __init__(self) -> None:
        self._given = Numbers()

    def of(self, frame: FrameResult) -> int:
        """Return the id of a frame that comes for the first time."""
        number = PADDED.fullmatch(PurePath(frame.name).stem)
        for wanted in ([int(number[1])] if number else []) + [frame.index]:
            if wanted not in self._given:
                break
        else:
            wanted = self._given.largest + 1
        self._given.add(wanted)
        return wanted
