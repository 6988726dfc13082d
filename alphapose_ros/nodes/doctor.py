"""Examines the ROS side for `alphapose doctor`: prints a line of JSON for each finding."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator

import rclpy
from rclpy.exceptions import InvalidTopicNameException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rclpy.validate_topic_name import validate_topic_name
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from alphapose_ros.io.findings import FAIL, OK, WARN, Finding, to_line
from alphapose_ros.lifting.camera_info import doubt
from alphapose_ros.nodes.doctor_camera import Places, info_topic, judge_info, judge_tf
from alphapose_ros.nodes.doctor_images import (
    KINDS,
    Heard,
    image_topics,
    judge_form,
    judge_picture,
    judge_publishers,
    judge_rate,
    judge_stamps,
    judge_topics,
)
from alphapose_ros.nodes.doctor_pose_node import (
    Reports,
    is_set,
    judge_nodes,
    judge_overlay,
    pose_nodes,
)
from alphapose_ros.nodes.doctor_transport import (
    is_named,
    judge_middleware,
    judge_publisher,
    judge_receiving,
    judge_settings,
    judge_space,
)
from alphapose_ros.nodes.events import SubscriptionEventCallbacks, UnsupportedEventTypeError
from alphapose_ros.nodes.info_subscription import InfoSubscription
from alphapose_ros.nodes.middleware import is_cyclone
from alphapose_ros.nodes.reliability import shown, suited_reliability
from alphapose_ros.nodes.silence import SUFFIX

RECTIFIED = "Start the pose node with image_rectified true, or with the raw images"
STEADY_S = 1.0  # without a change, after which the graph is known
MOST_S = 4.0  # to wait for that
DEPTH = 10  # our own slowness is not to be taken for that of the network
BEST_EFFORT = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)


class Examination:
    """A node that looks at a graph for a while.

    Args:
        topic: of the camera; "" for a look round only.
        seconds: to listen.

    Raises:
        ValueError: ``topic`` is no name for a topic.
    """

    def __init__(self, node: Node, topic: str, seconds: float) -> None:
        self._node, self._topic, self._seconds = node, "", seconds
        if topic:
            self._topic = _resolved(node, topic)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._reports, self._places = Reports(node), Places()
        self._places.subscribe(node)
        self._clock_ns: int | None = None
        self._info: CameraInfo | None = None
        self._own: list[TopicEndpointInfo] = []  # who listened to the camera, ourselves included
        node.create_subscription(Clock, "/clock", self._on_clock, BEST_EFFORT)

    def findings(self) -> Iterator[Finding]:
        """Look at everything, and yield what is found as soon as it is known."""
        yield judge_middleware(os.environ)
        yield judge_settings(os.environ)
        yield judge_space()
        self._wait_for_the_graph()
        overlay = judge_overlay(self._node, self._topic) if self._topic else None
        if overlay is not None:
            yield overlay
            self._topic = ""  # which leaves a look round
        form = judge_form(self._node, self._topic) if self._topic else None
        if form is not None:
            yield form
            self._topic += SUFFIX
        if self._topic:
            yield from self._examine_camera()
        else:
            self._spin(self._seconds)
            yield from judge_topics(image_topics(self._node))
        yield from judge_nodes(self._node, self._executor, self._topic, self._reports)

    def _wait_for_the_graph(self) -> None:
        """Wait until the publishers asked for are known, and nothing more appears."""
        since_s = time.monotonic()  # nothing has changed
        end_s, seen = since_s + MOST_S, self._look()
        while (now_s := time.monotonic()) < end_s:
            if now_s - since_s >= STEADY_S and self._knows_publishers():
                return
            self._spin(0.1)
            if (look := self._look()) != seen:
                since_s, seen = time.monotonic(), look

    def _look(self) -> tuple[list, list]:
        """Return all nodes and topics that are known by now."""
        node = self._node
        return (
            sorted(node.get_node_names_and_namespaces()),
            sorted(node.get_topic_names_and_types()),
        )

    def _knows_publishers(self) -> bool:
        publishers = self._publishers() if self._topic else []
        return not self._topic or (bool(publishers) and all(map(is_named, publishers)))

    def _publishers(self) -> list[TopicEndpointInfo]:
        return self._node.get_publishers_info_by_topic(self._topic)

    def _examine_camera(self) -> Iterator[Finding]:
        publishers = self._publishers()
        yield from judge_publishers(self._topic, publishers, image_topics(self._node))
        publishers = [one for one in publishers if one.topic_type in KINDS]
        if len({one.topic_type for one in publishers}) != 1:
            return
        reliability = suited_reliability(publishers)
        infos = info_topic(self._topic)
        InfoSubscription(self._node, infos, self._on_info)
        heard = self._listen(KINDS[publishers[0].topic_type], reliability)
        yield judge_rate(heard, shown(reliability))
        size = None if heard.last is None else len(heard.last.data)
        rooms = [judge_publisher(one, self._ours(), size) for one in publishers]
        if is_cyclone() and size is not None:
            rooms = [judge_receiving(os.environ, size)]
        yield from (room for room in rooms if room is not None)
        picture: dict[str, object] = {}
        if heard.last is not None:
            yield self._stamps(heard)
            seen = judge_picture(heard.last)
            picture = seen.values
            yield seen
        yield self._calibration(infos, picture)
        if picture.get("frame_id"):
            yield judge_tf(self._node, self._places, str(picture["frame_id"]))

    def _stamps(self, heard: Heard) -> Finding:
        """Judge stamps; those of /clock are in order where all pose nodes follow it."""
        found = judge_stamps(heard)
        of_clock = heard.clock_ns is not None and "use_sim_time" in found.remedy
        if found.level != OK and of_clock and self._all_have("use_sim_time"):
            return Finding(
                OK, found.subject, f"{found.text}, as in the pose node", "", found.values
            )
        return found

    def _calibration(self, topic: str, picture: dict[str, object]) -> Finding:
        """Judge CameraInfo; rectified images need a setting in the pose nodes."""
        is_rectified = self._all_have("image_rectified")
        found = judge_info(self._node, topic, self._info, picture, is_rectified=is_rectified)
        if is_rectified or found.level != OK or not doubt(self._info, self._topic):
            return found
        text = f"{found.text}: its distortion is that of the lens, and the images seem rectified"
        return Finding(WARN, found.subject, text, RECTIFIED, found.values)

    def _all_have(self, parameter: str) -> bool:
        """Whether there are pose nodes, and this parameter is true in all of them."""
        names = pose_nodes(self._node)
        return bool(names) and all(
            is_set(self._node, self._executor, name, parameter) for name in names
        )

    def _listen(self, kind: type, reliability: ReliabilityPolicy) -> Heard:
        """Subscribe the camera as the pose node would, and collect what comes."""
        heard = Heard(self._seconds)

        def on_image(image: Image | CompressedImage) -> None:
            heard.add(image, time.time_ns(), self._clock_ns)

        def on_lost(event: object) -> None:
            heard.lost = event.total_count

        images = self._subscribe(kind, on_image, on_lost, reliability)
        self._spin(self._seconds)
        self._own = self._node.get_subscriptions_info_by_topic(self._topic)
        self._node.destroy_subscription(images)
        return heard

    def _subscribe(
        self, kind: type, on_image: object, on_lost: object, reliability: ReliabilityPolicy
    ) -> Subscription:
        qos = QoSProfile(depth=DEPTH, reliability=reliability)
        try:
            events = SubscriptionEventCallbacks(message_lost=on_lost)
            return self._node.create_subscription(
                kind, self._topic, on_image, qos, event_callbacks=events
            )
        except UnsupportedEventTypeError:  # a middleware that does not count what it loses
            return self._node.create_subscription(kind, self._topic, on_image, qos)

    def _ours(self) -> TopicEndpointInfo | None:
        """Return what the graph says of our own subscription."""
        own = (one for one in self._own if one.node_name == self._node.get_name())
        return next(own, None)

    def _spin(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left_s, 0.1))

    def _on_clock(self, message: Clock) -> None:
        self._clock_ns = message.clock.sec * 10**9 + message.clock.nanosec

    def _on_info(self, info: CameraInfo) -> None:
        self._info = info


def _resolved(node: Node, topic: str) -> str:
    """Return a topic's name in full.

    Raises:
        ValueError: it is no name for a topic.
    """
    try:
        validate_topic_name(topic)
        return node.resolve_topic_name(topic)
    except (InvalidTopicNameException, ValueError, RuntimeError) as error:  # RCLError, the last
        reason = str(error).splitlines()[0]
        raise ValueError(f"{topic!r} is no name for a topic: {reason}") from error


def examine(arguments: list[str] | None = None) -> None:
    """Examine what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", nargs="?", default="")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args(arguments)
    rclpy.init()
    try:
        node = rclpy.create_node("alphapose_doctor", enable_rosout=False)
        for finding in _findings(node, options.topic, options.seconds):
            sys.stdout.write(f"{to_line(finding)}\n")
            sys.stdout.flush()  # what is known is told, even if the next look never ends
        node.destroy_node()
    finally:
        rclpy.try_shutdown()


def _findings(node: Node, topic: str, seconds: float) -> Iterator[Finding]:
    try:
        examination = Examination(node, topic, seconds)
    except ValueError as error:
        yield Finding(FAIL, "publisher", str(error), "Name one of `ros2 topic list`")
        return
    yield from examination.findings()


if __name__ == "__main__":
    examine()
