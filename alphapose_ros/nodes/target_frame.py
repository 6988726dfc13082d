"""The target as a frame of TF."""

from __future__ import annotations

from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.node import Node

from alphapose_ros.nodes import transforms


class TargetFrame:
    """Broadcasts where the target is, under the stamp of the image, where tf2_ros is installed.

    Args:
        node: that broadcasts, and logs why it cannot.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._broadcaster = None  # made when first needed
        self._last: tuple[str, str, int, int] | None = None  # frames and stamp
        self._told: set[str] = set()

    def show(self, pose: PoseStamped, name: str, image_frame: str) -> None:
        """Broadcast one pose.

        Args:
            pose: as on `target/pose`.
            name: of the frame, empty where none is wanted.
            image_frame: frame_id of the image, which has a place in TF already.
        """
        if not name:
            return
        problem = _problem(pose, name, image_frame)
        if problem:
            if problem not in self._told:
                self._told.add(problem)
                self._node.get_logger().error(f"no frame of the target in TF: {problem}")
            return
        stamp = pose.header.stamp
        key = (pose.header.frame_id, name, stamp.sec, stamp.nanosec)
        if key == self._last:  # listeners complain of what they know already
            return
        self._last = key
        if self._broadcaster is None:
            self._broadcaster = transforms.tf2_ros.TransformBroadcaster(self._node)
        self._broadcaster.sendTransform(to_transform(pose, name))


def _problem(pose: PoseStamped, name: str, image_frame: str) -> str:
    if transforms.tf2_ros is None:
        return (
            "tf2_ros cannot be imported. Install it (apt install ros-$ROS_DISTRO-tf2-ros-py; it is "
            "not on PyPI) and source ROS, or leave target.tf_frame empty; target/pose tells the "
            "same"
        )
    if name == pose.header.frame_id:
        return f"target.tf_frame is {name!r}, the frame in which positions are told; take another"
    if name == image_frame:
        return f"target.tf_frame is {name!r}, the frame of the images; take another"
    if name.startswith("/"):
        return f"target.tf_frame is {name!r}, and names in TF begin without a slash"
    return ""


def to_transform(pose: PoseStamped, name: str) -> TransformStamped:
    """Return the transform to a frame that lies at a pose.

    Args:
        pose: where.
        name: of the frame.
    """
    found = TransformStamped(header=pose.header, child_frame_id=name)
    at, to = pose.pose.position, found.transform.translation
    to.x, to.y, to.z = at.x, at.y, at.z
    found.transform.rotation = pose.pose.orientation
    return found
