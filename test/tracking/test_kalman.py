from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.boxes import to_centre_size
from alphapose_ros.tracking.kalman import (
    ACCELERATION_STD,
    MEASUREMENT_STD,
    START_SPEED_STD,
    BoxFilters,
    corrected,
    predicted,
    squared_distances,
)

ONE = np.array([0])


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
    tracked = BoxFilters(boxes[:1])
    for box in boxes[1:, None]:
        tracked.predict(dt_s)
        tracked.update(ONE, box)
    return tracked


def test_four_small_filters_equal_the_textbook_s_large_one():
    boxes = walk(12, 0.1, noise=3.0)
    tracked, expected = followed(boxes, 0.1), textbook(boxes, 0.1)
    np.testing.assert_allclose(to_centre_size(tracked.boxes)[0], expected[:4])
    np.testing.assert_allclose(tracked.velocities[0], expected[4:6])


@pytest.mark.parametrize("dt_s", [1 / 30, 0.1, 0.4])
def test_the_speed_is_per_second_whatever_the_frame_rate(dt_s):
    tracked = followed(walk(round(4 / dt_s), dt_s), dt_s)
    np.testing.assert_allclose(tracked.velocities[0], [60, -20], atol=2)


def test_an_unseen_box_goes_on_at_its_speed():
    boxes = walk(60, 0.1)
    tracked = followed(boxes[:50], 0.1)
    tracked.predict(0.5)
    np.testing.assert_allclose(tracked.boxes[0], boxes[54], atol=3)


def test_no_time_passes_without_dt():
    tracked = followed(walk(5, 0.1), 0.1)
    before = tracked.boxes
    tracked.predict(0.0)
    np.testing.assert_array_equal(tracked.boxes, before)


def test_a_box_never_turns_inside_out():
    tracked = BoxFilters(np.array([[0.0, 0.0, 100.0, 100.0]]))
    for size in (60, 30, 10):
        tracked.predict(0.1)
        tracked.update(ONE, np.array([[0.0, 0.0, size, size]]))
    tracked.predict(10.0)
    assert (tracked.boxes[:, 2:] > tracked.boxes[:, :2]).all()


def test_prediction_and_correction_equal_the_reference(data):
    # Its eight states are centre x, y, aspect, height and their speeds; frames are its seconds.
    with np.load(data / "reference/vectors/kalman.npz") as reference:
        r = {name: reference[name] for name in reference.files}
    mean, covariance = r["init_mean"], r["init_cov"]
    for step, measured in enumerate(r["meas"]):
        height = mean[3]
        noise = np.zeros((4, 3))
        noise[:, 0] = np.array([height / 20, height / 20, 1e-2, height / 20]) ** 2
        noise[:, 2] = np.array([height / 160, height / 160, 1e-5, height / 160]) ** 2
        places, speeds, own = predicted(mean[:4], mean[4:], parts(covariance), 1.0, noise)
        np.testing.assert_allclose([*places, *speeds], r["pred_mean"][step], atol=1e-9)
        np.testing.assert_allclose(own, parts(r["pred_cov"][step]), atol=1e-9)
        height = places[3]
        seen = np.array([height / 20, height / 20, 1e-1, height / 20]) ** 2
        places, speeds, own = corrected(places, speeds, own, measured, seen)
        np.testing.assert_allclose([*places, *speeds], r["upd_mean"][step], atol=1e-9)
        np.testing.assert_allclose(own, parts(r["upd_cov"][step]), atol=1e-9)
        mean, covariance = r["upd_mean"][step], r["upd_cov"][step]


def test_the_gate_equals_the_reference(data):
    with np.load(data / "reference/vectors/kalman.npz") as reference:
        r = {name: reference[name] for name in reference.files}
    mean, covariance = r["pred_mean"][3], r["pred_cov"][3]  # the state that it was asked in
    height = mean[3]
    noise = np.array([height / 20, height / 20, 1e-1, height / 20]) ** 2
    variances = np.diag(covariance)[:4] + noise
    found = squared_distances(mean[:4], variances, r["gating_meas"])
    np.testing.assert_allclose(found, r["gating_maha4"])
    found = squared_distances(mean[:2], variances[:2], r["gating_meas"][:, :2])
    np.testing.assert_allclose(found, r["gating_maha2"])


def test_many_filters_are_as_many_single_ones():
    rng = np.random.default_rng(1)
    boxes = np.stack([walk(6, 0.1, speed, noise=2.0) for speed in rng.normal(0, 60, (5, 2))], 1)
    together = followed_all(boxes, 0.1)
    for row in range(5):
        alone = followed(boxes[:, row], 0.1)
        np.testing.assert_allclose(together.boxes[row], alone.boxes[0])
        np.testing.assert_allclose(together.velocities[row], alone.velocities[0])


def test_updates_touch_only_their_rows_and_rows_come_and_go():
    boxes = np.array([[0.0, 0, 40, 100], [200, 0, 240, 100]])
    filters = BoxFilters(boxes)
    filters.predict(0.1)
    filters.update(np.array([1]), boxes[1:] + 10)
    np.testing.assert_allclose(filters.boxes[0], boxes[0])
    assert filters.boxes[1, 0] > 201
    filters.extend(boxes[:1] + 500)
    filters.keep(np.array([False, True, True]))
    assert len(filters) == 2
    np.testing.assert_allclose(filters.boxes[1], boxes[0] + 500)


def test_a_camera_that_turns_takes_the_boxes_along():
    filters = followed(walk(20, 0.1), 0.1)
    before, speed = filters.boxes, filters.velocities
    filters.move(np.array([[2.0, 0, 30], [0, 2.0, -5]]))
    np.testing.assert_allclose(filters.boxes, before * 2 + [30, -5, 30, -5])
    np.testing.assert_allclose(filters.velocities, speed * 2)


def parts(covariance):
    """The parts of a covariance (8, 8) that four filters of two states have: (4, 3)."""
    places, speeds = np.arange(4), np.arange(4, 8)
    return np.stack(
        (covariance[places, places], covariance[places, speeds], covariance[speeds, speeds]), 1
    )


def followed_all(boxes, dt_s):
    """Filters of boxes (steps, N, 4)."""
    filters = BoxFilters(boxes[0])
    for step in boxes[1:]:
        filters.predict(dt_s)
        filters.update(np.arange(boxes.shape[1]), step)
    return filters
