"""A slow worker behind a camera: `mailbox` is the pose node, `queue` what one meets elsewhere.

Publishes, as an empty `tracks` message per processed image, the stamp of the image; and at the
end prints the ages [ms] of the images when work on them began.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.msg import TrackedPersonArray
from alphapose_ros.nodes.conversions import to_ns
from alphapose_ros.nodes.pose_node import PoseNode
from alphapose_ros.nodes.running import run
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

SERVICE_S = 0.2


class SlowPipeline:
    """Stands in for the networks: takes its time and finds nobody."""

    skeleton = skeleton("coco_17")
    device = "none"

    def __init__(self, ages_ms):
        self._ages_ms = ages_ms

    def run(self, frame):
        self._ages_ms.append((time.time_ns() - frame.stamp_ns) / 1e6)
        time.sleep(SERVICE_S)
        nobody = Tracks.empty(self.skeleton)
        return Result(poses=Poses.empty(self.skeleton), tracks=nobody, stage_ms={})

    def reconfigure(self, config):
        pass

    def reset(self):
        pass

    def keep(self):
        pass


class QueueNode(Node):
    """Works in the callback of a subscription that keeps ten images."""

    def __init__(self, ages_ms):
        super().__init__("queue_node")
        self._ages_ms = ages_ms
        self._publisher = self.create_publisher(TrackedPersonArray, "tracks", 5)
        self.create_subscription(Image, "image", self._on_image, 10)

    def _on_image(self, image):
        self._ages_ms.append((time.time_ns() - to_ns(image.header.stamp)) / 1e6)
        time.sleep(SERVICE_S)
        self._publisher.publish(TrackedPersonArray(header=image.header))


def main():
    ages_ms, figures = [], {}

    def make():
        if sys.argv[1] == "queue":
            return QueueNode(ages_ms)
        node = PoseNode(build_pipeline=lambda config, ids: SlowPipeline(ages_ms))
        node.trigger_configure()
        node.trigger_activate()
        return node

    def finish(node):
        if isinstance(node, PoseNode):
            figures.update(node.figures())
            node.finish()

    run(make, finish)
    print(json.dumps({**figures, "age_ms": float(np.median(ages_ms[5:]))}))


main()
