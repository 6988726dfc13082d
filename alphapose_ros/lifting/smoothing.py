"""Positions over time: one-euro filters, and Kalman filters for velocities and what is unseen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DERIVATIVE_HZ = 1.0  # cutoff of the one-euro filter's own speed
ACCELERATION_STD = 2.0  # [m/s^2] along each axis: people start, stop and turn
START_SPEED_STD = 1.0  # [m/s] along each axis, of somebody just seen


class Smoothed(NamedTuple):
    """What T one-euro filters hold after a step."""

    places: np.ndarray  # (T, 3) [m]
    speeds: np.ndarray  # (T, 3) [m/s], smoothed
    weights: np.ndarray  # (T,) of the newest values in (0, 1]: 1 takes them as they are


def one_euro_weight(cutoff_hz: np.ndarray | float, dt_s: np.ndarray | float) -> np.ndarray:
    """Return the weight of the newest value in a low pass of first order, in [0, 1].

    Source: Casiez, Roussel, Vogel: 1 Euro Filter, CHI 2012, Eq. 3 and 4.
    """
    turn = 2 * np.pi * np.asarray(cutoff_hz) * dt_s
    return turn / (turn + 1)


def one_euro(
    last: Smoothed, raw: np.ndarray, places: np.ndarray, dt_s: np.ndarray, hz: tuple[float, float]
) -> Smoothed:
    """Go one step on with T one-euro filters of places: steady at rest, quick in motion.

    Args:
        last: the filters after their last values.
        raw: (T, 3) [m], the last values themselves.
        places: (T, 3) [m], the new ones.
        dt_s: (T,) between them; where it is 0, the new one takes the place of the last.
        hz: cutoff at rest [Hz], 0: no smoothing; how much it grows with speed [Hz per m/s].

    Source: Casiez, Roussel, Vogel: 1 Euro Filter, CHI 2012. The cutoff goes by the speed in
        space, so that the result does not depend on how the axes lie.
    """
    dt_s = np.asarray(dt_s, np.float64)
    passes = dt_s > 0
    speeds = (places - raw) / np.where(passes, dt_s, 1.0)[:, None]
    part = one_euro_weight(DERIVATIVE_HZ, dt_s)[:, None]
    speeds = last.speeds + part * (speeds - last.speeds)
    weights = one_euro_weight(hz[0] + hz[1] * np.linalg.norm(speeds, axis=1), dt_s)
    weights = np.where(passes & (hz[0] > 0), weights, 1.0)
    smooth = last.places + weights[:, None] * (places - last.places)
    return Smoothed(smooth, speeds, weights)


def started(places: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return states (T, 6) x y z [m] and their changes [m/s], and covariances (T, 6, 6).

    Args:
        places: (T, 3) [m], first measurements.
        noise: (T, 3, 3) [m^2], their covariances.
    """
    covariances = np.zeros((len(places), 6, 6))
    covariances[:, :3, :3] = noise
    covariances[:, 3:, 3:] = START_SPEED_STD**2 * np.eye(3)
    return np.concatenate((places, np.zeros_like(places)), axis=1), covariances


def predicted(
    states: np.ndarray, covariances: np.ndarray, dt_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return states (T, 6) and covariances (T, 6, 6) after ``dt_s`` (T,) seconds.

    People keep their velocity but for random accelerations of ACCELERATION_STD along each axis.
    """
    dt = np.asarray(dt_s, np.float64)[:, None, None]
    move = np.eye(6) + dt * np.eye(6, k=3)
    push = np.concatenate((dt**2 / 2 * np.eye(3), dt * np.eye(3)), axis=1)  # (T, 6, 3)
    later = move @ covariances @ np.swapaxes(move, 1, 2)
    later += ACCELERATION_STD**2 * (push @ np.swapaxes(push, 1, 2))
    return (move @ states[..., None])[..., 0], later


def corrected(
    states: np.ndarray, covariances: np.ndarray, places: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return states (T, 6) and covariances (T, 6, 6) after measuring the places.

    Unlike those of boxes, the axes belong together: a position is uncertain along its ray.

    Args:
        states: x y z [m] and their changes [m/s].
        covariances: of these.
        places: (T, 3) [m] measured.
        noise: (T, 3, 3) [m^2], their covariances.
    """
    total = covariances[:, :3, :3] + noise
    gain = np.swapaxes(np.linalg.solve(total, covariances[:, :3]), 1, 2)  # (T, 6, 3)
    surprise = places - states[:, :3]
    left = covariances - gain @ covariances[:, :3]
    return states + (gain @ surprise[..., None])[..., 0], (left + np.swapaxes(left, 1, 2)) / 2


def squared_distances(surprise: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return squared Mahalanobis lengths (T,) of ``surprise`` (T, 3), covariances (T, 3, 3)."""
    return (surprise * np.linalg.solve(covariances, surprise[..., None])[..., 0]).sum(axis=1)
