"""Nodes as child processes: what they say, how they end, and that none stays behind."""

from __future__ import annotations

import json
import os

import pytest

from alphapose_ros.nodes.processes import NodeProcess, ProcessError, environment


def is_alive(process):
    return process._process.poll() is None


@pytest.fixture
def start(tmp_path):
    """Start a node under the environment of the tests."""

    def start(name, **parameters):
        return NodeProcess(name, parameters, logs=tmp_path, env=os.environ)

    return start


def test_parameters_keep_their_types(start, make_video, tmp_path):
    video = make_video(frames=2)
    odd = video.with_name("true: 1.5 'ö.avi")
    video.rename(odd)
    report = tmp_path / "report.json"
    with start("video_source", video=str(odd), rate_hz=50.0, report=str(report)) as node:
        node.wait(20)
    assert json.loads(report.read_text())["frames"] == 2


def test_a_failure_is_told_with_the_last_words_of_the_node(start, tmp_path):
    with start("video_source", video="nowhere.avi") as node:
        with pytest.raises(ProcessError, match=r"failed with exit code 1.*\n.*nowhere\.avi"):
            node.wait(20)
        with pytest.raises(ProcessError, match="ended too early"):
            node.check()
    assert "nowhere.avi" in (tmp_path / "video_source.log").read_text()


def test_a_node_that_does_not_end_is_told_and_ended(start, make_video):
    with start("video_source", video=str(make_video()), wait_for_subscribers=1) as node:
        node.check()
        with pytest.raises(ProcessError, match=r"did not end within 0\.1 s"):
            node.wait(0.1)
        assert is_alive(node)
        assert 5 < node.peak_memory_mb() < 2000
    assert not is_alive(node) and node.peak_memory_mb() is None


def test_a_node_is_stopped_in_order(start, tmp_path):
    with start("recorder", out=str(tmp_path), report=str(tmp_path / "report.json")) as node:
        while not (tmp_path / "report.json").exists():
            node.check()
        node.stop(20)
    assert (tmp_path / "bag/metadata.yaml").exists()


def test_an_error_in_the_block_still_ends_the_node_in_order(start, tmp_path):
    report = tmp_path / "report.json"
    node = start("recorder", out=str(tmp_path), report=str(report))
    with pytest.raises(ZeroDivisionError), node:
        while not report.exists():
            node.check()
        raise ZeroDivisionError
    assert not is_alive(node) and (tmp_path / "bag/metadata.yaml").exists()


def test_the_environment_is_private_and_has_room_for_images(monkeypatch):
    names = ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTDDS_BUILTIN_TRANSPORTS")
    for name in (*names, "CYCLONEDDS_URI"):
        monkeypatch.delenv(name, raising=False)
    found = environment()
    assert 1 <= int(found["ROS_DOMAIN_ID"]) <= 101
    assert found["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SYSTEM_DEFAULT"
    assert found["FASTRTPS_DEFAULT_PROFILES_FILE"].endswith("config/fastdds_images.xml")
    assert found["CYCLONEDDS_URI"].endswith("config/cyclonedds_images.xml")


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "42")
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "/mine.xml")
    assert environment()["ROS_DOMAIN_ID"] == "42"
    assert environment()["FASTRTPS_DEFAULT_PROFILES_FILE"] == "/mine.xml"
    monkeypatch.setenv("CYCLONEDDS_URI", "<Domain/>")
    assert environment()["CYCLONEDDS_URI"] == "<Domain/>"
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE")
    monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", "LARGE_DATA")
    assert "FASTRTPS_DEFAULT_PROFILES_FILE" not in environment()
