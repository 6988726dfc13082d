"""The one person who is followed, for topics and services."""

from __future__ import annotations

import threading
from typing import NamedTuple

from geometry_msgs.msg import PoseStamped
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from alphapose_ros import msg as own
from alphapose_ros.config import GestureConfig, TargetConfig
from alphapose_ros.following.messages import pose_to_message, status_to_message
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
from alphapose_ros.lifting.moving import Placed
from alphapose_ros.nodes.conversions import RCLPY
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.srv import SetTarget


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

    def update(
        self,
        placed: Placed,
        frame: Frame,
        config: TargetConfig,
        gestures: GestureConfig | None = None,
    ) -> TargetState:
        """Go on with the people of one image.

        Args:
            placed: they.
            frame: the image.
            config: how the target is followed from now on.
            gestures: how a raised hand is told from now on; None: as before.
        """
        height, width = frame.image.shape[:2]
        view = View(
            width=width,
            height=height,
            place=tuple(placed.camera.tolist()),
            frame_id=placed.frame_id,
        )
        with self._lock:
            self._target.config = config
            self._target.gestures = gestures or self._target.gestures
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
    """Make the message of `target/status`, under the header of the image."""
    return status_to_message(state, header, RCLPY)


def to_pose(state: TargetState, header: Header) -> PoseStamped | None:
    """Make the message of `target/pose`; None where there is nothing to be told.

    Args:
        state: how it stands with the target.
        header: of the image; the pose is in the frame in which it was measured.
    """
    return pose_to_message(state, header, RCLPY)
