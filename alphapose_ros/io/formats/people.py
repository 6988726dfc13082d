"""From the entries of files to records and back: what all formats do alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.names import NOBODY, indices_of
from alphapose_ros.io.formats.numbers import extent, mean_score
from alphapose_ros.io.formats.results import Results
from alphapose_ros.skeletons import ID_OF_COUNT, Skeleton, skeleton


@dataclass(kw_only=True)
class Found:
    """One person in one frame, as a file tells it."""

    keypoints: np.ndarray  # (K, 3) x y [px], score; NaN NaN 0 where absent
    score: float = np.nan  # NaN: not told
    box: np.ndarray | None = None  # (4,) x1 y1 x2 y2 [px]
    id: int = NOBODY
    keypoints_3d: np.ndarray | None = None  # (K, 3) [m]


@dataclass(kw_only=True)
class Picture:
    """One frame, as a file tells it."""

    name: str
    index: int
    people: list[Found] = field(default_factory=list)
    stamp_ns: int | None = None
    size: tuple[int, int] = (0, 0)  # width, height [px]


def frame_results(pictures: Iterable[Picture], body: Skeleton, rate_hz: float) -> list[FrameResult]:
    """Make records of what a file tells; frames without a stamp get index / ``rate_hz``."""
    return [
        FrameResult(
            name=one.name,
            index=one.index,
            stamp_ns=round(one.index / rate_hz * 1e9) if one.stamp_ns is None else one.stamp_ns,
            width=one.size[0],
            height=one.size[1],
            tracks=observed(poses_of(one.people, body), [found.id for found in one.people]),
        )
        for one in pictures
    ]


def tracks_from_one(results: Results) -> Results:
    """Return results whose tracks count from 1, as ours do: 1 is added where there is a track 0."""
    if not any((frame.tracks.ids == 0).any() for frame in results.frames):
        return results
    frames = [
        replace(frame, tracks=replace(frame.tracks, ids=ids + (ids != NOBODY)))
        for frame in results.frames
        for ids in [frame.tracks.ids]
    ]
    note = "tracks are counted from 0 there: 1 is added to all their numbers"
    return replace(results, frames=frames, notes=(*results.notes, note))


def pictures_by_name(people: Iterable[tuple[str, Found]]) -> list[Picture]:
    """Gather people by the names of their frames, in the order of `indices_of`."""
    gathered: dict[str, list[Found]] = {}
    for name, found in people:
        gathered.setdefault(name, []).append(found)
    return in_order(list(gathered.items()))


def in_order(frames: Sequence[tuple[str, list[Found]]]) -> list[Picture]:
    """Return frames of different names with their index, sorted by it."""
    indices = indices_of([name for name, _ in frames])
    pictures = [
        Picture(name=name, index=index, people=people)
        for index, (name, people) in zip(indices, frames, strict=True)
    ]
    return sorted(pictures, key=lambda one: one.index)


def poses_of(people: Sequence[Found], body: Skeleton) -> Poses:
    """Make the record of N people; what a file does not tell is NaN or made from keypoints."""
    keypoints = np.array([one.keypoints for one in people], np.float64)
    keypoints = keypoints.reshape(-1, len(body.names), 3)
    boxes = [
        extent(points) if one.box is None else one.box
        for one, points in zip(people, keypoints, strict=True)
    ]
    scores = [
        mean_score(points) if np.isnan(one.score) else one.score
        for one, points in zip(people, keypoints, strict=True)
    ]
    depths = [one.keypoints_3d for one in people]
    has_depth = any(depth is not None for depth in depths)
    unknown = np.full((len(body.names), 3), np.nan)
    return Poses(
        skeleton=body,
        keypoints=keypoints,
        boxes=np.reshape(boxes, (-1, 4)),
        box_scores=np.full(len(people), np.nan),
        scores=np.reshape(scores, -1),
        keypoints_3d=[unknown if d is None else d for d in depths] if has_depth else None,
    )


def observed(poses: Poses, ids: Sequence[int] | np.ndarray) -> Tracks:
    """Return tracks of N people seen in this frame; of their past nothing is known."""
    count = len(poses)
    return Tracks(
        poses=poses,
        ids=np.reshape(ids, -1),
        states=np.full(count, TrackState.TRACKED),
        ages_s=np.full(count, np.nan),
        unseen_s=np.zeros(count),
        hits=np.zeros(count),
        detection_rows=np.arange(count),
        velocities_px=np.full((count, 2), np.nan),
        person_ids=np.full(count, NOBODY),
        identity_scores=np.full(count, np.nan),
    )


def seen(tracks: Tracks) -> Tracks:
    """Leave out those who are only predicted in this frame."""
    return tracks[tracks.detection_rows >= 0]


def person_scores(poses: Poses) -> np.ndarray:
    """Return scores (N,) without NaN, which JSON does not know: means of the keypoints instead."""
    known = np.isfinite(poses.scores)
    scores = poses.scores.astype(np.float64)
    scores[~known] = [mean_score(points) for points in poses.keypoints[~known]]
    return scores


def skeleton_of(numbers: int, where: str) -> Skeleton:
    """Return the skeleton whose keypoints take so many numbers.

    Raises:
        ValueError: there is none.
    """
    if numbers % 3 or numbers // 3 not in ID_OF_COUNT:
        raise ValueError(
            f"{where}: holds {numbers} numbers; known are 3 times "
            f"{', '.join(map(str, ID_OF_COUNT))}; name the skeleton"
        )
    return skeleton(ID_OF_COUNT[numbers // 3])
