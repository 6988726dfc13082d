"""What the pose node publishes of every image, under the image's own header."""

from __future__ import annotations

from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from alphapose_ros.config import Config
from alphapose_ros.frame import Frame, Tracks
from alphapose_ros.io.colours import IdentityColours
from alphapose_ros.io.faces import without_faces
from alphapose_ros.io.render import draw
from alphapose_ros.lifting.moving import Placed
from alphapose_ros.messages import About, poses_to_message, skeleton_to_message, tracks_to_message
from alphapose_ros.msg import PoseArray, SkeletonDefinition, TargetStatus, TrackedPersonArray
from alphapose_ros.nodes.annotations import AVAILABLE, annotations, foxglove
from alphapose_ros.nodes.conversions import RCLPY, to_image
from alphapose_ros.nodes.markers import MarkerBoard
from alphapose_ros.nodes.target import Follower, no_target, to_pose, to_status
from alphapose_ros.nodes.target_frame import TargetFrame
from alphapose_ros.nodes.topics import TOPICS
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import Skeleton

MESSAGE_CLASSES = {
    "image": Image,
    "camera_info": CameraInfo,
    "poses": PoseArray,
    "tracks": TrackedPersonArray,
    "skeleton": SkeletonDefinition,
    "markers": MarkerArray,
    "overlay": Image,
    "target/pose": PoseStamped,
    "target/status": TargetStatus,
    "/diagnostics": DiagnosticArray,
}
if AVAILABLE:
    MESSAGE_CLASSES["annotations"] = foxglove.ImageAnnotations


class Done(NamedTuple):
    """One processed image."""

    frame: Frame
    result: Result
    header: Header  # of the image
    config: Config  # with which it was processed
    placed: Placed


class Outputs:
    """Publishers, and what is the same from one image to the next.

    Args:
        node: that publishes.
        follower: who is followed.
    """

    def __init__(self, node: LifecycleNode, follower: Follower) -> None:
        self._node, self._follower = node, follower
        self._publishers: dict[str, LifecyclePublisher] = {}
        self._target_frame = TargetFrame(node)
        self._colours = IdentityColours()  # of people who may come back after a pause

    def open(self) -> None:
        """Make the publishers, once for all: the middleware keeps something of each one."""
        self._publishers = self._publishers or {
            name: self._node.create_lifecycle_publisher(MESSAGE_CLASSES[name], name, topic.qos)
            for name, topic in TOPICS.items()
            if name in MESSAGE_CLASSES and not (topic.is_input or name == "/diagnostics")
        }

    def begin(self, skeleton: Skeleton) -> None:
        """Tell the skeleton, and let RViz delete what it shows from before."""
        self._board = MarkerBoard()
        self._next_detection_id = 1
        self._about = About(header=Header(), width=0, height=0)  # of the last image
        self._told_in = ""  # frame_id of the last tracks
        self._publish("skeleton", skeleton_to_message(skeleton, Header(), RCLPY))
        self._publish("markers", self._board.clear(Header()))

    def end(self, skeleton: Skeleton) -> None:
        """Say that nobody is there any more."""
        message = tracks_to_message(Tracks.empty(skeleton), self._about, RCLPY)
        message.header = Header(stamp=self._about.header.stamp, frame_id=self._told_in)
        self._publish("tracks", message)
        self._publish("markers", self._board.clear(self._about.header))
        if "annotations" in self._publishers:
            self._publish("annotations", MESSAGE_CLASSES["annotations"]())
        self._publish("target/status", to_status(no_target("deactivated"), self._about.header))

    def tell(self, done: Done) -> None:
        """Publish who is there: tracks, the target and poses."""
        frame, result, header, config, placed = done
        height, width = frame.image.shape[:2]
        tells_looks = config.output.embeddings and not config.output.privacy
        self._about = About(header, width, height, self._next_detection_id, tells_looks)
        self._next_detection_id += len(result.poses)
        # First what a robot acts upon.
        message = tracks_to_message(placed.tracks, self._about, RCLPY)
        message.header = Header(stamp=header.stamp, frame_id=placed.frame_id)
        self._publish("tracks", message)
        self._told_in = placed.frame_id
        self._tell_target(done)
        self._publish("poses", poses_to_message(result.poses, self._about, RCLPY))

    def _tell_target(self, done: Done) -> None:
        """Publish where the target is, and how it stands with it."""
        config = done.config
        state = self._follower.update(done.placed, done.frame, config.target, config.gestures)
        pose = to_pose(state, done.header)
        if pose is not None:
            self._publish("target/pose", pose)
            self._target_frame.show(pose, config.target.tf_frame, done.header.frame_id)
        self._publish("target/status", to_status(state, done.header))

    def show(self, done: Done) -> None:
        """Publish pictures of it, each where somebody subscribes."""
        frame, result, header, config, _ = done
        colours = self._colours(result.tracks)  # of every frame, or they would change later on
        shown = without_faces(result.tracks) if config.output.privacy else result.tracks
        if self._is_heard("markers"):
            markers = self._board.update(shown, frame, header, config.output, colours)
            self._publish("markers", markers)
        if self._is_heard("annotations"):
            self._publish("annotations", annotations(shown, header, config.output, colours))
        if self._is_heard("overlay"):
            picture = draw(
                frame.image,
                result.tracks,
                keypoint_score=config.output.keypoint_score,
                colours=colours,
                privacy=config.output.privacy,
                found=result.found,
            )
            self._publish("overlay", to_image(picture, header))

    def _is_heard(self, name: str) -> bool:
        """Whether an output is there and somebody subscribes to it."""
        return name in self._publishers and self._publishers[name].get_subscription_count() > 0

    def _publish(self, name: str, message: object) -> None:
        self._publishers[name].publish(message)
