"""How far from their labels keypoints were found, in parts of a size of the person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alphapose_ros.boxes import iou
from alphapose_ros.evaluation.datasets.extents import tight_boxes
from alphapose_ros.evaluation.records import Cases, Predictions, Truth
from alphapose_ros.evaluation.statistics import Sums
from alphapose_ros.matching import match

NOBODY = -1
HALF_PIXEL_MORE = np.array([-0.5, -0.5, 0.5, 0.5])  # to each side of a box


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances of N labelled people's K keypoints, and what they are sums over.

    NaN where a keypoint does not count: it is not labelled, or the person's size is unknown.
    Infinite where it counts and was not found, so that it lies outside of every threshold.
    """

    truth: Truth
    found: Predictions  # in the layout of truth
    pairs: np.ndarray  # (N,) row in found, NOBODY where none
    px: np.ndarray  # (N, K)
    parts: np.ndarray  # (N, K) in parts of the person's size
    notes: tuple[str, ...]  # what was left out, what could not be found

    @property
    def counts(self) -> np.ndarray:
        """Which keypoints (N, K) count."""
        return ~np.isnan(self.parts)

    @property
    def is_found(self) -> np.ndarray:
        """Which keypoints (N, K) count and were found."""
        return np.isfinite(self.parts)

    @property
    def units(self) -> tuple[str, ...]:
        """The pictures' ids."""
        return tuple(str(picture.id) for picture in self.truth.pictures)

    def sums(self, parts: np.ndarray, wholes: np.ndarray) -> Sums:
        """Add up (N, M) numbers of people to (U, M) numbers of pictures."""
        return Sums(parts=self._of_pictures(parts), wholes=self._of_pictures(wholes))

    def cases(self, quality: np.ndarray, measure: str) -> Cases:
        """Return the people who have a ``quality`` (N,), those without any label being NaN."""
        rows = np.flatnonzero(~np.isnan(quality))
        return Cases(
            rows=self.truth.rows[rows],
            truth=rows,
            found=self.pairs[rows],
            quality=quality[rows],
            measure=measure,
        )

    def _of_pictures(self, values: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(self.truth.pictures), values.shape[1]))
        for column, numbers in enumerate(values.T):
            sums[:, column] = np.bincount(self.truth.rows, numbers, minlength=len(sums))
        return sums


def measure(truth: Truth, found: Predictions, sizes: np.ndarray) -> Distances:
    """Pair people with predictions and measure how far apart their keypoints are.

    Args:
        truth: N people with K keypoints.
        found: in any layout that shares keypoints with truth's; the rest counts as not found.
        sizes: (N,) what distances are divided by [px]; NaN or 0 where unknown.

    Raises:
        ValueError: ``found`` has no keypoint of truth's skeleton, or means people elsewhere.
    """
    notes = [*_lacking(truth, found), *_without_size(sizes)]
    found = found.in_layout(truth.skeleton)
    pairs = pair(truth, found)
    px = normalised_distances(truth, found, pairs, np.where(_is_known(sizes), 1.0, np.nan))
    parts = normalised_distances(truth, found, pairs, sizes)
    nobody = int((~np.isnan(parts).all(axis=1) & (pairs == NOBODY)).sum())
    if nobody:
        notes.append(f"people not found: {nobody}; all their keypoints count as wrong")
    return Distances(truth, found, pairs, px, parts, tuple(notes))


def pair(truth: Truth, found: Predictions) -> np.ndarray:
    """Find out which prediction is of which labelled person.

    The annotation that a prediction says it is of decides (of several the best score). Other
    predictions go to the people left: in a picture of one person the best score, in others one to
    one so that the boxes around the labelled and around the predicted keypoints overlap most in
    sum (IoU), and every pair's at all. A keypoint is a pixel wide there, or people of whom a
    single one is labelled could not be found.

    Returns:
        (N,) row in ``found`` for each person of ``truth``, -1 where there is none.

    Raises:
        ValueError: a prediction means a person of another picture.
    """
    found = found.in_layout(truth.skeleton)
    pairs = _meant(truth, found)
    is_free = np.ones(len(found), bool) if found.truth_ids is None else found.truth_ids < 0
    people = np.bincount(truth.rows, minlength=len(truth.pictures))
    best = _best_of_pictures(found, is_free, len(people))
    single = np.flatnonzero((people[truth.rows] == 1) & (pairs == NOBODY))
    pairs[single] = best[truth.rows[single]]
    several = np.flatnonzero((people[truth.rows] > 1) & (pairs == NOBODY))
    labels = np.where(truth.is_labelled[..., None], truth.keypoints[..., :2], np.nan)
    person_boxes, pose_boxes = _around(labels), _around(found.keypoints[..., :2])
    for persons, poses in _together(truth, several, found, np.flatnonzero(is_free)):
        chosen = _overlapping(person_boxes[persons], pose_boxes[poses])
        pairs[persons[chosen[:, 0]]] = poses[chosen[:, 1]]
    return pairs


def normalised_distances(
    truth: Truth, found: Predictions, pairs: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Return distances (N, K) of keypoints to their labels in parts of ``sizes``.

    Args:
        truth: N people with K keypoints.
        found: in any layout; keypoints are found by name.
        pairs: (N,) row in found, -1 where none.
        sizes: (N,) [px].

    Returns:
        NaN where a keypoint is not labelled or the size is NaN or 0; infinite where it is labelled
        and not predicted.
    """
    places = found.in_layout(truth.skeleton).keypoints[..., :2]
    nowhere = np.full((1, *places.shape[1:]), np.nan)  # the last row, which is that of NOBODY
    apart = np.concatenate((places, nowhere))[pairs] - truth.keypoints[..., :2]
    px = np.hypot(apart[..., 0], apart[..., 1])
    divisor = np.where(_is_known(sizes), sizes, np.nan)[:, None]
    distances = np.where(np.isfinite(px), px, np.inf) / divisor
    return np.where(truth.is_labelled, distances, np.nan)


def _is_known(sizes: np.ndarray) -> np.ndarray:
    return np.isfinite(sizes) & (sizes > 0)


def _meant(truth: Truth, found: Predictions) -> np.ndarray:
    """Pair people (N,) with the predictions that name their annotations."""
    pairs = np.full(len(truth), NOBODY)
    if found.truth_ids is None or len(truth) == 0:
        return pairs
    order = np.argsort(truth.ids, kind="stable")
    place = np.searchsorted(truth.ids[order], found.truth_ids)
    person = order[np.minimum(place, len(truth) - 1)]
    named = np.flatnonzero((found.truth_ids >= 0) & (truth.ids[person] == found.truth_ids))
    elsewhere = named[found.rows[named] != truth.rows[person[named]]]
    if len(elsewhere):
        row = elsewhere[0]
        raise ValueError(
            f"prediction {row} lies in picture {truth.pictures[found.rows[row]].id}, but annotation"
            f" {found.truth_ids[row]} that it is of in {truth.pictures[truth.rows[person[row]]].id}"
        )
    worst_first = named[np.argsort(found.scores[named], kind="stable")]
    pairs[person[worst_first]] = worst_first  # the best one is written last
    return pairs


def _best_of_pictures(found: Predictions, is_free: np.ndarray, pictures: int) -> np.ndarray:
    """Return the row of the best score among free predictions for each picture (U,), or -1."""
    best = np.full(pictures, NOBODY)
    free = np.flatnonzero(is_free)
    worst_first = free[np.argsort(found.scores[free], kind="stable")]
    best[found.rows[worst_first]] = worst_first
    return best


def _together(
    truth: Truth, persons: np.ndarray, found: Predictions, poses: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the people and the poses of each picture that has some of both."""
    pictures = np.intersect1d(truth.rows[persons], found.rows[poses])
    persons = persons[np.argsort(truth.rows[persons], kind="stable")]
    poses = poses[np.argsort(found.rows[poses], kind="stable")]
    bounds = [
        np.searchsorted(rows, pictures, side)
        for rows in (truth.rows[persons], found.rows[poses])
        for side in ("left", "right")
    ]
    for start, stop, first, last in zip(*bounds, strict=True):
        yield persons[start:stop], poses[first:last]


def _overlapping(persons: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Match boxes (N, 4) of people to (M, 4) of poses: (P, 2) numbers of a person and a pose."""
    overlap = iou(persons, poses)
    return match(np.where(overlap > 0, 1 - overlap, 2.0), max_cost=1.0).pairs


def _around(places: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) around places (N, K, 2), of which some are NaN; empty around none."""
    is_known = np.isfinite(places).all(axis=2, keepdims=True)
    boxes = tight_boxes(np.concatenate((places, is_known), axis=2)) + HALF_PIXEL_MORE
    return np.where(is_known.any(axis=1), boxes, 0.0)


def _lacking(truth: Truth, found: Predictions) -> list[str]:
    """Say which of truth's keypoints the predictions' skeleton does not have."""
    rows = found.skeleton.rows_of(truth.skeleton)
    names = [name for name, row in zip(truth.skeleton.names, rows, strict=True) if row < 0]
    if len(names) == len(rows):
        raise ValueError(
            f"predictions of {found.skeleton.id} have none of the keypoints of "
            f"{truth.skeleton.id}, e.g. {names[0]}"
        )
    if not names:
        return []
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return [f"{found.skeleton.id} has no {shown}: these keypoints count as wrong"]


def _without_size(sizes: np.ndarray) -> list[str]:
    unknown = int((~_is_known(sizes)).sum())
    return [f"people left out, since their size is not known: {unknown}"] if unknown else []
