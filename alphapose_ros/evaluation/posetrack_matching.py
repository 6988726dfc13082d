"""Who was found in the pictures of PoseTrack's videos, and whether they kept their identities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from alphapose_ros.evaluation.records import Predictions, Truth

REACH = 0.5  # head sizes up to which a keypoint lies right
NOBODY = np.array([1, 0, 1, 0, 0])  # what poseval counts where either side is empty


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture with G people and P poses."""

    picture: int  # row in Truth.pictures
    people: np.ndarray  # (G,) rows in Truth
    poses: np.ndarray  # (P,) rows in Predictions
    is_labelled: np.ndarray  # (G, K)
    is_found: np.ndarray  # (P, K)
    distances: np.ndarray  # (G, P, K) in head sizes; NaN where one lacks or they do not reach

    @property
    def pckh(self) -> np.ndarray:
        """(G, P), 0 for people without keypoints."""
        return np.isfinite(self.distances).sum(axis=2) / np.maximum(
            self.is_labelled.sum(axis=1), 1
        ).reshape(-1, 1)

    @property
    def owners(self) -> np.ndarray:
        """(P,) the person each pose is assigned to, -1 for none."""
        owners = np.full(len(self.poses), -1)
        if len(self.people) and len(self.poses):
            pckh = self.pckh
            is_first_choice = pckh.argmax(axis=0) == np.arange(len(self.people))[:, None]
            claims = np.where(is_first_choice, pckh, 0)
            claimed = np.flatnonzero(claims.max(axis=1) > 0)
            owners[claims.argmax(axis=1)[claimed]] = claimed
        return owners

    @property
    def is_true(self) -> np.ndarray:
        """(P, K) which found keypoints lie right on the person their pose is assigned to."""
        reaches = np.isfinite(self.distances)
        is_true = np.zeros(self.is_found.shape, bool)
        assigned = np.flatnonzero(self.owners >= 0)
        is_true[assigned] = reaches[self.owners[assigned], assigned]
        return is_true


def videos_of(truth: Truth, found: Predictions) -> dict[str, list[Frame]]:
    """Return the pictures with people of each video."""
    videos: dict[str, list[Frame]] = {picture.sequence: [] for picture in truth.pictures}
    people, poses = (_by_picture(rows, len(truth.pictures)) for rows in (truth.rows, found.rows))
    for row, picture in enumerate(truth.pictures):
        if len(people[row]):
            videos[picture.sequence].append(_frame(truth, found, row, people[row], poses[row]))
    return videos


def _by_picture(rows: np.ndarray, pictures: int) -> list[np.ndarray]:
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.searchsorted(rows[order], np.arange(1, pictures)))


def _frame(
    truth: Truth, found: Predictions, picture: int, people: np.ndarray, poses: np.ndarray
) -> Frame:
    regions = truth.pictures[picture].ignored_regions
    is_labelled = truth.is_labelled[people]
    is_found = np.isfinite(found.keypoints[poses, :, :2]).all(axis=2)
    if regions:
        is_labelled = is_labelled & ~inside(truth.keypoints[people, :, :2], regions)
        is_found = is_found & ~inside(found.keypoints[poses, :, :2], regions)
        people, is_labelled = people[is_labelled.any(axis=1)], is_labelled[is_labelled.any(axis=1)]
        poses, is_found = poses[is_found.any(axis=1)], is_found[is_found.any(axis=1)]
    offsets = truth.keypoints[people, None, :, :2] - found.keypoints[None, poses, :, :2]
    with np.errstate(divide="ignore", invalid="ignore"):  # heads without extent reach nothing
        distances = np.hypot(offsets[..., 0], offsets[..., 1]) / truth.sizes_px[people, None, None]
    reaches = is_labelled[:, None] & is_found[None] & (distances <= REACH)
    return Frame(
        picture, people, poses, is_labelled, is_found, np.where(reaches, distances, np.nan)
    )


def inside(points: np.ndarray, polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Return which points (..., 2) lie in a polygon (P, 2), its border excluded.

    Where a polygon crosses itself, inside is what an odd number of its edges separates from far
    away. NaN lies nowhere.
    """
    return np.any([_in_one(points, polygon) for polygon in polygons], axis=0)


def _in_one(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    x, y = points[..., 0, None], points[..., 1, None]
    (x1, y1), (x2, y2) = polygon.T, np.roll(polygon, -1, axis=0).T
    side = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)  # 0 on the edge's line
    is_passed = ((y1 > y) != (y2 > y)) & ((side > 0) == (y2 > y1))  # right of the point
    is_beside = (np.minimum(x1, x2) <= x) & (x <= np.maximum(x1, x2))
    is_level = (np.minimum(y1, y2) <= y) & (y <= np.maximum(y1, y2))
    is_on_border = ((side == 0) & is_beside & is_level).any(axis=-1)
    return (is_passed.sum(axis=-1) % 2 == 1) & ~is_on_border


def counted(frames: Sequence[Frame], truth: Truth, found: Predictions) -> np.ndarray:
    """Match the pictures of one video, its last one left out.

    Returns:
        (5, K): labelled, matches, false positives, switches, D of evaluate_posetrack().
    """
    keypoints = len(truth.skeleton.names)
    correspondences = [Correspondences() for _ in range(keypoints)]
    counts = np.zeros((keypoints, 5))
    for frame in frames[:-1]:
        if not len(frame.people) or not len(frame.poses):
            counts += NOBODY
            continue
        people, tracks = truth.track_ids[frame.people], found.track_ids[frame.poses]
        for row, one in enumerate(correspondences):
            rows, columns = frame.is_labelled[:, row], frame.is_found[:, row]
            near = frame.distances[..., row][np.ix_(rows, columns)]
            counts[row] += one.step(people[rows], tracks[columns], near)
    return counts.T


class Correspondences:
    """Which track each person had last, for one keypoint of one video."""

    def __init__(self) -> None:
        self._track_of: dict[int, int] = {}  # person -> track of the last match
        self._given_to: dict[int, int] = {}  # track -> person it was newly given to
        self._matched: set[int] = set()  # tracks that had a match

    def step(self, people: np.ndarray, tracks: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Match one picture.

        Args:
            people: (G,) identities of those with the keypoint.
            tracks: (P,) likewise.
            distances: (G, P), NaN where a pair does not reach.

        Returns:
            (5,): labelled, matches, false positives, switches, D.
        """
        total, switches = np.nansum(distances), 0
        pairs = self._kept(people, tracks, distances)
        total += sum(distances[pair] for pair in pairs)
        for row, column in _cheapest(distances, pairs):
            times, is_switch = self._begin(int(people[row]), int(tracks[column]))
            total += times * distances[row, column]
            switches += is_switch
            pairs.append((row, column))
        matches = len(pairs)
        return np.array([len(people), matches, len(tracks) - matches, switches, total])

    def _kept(
        self, people: np.ndarray, tracks: np.ndarray, distances: np.ndarray
    ) -> list[tuple[int, int]]:
        """Return pairs of the last matches that still reach; the first person takes a track."""
        columns = {int(track): column for column, track in enumerate(tracks)}
        kept = []
        for row, person in enumerate(people):
            column = columns.get(self._track_of.get(int(person)))
            if column is not None and np.isfinite(distances[row, column]):
                kept.append((row, column))
                del columns[int(tracks[column])]
        return kept

    def _begin(self, person: int, track: int) -> tuple[int, bool]:
        """Take note of a new match; return how often its distance counts, and if it is a switch."""
        is_known = person in self._track_of
        is_passed_on = self._given_to.get(track, person) != person
        times = 1 + (is_known and track not in self._matched) + is_passed_on * (2 - is_known)
        self._track_of[person] = track
        self._given_to[track] = person
        self._matched.add(track)
        return times, is_known


def _cheapest(distances: np.ndarray, taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield as many further pairs as possible, of least total distance."""
    rows = np.setdiff1d(np.arange(distances.shape[0]), [row for row, _ in taken])
    columns = np.setdiff1d(np.arange(distances.shape[1]), [column for _, column in taken])
    left = distances[np.ix_(rows, columns)]
    dear = 1.0 + REACH * min(left.shape)  # more than all pairs that reach together
    for row, column in zip(*linear_sum_assignment(np.nan_to_num(left, nan=dear)), strict=True):
        if np.isfinite(left[row, column]):
            yield rows[row], columns[column]
