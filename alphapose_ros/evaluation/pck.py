"""Shares of keypoints found near enough to their labels: PCKh, PCK, AUC, and the error in pixels.

A keypoint is right at a threshold if its distance, divided by a size of the person, is at most
that (<=); one that is labelled and was not predicted is wrong. PCK is right / labelled keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from alphapose_ros.evaluation.datasets.extents import distance
from alphapose_ros.evaluation.distances import Distances, measure
from alphapose_ros.evaluation.records import Predictions, Truth
from alphapose_ros.evaluation.report import Evaluation, Figures
from alphapose_ros.evaluation.statistics import Ratio, Sums
from alphapose_ros.skeletons import Skeleton

HEAD = ("upper_neck", "neck", "head_top")
LIMBS = {
    name.capitalize(): (f"left_{name}", f"right_{name}")
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}
ROWS = {"Head": HEAD, **LIMBS}  # of the usual tables
UNCOUNTED = ("pelvis", "thorax")  # not in MPII's totals
TRB_GROUPS = {"body": "skeleton", "contour": "contour"}  # as the data set calls them
FINGERS = ("wrist", "thumb", "index", "middle", "ring", "little")

HEAD_SHARE, STRICT_HEAD_SHARE = 0.5, 0.1
TORSO_SHARE = 0.2
HAND_SHARE = 0.2
# A trapezoid between 51 thresholds is the mean with all but the outer ones counted twice.
MPII_THRESHOLDS = np.repeat(np.linspace(0, 0.5, 51), 2)[1:-1]
HAND_THRESHOLDS_PX = np.linspace(0, 30, 20, endpoint=False)

Samples = Mapping[str, Sums]  # by name of the figure, one column per keypoint


def evaluate_mpii(truth: Truth, found: Predictions) -> Evaluation:
    """Compute PCKh: distances in parts of the head's size, 0.6 times its box's diagonal.

    PCKh@0.5 and @0.1 pool all keypoints but pelvis and thorax; so does AUC, the area under PCKh
    over thresholds 0 to 0.5 (51, linear between them). A row of the groups is the mean of its two
    keypoints. Head has both ends of the head, as in MPII's tables; those of HRNet show head_top
    alone, and their Mean@0.1 is taken at 0.11.

    Raises:
        ValueError: ``truth`` has no head sizes, or nothing in common with ``found``.

    Source: Andriluka et al. 2014 and the evaluation of the MPII Human Pose data set.
    """
    distances = measure(truth, found, _sizes(truth, "heads"))
    samples = _pckh(distances)
    counted = _rows(truth.skeleton, (n for n in truth.skeleton.names if n not in UNCOUNTED))
    rows = {**_pairs(samples, truth.skeleton), "Mean": _pooled(samples, counted)}
    evaluation = _evaluation(distances, samples, rows, _pooled(samples, counted), HEAD_SHARE)
    note = "totals and AUC leave out pelvis and thorax; Head is upper_neck and head_top"
    return replace(evaluation, notes=(*evaluation.notes, note))


def evaluate_lsp(truth: Truth, found: Predictions) -> Evaluation:
    """Compute PCK@0.2: distances in parts of the torso, left shoulder to right hip.

    The total pools all keypoints; a row of the groups is the mean of its two keypoints.

    Raises:
        ValueError: ``truth`` has no sizes of torsos, or nothing in common with ``found``.

    Source: Yang and Ramanan 2013; the person-centric evaluation of Leeds Sports Poses.
    """
    distances = measure(truth, found, _sizes(truth, "torsos"))
    samples = {f"PCK@{TORSO_SHARE}": _right(distances, TORSO_SHARE)}
    rows = _pairs(samples, truth.skeleton)
    return _evaluation(distances, samples, rows, _pooled(samples, slice(None)), TORSO_SHARE)


def evaluate_trb(truth: Truth, found: Predictions) -> Evaluation:
    """Compute PCKh of keypoints and points of contour, each apart and together.

    As evaluate_mpii(), with all points in the total. If nobody's head size is known: PCK@0.2,
    distances in parts of the torso, left shoulder to right hip, as labelled.

    Source: Duan et al. 2019 (TRB).
    """
    has_heads = truth.sizes_px is not None and bool(np.isfinite(truth.sizes_px).any())
    if has_heads:
        distances = measure(truth, found, _sizes(truth, "heads"))
        samples = _pckh(distances)
    else:
        torsos = distance(truth.keypoints, truth.skeleton, "left_shoulder", "right_hip")
        truth = replace(truth, sizes_px=torsos, size_meaning="torso, left shoulder to right hip")
        distances = measure(truth, found, torsos)
        samples = {f"PCK@{TORSO_SHARE}": _right(distances, TORSO_SHARE)}
    groups = {
        TRB_GROUPS.get(group, group): _pooled(samples, truth.skeleton.group(group))
        for group in truth.skeleton.groups
    }
    rows = {**groups, **_pairs(samples, truth.skeleton)}
    threshold = HEAD_SHARE if has_heads else TORSO_SHARE
    return _evaluation(distances, samples, rows, _pooled(samples, slice(None)), threshold)


def evaluate_hands(truth: Truth, found: Predictions) -> Evaluation:
    """Compute PCK@0.2 in parts of the box's longer side, AUC over 0 to 30 px, EPE in px.

    AUC is the mean PCK at 20 thresholds, 0, 1.5 ... 28.5 px. EPE is the mean distance of the
    keypoints that were found, which "found" is the share of; missing ones count as wrong in PCK
    and AUC. All pool the keypoints of all hands.

    Raises:
        ValueError: ``truth`` has no sizes of boxes, or nothing in common with ``found``.

    Source: the 2-D protocol of mmpose for FreiHAND and InterHand2.6M, by which their 2-D figures
        are published; it calls a keypoint at the very threshold wrong (<), we right.
    """
    distances = measure(truth, found, _sizes(truth, "boxes"))
    is_found = distances.is_found
    samples = {
        f"PCK@{HAND_SHARE}": _right(distances, HAND_SHARE),
        "AUC": _area(distances, distances.px, HAND_THRESHOLDS_PX),
        "EPE": distances.sums(np.where(is_found, distances.px, 0.0), is_found),
        "found": distances.sums(is_found, distances.counts),
    }
    names = truth.skeleton.names
    fingers = {
        finger: _pooled(samples, [row for row, name in enumerate(names) if finger in name])
        for finger in FINGERS
    }
    groups = truth.skeleton.groups if len(truth.skeleton.groups) > 1 else ()
    hands = {group: _pooled(samples, truth.skeleton.group(group)) for group in groups}
    rows = {**hands, **fingers}
    evaluation = _evaluation(distances, samples, rows, _pooled(samples, slice(None)), HAND_SHARE)
    missing = int((distances.counts & ~is_found).sum())
    notes = (
        *evaluation.notes,
        f"AUC is the mean PCK at {len(HAND_THRESHOLDS_PX)} thresholds from 0 below 30 px",
        f"EPE [px] is that of found keypoints; {missing} of {distances.counts.sum()} are missing",
    )
    return replace(evaluation, notes=notes)


def _sizes(truth: Truth, meaning: str) -> np.ndarray:
    if truth.sizes_px is None:
        raise ValueError(f"{truth.name} has no sizes of {meaning}, which distances are divided by")
    return truth.sizes_px


def _pckh(distances: Distances) -> Samples:
    return {
        f"PCKh@{HEAD_SHARE}": _right(distances, HEAD_SHARE),
        f"PCKh@{STRICT_HEAD_SHARE}": _right(distances, STRICT_HEAD_SHARE),
        "AUC": _area(distances, distances.parts, MPII_THRESHOLDS),
    }


def _right(distances: Distances, threshold: float) -> Sums:
    """Count right keypoints of labelled ones: (U, K)."""
    return distances.sums(distances.parts <= threshold, distances.counts)


def _area(distances: Distances, values: np.ndarray, thresholds: np.ndarray) -> Sums:
    """Add up at what share of thresholds keypoints are right: (U, K).

    Divided by what is labelled, this is the mean PCK over ascending ``thresholds``.
    """
    shares = 1 - np.searchsorted(thresholds, values) / len(thresholds)
    return distances.sums(np.where(distances.counts, shares, 0.0), distances.counts)


def _rows(skeleton: Skeleton, names: Iterable[str]) -> list[int]:
    return [skeleton.index(name) for name in names if name in skeleton.names]


def _pooled(samples: Samples, rows: Sequence[int] | slice) -> Figures:
    """Return each figure over all keypoints in ``rows`` together."""
    return {
        name: Ratio(
            Sums(
                parts=sums.parts[:, rows].sum(axis=1, keepdims=True),
                wholes=sums.wholes[:, rows].sum(axis=1, keepdims=True),
            ),
            at=0,
        )
        for name, sums in samples.items()
    }


def _pairs(samples: Samples, skeleton: Skeleton) -> dict[str, Figures]:
    """Return the rows of the usual tables, each the mean of two keypoints' figures."""
    rows = {name: _rows(skeleton, members) for name, members in ROWS.items()}
    return {
        row: {
            name: Ratio(Sums(parts=sums.parts[:, members], wholes=sums.wholes[:, members]))
            for name, sums in samples.items()
        }
        for row, members in rows.items()
        if members
    }


def _evaluation(
    distances: Distances,
    samples: Samples,
    groups: dict[str, Figures],
    figures: Figures,
    threshold: float,
) -> Evaluation:
    """Put an evaluation together; people's quality is their part in the first figure."""
    keypoints = {
        keypoint: {name: Ratio(sums, at=row) for name, sums in samples.items()}
        for row, keypoint in enumerate(distances.truth.skeleton.names)
    }
    right = (distances.parts <= threshold).sum(axis=1)
    labelled = distances.counts.sum(axis=1)
    quality = np.divide(right, labelled, out=np.full(len(right), np.nan), where=labelled > 0)
    meaning = distances.truth.size_meaning
    size = (f"distances are in parts of: {meaning}",) if meaning else ()
    return Evaluation(
        data_set=distances.truth.name,
        units=distances.units,
        figures=figures,
        sections={"groups": groups, "keypoints": keypoints},
        notes=(*size, "a keypoint at the very threshold is right", *distances.notes),
        cases=distances.cases(quality, next(iter(samples))),
    )
