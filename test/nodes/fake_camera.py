"""A camera for tests: publishes one small picture as the arguments say until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import time
from array import array

import cv2
import numpy as np
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", default="image")
    parser.add_argument("--reliability", choices=("reliable", "best_effort"), default="best_effort")
    parser.add_argument("--durability", choices=("volatile", "transient_local"), default="volatile")
    parser.add_argument("--rate", type=float, default=20.0, help="images a second")
    parser.add_argument("--compressed", action="store_true", help="CompressedImage, as JPEG")
    parser.add_argument("--silent", action="store_true", help="offer the topic, publish nothing")
    return parser.parse_args()


def make_image(compressed):
    if compressed:
        data = array("B", cv2.imencode(".jpg", PICTURE)[1].tobytes())
        return CompressedImage(format="bgr8; jpeg compressed bgr8", data=data)
    height, width = PICTURE.shape[:2]
    data = array("B", PICTURE.tobytes())
    return Image(height=height, width=width, encoding="bgr8", step=3 * width, data=data)


def main():
    options = arguments()
    rclpy.init()
    node = rclpy.create_node("fake_camera")
    qos = QoSProfile(
        depth=5,
        reliability=ReliabilityPolicy[options.reliability.upper()],
        durability=DurabilityPolicy[options.durability.upper()],
    )
    image = make_image(options.compressed)
    publisher = node.create_publisher(type(image), options.topic, qos)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while not stopped:
        if not options.silent:
            image.header.stamp = node.get_clock().now().to_msg()
            image.header.frame_id = "front_camera"
            publisher.publish(image)
        time.sleep(1 / options.rate)
    node.destroy_node()  # so that everybody knows at once, and not when its lease ends
    rclpy.shutdown()


main()
