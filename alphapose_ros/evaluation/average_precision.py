"""Average precision by object keypoint similarity (OKS): who was found, ranked by score.

pycocotools decides which pose is matched to which person; it needs dictionaries and one picture at
a time, which a subclass gives it. Similarities are ours: of any keypoints with any sigmas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pycocotools.cocoeval import COCOeval

from alphapose_ros.evaluation.report import Figures
from alphapose_ros.evaluation.statistics import AveragePrecision, AverageRecall, Ranking

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of OKS
MOST_FOUND = 20  # poses of a picture that count, the best ones
SIZES = {  # areas of people [px^2]
    "all": (0.0, 1e5**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e5**2),
}
WORST_PAIR = 0.01  # OKS of a pose that has something in common with a person
_CATEGORY = 1  # pycocotools' number of people


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """N labelled people with the k keypoints that are compared."""

    rows: np.ndarray  # (N,) picture
    keypoints: np.ndarray  # (N, k, 3) x y [px], visibility
    boxes: np.ndarray  # (N, 4) x1 y1 x2 y2 [px]
    areas: np.ndarray  # (N,) OKS is relative to them [px^2]
    is_crowd: np.ndarray  # (N,) any number of poses may be matched to it
    is_ignored: np.ndarray  # (N,) need not be found, but may be; crowds are


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """M poses, of which the same k keypoints are compared."""

    rows: np.ndarray  # (M,) picture
    keypoints: np.ndarray  # (M, k, 2) x y [px]
    scores: np.ndarray  # (M,) that they are ranked by
    areas: np.ndarray  # (M,) of the poses [px^2]
    is_dropped: np.ndarray  # (M,) as if it had not been found


@dataclass(frozen=True, kw_only=True, eq=False)
class Contest:
    """Labelled people and found poses of the same pictures."""

    labelled: Labelled
    found: Found
    sigmas: np.ndarray  # (k,) as in Skeleton
    order: np.ndarray  # (P,) rows of the pictures by their ids: decides between equal scores

    @cached_property
    def meetings(self) -> tuple[Meeting, ...]:
        """Who meets in each picture, in order."""
        people = _by_picture(self.labelled.rows, np.arange(len(self.labelled.rows)), self.order)
        poses = _by_picture(self.found.rows, np.flatnonzero(~self.found.is_dropped), self.order)
        return tuple(Meeting.of(self, *who) for who in zip(self.order, people, poses, strict=True))

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Who found each person, whatever the threshold: pose (N,), -1 for nobody; OKS (N,).

        One to one, the most similar first; people who are ignored have none, and a pose of less
        than WORST_PAIR is nobody's.
        """
        finder, similarity = np.full(len(self.labelled.rows), -1), np.zeros(len(self.labelled.rows))
        for meeting in self.meetings:
            counts = ~self.labelled.is_ignored[meeting.people]
            people = meeting.people[counts]
            for pose, person, value in _greedy(meeting.similarity[:, counts]):
                finder[people[person]] = meeting.poses[pose]
                similarity[people[person]] = value
        return finder, similarity

    def rankings(self, sizes: Mapping[str, tuple[float, float]] = SIZES) -> dict[str, Ranking]:
        """Return the outcome of all poses for people of each size.

        Per threshold, the poses of a picture choose, best score first, the most similar person
        who is still free and not below the threshold; people who are ignored or of another size
        only where nobody else will do. Poses matched to those do not count, nor do poses without
        a match whose own area is of another size.

        Source: COCO keypoint evaluation; matched by pycocotools.
        """
        matcher = _Matcher(self)
        return {name: self._ranking(matcher, limits) for name, limits in sizes.items()}

    def _ranking(self, matcher: _Matcher, limits: tuple[float, float]) -> Ranking:
        outcomes = [matcher.outcome(meeting.picture, limits) for meeting in self.meetings]
        met = list(zip(self.meetings, outcomes, strict=True))
        poses = np.concatenate([np.empty(0, np.int64), *(m.poses for m, _ in met)])
        empty = np.empty((0, len(THRESHOLDS)), bool)
        positives = np.zeros(len(self.order))
        for meeting, outcome in met:
            positives[meeting.picture] = outcome.positives
        return Ranking(
            unit=self.found.rows[poses],
            score=self.found.scores[poses],
            is_true=np.concatenate([empty, *(outcome.is_matched for _, outcome in met)]),
            is_ignored=np.concatenate([empty, *(outcome.is_ignored for _, outcome in met)]),
            positives=positives,
        )


@dataclass(frozen=True, eq=False)
class Meeting:
    """The people and the best poses of one picture."""

    picture: int
    people: np.ndarray  # (G,) rows of Labelled
    poses: np.ndarray  # (D,) rows of Found, best score first
    similarity: np.ndarray  # (D, G)

    @classmethod
    def of(cls, contest: Contest, picture: int, people: np.ndarray, poses: np.ndarray) -> Meeting:
        """Compare everybody in a picture."""
        best = np.argsort(-contest.found.scores[poses], kind="stable")[:MOST_FOUND]
        poses = poses[best]
        similarity = oks(contest.labelled, people, contest.found.keypoints[poses], contest.sigmas)
        return cls(picture, people, poses, similarity)


def oks(people: Labelled, chosen: np.ndarray, poses: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return the object keypoint similarity of every pose to every person: (D, G).

    That is the mean of ``exp(-d^2 / (2 area (2 sigma)^2))`` over the person's labelled keypoints,
    d from keypoint to keypoint. For people without labelled keypoints, such as crowds, d is how
    far outside a region each keypoint of the pose lies: three times the width and the height of
    the box, around the same centre.

    Args:
        people: of whom some are asked for.
        chosen: (G,) rows of these.
        poses: (D, k, 2) x y [px].
        sigmas: (k,) as in Skeleton.

    Source: COCO keypoint evaluation, as in pycocotools.
    """
    similarity = np.zeros((len(poses), len(chosen)))
    for column, person in enumerate(chosen):
        keypoints, area = people.keypoints[person], people.areas[person]
        labelled = keypoints[:, 2] > 0
        if labelled.any():
            away = poses.compress(labelled, axis=1) - keypoints[labelled, :2]
            closeness = _closeness(away, area, sigmas[labelled])
        else:
            closeness = _closeness(_outside(poses, people.boxes[person]), area, sigmas)
        similarity[:, column] = closeness.mean(axis=1)
    return similarity


def own_closeness(people: Labelled, poses: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return how similar the keypoints of people are to those of one pose each: (N, k).

    Args:
        people: N of them.
        poses: (N, k, 2) x y [px]; NaN is not similar at all.
        sigmas: (k,) as in Skeleton.
    """
    away = poses - people.keypoints[..., :2]
    return np.nan_to_num(_closeness(away, people.areas[:, None], sigmas))


def precision_and_recall(rankings: Mapping[str, Ranking]) -> Figures:
    """Return COCO's figures: AP and AR, at OKS 0.5 and 0.75, of medium and large people.

    AP is the mean of precision at 101 recalls and AR the largest recall, each the mean over
    THRESHOLDS unless it is named for one.

    Args:
        rankings: of "all", and perhaps of "medium" and "large".
    """
    figures: Figures = {}
    for name, kind in (("AP", AveragePrecision), ("AR", AverageRecall)):
        figures |= at_thresholds(name, kind, rankings["all"])
        figures |= {
            f"{name}_{size[0].upper()}": kind((ranking,))
            for size, ranking in rankings.items()
            if size != "all"
        }
    return figures


def at_thresholds(name: str, kind: Callable[..., Any], ranking: Ranking) -> Figures:
    """Return the mean over thresholds, and the figures at 0.5 and at 0.75."""
    return {
        name: kind((ranking,)),
        f"{name}50": kind((ranking,), at=0),
        f"{name}75": kind((ranking,), at=5),
    }


@dataclass(frozen=True, eq=False)
class _Outcome:
    is_matched: np.ndarray  # (D, T)
    is_ignored: np.ndarray  # (D, T)
    positives: int


class _Matcher(COCOeval):
    """pycocotools' matching, given people and similarities instead of files.

    Its own evaluate() would print, and compute OKS keypoint by keypoint for 17 of them only.
    """

    def __init__(self, contest: Contest) -> None:
        super().__init__(iouType="keypoints")
        labelled, found = contest.labelled, contest.found
        self.params.iouThrs = THRESHOLDS
        for meeting in contest.meetings:
            key = (meeting.picture, _CATEGORY)
            self.ious[key] = meeting.similarity if meeting.similarity.size else []
            self._gts[key] = [
                {
                    "id": int(row) + 1,  # 0 is nobody
                    "area": labelled.areas[row],
                    "ignore": int(labelled.is_ignored[row]),
                    "iscrowd": int(labelled.is_crowd[row]),
                }
                for row in meeting.people
            ]
            self._dts[key] = [
                {"id": int(row) + 1, "area": found.areas[row], "score": found.scores[row]}
                for row in meeting.poses
            ]

    def outcome(self, picture: int, limits: tuple[float, float]) -> _Outcome:
        """Match the poses of a picture to people of a size."""
        result = self.evaluateImg(picture, _CATEGORY, limits, MOST_FOUND)
        if result is None:
            nothing = np.empty((0, len(THRESHOLDS)), bool)
            return _Outcome(nothing, nothing, 0)
        return _Outcome(
            is_matched=result["dtMatches"].T != 0,
            is_ignored=result["dtIgnore"].T.astype(bool),
            positives=int((result["gtIgnore"] == 0).sum()),
        )


def _by_picture(rows: np.ndarray, chosen: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    """Return which of the chosen rows belong to each picture of ``order``, in their order."""
    bounds = np.cumsum(np.bincount(rows[chosen], minlength=len(order)))[:-1]
    groups = np.split(chosen[np.argsort(rows[chosen], kind="stable")], bounds)
    return [groups[picture] for picture in order]


def _outside(poses: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return how far keypoints (D, k, 2) lie outside three times a box, along x and y [px]."""
    size = box[2:] - box[:2]
    low, high = box[:2] - size, box[:2] + 2 * size
    return np.maximum(low - poses, 0) + np.maximum(poses - high, 0)


def _closeness(away: np.ndarray, area: np.ndarray | float, sigmas: np.ndarray) -> np.ndarray:
    """Return the similarity of each keypoint, (..., k), from its distance (..., k, 2) [px]."""
    squared = away[..., 0] ** 2 + away[..., 1] ** 2
    exponent = squared / (2 * sigmas) ** 2 / (area + np.spacing(1)) / 2  # rounds as pycocotools
    return np.exp(-exponent)


def _greedy(similarity: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield row, column and similarity of pairs, the most similar of those left first."""
    left = similarity.copy()
    while left.size:
        row, column = np.unravel_index(left.argmax(), left.shape)
        if left[row, column] < WORST_PAIR:
            return
        yield int(row), int(column), float(left[row, column])
        left[row], left[:, column] = -1, -1
