"""Where one frame is seen from another in a bag, by its /tf_static and /tf."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

STATIC, MOVING = "/tf_static", "/tf"
LONGEST_GAP_S = 10.0  # between two transforms that tell what was in between, as tf2 keeps them
SMALLEST_NORM = 1e-6  # of a quaternion


class Step(NamedTuple):
    """How points of a frame come to its parent."""

    parent: str
    matrix: np.ndarray  # (4, 4)


class Places:
    """Where one frame was in its parent, by time; as flat numbers, for there may be millions."""

    def __init__(self) -> None:
        self._stamps_ns, self._parents = array("q"), list[str]()
        self._numbers = array("d")  # seven for each: x y z, quaternion x y z w

    def add(self, stamp_ns: int, parent: str, numbers: np.ndarray) -> None:
        """Put a place where its stamp belongs, nearly always at the end."""
        row = bisect_right(self._stamps_ns, stamp_ns)
        self._stamps_ns.insert(row, stamp_ns)
        self._parents.insert(row, parent)
        self._numbers[7 * row : 7 * row] = array("d", numbers.tolist())

    def at(self, stamp_ns: int) -> Step | None:
        """Return where it was at a time; None before the first place and after the last."""
        row = bisect_left(self._stamps_ns, stamp_ns)
        if row == len(self._stamps_ns):
            return None
        if self._stamps_ns[row] == stamp_ns:
            return self._step(row)
        gap_ns = self._stamps_ns[row] - self._stamps_ns[row - 1] if row else 0
        is_between = row > 0 and gap_ns <= LONGEST_GAP_S * 1e9
        if not is_between or self._parents[row - 1] != self._parents[row]:
            return None
        part = (stamp_ns - self._stamps_ns[row - 1]) / gap_ns
        begin, end = np.reshape(self._numbers[7 * (row - 1) : 7 * (row + 1)], (2, 7))
        turn = Slerp([0, 1], Rotation.from_quat([begin[3:], end[3:]]))(part)
        return Step(self._parents[row], _matrix(begin[:3] + part * (end[:3] - begin[:3]), turn))

    def last(self) -> Step:
        """Return the newest place."""
        return self._step(len(self._stamps_ns) - 1)

    def _step(self, row: int) -> Step:
        numbers = np.array(self._numbers[7 * row : 7 * row + 7])
        return Step(self._parents[row], _matrix(numbers[:3], Rotation.from_quat(numbers[3:])))


class BagTransforms:
    """The tree of frames of a whole bag, each with one parent at a time, as tf2 has it.

    Between two transforms of one frame, places are interpolated; before the first and after the
    last one nothing is known.
    """

    def __init__(self) -> None:
        self._static: dict[str, Places] = {}  # by child
        self._moving: dict[str, Places] = {}  # likewise

    def add(self, message: Any, *, is_static: bool) -> None:
        """Take a message with the fields of tf2_msgs/TFMessage; what is no rotation is left out."""
        frames = self._static if is_static else self._moving
        for one in message.transforms:
            shift, turn = one.transform.translation, one.transform.rotation
            numbers = np.array((shift.x, shift.y, shift.z, turn.x, turn.y, turn.z, turn.w), float)
            norm = float(np.linalg.norm(numbers[3:]))
            if not np.isfinite(numbers).all() or norm < SMALLEST_NORM:
                continue
            numbers[3:] /= norm
            stamp = one.header.stamp
            nanoseconds = stamp.nanosec if hasattr(stamp, "nanosec") else stamp.nsec  # of ROS 1
            parent, child = one.header.frame_id.lstrip("/"), one.child_frame_id.lstrip("/")
            places = frames.setdefault(child, Places())
            places.add(stamp.sec * 10**9 + nanoseconds, parent, numbers)

    def find(self, to_frame: str, from_frame: str, stamp_ns: int) -> np.ndarray | None:
        """Return (4, 4), takes points of ``from_frame`` to ``to_frame``; None if it is unknown."""
        up = self._up(from_frame.lstrip("/"), stamp_ns)
        down = self._up(to_frame.lstrip("/"), stamp_ns)
        for frame, matrix in down.items():
            if frame in up:
                return np.linalg.inv(matrix) @ up[frame]
        return None

    def _up(self, frame: str, stamp_ns: int) -> dict[str, np.ndarray]:
        """Return how points of a frame come to it and to all above it, the nearest first."""
        found, matrix = {frame: np.eye(4)}, np.eye(4)
        while (step := self._step(frame, stamp_ns)) is not None and step.parent not in found:
            matrix = step.matrix @ matrix
            frame = step.parent
            found[frame] = matrix
        return found

    def _step(self, frame: str, stamp_ns: int) -> Step | None:
        if frame in self._static:
            return self._static[frame].last()
        return self._moving[frame].at(stamp_ns) if frame in self._moving else None


def _matrix(translation: np.ndarray, turn: Rotation) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn.as_matrix(), translation
    return matrix
