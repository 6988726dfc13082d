"""Kalman filters for boxes that move at nearly constant speed, all of them at once."""

from __future__ import annotations

import numpy as np

from alphapose_ros.boxes import from_centre_size, to_centre_size

MEASUREMENT_STD = 0.05  # of centre and size, in box heights
START_SPEED_STD = 0.5  # box heights per second
ACCELERATION_STD = np.array([1.5, 1.0, 0.3, 0.3])  # box heights per second^2
SMALLEST_PX = 1.0  # width and height that a box never falls below

STATE = np.dtype(
    [
        ("places", np.float64, 4),  # centre x, centre y, width, height [px]
        ("speeds", np.float64, 4),  # of these [px/s]
        ("covariances", np.float64, (4, 3)),  # of each: place^2, place times speed, speed^2
    ]
)


class BoxFilters:
    """Where N boxes are, how they change, and how sure that is.

    The four dimensions of a box do not influence each other: they are four filters of two states
    each, which is the same as one of eight states. All noise scales with the height of the box.

    Args:
        boxes: (N, 4) x1 y1 x2 y2 [px], the first observations.
    """

    def __init__(self, boxes: np.ndarray) -> None:
        measured = to_centre_size(np.asarray(boxes, np.float64))
        variance = _heights(measured) ** 2
        self._states = np.zeros(len(measured), STATE)
        self._states["places"] = measured
        self._states["covariances"][..., 0] = (2 * MEASUREMENT_STD) ** 2 * variance
        self._states["covariances"][..., 2] = START_SPEED_STD**2 * variance

    def __len__(self) -> int:
        return len(self._states)

    @property
    def boxes(self) -> np.ndarray:
        """x1 y1 x2 y2 [px] (N, 4)."""
        places = self._states["places"].copy()
        np.maximum(places[:, 2:], SMALLEST_PX, out=places[:, 2:])
        return from_centre_size(places)

    @property
    def velocities(self) -> np.ndarray:
        """Speed of the centres, x y [px/s] (N, 2)."""
        return self._states["speeds"][:, :2].copy()

    def predict(self, dt_s: float) -> None:
        """Go on by ``dt_s`` seconds, under random accelerations."""
        states = self._states
        variance = (ACCELERATION_STD * _heights(states["places"])) ** 2
        noise = variance[..., None] * [dt_s**4 / 4, dt_s**3 / 2, dt_s**2]
        states["places"], states["speeds"], states["covariances"] = predicted(
            states["places"], states["speeds"], states["covariances"], dt_s, noise
        )

    def update(self, rows: np.ndarray, boxes: np.ndarray) -> None:
        """Take in observed boxes (M, 4) x1 y1 x2 y2 [px] of the filters ``rows`` (M,)."""
        measured = to_centre_size(np.asarray(boxes, np.float64))
        states = self._states[rows]
        states["places"], states["speeds"], states["covariances"] = corrected(
            states["places"], states["speeds"], states["covariances"], measured, _noise(measured)
        )
        self._states[rows] = states

    def distances(self, rows: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the squared Mahalanobis distances (R, M) of boxes (M, 4) from those expected.

        They are distributed as chi-square of four degrees of freedom: 95 % lie below 9.49.

        Args:
            rows: (R,) of the filters.
            boxes: (M, 4) x1 y1 x2 y2 [px].
        """
        measured = to_centre_size(np.asarray(boxes, np.float64))
        states = self._states[rows, None]
        variances = states["covariances"][..., 0] + _noise(measured)
        return squared_distances(states["places"], variances, measured)

    def move(self, matrix: np.ndarray) -> None:
        """Follow a camera that moved: ``matrix`` (2, 3) takes old places to new ones [px].

        Boxes stay upright; they grow with the square root of the change of areas.
        """
        turn, scale = matrix[:, :2], np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        states = self._states
        states["places"][:, :2] = states["places"][:, :2] @ turn.T + matrix[:, 2]
        states["speeds"][:, :2] = states["speeds"][:, :2] @ turn.T
        states["places"][:, 2:] *= scale
        states["speeds"][:, 2:] *= scale
        states["covariances"] *= scale**2

    def keep(self, rows: np.ndarray) -> None:
        """Forget all filters but ``rows``, a mask (N,) or indices."""
        self._states = self._states[rows]

    def extend(self, boxes: np.ndarray) -> None:
        """Begin more filters at boxes (M, 4)."""
        self._states = np.concatenate((self._states, BoxFilters(boxes)._states))


def predicted(
    places: np.ndarray, speeds: np.ndarray, covariances: np.ndarray, dt_s: float, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places (...), speeds (...) and covariances (..., 3) after ``dt_s`` seconds.

    Args:
        places: of independent filters of two states each.
        speeds: of these.
        covariances: place^2, place times speed, speed^2.
        dt_s: seconds that pass.
        noise: (..., 3), what is added to the covariances.
    """
    place, both, speed = np.moveaxis(covariances, -1, 0)
    moved = (place + dt_s * (2 * both + dt_s * speed), both + dt_s * speed, speed)
    return places + dt_s * speeds, speeds, np.stack(moved, axis=-1) + noise


def corrected(
    places: np.ndarray,
    speeds: np.ndarray,
    covariances: np.ndarray,
    measured: np.ndarray,
    noise: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places, speeds and covariances after measuring the places, with variances ``noise``.

    Args:
        places: (...) of independent filters of two states each.
        speeds: (...) of these.
        covariances: (..., 3) place^2, place times speed, speed^2.
        measured: (...) places seen.
        noise: (...) variances of these.
    """
    place, both, speed = np.moveaxis(covariances, -1, 0)
    total = place + noise
    place_gain, speed_gain = place / total, both / total
    surprise = measured - places
    left = (place - place_gain * place, both - place_gain * both, speed - speed_gain * both)
    return places + place_gain * surprise, speeds + speed_gain * surprise, np.stack(left, axis=-1)


def squared_distances(
    places: np.ndarray, variances: np.ndarray, measured: np.ndarray
) -> np.ndarray:
    """Return squared Mahalanobis distances, summed over the last axis."""
    return ((measured - places) ** 2 / variances).sum(axis=-1)


def _heights(places: np.ndarray) -> np.ndarray:
    """Return heights (N, 1) [px]."""
    return np.maximum(places[:, 3:], SMALLEST_PX)


def _noise(measured: np.ndarray) -> np.ndarray:
    """Return the variance of measured boxes, (N, 1) [px^2]."""
    return (MEASUREMENT_STD * _heights(measured)) ** 2
