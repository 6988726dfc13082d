"""People brought from the frame of the camera to another, such as the map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from alphapose_ros.frame import Tracks

LONGEST_S = 1.0  # between two transforms that tell how the camera moves


class Placed(NamedTuple):
    """The people of a frame, in metres."""

    tracks: Tracks
    frame_id: str  # in which they are
    camera: np.ndarray  # (3,) place of the camera in it [m]


class Mover:
    """Brings people of one image after the other to another frame.

    Velocities there are how positions there change: where the camera moves within that frame, its
    own motion is added, as the last two transforms tell it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget how the camera moves."""
        self._last: tuple[int, np.ndarray] | None = None

    def __call__(self, tracks: Tracks, matrix: np.ndarray, stamp_ns: int) -> Tracks:
        """Return the tracks with all that is in metres in the other frame.

        Args:
            tracks: in the frame of the camera.
            matrix: (4, 4), takes points of the camera to the other frame.
            stamp_ns: of the image.
        """
        change = np.zeros((4, 4))  # of the transform [1/s]
        if self._last is not None and 0 < stamp_ns - self._last[0] <= LONGEST_S * 1e9:
            change = (matrix - self._last[1]) / ((stamp_ns - self._last[0]) / 1e9)
        self._last = (stamp_ns, matrix)
        return moved(tracks, matrix, change)


def moved(tracks: Tracks, matrix: np.ndarray, change: np.ndarray | None = None) -> Tracks:
    """Return tracks with all that is in metres in another frame.

    Args:
        tracks: of N people.
        matrix: (4, 4), takes their points there.
        change: (4, 4) of ``matrix`` [1/s]; none by default.
    """
    turn, shift = matrix[:3, :3], matrix[:3, 3]
    found: dict[str, Any] = {}
    for name in ("positions", "velocities", "facings"):
        if (values := getattr(tracks, name)) is not None:
            found[name] = values @ turn.T + (shift if name == "positions" else 0)
    if change is not None and {"positions", "velocities"} <= set(found):
        found["velocities"] += tracks.positions @ change[:3, :3].T + change[:3, 3]
    for name in ("position_covariances", "velocity_covariances"):
        if (values := getattr(tracks, name)) is not None:
            found[name] = turn @ values @ turn.T
    if (lifted := tracks.poses.keypoints_3d) is not None:
        found["poses"] = replace(tracks.poses, keypoints_3d=lifted @ turn.T + shift)
    return replace(tracks, **found)


def unknown(tracks: Tracks) -> Tracks:
    """Return tracks of whom nothing is known in metres."""
    return replace(
        tracks,
        poses=replace(tracks.poses, keypoints_3d=None),
        positions=None,
        position_covariances=None,
        velocities=None,
        velocity_covariances=None,
        position_sources=None,
        facings=None,
        facing_stds=None,
    )
