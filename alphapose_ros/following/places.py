"""Where the target was last seen, where it should be by now, and where it can have got to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.frame import Tracks

ACCELERATION_STD = 1.5  # [m/s^2] of people whose speed is predicted
SLACK_M = 0.5  # a person's own width, and what positions may jump by
SURE = 2.0  # standard deviations


@dataclass(frozen=True, eq=False)
class Place:
    """Where somebody was seen."""

    stamp_ns: int
    position: np.ndarray  # (3,) [m]
    covariance: np.ndarray | None  # (3, 3)
    velocity: np.ndarray | None  # (3,) [m/s]
    velocity_covariance: np.ndarray | None  # (3, 3)
    facing: np.ndarray | None  # (3,) unit vector
    facing_std: float  # [rad], NaN where unknown
    frame_id: str  # of all this

    def at(self, stamp_ns: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return position and covariance at a later time, at constant velocity."""
        dt_s = (stamp_ns - self.stamp_ns) / 1e9
        if dt_s <= 0:
            return self.position, self.covariance
        position = self.position if self.velocity is None else self.position + dt_s * self.velocity
        if self.covariance is None:
            return position, None
        grown = self.covariance + (ACCELERATION_STD * dt_s**2 / 2) ** 2 * np.eye(3)
        if self.velocity_covariance is not None:
            grown = grown + dt_s**2 * self.velocity_covariance
        return position, grown

    def can_reach(self, other: Place, max_speed_mps: float) -> bool:
        """Tell whether somebody seen here can be who is seen at ``other``, later.

        Places in two frames do not forbid it: how far they are apart is not known.
        """
        if other.frame_id != self.frame_id:
            return True
        dt_s = (other.stamp_ns - self.stamp_ns) / 1e9
        way_m = float(np.linalg.norm(other.position - self.position))
        return way_m <= max_speed_mps * dt_s + SLACK_M + SURE * (self._std_m + other._std_m)

    @property
    def _std_m(self) -> float:
        """Standard deviation along the least sure direction [m]."""
        if self.covariance is None:
            return 0.0
        return float(np.sqrt(max(np.linalg.eigvalsh(self.covariance)[-1], 0.0)))


def place_of(tracks: Tracks, row: int, stamp_ns: int, frame_id: str) -> Place | None:
    """Return where the person of a row is, None where that is not known.

    Args:
        tracks: with positions in ``frame_id``.
        row: of them.
        stamp_ns: of their frame.
        frame_id: "" for that of the image.
    """
    position = _row(tracks.positions, row)
    if position is None:
        return None
    stds = tracks.facing_stds
    return Place(
        stamp_ns=stamp_ns,
        position=position,
        covariance=_row(tracks.position_covariances, row),
        velocity=_row(tracks.velocities, row),
        velocity_covariance=_row(tracks.velocity_covariances, row),
        facing=_row(tracks.facings, row),
        facing_std=np.nan if stds is None else float(stds[row]),
        frame_id=frame_id,
    )


def _row(column: np.ndarray | None, row: int) -> np.ndarray | None:
    """Return a row without NaN, None otherwise."""
    if column is None or not np.isfinite(column[row]).all():
        return None
    return column[row].copy()
