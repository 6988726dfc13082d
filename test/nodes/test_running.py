"""What the package logs, told in the node's name."""

from __future__ import annotations

import logging

import pytest
from rcl_interfaces.msg import Log

from alphapose_ros.nodes import running
from alphapose_ros.nodes.running import ToRos


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
