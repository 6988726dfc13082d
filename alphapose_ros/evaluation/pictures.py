"""Pictures of a data set from its folder, read ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.evaluation.records import Picture

READERS, AHEAD = 2, 8  # threads, and how many pictures may wait


class PictureError(ValueError):
    """A picture cannot be read, or is not the one that was labelled."""


def check_pictures(pictures: Iterable[Picture], folder: Path) -> None:
    """Make sure that all files are there.

    Raises:
        FileNotFoundError: some are missing.
    """
    missing = [picture.file for picture in pictures if not (Path(folder) / picture.file).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{Path(folder) / missing[0]} does not exist, and {len(missing) - 1} other pictures "
            "neither; is this the folder of the pictures?"
        )


def read_picture(picture: Picture, folder: Path) -> np.ndarray:
    """Return a picture (H, W, 3) BGR, turned as its camera says.

    Where the labels tell its size and only the picture as it lies in the file has it, that one.

    Raises:
        PictureError: the file is no picture, or one of another size.
    """
    path = Path(folder) / picture.file
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise PictureError(f"{path} cannot be read ({error}); fetch it again") from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if image is None:
        raise PictureError(f"{path} is no picture that OpenCV can read; fetch it again")
    if not _fits(image, picture):
        image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if not _fits(image, picture):
        found, labelled = (f"{w} x {h}" for w, h in (image.shape[1::-1], picture.size))
        raise PictureError(
            f"{path} has {found} pixels, its labels are for {labelled}; is this the folder of the "
            "pictures that were labelled?"
        )
    return image


def _fits(image: np.ndarray, picture: Picture) -> bool:
    return picture.size is None or tuple(picture.size) == image.shape[1::-1]


def read_ahead(
    rows: Iterable[int], read: Callable[[int], np.ndarray | None]
) -> Iterator[tuple[int, np.ndarray | None]]:
    """Yield each row with what ``read`` gives for it, in order, while threads read the next ones.

    Raises:
        Exception: what ``read`` raises, when it is that row's turn.
    """
    waiting: deque[tuple[int, Future]] = deque()
    with ThreadPoolExecutor(READERS, "pictures") as pool:
        try:
            for row in rows:
                waiting.append((row, pool.submit(read, row)))
                if len(waiting) > AHEAD:
                    first, image = waiting.popleft()
                    yield first, image.result()
            while waiting:
                first, image = waiting.popleft()
                yield first, image.result()
        finally:
            for _, image in waiting:
                image.cancel()
