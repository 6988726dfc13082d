"""Where one frame is seen from another in a bag, by its /tf_static and /tf."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

STATIC, MOVING = "/tf_static", "/tf"

Place = tuple[int, np.ndarray, np.ndarray]  # stamp [ns], translation (3,) [m], quaternion xyzw


class BagTransforms:
    """The tree of frames of a whole bag.

    Between two transforms of one pair of frames, places are interpolated, as tf2 does it; before
    the first and after the last one nothing is known.
    """

    def __init__(self) -> None:
        self._static: dict[tuple[str, str], Place] = {}  # by parent and child
        self._moving: dict[tuple[str, str], list[Place]] = {}  # likewise, ordered by stamp
        self._beside: dict[str, set[str]] = {}  # frames that one is connected to

    def add(self, message: Any, *, is_static: bool) -> None:
        """Take a message with the fields of tf2_msgs/TFMessage; what is no rotation is left out."""
        for one in message.transforms:
            shift, turn = one.transform.translation, one.transform.rotation
            quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
            translation = np.array([shift.x, shift.y, shift.z])
            if not (
                np.isfinite(translation).all()
                and np.isfinite(quaternion).all()
                and quaternion.any()
            ):
                continue
            stamp = one.header.stamp
            nanoseconds = stamp.nanosec if hasattr(stamp, "nanosec") else stamp.nsec  # of ROS 1
            place = (stamp.sec * 10**9 + nanoseconds, translation, quaternion)
            parent, child = one.header.frame_id.lstrip("/"), one.child_frame_id.lstrip("/")
            if is_static:
                self._static[parent, child] = place
            else:
                self._insert(self._moving.setdefault((parent, child), []), place)
            self._beside.setdefault(parent, set()).add(child)
            self._beside.setdefault(child, set()).add(parent)

    @staticmethod
    def _insert(places: list[Place], place: Place) -> None:
        """Put a place where its stamp belongs, nearly always at the end; of two equal ones one."""
        at = len(places) if not places or places[-1][0] < place[0] else _first(places, place[0])
        if at == len(places) or places[at][0] != place[0]:
            places.insert(at, place)

    def find(self, to_frame: str, from_frame: str, stamp_ns: int) -> np.ndarray | None:
        """Return (4, 4), takes points of ``from_frame`` to ``to_frame``; None if it is unknown."""
        start, end = to_frame.lstrip("/"), from_frame.lstrip("/")
        known = {start: np.eye(4)}
        waiting = deque([start])
        while waiting and end not in known:
            here = waiting.popleft()
            for there in sorted(self._beside.get(here, set()) - known.keys()):
                step = self._step(here, there, stamp_ns)
                if step is not None:
                    known[there] = known[here] @ step
                    waiting.append(there)
        return known.get(end)

    def _step(self, to_frame: str, from_frame: str, stamp_ns: int) -> np.ndarray | None:
        """Return how points come from a frame to one that it is connected to."""
        down = self._matrix((to_frame, from_frame), stamp_ns)
        if down is not None:
            return down
        up = self._matrix((from_frame, to_frame), stamp_ns)
        return None if up is None else np.linalg.inv(up)

    def _matrix(self, pair: tuple[str, str], stamp_ns: int) -> np.ndarray | None:
        """Return (4, 4), takes points of the child to its parent; None if it is unknown then."""
        if pair in self._static:
            _, translation, quaternion = self._static[pair]
            return _matrix(translation, Rotation.from_quat(quaternion))
        places = self._moving.get(pair, [])
        after = _first(places, stamp_ns)
        if after == len(places):
            return None
        end_ns, end, end_turn = places[after]
        if end_ns == stamp_ns:
            return _matrix(end, Rotation.from_quat(end_turn))
        if after == 0:
            return None
        begin_ns, begin, begin_turn = places[after - 1]
        part = (stamp_ns - begin_ns) / (end_ns - begin_ns)
        turns = Slerp([0, 1], Rotation.from_quat([begin_turn, end_turn]))
        return _matrix(begin + part * (end - begin), turns(part))


def _first(places: list[Place], stamp_ns: int) -> int:
    """Return the row of the first place that is not before a stamp."""
    return bisect_left(places, stamp_ns, key=lambda place: place[0])


def _matrix(translation: np.ndarray, turn: Rotation) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn.as_matrix(), translation
    return matrix
