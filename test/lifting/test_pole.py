from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.lifting.pole import PITCH_STD, STATURE_M, STATURE_STD_M, Cues, stood

SHARES = np.array([1.0, 0.81, 0.53, 0.0, 0.0])  # head, shoulders, hips, two feet
HEIGHT_M = 1.2


def cues_of(ranges_m, statures_m, **values):
    """What is seen without errors of people at a range."""
    ranges_m, statures_m = (np.atleast_1d(v).astype(float)[:, None] for v in (ranges_m, statures_m))
    slopes = (SHARES * statures_m - HEIGHT_M) / ranges_m
    cues = Cues(
        slopes=slopes,
        is_seen=np.ones(slopes.shape, bool),
        shares=SHARES,
        heights_m=np.zeros(slopes.shape),
        stds_m=np.full(len(SHARES), 0.03),
        angle_stds=np.full(slopes.shape, 0.01),
    )
    return replace(cues, **values)


def seen(*parts, count=1):
    return np.tile([part in parts for part in range(len(SHARES))], (count, 1))


def test_without_errors_range_and_stature_are_right():
    found = stood(cues_of([2.0, 5.0], [1.65, 1.65]), HEIGHT_M)
    np.testing.assert_allclose(found.values, [[2.0, 1.65], [5.0, 1.65]], atol=1e-6)


def test_feet_alone_leave_the_stature_as_people_s_are():
    cues = replace(cues_of(3.0, 1.9), is_seen=seen(3, 4))
    found = stood(cues, HEIGHT_M)
    np.testing.assert_allclose(found.values, [[3.0, STATURE_M]], atol=1e-5)
    assert found.lasting[0, 1, 1] == pytest.approx(STATURE_STD_M**2, rel=1e-3)


def test_a_body_alone_is_found_less_surely():
    cues = cues_of(3.3, STATURE_M)
    whole, body = stood(cues, HEIGHT_M), stood(replace(cues, is_seen=seen(0, 1, 2)), HEIGHT_M)
    np.testing.assert_allclose(body.values, [[3.3, STATURE_M]], atol=1e-6)
    assert body.lasting[0, 0, 0] > 1.5 * whole.lasting[0, 0, 0]


def test_the_whole_is_surer_than_its_parts():
    cues = cues_of(4.0, 1.7)
    whole, feet, body = (
        np.trace((one.noise + one.lasting)[0, :1, :1])
        for one in (
            stood(replace(cues, is_seen=seen(*parts)), HEIGHT_M)
            for parts in (range(5), (3, 4), range(3))
        )
    )
    assert whole < min(feet, body)


def test_covariances_are_those_of_the_errors():
    rng, people, true_m = np.random.default_rng(0), 4000, 3.0
    stature = rng.normal(STATURE_M, STATURE_STD_M, people)
    clean = cues_of(np.full(people, true_m), stature)
    heights = SHARES * stature[:, None] + rng.normal(0, 0.03, clean.slopes.shape)
    slopes = (heights - HEIGHT_M) / true_m
    slopes += (1 + slopes**2) * (
        rng.normal(0, 0.01, slopes.shape) + PITCH_STD * rng.standard_normal((people, 1))
    )
    found = stood(replace(clean, slopes=slopes), HEIGHT_M)
    error = found.values - np.stack((np.full(people, true_m), stature), axis=1)
    told = (found.noise + found.lasting).mean(axis=0)
    np.testing.assert_allclose(np.sqrt(np.diag(np.cov(error.T))), np.sqrt(np.diag(told)), rtol=0.2)


def test_feet_behind_the_body_are_left_out_and_feet_before_it_are_not():
    cues = cues_of(3.0, STATURE_M)
    slopes = cues.slopes.copy()
    slopes[:, 3:] = -HEIGHT_M / 6.0
    hidden = stood(replace(cues, slopes=slopes), HEIGHT_M)
    assert hidden.values[0, 0] == pytest.approx(3.0, rel=0.01)
    small = stood(cues_of(3.0, 1.2), HEIGHT_M)
    assert small.values[0, 0] == pytest.approx(3.0, rel=0.07)


def test_nothing_seen_is_nowhere_and_nobody_is_no_special_case():
    cues = cues_of(3.0, 1.7)
    nothing = replace(cues, is_seen=seen(), slopes=np.zeros_like(cues.slopes))
    assert np.isnan(stood(nothing, HEIGHT_M).values).all()
    nobody = stood(cues_of(np.zeros(0), np.zeros(0)), HEIGHT_M)
    assert nobody.values.shape == (0, 2) and nobody.lasting.shape == (0, 2, 2)
