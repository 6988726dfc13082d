"""Videos and cameras, read and written through OpenCV."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

PATIENCE = 100  # broken frames in sequence, after which a file has ended
TURNS_WRONG = "4.6."  # OpenCV, as in Debian 12 and Ubuntu 24.04: quarter turns the other way
QUARTERS = (90, 270)  # degrees

logger = logging.getLogger(__name__)


class VideoError(OSError):
    """A video or camera that cannot be read or written; the message names it and the remedy."""


def read_video(source: str | Path | int) -> VideoSource:
    """Open what a user names: a video file, an address with ``://``, or the number of a camera.

    Raises:
        FileNotFoundError: no such file.
        VideoError: OpenCV cannot read it, or there is no such camera.
    """
    if isinstance(source, str) and source.isdecimal() and not Path(source).exists():
        source = int(source)
    return VideoSource(source)


class VideoSource:
    """Images of a video or camera with their times, to be iterated once.

    ``fps`` is None where the source does not say it, ``frame_count`` where it is unknown, as for
    cameras and streams; the address of a file has one. Sizes are in pixels.

    Args:
        source: file, address with ``://``, or number of a camera.

    Raises:
        FileNotFoundError: no such file.
        VideoError: OpenCV cannot read it, or there is no such camera.
    """

    def __init__(self, source: str | Path | int) -> None:
        address = "" if isinstance(source, int) else str(source)
        self.name = without_password(address) or f"camera {source}"
        self._live = not address or "://" in address
        if not self._live:
            _check_file(Path(source))
        self._capture = cv2.VideoCapture(address or source)
        if not self._capture.isOpened():
            raise VideoError(f"{self.name}: {self._why_closed()}")
        self.width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.fps = _positive(self._capture.get(cv2.CAP_PROP_FPS))
        count = _positive(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)) if address else None
        self.frame_count = None if count is None else int(count)
        self._live = self._live and count is None
        turn_deg = self._capture.get(cv2.CAP_PROP_ORIENTATION_META)
        self._is_on_its_head = cv2.__version__.startswith(TURNS_WRONG) and turn_deg in QUARTERS
        self.broken: dict[int, int] = {}  # frames skipped, by the number of the one after them

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[np.ndarray, float]]:
        """Yield (image, time_s): (H, W, 3) uint8 BGR, and seconds since the first image.

        Times come from the file, so that a variable frame rate is kept; those of cameras from the
        clock. They always grow. Frames of a file that cannot be decoded are skipped.

        Raises:
            VideoError: not one image can be decoded, or a camera stops.
        """
        number, last_s, first_s = 0, 0.0, 0.0
        while True:
            image = self._read(number)
            if image is None:
                self._check_end(number)
                return
            now_s = self._now_s()
            first_s = now_s if number == 0 else first_s
            time_s = now_s - first_s
            if number and time_s <= last_s:  # a file without times, or with broken ones
                time_s = last_s + 1.0 / (self.fps or 30.0)
            yield image, time_s
            number, last_s = number + 1, time_s

    def close(self) -> None:
        """Let go of the file or camera; may be called twice."""
        self._capture.release()

    def _read(self, number: int) -> np.ndarray | None:
        """Return the next image; OpenCV calls a broken frame an end, behind which more may come."""
        for failed in range(1 if self._live else PATIENCE):
            found, image = self._capture.read()
            if found:
                if failed:
                    self.broken[number] = failed
                return cv2.rotate(image, cv2.ROTATE_180) if self._is_on_its_head else image
        return None

    def _now_s(self) -> float:
        if self._live:
            return time.monotonic()
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0

    def _why_closed(self) -> str:
        if self._live:
            return "cannot be opened; is it connected, free, and readable by this user?"
        return "OpenCV cannot read this as a video; convert it to H.264 in .mp4 (ffmpeg -i)"

    def _check_end(self, number: int) -> None:
        if self._live:
            raise VideoError(
                f"{self.name}: no image any more after {number}; is it still connected?"
            )
        if number == 0:
            raise VideoError(f"{self.name}: not one image can be decoded; is the file complete?")
        if self.frame_count and number < 0.95 * self.frame_count:
            logger.warning("%s ended after %d of %d images", self.name, number, self.frame_count)


def without_password(address: str) -> str:
    """Return an address as it may be shown and logged."""
    return re.sub(r"(?<=://)[^/@]+@", "", address)


class VideoSink:
    """Writer of an .mp4 file, which is created by the first image.

    Args:
        path: file to write, ending in .mp4; an older one is replaced, folders are made.
        fps: images per second.
        size: (width, height) of every image [px].

    Raises:
        ValueError: ``path`` is no .mp4, ``fps`` or ``size`` is not above 0.
    """

    def __init__(self, path: str | Path, fps: float, size: tuple[int, int]) -> None:
        self.path = Path(path)
        self.frames = 0
        if self.path.suffix.lower() != ".mp4":
            raise ValueError(f"{path}: videos are written as .mp4 only; change the name's ending")
        if not fps > 0 or min(size) <= 0:
            raise ValueError(f"{path}: cannot write {fps} images per second of size {size}")
        self._fps = fps
        self._size = size
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, image: np.ndarray) -> None:
        """Append an image, (H, W, 3) uint8 BGR.

        Raises:
            ValueError: the image has another size or type.
            VideoError: the file cannot be written.
        """
        width, height = self._size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(
                f"{self.path}: the video takes ({height}, {width}, 3) uint8, "
                f"got {image.shape} {image.dtype}"
            )
        if self._writer is None:
            self._writer = self._open()
        self._writer.write(image)
        self.frames += 1

    def close(self) -> None:
        """Finish the file; may be called twice.

        Raises:
            VideoError: nothing arrived on the disk.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        if not self.path.is_file() or self.path.stat().st_size == 0:
            raise VideoError(f"{self.path}: nothing was written; is the disk full?")

    def _open(self) -> cv2.VideoWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # mp4v: the one codec for .mp4 that every build of OpenCV brings along.
        codec = cv2.VideoWriter_fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(self.path), codec, self._fps, self._size)
        if not writer.isOpened():
            raise VideoError(
                f"{self.path}: OpenCV cannot write here with codec mp4v; may the folder be written "
                "to, and has this OpenCV FFmpeg (cv2.getBuildInformation())?"
            )
        return writer


def _check_file(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such video; check the path (from {Path.cwd()})")
    if not path.is_file():
        raise VideoError(f"{path} is a folder; name one video file in it")


def _positive(value: float) -> float | None:
    """Read OpenCV's ways to say that it does not know: 0, negative, NaN, or absurdly large."""
    return value if 0.0 < value < 1e9 else None
