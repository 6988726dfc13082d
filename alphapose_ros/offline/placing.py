"""People of bags in the frame that the user asks for, as the pose node tells them."""

from __future__ import annotations

import numpy as np

from alphapose_ros.frame import Tracks
from alphapose_ros.io.ends import Item, Problem
from alphapose_ros.lifting import Ground
from alphapose_ros.lifting.moving import Mover, Placed, unknown


class Placing:
    """Brings the people of one frame after the other to their target frame.

    Args:
        needs_ground: whether z = 0 of that frame is the ground that people stand on.
    """

    def __init__(self, *, needs_ground: bool) -> None:
        self._needs_ground = needs_ground
        self._mover = Mover()
        self.problems: list[Problem] = []  # one at most: why there is no ground

    def ground(self, item: Item) -> Ground | None:
        """Return the ground as the camera sees it; None where it is not wanted or not known."""
        if not self._needs_ground or item.to_target is None or item.frame.camera is None:
            return None
        try:
            return Ground.from_transform(item.to_target)
        except ValueError as error:  # the camera is not above it
            if not self.problems:
                what = f"nobody is placed on the ground of {item.target_frame!r}: {error}"
                self.problems.append(Problem(where=item.name, what=what))
            return None

    def place(self, item: Item, tracks: Tracks) -> Placed | None:
        """Return people in the target frame; None where there is none."""
        if not item.target_frame:
            return None
        frame = item.frame
        if item.to_target is None:
            return Placed(unknown(tracks), frame.frame_id, np.zeros(3))
        there = self._mover(tracks, item.to_target, frame.stamp_ns)
        return Placed(there, item.target_frame, item.to_target[:3, 3])
