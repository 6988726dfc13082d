"""The overlay of the live node, with a camera whose whole picture is noise."""

from __future__ import annotations

import time
from array import array

import numpy as np
import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter as NodeParameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from alphapose_ros.io.faces import FILL
from alphapose_ros.msg import TrackedPersonArray
from alphapose_ros.nodes import outputs
from alphapose_ros.nodes.pose_node import PoseNode

CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
NOISE = np.random.default_rng(0).integers(100, 255, (96, 128, 3), np.uint8)
HEAD = slice(14, 34), slice(34, 66)  # of the person in the boxes file
ELSEWHERE = slice(60, 90), slice(84, 120)


class Overlays:
    """A pose node that finds one person in every picture, and its overlays."""

    def __init__(self, graph, folder, **settings):
        entry = '{"image_id": %d, "bbox": [30, 10, 40, 80], "score": 0.9}'
        boxes = folder / "boxes.json"
        boxes.write_text(f"[{', '.join(entry % index for index in range(2000))}]")
        self.graph, self.sec = graph, 0
        finding = {
            "detector.name": "file",
            "detector.boxes_file": boxes,
            "reid.name": "none",
            "suppression.min_score": 0.0,  # in noise nobody is to be seen
        }
        graph.start("pose_node", **{**finding, **settings})
        self.camera = graph.node.create_publisher(Image, "image", CAMERA)
        self.heard = graph.listen(Image, "overlay", 1)
        graph.spin_until(self.camera.get_subscription_count)

    def next(self):
        """Return the overlay (96, 128, 3) of a picture taken from now on."""
        first = self.sec + 1

        def is_there():
            self.sec += 1
            image = Image(height=96, width=128, encoding="bgr8", step=384)
            image.data, image.header.stamp.sec = array("B", NOISE.tobytes()), self.sec
            self.camera.publish(image)
            self.graph.spin_for(0.1)
            return self.heard and self.heard[-1].header.stamp.sec > first

        self.graph.spin_until(is_there, 40.0)
        return np.frombuffer(self.heard[-1].data, np.uint8).reshape(96, 128, 3)

    def set(self, name, value):
        client = self.graph.node.create_client(SetParameters, "pose_node/set_parameters")
        self.graph.spin_until(client.service_is_ready)
        kind = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
        done = client.call_async(
            SetParameters.Request(parameters=[Parameter(name=name, value=kind)])
        )
        self.graph.spin_until(done.done)
        assert done.result().results[0].successful


def original(picture, place):
    """Return the part of the noise that is left."""
    return float((picture[place] == NOISE[place]).all(axis=2).mean())


@pytest.mark.parametrize(
    "others",
    [{}, {"filter.region": "'0.9,0.9 1,0.9 1,1'"}, {"suppression.min_score": 0.99}],
    ids=["followed", "filtered out", "no pose"],
)
def test_with_privacy_nobody_s_face_is_published(graph, tmp_path, others):
    overlays = Overlays(graph, tmp_path, **{"output.privacy": True, **others})
    picture = overlays.next()
    assert original(picture, HEAD) < 0.01
    assert (picture[HEAD] == FILL).all(axis=2).mean() > 0.5  # the rest is drawn
    assert original(picture, ELSEWHERE) == 1.0


def test_privacy_is_switched_on_while_the_node_runs(graph, tmp_path):
    overlays = Overlays(graph, tmp_path, **{"suppression.min_score": 0.99})
    assert original(overlays.next(), HEAD) == 1.0
    overlays.set("output.privacy", True)
    assert original(overlays.next(), HEAD) < 0.01


def test_no_uncovered_picture_follows_the_answer(graph, tmp_path, monkeypatch):
    """The switch may come while a picture is drawn: the answer waits for it."""
    happened = []

    def slowly(*_, privacy, **__):
        time.sleep(0.2)
        happened.append("covered" if privacy else "uncovered")
        return NOISE

    monkeypatch.setattr(outputs, "draw", slowly)
    boxes = tmp_path / "boxes.json"
    boxes.write_text("[]")
    given = {"detector.name": "file", "detector.boxes_file": str(boxes)}
    node = PoseNode(
        context=graph.context,
        parameter_overrides=[NodeParameter(name, value=value) for name, value in given.items()],
    )
    graph.executor.add_node(node)
    node.trigger_configure()
    node.trigger_activate()
    camera = graph.node.create_publisher(Image, "image", CAMERA)
    graph.listen(Image, "overlay", 1)
    tracks = graph.listen(TrackedPersonArray, "tracks", 1)
    for is_private in (True, False, True):
        count, image = len(tracks), Image(height=96, width=128, encoding="bgr8", step=384)
        image.data = array("B", NOISE.tobytes())

        def told(count=count, image=image):
            image.header.stamp = graph.node.get_clock().now().to_msg()
            camera.publish(image)
            graph.spin_for(0.02)
            return len(tracks) > count  # so that something is drawn now

        graph.spin_until(told)
        node.set_parameters([NodeParameter("output.privacy", value=is_private)])
        happened.append(is_private)
        graph.spin_for(0.5)
    node.finish()
    graph.executor.remove_node(node)
    node.destroy_node()
    is_private = False
    for what in happened:
        if isinstance(what, bool):
            is_private = what
        else:
            assert what == ("covered" if is_private else "uncovered"), happened
    assert {"covered", "uncovered"} < set(happened)
