from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.training.reid_figures import area_under_curve, equal_error, reid_figures


def at(degrees):
    angles = np.radians(degrees)
    return np.stack((np.cos(angles), np.sin(angles)), axis=1)


def test_figures_of_four_pictures_by_hand():
    """Two people at 0 and 10, and at 15 and 60 degrees.

    Nearest of 0: 10 (right). Of 10: 15 (wrong), then 0. Of 15: 10, 0 (wrong), then 60. Of 60: 15.
    """
    found = reid_figures(at([0, 10, 15, 60]), np.array([0, 0, 1, 1]), accepted=0.5)
    assert found["rank1"] == pytest.approx(2 / 4)
    assert found["mAP"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1) / 4)
    # Same: 10 and 45 degrees apart; strangers: 15, 60, 5, 50.
    assert found["AUC"] == pytest.approx((3 + 2) / 8)
    middle = 1 - np.cos(np.radians([15, 50])).mean()
    assert found["max_distance"] == pytest.approx(middle)
    assert found["recall"] == pytest.approx(1 / 2)  # 10 of 10 and 45 degrees
    # Up to 15 degrees: of the same, 45 is refused; of the strangers, 5 and 15 are accepted.
    assert found["EER"] == pytest.approx(1 / 2)
    assert found["EER_distance"] == pytest.approx(1 - np.cos(np.radians(15)))


def test_area_and_equal_error_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    same, strangers = rng.integers(0, 12, 40) / 10, rng.integers(4, 20, 70) / 10
    wins = [(a < b) + 0.5 * (a == b) for a in same for b in strangers]
    assert area_under_curve(same, strangers) == pytest.approx(np.mean(wins))
    error, limit = equal_error(same, strangers)
    refused, taken = (same > limit).mean(), (strangers <= limit).mean()
    assert error == pytest.approx((refused + taken) / 2)
    for other in np.unique(np.concatenate((same, strangers))):
        gap = abs((same > other).mean() - (strangers <= other).mean())
        assert abs(refused - taken) <= gap + 1e-12


def test_separate_people_are_told_apart_without_error():
    found = reid_figures(at([0, 1, 2, 90, 91, 92]), np.array([4, 4, 4, 9, 9, 9]))
    assert found["rank1"] == found["mAP"] == found["AUC"] == found["recall"] == 1
    assert found["EER"] == 0
