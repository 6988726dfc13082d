"""Pictures for the page of a run: a video beside it, some frames and people's portraits in it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np

from alphapose_ros.frame import TrackState
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.results import USUAL_RATE_HZ, Results
from alphapose_ros.io.video import VideoSource

PLAYED = ("avc1", "h264", "vp80", "vp90", "vp09", "av01")  # codecs that browsers know
STILL_PX = 640  # width of an embedded frame, at most
STILL_QUALITY = 70  # of 100
PORTRAIT_PX = (68, 92)  # width, height
PORTRAIT_QUALITY = 75
MOST_PORTRAITS = 100
EPOCH_S = 1e6  # stamps beyond are times of day, not of the video


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What a page shows besides poses."""

    video: str = ""  # address of a video, as seen from the page
    is_drawn: bool = False  # whether people are drawn into it already
    offset_s: float = 0.0  # the video's time of the first frame
    stills: tuple[tuple[int, str], ...] = ()  # number of the frame in the page, picture
    portraits: Mapping[str, str] = field(default_factory=dict)  # "person 3" or "track 7": picture

    def facts(self) -> dict[str, Any]:
        """Return what the page gets told."""
        facts: dict[str, Any] = {
            "stills": [{"frame": frame, "src": picture} for frame, picture in self.stills],
            "thumbnails": dict(self.portraits),
        }
        if self.video:
            facts["video"] = {
                "src": self.video,
                "is_drawn": self.is_drawn,
                "offset_s": round(self.offset_s, 6),
            }
        return facts


def is_played(path: Path) -> bool:
    """Return whether browsers play a video.

    Raises:
        FileNotFoundError, VideoError: it cannot be read at all.
    """
    with VideoSource(path):
        pass
    capture = cv2.VideoCapture(str(path))
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    capture.release()
    return code.to_bytes(4, "little", signed=False).decode("latin1").lower() in PLAYED


def pictures_of(
    results: Results, path: Path, page: Path, *, stills: int, is_drawn: bool
) -> Pictures:
    """Gather what a page shows of a video.

    Args:
        results: of the run over this video.
        path: of the video.
        page: where the page will lie; the video is named as seen from there.
        stills: so many frames get into the page.
        is_drawn: whether it is an overlay.

    Raises:
        FileNotFoundError, VideoError: the video cannot be read.
    """
    if not results.frames:
        return Pictures(video=_address(path, page) if is_played(path) else "", is_drawn=is_drawn)
    best = _best_views(results)
    first_s = results.frames[0].stamp_ns / 1e9
    starts_with_run = is_drawn or first_s > EPOCH_S
    numbers = _numbers(results, path) if starts_with_run else [f.index for f in results.frames]
    chosen = np.linspace(0, len(numbers) - 1, min(stills, len(numbers))).round().astype(int)
    wanted = {*chosen.tolist(), *(row for row, _ in best.values())}
    found_stills, portraits = [], {}
    for row, image in _frames(path, {row: numbers[row] for row in wanted}):
        if row in chosen:
            found_stills.append((row, _still(image)))
        for name, (at, box) in best.items():
            if at == row:
                portraits[name] = _portrait(image, box)
    return Pictures(
        video=_address(path, page) if is_played(path) else "",
        is_drawn=is_drawn,
        offset_s=0.0 if starts_with_run else first_s,
        stills=tuple(sorted(found_stills)),
        portraits={name: picture for name, picture in portraits.items() if picture},
    )


def _address(path: Path, page: Path) -> str:
    return quote(Path(os.path.relpath(path.resolve(), page.resolve().parent)).as_posix())


def _numbers(results: Results, path: Path) -> list[int]:
    """Return which image of a video of constant rate each frame is, by the time since the first."""
    with VideoSource(path) as source:
        rate_hz = source.fps or USUAL_RATE_HZ
    start_ns = results.frames[0].stamp_ns
    return [round((frame.stamp_ns - start_ns) / 1e9 * rate_hz) for frame in results.frames]


def _best_views(results: Results) -> dict[str, tuple[int, np.ndarray]]:
    """Return for each identity the number of the frame that shows it best, and its box there."""
    people: dict[int, int] = {}
    for frame in results.frames:
        known = frame.tracks.person_ids >= 0
        pairs = (frame.tracks.ids[known].tolist(), frame.tracks.person_ids[known].tolist())
        people.update(zip(*pairs, strict=True))
    best: dict[str, tuple[float, int, np.ndarray]] = {}
    for number, frame in enumerate(results.frames):
        for row, value in _views(frame):
            track = int(frame.tracks.ids[row])
            name = f"person {people[track]}" if track in people else f"track {track}"
            if name not in best or value > best[name][0]:
                best[name] = (value, number, frame.tracks.poses.boxes[row])
    return {name: (at, box) for name, (_, at, box) in list(best.items())[:MOST_PORTRAITS]}


def _views(frame: FrameResult) -> Iterator[tuple[int, float]]:
    """Yield rows of people who are seen, and how well: large and sure."""
    tracks = frame.tracks
    for row in np.flatnonzero((tracks.ids > 0) & (tracks.states != TrackState.LOST)):
        width, height = np.ptp(tracks.poses.boxes[row].reshape(2, 2), axis=0)
        size = min(float(width * height), 40_000.0)
        yield int(row), size * (0.1 + float(np.nan_to_num(tracks.poses.scores[row])))


def _frames(path: Path, wanted: Mapping[int, int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield frames with their images; ``wanted`` says which image of a video each frame is."""
    of_images: dict[int, list[int]] = {}
    for row, number in wanted.items():
        of_images.setdefault(number, []).append(row)
    if not of_images:
        return
    with VideoSource(path) as source:
        for number, (image, _) in enumerate(source):
            for row in of_images.get(number, ()):
                yield row, image
            if number >= max(of_images):
                return


def _still(image: np.ndarray) -> str:
    scale = min(1.0, STILL_PX / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _embedded(small, STILL_QUALITY)


def _portrait(image: np.ndarray, box: np.ndarray) -> str:
    """Cut a person out, of the upper part if tall; "" where the box lies outside."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box.astype(float)
    tall = min(y2 - y1, (x2 - x1) * 1.6) if y2 - y1 > 1.6 * (x2 - x1) else y2 - y1
    x1, x2 = (int(np.clip(value, 0, width)) for value in (x1, np.ceil(x2)))
    y1, y2 = (int(np.clip(value, 0, height)) for value in (y1, np.ceil(y1 + tall)))
    if x2 - x1 < 2 or y2 - y1 < 2:
        return ""
    crop = image[y1:y2, x1:x2]
    scale = max(PORTRAIT_PX[0] / crop.shape[1], PORTRAIT_PX[1] / crop.shape[0])
    if scale < 1:
        crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _embedded(crop, PORTRAIT_QUALITY)


def _embedded(image: np.ndarray, quality: int) -> str:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
