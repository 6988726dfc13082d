"""What belongs to a camera besides its images: CameraInfo, and its place in TF."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from alphapose_ros.io.findings import OK, WARN, Finding
from alphapose_ros.lifting.camera_info import read_camera
from alphapose_ros.nodes.silence import SUFFIX

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None

INFO = "sensor_msgs/msg/CameraInfo"
TF_TOPICS = ("/tf", "/tf_static")
CALIBRATE = "Calibrate the camera (ros2 run camera_calibration cameracalibrator) and set its URL"


def info_topic(topic: str) -> str:
    """Return where the CameraInfo of an image topic is by convention: beside it."""
    return f"{topic.removesuffix(SUFFIX).rpartition('/')[0]}/camera_info"


def info_topics(node: Node) -> list[str]:
    """Return the topics on which CameraInfo is published."""
    return [
        topic
        for topic, types in node.get_topic_names_and_types()
        if INFO in types
        and any(one.topic_type == INFO for one in node.get_publishers_info_by_topic(topic))
    ]


def judge_info(
    node: Node,
    topic: str,
    info: CameraInfo | None,
    picture: dict[str, object],
    *,
    is_rectified: bool = False,
) -> Finding:
    """Compare CameraInfo with the images.

    Args:
        node: that sees the graph.
        topic: where it is expected.
        info: the last one; None where none came.
        picture: width, height and frame_id of the images, as far as known.
        is_rectified: whether the pose nodes take the images for rectified.
    """
    if info is None:
        return _no_info(node, topic)
    values = {
        "width": info.width,
        "height": info.height,
        "model": info.distortion_model,
        "coefficients": len(info.d),
        "frame_id": info.header.frame_id,
        "fx": float(info.k[0]),
    }
    text = (
        f"{info.width} x {info.height}, {info.distortion_model or 'no model'}, fx {info.k[0]:.1f}"
    )
    problem, remedy = _problem(info, picture, is_rectified=is_rectified)
    if problem:
        return Finding(WARN, "camera info", f"{text}: {problem}", remedy, values)
    return Finding(OK, "camera info", text, values=values)


def _no_info(node: Node, topic: str) -> Finding:
    if node.count_publishers(topic):
        text = f"nothing came on {topic}, although it is offered"
        return Finding(WARN, "camera info", text, "See the log of the camera driver")
    others = info_topics(node)
    text = f"nobody publishes {topic}: people stay without a place in the room"
    if others:
        near = get_close_matches(topic, others, n=1, cutoff=0.0)[0]
        remedy = f"Have the driver publish it; or, if of this camera, camera_info_topic:={near}"
        return Finding(WARN, "camera info", text, remedy)
    return Finding(WARN, "camera info", text, "Have the camera driver publish it")


def _problem(
    info: CameraInfo, picture: dict[str, object], *, is_rectified: bool
) -> tuple[str, str]:
    """Return what is wrong with it, and the remedy; "" and "" where nothing is."""
    try:
        camera = read_camera(info, is_rectified=is_rectified)
    except ValueError as error:  # as the pose node says it
        return str(error), CALIBRATE
    if camera is None:
        return "not calibrated, all of K is 0", CALIBRATE
    size = (picture.get("width"), picture.get("height"))
    if None not in size and size != (camera.width, camera.height):
        expected = f"{camera.width} x {camera.height} by its size, roi and binning"
        return (
            f"images are {size[0]} x {size[1]}, expected {expected}",
            "Calibrate at the size that is published, or publish the size that was calibrated",
        )
    frame = picture.get("frame_id")
    if frame is not None and frame != info.header.frame_id:
        return (
            f"its frame_id is {info.header.frame_id!r}, that of the images {frame!r}",
            "Give both one frame_id in the camera driver",
        )
    return "", ""


@dataclass
class Places:
    """The frames that /tf and /tf_static speak of."""

    parents: dict[str, str] = field(default_factory=dict)  # of each frame

    def subscribe(self, node: Node) -> None:
        """Listen, where the messages of TF are installed."""
        if TFMessage is None:
            return
        for topic in TF_TOPICS:
            qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
            if topic == "/tf_static":
                qos.reliability = ReliabilityPolicy.RELIABLE
                qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
            node.create_subscription(TFMessage, topic, self.add, qos)

    def add(self, message: TFMessage) -> None:
        """Note the frames of a message."""
        for transform in message.transforms:
            self.parents[transform.child_frame_id] = transform.header.frame_id


def judge_tf(node: Node, places: Places, frame_id: str) -> Finding:
    """Say whether TF knows where the camera is."""
    publishers = {topic: node.count_publishers(topic) for topic in TF_TOPICS}
    values = {"frame_id": frame_id, "publishers": publishers}
    need = "only needed to place people in frames of the robot"
    remedy = f"Publish where {frame_id} is, e.g. by the robot's URDF; {need}"
    if not any(publishers.values()):
        return Finding(WARN, "TF", "nobody publishes /tf or /tf_static", remedy, values)
    if TFMessage is None:
        text = ", ".join(f"{topic}: {count} publishers" for topic, count in publishers.items())
        text += "; frames are not read, tf2_msgs is not installed"
        return Finding(OK, "TF", text, values=values)
    chain = chain_of(frame_id, places.parents)
    values["chain"] = chain
    if len(chain) > 1 or frame_id in places.parents.values():
        return Finding(OK, "TF", " in ".join(chain), values=values)
    text = f"none of {len(places.parents)} transforms names {frame_id!r}"
    return Finding(WARN, "TF", text, remedy, values)


def chain_of(frame_id: str, parents: dict[str, str]) -> list[str]:
    """Return a frame, its parent, and so on up to the root; a circle is walked once."""
    chain = [frame_id]
    while (parent := parents.get(chain[-1])) is not None and parent not in chain:
        chain.append(parent)
    return chain
