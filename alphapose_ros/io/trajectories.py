"""trajectories.png and trajectories_m.png: the ways of people, in the image and in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.frame import Tracks, TrackState
from alphapose_ros.io.colours import Colour, IdentityColours
from alphapose_ros.io.ends import Job, Processed
from alphapose_ros.io.faces import cover_faces
from alphapose_ros.io.overlay import Spread
from alphapose_ros.io.timeline import round_step, write_picture

MOST_POINTS = 256  # of a way; then every second goes
MOST_WAYS = 1000  # then the shortest of those that have ended goes
LONGEST_GAP_S = 1.0  # until a way is interrupted
DIMMED = 0.45  # brightness of the frame below
SIDE_M_PX = 900  # longest side of the picture from above
FARTHEST_M = 100.0  # beyond, positions are no places of people that a camera sees
NAMED_PX = 14.0  # ways shorter than this have no number: they are somebody who stood

_INK, _GREY, _WHITE, _DARK = (40, 40, 40), (150, 150, 150), (255, 255, 255), (24, 24, 24)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass
class Way:
    """Where one track was seen; memory is bounded, however long it lasts."""

    id: int
    colour: Colour = _WHITE
    times_s: list[float] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)  # x, y of the picture
    last: tuple[float, tuple[float, float]] = (0.0, (0.0, 0.0))  # kept in any case
    _stride: int = 1
    _count: int = 0

    def add(self, time_s: float, place: tuple[float, float]) -> None:
        """Take the next place."""
        self.last = (time_s, place)
        if self._count % self._stride == 0:
            if len(self.places) == MOST_POINTS:
                self.times_s, self.places = self.times_s[::2], self.places[::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self.times_s.append(time_s)
                self.places.append(place)
        self._count += 1

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return times (P,) [s] and places (P, 2), the last place included."""
        times, places = list(self.times_s), list(self.places)
        if times and self.last[0] > times[-1]:
            times.append(self.last[0])
            places.append(self.last[1])
        return np.array(times), np.array(places).reshape(-1, 2)

    def gap_s(self) -> float:
        """Return from which time between two points on the way is interrupted."""
        steps = np.diff(self.times_s)
        return max(LONGEST_GAP_S, 3.0 * float(np.median(steps)) if len(steps) else 0.0)


class Ways:
    """The ways of all tracks."""

    def __init__(self) -> None:
        self._of_tracks: dict[int, Way] = {}

    def __len__(self) -> int:
        return len(self._of_tracks)

    def add(
        self, time_s: float, ids: np.ndarray, places: np.ndarray, colours: Sequence[Colour]
    ) -> None:
        """Take the places (N, 2) of the tracks that are seen in a frame; NaN are left out."""
        for track_id, place, colour in zip(ids.tolist(), places.tolist(), colours, strict=True):
            if track_id < 1 or not np.isfinite(place).all():
                continue
            way = self._of_tracks.setdefault(track_id, Way(track_id))
            way.colour = colour
            way.add(time_s, (place[0], place[1]))
        if len(self) > MOST_WAYS:
            ended = [way for way in self._of_tracks.values() if way.last[0] < time_s]
            shortest = min(ended, key=lambda way: way.last[0] - way.times_s[0], default=None)
            if shortest is not None:
                del self._of_tracks[shortest.id]

    def all(self) -> list[Way]:
        """Return the ways of more than one place, by the number of the track."""
        return [way for way in self._of_tracks.values() if len(way.points()[0]) > 1]


class TrajectoriesSink:
    """Writes trajectories.png, and trajectories_m.png where positions in metres are known.

    Nothing is written where nobody was tracked.

    Args:
        folder: has to exist.
        job: of the run; with ``output.privacy``, faces in the frame below are covered.
    """

    def __init__(self, folder: Path, job: Job) -> None:
        self._folder = Path(folder)
        self._privacy = job.config.output.privacy
        self._images, self._metres = Ways(), Ways()
        self._frames: Spread[np.ndarray] = Spread(4)
        self._colours = IdentityColours()
        self._start_ns: int | None = None

    def __enter__(self) -> TrajectoriesSink:
        return self

    def __exit__(self, *exception: object) -> None:
        """Write the pictures.

        Raises:
            OSError: one cannot be written.
        """
        if ways := self._images.all():
            below = self._frames.items[len(self._frames.items) // 2]
            write_picture(self._folder / "trajectories.png", draw_ways(below, ways))
        if ways := self._metres.all():
            write_picture(self._folder / "trajectories_m.png", draw_from_above(ways))

    def add(self, processed: Processed) -> None:
        """Take a frame and its people."""
        frame, result = processed.item.frame, processed.result
        tracks, colours = result.tracks, self._colours(result.tracks)
        self._start_ns = frame.stamp_ns if self._start_ns is None else self._start_ns
        time_s = (frame.stamp_ns - self._start_ns) / 1e9
        is_seen = np.isin(tracks.states, (TrackState.TENTATIVE, TrackState.TRACKED))
        seen, colours = tracks[is_seen], [colours[row] for row in np.flatnonzero(is_seen)]
        self._images.add(time_s, seen.ids, feet(seen), colours)
        if seen.positions is not None:
            self._metres.add(time_s, seen.ids, _from_above(seen.positions), colours)
        if self._frames.wants_next():
            image = frame.image.copy()
            if self._privacy:
                cover_faces(image, tracks.poses)
                cover_faces(image, tracks.poses if result.found is None else result.found)
            self._frames.add(image)


def feet(tracks: Tracks) -> np.ndarray:
    """Return where people stand in the image, (N, 2) [px]: the middle of the box's lower side."""
    boxes = tracks.poses.boxes
    return np.stack((0.5 * (boxes[:, 0] + boxes[:, 2]), boxes[:, 3]), axis=1)


def _from_above(positions: np.ndarray) -> np.ndarray:
    """Return x and z (N, 2) [m] of positions (N, 3), NaN where they are too far to be true."""
    places = positions[:, (0, 2)]
    with np.errstate(invalid="ignore"):
        return np.where((np.abs(places) < FARTHEST_M).all(axis=1, keepdims=True), places, np.nan)


def draw_ways(image: np.ndarray, ways: Sequence[Way]) -> np.ndarray:
    """Draw ways over a frame, which is dimmed.

    A way is faint where it begins and bright where it ends, with a ring at its start, a dot and the
    track's number at its end; a thin grey line where nobody was seen for a while.

    Args:
        image: (H, W, 3) uint8 BGR, left as it is.
        ways: in pixels of the image.

    Returns:
        (H, W, 3) uint8 BGR, at least 640 wide.
    """
    scale = max(1.0, 640 / image.shape[1])
    size = (round(scale * image.shape[1]), round(scale * image.shape[0]))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    mixed = cv2.addWeighted(image, 0.5 * DIMMED, grey, 0.5 * DIMMED, 0)
    canvas = cv2.resize(mixed, size, interpolation=cv2.INTER_LINEAR)
    width = max(2, round(min(size) / 240))
    below = canvas.copy()
    for way in ways:
        times, places = way.points()
        _draw_way(canvas, way, (times, scale * places), (width, 0.25), below)
    for way in ways:
        _draw_ends(canvas, way, scale * way.points()[1], width)
    return canvas


def draw_from_above(ways: Sequence[Way]) -> np.ndarray:
    """Draw ways as a map: x to the right, z upwards, the camera at (0, 0), with a grid in metres.

    Args:
        ways: x and z [m].

    Returns:
        (H, W, 3) uint8 BGR.
    """
    everywhere = np.concatenate([way.points()[1] for way in ways] + [np.zeros((1, 2))])
    low, high = everywhere.min(axis=0) - 0.5, everywhere.max(axis=0) + 0.5
    step_m = round_step(float((high - low).max()), 10)
    low, high = np.floor(low / step_m) * step_m, np.ceil(high / step_m) * step_m
    scale = (SIDE_M_PX - 100) / float((high - low).max())  # [px/m], the same both ways
    left, top, bottom = 64, 56, 48
    inner = np.ceil((high - low) * scale).astype(int)
    width = max(int(inner[0]), 360)
    canvas = np.full((top + inner[1] + bottom, left + width + 24, 3), _WHITE, np.uint8)

    def to_px(places: np.ndarray) -> np.ndarray:
        x, z = np.moveaxis(places, -1, 0)
        return np.stack((left + (x - low[0]) * scale, top + (high[1] - z) * scale), axis=-1)

    _grid(canvas, (low, high), step_m, to_px)
    title = f"Ways from above: x to the right, z forwards; a square is {step_m:g} m"
    cv2.putText(canvas, title, (16, 28), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    x, y = to_px(np.zeros(2)).round().astype(int).tolist()
    triangle = np.array([(x, y + 6), (x - 9, y - 10), (x + 9, y - 10)])
    cv2.fillPoly(canvas, [triangle], _INK, cv2.LINE_AA)
    cv2.putText(canvas, "camera", (x + 12, y), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    below = canvas.copy()
    for way in ways:
        times, places = way.points()
        _draw_way(canvas, way, (times, to_px(places)), (3, 0.35), below)
    for way in ways:
        _draw_ends(canvas, way, to_px(way.points()[1]), 3)
    return canvas


def _grid(canvas: np.ndarray, corners: tuple, step_m: float, to_px: object) -> None:
    """Draw lines at whole steps, named below and on the left."""
    low, high = corners
    counts = np.round((high - low) / step_m).astype(int)
    for axis, count in enumerate(counts):
        for number in range(count + 1):
            value = low[axis] + number * step_m
            ends = np.array([low, high], dtype=float)
            ends[:, axis] = value
            start, stop = to_px(ends).round().astype(int).tolist()
            colour = (190, 190, 190) if abs(value) < 1e-9 else (228, 228, 228)
            cv2.line(canvas, start, stop, colour, 1)
            text = f"{value:g} m"
            where = (8, start[1] + 4) if axis else (start[0] - 10, canvas.shape[0] - 26)
            cv2.putText(canvas, text, where, _FONT, 0.38, _INK, 1, cv2.LINE_AA)


def _draw_way(
    canvas: np.ndarray,
    way: Way,
    points: tuple[np.ndarray, np.ndarray],
    form: tuple[int, float],
    below: np.ndarray,
) -> None:
    """Draw the line of a way.

    Args:
        canvas: to draw on.
        way: whose line.
        points: times (P,) [s] and places (P, 2) [px].
        form: width of the line [px], and how strong its colour is at first.
        below: the canvas without ways, which shines through.
    """
    (times, places), (width, faintest) = points, form
    fixed = np.round(np.clip(places, -1e5, 1e5) * 16).astype(int)
    age = (times - times[0]) / max(times[-1] - times[0], 1e-9)
    gap_s = way.gap_s()
    for row in range(1, len(fixed)):
        ends = fixed[row - 1].tolist(), fixed[row].tolist()
        if times[row] - times[row - 1] > gap_s:
            cv2.line(canvas, *ends, _GREY, 1, cv2.LINE_AA, 4)
            continue
        strength = faintest + (1 - faintest) * age[row]
        middle = ((fixed[row - 1] + fixed[row]) // 32)[::-1]
        inside = np.clip(middle, 0, np.array(below.shape[:2]) - 1)
        ground = below[tuple(inside)].astype(float)
        colour = strength * np.array(way.colour) + (1 - strength) * ground
        cv2.line(canvas, *ends, colour.round().tolist(), width, cv2.LINE_AA, 4)


def _draw_ends(canvas: np.ndarray, way: Way, places: np.ndarray, width: int) -> None:
    """Mark where a way begins and ends, with the track's number where there is a way."""
    first, last = (np.clip(places[row], -1e5, 1e5).round().astype(int).tolist() for row in (0, -1))
    cv2.circle(canvas, first, width + 2, way.colour, 1, cv2.LINE_AA)
    cv2.circle(canvas, last, width + 2, _DARK, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(canvas, last, width + 1, way.colour, cv2.FILLED, cv2.LINE_AA)
    if np.ptp(places, axis=0).max() < NAMED_PX:
        return
    text, size = str(way.id), 0.3 + 0.06 * width
    (wide, tall), _ = cv2.getTextSize(text, _FONT, size, 1)
    x = int(np.clip(last[0] + width + 4, 0, canvas.shape[1] - wide - 4))
    y = int(np.clip(last[1] + tall // 2, tall + 3, canvas.shape[0] - 4))
    cv2.rectangle(canvas, (x - 2, y - tall - 3), (x + wide + 2, y + 3), _DARK, cv2.FILLED)
    cv2.putText(canvas, text, (x, y), _FONT, size, way.colour, 1, cv2.LINE_AA)
