"""timeline.png: a bar for everybody, over the seconds of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.frame import TrackState
from alphapose_ros.io.colours import Colour
from alphapose_ros.io.ends import Job, Processed
from alphapose_ros.io.presence import Identity, Presence, Span

WIDTH = 1400  # of a picture [px]
MOST_ROWS = 100  # of a picture; then another one follows
NAMED_ROWS = 60  # up to so many, everybody has a row; then tracks of nobody known share rows
LONG_NAME = 30  # letters of a name that fit beside the bars
APART_S = 0.5  # at least between two bars that share a row, and 2 % of the run

_PAPER, _INK, _GRID = (255, 255, 255), (40, 40, 40), (225, 225, 225)
_GREY = (150, 150, 150)
_LEFT, _RIGHT, _TOP, _BOTTOM = 230, 20, 64, 34  # around the bars [px]
_FONT = cv2.FONT_HERSHEY_SIMPLEX

Row = tuple[Identity, ...]  # who share a row


class TimelineSink:
    """Writes timeline.png into a folder, and timeline_2.png, ... where people are many.

    Nothing is written where nobody was tracked.

    Args:
        folder: has to exist.
        job: of the run.
    """

    def __init__(self, folder: Path, job: Job) -> None:
        self._folder = Path(folder)
        self._presence = Presence(1.0 / job.rate_hz)

    def __enter__(self) -> TimelineSink:
        return self

    def __exit__(self, *exception: object) -> None:
        """Write the pictures.

        Raises:
            OSError: one cannot be written.
        """
        pages = draw_timeline(self._presence.identities(), self._presence.stop_s)
        for number, page in enumerate(pages, 1):
            path = self._folder / ("timeline.png" if number == 1 else f"timeline_{number}.png")
            write_picture(path, page)

    def add(self, processed: Processed) -> None:
        """Take a frame and its people."""
        self._presence.add(processed.item.frame.stamp_ns, processed.result.tracks)


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write a picture in the form of the name's ending.

    Raises:
        OSError: it cannot be written.
    """
    done, data = cv2.imencode(path.suffix, image)
    if not done:
        raise OSError(f"{path}: OpenCV cannot write such a picture; end the name in .png or .jpg")
    path.write_bytes(data.tobytes())  # cv2.imwrite() would hide why it fails


def draw_timeline(identities: Sequence[Identity], stop_s: float) -> list[np.ndarray]:
    """Draw who was seen when.

    Args:
        identities: everybody, by first sight.
        stop_s: end of the run, from its first frame.

    Returns:
        Pictures (H, W, 3) uint8 BGR with up to MOST_ROWS rows each; none for nobody.
    """
    rows = arrange(identities, stop_s)
    pages = [rows[start : start + MOST_ROWS] for start in range(0, len(rows), MOST_ROWS)]
    title = f"Who was seen when: {_counted(len(identities))} in {stop_s:.1f} s"
    return [
        _page(page, stop_s, title if len(pages) == 1 else f"{title}, page {number} of {len(pages)}")
        for number, page in enumerate(pages, 1)
    ]


def arrange(identities: Sequence[Identity], stop_s: float) -> list[Row]:
    """Give everybody a row; where they are too many, tracks of nobody known share rows.

    Rows come by first sight. Those that share one do not overlap, with room for a number between.
    """
    if len(identities) <= NAMED_ROWS:
        return [(identity,) for identity in identities]
    apart_s = max(APART_S, 0.02 * stop_s)
    rows: list[list[Identity]] = []
    ends_s: list[float] = []  # of the rows; endless where they are not to be shared
    for identity in identities:
        start_s, end_s = identity.spans[0].start_s, identity.spans[-1].stop_s
        is_nobody = identity.person_id < 0
        free = [row for row, end in enumerate(ends_s) if is_nobody and end + apart_s <= start_s]
        if free:
            rows[free[0]].append(identity)
            ends_s[free[0]] = end_s
        else:
            rows.append([identity])
            ends_s.append(end_s if is_nobody else np.inf)
    return [tuple(row) for row in rows]


def _page(rows: Sequence[Row], stop_s: float, title: str) -> np.ndarray:
    pitch = int(np.clip(1000 // len(rows), 15, 34))  # from row to row [px]
    page = np.full((_TOP + pitch * len(rows) + _BOTTOM, WIDTH, 3), _PAPER, np.uint8)
    _text(page, title, (16, 26), 0.62)
    _legend(page)
    scale = (WIDTH - _LEFT - _RIGHT) / max(stop_s, 1e-3)  # [px/s]
    for row in range(0, len(rows), 2):
        page[_TOP + row * pitch : _TOP + (row + 1) * pitch] = (247, 247, 247)
    _axis(page, stop_s, scale)
    for row, identities in enumerate(rows):
        _row(page, identities, _TOP + row * pitch, pitch, scale)
    return page


def _row(
    page: np.ndarray, identities: Sequence[Identity], top: int, pitch: int, scale: float
) -> None:
    """Draw who share a row: alone with the name on the left, else with numbers at the bars."""
    size = 0.36 if pitch < 20 else 0.43
    base = top + pitch // 2 + 5
    if len(identities) == 1:
        name = identities[0].name
        name = name if len(name) <= LONG_NAME else f"{name[: LONG_NAME - 3]}..."
        cv2.rectangle(page, (16, top + 4), (24, top + pitch - 5), identities[0].colour, -1)
        _text(page, name, (32, base), size)
    else:
        _text(page, f"{len(identities)} tracks", (32, base), size, _GREY)
    for identity in identities:
        for span in identity.spans:
            bar(page, span, (_LEFT, top, pitch, scale), identity.colour)
        if len(identities) > 1:
            start = _LEFT + round(identity.spans[-1].stop_s * scale) + 3
            _text(page, str(identity.tracks[0].id), (start, base), 0.33, _GREY)


def bar(page: np.ndarray, span: Span, place: tuple[int, int, int, float], colour: Colour) -> None:
    """Draw a span: tracked full, tentative as an outline, lost as a thin grey line.

    Args:
        page: to draw on.
        span: what to draw.
        place: left end of the axis [px], top and height of the row [px], scale [px/s].
        colour: of the identity.
    """
    left, top, pitch, scale = place
    x1 = left + round(span.start_s * scale)
    x2 = max(left + round(span.stop_s * scale) - 1, x1 + 1)
    y1, y2 = top + 3, top + pitch - 4
    middle = (y1 + y2) // 2
    if span.state == TrackState.LOST:
        cv2.rectangle(page, (x1, middle - 1), (x2, middle + 1), _GREY, cv2.FILLED)
    elif span.state == TrackState.TENTATIVE:
        cv2.rectangle(page, (x1, y1 + 2), (x2, y2 - 2), _darker(colour), 1)
    else:
        cv2.rectangle(page, (x1, y1), (x2, y2), colour, cv2.FILLED)
        cv2.rectangle(page, (x1, y1), (x2, y2), _darker(colour), 1)


def _axis(page: np.ndarray, stop_s: float, scale: float) -> None:
    """Draw lines of the grid at whole times, named above and below."""
    step_s = round_step(stop_s, 10)
    bottom = page.shape[0] - _BOTTOM
    for number in range(int(stop_s / step_s + 1e-9) + 1):
        time_s = number * step_s
        x = _LEFT + round(time_s * scale)
        cv2.line(page, (x, _TOP - 4), (x, bottom), _GRID, 1)
        _text(page, clock(time_s, step_s), (x - 8, bottom + 18), 0.4)


def round_step(extent: float, most: int) -> float:
    """Return the smallest of ..., 0.1, 0.2, 0.5, 1, ... that fits into ``extent`` <= most times.

    From a minute on, times that clocks have are taken.
    """
    ladder = [base * 10.0**power for power in range(-3, 1) for base in (1, 2, 5)]
    ladder += [10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 18000.0]
    return next((step for step in ladder if extent / step <= most), max(extent / most, ladder[-1]))


def clock(time_s: float, step_s: float) -> str:
    """Return a time as people write it: 0.5 s, 12 s, 3:20, 1:03:20."""
    if time_s < 60:
        return f"{time_s:.{max(0, -int(np.floor(np.log10(step_s))))}f} s"
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _legend(page: np.ndarray) -> None:
    x = _LEFT
    for state in (TrackState.TRACKED, TrackState.TENTATIVE, TrackState.LOST):
        bar(page, Span(0, 26, state), (x, 38, 18, 1.0), (200, 150, 60))
        _text(page, state.name.lower(), (x + 34, 51), 0.42)
        x += 130


def _text(
    page: np.ndarray, text: str, where: tuple[int, int], size: float, colour: Colour = _INK
) -> None:
    cv2.putText(page, text, where, _FONT, size, colour, 1, cv2.LINE_AA)


def _darker(colour: Colour) -> Colour:
    blue, green, red = (round(0.6 * value) for value in colour)
    return blue, green, red


def _counted(number: int) -> str:
    return "1 identity" if number == 1 else f"{number} identities"
