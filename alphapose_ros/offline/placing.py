"""People of bags in the frame that the user asks for, as the pose node tells them."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from alphapose_ros.frame import Tracks
from alphapose_ros.io.ends import Item
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

    def ground(self, item: Item) -> Ground | None:
        """Return the ground as the camera sees it; None where it is not wanted or not known."""
        if not self._needs_ground or item.to_target is None or item.frame.camera is None:
            return None
        with suppress(ValueError):  # the camera is below it: that is no ground
            return Ground.from_transform(item.to_target)
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
