"""Cameras that come late, go, offer something else, or send rubbish, in processes of their own."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from programs import Diagnosed, start_camera, start_program, stop_camera
from rcl_interfaces.msg import Log
from rclpy.logging import LoggingSeverity
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from alphapose_ros.msg import TrackedPersonArray

LOGS = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT, RELIABLE = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE
NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


class PoseNode(Diagnosed):
    """The pose node with a stand-in for the networks, and what it tells."""

    def __init__(self, graph, *remappings, **parameters):
        super().__init__(graph)
        self.graph = graph
        self.answers = graph.listen(TrackedPersonArray, "tracks")
        self.logs = graph.listen(Log, "/rosout", LOGS)
        settings = {"image_timeout_s": 0.5, **parameters}
        self.process = start_program(
            graph, "slow_node", "mailbox", remappings=remappings, **settings
        )

    @property
    def errors(self):
        return [log.msg for log in self.logs if log.level >= LoggingSeverity.ERROR]

    def wait_for_answers(self):
        """Wait until images are processed from now on."""
        count = len(self.answers)
        self.graph.spin_until(lambda: len(self.answers) > count + 1)

    def wait_for_message(self, *parts):
        self.graph.spin_until(lambda: all(part in self.status.message for part in parts))

    def subscriptions(self, topic="/image"):
        """How the node subscribes: its reliabilities."""
        found = self.graph.node.get_subscriptions_info_by_topic(topic)
        return [one.qos_profile.reliability for one in found if one.node_name == "pose_node"]

    def wait_for_subscription(self, *reliabilities, topic="/image"):
        self.graph.spin_until(lambda: self.subscriptions(topic) == list(reliabilities))


def test_a_camera_may_come_late_go_and_come_back(graph):
    node = PoseNode(graph)
    node.wait_for_message("no image on /image", "0 publishers there. Remap `image`")
    assert node.status.level != DiagnosticStatus.OK
    first = start_camera(graph)
    node.wait_for_answers()
    graph.spin_until(lambda: node.status.level == DiagnosticStatus.OK)

    stop_camera(graph, first)
    node.wait_for_message("no image on /image")
    received = int(node.figures["frames_received"])
    start_camera(graph)
    node.wait_for_answers()
    graph.spin_until(lambda: node.status.level == DiagnosticStatus.OK)
    assert int(node.figures["frames_received"]) > received > 0
    assert sum("images on /image again" in log.msg for log in node.logs) == 2
    assert any("no image on /image" in log.msg for log in node.logs)
    assert not node.errors


def test_a_mismatch_is_an_error_that_names_both_profiles(graph):
    start_camera(graph)
    node = PoseNode(graph, image_reliability="reliable")
    node.wait_for_message("1 of an incompatible quality of service")
    graph.spin_until(lambda: node.errors)
    graph.spin_for(1.0)
    (error,) = node.errors
    assert error == (
        "incompatible quality of service on /image: requested reliable, volatile, offered "
        "best_effort, volatile by node fake_camera; no image comes from there. Set "
        "image_reliability to auto or best_effort, or let the publisher be reliable (of bags: "
        "`ros2 bag play --qos-profile-overrides-path`)"
    )
    assert not node.answers


def test_a_mismatch_under_process_every_frame_is_explained_with_what_helps(graph):
    camera = start_camera(graph, "--reliability", "best_effort")
    node = PoseNode(graph, process_every_frame=True, image_reliability="auto")
    node.wait_for_message("1 of an incompatible quality of service")
    assert "Set process_every_frame to false, or let the publisher be" in node.status.message
    assert not node.answers
    stop_camera(graph, camera)
    start_camera(graph, "--reliability", "reliable")
    node.wait_for_answers()


def test_an_override_that_no_publisher_serves_is_named_in_the_diagnostics(graph):
    start_camera(graph)
    override = "qos_overrides./image.subscription.durability"
    node = PoseNode(graph, **{override: "transient_local"})
    node.wait_for_message("requested best_effort, transient_local, offered best_effort, volatile.")
    assert f"Set {override} to volatile, or let the publisher be" in node.status.message
    assert "image_reliability" not in node.status.message
    assert node.status.level == DiagnosticStatus.ERROR


def test_auto_follows_the_publishers_in_both_directions(graph):
    node = PoseNode(graph)
    node.wait_for_subscription(BEST_EFFORT)
    first = start_camera(graph, "--reliability", "reliable")
    node.wait_for_subscription(RELIABLE)
    node.wait_for_answers()
    graph.spin_until(lambda: node.figures["frames_received"] not in ("", "0"))
    before = int(node.figures["frames_received"])

    stop_camera(graph, first)
    second = start_camera(graph, "--reliability", "best_effort")
    node.wait_for_subscription(BEST_EFFORT)
    node.wait_for_answers()
    start_camera(graph, "--reliability", "reliable")  # a mixture
    graph.spin_until(lambda: graph.node.count_publishers("/image") == 2)
    graph.spin_for(1.0)
    assert node.subscriptions() == [BEST_EFFORT]

    stop_camera(graph, second)
    node.wait_for_subscription(RELIABLE)
    node.wait_for_answers()
    count = len(node.reports)
    graph.spin_until(lambda: len(node.reports) > count + 1)
    assert int(node.figures["frames_received"]) > before
    assert not node.errors


# Bad images


def jpeg(picture=NOISE):
    return cv2.imencode(".jpg", picture)[1].tobytes()


BAD_FILES = [b"", bytes(range(256)) * 4, jpeg()[:20], jpeg()[: len(jpeg()) // 2], jpeg()[:-100]]


class Sender:
    """Publishes to a node that processes every image, and that has received one by now."""

    def __init__(self, graph, node, good_image, topic):
        self.graph, self.node, self.good_image = graph, node, good_image
        self.publisher = graph.node.create_publisher(type(good_image), topic, QoSProfile(depth=100))
        self.sec = 0
        graph.spin_until(lambda: (self.send_good() and graph.spin_for(0.3)) or node.answers)
        self.begin = self.sec

    def send_good(self):
        return self.send(self.good_image)

    def send(self, image):
        self.sec += 1
        image.header.stamp.sec = self.sec
        self.publisher.publish(image)
        return self.sec

    def check_only(self, good, failed):
        """Wait for the last of the images ``good``; see that these, and no others, came through."""
        self.graph.spin_until(lambda: good[-1] in self.seconds())
        assert self.seconds() == good
        self.graph.spin_until(lambda: self.node.figures["frames_failed"] == str(failed))
        assert all("image ignored" in error for error in self.node.errors)
        assert self.node.errors

    def seconds(self):
        """Stamps of the answers to what was sent since the beginning."""
        stamps = [answer.header.stamp.sec for answer in self.node.answers]
        return [sec for sec in stamps if sec > self.begin]


def test_damaged_files_are_survived_on_the_topic_beside_a_remapped_one(graph):
    settings = {"image_transport": "compressed", "process_every_frame": True}
    node = PoseNode(graph, "image:=/camera/image_raw", **settings)
    sender = Sender(graph, node, file(jpeg()), "/camera/image_raw/compressed")
    good = []
    for data in BAD_FILES:
        sender.send(file(data))
        good.append(sender.send_good())
    sender.check_only(good, failed=len(BAD_FILES))


def file(data):
    return CompressedImage(format="jpeg", data=array("B", data))


BAD_IMAGES = [
    {"data": array("B")},
    {"data": array("B", NOISE.tobytes()[:-1])},
    {"encoding": ""},
    {"encoding": "jpeg"},
    {"encoding": "32FC7"},
    {"encoding": "nv24"},  # needs more bytes
    {"step": 0},
    {"step": 191},
    {"height": 0},
    {"width": 0},
    {"width": 0, "height": 0, "step": 0, "data": array("B")},
    {"width": 2**32 - 1},
    {"height": 2**32 - 1},
    {"width": 2**31, "height": 2**31, "step": 2**32 - 1},
]


def test_bad_images_are_each_ignored_counted_and_survived(graph):
    node = PoseNode(graph, process_every_frame=True)
    sender = Sender(graph, node, raw(), "image")
    for bad in BAD_IMAGES:
        sender.send(raw(**bad))
    sender.check_only([sender.send_good()], failed=len(BAD_IMAGES))


def raw(**changes):
    fields = {"height": 48, "width": 64, "step": 192, "encoding": "bgr8", **changes}
    return Image(**{"data": array("B", NOISE.tobytes()), **fields})
