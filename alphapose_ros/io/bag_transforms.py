"""Where the sensors of a bag are, by its /tf_static."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

TOPIC = "/tf_static"


class StaticTransforms:
    """Transforms between coordinate frames that never move against each other."""

    def __init__(self) -> None:
        self._moves: dict[str, dict[str, np.ndarray]] = {}  # [to][from], (4, 4)

    def add(self, message: Any) -> None:
        """Take a message with the fields of tf2_msgs/TFMessage; what is no rotation is left out."""
        for one in message.transforms:
            place, turn = one.transform.translation, one.transform.rotation
            quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
            move = np.eye(4)
            move[:3, 3] = place.x, place.y, place.z
            if not (np.isfinite(quaternion).all() and quaternion.any() and np.isfinite(move).all()):
                continue
            move[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
            parent, child = one.header.frame_id.lstrip("/"), one.child_frame_id.lstrip("/")
            self._moves.setdefault(parent, {})[child] = move
            self._moves.setdefault(child, {})[parent] = np.linalg.inv(move)

    def find(self, to_frame: str, from_frame: str) -> np.ndarray | None:
        """Return (4, 4), takes points of ``from_frame`` to ``to_frame``; None if it is unknown."""
        start, end = to_frame.lstrip("/"), from_frame.lstrip("/")
        known = {start: np.eye(4)}
        waiting = deque([start])
        while waiting and end not in known:
            here = waiting.popleft()
            for there, move in self._moves.get(here, {}).items():
                if there not in known:
                    known[there] = known[here] @ move
                    waiting.append(there)
        return known.get(end)
