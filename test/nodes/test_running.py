"""What the package logs, told in the node's name."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from programs import start_program
from rcl_interfaces.msg import Log
from rclpy.logging import LoggingSeverity
from rclpy.qos import DurabilityPolicy, QoSProfile

from alphapose_ros.nodes import running
from alphapose_ros.nodes.running import ToRos, told_by

LOGS = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def log(graph):
    logger = logging.getLogger("test_running")
    handler = ToRos(graph.node)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_what_is_logged_comes_on_rosout_in_the_name_of_the_node(graph, log):
    logs = graph.listen(Log, "/rosout", 10)
    graph.spin_until(lambda: graph.node.count_subscribers("/rosout"))
    log.info("not this")
    log.warning("stamps went back by %.1f s", 2.5)
    log.error("broken")
    graph.spin_until(lambda: len(logs) == 2)
    assert [one.msg for one in logs] == ["stamps went back by 2.5 s", "broken"]
    assert [one.name for one in logs] == [graph.node.get_logger().name] * 2
    assert logs[0].level < logs[1].level


def test_warnings_of_one_kind_are_told_now_and_then(graph, log, monkeypatch):
    told, now_s = [], 100.0
    monkeypatch.setattr(running.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(ToRos, "_tell", lambda self, record: told.append(record.getMessage()))
    for step in range(20):  # ten seconds
        now_s = 100.0 + step / 2
        log.warning("stamps went back by %d s", step)
        if step == 3:
            log.warning("something else")
    assert told == ["stamps went back by 0 s", "something else", "stamps went back by 10 s"]


def test_what_is_raised_is_told_with_its_traceback(log, monkeypatch):
    told = []
    (handler,) = log.handlers
    monkeypatch.setattr(handler, "_log", SimpleNamespace(error=told.append))
    try:
        raise OSError("disk full")
    except OSError:
        log.exception("not kept")
    (text,) = told
    assert text.startswith("not kept\nTraceback")
    assert text.endswith("OSError: disk full")


def test_what_is_logged_while_a_node_starts_itself_comes_on_rosout(graph):
    logs = graph.listen(Log, "/rosout", LOGS)
    start_program(graph, "scripted_node", **{"pose.model": "doubtful"})
    graph.spin_until(lambda: any("active, waiting" in one.msg for one in logs))
    told = [(one.name, one.level) for one in logs if one.msg == "the network is doubtful"]
    assert told == [("pose_node", LoggingSeverity.WARN)]


def test_a_node_that_has_ended_tells_nothing_more(graph):
    logger = logging.getLogger("alphapose_ros")
    before = list(logger.handlers)
    with pytest.raises(OSError, match="ended"), told_by(graph.node):
        assert len(logger.handlers) == len(before) + 1
        raise OSError("ended")
    assert logger.handlers == before
