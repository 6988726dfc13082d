"""Whether a figure grows, measured again and again in one process."""

from __future__ import annotations

import numpy as np
from scipy.stats import linregress, t

MOST_ALIKE = 0.97  # correlation of neighbours that is reckoned with, at most


def slope_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the slope from one of n values to the next, and half its 95 % interval.

    A process's memory hangs together from one value to the next: where neighbours are correlated by
    r, only n (1 - r) / (1 + r) values are independent. What is left over of a line shows too small
    an r, on average by (2 + 4 r) / n (Marriott and Pope, Biometrika 41, 1954); that is put right.
    """
    n = len(values)
    line = linregress(np.arange(n), values)
    left = values - line.intercept - line.slope * np.arange(n)
    if not left.any():
        return float(line.slope), 0.0
    seen = np.corrcoef(left[1:], left[:-1])[0, 1]
    r = np.clip(seen + (2 + 4 * seen) / n, 0, MOST_ALIKE)
    free = max(n * (1 - r) / (1 + r) - 2, 1.0)
    return float(line.slope), float(t.ppf(0.975, free) * line.stderr * np.sqrt((n - 2) / free))
