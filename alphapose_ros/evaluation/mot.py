"""MOTChallenge: how well people are followed by boxes through sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alphapose_ros.boxes import iou
from alphapose_ros.evaluation.mot_matching import (
    ALPHAS,
    Scene,
    Step,
    clear,
    common_frames,
    hota,
    identity,
)
from alphapose_ros.evaluation.mot_rules import (
    DISTRACTORS,
    Counted,
    LabelledSequence,
    counted,
    usual_rules,
)
from alphapose_ros.evaluation.report import Confusion, Evaluation, Figures
from alphapose_ros.evaluation.statistics import GeometricMean, Ratio, Sums, Total
from alphapose_ros.io.mot import TrackedBoxes, read_mot, read_seqinfo

COUNTS = ("Dets", "GT_Dets", "IDs", "GT_IDs")


def read_truth(annotations: str | Path) -> tuple[LabelledSequence, ...]:
    """Read one gt.txt, or a folder of the benchmark: of one sequence, or of several.

    A sequence is a folder with gt/gt.txt and mostly seqinfo.ini. Beside a single file seqinfo.ini
    is looked for in its folder, and above a folder "gt".

    Raises:
        FileNotFoundError: there is no ground truth.
        ValueError: a file is malformed; file, line and column are named.
    """
    annotations = Path(annotations)
    if not annotations.is_dir():
        return (_labelled(annotations),)
    files = [annotations / "gt/gt.txt"]
    if not files[0].is_file():
        files = sorted(annotations.glob("*/gt/gt.txt"))
    if not files:
        raise FileNotFoundError(
            f"{annotations}: no gt/gt.txt and no SEQUENCE/gt/gt.txt in it; expected a folder of "
            "the MOTChallenge or a file of ground truth"
        )
    return tuple(_labelled(file) for file in files)


def read_results(
    results: str | Path, truth: Sequence[LabelledSequence]
) -> tuple[TrackedBoxes, ...]:
    """Read what was found in each sequence: a folder with NAME.txt, or for one sequence its file.

    Raises:
        FileNotFoundError: the file of a sequence is missing (an empty one says: nobody found).
        ValueError: one file for several sequences, or a file is malformed.
    """
    results = Path(results)
    if results.is_dir():
        return tuple(read_mot(results / f"{sequence.name}.txt") for sequence in truth)
    if len(truth) > 1:
        raise ValueError(
            f"{results} is no folder; {len(truth)} sequences need one with "
            f"{truth[0].name}.txt, {truth[1].name}.txt..."
        )
    return tuple(read_mot(results) for _ in truth)


def evaluate_mot(
    truth: Sequence[LabelledSequence],
    found: Sequence[TrackedBoxes],
    rules: str | None = None,
) -> Evaluation:
    """Compare tracks with ground truth: HOTA, CLEAR MOT and identity measures, as TrackEval.

    The sequences are units. All figures are ratios or totals of sums over them, as TrackEval
    combines sequences; where nothing can be counted, ratios are 0, as there, and LocA 1 at that
    alpha. HOTA, DetA, AssA, DetRe, DetPr, AssRe, AssPr, LocA are means over alpha = 0.05...0.95,
    HOTA(0) and LocA(0) those at 0.05. MOTA = 1 - (CLR_FN + CLR_FP + IDSW) / GT_Dets may be
    negative. MOTP is the mean IoU of matches.

    Args:
        truth: the sequences.
        found: the boxes of each.
        rules: one of DISTRACTORS; None: those of the benchmark where ground truth has classes
            ("mot20" where the name of the sequence begins so, "mot17" otherwise), else "plain".

    Raises:
        ValueError: an identity occurs twice in a frame or is none, frames lie beyond the end, or
            classes do not fit the rules; the sequence is named.

    Source: mot_matching defines the measures, mot_rules what counts; combined as by TrackEval.
    """
    if not truth or len(truth) != len(found):
        raise ValueError(f"{len(truth)} sequences of ground truth, {len(found)} of results")
    if rules is not None and rules not in DISTRACTORS:
        raise ValueError(f"rules: {rules!r} is none of {', '.join(DISTRACTORS)}")
    chosen = [rules or usual_rules(sequence) for sequence in truth]
    cases = [counted(*one) for one in zip(truth, found, chosen, strict=True)]
    measured = [_measured(case) for case in cases]
    sums = {name: np.array([sums[name] for sums, _ in measured]) for name in measured[0][0]}
    names = tuple(sequence.name for sequence in truth)
    rows = np.arange(len(names))
    alone = {name: _figures(_only(sums, rows == row)) for row, name in enumerate(names)}
    return Evaluation(
        data_set="mot",
        units=names,
        figures=_figures(sums),
        sections={"sequences": alone} if len(names) > 1 else {},
        notes=_notes(chosen, cases),
        confusion=_confusion(cases[0], measured[0][1]) if len(names) == 1 else None,
    )


def _scene(truth: TrackedBoxes, found: TrackedBoxes) -> Scene:
    _, people, people_counts = np.unique(truth.ids, return_inverse=True, return_counts=True)
    _, tracks, track_counts = np.unique(found.ids, return_inverse=True, return_counts=True)
    steps = tuple(
        Step(people[rows], tracks[columns], iou(truth.boxes[rows], found.boxes[columns]))
        for rows, columns in common_frames(truth.frames, found.frames)
    )
    return Scene(people_counts, track_counts, steps)


def _measured(case: Counted) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the sums of one sequence, and how many frames people and tracks matched (P, S)."""
    scene = _scene(case.truth, case.found)
    sizes = (len(case.found), len(case.truth), len(scene.tracks), len(scene.people))
    counts = dict(zip(COUNTS, sizes, strict=True))
    sums, matched = clear(scene)
    return {**hota(scene), **sums, **identity(scene), **counts}, matched


def _only(sums: dict[str, np.ndarray], is_kept: np.ndarray) -> dict[str, np.ndarray]:
    """Return sums (U,) or (U, 19) with the other sequences' at 0, so that weights still fit."""
    return {name: (values.T * is_kept).T for name, values in sums.items()}


def _figures(sums: dict[str, np.ndarray]) -> Figures:
    """Return all figures from the sums of each sequence (U,) or (U, 19)."""
    s = {name: values.reshape(len(values), -1).astype(float) for name, values in sums.items()}
    truth, found = s["CLR_TP"] + s["CLR_FN"], s["CLR_TP"] + s["CLR_FP"]
    right = s["HOTA_TP"]
    detection = Sums(right, right + s["HOTA_FN"] + s["HOTA_FP"])
    association, location = Sums(s["AssA"], right), Sums(s["LocA"], right)
    figures = {
        "HOTA": GeometricMean(detection, association),
        "DetA": Ratio(detection, empty=0.0),
        "AssA": Ratio(association, empty=0.0),
        "DetRe": _ratio(right, right + s["HOTA_FN"]),
        "DetPr": _ratio(right, right + s["HOTA_FP"]),
        "AssRe": _ratio(s["AssRe"], right),
        "AssPr": _ratio(s["AssPr"], right),
        "LocA": Ratio(location, empty=1.0),
        "HOTA(0)": GeometricMean(detection, association, at=0),
        "LocA(0)": Ratio(location, at=0, empty=1.0),
        "MOTA": _ratio(s["CLR_TP"] - s["CLR_FP"] - s["IDSW"], truth),
        "MOTP": _ratio(s["similarity"], s["CLR_TP"]),
        "MODA": _ratio(s["CLR_TP"] - s["CLR_FP"], truth),
        "CLR_Re": _ratio(s["CLR_TP"], truth),
        "CLR_Pr": _ratio(s["CLR_TP"], found),
    }
    figures |= _totals(s, ("MT", "PT", "ML", "CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "Frag"))
    figures |= {
        "IDF1": _ratio(s["IDTP"], s["IDTP"] + s["IDFN"] / 2 + s["IDFP"] / 2),
        "IDR": _ratio(s["IDTP"], s["IDTP"] + s["IDFN"]),
        "IDP": _ratio(s["IDTP"], s["IDTP"] + s["IDFP"]),
    }
    return figures | _totals(s, ("IDTP", "IDFN", "IDFP", *COUNTS))


def _ratio(parts: np.ndarray, wholes: np.ndarray) -> Ratio:
    return Ratio(Sums(parts, wholes), empty=0.0)


def _totals(sums: dict[str, np.ndarray], names: Sequence[str]) -> Figures:
    return {name: Total(Sums(sums[name], np.ones_like(sums[name]))) for name in names}


def _confusion(case: Counted, matched: np.ndarray) -> Confusion:
    people, tracks = np.unique(case.truth.ids), np.unique(case.found.ids)
    return Confusion(tuple(map(str, people)), tuple(map(str, tracks)), matched)


def _notes(rules: Sequence[str], cases: Sequence[Counted]) -> tuple[str, ...]:
    return (
        f"rules: {', '.join(sorted(set(rules)))}; IoU >= 0.5 for CLEAR and identities, "
        f"alpha = {ALPHAS[0]:.2f}...{ALPHAS[-1]:.2f} for HOTA",
        f"{sum(case.left_out for case in cases)} true boxes are of other classes or marked as not "
        f"to be counted; {sum(case.excused for case in cases)} found boxes that match distractors "
        "count neither way",
    )


def _labelled(file: Path) -> LabelledSequence:
    boxes = read_mot(file)
    folder = file.parent.resolve()
    folder = folder.parent if folder.name == "gt" else folder
    information = folder / "seqinfo.ini"
    if not information.is_file():
        name = folder.name if file.name == "gt.txt" else file.stem
        return LabelledSequence(name=name, boxes=boxes)
    info = read_seqinfo(information)
    return LabelledSequence(
        name=folder.name, boxes=boxes, length=info.length, frame_rate_hz=info.frame_rate_hz
    )
