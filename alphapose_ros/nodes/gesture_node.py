"""Subscribes people over time, publishes what they say with their hands."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, field

import numpy as np
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from alphapose_ros.config import Config, GestureConfig, Section
from alphapose_ros.conversions import to_numpy
from alphapose_ros.following.gestures import GestureReader
from alphapose_ros.following.hands import missing_keypoints
from alphapose_ros.lifting.axes import DOWN, DOWN_OF_CAMERA
from alphapose_ros.msg import GestureArray, SkeletonDefinition, TrackedPersonArray
from alphapose_ros.nodes import transforms
from alphapose_ros.nodes.conversions import to_ns
from alphapose_ros.nodes.gesture_messages import Arrows, to_message
from alphapose_ros.nodes.parameters import declare, watch
from alphapose_ros.nodes.running import run
from alphapose_ros.nodes.topics import GESTURE_TOPICS
from alphapose_ros.skeletons import SKELETONS, Skeleton, skeleton

DAMAGED = (ValueError, OverflowError, LookupError)  # what is raised of messages that make no sense
HERE, UNKNOWN = (0.0, 0.0, 0.0), (np.nan, np.nan, np.nan)  # places of the camera


@dataclass(frozen=True)
class Settings(Section):
    """What the node can be told; the same names as in the files of the pose node."""

    gestures: GestureConfig = field(default_factory=GestureConfig)


class GestureNode(Node):
    """Every message on `tracks` yields one on `gestures`, under the same header.

    It knows no time but that of the headers. Keypoints that cannot be read are told of once, and
    yield nothing.

    Raises:
        ValueError: a value given for a parameter breaks the rules of its setting.
        ParameterException: it is of another type.
    """

    def __init__(self) -> None:
        super().__init__(
            "gesture_node",
            automatically_declare_parameters_from_overrides=True,  # to tell of unknown ones
            allow_undeclared_parameters=True,  # likewise; none is ever accepted
        )
        self._settings = declare(self, Settings(), others=Config())
        self._reader = GestureReader(self._settings.gestures)
        watch(self, lambda: self._settings, self._accept, lambda: True)
        self._skeletons: dict[str, Skeleton] = {}  # told on `skeleton`, by id
        self._told: set[str] = set()  # what is not told again
        self._arrows = Arrows()
        self._transforms: transforms.Transforms | None = None
        topics = GESTURE_TOPICS
        self._gestures = self.create_publisher(GestureArray, "gestures", topics["gestures"].qos)
        self._markers = self.create_publisher(
            MarkerArray, "gesture_markers", topics["gesture_markers"].qos
        )
        self.create_subscription(
            SkeletonDefinition, "skeleton", self._on_skeleton, topics["skeleton"].qos
        )
        self.create_subscription(
            TrackedPersonArray, "tracks", self._on_tracks, topics["tracks"].qos
        )

    def _accept(self, settings: Settings) -> None:
        self._settings, self._reader.config = settings, settings.gestures

    def _on_skeleton(self, message: SkeletonDefinition) -> None:
        try:
            self._skeletons[message.id] = to_numpy(message)
        except DAMAGED as error:
            self._tell(f"skeleton {message.id!r} cannot be read: {error}")

    def _on_tracks(self, message: TrackedPersonArray) -> None:
        try:
            self._read(message)
        except Exception:  # noqa: BLE001  top of the callback: the node lives on
            error = traceback.format_exc()
            self.get_logger().error(f"gestures lost:\n{error}", throttle_duration_sec=10.0)

    def _read(self, message: TrackedPersonArray) -> None:
        known = self._skeleton(message.skeleton_id)
        if known is None:
            return
        try:
            tracks = to_numpy(message, known)
        except DAMAGED as error:
            self.get_logger().error(f"people cannot be read: {error}", throttle_duration_sec=10.0)
            return
        is_camera = message.header.frame_id == message.image_frame_id
        found = self._reader(
            tracks,
            to_ns(message.header.stamp),
            HERE if is_camera else self._place(message),
            DOWN_OF_CAMERA if is_camera else DOWN,
        )
        self._gestures.publish(to_message(found, message.header))
        if self._markers.get_subscription_count():
            self._markers.publish(self._arrows(found, message.header))

    def _skeleton(self, name: str) -> Skeleton | None:
        """Return what the keypoints are, None where that is not known or says no gestures."""
        if name not in self._skeletons and name not in SKELETONS:
            self._tell(
                f"no gestures: people are of skeleton {name!r}, which is not known here and has "
                "not been told on `skeleton`. Is that topic remapped as `tracks` is?"
            )
            return None
        known = self._skeletons.get(name) or skeleton(name)
        needed, wished = missing_keypoints(known)
        if needed:
            self._tell(
                f"no gestures: skeleton {name!r} has no {', '.join(needed)}. Take a pose model "
                "of a skeleton with shoulders and wrists"
            )
            return None
        if wished:
            self._tell(f"skeleton {name!r} has no {wished}; the others are told", is_error=False)
        return known

    def _place(self, message: TrackedPersonArray) -> tuple[float, float, float]:
        """Return where the camera is seen from the people's frame; NaN where TF does not say."""
        if not message.people:
            return UNKNOWN
        if transforms.tf2_ros is None:
            self._tell(
                "how far hands are held out is not known, as tf2_ros is not installed: palms that "
                "say stop are told by the picture alone",
                is_error=False,
            )
            return UNKNOWN
        if self._transforms is None:
            self._transforms = transforms.Transforms(self)
        frames = message.header.frame_id, message.image_frame_id
        try:
            matrix = self._transforms(*frames, to_ns(message.header.stamp), 0.0)
        except transforms.NoTransformError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)
            return UNKNOWN
        return tuple(matrix[:3, 3].tolist())

    def _tell(self, text: str, *, is_error: bool = True) -> None:
        """Log something once."""
        if text not in self._told:
            self._told.add(text)
            if is_error:  # rclpy allows a line of code one severity only
                self.get_logger().error(text)
            else:
                self.get_logger().warning(text)


def main() -> None:
    """Read gestures until Ctrl-C or SIGTERM."""
    try:
        run(GestureNode)
    except (ValueError, ParameterException) as error:  # its message says what to do
        sys.exit(f"gesture_node: {error}")


if __name__ == "__main__":
    main()
