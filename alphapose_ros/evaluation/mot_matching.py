"""Measures of a followed sequence: CLEAR MOT, identities (IDF1) and HOTA, as counts that add up.

All three take a `Scene`: who is where, and how alike each true box and each found one are in every
frame. What they return are sums, so that sequences are combined by adding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

THRESHOLD = 0.5  # similarity from which a found box may be a person's, in CLEAR and IDF1
ALPHAS = np.arange(0.05, 0.99, 0.05)  # thresholds of HOTA: 19
EPSILON = np.finfo(np.float64).eps  # a similarity this little below a threshold passes it
MOSTLY, HARDLY = 0.8, 0.2  # parts of a person's frames: more is mostly tracked, less mostly lost
CONTINUATION = 1000.0  # what going on with a track is worth; all similarities together are less
NOBODY = -1

Sums = dict[str, np.ndarray]  # name -> a number, or one for each of ALPHAS


@dataclass(frozen=True, eq=False)
class Step:
    """A frame in which there are both people and tracks."""

    people: np.ndarray  # (n,) 0..P-1, each once
    tracks: np.ndarray  # (m,) 0..S-1, each once
    similarity: np.ndarray  # (n, m) in [0, 1]


@dataclass(frozen=True, eq=False)
class Scene:
    """One sequence with everything that counts and nothing else."""

    people: np.ndarray  # (P,) how many frames each is in
    tracks: np.ndarray  # (S,)
    steps: tuple[Step, ...]  # in the order of time


def common_frames(
    frames: np.ndarray, others: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of either that belong to the same frame, frames in the order of time.

    Args:
        frames: (N,) number of the frame of each row, in any order.
        others: (M,) likewise; frames of only one of both are passed over.
    """
    orders = [np.argsort(numbers, kind="stable") for numbers in (frames, others)]
    ordered = [numbers[order] for numbers, order in zip((frames, others), orders, strict=True)]
    for number in np.intersect1d(*ordered):
        first, second = (
            order[slice(*np.searchsorted(numbers, (number, number + 1)))]
            for numbers, order in zip(ordered, orders, strict=True)
        )
        yield first, second


def best_pairs(worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the assignment that is worth most, pairs worth nothing left out.

    Args:
        worth: (n, m), not negative.
    """
    rows, columns = linear_sum_assignment(worth, maximize=True)
    is_pair = worth[rows, columns] > EPSILON
    return rows[is_pair], columns[is_pair]


def passing(similarity: np.ndarray) -> np.ndarray:
    """Return which similarities reach THRESHOLD, rounding forgiven."""
    return similarity >= THRESHOLD - EPSILON


def clear(scene: Scene) -> tuple[Sums, np.ndarray]:
    """Match frame by frame and count what went wrong.

    In each frame the pairs of similarity >= 0.5 are chosen that continue most matches of the frame
    before, and among those choices the one of the greatest total similarity. A frame without
    people or without tracks does not interrupt. IDSW: a person gets another track than in its last
    match, however long ago. Frag: how often a person is matched anew, the first time left out.
    MT: more than 0.8 of a person's frames are matched; ML: less than 0.2; PT: the others.

    Returns:
        The sums, of which "similarity" is over the matches; and how many frames each person was
        matched to each track (P, S).

    Source: Bernardin & Stiefelhagen 2008; where it leaves a choice, TrackEval's rule.
    """
    matched = np.zeros((len(scene.people), len(scene.tracks)), np.int64)
    last = np.full(len(scene.people), NOBODY)  # track of each person when it was matched last
    before = last.copy()  # and in the frame before
    starts = np.zeros(len(scene.people), np.int64)
    switches, similarity = 0, 0.0
    for step in scene.steps:
        is_continued = step.tracks[None] == before[step.people][:, None]
        worth = (CONTINUATION * is_continued + step.similarity) * passing(step.similarity)
        rows, columns = best_pairs(worth)
        people, tracks = step.people[rows], step.tracks[columns]
        matched[people, tracks] += 1
        similarity += step.similarity[rows, columns].sum()
        switches += ((last[people] != NOBODY) & (last[people] != tracks)).sum()
        starts[people] += before[people] == NOBODY
        last[people] = tracks
        before = np.full(len(scene.people), NOBODY)
        before[people] = tracks
    share = matched.sum(axis=1) / scene.people
    right = matched.sum()
    is_mostly_tracked, is_mostly_lost = share > MOSTLY, share < HARDLY
    return {
        "CLR_TP": right,
        "CLR_FN": scene.people.sum() - right,
        "CLR_FP": scene.tracks.sum() - right,
        "IDSW": switches,
        "Frag": np.maximum(starts - 1, 0).sum(),
        "MT": is_mostly_tracked.sum(),
        "PT": (~is_mostly_tracked & ~is_mostly_lost).sum(),
        "ML": is_mostly_lost.sum(),
        "similarity": similarity,
    }, matched


def identity(scene: Scene) -> Sums:
    """Give each person at most one track for the whole sequence, as many right boxes as possible.

    A box is right (IDTP) where its track is the person's and the similarity >= 0.5, here without
    forgiveness for rounding, as in TrackEval.

    Source: Ristani et al. 2016. Least IDFN + IDFP is most IDTP, since 2 IDTP + IDFN + IDFP is the
    number of all boxes.
    """
    together = np.zeros((len(scene.people), len(scene.tracks)))
    for step in scene.steps:
        together[np.ix_(step.people, step.tracks)] += step.similarity >= THRESHOLD
    right = together[linear_sum_assignment(together, maximize=True)].sum()
    return {
        "IDTP": right,
        "IDFN": scene.people.sum() - right,
        "IDFP": scene.tracks.sum() - right,
    }


def hota(scene: Scene) -> Sums:
    """Sum up what HOTA and its parts are ratios of, at each of ALPHAS.

    In each frame pairs are chosen once for all thresholds: greatest total of similarity times
    alignment, where the alignment of a person and a track is how much they go together over the
    whole sequence, as intersection over union of their frames; a frame where several boxes overlap
    counts in parts. A pair is a match at alpha where its similarity reaches alpha. Each match
    counts in AssA by the intersection over union of its person's and its track's matched frames,
    in AssRe by the intersection over the person's frames, in AssPr over the track's.

    Returns:
        "HOTA_TP", "HOTA_FN", "HOTA_FP", and sums over the matches: "AssA", "AssRe", "AssPr",
        "LocA" (similarity).

    Source: Luiten et al. 2021, sections 5 and 6; the choice of pairs is TrackEval's.
    """
    alignment = _alignment(scene)
    kinds, similarities = [np.empty(0, np.int64)], [np.empty(0)]
    for step in scene.steps:
        rows, columns = linear_sum_assignment(
            alignment[np.ix_(step.people, step.tracks)] * step.similarity, maximize=True
        )
        kinds.append(step.people[rows] * len(scene.tracks) + step.tracks[columns])
        similarities.append(step.similarity[rows, columns])
    similarity = np.concatenate(similarities)
    is_match = similarity >= ALPHAS[:, None] - EPSILON  # (19, pairs of all frames)
    pairs, kind = np.unique(np.concatenate(kinds), return_inverse=True)  # who with which track
    together = np.array([np.bincount(kind[right], minlength=len(pairs)) for right in is_match])
    of_person = scene.people[pairs // max(len(scene.tracks), 1)]
    of_track = scene.tracks[pairs % max(len(scene.tracks), 1)]
    right = is_match.sum(axis=1)
    return {
        "HOTA_TP": right,
        "HOTA_FN": scene.people.sum() - right,
        "HOTA_FP": scene.tracks.sum() - right,
        "AssA": (together**2 / (of_person + of_track - together)).sum(axis=1),
        "AssRe": (together**2 / of_person).sum(axis=1),
        "AssPr": (together**2 / of_track).sum(axis=1),
        "LocA": is_match @ similarity,
    }


def _alignment(scene: Scene) -> np.ndarray:
    """Return how much each person and each track go together (P, S), in [0, 1]."""
    shared = np.zeros((len(scene.people), len(scene.tracks)))
    for step in scene.steps:
        similarity = step.similarity
        union = similarity.sum(axis=0) + similarity.sum(axis=1)[:, None] - similarity
        shared[np.ix_(step.people, step.tracks)] += np.divide(
            similarity, union, out=np.zeros_like(similarity), where=union > EPSILON
        )
    return shared / (scene.people[:, None] + scene.tracks - shared)
