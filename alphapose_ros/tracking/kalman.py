"""A Kalman filter for boxes that move at nearly constant speed."""

from __future__ import annotations

import numpy as np

from alphapose_ros.boxes import from_centre_size, to_centre_size

MEASUREMENT_STD = 0.05  # of centre and size, in box heights
START_SPEED_STD = 0.5  # box heights per second
ACCELERATION_STD = np.array([1.5, 1.0, 0.3, 0.3])  # box heights per second^2


class BoxFilter:
    """Where one box is, how it changes, and how sure that is.

    State: centre x, centre y, width, height [px] with their speeds [px/s]. The four dimensions
    do not influence each other, so they are four filters of two states, kept as arrays: values
    (4, 2) and covariances (4, 2, 2). All noise scales with the height of the box.

    Args:
        box: (4,) x1 y1 x2 y2 [px], the first observation.
    """

    def __init__(self, box: np.ndarray) -> None:
        measured = to_centre_size(np.asarray(box, np.float64))
        height = max(measured[3], 1.0)
        self._values = np.stack((measured, np.zeros(4)), axis=1)
        self._covariances = np.zeros((4, 2, 2))
        self._covariances[:, 0, 0] = (2 * MEASUREMENT_STD * height) ** 2
        self._covariances[:, 1, 1] = (START_SPEED_STD * height) ** 2

    @property
    def box(self) -> np.ndarray:
        """x1 y1 x2 y2 [px] (4,)."""
        centre_size = self._values[:, 0].copy()
        centre_size[2:] = np.maximum(centre_size[2:], 1.0)
        return from_centre_size(centre_size)

    @property
    def velocity(self) -> np.ndarray:
        """Speed of the centre, x y [px/s] (2,)."""
        return self._values[:2, 1].copy()

    def predict(self, dt_s: float) -> None:
        """Go on by ``dt_s`` seconds, under a random acceleration."""
        height = max(self._values[3, 0], 1.0)
        step = np.array([[1.0, dt_s], [0.0, 1.0]])
        noise = np.array([[dt_s**4 / 4, dt_s**3 / 2], [dt_s**3 / 2, dt_s**2]])
        variance = (ACCELERATION_STD * height) ** 2
        self._values = self._values @ step.T
        self._covariances = step @ self._covariances @ step.T + variance[:, None, None] * noise

    def update(self, box: np.ndarray) -> None:
        """Take in an observed box (4,) x1 y1 x2 y2 [px]."""
        measured = to_centre_size(np.asarray(box, np.float64))
        variance = (MEASUREMENT_STD * max(measured[3], 1.0)) ** 2
        gain = self._covariances[:, :, 0] / (self._covariances[:, 0, 0] + variance)[:, None]
        surprise = measured - self._values[:, 0]
        self._values = self._values + gain * surprise[:, None]
        self._covariances = self._covariances - gain[:, :, None] * self._covariances[:, None, 0, :]
