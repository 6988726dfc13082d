import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from trend import slope_interval

SERIES, LENGTH = 1000, 40


@pytest.mark.parametrize("slope", [0.0, 1.0])
@pytest.mark.parametrize("r", [0.0, 0.3, 0.6])
def test_the_interval_holds_the_slope_in_most_series(slope, r):
    noise = np.random.default_rng(0).normal(size=(SERIES, 3 * LENGTH))
    series = lfilter([1], [1, -r], noise)[:, -LENGTH:] + slope * np.arange(LENGTH)
    found, half = np.transpose([slope_interval(one) for one in series])
    held = np.mean(np.abs(found - slope) <= half)
    assert 0.92 <= held <= 0.97
    assert np.median(half) < 0.5  # small enough to see a slope of 1


def test_values_on_a_line_leave_no_doubt():
    assert slope_interval(np.full(LENGTH, 7.0)) == (0, 0)
    assert slope_interval(2.0 * np.arange(LENGTH)) == (2, 0)
