"""Films of a run: drawn images as a video and as a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.colours import IdentityColours
from alphapose_ros.io.render import contact_sheet, draw
from alphapose_ros.io.video import VideoError, VideoSink

T = TypeVar("T")

SHEET_COLUMNS = 4
SHEET_WIDTH = 480  # of one image of the sheet [px], at most
LONGEST_HOLD_S = 5.0


class Spread(Generic[T]):
    """A few items spread evenly over a run of unknown length.

    Keeps every n-th; when there are too many, every second of them goes and n doubles.
    """

    def __init__(self, most: int) -> None:
        self.items: list[T] = []
        self._most = most
        self._stride = 1
        self._count = 0

    def wants_next(self) -> bool:
        """Count an item, and say whether it is to be handed to add()."""
        is_wanted = self._count % self._stride == 0
        self._count += 1
        return is_wanted

    def add(self, item: T) -> None:
        """Keep an item that was wanted."""
        if len(self.items) == self._most:
            self.items = self.items[::2]
            self._stride *= 2
            if (self._count - 1) % self._stride:
                return
        self.items.append(item)


class Timeline:
    """Turns stamps into frame numbers of a video of constant rate, so that it lasts as long.

    Frames that were not processed leave gaps, in which the last frame is held. A gap of more
    than LONGEST_HOLD_S, or a stamp that goes back, counts as a cut.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._start_ns = 0  # stamp of frame number 0
        self._last_ns = 0
        self._number = -1

    def frames_to_hold(self, stamp_ns: int) -> int:
        """Return how often the last frame is shown again before the one of ``stamp_ns``."""
        wanted = round((stamp_ns - self._start_ns) * self._rate_hz / 1e9)
        held = wanted - self._number - 1
        is_cut = stamp_ns < self._last_ns or held > LONGEST_HOLD_S * self._rate_hz
        if self._number < 0 or is_cut:
            self._start_ns = stamp_ns - round((self._number + 1) * 1e9 / self._rate_hz)
            held = 0
        self._last_ns = stamp_ns
        self._number += 1 + max(held, 0)  # two frames within one period: the later one moves on
        return max(held, 0)


class Film:
    """Writes overlay.mp4 into a folder; a context manager.

    Every image is shown for its time. Nothing is written where no image was added.

    Args:
        folder: has to exist.
        rate_hz: of the video; at least that of the images.
    """

    def __init__(self, folder: Path, rate_hz: float) -> None:
        self._path = Path(folder) / "overlay.mp4"
        self._rate_hz = rate_hz
        self._timeline = Timeline(rate_hz)
        self._sink: VideoSink | None = None
        self._size = (0, 0)
        self._last: np.ndarray | None = None

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def add(self, drawn: np.ndarray, stamp_ns: int) -> None:
        """Append an image, (H, W, 3) BGR, which must not change any more.

        Raises:
            VideoError: the video cannot be written.
        """
        if self._sink is None:
            self._size = (drawn.shape[1], drawn.shape[0])
            self._sink = VideoSink(self._path, self._rate_hz, self._size)
        drawn = _fitted(drawn, self._size)
        for _ in range(self._timeline.frames_to_hold(stamp_ns)):
            self._sink.write(self._last)
        self._sink.write(drawn)
        self._last = drawn

    def close(self) -> None:
        """Finish the file; a second call does nothing.

        Raises:
            VideoError: not all of it arrived on the disk.
        """
        sink, self._sink = self._sink, None
        if sink is None:
            return
        sink.close()
        _check_film(self._path, sink.frames)


class Sheet:
    """Writes contact_sheet.png into a folder; a context manager.

    Nothing is written where no image was added. Memory does not grow with the length of the run.

    Args:
        folder: has to exist.
        most: images that the sheet shows.
    """

    def __init__(self, folder: Path, most: int = 12) -> None:
        self._path = Path(folder) / "contact_sheet.png"
        self._most = most
        self._samples: Spread[tuple[np.ndarray, str]] = Spread(4 * most)
        self._start_ns: int | None = None

    def __enter__(self) -> Sheet:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def add(self, drawn: np.ndarray, stamp_ns: int, tracks: Tracks) -> None:
        """Take an image, (H, W, 3) BGR, and the people in it."""
        self._start_ns = stamp_ns if self._start_ns is None else self._start_ns
        if self._samples.wants_next():
            people = int((tracks.states == TrackState.TRACKED).sum())
            caption = f"{(stamp_ns - self._start_ns) / 1e9:.1f} s, people tracked: {people}"
            self._samples.add((_at_most(drawn, SHEET_WIDTH), caption))

    def close(self) -> None:
        """Write the file; a second call does nothing.

        Raises:
            OSError: it cannot be written.
        """
        chosen, self._samples.items = self._chosen(), []
        if not chosen:
            return
        images, captions = zip(*chosen, strict=True)
        sheet = contact_sheet(
            images, captions, columns=SHEET_COLUMNS, tile_width=images[0].shape[1]
        )
        _, data = cv2.imencode(".png", sheet)
        self._path.write_bytes(data.tobytes())  # cv2.imwrite() would hide why it fails

    def _chosen(self) -> list[tuple[np.ndarray, str]]:
        """Pick samples over the whole run, from the first to the last, in full rows."""
        samples = self._samples.items
        wanted = min(len(samples), self._most)
        if wanted > SHEET_COLUMNS:
            wanted -= wanted % SHEET_COLUMNS
        rows = np.linspace(0, len(samples) - 1, wanted).round().astype(int)
        return [samples[row] for row in rows]


class OverlayFilm:
    """Draws people, and writes overlay.mp4 and contact_sheet.png; a context manager.

    Nothing is written where no frame was added. Memory does not grow with the length of the run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rate_hz: float,
        keypoint_score: float,
        privacy: bool = False,
        sheet_images: int = 12,
    ) -> None:
        """Choose the place.

        Args:
            folder: has to exist.
            rate_hz: of the video; at least that of the frames.
            keypoint_score: keypoints below this are not drawn.
            privacy: whether faces are covered.
            sheet_images: the contact sheet shows at most so many.
        """
        self.frames = 0  # added
        self._keypoint_score = keypoint_score
        self._privacy = privacy
        self._colours = IdentityColours()
        self._film = Film(folder, rate_hz)
        self._sheet = Sheet(folder, sheet_images)

    def __enter__(self) -> OverlayFilm:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def add(
        self, image: np.ndarray, tracks: Tracks, stamp_ns: int, found: Poses | None = None
    ) -> None:
        """Draw one frame.

        Args:
            image: (H, W, 3) BGR, left as it is.
            tracks: the people of this image.
            stamp_ns: of the image.
            found: all people found in the image, whose faces are covered with ``privacy``, too.

        Raises:
            VideoError: the video cannot be written.
        """
        drawn = draw(
            image,
            tracks,
            keypoint_score=self._keypoint_score,
            colours=self._colours(tracks),
            privacy=self._privacy,
            found=found,
        )
        self._film.add(drawn, stamp_ns)
        self._sheet.add(drawn, stamp_ns, tracks)
        self.frames += 1

    def close(self) -> None:
        """Finish both files; a second call does nothing.

        Raises:
            VideoError, OSError: one of them cannot be written.
        """
        try:
            self._film.close()
        finally:
            self._sheet.close()


def _check_film(path: Path, frames: int) -> None:
    """Check that a film can be read to its end: OpenCV does not tell when the disk is full."""
    capture = cv2.VideoCapture(str(path))
    found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    if found < frames:
        raise VideoError(
            f"{path}: only {found} of {frames} frames arrived on the disk; is it full?"
        )


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an image that does not have the (width, height) of the video."""
    return image if image.shape[1::-1] == size else cv2.resize(image, size)


def _at_most(image: np.ndarray, width: int) -> np.ndarray:
    scale = min(1.0, width / image.shape[1])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
