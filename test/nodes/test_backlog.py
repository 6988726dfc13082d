"""A camera faster than the networks must not pile up images."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from array import array
from pathlib import Path

import pytest
from sensor_msgs.msg import Image

from alphapose_ros.msg import TrackedPersonArray

CAMERA_HZ = 30
SERVICE_MS = 200  # of slow_node.py
PIXELS = array("B", bytes(64 * 48 * 3))


@pytest.fixture
def overload(graph):
    """Run slow_node.py behind a camera for four seconds; return what it prints at the end."""

    def run(mode):
        command = [sys.executable, str(Path(__file__).with_name("slow_node.py")), mode]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        graph.processes.append(process)
        camera = graph.node.create_publisher(Image, "image", 10)
        answers = graph.listen(TrackedPersonArray, "tracks")
        graph.spin_until(lambda: camera.get_subscription_count() == 1)
        start, count = time.monotonic(), 4 * CAMERA_HZ
        for number in range(count):
            graph.spin_for(max(start + number / CAMERA_HZ - time.monotonic(), 0))
            image = Image(height=48, width=64, encoding="bgr8", step=192, data=PIXELS)
            image.header.stamp = graph.node.get_clock().now().to_msg()
            camera.publish(image)
        graph.spin_for(0.1)
        code, said = graph.end(process)
        assert code == 0, said
        graph.node.destroy_publisher(camera)
        assert len(answers) >= 10
        (figures,) = [line for line in said.splitlines() if line.startswith("{")]
        return json.loads(figures)

    return run


def test_the_newest_image_wins_and_a_queue_is_worse(overload):
    mailbox, queue = overload("mailbox"), overload("queue")
    limit_ms = 1000 / CAMERA_HZ + SERVICE_MS
    assert mailbox["age_ms"] < limit_ms
    assert queue["age_ms"] > limit_ms  # ten images are a third of a second
    received, dropped = int(mailbox["frames_received"]), int(mailbox["frames_dropped"])
    processed = int(mailbox["frames_processed"])
    assert dropped > received / 2
    assert 0 <= received - processed - dropped <= 2  # one at work, one waiting
    assert mailbox["callback_age_ms_p50"] != "nan"
    assert float(mailbox["callback_age_ms_p50"]) < 1000 / CAMERA_HZ + SERVICE_MS
