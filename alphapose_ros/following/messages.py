"""How it stands with the target, as messages for topics and bags alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from alphapose_ros.following.records import NOBODY, TargetState
from alphapose_ros.lifting.axes import UP, UP_OF_CAMERA
from alphapose_ros.messages import Dialect, duration

STEEP = 0.2  # a facing of which less is level says nothing of a yaw


def status_to_message(state: TargetState, header: Any, dialect: Dialect) -> Any:
    """Make the TargetStatus of `target/status`.

    Args:
        state: how it stands with the target.
        header: of the image.
        dialect: how messages are made; also of TargetStatus.
    """
    return dialect.msgs.TargetStatus(
        header=header,
        state=int(state.status),
        track_id=state.track_id,
        person_id="" if state.person_id == NOBODY else str(state.person_id),
        confidence=float(state.confidence),
        time_since_seen=duration(state.time_since_seen_s, dialect),
        reason=state.reason,
    )


def pose_to_message(state: TargetState, header: Any, dialect: Dialect) -> Any | None:
    """Make the PoseStamped of `target/pose`; None where there is nothing to be told.

    It is in the frame in which the position was measured, that of the header or another. Its x axis
    lies level where the target faces, its z axis is up.

    Args:
        state: how it stands with the target.
        header: of the image, whose frame is the camera's optical one.
        dialect: how messages are made; also of PoseStamped, Pose and Quaternion.
    """
    if state.position is None:
        return None
    msgs = dialect.msgs
    up = UP_OF_CAMERA
    if state.frame_id not in ("", header.frame_id):
        header, up = type(header)(stamp=header.stamp, frame_id=state.frame_id), UP
    x, y, z = state.position.tolist()
    qx, qy, qz, qw = orientation(state.facing, np.array(up)).tolist()
    pose = msgs.Pose(
        position=msgs.Point(x=x, y=y, z=z),
        orientation=msgs.Quaternion(x=qx, y=qy, z=qz, w=qw),
    )
    return msgs.PoseStamped(header=header, pose=pose)


def orientation(facing: np.ndarray | None, up: np.ndarray) -> np.ndarray:
    """Return what turns x to the level part of ``facing`` and z to ``up``; identity if unknown.

    Args:
        facing: (3,) unit vector out of the chest, None where unknown.
        up: (3,) unit vector.

    Returns:
        (4,) quaternion x y z w.
    """
    level = np.zeros(3) if facing is None else facing - (facing @ up) * up
    length = np.linalg.norm(level)
    if not length > STEEP:  # NaN is not
        return np.array([0.0, 0.0, 0.0, 1.0])
    ahead = level / length
    turn = np.stack((ahead, np.cross(up, ahead), up), axis=1)
    return Rotation.from_matrix(turn).as_quat()
