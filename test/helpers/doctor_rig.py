"""What tests of the doctor examine: cameras of all kinds, and nodes that answer as ours do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

import pytest
import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import ChangeState, GetState
from programs import FOLDER
from rclpy.executors import SingleThreadedExecutor

from alphapose_ros.io.findings import LEVELS
from alphapose_ros.nodes import doctor
from alphapose_ros.nodes.middleware import is_fast_dds
from alphapose_ros.srv import SetTarget

CAMERAS = FOLDER / "fake_camera_for_doctor.py"
TRIALS = 30
fast_dds = pytest.mark.skipif(not is_fast_dds(), reason="the middleware is not Fast DDS")


class Rig:
    """A node that keeps a domain known from one examination to the next, and the doctor."""

    def __init__(self, domain):
        self.domain, self.context = domain, rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.keeper = rclpy.create_node("keeper", context=self.context)

    def close(self):
        rclpy.shutdown(context=self.context)

    @contextmanager
    def running(self, *cameras, **environment):
        """Cameras in a process of their own, once all of them are known."""
        there = {topic: self.keeper.count_publishers(topic) for topic in map(topic_of, cameras)}
        env = {**os.environ, "ROS_DOMAIN_ID": str(self.domain), **environment}
        process = subprocess.Popen(
            [sys.executable, str(CAMERAS), *cameras],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=env,
        )
        try:
            latest = time.monotonic() + 40
            for topic, before in there.items():
                while self.keeper.count_publishers(topic) <= before:
                    assert time.monotonic() < latest, f"{topic} was not published in time"
                    time.sleep(0.05)
            yield process
        finally:
            end(process)

    @contextmanager
    def spinning(self):
        """Have nodes answer while the doctor asks: yields what adds one."""
        executor = SingleThreadedExecutor(context=self.context)
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        yield executor.add_node
        nodes = executor.get_nodes()
        executor.shutdown()
        thread.join()
        for node in nodes:
            node.destroy_node()

    def node(self, name, **options):
        return rclpy.create_node(name, context=self.context, **options)

    def findings(self, topic, seconds):
        """Return all that the doctor finds."""
        node = self.node("doctor_under_test")
        try:
            with mock.patch.multiple(doctor, STEADY_S=0.2, MOST_S=0.4):
                return list(doctor.Examination(node, topic, seconds).findings())
        finally:
            node.destroy_node()

    def examine(self, topic, seconds=0.3, until=None):
        """Return what the doctor finds by subject; where there are several, the worst of them.

        On a busy machine images and CameraInfo may need longer than it listens: then it listens
        again.
        """
        for _ in range(TRIALS):
            found = self.findings(topic, seconds)
            found.sort(key=lambda one: LEVELS.index(one.level))
            by_subject = {finding.subject: finding for finding in found}
            if heard_the_info(by_subject) and (until or has_images)(by_subject):
                break
        return by_subject


@contextmanager
def rig_with(domain, *cameras):
    """A rig before cameras, each as CAMERAS takes it; their process is ``rig.cameras``."""
    rig = Rig(domain)
    try:
        with rig.running(*cameras) as rig.cameras:
            yield rig
    finally:
        rig.close()


def topic_of(camera):
    name, *words = camera.split()
    return f"/{name}/image{'/compressed' if 'compressed' in words else ''}"


def end(process):
    """End a process so that it gives its shared memory back, as far as it can still hear."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# Nodes


def serve(node, state=State.PRIMARY_STATE_ACTIVE):
    """Have a node answer as a pose node does."""

    def on_get_state(request, response):
        response.current_state.id = state
        return response

    def refuse(request, response):
        return response

    node.create_service(GetState, "~/get_state", on_get_state)
    node.create_service(ChangeState, "~/change_state", refuse)
    node.create_service(SetTarget, "~/set_target", refuse)


def endpoint(kind, name):
    return SimpleNamespace(topic_type=kind, node_name=name, node_namespace="/")


# When an examination has seen enough


def has_images(found):
    return "rate" not in found or found["rate"].values["images"] > 3


def heard_the_info(found):
    return "camera info" not in found or "nothing came" not in found["camera info"].text


def having(subject, level, without=""):
    return lambda found: subject in found and found[subject].level == level and without not in found


def always(found):
    return True
