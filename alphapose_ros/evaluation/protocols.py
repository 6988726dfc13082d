"""Average precision as each data set defines it: its keypoints, constants and who is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from alphapose_ros import boxes
from alphapose_ros.evaluation.average_precision import (
    Contest,
    Found,
    Labelled,
    at_thresholds,
    own_closeness,
    precision_and_recall,
)
from alphapose_ros.evaluation.records import Cases, Predictions, Truth
from alphapose_ros.evaluation.report import Evaluation, Figures
from alphapose_ros.evaluation.statistics import (
    AveragePrecision,
    AverageRecall,
    Ranking,
    Ratio,
    Sums,
)

Sections = dict[str, dict[str, Figures]]

# The official tables' names of the groups of keypoints.
WHOLEBODY_GROUPS = {
    "body": "body",
    "foot": "feet",
    "face": "face",
    "lefthand": "left_hand",
    "righthand": "right_hand",
}
HALPE_GROUPS = {
    "body": ("body",),
    "foot": ("feet",),
    "face": ("face",),
    "hand": ("left_hand", "right_hand"),
}
HALPE_PAPER_SIGMA = 0.015
CROWDPOSE_LEVELS = {"easy": (-np.inf, 0.2), "medium": (0.2, 0.8), "hard": (0.8, np.inf)}


def evaluate_coco(truth: Truth, found: Predictions) -> Evaluation:
    """Return COCO's figures: AP and AR over OKS 0.5, 0.55 ... 0.95, of medium and large people.

    Poses are ranked by score, the best 20 of a picture count. Crowds and people without a labelled
    keypoint need not be found; a pose matched to one counts neither way. Areas are those of the
    segments (truth) and of the boxes, or else the extents of the keypoints (found). A keypoint
    that is absent from a pose stands at 0 0, which is how files of results say it.

    Where the skeleton has several groups of keypoints, each is evaluated in the same way.

    Source: COCO keypoint evaluation; equal to pycocotools.
    """
    names = truth.skeleton.groups if len(truth.skeleton.groups) > 1 else ()
    groups = {name: _Rules(keypoints=_rows(truth, name)) for name in names}
    return _evaluation(truth, found.in_layout(truth.skeleton), _Rules(), groups)


def evaluate_ochuman(truth: Truth, found: Predictions) -> Evaluation:
    """Return COCO's figures, see evaluate_coco(), as OCHuman uses them.

    Source: Pose2Seg (Zhang et al., CVPR 2019): COCO's keypoints and evaluation.
    """
    return evaluate_coco(truth, found)


def evaluate_wholebody(truth: Truth, found: Predictions) -> Evaluation:
    """Return COCO's figures of all 133 keypoints, and of body, feet, face and either hand.

    A person of whom a group is not labelled need not be found there; whether the annotation calls
    the group valid is not asked. A pose whose scores are all 0 in a group is left out of it.
    Poses are ranked by their score; in feet, face and hands by the group's own, where it has one.
    OKS is relative to the area of the whole person in every group. A pose without a box has the
    extent of its body's keypoints.

    Source: COCO-WholeBody's own evaluation and xtcocotools, to which it is equal.
    """
    found = found.in_layout(truth.skeleton)
    rules = _Rules(found_areas=_areas_of(found, truth.skeleton.group("body")), drops_unseen=True)
    groups = {
        name: replace(rules, keypoints=_rows(truth, group), scores=_scores_of(found, group))
        for name, group in WHOLEBODY_GROUPS.items()
    }
    return _evaluation(truth, found, rules, groups)


def evaluate_halpe(truth: Truth, found: Predictions, constants: str = "paper") -> Evaluation:
    """Return COCO's figures of all 136 keypoints, and of body, feet, face and hands.

    Both hands are one group of 42 keypoints, the body has 20. Every group is ranked by the score
    of the whole pose.

    Args:
        truth: labelled people.
        found: poses.
        constants: how far a keypoint may be off. Both kinds have COCO's sigmas for COCO's 17
            keypoints, and 0.08 for head, neck and hip. "published": 0.089 for the feet, 0.015
            for face and hands, as in Halpe's own evaluator, by which published figures are
            computed. "paper": 0.015 for the feet, too.

    All of these are sigmas; the constant k in COCO's formula is 2 sigma. The paper calls its 0.015
    k. The evaluator of the same authors uses that number as sigma for face and hands, and so do we
    for the feet; were it k, sigma would be 0.0075.

    Raises:
        ValueError: ``constants`` is neither.

    Source: AlphaPose (Fang et al., TPAMI 2022), section 6.1; Halpe-FullBody's evaluator
        (halpecocotools), to which "published" is equal.
    """
    if constants not in ("paper", "published"):
        raise ValueError(f"constants {constants!r} must be 'paper' or 'published'")
    found = found.in_layout(truth.skeleton)
    sigmas = np.array(truth.skeleton.sigmas)
    if constants == "paper":
        sigmas[truth.skeleton.group("feet")] = HALPE_PAPER_SIGMA
    rules = _Rules(sigmas=sigmas)
    groups = {
        name: replace(rules, keypoints=_rows(truth, *parts)) for name, parts in HALPE_GROUPS.items()
    }
    evaluation = _evaluation(truth, found, rules, groups)
    return replace(evaluation, notes=(*evaluation.notes, f"OKS constants: {constants}"))


def evaluate_crowdpose(truth: Truth, found: Predictions) -> Evaluation:
    """Return CrowdPose's figures: AP and AR, and AP of easy, medium and hard pictures.

    There are no segments: areas are 0.53 of the boxes, as read_crowdpose() gives them. People of
    whom only head or neck is labelled, or nothing, need not be found. Easy is a crowd index below
    0.2, hard one of 0.8 or more; the paper draws the lower line at 0.1.

    Source: CrowdPose's own evaluation (crowdposetools), to which it is equal; that rounds AP of
        easy, medium and hard to four digits, and we do not.
    """
    found = found.in_layout(truth.skeleton)
    deciding = [name not in ("head", "neck") for name in truth.skeleton.names]
    rules = _Rules(is_ignored=~truth.is_labelled[:, deciding].any(axis=1))
    contest = rules.contest(truth, found)
    ranking = contest.rankings()["all"]
    crowding = np.array([picture.crowd_index for picture in truth.pictures])
    figures, levels = _both(ranking), {}
    for level, (low, high) in CROWDPOSE_LEVELS.items():
        own = _in_pictures(ranking, (crowding >= low) & (crowding < high))
        figures[f"AP_{level}"] = AveragePrecision((own,))
        levels[level] = _both(own)
    return Evaluation(
        data_set=truth.name,
        units=_units(truth),
        figures=figures,
        sections={"crowding": levels, "keypoints": _keypoint_figures(truth, found, contest)},
        notes=(_note(contest), "area of a person: 0.53 of its box"),
        cases=_cases(contest),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rules:
    """How a data set's truth and what was found are compared; None is COCO's way."""

    keypoints: np.ndarray | None = None  # rows that are compared; all
    sigmas: np.ndarray | None = None  # (K,) of all; the skeleton's
    scores: np.ndarray | None = None  # (M,) that poses are ranked by; of the whole pose
    found_areas: np.ndarray | None = None  # (M,) of the poses; of their boxes or extents
    is_ignored: np.ndarray | None = None  # (N,) besides crowds; people without labelled keypoints
    drops_unseen: bool = False  # poses whose compared keypoints all have score 0

    def contest(self, truth: Truth, found: Predictions) -> Contest:
        """Return who is to be found, and the poses, as these rules see them."""
        rows = slice(None) if self.keypoints is None else self.keypoints
        sigmas = np.array(truth.skeleton.sigmas) if self.sigmas is None else self.sigmas
        keypoints, poses = truth.keypoints[:, rows], found.keypoints[:, rows]
        nothing = ~(keypoints[..., 2] > 0).any(axis=1)
        ignored = nothing if self.is_ignored is None else self.is_ignored
        ids = [picture.id for picture in truth.pictures]
        return Contest(
            labelled=Labelled(
                rows=truth.rows,
                keypoints=keypoints,
                boxes=truth.boxes,
                areas=truth.areas,
                is_crowd=truth.is_crowd,
                is_ignored=ignored | truth.is_crowd,
            ),
            found=Found(
                rows=found.rows,
                keypoints=np.nan_to_num(poses[..., :2]),
                scores=found.scores if self.scores is None else self.scores,
                areas=_areas_of(found) if self.found_areas is None else self.found_areas,
                is_dropped=~(poses[..., 2] > 0).any(axis=1) & self.drops_unseen,
            ),
            sigmas=sigmas[rows],
            order=np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64),
        )


def _evaluation(
    truth: Truth, found: Predictions, whole: _Rules, groups: Mapping[str, _Rules]
) -> Evaluation:
    contest = whole.contest(truth, found)
    rankings = contest.rankings()
    parts = {
        name: precision_and_recall(rules.contest(truth, found).rankings())
        for name, rules in groups.items()
    }
    sizes = {size: _both(rankings[size]) for size in ("medium", "large")}
    return Evaluation(
        data_set=truth.name,
        units=_units(truth),
        figures=precision_and_recall(rankings),
        sections={
            **({"groups": parts} if parts else {}),
            "sizes": sizes,
            "keypoints": _keypoint_figures(truth, found, contest),
        },
        notes=(_note(contest),),
        cases=_cases(contest),
    )


def _both(ranking: Ranking) -> Figures:
    """Return AP and AR over all thresholds, at 0.5 and at 0.75."""
    precision = at_thresholds("AP", AveragePrecision, ranking)
    return precision | at_thresholds("AR", AverageRecall, ranking)


def _keypoint_figures(truth: Truth, found: Predictions, contest: Contest) -> dict[str, Figures]:
    """Return how well each keypoint lies on the people whom somebody found, see Contest.pairs.

    "similarity": the mean of ``exp(-d^2 / (2 area (2 sigma)^2))`` over people with that keypoint
    labelled, 0 for those whom nobody found. "distance": the mean of ``d / sqrt(area)`` over those
    who were found with it. Ignored people do not count.
    """
    finder, _ = contest.pairs
    labelled = contest.labelled
    poses = np.full((*labelled.keypoints.shape[:2], 2), np.nan)
    poses[finder >= 0] = found.keypoints[finder[finder >= 0], :, :2]
    counts = (labelled.keypoints[..., 2] > 0) & ~labelled.is_ignored[:, None]
    away = np.linalg.norm(poses - labelled.keypoints[..., :2], axis=2)
    size_px = np.sqrt(labelled.areas)[:, None]
    measured = counts & np.isfinite(away) & (size_px > 0)
    distance = np.divide(away, size_px, out=np.zeros_like(away), where=measured)
    closeness = own_closeness(labelled, poses, contest.sigmas)
    similar = _sums(truth, closeness, counts)
    distant = _sums(truth, distance, measured)
    return {
        name: {"similarity": Ratio(similar, row), "distance": Ratio(distant, row)}
        for row, name in enumerate(truth.skeleton.names)
    }


def _sums(truth: Truth, values: np.ndarray, counts: np.ndarray) -> Sums:
    """Sum values (N, K) of people over each picture, where they count."""
    parts, wholes = np.zeros((2, len(truth.pictures), values.shape[1]))
    np.add.at(parts, truth.rows, np.where(counts, values, 0))
    np.add.at(wholes, truth.rows, counts)
    return Sums(parts, wholes)


def _cases(contest: Contest) -> Cases:
    """Return the OKS of everybody who is not ignored."""
    finder, similarity = contest.pairs
    people = np.flatnonzero(~contest.labelled.is_ignored)
    return Cases(
        rows=contest.labelled.rows[people],
        truth=people,
        found=finder[people],
        quality=similarity[people],
    )


def _in_pictures(ranking: Ranking, chosen: np.ndarray) -> Ranking:
    """Return the same ranking of some of the pictures (P,) only."""
    kept = chosen[ranking.unit]
    return Ranking(
        unit=ranking.unit[kept],
        score=ranking.score[kept],
        is_true=ranking.is_true[kept],
        is_ignored=ranking.is_ignored[kept],
        positives=ranking.positives * chosen,
    )


def _areas_of(found: Predictions, rows: slice = slice(None)) -> np.ndarray:
    """Return the areas of the boxes, or else of the extents of keypoints: (N,)."""
    if found.boxes is not None:
        return boxes.area(found.boxes)
    return np.ptp(np.nan_to_num(found.keypoints[:, rows, :2]), axis=1).prod(axis=1)


def _scores_of(found: Predictions, group: str) -> np.ndarray:
    """Return a group's own scores; where it has none, and for the body, those of the poses."""
    if group == "body" or found.group_scores is None:
        return found.scores
    own = found.group_scores[:, list(found.skeleton.groups).index(group)]
    return np.where(np.isfinite(own), own, found.scores)


def _rows(truth: Truth, *groups: str) -> np.ndarray:
    """Return the keypoints of groups."""
    every = np.arange(len(truth.skeleton.names))
    return np.concatenate([every[truth.skeleton.group(group)] for group in groups])


def _units(truth: Truth) -> tuple[str, ...]:
    return tuple(str(picture.id) for picture in truth.pictures)


def _note(contest: Contest) -> str:
    ignored = contest.labelled.is_ignored
    return (
        f"{len(ignored) - ignored.sum()} people in {len(contest.order)} pictures count, "
        f"{ignored.sum()} crowds or people without labelled keypoints do not; "
        f"{len(contest.found.rows)} poses"
    )
