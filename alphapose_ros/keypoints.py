"""Measures between poses: OKS, and the similarity that pose NMS and tracking share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from alphapose_ros.skeletons import Skeleton

BODY = "body"  # the group of keypoints that poses are told apart by, where there is one
NEAR = 0.05  # half of a tenth of the box: Eq. 17's box around a keypoint, scale-free
MAX_WEIGHT = 1.25  # of the best keypoint's score in the score of a pose
FAR_PX = 1e9  # where absent keypoints are put: near nothing
HANDS = {"left_hand": 0.5, "right_hand": 0.5, "hand": 1.0}  # their parts of the hands' weight
TINY = 1e-30  # instead of 0, to divide by
SMALLEST_PX = 1e-3  # size of a box without extent


@dataclass(frozen=True)
class ReadyPoses:
    """N poses, made ready for many comparisons."""

    places: np.ndarray  # (2, N, K) x, y [px], FAR_PX where absent
    support: np.ndarray  # (N, K) tanh(score / sigma_1) in [0, 1], 0 where absent
    weights: np.ndarray  # (N, K) of the keypoints, where the pose is compared to others; sum 1


@dataclass(frozen=True)
class PoseSimilarity:
    """How much poses are alike, in parts of the box; larger is more alike.

    The sums of the paper are weighted means here, and its pixels parts of the box. So the result
    changes neither with a person's distance from the camera nor with the number of keypoints.
    A keypoint weighs as much as ``weights`` say and as the reference pose is sure of it: what is
    hidden in that pose tells nothing, and what is absent in the other one only is unlike.

    ``shift_scale`` is ours. The errors of a network differ from keypoint to keypoint and vanish in
    the mean; another person stands somewhere else as a whole. The similarity falls with the
    distance by which all keypoints together are displaced.

    Source: paper Eq. 17 (keypoints within a box of a tenth of the size support each other),
        Eq. 18 (closeness), Eq. 19 (their weighted sum).
    """

    score_scale: float = 0.3  # sigma_1
    distance_scale: float = 0.01  # sigma_2, in squared parts of the box's longer side
    distance_weight: float = 1.0  # lambda
    shift_scale: float = math.inf  # in squared parts of the box's longer side; inf: no matter
    weights: np.ndarray | None = field(default=None, compare=False)  # (K,), None: all alike

    def __call__(self, pose: np.ndarray, size: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Compare one pose to others.

        Args:
            pose: (K, 3) x y [px], score; NaN where absent.
            size: (2,) width and height of its box [px].
            others: (N, K, 3).

        Returns:
            (N,), at most ``largest``.
        """
        people = self.ready(np.concatenate((np.asarray(pose)[None], others)))
        sizes, rest = np.asarray(size)[None], np.arange(1, len(others) + 1)
        return self.in_place(people, sizes)[0, 1:] * self.compare(people, sizes, rest * 0, rest)

    @property
    def largest(self) -> float:
        """The similarity of a pose of certain keypoints to itself."""
        return 1 + self.distance_weight

    def ready(self, poses: np.ndarray, origin: np.ndarray | float = 0.0) -> ReadyPoses:
        """Prepare poses (N, K, 3) for ``compare`` and ``in_place``.

        Args:
            poses: x y [px], score.
            origin: (2,) [px], near the poses; the same for all that are compared.
        """
        scalar = poses.dtype.type
        planes = np.array(poses.transpose(2, 0, 1), order="C")  # a copy, to work in
        places, support = planes[:2], planes[2]
        places -= np.asarray(origin, scalar).reshape(-1, 1, 1)
        support *= scalar(1 / self.score_scale)
        is_there = np.isfinite(places[0] + places[1])
        is_there &= support > 0
        if not is_there.all():
            is_absent = ~is_there
            places[:, is_absent] = FAR_PX
            support[is_absent] = 0
        np.tanh(support, out=support)
        weights = support if self.weights is None else support * self.weights
        total = weights.sum(axis=1, keepdims=True)
        return ReadyPoses(places, support, weights / np.maximum(total, TINY))

    def compare(
        self, people: ReadyPoses, sizes: np.ndarray, ones: np.ndarray, many: np.ndarray
    ) -> np.ndarray:
        """Return Eq. 19 of pairs of poses, (P,).

        It is sum_k w_k ([both |dx|, |dy| in the box] s_k + lambda exp(-d_k^2 / sigma_2)).

        Args:
            people: N poses.
            sizes: (N, 2) widths and heights of their boxes [px], or of the first of them.
            ones: (P,) rows of those to which others are compared.
            many: (P,) rows of the others.
        """
        return self._alike(_ways(people, ones, many), people, sizes, ones, many)

    def compare_and_place(
        self, people: ReadyPoses, sizes: np.ndarray, ones: np.ndarray, many: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return compare() and in_place() of pairs of poses, (P,) both: cheap for few pairs."""
        way = _ways(people, ones, many)
        both = people.weights.take(ones, axis=0) * people.support.take(many, axis=0)
        total, shift = both.sum(axis=1), (way * both).sum(axis=2)
        shift *= shift
        factors = self._factors(shift[0] + shift[1], total, sizes.take(ones, axis=0))
        return self._alike(way, people, sizes, ones, many), factors

    def _alike(
        self,
        way: np.ndarray,
        people: ReadyPoses,
        sizes: np.ndarray,
        ones: np.ndarray,
        many: np.ndarray,
    ) -> np.ndarray:
        """Return compare() of pairs that are ``way`` (2, P, K) apart, which is written over."""
        sizes = sizes.take(ones, axis=0)
        inside = np.abs(way) <= (NEAR * sizes).T[..., None]
        support = inside[0] & inside[1]
        support = support * people.support.take(many, axis=0)
        way *= way
        closeness = way[0]
        closeness += way[1]
        closeness *= (-1 / self.distance_scale / longer_sides(sizes) ** 2)[:, None]
        np.exp(closeness, out=closeness)
        closeness *= self.distance_weight
        closeness += support
        closeness *= people.weights.take(ones, axis=0)
        return closeness.sum(axis=1)

    def in_place(self, people: ReadyPoses, sizes: np.ndarray) -> np.ndarray:
        """Return how little poses are displaced as a whole: (M, N) in [0, 1], of M to all N.

        It is 1 where two poses have no keypoint in common.

        Args:
            people: N poses.
            sizes: (M, 2) widths and heights of the boxes of the first M [px].
        """
        weights, support = people.weights[: len(sizes)], people.support.T
        total = weights @ support
        if math.isinf(self.shift_scale):
            return np.ones_like(total)
        way = weights @ (people.places * people.support).swapaxes(1, 2)
        way -= (people.places[:, : len(sizes)] * weights) @ support
        way *= way
        return self._factors(way[0] + way[1], total, sizes[:, None])

    def _factors(self, squared: np.ndarray, total: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return the factors of weighted sums of displacements, squared, and of their weights."""
        limits = total * total
        limits *= -self.shift_scale * longer_sides(sizes) ** 2
        return np.exp(squared / np.minimum(limits, -TINY))

    def distance(self, pose: np.ndarray, size: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return (N,) in [0, 1]: 0 for the very same pose, 1 for nothing in common.

        The similarity is divided by the geometric mean of those of each pose with itself.
        1 where a pose has no keypoints at all.
        """
        alike = self(pose, size, others)
        scale = np.sqrt(self._to_itself(np.asarray(pose)[None]) * self._to_itself(others))
        ratio = np.divide(alike, scale, out=np.zeros_like(alike), where=scale > 0)
        return np.clip(1 - ratio, 0, 1)

    def _to_itself(self, poses: np.ndarray) -> np.ndarray:
        """Return the similarity of each pose (N, K, 3) to itself (N,)."""
        ready = self.ready(poses)
        return (ready.weights * (ready.support + self.distance_weight)).sum(axis=1)


def longer_sides(sizes: np.ndarray) -> np.ndarray:
    """Return the longer of width and height (..., 2) [px], never 0."""
    return np.maximum(np.maximum(sizes[..., 0], sizes[..., 1]), SMALLEST_PX)


def _ways(people: ReadyPoses, ones: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Return the ways (2, P, K) [px] from ``ones`` (P,) to ``many`` (P,)."""
    way = people.places.take(many, axis=1)
    way -= people.places.take(ones, axis=1)
    return way


def oks(
    pose: np.ndarray,
    others: np.ndarray,
    area: float | np.ndarray,
    sigmas: tuple[float, ...] | np.ndarray,
) -> np.ndarray:
    """Return the object keypoint similarity of ``others`` to ``pose``.

    Args:
        pose: (K, 3) x y [px], and score or visibility; keypoints at 0 or below do not count.
        others: (N, K, 3) or (N, K, 2).
        area: of the person in ``pose`` [px^2], or (N,) of each pair.
        sigmas: K standard deviations in units of sqrt(area), as in Skeleton.

    Returns:
        (N,) in [0, 1]; 0 where nothing counts.

    Source: COCO keypoint evaluation.
    """
    labelled = pose[:, 2] > 0
    if not labelled.any():
        return np.zeros(len(others))
    squared = ((others[:, labelled, :2] - pose[labelled, :2]) ** 2).sum(axis=2)
    variance = (2 * np.asarray(sigmas)[labelled]) ** 2
    exponent = squared / (2 * variance * (np.asarray(area)[..., None] + np.spacing(1)))
    return np.nan_to_num(np.exp(-exponent)).mean(axis=1)


def pose_scores(keypoints: np.ndarray, box_scores: np.ndarray) -> np.ndarray:
    """Rate poses (N, K, 3) of boxes with scores (N,): (N,) in [0, 1].

    The reference adds the mean of the keypoint scores, the box score and 1.25 times the best
    keypoint score; here the sum is divided by its largest value, which keeps the order.
    """
    scores = np.fmax(keypoints[..., 2], 0)  # 0 where NaN
    total = scores.sum(axis=1) / scores.shape[1] + box_scores + MAX_WEIGHT * scores.max(axis=1)
    return total / (2 + MAX_WEIGHT)


def shifted(keypoints: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Carry keypoints (K, 3) along as their box (4,) ``source`` moves and scales to ``target``."""
    size = np.maximum(source[2:] - source[:2], 1e-6)
    moved = (keypoints[:, :2] - source[:2]) / size * (target[2:] - target[:2]) + target[:2]
    return np.concatenate((moved, keypoints[:, 2:]), axis=1)


def comparable_rows(skeleton: Skeleton) -> slice:
    """Return the keypoints that tell poses apart best: the body's, where the skeleton has one."""
    return skeleton.group(BODY) if BODY in skeleton.groups else slice(None)


def keypoint_weights(skeleton: Skeleton, **weights: float) -> np.ndarray:
    """Share the weights of groups among their keypoints.

    Args:
        skeleton: whose K keypoints they are.
        **weights: by group, ``hands`` for both hands together; groups without one weigh 1.

    Returns:
        (K,); every group adds up to its weight. All alike where that leaves nothing.
    """
    shares = np.empty(len(skeleton.names), np.float32)
    for name, (start, stop) in skeleton.groups.items():
        share = weights.get(name, 1.0)
        if name in HANDS:
            share = weights.get("hands", 2.0) * HANDS[name]
        shares[start:stop] = share / (stop - start)
    return shares if shares.any() else np.ones_like(shares)
