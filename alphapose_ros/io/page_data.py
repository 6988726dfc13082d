"""The results of a run as a web page carries them: a small table of facts, and packed numbers.

Rows are people in frames, sorted by track, then by frame. All columns are whole numbers, written as
differences to the row before of the same track, so that compression finds little in them.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphapose_ros.frame import Tracks, TrackState
from alphapose_ros.io.colours import Colour, IdentityColours
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.faces import without_faces
from alphapose_ros.io.formats.results import Results
from alphapose_ros.lifting.moving import unknown
from alphapose_ros.skeletons import Skeleton

UNIT_PX = 0.5  # of coordinates, as long as pictures are below 8192 px
LARGEST = 16383  # so that differences have 16 bits
SCORE_STEPS = 50  # of a keypoint's score from 0 to 1; 200 of a person's
UNIT_M = 0.01  # of positions
MOST_POSES = 100_000  # then every second, third, ... frame goes
GREY = (173, 163, 154)  # blue, green, red of those
NO_TRACK = 0  # id of people of whom a file tells no track


@dataclass(frozen=True)
class PageData:
    """What a page shows."""

    facts: dict[str, Any]  # for JSON
    numbers: bytes  # gzip of all columns, each with its low bytes first, then its high bytes

    def text(self) -> str:
        """Return the numbers as ASCII."""
        return base64.b64encode(self.numbers).decode("ascii")


def page_data(results: Results, *, privacy: bool = False) -> PageData:
    """Pack results.

    Args:
        results: of a run.
        privacy: whether keypoints of the face are left out.

    Raises:
        ValueError: there is no frame.
    """
    if not results.frames:
        raise ValueError(f"{results.source_name or 'the results'}: there is no frame to show")
    every = max(1, -(-sum(len(frame.tracks) for frame in results.frames) // MOST_POSES))
    frames = results.frames[::every]
    of_tracks = _of_tracks(frames)
    as_seen = [unknown(frame.tracks) if frame.frame_id else frame.tracks for frame in frames]
    shown = [tracks[tracks.states != TrackState.REMOVED] for tracks in as_seen]
    people = [without_faces(tracks) for tracks in shown] if privacy else shown
    width, height = _size(frames)
    columns, counts = _columns(people, max(width, height))
    start_ns = frames[0].stamp_ns
    facts = {
        "source": results.source_name,
        "skeleton": _skeleton_facts(results),
        "width": width,
        "height": height,
        "start_ns": str(start_ns),
        "times_ms": [round((frame.stamp_ns - start_ns) / 1e6, 1) for frame in frames],
        "names": _names(frames),
        "indices": [frame.index for frame in frames],
        "every": every,
        "has_stamps": results.has_stamps,
        "privacy": privacy,
        "tracks": [_track_facts(*pair, of_tracks) for pair in counts],
        "unit_px": columns.pop("unit_px"),
        "unit_m": UNIT_M,
        "score_steps": SCORE_STEPS,
        "columns": [[name, column.shape[1]] for name, column in columns.items()],
        "rows": sum(rows for _, rows in counts),
    }
    return PageData(facts, gzip.compress(b"".join(map(_planes, columns.values())), 9, mtime=0))


def _of_tracks(frames: Sequence[FrameResult]) -> dict[int, tuple[int, Colour]]:
    """Return for each track the last person that it was, and its last colour in the overlay."""
    colours = IdentityColours()
    found: dict[int, tuple[int, Colour]] = {}
    for frame in frames:
        columns = frame.tracks.ids.tolist(), frame.tracks.person_ids.tolist()
        for track, person, colour in zip(*columns, colours(frame.tracks), strict=True):
            known = found.get(track, (-1, colour))[0]
            found[track] = (person if person >= 0 else known, colour)
    return found


def _size(frames: Sequence[FrameResult]) -> tuple[int, int]:
    """Return width and height of the pictures, or of what people take up if a file tells none."""
    told = max(frame.width for frame in frames), max(frame.height for frame in frames)
    if min(told) > 0:
        return told
    places = [np.zeros((1, 2), np.float32)]
    for frame in frames:
        poses = frame.tracks.poses
        places += [poses.keypoints[..., :2].reshape(-1, 2), poses.boxes.reshape(-1, 2)]
    everywhere = np.concatenate(places)
    width, height = everywhere[np.isfinite(everywhere).all(axis=1)].max(axis=0)
    return max(16, int(np.ceil(width))), max(16, int(np.ceil(height)))


def _skeleton_facts(results: Results) -> dict[str, Any]:
    skeleton = results.skeleton
    fine = [row for g in ("face", "left_hand", "right_hand") for row in _group(skeleton, g)]
    return {
        "id": skeleton.id,
        "names": list(skeleton.names),
        "edges": np.asarray(skeleton.edge_rows).reshape(-1, 2).tolist(),
        "fine": sorted(map(int, fine)),
    }


def _group(skeleton: Skeleton, name: str) -> list[int]:
    rows = np.arange(len(skeleton.names))
    return rows[skeleton.group(name)].tolist() if name in skeleton.groups else []


def _names(frames: Sequence[FrameResult]) -> list[str] | None:
    """Return the names of the frames; None where they are but their numbers."""
    names = [frame.name for frame in frames]
    usual = [f"{frame.index}.jpg" for frame in frames]
    return None if names == usual or not any(names) else names


def _track_facts(track: int, rows: int, of_tracks: dict[int, tuple[int, Colour]]) -> dict[str, Any]:
    person, (blue, green, red) = (-1, GREY) if track == NO_TRACK else of_tracks[track]
    colour = f"#{red:02x}{green:02x}{blue:02x}"
    return {"id": track, "rows": rows, "person": person, "colour": colour}


def _columns(people: list[Tracks], extent: int) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """Return the columns (n, C) as differences, with the unit; and (track, rows) of each track."""
    ids = np.concatenate([tracks.ids for tracks in people])
    ids = np.where(ids > 0, ids, NO_TRACK)
    frame = np.repeat(np.arange(len(people)), [len(tracks) for tracks in people])
    order = np.lexsort((frame, ids))
    ids, frame = ids[order], frame[order]
    starts = np.ones(len(ids), bool)
    starts[1:] = (ids[1:] != ids[:-1]) | (ids[1:] == NO_TRACK)
    unit = UNIT_PX * max(1.0, extent / 8000)

    def joined(values: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(values)[order]

    def whole(values: np.ndarray, parts: float) -> np.ndarray:
        return np.clip(np.nan_to_num(values * parts).round(), -LARGEST, LARGEST).astype(np.int32)

    box = whole(joined([tracks.poses.boxes for tracks in people]), 1 / unit)
    keypoints = joined([tracks.poses.keypoints for tracks in people])
    is_there = np.isfinite(keypoints).all(axis=2) & (keypoints[..., 2] > 0)
    score = np.where(is_there, np.maximum(whole(keypoints[..., 2], SCORE_STEPS), 1), 0)
    corner = box[:, None, :2]
    places = np.where(is_there[..., None], whole(keypoints[..., :2], 1 / unit), 0)
    places = _held(places, is_there, starts, corner)
    columns = {
        "frame": _differences(frame[:, None].astype(np.int32), starts),
        "state": joined([tracks.states for tracks in people])[:, None].astype(np.int32),
        "score": whole(joined([tracks.poses.scores for tracks in people]), 200)[:, None],
        "box": _differences(box, starts),
        "x": _differences(places[..., 0], starts, corner[..., 0]),
        "y": _differences(places[..., 1], starts, corner[..., 1]),
        "keypoint_score": _differences(score, starts),
        "unit_px": unit,
    }
    if any(tracks.positions is not None for tracks in people):
        metres = joined([_positions(tracks) for tracks in people])
        known = np.isfinite(metres).all(axis=1)
        held = _held(
            whole(metres, 1 / UNIT_M)[:, None], known[:, None], starts, np.zeros((1, 1, 3), int)
        )[:, 0]
        columns["has_position"] = known[:, None].astype(np.int32)
        columns["position"] = _differences(held, starts)
    tracks_of, counts = np.unique(ids, return_counts=True)
    return columns, list(zip(tracks_of.tolist(), counts.tolist(), strict=True))


def _positions(tracks: Tracks) -> np.ndarray:
    return np.full((len(tracks), 3), np.nan) if tracks.positions is None else tracks.positions


def _held(
    values: np.ndarray, is_there: np.ndarray, starts: np.ndarray, first: np.ndarray
) -> np.ndarray:
    """Fill what is absent with what was there last in the same track, or ``first``.

    Args:
        values: (n, K, C).
        is_there: (n, K).
        starts: (n,) where a track begins.
        first: (n, 1, C), or (1, 1, C).
    """
    filled = np.where(is_there[..., None], values, first)
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(is_there | starts[:, None], rows, 0), axis=0)
    return np.take_along_axis(filled, last[..., None], axis=0)


def _differences(values: np.ndarray, starts: np.ndarray, first: np.ndarray | int = 0) -> np.ndarray:
    """Return (n, C) differences to the row before, at starts to ``first`` (n, 1) or 0."""
    before = np.empty_like(values)
    before[1:] = values[:-1]
    return values - np.where(starts[:, None], first, before)


def _planes(column: np.ndarray) -> bytes:
    """Write whole numbers with small amounts, of either sign, as low bytes, then high bytes."""
    column = np.asarray(column, np.int64)
    zigzag = np.where(column < 0, -2 * column - 1, 2 * column).astype(np.uint16)
    return (zigzag & 255).astype(np.uint8).tobytes() + (zigzag >> 8).astype(np.uint8).tobytes()
