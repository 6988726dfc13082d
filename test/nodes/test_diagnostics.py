"""What the figures mean, and what the node says of itself over real topics."""

from __future__ import annotations

import math
import mmap
import sys
import time
from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from alphapose_ros.config import Config, DiagnosticsConfig, with_values
from alphapose_ros.nodes.diagnostics import (
    ERROR,
    OK,
    WARN,
    Counts,
    Evidence,
    Statistics,
    judge_input,
    judge_memory,
    judge_pipeline,
    memory,
)
from alphapose_ros.nodes.health import Health, memory_report
from alphapose_ros.nodes.worker import Worker

LIMITS = DiagnosticsConfig(max_latency_s=1.0, min_rate_hz=10.0)
WELL = {
    "recent": Counts(received=30, processed=29, dropped=1),
    "age_ms": 5.0,
    "latency_ms": 80.0,
    "input_hz": 30.0,
    "output_hz": 29.0,
}


@pytest.mark.parametrize(
    ("changes", "level", "says"),
    [
        ({}, OK, "images come"),
        ({"recent": Counts()}, OK, "waiting"),
        ({"problem": "lossy"}, WARN, "lossy"),
        ({"problem": "no image", "recent": Counts(), "is_silent": True}, ERROR, "no image"),
        ({"problem": "lossy", "recent": Counts()}, WARN, "lossy"),  # of a slow camera
        ({"age_ms": 1100.0}, WARN, "1.1 s old when they come: for bags set use_sim_time"),
        ({"age_ms": -900.0}, WARN, "0.9 s ahead of this node's clock"),
        ({"age_ms": -400.0}, OK, "images come"),
        ({"is_unstamped": True}, WARN, "carry no stamp"),
        ({"is_unstamped": True, "recent": Counts()}, OK, "waiting"),
        ({"input_hz": 9.0}, WARN, "9.0 images a second come"),
        ({"input_hz": math.nan}, OK, "images come"),
    ],
)
def test_the_input_is_judged_by_what_a_robot_must_act_on(changes, level, says):
    judgement = judge_input(Evidence(limits=LIMITS, **(WELL | changes)))
    assert judgement.level == level
    assert says in judgement.message


@pytest.mark.parametrize(
    ("changes", "level", "says"),
    [
        ({}, OK, "running"),
        ({"busy_s": 31.0}, ERROR, "at work on one image for 31 s"),
        ({"recent": Counts(failed=2, processed=9)}, WARN, "2 images could not be processed"),
        ({"recent": Counts(failed=2)}, ERROR, "2 images could not be processed"),
        ({"latency_ms": 1200.0}, WARN, "1.2 s from here on. Choose smaller networks"),
        ({"latency_ms": 1200.0, "age_ms": 900.0}, OK, "running"),  # the input is late, not we
        ({"output_hz": 4.0}, WARN, "4.0 images a second are processed"),
        ({"output_hz": 4.0, "input_hz": 5.0}, OK, "running"),  # no more come
        ({"latency_ms": math.nan, "recent": Counts()}, OK, "waiting"),
    ],
)
def test_the_pipeline_is_judged_by_what_it_can_help(changes, level, says):
    judgement = judge_pipeline(Evidence(limits=LIMITS, **(WELL | changes)))
    assert judgement.level == level
    assert says in judgement.message


def test_limits_of_0_are_none():
    limits = DiagnosticsConfig(max_latency_s=0.0, min_rate_hz=0.0)
    late = Evidence(limits=limits, **(WELL | {"age_ms": 1e9, "input_hz": 0.1}))
    assert (judge_input(late).level, judge_pipeline(late).level) == (OK, OK)


def test_little_memory_is_told_before_it_is_gone():
    assert judge_memory({}).level == OK
    assert judge_memory({"free_mb": 600.0, "total_mb": 10000.0}).level == OK
    scarce = judge_memory({"free_mb": 400.0, "total_mb": 10000.0})
    assert (scarce.level, "400 MB of this machine's memory" in scarce.message) == (WARN, True)
    gpu = judge_memory({"gpu_free_mb": 100.0, "gpu_total_mb": 8000.0})
    assert (gpu.level, "100 MB of the GPU's memory" in gpu.message) == (WARN, True)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_memory_is_that_of_the_process():
    before = memory()["rss_mb"]
    block = mmap.mmap(-1, 50_000_000)  # new to the process, whatever it had before
    np.frombuffer(block, np.uint8)[:] = 1
    now = memory()
    assert now["rss_mb"] - before == pytest.approx(len(block) / 1e6, abs=5)
    assert now["rss_peak_mb"] > now["rss_mb"] - 1
    assert 0 < now["free_mb"] < now["total_mb"]


class FakeCuda:
    """Two GPUs, of which the second has ten times as much memory; PyTorch takes the first."""

    def __init__(self, is_used=True):
        self.is_initialized = lambda: is_used

    def mem_get_info(self, device=None):
        scale = 10 ** (device or 0)
        return 1_000_000_000 * scale, 8_000_000_000 * scale

    def memory_allocated(self, device=None):
        return 5_000_000 * 10 ** (device or 0)

    def memory_reserved(self, device=None):
        return 7_000_000 * 10 ** (device or 0)


def gpu_figures(device=""):
    _, judgement, figures = memory_report(device)
    assert judgement.level == OK
    return {name: value for name, value in figures.items() if name.startswith("gpu")}


def test_a_gpu_is_asked_only_where_one_is_in_use(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=FakeCuda(is_used=False)))
    assert gpu_figures() == {}
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=FakeCuda()))
    assert gpu_figures() == {
        "gpu_allocated_mb": "5",
        "gpu_reserved_mb": "7",
        "gpu_free_mb": "1000",
        "gpu_total_mb": "8000",
    }


def test_the_gpu_that_networks_run_on_is_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=FakeCuda()))
    devices = ("", "cpu", "cuda", "cuda:0", "cuda:1")
    told = [gpu_figures(device)["gpu_total_mb"] for device in devices]
    assert told == ["8000", "8000", "8000", "8000", "80000"]


def test_a_gpu_that_does_not_answer_is_told_and_survived(monkeypatch):
    def fail(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nFor debugging")

    cuda = SimpleNamespace(is_initialized=lambda: True, mem_get_info=fail)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    part, judgement, figures = memory_report()
    assert (part, judgement.level) == ("memory", ERROR)
    assert "(CUDA error: an illegal memory access was encountered): start" in judgement.message
    if sys.platform == "linux":
        assert float(figures["rss_mb"]) > 0  # the rest is known all the same


def nobody():
    none = np.empty(0, np.int64)
    return SimpleNamespace(detection_rows=none, ids=none, states=none)


def test_latencies_are_those_since_the_last_report_and_those_of_all_time():
    statistics = Statistics()
    for latency_ms in (10.0, 20.0, 30.0):
        statistics.add(nobody(), latency_ms, {"pose": latency_ms / 2})
    assert statistics.take_recent_ms() == (20.0, pytest.approx(29.0))
    assert all(math.isnan(value) for value in statistics.take_recent_ms())
    statistics.add(nobody(), 500.0, {})
    assert statistics.take_recent_ms() == (500.0, 500.0)
    assert statistics.figures()["latency_ms_p50"] == "25.0"
    assert statistics.figures()["pose_ms_p50"] == "10.0"


def test_a_latency_that_is_not_known_counts_for_nothing():
    statistics = Statistics()
    statistics.add(nobody(), math.nan, {"pose": 5.0})
    assert all(math.isnan(value) for value in statistics.take_recent_ms())
    statistics.add(nobody(), 10.0, {})
    assert statistics.take_recent_ms() == (10.0, 10.0)
    assert statistics.figures()["latency_ms_p95"] == "10.0"
    assert statistics.figures()["pose_ms_p50"] == "5.0"


class FakeWorker:
    """Counts as it is told."""

    busy_s = 0.0

    def __init__(self):
        self.counts = Counts()
        self.reception = SimpleNamespace(
            rate_hz=0.0,
            age_ms=1.0,
            take_recent_age_ms=lambda: 1.0,
            is_unstamped=False,
            topic="/image",
            reliability="reliable",
            problem=lambda _: "",
            is_silent=False,
        )


def test_a_camera_that_becomes_late_is_told_of_and_not_the_pipeline(graph):
    worker = Worker(graph.node, Config(), lambda _: None, lambda _: None)
    health = Health()
    health.attend(worker)

    def report(images, age_s):
        for _ in range(images):
            stamp = graph.node.get_clock().now() - Duration(seconds=age_s)
            worker.reception._on_image(Image(header=Header(stamp=stamp.to_msg())))
            health.statistics.add(nobody(), 1e3 * age_s + 50.0, {})
        told = health.report(Config(), is_enabled=True)
        return [(judged.level, judged.message) for _, judged, _ in told], told[0][2]

    judged, _ = report(100, age_s=0.0)
    assert [level for level, _ in judged] == [OK, OK]
    ((level, says), of_pipeline), figures = report(15, age_s=3.0)
    assert (level, of_pipeline[0]) == (WARN, OK)
    assert says.startswith("images are 3.0 s old when they come")
    assert float(figures["recent_callback_age_ms_p50"]) >= 3000
    assert float(figures["callback_age_ms_p50"]) < 1000  # of all
    judged, _ = report(0, age_s=0.0)  # a slow camera: nothing came meanwhile
    assert judged[0][0] == WARN
    judged, _ = report(1, age_s=0.0)
    assert [level for level, _ in judged] == [OK, OK]
    worker.stop(patience_s=5)


def test_counts_go_on_over_pauses_and_rates_begin_anew(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    health, config = Health(), with_values(Config(), {"diagnostics.min_rate_hz": 2.0})
    first, second = FakeWorker(), FakeWorker()
    health.attend(first)
    for _ in range(10):  # 1 Hz comes and is processed, 2 Hz are asked for
        now_s += 1.0
        first.counts += Counts(received=1, processed=1)
        (_, seen, _), _ = health.report(config, is_enabled=True)
    assert seen.message.startswith("1.2 images a second come")  # one more in 5 s, at most
    health.attend(second)
    now_s += 1.0
    second.counts += Counts(received=5, lost=2)
    (_, seen, figures), _ = health.report(config, is_enabled=True)
    assert seen.level == OK
    assert (figures["frames_received"], figures["recent_frames_lost"]) == ("15", "2")
    health.detach()
    assert health.counts() == Counts(received=15, lost=2, processed=10)


def test_the_node_tells_of_all_its_parts(graph, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text("[]")
    settings = {"detector.name": "file", "detector.boxes_file": boxes}
    process = graph.start("pose_node", "--ros-args", "-r", "__ns:=/left", "--", **settings)
    camera = graph.node.create_publisher(
        Image, "/left/image", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    reports = graph.listen(DiagnosticArray, "/diagnostics")

    def told():
        image = Image(height=2, width=2, encoding="mono8", step=2, data=array("B", b"1234"))
        image.header.stamp = graph.node.get_clock().now().to_msg()
        camera.publish(image)
        graph.spin_for(0.02)
        return {status.name: status for status in reports[-1].status} if reports else {}

    def is_running():
        return told() and told()["left/pose_node: pipeline"].message == "running"

    graph.spin_until(is_running)
    levels = {name: status.level for name, status in told().items()}
    assert list(levels) == [f"left/pose_node: {part}" for part in ("input", "pipeline", "memory")]
    figures = {
        name.rpartition(" ")[2]: {pair.key: pair.value for pair in status.values}
        for name, status in told().items()
    }
    assert figures["input"]["topic"] == "/left/image"
    assert figures["input"]["reliability"] == "best_effort"
    assert float(figures["input"]["rate_hz"]) > 0
    assert float(figures["pipeline"]["recent_latency_ms_p50"]) > 0
    assert float(figures["pipeline"]["processed_hz"]) > 0
    assert figures["pipeline"]["device"] == "cpu"
    assert figures["pipeline"]["pose_weights"] == "fastpose_small_halpe_136"
    assert {"detect_ms_p50", "pose_ms_p50", "track_ms_p50"} <= set(figures["pipeline"])
    assert float(figures["memory"]["rss_mb"]) > 10
    assert process.poll() is None
