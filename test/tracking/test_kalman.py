from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.tracking.kalman import (
    ACCELERATION_STD,
    MEASUREMENT_STD,
    START_SPEED_STD,
    BoxFilter,
)


def textbook(boxes, dt_s):
    """The same filter as one with eight states and full matrices (Kalman 1960)."""
    f, h = np.eye(8), np.eye(4, 8)
    f[:4, 4:] = dt_s * np.eye(4)
    centre = np.stack(
        (
            (boxes[:, 0] + boxes[:, 2]) / 2,
            (boxes[:, 1] + boxes[:, 3]) / 2,
            boxes[:, 2] - boxes[:, 0],
            boxes[:, 3] - boxes[:, 1],
        ),
        axis=1,
    )
    height = centre[0, 3]
    x = np.concatenate((centre[0], np.zeros(4)))
    p = np.diag([(2 * MEASUREMENT_STD * height) ** 2] * 4 + [(START_SPEED_STD * height) ** 2] * 4)
    for z in centre[1:]:
        g = np.concatenate((dt_s**2 / 2 * np.eye(4), dt_s * np.eye(4)))
        q = g @ np.diag((ACCELERATION_STD * x[3]) ** 2) @ g.T
        x, p = f @ x, f @ p @ f.T + q
        r = (MEASUREMENT_STD * z[3]) ** 2 * np.eye(4)
        gain = p @ h.T @ np.linalg.inv(h @ p @ h.T + r)
        x, p = x + gain @ (z - h @ x), (np.eye(8) - gain @ h) @ p
    return x


def walk(steps, dt_s, speed=(60.0, -20.0), noise=0.0):
    rng = np.random.default_rng(0)
    centres = np.array([300.0, 200.0]) + np.arange(steps)[:, None] * dt_s * np.array(speed)
    boxes = np.concatenate((centres - [20, 50], centres + [20, 50]), axis=1)
    return boxes + rng.normal(0, noise, boxes.shape)


def followed(boxes, dt_s):
    tracked = BoxFilter(boxes[0])
    for box in boxes[1:]:
        tracked.predict(dt_s)
        tracked.update(box)
    return tracked


def test_four_small_filters_equal_the_textbook_s_large_one():
    boxes = walk(12, 0.1, noise=3.0)
    tracked, expected = followed(boxes, 0.1), textbook(boxes, 0.1)
    centre = (tracked.box[:2] + tracked.box[2:]) / 2
    np.testing.assert_allclose([*centre, *(tracked.box[2:] - tracked.box[:2])], expected[:4])
    np.testing.assert_allclose(tracked.velocity, expected[4:6])


@pytest.mark.parametrize("dt_s", [1 / 30, 0.1, 0.4])
def test_the_speed_is_per_second_whatever_the_frame_rate(dt_s):
    tracked = followed(walk(round(4 / dt_s), dt_s), dt_s)
    np.testing.assert_allclose(tracked.velocity, [60, -20], atol=2)


def test_an_unseen_box_goes_on_at_its_speed():
    boxes = walk(60, 0.1)
    tracked = followed(boxes[:50], 0.1)
    tracked.predict(0.5)
    np.testing.assert_allclose(tracked.box, boxes[54], atol=3)


def test_no_time_passes_without_dt():
    tracked = followed(walk(5, 0.1), 0.1)
    before = tracked.box
    tracked.predict(0.0)
    np.testing.assert_array_equal(tracked.box, before)


def test_a_box_never_turns_inside_out():
    tracked = BoxFilter(np.array([0.0, 0.0, 100.0, 100.0]))
    for size in (60, 30, 10):
        tracked.predict(0.1)
        tracked.update(np.array([0.0, 0.0, size, size]))
    tracked.predict(10.0)
    assert (tracked.box[2:] > tracked.box[:2]).all()
