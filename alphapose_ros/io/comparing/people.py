"""Which people of a frame are the same in two results, and in what they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alphapose_ros.boxes import area, iou
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.keypoints import oks
from alphapose_ros.matching import match
from alphapose_ros.skeletons import Skeleton

LEAST = 0.2  # similarity of two people who can be one
PREFERENCE = 1e-6  # for equal track ids, where people are otherwise equally alike


@dataclass(frozen=True)
class Common:
    """The keypoints that two skeletons have in common."""

    names: tuple[str, ...]
    first: np.ndarray  # (C,) rows
    second: np.ndarray  # (C,) rows
    sigmas: np.ndarray  # (C,) of OKS

    @classmethod
    def of(cls, first: Skeleton, second: Skeleton) -> Common:
        """Find them by name."""
        rows = second.rows_of(first)
        have = np.flatnonzero(rows >= 0)
        sigmas = np.asarray(first.sigmas)[have]
        return cls(
            names=tuple(first.names[row] for row in have),
            first=have,
            second=rows[have],
            sigmas=sigmas,
        )


@dataclass(frozen=True)
class Couples:
    """The people of one frame: pairs row by row, and those whom only one result has."""

    first: Tracks  # (P,)
    second: Tracks  # (P,)
    only_first: Tracks
    only_second: Tracks


def seen(tracks: Tracks) -> Tracks:
    """Leave out those who are only predicted in a frame."""
    return tracks[tracks.detection_rows >= 0]


def couple(first: Tracks, second: Tracks, common: Common) -> Couples:
    """Match people who were seen one to one, those most alike first of all."""
    first, second = seen(first), seen(second)
    alike = similarity(first.poses, second.poses, common)
    alike += PREFERENCE * ((first.ids[:, None] == second.ids) & (first.ids[:, None] >= 0))
    found = match(1 - alike, 1 - LEAST)
    return Couples(
        first=first[found.pairs[:, 0]],
        second=second[found.pairs[:, 1]],
        only_first=first[found.free_rows],
        only_second=second[found.free_columns],
    )


def similarity(first: Poses, second: Poses, common: Common) -> np.ndarray:
    """Return how much N and M people are alike, (N, M) in [0, 1].

    It is the mean of the IoU of the boxes and the OKS of the keypoints that both skeletons have,
    or one of both where the other is not known.
    """
    has_box = (
        np.isfinite(first.boxes).all(axis=1)[:, None] & np.isfinite(second.boxes).all(axis=1)[None]
    )
    overlap = np.where(has_box, iou(first.boxes, second.boxes), 0)
    poses, others = first.keypoints[:, common.first], second.keypoints[:, common.second]
    poses = np.where(np.isfinite(poses[..., :2]).all(axis=2)[..., None], poses, 0)
    labelled = (poses[..., 2] > 0).any(axis=1)
    has_pose = labelled[:, None] & np.isfinite(others[..., :2]).all(axis=2).any(axis=1)
    areas = _areas(first)
    closeness = np.zeros(has_pose.shape)
    for row in np.flatnonzero(labelled):
        closeness[row] = oks(poses[row], others, float(areas[row]), common.sigmas)
    known = has_box.astype(int) + has_pose
    return (overlap + np.where(has_pose, closeness, 0)) / np.maximum(known, 1)


def _areas(poses: Poses) -> np.ndarray:
    """Return the areas (N,) of people [px^2], of their keypoints where the box is not known."""
    areas = area(poses.boxes)
    for row in np.flatnonzero(~np.isfinite(areas)):
        width, height = _extent(poses.keypoints[row])
        areas[row] = width * height
    return areas


def heights(poses: Poses) -> np.ndarray:
    """Return the heights (N,) of people [px], of their keypoints where the box is not known."""
    found = (poses.boxes[:, 3] - poses.boxes[:, 1]).astype(np.float64)
    for row in np.flatnonzero(~(found > 0)):
        found[row] = _extent(poses.keypoints[row])[1] or np.nan
    return found


def _extent(keypoints: np.ndarray) -> np.ndarray:
    """Return width and height of what keypoints (K, 3) cover, 0 where there are none."""
    places = keypoints[np.isfinite(keypoints[:, :2]).all(axis=1), :2]
    return np.ptp(places, axis=0) if len(places) else np.zeros(2)


@dataclass(frozen=True)
class Measure:
    """One thing that may differ between two people."""

    unit: str
    # Tracks and their keypoint rows (P, ...) -> values; NaN where not known.
    values: Callable[[Tracks, np.ndarray], np.ndarray]
    # two such values, and the first tracks -> how far apart, of the shape of what can be known
    apart: Callable[[np.ndarray, np.ndarray, Tracks], np.ndarray]
    may_lack: bool = False  # many formats have no room for it; no difference where one has none


def _distance(first: np.ndarray, second: np.ndarray, _: Tracks) -> np.ndarray:
    return np.linalg.norm(second - first, axis=-1)


def _in_heights(first: np.ndarray, second: np.ndarray, tracks: Tracks) -> np.ndarray:
    return _distance(first, second, tracks) / heights(tracks.poses)[:, None]


def _largest(first: np.ndarray, second: np.ndarray, _: Tracks) -> np.ndarray:
    return np.abs(second - first).max(axis=-1)


def _change(first: np.ndarray, second: np.ndarray, _: Tracks) -> np.ndarray:
    return np.abs(second - first)[..., 0]


def _is_other(first: np.ndarray, second: np.ndarray, _: Tracks) -> np.ndarray:
    return np.where(np.isnan(first + second), np.nan, first != second)[..., 0]


def _angle(first: np.ndarray, second: np.ndarray, _: Tracks) -> np.ndarray:
    """Return angles [deg] between vectors; by the chord, which is exact where they are equal."""
    chord = np.linalg.norm(_unit(second) - _unit(first), axis=-1)
    return np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _places(tracks: Tracks, rows: np.ndarray) -> np.ndarray:
    return tracks.poses.keypoints[:, rows, :2]


def _keypoint_scores(tracks: Tracks, rows: np.ndarray) -> np.ndarray:
    """Return the scores (P, C, 1) of keypoints that are there."""
    keypoints = tracks.poses.keypoints[:, rows]
    is_there = np.isfinite(keypoints[..., :2]).all(axis=-1, keepdims=True)
    return np.where(is_there, keypoints[..., 2:], np.nan)


def _lifted(tracks: Tracks, rows: np.ndarray) -> np.ndarray:
    lifted = tracks.poses.keypoints_3d
    return np.full((len(tracks), len(rows), 3), np.nan) if lifted is None else lifted[:, rows]


def _states(tracks: Tracks, _: np.ndarray) -> np.ndarray:
    """Return states (P, 1); those of files that know nothing of the past are none."""
    return np.where(tracks.hits > 0, tracks.states, np.nan)[:, None]


def _column(name: str) -> Callable[[Tracks, np.ndarray], np.ndarray]:
    def values(tracks: Tracks, _: np.ndarray) -> np.ndarray:
        column = getattr(tracks, name)
        return np.full((len(tracks), 3), np.nan) if column is None else column

    return values


MEASURES = {
    "keypoints": Measure("px", _places, _distance),
    "keypoints_in_heights": Measure("box heights", _places, _in_heights),
    "keypoint_scores": Measure("score", _keypoint_scores, _change),
    "boxes": Measure("px", lambda tracks, _: tracks.poses.boxes, _largest),
    "scores": Measure("score", lambda tracks, _: tracks.poses.scores[:, None], _change),
    "box_scores": Measure(
        "score", lambda tracks, _: tracks.poses.box_scores[:, None], _change, may_lack=True
    ),
    "identity_scores": Measure(
        "score", lambda tracks, _: tracks.identity_scores[:, None], _change, may_lack=True
    ),
    "states": Measure("others", _states, _is_other, may_lack=True),
    "positions": Measure("m", _column("positions"), _distance),
    "velocities": Measure("m/s", _column("velocities"), _distance),
    "facings": Measure("deg", _column("facings"), _angle),
    "keypoints_3d": Measure("m", _lifted, _distance),
}


@dataclass(frozen=True)
class Measured:
    """How far apart the pairs of one frame are, by one measure."""

    values: np.ndarray  # (V,) of all that both know
    only_first: int  # known by the first only
    only_second: int
    largest_row: int  # of the pair that is farthest apart; -1 where nothing is known by both
    largest_keypoint: int  # of the common keypoints; -1 where it is none


def measure(name: str, couples: Couples, common: Common) -> Measured:
    """Compare the pairs of one frame by one of MEASURES."""
    rule = MEASURES[name]
    first = np.asarray(rule.values(couples.first, common.first), np.float64)
    second = np.asarray(rule.values(couples.second, common.second), np.float64)
    in_first, in_second = np.isfinite(first).all(axis=-1), np.isfinite(second).all(axis=-1)
    with np.errstate(invalid="ignore"):
        apart = rule.apart(first, second, couples.first)
    is_known = in_first & in_second & np.isfinite(apart)
    row = keypoint = -1
    if is_known.any():
        where = np.argmax(np.where(is_known, apart, -np.inf))
        row, *keypoints = (int(index) for index in np.unravel_index(where, apart.shape))
        keypoint = keypoints[0] if keypoints else -1
    return Measured(
        values=apart[is_known].astype(np.float32),
        only_first=int((in_first & ~in_second).sum()),
        only_second=int((in_second & ~in_first).sum()),
        largest_row=row,
        largest_keypoint=keypoint,
    )
