"""Parametric pose NMS: of poses that are too much alike one stays, made of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from alphapose_ros.keypoints import TINY, PoseSimilarity, ReadyPoses

MERGE_RADIUS = 0.1  # in parts of the box's longer side: keypoints this near are the same one
ROUNDING = 1 + 1e-5
FEW = 6  # poses


@dataclass(frozen=True)
class Groups:
    """N rows put together to M people."""

    rows: np.ndarray  # (N,) person after person, of each the best pose first
    people: np.ndarray  # (N,) the person of each of ``rows``, 0 ..
    best: np.ndarray  # (M,) the row of each person that stays

    @classmethod
    def of(cls, owners: np.ndarray, order: np.ndarray) -> Groups:
        """Put together those of ``order`` (N,) that have the same of ``owners`` (N,), from 0."""
        places = np.argsort(owners, kind="stable")
        owners, rows = owners[places], order[places]
        is_first = np.ones(len(rows), bool)
        np.not_equal(owners[1:], owners[:-1], out=is_first[1:])
        return cls(rows, np.cumsum(is_first) - 1, rows[is_first])

    def __len__(self) -> int:
        return len(self.best)


@dataclass(frozen=True)
class PoseNms:
    """Parametric pose NMS.

    The paper eliminates a pose when its *distance* d is at most eta (Eq. 16), but what Eq. 19
    defines as d grows with likeness; hence Eq. 16 is to be read with the sign turned: a pose goes
    when its similarity to a better one exceeds ``threshold``. The reference does so, too.

    Source: paper 3.4. Distances are in parts of the box here, in pixels in the reference.
    """

    similarity: PoseSimilarity
    threshold: float  # eta

    def groups(
        self, keypoints: np.ndarray, boxes: np.ndarray, scores: np.ndarray
    ) -> tuple[Groups, bool]:
        """Find who is the same person: the best pose takes those like it, and so on.

        Args:
            keypoints: (N, K, 3) x y [px], score; N > 0.
            boxes: (N, 4).
            scores: (N,).

        Returns:
            The people, the one with the best pose first, and whether any two of them stand so
            close together that they might be one.
        """
        return self._greedy(keypoints, boxes, np.argsort(-scores, kind="stable"))

    def joined(self, groups: Groups, keypoints: np.ndarray, boxes: np.ndarray) -> Groups:
        """Find doubles that escaped, by the merged poses of the people.

        A merged pose is steadier than each single one. Who was found most often takes the people
        like them, and so on.

        Args:
            groups: M people.
            keypoints: (M, K, 3) their merged poses.
            boxes: (M, 4).
        """
        order = np.argsort(-np.bincount(groups.people), kind="stable")
        again, _ = self._greedy(keypoints, boxes, order)
        owners = np.empty(len(groups), np.intp)
        owners[again.rows] = again.best[again.people]
        return Groups.of(owners[groups.people], groups.rows)

    def _greedy(
        self, keypoints: np.ndarray, boxes: np.ndarray, order: np.ndarray
    ) -> tuple[Groups, bool]:
        """Go through ``order`` (N,), N > 0; each who is free takes those like it.

        Where all stand tells beforehand which pairs can be alike at all, and afterwards whether
        it is worth while to look for doubles among those who stay.
        """
        ranks = np.arange(len(order))
        boxes = boxes.take(order, axis=0)
        sizes = boxes[:, 2:] - boxes[:, :2]
        people = self.similarity.ready(keypoints.take(order, axis=0), boxes[0, :2])
        if len(order) <= FEW:
            return self._few(people, sizes, order)
        factors = self.similarity.in_place(people, sizes)
        is_rival = factors * (self.similarity.largest * ROUNDING) > self.threshold
        is_rival &= ranks[:, None] < ranks
        if not is_rival.any():
            return Groups.of(ranks, order), False
        owners = self._owners(people, sizes, factors, is_rival)
        stay = np.flatnonzero(owners == ranks)
        are_close = bool(is_rival[stay][:, stay].any())
        return Groups.of(owners, order), are_close

    def _few(self, people: ReadyPoses, sizes: np.ndarray, order: np.ndarray) -> tuple[Groups, bool]:
        """Compare all pairs at once: with few poses that is what takes the least time."""
        pairs, ones, many = _pairs(len(order))
        alike, factors = self.similarity.compare_and_place(people, sizes, ones, many)
        goes = (alike * factors > self.threshold).tolist()
        is_rival = (factors * (self.similarity.largest * ROUNDING) > self.threshold).tolist()
        owners = list(range(len(order)))
        for (one, other), is_same in zip(pairs, goes, strict=True):
            if is_same and owners[one] == one and owners[other] == other:
                owners[other] = one
        are_close = any(
            is_near and owners[one] == one and owners[other] == other
            for (one, other), is_near in zip(pairs, is_rival, strict=True)
        )
        return Groups.of(np.array(owners), order), are_close

    def _owners(
        self, people: ReadyPoses, sizes: np.ndarray, factors: np.ndarray, is_rival: np.ndarray
    ) -> np.ndarray:
        """Return for each of N poses, best first, the one that takes it, or itself, (N,).

        Who has no rival left before them is sure to stay, so that all these take theirs at once:
        the outcome is that of going through them one by one.

        Args:
            people: N poses.
            sizes: (N, 2).
            factors: (N, N) of the similarities of each to all.
            is_rival: (N, N), whether one might take a later one.
        """
        owners = np.arange(len(is_rival))
        is_open = np.ones(len(is_rival), bool)
        while is_open.any():
            is_blocked = is_rival[is_open].any(axis=0)
            stay = is_open & ~is_blocked
            is_open &= is_blocked
            ones, many = np.nonzero(is_rival & stay[:, None] & is_open)
            if len(ones):
                alike = self.similarity.compare(people, sizes, ones, many)
                goes = np.flatnonzero(alike * factors[ones, many] > self.threshold)[::-1]
                owners[many[goes]] = ones[goes]  # the best of several comes last
                is_open[many[goes]] = False
        return owners


@cache
def _pairs(count: int) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Return all pairs of 0 .. count - 1, each with all later ones; then either side alone."""
    ones, many = np.triu_indices(count, 1)
    return list(zip(ones.tolist(), many.tolist(), strict=True)), ones, many


def merged(
    groups: Groups, keypoints: np.ndarray, boxes: np.ndarray, radius: float = MERGE_RADIUS
) -> np.ndarray:
    """Make one pose of each person, weighted by the scores of the keypoints.

    Only what lies near the keypoints of the best pose takes part, since between two places for a
    wrist there is none. As in the reference, a score is the mean of the scores weighted by
    themselves.

    Args:
        groups: M people.
        keypoints: (N, K, 3) x y [px], score.
        boxes: (N, 4).
        radius: how far near is, in parts of the longer side of the best pose's box.

    Returns:
        (M, K, 3), as in the best pose where that has no score, which is then 0.
    """
    best = keypoints.take(groups.best, axis=0)
    members = np.ascontiguousarray(keypoints.take(groups.rows, axis=0).transpose(2, 0, 1))
    places, weights = members[:2], members[2]
    anchors = np.where(best[..., 2] > 0, best.transpose(2, 0, 1)[:2], np.nan)
    way = places - anchors.take(groups.people, axis=1)
    way *= way
    boxes = boxes.take(groups.best, axis=0)
    limits = radius * np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    limits *= limits
    is_out = ~(way[0] + way[1] <= limits.take(groups.people)[:, None])  # True where NaN
    is_out |= ~(weights > 0)
    members[:, is_out] = 0
    weighted = members * weights
    is_of = (np.arange(len(best))[:, None] == groups.people).astype(keypoints.dtype)  # (M, N)
    total, means = is_of @ weights, is_of @ weighted
    is_known = total > 0
    means /= np.maximum(total, TINY)
    best[..., 2] = 0
    return np.where(is_known[..., None], means.transpose(1, 2, 0), best)
