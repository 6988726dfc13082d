"""What is left of redundant poses after pose NMS, and how good that is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from alphapose_ros.boxes import area, iou
from alphapose_ros.config import SuppressionConfig
from alphapose_ros.evaluation.average_precision import Contest, Found, Labelled
from alphapose_ros.evaluation.box_sources import rows_by_picture
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.evaluation.statistics import AveragePrecision
from alphapose_ros.frame import Poses
from alphapose_ros.keypoints import MAX_WEIGHT, pose_scores
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.suppression import pose_nms

EVERYBODY = {"all": (0.0, 1e10)}  # areas of people [px^2]
SAME_BOX = 0.5  # IoU
NONE = SuppressionConfig(name="none")


@dataclass(frozen=True, kw_only=True, eq=False)
class Redundant:
    """Labelled pictures and the poses in them, several per person."""

    truth: Truth
    found: Predictions  # with boxes; scores are those of PoseEstimator
    box_scores: np.ndarray  # (M,) in [0, 1]

    @classmethod
    def of(cls, truth: Truth, found: Predictions, layout: Skeleton) -> Redundant:
        """Take the keypoints of ``layout`` from labels and poses, by name.

        Keypoints that are not labelled do not count, those that were not found are absent. Poses
        are rated anew by the keypoints of the layout.

        Raises:
            ValueError: poses have no boxes.
        """
        if found.boxes is None:
            raise ValueError("pose NMS needs the boxes of poses")
        box_scores = box_scores_of(found)
        poses = found.in_layout(layout)
        scores = pose_scores(poses.keypoints, box_scores)
        return cls(
            truth=truth_in_layout(truth, layout),
            found=replace(poses, scores=scores, truth_ids=None),
            box_scores=box_scores,
        )

    @classmethod
    def joined(cls, parts: Sequence[Redundant]) -> Redundant:
        """Return the pictures of all parts, of one layout, as one data set."""
        starts = np.cumsum([0, *(len(part.truth.pictures) for part in parts)])
        return cls(
            truth=_joined_truth([part.truth for part in parts], starts),
            found=Predictions.joined(
                [
                    replace(part.found, rows=part.found.rows + start)
                    for part, start in zip(parts, starts, strict=False)
                ]
            ),
            box_scores=np.concatenate([part.box_scores for part in parts]),
        )

    def in_pictures(self, chosen: np.ndarray) -> Redundant:
        """Return the part in the pictures of mask ``chosen`` (P,)."""
        number = np.cumsum(chosen) - 1
        people, poses = chosen[self.truth.rows], chosen[self.found.rows]
        pictures = tuple(self.truth.pictures[row] for row in np.flatnonzero(chosen))
        truth, found = self.truth[people], self.found[poses]
        return Redundant(
            truth=replace(truth, pictures=pictures, rows=number[truth.rows]),
            found=replace(found, rows=number[found.rows]),
            box_scores=self.box_scores[poses],
        )

    def split(self, held: float, seed: int = 0) -> tuple[Redundant, Redundant]:
        """Return one part to fit on and one that is held back, by videos or else by pictures.

        Args:
            held: share of the videos or pictures that is held back.
            seed: of the choice.

        Raises:
            ValueError: a part would have no labelled people.
        """
        names = np.array([picture.sequence or str(picture.id) for picture in self.pictures])
        groups = np.unique(names)
        order = np.random.default_rng(seed).permutation(groups)
        is_held = np.isin(names, order[: round(held * len(groups))])
        parts = self.in_pictures(~is_held), self.in_pictures(is_held)
        if not all(part.truth.is_labelled.any() for part in parts):
            raise ValueError(f"with {held} of {len(groups)} pictures held back, a part has nobody")
        return parts

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures."""
        return self.truth.pictures

    def suppressed(self, config: SuppressionConfig = NONE) -> Predictions:
        """Return the poses that pose NMS leaves."""
        kept = [
            pose_nms(poses, config.name, config.constants, config=config)
            for poses in self._by_picture
        ]
        rows = np.repeat(np.arange(len(kept)), [len(poses) for poses in kept])
        return Predictions(
            skeleton=self.found.skeleton,
            rows=rows,
            keypoints=np.concatenate([poses.keypoints for poses in kept]),
            scores=np.concatenate([poses.scores for poses in kept]),
            boxes=np.concatenate([poses.boxes for poses in kept]),
        )

    def average_precision(self, config: SuppressionConfig = NONE) -> float:
        """Return COCO's AP of the poses that pose NMS leaves; NaN where nobody is labelled."""
        return average_precision(self.truth, self.suppressed(config))

    def precisions(self, left: Predictions) -> dict[str, float]:
        """Return COCO's AP of poses in these pictures, of all keypoints and of each group."""
        parts = groups_of(self.truth.skeleton)
        return {name: average_precision(self.truth, left, rows) for name, rows in parts.items()}

    def merit(self, config: SuppressionConfig, surplus_cost: float = 0.0) -> float:
        """Return how good pose NMS is: what constants are fitted for.

        That is the mean of the APs of all keypoints and of each group; a network of modest size
        has next to no AP of a whole body with all its fingers, and nothing could be learnt from
        that alone. AP hardly minds surplus poses of low scores, a robot does: one for each person
        found costs ``surplus_cost``.

        Raises:
            ValueError: nobody is labelled.
        """
        left = self.suppressed(config)
        known = [value for value in self.precisions(left).values() if np.isfinite(value)]
        if not known:
            raise ValueError("nobody is labelled: there is nothing to fit to")
        surplus = poses_per_found(self.truth, left) - 1 if surplus_cost else 0.0
        return float(np.mean(known)) - surplus_cost * surplus

    def digest(self) -> str:
        """Return a number that labels and poses are told by."""
        digest = hashlib.sha256()
        for values in (self.truth.rows, self.truth.keypoints, self.truth.areas, self.found.rows):
            digest.update(values.tobytes())
        for values in (self.found.keypoints, self.found.boxes, self.box_scores):
            digest.update(np.float32(values).tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def _by_picture(self) -> list[Poses]:
        poses = Poses(
            skeleton=self.found.skeleton,
            keypoints=self.found.keypoints,
            boxes=self.found.boxes,
            box_scores=self.box_scores,
            scores=self.found.scores,
        )
        return [poses[rows] for rows in rows_by_picture(self.found.rows, len(self.pictures))]


def groups_of(layout: Skeleton) -> dict[str, np.ndarray]:
    """Return the keypoints of "all" and of each group by name, both hands together."""
    every = np.arange(len(layout.names))
    parts: dict[str, list[np.ndarray]] = {}
    for name in layout.groups:
        own = "hands" if name.endswith("_hand") else name
        parts.setdefault(own, []).append(every[layout.group(name)])
    groups = {name: np.concatenate(rows) for name, rows in parts.items()}
    return {"all": every, **(groups if len(groups) > 1 else {})}


def average_precision(truth: Truth, found: Predictions, rows: np.ndarray | None = None) -> float:
    """Return COCO's AP alone: much faster than evaluate_coco(), which has tables beside it.

    Args:
        truth: labelled people.
        found: poses with the same skeleton, and boxes.
        rows: keypoints that count; None for all.
    """
    rows = np.arange(len(truth.skeleton.names)) if rows is None else rows
    labels, ids = truth.keypoints[:, rows], [picture.id for picture in truth.pictures]
    nothing = ~(labels[..., 2] > 0).any(axis=1)
    contest = Contest(
        labelled=Labelled(
            rows=truth.rows,
            keypoints=labels,
            boxes=truth.boxes,
            areas=truth.areas,
            is_crowd=truth.is_crowd,
            is_ignored=nothing | truth.is_crowd,
        ),
        found=Found(
            rows=found.rows,
            keypoints=np.nan_to_num(found.keypoints[:, rows, :2]),
            scores=found.scores,
            areas=area(found.boxes),
            is_dropped=np.zeros(len(found), bool),
        ),
        sigmas=np.array(truth.skeleton.sigmas)[rows],
        order=np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64),
    )
    return AveragePrecision((contest.rankings(EVERYBODY)["all"],)).value()


def poses_per_found(truth: Truth, found: Predictions) -> float:
    """Return the number of poses of people / the number of people who have any; NaN for 0 / 0.

    A pose is of the person whose box overlaps its own most, by an IoU of SAME_BOX or more.
    """
    whose = []
    people = rows_by_picture(truth.rows, len(truth.pictures))
    poses = rows_by_picture(found.rows, len(truth.pictures))
    for these, those in zip(people, poses, strict=True):
        if len(these) and len(those):
            overlap = iou(found.boxes[those], truth.boxes[these])
            own = overlap.argmax(axis=1)
            whose.append(these[own[overlap.max(axis=1) >= SAME_BOX]])
    owners = np.concatenate([np.empty(0, np.intp), *whose])
    return len(owners) / len(np.unique(owners)) if len(owners) else float("nan")


def truth_in_layout(truth: Truth, layout: Skeleton) -> Truth:
    """Return the same people with the keypoints of ``layout``, found by name; others count not."""
    source = truth.skeleton.rows_of(layout)
    keypoints = np.zeros((len(truth), len(source), 3))
    keypoints[:, source >= 0] = truth.keypoints[:, source[source >= 0]]
    return replace(truth, skeleton=layout, keypoints=keypoints, is_valid=None)


def box_scores_of(found: Predictions) -> np.ndarray:
    """Return the scores (M,) of the boxes, given those of the poses: pose_scores() undone."""
    scores = found.keypoints[..., 2]
    rest = scores.mean(axis=1) + MAX_WEIGHT * scores.max(axis=1)
    return np.clip(found.scores * (2 + MAX_WEIGHT) - rest, 0, 1)


def _joined_truth(parts: Sequence[Truth], starts: np.ndarray) -> Truth:
    columns = ("keypoints", "boxes", "areas", "is_crowd")
    pictures = [
        replace(picture, id=f"{number}/{picture.id}", sequence=_sequence(picture, number))
        for number, part in enumerate(parts)
        for picture in part.pictures
    ]
    rows = [part.rows + start for part, start in zip(parts, starts, strict=False)]
    return Truth(
        name=" + ".join(part.name for part in parts),
        skeleton=parts[0].skeleton,
        pictures=tuple(pictures),
        rows=np.concatenate(rows),
        ids=np.arange(1, sum(map(len, parts)) + 1),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns},
    )


def _sequence(picture: Picture, part: int) -> str:
    return f"{part}/{picture.sequence}" if picture.sequence else ""
