"""Videos, cameras and streams as sources."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import numpy as np

from alphapose_ros.frame import Frame
from alphapose_ros.io.ends import Item, Problem
from alphapose_ros.io.video import VideoError, VideoSource, without_password

GAP = 1.5  # periods between two frames, from which one may be missing
ATTEMPTS = 3  # to open a stream again that broke off
PAUSE_S = 1.0  # before the first of them; twice as long before each further one
STEADY_S = 60.0  # of images, after which a stream that breaks off gets all attempts again
ASKED_S = 5.0  # longest wait for a server to say whether an address is a file

logger = logging.getLogger(__name__)


class Gap(NamedTuple):
    """A place where frames may be missing."""

    index: int  # of the frame after it
    frames: int


class VideoFileSource:
    """The frames of a video file, or of an address of one; to be iterated once.

    Stamps are the file's own times from 0, so that a variable rate is kept.

    Args:
        path: file or address.
        rate_hz: of a file that does not say its own.

    Raises:
        FileNotFoundError: no such file.
        VideoError: it cannot be read.
    """

    def __init__(self, path: str | Path, *, rate_hz: float | None = None) -> None:
        self._path = path
        self._video: VideoSource | None = None
        with VideoSource(path) as video:
            self.rate_hz = video.fps or rate_hz
            self.frame_count = video.frame_count
            self.name = Path(video.name).name
        self.is_sequence = True
        self.problems: list[Problem] = []

    def __enter__(self) -> VideoFileSource:
        self._video = VideoSource(self._path)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._video is not None:
            self._video.close()

    def __iter__(self) -> Iterator[Item]:
        """Yield the frames; what may be missing in between is told of at the end, when it is known.

        Raises:
            VideoError: not one frame can be decoded.
        """
        gaps: list[Gap] = []
        index, last_s = -1, 0.0
        for index, (image, time_s) in enumerate(_opened(self._video, self.name)):
            periods = (time_s - last_s) * (self.rate_hz or 0.0)
            if index and periods > GAP:
                gaps.append(Gap(index, round(periods) - 1))
            last_s = time_s
            if index in self._video.broken:
                self._tell_gap(Gap(index, self._video.broken[index]))
            yield _item(image, index, round(time_s * 1e9))
        self._tell_what_is_missing(index + 1, gaps)

    def _tell_what_is_missing(self, read: int, gaps: list[Gap]) -> None:
        """Compare with what the file announced; a gap in time alone may be a variable rate."""
        broken = self._video.broken
        missing = (self.frame_count or read) - read - sum(broken.values())
        told: list[Gap] = []
        for gap in sorted(gaps, key=lambda gap: -gap.frames):
            if missing <= 0:
                break
            if gap.index not in broken:  # those are told already
                missing -= gap.frames
                told.append(gap)
        for gap in sorted(told):
            self._tell_gap(gap)
        if missing > 1:  # one is within what containers count wrong
            self._tell(
                read,
                f"the file ends there, though it announces {self.frame_count} frames; what came "
                "before is kept. Copy it again",
            )

    def _tell_gap(self, gap: Gap) -> None:
        what = "1 frame" if gap.frames == 1 else f"{gap.frames} frames"
        self._tell(gap.index, f"{what} before it cannot be decoded and were left out")

    def _tell(self, index: int, what: str) -> None:
        self.problems.append(Problem(where=f"{self.name}, frame {index}", what=what))


class StreamSource:
    """The images of a camera or of an address, as long as they come; to be iterated once.

    Stamps are from 0 by the monotonic clock, taken when an image has been received. A stream that
    breaks off is opened again ``attempts`` times, then it has ended.

    Args:
        address: with ``://``, or the number of a camera.
        attempts: how often it is opened again; anew after a minute of images.
        pause_s: before the first attempt; twice as long before each further one.
    """

    def __init__(
        self, address: str | int, *, attempts: int = ATTEMPTS, pause_s: float = PAUSE_S
    ) -> None:
        self._address, self._attempts, self._pause_s = address, attempts, pause_s
        self._left = attempts
        is_camera = isinstance(address, int)
        self.name = f"camera {address}" if is_camera else without_password(address)
        self.rate_hz: float | None = None  # known when it has been entered
        self.frame_count: int | None = None
        self.is_sequence = True
        self.problems: list[Problem] = []
        self._video: VideoSource | None = None

    def __enter__(self) -> StreamSource:
        """Open it.

        Raises:
            VideoError: it cannot be.
        """
        self._video = VideoSource(self._address)
        self.rate_hz = self._video.fps
        return self

    def __exit__(self, *exception: object) -> None:
        if self._video is not None:
            self._video.close()

    def __iter__(self) -> Iterator[Item]:
        """Yield the images.

        Raises:
            VideoError: not one came.
        """
        index, first_ns = 0, 0
        while True:
            opened_ns = time.monotonic_ns()
            try:
                for image, _ in _opened(self._video, self.name):
                    now_ns = time.monotonic_ns()
                    first_ns = first_ns or now_ns
                    yield _item(image, index, now_ns - first_ns)
                    index += 1
            except VideoError:
                if index == 0:
                    raise
            if time.monotonic_ns() - opened_ns > STEADY_S * 1e9:
                self._left = self._attempts
            if self._is_file() or not self._open_again(index):
                return

    def _open_again(self, index: int) -> bool:
        """Try as often as is left; tell whether it came back."""
        while self._left:
            time.sleep(self._pause_s * 2 ** (self._attempts - self._left))
            self._left -= 1
            with suppress(VideoError):
                self._video.close()
                self._video = VideoSource(self._address)
                self._tell(index, "it broke off and was opened again; images in between are lost")
                return True
        self._tell(index, f"it broke off and did not come back in {self._attempts} attempts")
        return False

    def _tell(self, index: int, what: str) -> None:
        self.problems.append(Problem(where=f"{self.name}, frame {index}", what=what))
        logger.warning("%s, frame %d: %s", self.name, index, what)

    def _is_file(self) -> bool:
        """Tell whether a server says how long it is: then it has not broken off but ended."""
        if not str(self._address).startswith(("http://", "https://")):
            return False
        request = Request(str(self._address), method="HEAD")
        try:
            with urlopen(request, timeout=ASKED_S) as answer:
                return answer.headers.get("Content-Length") is not None
        except (OSError, ValueError, HTTPException):
            return False


def video_source(
    name: str | int, *, rate_hz: float | None = None
) -> VideoFileSource | StreamSource:
    """Return the source of a video file, camera or address; that of a file keeps its own times.

    Raises:
        FileNotFoundError: no such file.
        VideoError: it cannot be read.
    """
    if isinstance(name, int):
        return StreamSource(name)
    if "://" not in name:
        return VideoFileSource(name, rate_hz=rate_hz)
    if name.startswith(("http://", "https://")):
        with VideoSource(name) as video:
            is_file = video.frame_count is not None
        if is_file:
            return VideoFileSource(name, rate_hz=rate_hz)
    return StreamSource(name)


def _opened(video: VideoSource | None, name: str) -> VideoSource:
    if video is None:
        raise VideoError(f"{name} is not open; read inside the `with` block")
    return video


def _item(image: np.ndarray, index: int, stamp_ns: int) -> Item:
    frame = Frame(image=image, stamp_ns=stamp_ns, index=index)
    return Item(frame=frame, name=f"{index}.jpg", received_ns=stamp_ns)
