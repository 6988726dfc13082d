"""One-to-one matching of rows to columns under a gate, for trackers and metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class Matching:
    """Which rows and columns belong together."""

    pairs: np.ndarray  # (P, 2) row, column
    free_rows: np.ndarray  # ascending
    free_columns: np.ndarray  # ascending


def match(cost: np.ndarray, max_cost: float) -> Matching:
    """Match rows to columns at least total cost, never a pair dearer than ``max_cost``.

    A row and a column left free count as much as a pair of cost ``max_cost``: a good pair is
    not given up for two poor ones.

    Args:
        cost: (R, C), finite; R or C may be 0.
        max_cost: largest cost of a pair.

    Raises:
        ValueError: a cost is NaN or infinite.
    """
    if not np.isfinite(cost).all():
        raise ValueError("cost holds NaN or Inf; mark impossible pairs by a cost above max_cost")
    rows, columns = linear_sum_assignment(np.minimum(cost, max_cost))
    kept = cost[rows, columns] <= max_cost
    rows, columns = rows[kept], columns[kept]
    return Matching(
        pairs=np.stack((rows, columns), axis=1),
        free_rows=np.setdiff1d(np.arange(cost.shape[0]), rows),
        free_columns=np.setdiff1d(np.arange(cost.shape[1]), columns),
    )
