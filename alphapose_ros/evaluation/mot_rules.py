"""What counts in a sequence of the MOTChallenge: the rules of its benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.boxes import iou
from alphapose_ros.evaluation.mot_matching import best_pairs, common_frames, passing
from alphapose_ros.io.mot import UNKNOWN, TrackedBoxes

PEDESTRIAN = 1
CLASSES = range(1, 14)  # of the benchmark
DISTRACTORS = {  # rules -> classes of people and look-alikes that may be found without blame
    "plain": (),
    "mot17": (2, 7, 8, 12),  # person on a vehicle, static person, distractor, reflection
    "mot20": (2, 6, 7, 8, 12),  # and vehicles without an engine
}


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledSequence:
    """One sequence with its ground truth, of all classes."""

    name: str
    boxes: TrackedBoxes
    length: int | None = None  # frames, where seqinfo.ini says it
    frame_rate_hz: float = np.nan


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted:
    """What counts of one sequence, and how much does not."""

    truth: TrackedBoxes
    found: TrackedBoxes
    left_out: int  # true boxes
    excused: int  # found ones that match distractors


def usual_rules(sequence: LabelledSequence) -> str:
    """Return the rules by which a sequence is evaluated when none are asked for."""
    if (sequence.boxes.classes == UNKNOWN).all():
        return "plain"
    return "mot20" if sequence.name.startswith("MOT20") else "mot17"


def counted(sequence: LabelledSequence, found: TrackedBoxes, rules: str) -> Counted:
    """Return what counts by ``rules``.

    True boxes count that the file does not mark as not to be counted (score 0) and whose class is
    pedestrian or unknown. Found boxes count but for those that match a true box of a distractor
    class, where all true boxes take part: in each frame the greatest total IoU of pairs >= 0.5.

    Raises:
        ValueError: an identity occurs twice in a frame or is none, frames lie beyond the end, or
            classes do not fit the rules; the sequence is named.

    Source: TrackEval's rules for MOT17 and MOT20; in "plain" nothing is a distractor.
    """
    _check(sequence, found, rules)
    truth = sequence.boxes
    is_counted = is_person(truth)
    is_excused = _on_distractors(truth, found, DISTRACTORS[rules])
    return Counted(
        truth=truth[is_counted],
        found=found[~is_excused],
        left_out=int((~is_counted).sum()),
        excused=int(is_excused.sum()),
    )


def is_person(truth: TrackedBoxes) -> np.ndarray:
    """Return which true boxes (N,) are people who are to be found."""
    return (truth.scores != 0) & np.isin(truth.classes, (PEDESTRIAN, UNKNOWN))


def _on_distractors(
    truth: TrackedBoxes, found: TrackedBoxes, distractors: tuple[int, ...]
) -> np.ndarray:
    """Return which found boxes (M,) match true ones of classes that are no mistake to find."""
    excused = np.zeros(len(found), bool)
    if not distractors:
        return excused
    for rows, columns in common_frames(truth.frames, found.frames):
        overlap = iou(truth.boxes[rows], found.boxes[columns])
        people, tracks = best_pairs(overlap * passing(overlap))
        excused[columns[tracks]] = np.isin(truth.classes[rows[people]], distractors)
    return excused


def _check(sequence: LabelledSequence, found: TrackedBoxes, rules: str) -> None:
    """Refuse what would give figures that mean nothing."""
    name, truth = sequence.name, sequence.boxes
    if DISTRACTORS[rules] and not np.isin(truth.classes, CLASSES).all():
        wrong = truth.classes[~np.isin(truth.classes, CLASSES)][0]
        raise ValueError(
            f"{name}: ground truth has class {wrong}, rules {rules!r} need classes "
            f"{CLASSES[0]} to {CLASSES[-1]}; rules 'plain' do without"
        )
    if (found.classes > PEDESTRIAN).any():
        raise ValueError(
            f"{name}: results have class {found.classes.max()}; only pedestrians "
            f"({PEDESTRIAN}, or {UNKNOWN}) are evaluated"
        )
    for whose, boxes in (("ground truth", truth), ("results", found)):
        _check_identities(f"{name}: {whose}", boxes)
        if sequence.length is not None and (boxes.frames > sequence.length).any():
            raise ValueError(
                f"{name}: {whose} have frame {boxes.frames.max()}, the sequence ends at "
                f"{sequence.length}"
            )


def _check_identities(where: str, boxes: TrackedBoxes) -> None:
    if (boxes.ids < 0).any():
        raise ValueError(f"{where}: id {boxes.ids.min()} is none; these are detections, not tracks")
    both, counts = np.unique(np.stack((boxes.frames, boxes.ids)), axis=1, return_counts=True)
    if (counts > 1).any():
        frame, number = both[:, np.argmax(counts)]
        raise ValueError(f"{where}: id {number} occurs {counts.max()} times in frame {frame}")
