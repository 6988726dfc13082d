from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

from alphapose_ros.lifting.smoothing import (
    ACCELERATION_STD,
    DERIVATIVE_HZ,
    START_SPEED_STD,
    Smoothed,
    corrected,
    one_euro,
    one_euro_weight,
    predicted,
    squared_distances,
    started,
)


def published(values, times, min_cutoff, beta, d_cutoff):
    """The 1 Euro filter of one number as its authors wrote it down."""

    def alpha(cutoff, dt):
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau / dt)

    x, dx, found = values[0], 0.0, [values[0]]
    for i in range(1, len(values)):
        dt = times[i] - times[i - 1]
        a = alpha(d_cutoff, dt)
        dx = a * (values[i] - values[i - 1]) / dt + (1 - a) * dx
        b = alpha(min_cutoff + beta * abs(dx), dt)
        x = b * values[i] + (1 - b) * x
        found.append(x)
    return found


def filtered(places, times, hz):
    state = Smoothed(places[:1], np.zeros((1, 3)), np.ones(1))
    found = [places[0]]
    for i in range(1, len(places)):
        dt_s = np.array([times[i] - times[i - 1]])
        state = one_euro(state, places[i - 1 : i], places[i : i + 1], dt_s, hz)
        found.append(state.places[0])
    return np.array(found)


def test_the_filter_is_the_published_one_at_uneven_times():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.2, 60))
    values = np.cumsum(rng.normal(0, 0.1, 60))
    along = np.array([2, -1, 2]) / 3  # any direction: speed counts in space
    found = filtered(values[:, None] * along, times, (1.5, 0.5)) @ along
    np.testing.assert_allclose(found, published(values, times, 1.5, 0.5, DERIVATIVE_HZ))


def test_no_cutoff_is_no_filter_and_no_time_takes_the_new_value():
    last = Smoothed(np.zeros((1, 3)), np.zeros((1, 3)), np.ones(1))
    raw, new = np.zeros((1, 3)), np.ones((1, 3))
    for dt_s, hz in ((0.1, (0.0, 0.5)), (0.0, (1.5, 0.5))):
        found = one_euro(last, raw, new, np.array([dt_s]), hz)
        assert (found.places == 1).all() and found.weights == 1
        assert np.isfinite(found.speeds).all()


def test_the_weight_by_hand():
    # tau = 1 / (2 pi 1 Hz) = 0.159 s; dt / (dt + tau) = 0.1 / 0.259
    assert one_euro_weight(1.0, 0.1) == pytest.approx(0.3859, abs=1e-4)


def test_prediction_and_correction_are_those_of_the_textbook():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(6, 6))
    x, p = rng.normal(size=6), root @ root.T
    z, noise, dt = rng.normal(size=3), np.diag([0.1, 0.2, 0.3]), 0.07
    f, h = np.eye(6), np.eye(3, 6)
    f[:3, 3:] = dt * np.eye(3)
    g = np.concatenate((dt**2 / 2 * np.eye(3), dt * np.eye(3)))
    want_x, want_p = f @ x, f @ p @ f.T + ACCELERATION_STD**2 * g @ g.T
    found = predicted(x[None], p[None], np.array([dt]))
    np.testing.assert_allclose(found[0][0], want_x)
    np.testing.assert_allclose(found[1][0], want_p)
    information = np.linalg.inv(want_p) + h.T @ np.linalg.inv(noise) @ h  # another form of it
    after = np.linalg.inv(information)
    want_x = after @ (np.linalg.inv(want_p) @ want_x + h.T @ np.linalg.inv(noise) @ z)
    found = corrected(*found, z[None], noise[None])
    np.testing.assert_allclose(found[0][0], want_x)
    np.testing.assert_allclose(found[1][0], after)


def test_covariances_are_honest_where_the_model_holds():
    rng = np.random.default_rng(3)
    people, steps, dt = 2000, 25, 1 / 15
    noise = np.diag([0.02, 0.03, 0.1]) ** 2
    true = np.zeros((people, 6))
    true[:, 3:] = rng.normal(0, START_SPEED_STD, (people, 3))
    measure = lambda: true[:, :3] + rng.normal(size=(people, 3)) * [0.02, 0.03, 0.1]  # noqa: E731
    noises = np.broadcast_to(noise, (people, 3, 3))
    state = started(measure(), noises)
    for _ in range(steps):
        push = rng.normal(0, ACCELERATION_STD, (people, 3))
        true[:, :3] += dt * true[:, 3:] + dt**2 / 2 * push
        true[:, 3:] += dt * push
        state = corrected(*predicted(*state, np.full(people, dt)), measure(), noises)
    for part in (slice(0, 3), slice(3, 6)):  # places, then velocities
        surprise = state[0][:, part] - true[:, part]
        squared = squared_distances(surprise, state[1][:, part, part])
        share = (squared < chi2.ppf(0.95, 3)).mean()
        assert 0.93 < share < 0.97


def test_uncertainty_grows_without_measurements():
    state = started(np.zeros((1, 3)), 0.01 * np.eye(3)[None])
    sizes = []
    for _ in range(4):
        state = predicted(*state, np.array([0.3]))
        sizes.append(np.trace(state[1][0, :3, :3]))
    assert sizes == sorted(sizes) and sizes[-1] > 10 * sizes[0]


def test_nobody_is_no_special_case():
    nobody = np.zeros((0, 3)), np.zeros((0, 3, 3))
    state = started(*nobody)
    state = corrected(*predicted(*state, np.zeros(0)), *nobody)
    assert state[0].shape == (0, 6) and state[1].shape == (0, 6, 6)
    last = Smoothed(nobody[0], nobody[0], np.zeros(0))
    assert one_euro(last, nobody[0], nobody[0], np.zeros(0), (1.0, 1.0)).places.shape == (0, 3)
