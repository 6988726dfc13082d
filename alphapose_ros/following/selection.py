"""Who of those in view is meant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alphapose_ros.following.records import NO_TRACK, SelectBy, Selection, View, Wish
from alphapose_ros.frame import Tracks, TrackState


def choose(wish: Wish, tracks: Tracks, view: View, max_range_m: float) -> Selection:
    """Find whom ``wish`` means among those seen in this frame.

    People farther away than ``max_range_m`` do not count; where no position is known, everybody
    does.
    """
    seen = tracks[tracks.detection_rows >= 0]
    ranges = ranges_m(seen, view)
    costs, nobody = _COSTS[wish.by](wish, seen, view, ranges)
    if not np.isfinite(costs).any():
        return Selection(False, NO_TRACK, nobody)
    is_far = ranges > max_range_m  # NaN is not
    near = np.where(is_far, np.inf, costs)
    if not np.isfinite(near).any():
        row = np.argmin(costs)
        return Selection(
            False,
            NO_TRACK,
            f"track {seen.ids[row]} is {ranges[row]:.1f} m away; "
            f"target.max_range_m is {max_range_m:g}",
        )
    return Selection(True, int(seen.ids[np.argmin(near)]), "")


def ranges_m(tracks: Tracks, view: View) -> np.ndarray:
    """Return how far people are from the camera (N,) [m], NaN where that is not known."""
    if tracks.positions is None:
        return np.full(len(tracks), np.nan)
    return np.linalg.norm(tracks.positions - np.asarray(view.place), axis=1)


def _nearest(wish: Wish, seen: Tracks, view: View, ranges: np.ndarray) -> tuple[np.ndarray, str]:
    """Prefer small ranges; where none is known, large boxes."""
    confirmed = seen.states == TrackState.TRACKED
    sizes = np.ptp(seen.poses.boxes.reshape(-1, 2, 2), axis=1).prod(axis=1)
    known = np.isfinite(ranges)
    is_known_of_any = (known & confirmed).any()
    costs = np.where(known, ranges, np.inf) if is_known_of_any else -sizes
    return np.where(confirmed, costs, np.inf), "nobody is in view"


def _centre(wish: Wish, seen: Tracks, view: View, ranges: np.ndarray) -> tuple[np.ndarray, str]:
    """Prefer boxes whose middle is near that of the image."""
    middles = seen.poses.boxes.reshape(-1, 2, 2).mean(axis=1)
    away = np.linalg.norm(middles - np.array([view.width, view.height]) / 2, axis=1)
    confirmed = seen.states == TrackState.TRACKED
    return np.where(confirmed, away, np.inf), "nobody is in view"


def _track(wish: Wish, seen: Tracks, view: View, ranges: np.ndarray) -> tuple[np.ndarray, str]:
    costs = np.where(seen.ids == wish.track_id, 0.0, np.inf)
    return costs, f"track {wish.track_id} is not in view; in view are {_listed(seen.ids)}"


def _person(wish: Wish, seen: Tracks, view: View, ranges: np.ndarray) -> tuple[np.ndarray, str]:
    costs = np.where((seen.person_ids == wish.person_id) & (wish.person_id >= 0), 0.0, np.inf)
    known = seen.person_ids[seen.person_ids >= 0]
    return costs, f"person {wish.person_id} is not in view; in view are {_listed(known)}"


def _pixel(wish: Wish, seen: Tracks, view: View, ranges: np.ndarray) -> tuple[np.ndarray, str]:
    """Of boxes that hold the pixel, prefer the one in whose middle it is, in parts of the box."""
    corners = seen.poses.boxes.reshape(-1, 2, 2)
    sizes = np.maximum(np.ptp(corners, axis=1), 1e-3)
    away = (np.array([wish.x, wish.y]) - corners.mean(axis=1)) / sizes
    holds = (np.abs(away) <= 0.5).all(axis=1)  # NaN does not
    costs = np.where(holds, np.linalg.norm(away, axis=1), np.inf)
    return costs, f"nobody's box holds {wish.x:g}, {wish.y:g}"


def _listed(numbers: np.ndarray) -> str:
    return ", ".join(map(str, sorted(numbers.tolist()))) or "none"


_COSTS: dict[SelectBy, Callable[[Wish, Tracks, View, np.ndarray], tuple[np.ndarray, str]]] = {
    SelectBy.NEAREST: _nearest,
    SelectBy.CENTRE: _centre,
    SelectBy.TRACK_ID: _track,
    SelectBy.PERSON_ID: _person,
    SelectBy.PIXEL: _pixel,
}
