"""The one person who is followed, for topics and services."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, PoseStamped, Quaternion
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from alphapose_ros import msg as own
from alphapose_ros.config import TargetConfig
from alphapose_ros.following.records import (
    NOBODY,
    SelectBy,
    TargetState,
    TargetStatus,
    View,
    Wish,
)
from alphapose_ros.following.target import Target
from alphapose_ros.frame import Frame, Tracks
from alphapose_ros.nodes.space import Placed
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.srv import SetTarget

STEEP = 0.2  # a facing of which less is level says nothing of a yaw
UP_OF_CAMERA = (0.0, -1.0, 0.0)  # in the optical frame of one that stands upright
UP = (0.0, 0.0, 1.0)  # elsewhere (REP-103)


class Seen(NamedTuple):
    """What somebody can be chosen from."""

    placed: Placed
    view: View


class Follower:
    """Follows one person from image to image; chosen and given up by services in between.

    Services come in the executor's thread, images in the worker's.

    Args:
        config: how the target is followed.
    """

    def __init__(self, config: TargetConfig) -> None:
        self._target = Target(config)
        self._lock = threading.Lock()
        self._seen: Seen | None = None

    def update(self, placed: Placed, frame: Frame, config: TargetConfig) -> TargetState:
        """Go on with the people of one image.

        Args:
            placed: they.
            frame: the image.
            config: how the target is followed from now on.
        """
        height, width = frame.image.shape[:2]
        view = View(width=width, height=height, place=tuple(placed.camera.tolist()))
        with self._lock:
            self._target.config = config
            self._seen = Seen(placed, view)
            return self._target.update(placed.tracks, frame.stamp_ns, view)

    def reset(self) -> None:
        """Follow nobody, and forget whom there was to choose from."""
        with self._lock:
            self._target.reset()
            self._seen = None

    @property
    def person_id(self) -> int:
        """Who is followed, as far as re-ID says; NOBODY otherwise."""
        return self._target.person_id

    def seek(self, person_id: int, skeleton: Skeleton) -> None:
        """Follow somebody who is known by looks, once there."""
        wish = Wish(by=SelectBy.PERSON_ID, person_id=person_id)
        with self._lock:
            self._target.select(wish, Tracks.empty(skeleton), View(width=1, height=1))

    def set_target(
        self, request: SetTarget.Request, response: SetTarget.Response
    ) -> SetTarget.Response:
        """Answer ~/set_target."""
        with self._lock:
            try:
                if self._seen is None:
                    raise ValueError("no image has been processed yet")
                wish, (placed, view) = to_wish(request), self._seen
                chosen = self._target.select(wish, placed.tracks, view)
            except ValueError as error:  # its message says what to do
                response.message = str(error)
            else:
                response.success, response.track_id, response.message = chosen
        return response

    def clear_target(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Answer ~/clear_target."""
        with self._lock:
            self._target.clear()
        response.success, response.message = True, "nobody is followed"
        return response


def to_wish(request: SetTarget.Request) -> Wish:
    """Read what ~/set_target asks for.

    Raises:
        ValueError: there is no such mode, or the person's id is none.
    """
    modes = {int(mode): mode for mode in SelectBy}
    if request.mode not in modes:
        names = ", ".join(f"{number} {mode.name}" for number, mode in modes.items())
        raise ValueError(f"mode {request.mode} is none of {names}")
    by = modes[request.mode]
    person_id = NOBODY
    if by == SelectBy.PERSON_ID:
        if not (request.person_id.isascii() and request.person_id.isdigit()):
            raise ValueError(f"person_id {request.person_id!r} is none; see `tracks`")
        person_id = int(request.person_id)
    return Wish(by=by, track_id=request.track_id, person_id=person_id, x=request.x, y=request.y)


def no_target(reason: str) -> TargetState:
    """Return how it stands where there is no target."""
    return TargetState(status=TargetStatus.NONE, reason=reason)


def to_status(state: TargetState, header: Header) -> own.TargetStatus:
    """Make the message of `target/status`.

    Args:
        state: how it stands with the target.
        header: of the image.
    """
    whole, rest = divmod(round(state.time_since_seen_s * 1e9), 10**9)
    return own.TargetStatus(
        header=header,
        state=int(state.status),
        track_id=state.track_id,
        person_id="" if state.person_id == NOBODY else str(state.person_id),
        confidence=float(state.confidence),
        time_since_seen=Duration(sec=whole, nanosec=rest),
        reason=state.reason,
    )


def to_pose(state: TargetState, header: Header, *, is_camera: bool) -> PoseStamped | None:
    """Make the message of `target/pose`; None where there is nothing to be told.

    Its x axis lies level where the target faces, its z axis is up.

    Args:
        state: how it stands with the target.
        header: stamp of the image, frame of the position.
        is_camera: whether that frame is the camera's optical one.
    """
    if state.position is None:
        return None
    pose = PoseStamped(header=header)
    x, y, z = state.position.tolist()
    pose.pose.position = Point(x=x, y=y, z=z)
    up = np.array(UP_OF_CAMERA if is_camera else UP)
    pose.pose.orientation = orientation(state.facing, up)
    return pose


def orientation(facing: np.ndarray | None, up: np.ndarray) -> Quaternion:
    """Return what turns x to the level part of ``facing`` and z to ``up``; identity if unknown.

    Args:
        facing: (3,) unit vector out of the chest, None where unknown.
        up: (3,) unit vector.
    """
    level = np.zeros(3) if facing is None else facing - (facing @ up) * up
    length = np.linalg.norm(level)
    if not length > STEEP:  # NaN is not
        return Quaternion(x=0.0, y=0.0, z=0.0, w=1.0)
    ahead = level / length
    turn = np.stack((ahead, np.cross(up, ahead), up), axis=1)
    x, y, z, w = Rotation.from_matrix(turn).as_quat().tolist()
    return Quaternion(x=x, y=y, z=z, w=w)
