"""What the tests of the nodes share: a node of their own and processes that never outlive them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor


class Graph:
    """A node that sees what the processes under test publish, and those processes."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("tester", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.processes = []

    def start(self, name, *arguments, **parameters):
        """Start one of our nodes in a process of its own."""
        command = [sys.executable, "-m", f"alphapose_ros.nodes.{name}", *arguments]
        if parameters:
            command.append("--ros-args")
        for key, value in parameters.items():
            command += ["-p", f"{key}:={value}"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.processes.append(process)
        return process

    def listen(self, message_type, topic, qos=10):
        """Return the list that the messages of a topic will be added to."""
        heard = []
        self.node.create_subscription(message_type, topic, heard.append, qos)
        return heard

    def spin_until(self, condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            for process in self.processes:
                assert process.poll() in (None, 0), process.stdout.read()
            assert time.monotonic() < end, f"waited {seconds} s in vain"
            self.executor.spin_once(timeout_sec=0.05)

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def end(self, process, sign=signal.SIGINT, seconds=20.0):
        """End a process as Ctrl-C does; return its exit code and all that it said."""
        process.send_signal(sign)
        said, _ = process.communicate(timeout=seconds)
        return process.returncode, said

    def close(self):
        """End all, in order where they can: killed nodes leave their shared memory behind."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def domain(domains):
    """One of its own, for the nodes of the test before seem to be there for a while."""
    return next(domains)


@pytest.fixture
def graph(domain, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    graph = Graph()
    try:
        yield graph
    finally:
        graph.close()


@pytest.fixture(scope="session")
def make_video(tmp_path_factory):
    """Write a video whose frame number n is a square that has moved by 4n pixels."""

    def make(frames=20, fps=20.0, size=(320, 240)):
        path = tmp_path_factory.mktemp("video") / "square.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, size)
        assert writer.isOpened()
        for number in range(frames):
            image = np.full((size[1], size[0], 3), 60, np.uint8)
            image[100:140, 4 * number : 4 * number + 40] = (0, 0, 255)  # red
            writer.write(image)
        writer.release()
        return path

    return make
