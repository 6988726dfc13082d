"""The tables of topics and services: names, types, quality of service."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


@dataclass(frozen=True)
class Topic:
    """One topic of a node."""

    name: str  # relative unless it begins with a slash
    type: str
    is_input: bool
    meaning: str
    is_reliable: bool = True
    is_latched: bool = False
    depth: int = 5
    is_optional: bool = False  # only there where the package of its type is

    @property
    def qos(self) -> QoSProfile:
        """The quality of service that the node asks for or offers."""
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
    Topic(
        *("depth", "sensor_msgs/msg/Image", True),
        "depth of the image (16UC1 in mm, 32FC1 in m), where lifting.name asks for it",
        is_reliable=False,
        depth=1,
    ),
    Topic(
        *("depth_camera_info", "sensor_msgs/msg/CameraInfo", True),
        "intrinsics of the depth camera, where its pixels or its frame are not those of the image",
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
    Topic(
        *("annotations", "foxglove_msgs/msg/ImageAnnotations", False),
        "skeletons over the image in Foxglove, where foxglove_msgs is installed",
        is_optional=True,
    ),
    Topic(
        *("target/pose", "geometry_msgs/msg/PoseStamped", False),
        "where the person is who is followed, under the image's stamp; silent when that is unknown",
        depth=1,
    ),
    Topic(
        *("target/status", "alphapose_ros/msg/TargetStatus", False),
        "how it stands with who is followed, for every processed image",
    ),
    Topic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", False, "health, once a second"),
)
TOPICS = {topic.name: topic for topic in _ALL}


@dataclass(frozen=True)
class Service:
    """One service of the pose node, besides those of every lifecycle node."""

    name: str  # of the node's own where it begins with ~/
    type: str
    meaning: str


_SERVICES = (
    Service(
        *("~/enable", "std_srvs/srv/SetBool"),
        "takes no images while it is off; networks stay loaded",
    ),
    Service("~/reset", "std_srvs/srv/Trigger", "forgets all tracks; their ids do not come again"),
    Service(
        *("~/set_target", "alphapose_ros/srv/SetTarget"),
        "chooses who is followed: nearest, in the middle, by track, by person, by pixel",
    ),
    Service(
        *("~/enroll", "std_srvs/srv/Trigger"),
        "writes what the target looks like to target.file, where a restarted node finds it",
    ),
    Service("~/clear_target", "std_srvs/srv/Trigger", "follows nobody any more"),
)
SERVICES = {service.name: service for service in _SERVICES}

_OF_GESTURES = (
    Topic("tracks", "alphapose_ros/msg/TrackedPersonArray", True, "people over time", depth=50),
    Topic(
        *("skeleton", "alphapose_ros/msg/SkeletonDefinition", True, "what the keypoints are"),
        is_latched=True,
        depth=1,
    ),
    Topic(
        *("gestures", "alphapose_ros/msg/GestureArray", False),
        "what people say with their hands, for every message on tracks",
    ),
    Topic(
        *("gesture_markers", "visualization_msgs/msg/MarkerArray", False),
        "arrows of who points, for RViz",
    ),
)
GESTURE_TOPICS = {topic.name: topic for topic in _OF_GESTURES}
