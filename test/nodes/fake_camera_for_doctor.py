"""Cameras for tests of the doctor, each as one argument says, in one process, until killed.

An argument is a list of words: the namespace, then what is peculiar about that camera, such as
`left reliable size=1280x720 info=none stamp=zero`.
"""

from __future__ import annotations

import sys
import time
from array import array

import cv2
import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

RATE_HZ = 25.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PAST_S = 1_000_000_000  # of the stamps of an old bag


class Camera:
    def __init__(self, node, name, *words):
        self.choice = dict(word.partition("=")[::2] for word in words)
        self.width, self.height = map(int, self.choice.get("size", "64x48").split("x"))
        self.node = node
        reliable = "reliable" in self.choice
        qos = QoSProfile(
            depth=5,
            reliability=(ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT),
        )
        self.message = self.make_message()
        suffix = "/compressed" if "compressed" in self.choice else ""
        self.images = node.create_publisher(type(self.message), f"/{name}/image{suffix}", qos)
        self.info = self.make_info()
        if self.info is not None:
            is_latched = self.choice.get("info") == "latched"
            self.infos = node.create_publisher(
                CameraInfo, f"/{name}/camera_info", LATCHED if is_latched else qos
            )
            if is_latched:
                self.info.header.frame_id = "lens"
                self.infos.publish(self.info)
        if "clock" in self.choice:
            self.clock = node.create_publisher(Clock, "/clock", qos)
        self.count = 0

    def make_message(self):
        pixels = np.random.default_rng(0).integers(0, 255, (self.height, self.width, 3), np.uint8)
        if "words" in self.choice:
            return String(data="no image")
        if "compressed" in self.choice:
            file = cv2.imencode(".jpg", pixels)[1].tobytes()
            return CompressedImage(format="bgr8; jpeg compressed bgr8", data=array("B", file))
        return Image(
            height=self.height,
            width=self.width,
            encoding=self.choice.get("encoding", "bgr8"),
            step=3 * self.width,
            data=array("B", pixels.tobytes()),
        )

    def make_info(self):
        kind = self.choice.get("info", "good")
        if kind == "none":
            return None
        info = CameraInfo(width=self.width, height=self.height, distortion_model="plumb_bob")
        info.d = [0.0] * 5
        if kind != "uncalibrated":
            info.k = np.array([60.0, 0, 32, 0, 60, 24, 0, 0, 1])
        if kind == "small":
            info.width //= 2
        if kind == "bent":
            info.d = [-0.3, 0.1, 0.0, 0.0, 0.0]
        if kind == "short":
            info.d = [0.1, 0.0, 0.0]
        return info

    def publish(self):
        now = self.node.get_clock().now().to_msg()
        self.count += 1
        stamp = {
            "zero": Time(),
            "same": Time(sec=5),
            "past": Time(sec=PAST_S + self.count),
            "future": Time(sec=now.sec + 2, nanosec=now.nanosec),
        }.get(self.choice.get("stamp"), now)
        if not isinstance(self.message, String):
            self.message.header.stamp = stamp
            self.message.header.frame_id = self.choice.get("frame", "lens")
        if "silent" not in self.choice:
            self.images.publish(self.message)
        if self.info is not None and self.choice.get("info") != "latched":
            self.info.header.stamp = stamp
            self.info.header.frame_id = "lens"
            self.infos.publish(self.info)
        if "clock" in self.choice:
            self.clock.publish(Clock(clock=stamp))


def main():
    rclpy.init()
    node = rclpy.create_node("cameras")
    cameras = [Camera(node, *words.split()) for words in sys.argv[1:]]
    while True:
        for camera in cameras:
            camera.publish()
        time.sleep(1 / RATE_HZ)


main()
