"""The table of topics: names, types, quality of service."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


@dataclass(frozen=True)
class Topic:
    """One topic of the pose node."""

    name: str  # relative unless it begins with a slash
    type: str
    is_input: bool
    meaning: str
    is_reliable: bool = True
    is_latched: bool = False
    depth: int = 5

    @property
    def qos(self) -> QoSProfile:
        """The quality of service that the pose node asks for or offers."""
        return QoSProfile(
            depth=self.depth,
            reliability=(
                ReliabilityPolicy.RELIABLE if self.is_reliable else ReliabilityPolicy.BEST_EFFORT
            ),
            durability=(
                DurabilityPolicy.TRANSIENT_LOCAL if self.is_latched else DurabilityPolicy.VOLATILE
            ),
        )


_ALL = (
    Topic("image", "sensor_msgs/msg/Image", True, "the camera", is_reliable=False, depth=1),
    Topic(
        *("camera_info", "sensor_msgs/msg/CameraInfo", True, "its intrinsics"),
        is_reliable=False,
        depth=1,
    ),
    Topic("poses", "alphapose_ros/msg/PoseArray", False, "people of one image"),
    Topic("tracks", "alphapose_ros/msg/TrackedPersonArray", False, "people over time"),
    Topic(
        *("skeleton", "alphapose_ros/msg/SkeletonDefinition", False, "what the keypoints are"),
        is_latched=True,
        depth=1,
    ),
    Topic("markers", "visualization_msgs/msg/MarkerArray", False, "skeletons for RViz"),
    Topic("overlay", "sensor_msgs/msg/Image", False, "the image with people drawn", depth=1),
    Topic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", False, "health, once a second"),
)
TOPICS = {topic.name: topic for topic in _ALL}
