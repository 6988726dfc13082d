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


class PictureIds:
    """Whole numbers for frames: COCO's where a file is called by it, else the index.

    None is given twice.
    """

    def __init__(self) -> None:
        self._given: set[int] = set()

    def of(self, frame: FrameResult) -> int:
        """Return the id of a frame that comes for the first time."""
        number = PADDED.fullmatch(PurePath(frame.name).stem)
        for wanted in ([int(number[1])] if number else []) + [frame.index]:
            if wanted not in self._given:
                break
        else:
            wanted = max(self._given) + 1
        self._given.add(wanted)
        return wanted
