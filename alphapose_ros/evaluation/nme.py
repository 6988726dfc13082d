"""Errors of face keypoints in parts of the face's size: NME, failure rate, AUC."""

from __future__ import annotations

import numpy as np

from alphapose_ros.evaluation.datasets.faces import NORMALISERS, Normaliser, face_sizes
from alphapose_ros.evaluation.distances import Distances, measure
from alphapose_ros.evaluation.records import Predictions, Truth
from alphapose_ros.evaluation.report import Evaluation, Figures
from alphapose_ros.evaluation.statistics import Ratio
from alphapose_ros.skeletons import Skeleton

FACE = "face"
FAILURE = 0.1  # a face of larger error has failed
REGIONS = {  # by parts of the keypoints' names
    "jaw": ("jaw", "chin"),
    "eyebrows": ("eyebrow",),
    "nose": ("nose", "nostril"),
    "eyes": ("eye_", "lid", "pupil"),
    "mouth": ("mouth", "lip"),
}


def evaluate_faces(
    truth: Truth,
    found: Predictions,
    normaliser: Normaliser = "outer_corners",
    *,
    jaw: bool = True,
    found_jaw: str = "",
) -> Evaluation:
    """Compute NME, FR@0.1 and AUC@0.1 of faces, whole and by region.

    A face's error is the mean over its labelled keypoints of distance / size; it is infinite if
    any of them was not predicted. NME is the mean error of the faces where it is finite, which
    "found" is the share of. FR@0.1 is the share of faces with an error above 0.1. AUC@0.1 is the
    area below the share of faces of at most some error, over errors 0 to 0.1, divided by 0.1: the
    mean of max(0, 1 - error / 0.1), without steps.

    Args:
        truth: faces, or people with a group "face"; each trait gets a row of its own.
        found: in any layout that shares keypoints with truth's.
        normaliser: what distances are divided by, see face_sizes(): "outer_corners" of the eyes,
            "pupils", or "box", the diagonal of the smallest box around the labelled keypoints.
        jaw: False leaves its keypoints out, which have two definitions that do not compare.
        found_jaw: which contour the predictions have, as Truth.jaw; "" if not known.

    Raises:
        ValueError: an unknown normaliser, no group "face", or nothing in common with ``found``.

    Source: Sagonas et al. 2016 (300-W), Wu et al. 2018 (WFLW); the jaw: paper Fig. 7, section 6.1.
    """
    regions = _regions(truth.skeleton)
    if not jaw:
        del regions["jaw"]
    distances = measure(truth, found, face_sizes(truth, normaliser))
    rows = np.concatenate(list(regions.values()))
    errors = _errors(distances, rows)
    sections = {
        "groups": {
            name: _figures(distances, _errors(distances, part)) for name, part in regions.items()
        }
    }
    if truth.traits is not None:
        sections["subsets"] = {
            name: _figures(distances, np.where(has_it, errors, np.nan))
            for name, has_it in zip(truth.trait_names, truth.traits.T, strict=True)
        }
    return Evaluation(
        data_set=truth.name,
        units=distances.units,
        figures=_figures(distances, errors),
        sections=sections,
        notes=(
            f"distances are in parts of: {NORMALISERS[normaliser]}",
            *_about_jaw(truth.jaw, found_jaw, jaw),
            f"NME is that of found faces; {np.isinf(errors).sum()} of "
            f"{(~np.isnan(errors)).sum()} are missing or lack keypoints, and count as failed",
            *distances.notes,
        ),
        cases=distances.cases(_closeness(errors), f"1 - NME / {FAILURE}"),
    )


def _figures(distances: Distances, errors: np.ndarray) -> Figures:
    """Return the figures of faces with ``errors`` (N,); NaN where they do not count."""
    counts, is_found = ~np.isnan(errors), np.isfinite(errors)
    columns = {
        "NME": (np.where(is_found, errors, 0.0), is_found),
        f"FR@{FAILURE}": (errors > FAILURE, counts),
        f"AUC@{FAILURE}": (np.where(counts, _closeness(errors), 0.0), counts),
        "found": (is_found, counts),
    }
    parts, wholes = (np.stack(arrays, axis=1) for arrays in zip(*columns.values(), strict=True))
    sums = distances.sums(parts, wholes)
    return {name: Ratio(sums, at=column) for column, name in enumerate(columns)}


def _errors(distances: Distances, rows: np.ndarray) -> np.ndarray:
    """Return the mean error of each face (N,): infinite where not found, NaN where not counted."""
    counts = distances.counts[:, rows]
    total = np.where(counts, distances.parts[:, rows], 0.0).sum(axis=1)
    number = counts.sum(axis=1)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)


def _closeness(errors: np.ndarray) -> np.ndarray:
    """Return 1 for no error, 0 for a failure."""
    return 1 - np.minimum(errors / FAILURE, 1)


def _regions(skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Return the rows of each region of the face."""
    face = skeleton.group(FACE)
    rows = range(face.start, face.stop)
    return {
        region: np.array(
            [row for row in rows if any(mark in skeleton.names[row] for mark in marks)], np.intp
        )
        for region, marks in REGIONS.items()
    }


def _about_jaw(of_truth: str, of_found: str, is_counted: bool) -> list[str]:
    """Say which definition of the jaw was compared with which."""
    if not is_counted:
        return ["the jaw is left out"]
    if not of_truth:
        return []
    if not of_found:
        return [f"the jaw is labelled as {of_truth}; predictions of the other kind do not compare"]
    if of_found != of_truth:
        return [
            f"the jaw is labelled as {of_truth} and predicted as {of_found}: these do not compare, "
            "leave the jaw out"
        ]
    return [f"the jaw is labelled and predicted as {of_truth}"]
