"""A camera with depth before a pose node, in whose images one person is always found."""

from __future__ import annotations

from array import array

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from alphapose_ros.msg import TrackedPerson, TrackedPersonArray

SENSOR = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
NOISE = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
RANGE_M = 2.5
BEHIND_M = (0.0, 0.3)  # the middle of a body lies so far behind its surface


def info_of(width=128, height=96, focal=100.0):
    k = [focal, 0.0, width / 2, 0.0, focal, height / 2, 0.0, 0.0, 1.0]
    return CameraInfo(width=width, height=height, distortion_model="plumb_bob", k=k, d=[0.0] * 5)


def depth_of(metres, encoding="32FC1", **changes):
    values = np.asarray(metres, np.float32)
    values = values if encoding == "32FC1" else np.round(1000 * np.nan_to_num(values)).astype("<u2")
    height, width = values.shape
    fields = {"height": height, "width": width, "step": width * values.itemsize, **changes}
    return Image(encoding=encoding, data=array("B", values.tobytes()), **fields)


def plane(shape=(96, 128), metres=RANGE_M):
    return np.full(shape, metres, np.float32)


class Rig:
    """A camera with depth before a pose node, in whose images one person is always found."""

    def __init__(self, graph, folder, info_qos=SENSOR, **parameters):
        boxes = folder / "boxes.json"
        entry = '{"image_id": %d, "bbox": [30, 10, 40, 80], "score": 0.9}'
        boxes.write_text(f"[{', '.join(entry % index for index in range(1000))}]")
        settings = {
            "detector.name": "file",
            "detector.boxes_file": boxes,
            "suppression.min_score": 0.0,
            "tracker.max_age_s": 600.0,
            "lifting.name": "depth",
            "lifting.wait_s": 0.3,
        }
        self.graph, self.sec = graph, 0
        self.depth_frame_id = "front_camera"  # that of the image: registered
        self.process = graph.start("pose_node", **{**settings, **parameters})
        make = graph.node.create_publisher
        self.colour = make(Image, "image", SENSOR)
        self.depth = make(Image, "depth", SENSOR)
        self.info = make(CameraInfo, "camera_info", info_qos)
        self.depth_info = make(CameraInfo, "depth_camera_info", info_qos)
        self.answers = graph.listen(TrackedPersonArray, "tracks")
        self.reports = graph.listen(DiagnosticArray, "/diagnostics")
        publishers = (self.colour, self.depth, self.info, self.depth_info)
        graph.spin_until(lambda: all(p.get_subscription_count() for p in publishers))
        graph.spin_until(self.is_heard)
        self.answers.clear()

    def is_heard(self):
        """Tell whether colour and depth come through by now; these never belong together."""
        depth = Image()
        depth.header.stamp.nanosec = 500_000_000
        self.depth.publish(depth)
        if not self.answers:
            self.colour.publish(self.image())
        self.graph.spin_for(0.1 if self.answers else 0.5)
        return self.answers and self.figure("depth_received") not in (None, "0")

    def image(self):
        image = Image(height=96, width=128, encoding="bgr8", step=384)
        image.data = array("B", NOISE.tobytes())
        image.header.stamp.sec, image.header.frame_id = self.sec, "front_camera"
        return image

    def show(self, depth=None, depth_sec=None):
        """Publish one image, and depth of the same stamp; return the person that is found."""
        self.sec += 2  # longer than positions are predicted
        for message in (depth,) if depth is not None else ():
            message.header.stamp.sec = self.sec if depth_sec is None else depth_sec
            message.header.frame_id = self.depth_frame_id
            self.depth.publish(message)
        self.colour.publish(self.image())
        self.graph.spin_until(
            lambda: self.answers and self.answers[-1].header.stamp.sec == self.sec
        )
        (person,) = self.answers[-1].people
        return person

    def send_infos(self):
        self.info.publish(info_of())
        self.graph.spin_for(0.2)

    def status(self):
        """What the node last said of positions."""
        for report in reversed(self.reports):
            for one in report.status:
                if one.name == "pose_node: positions":
                    return one
        return DiagnosticStatus()

    def tells(self, text):
        self.graph.spin_until(lambda: text in self.status().message)
        assert self.status().level == DiagnosticStatus.WARN

    def figure(self, name):
        return {pair.key: pair.value for pair in self.status().values}.get(name)


def is_at(person, metres):
    assert person.position_valid
    assert person.position_source == TrackedPerson.POSITION_DEPTH
    assert BEHIND_M[0] <= person.position.z - metres <= BEHIND_M[1]
    assert np.isfinite(person.position_covariance).all()
    return True


def is_nowhere(person):
    assert not person.position_valid
    assert np.isnan(person.position.z)
    assert list(person.pose.bbox) == [30, 10, 40, 80]
    assert person.position_source == TrackedPerson.POSITION_NONE
    return True
