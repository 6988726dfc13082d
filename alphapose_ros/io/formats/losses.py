"""What results hold, and what of it a format has no room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alphapose_ros.frame import Tracks
from alphapose_ros.io.formats.names import NOBODY, index_in
from alphapose_ros.io.formats.results import Format, Results

if TYPE_CHECKING:
    from alphapose_ros.io.ends import FrameResult


@dataclass(frozen=True)
class Part:
    """Something that results may hold: how often a frame does, and its name for tables."""

    meaning: str
    count: Callable[[FrameResult], int]
    unit: str = "people"  # what is counted


def _of_people(hold: Callable[[Tracks], np.ndarray]) -> Callable[[FrameResult], int]:
    """Count the people of whom a mask (N,) says so."""
    return lambda frame: int(np.sum(hold(frame.tracks)))


def _known(name: str) -> Callable[[FrameResult], int]:
    """Count the people of whom an optional column of Tracks says something."""

    def count(frame: FrameResult) -> int:
        values = vars(frame.tracks)[name]
        if values is None or not len(values):
            return 0
        return int((np.nan_to_num(values).reshape(len(values), -1) != 0).any(axis=1).sum())

    return count


def _keypoints_3d(frame: FrameResult) -> int:
    places = frame.tracks.poses.keypoints_3d
    return 0 if places is None else int(np.isfinite(places).any(axis=(1, 2)).sum())


def _embeddings(frame: FrameResult) -> int:
    return 0 if frame.tracks.poses.embeddings is None else len(frame.tracks)


def _is_predicted(tracks: Tracks) -> np.ndarray:
    return tracks.detection_rows < 0


PARTS = {
    "names": Part("names of frames", lambda frame: frame.name != f"{frame.index}.jpg", "frames"),
    "empty frames": Part("frames without people", lambda frame: not len(frame.tracks), "frames"),
    "stamps": Part("times of frames", lambda frame: 1, "frames"),
    "sizes": Part("sizes of images", lambda frame: bool(frame.width), "frames"),
    "boxes": Part("boxes", _of_people(lambda t: np.isfinite(t.poses.boxes).all(axis=1))),
    "scores": Part("scores of people", _of_people(lambda t: np.isfinite(t.poses.scores))),
    "box scores": Part("scores of boxes", _of_people(lambda t: np.isfinite(t.poses.box_scores))),
    "tracks": Part("tracks (ids)", _of_people(lambda t: t.ids != NOBODY)),
    "predicted": Part("people predicted but not seen", _of_people(_is_predicted)),
    "states": Part("states, ages and hits of tracks", _of_people(lambda t: t.hits > 0)),
    "motion": Part(
        "velocities in pixels", _of_people(lambda t: np.isfinite(t.velocities_px).any(axis=1))
    ),
    "identities": Part("identities by re-ID", _of_people(lambda t: t.person_ids != NOBODY)),
    "positions": Part("positions in metres", _known("positions")),
    "velocities": Part("velocities in metres per second", _known("velocities")),
    "facings": Part("where people face", _known("facings")),
    "3d keypoints": Part("keypoints in metres", _keypoints_3d),
    "embeddings": Part("embeddings of re-ID", _embeddings),
}
EVERYTHING = frozenset(PARTS)


def losses(results: Results, target: Format) -> list[str]:
    """Say what of ``results`` a format cannot hold, a line per kind of loss, counted."""
    lines = []
    for name, part in PARTS.items():
        is_made_up = name == "stamps" and not results.has_stamps
        if name not in target.holds and not is_made_up:
            count = sum(int(part.count(frame)) for frame in results.frames)
            if count:
                lines.append(f"{part.meaning} ({count} {part.unit})")
    lines += _keypoints(results, target)
    if "empty frames" not in target.holds:
        lines += _indices(results.frames)
    return lines


def _keypoints(results: Results, target: Format) -> list[str]:
    """Say which keypoints that somebody has are not kept."""
    body = results.skeleton
    kept = target.keeps(body)
    is_there = np.zeros(len(body.names), np.int64)
    people = 0
    for frame in results.frames:
        there = np.isfinite(frame.tracks.poses.keypoints[..., 0])
        is_there += there.sum(axis=0)
        people += int(there.any(axis=1).sum())
    lost = [
        name
        for name, count in zip(body.names, is_there.tolist(), strict=True)
        if count and name not in kept
    ]
    if not lost:
        return []
    if len(lost) == int((is_there > 0).sum()):
        return [f"all keypoints ({people} people)"]
    shown = ", ".join(lost[:6]) + (f" and {len(lost) - 6} more" if len(lost) > 6 else "")
    return [f"{len(lost)} of {len(body.names)} keypoints: {shown} ({people} people)"]


def _indices(frames: Iterable[FrameResult]) -> list[str]:
    """Say how many frames get another index, where those without people are left out."""
    written = [frame for frame in frames if (frame.tracks.detection_rows >= 0).any()]
    if all(index_in(frame.name) == frame.index for frame in written):
        return []
    count = sum(frame.index != row for row, frame in enumerate(written))
    return [f"indices of frames ({count} frames)"] if count else []
