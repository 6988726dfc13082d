"""How well embeddings tell people apart: rank 1, mAP, and distances of same and different."""

from __future__ import annotations

import numpy as np


def reid_figures(
    embeddings: np.ndarray, identities: np.ndarray, accepted: float = 0.01
) -> dict[str, float]:
    """Compare every embedding with all the others.

    Args:
        embeddings: (N, D), of unit length.
        identities: (N,), each at least twice, and at least two.
        accepted: share of the strangers that ``max_distance`` takes for the same person.

    Returns:
        ``rank1``: share whose nearest is the same person; ``mAP``: mean over all of the average
        precision of the ranking by distance; ``AUC``: how often a pair of the same is nearer than
        one of strangers; ``EER`` and ``EER_distance``: the error where as many of the same are
        refused as strangers accepted, and the cosine distance there; ``max_distance``: up to which
        ``accepted`` of the strangers lie; ``recall``: share of pairs of the same up to it.
    """
    distances = 1 - embeddings.astype(np.float64) @ embeddings.T.astype(np.float64)
    is_same = identities[:, None] == identities
    np.fill_diagonal(distances, np.inf)  # last in every ranking
    np.fill_diagonal(is_same, val=False)
    order = np.argsort(distances, axis=1, kind="stable")
    ranked = np.take_along_axis(is_same, order, axis=1)
    precision = np.cumsum(ranked, axis=1) / np.arange(1, len(ranked) + 1)
    pairs = np.triu_indices(len(identities), 1)
    same, strangers = (distances[pairs][is_same[pairs] == value] for value in (True, False))
    limit = float(np.quantile(strangers, accepted))
    equal = equal_error(same, strangers)
    return {
        "rank1": float(ranked[:, 0].mean()),
        "mAP": float(((precision * ranked).sum(axis=1) / ranked.sum(axis=1)).mean()),
        "AUC": area_under_curve(same, strangers),
        "EER": equal[0],
        "EER_distance": equal[1],
        "max_distance": limit,
        "recall": float((same <= limit).mean()),
    }


def area_under_curve(same: np.ndarray, strangers: np.ndarray) -> float:
    """Return how often one of ``same`` (S,) is below one of ``strangers`` (T,); ties half."""
    ordered = np.sort(strangers)
    below, up_to = (np.searchsorted(ordered, same, side) for side in ("left", "right"))
    return float(1 - (below + up_to).mean() / (2 * len(ordered)))


def equal_error(same: np.ndarray, strangers: np.ndarray) -> tuple[float, float]:
    """Return the error, and the distance, where refused of ``same`` equal accepted strangers."""
    limits = np.sort(np.concatenate((same, strangers)))
    refused = 1 - np.searchsorted(np.sort(same), limits, "right") / len(same)
    taken = np.searchsorted(np.sort(strangers), limits, "right") / len(strangers)
    at = int(np.argmin(np.abs(refused - taken)))
    return float((refused[at] + taken[at]) / 2), float(limits[at])
