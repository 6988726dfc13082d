"""`alphapose doctor`: what is wrong with camera, transport, weights or node, and the remedy.

What needs ROS runs in a process of its own (alphapose_ros.nodes.doctor), which is ended when it
does not come back: a middleware that hangs must not hang the doctor.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.io.findings import FAIL, OK, WARN, Finding, from_lines, table, worst

if TYPE_CHECKING:
    from alphapose_ros.config import Config
    from alphapose_ros.zoo import Weights

SLACK_S = 30.0  # beyond the listening, until the examination of ROS is broken off
LONGEST_S = 600.0
TAIL_LINES = 3
HIGHEST_DOMAIN = 232  # beyond it there are no ports
SIZE = (720, 1280)  # of the picture on which the networks are tried: height, width
RUNS = 3
NOT_LOADED = (ImportError, AttributeError, SystemError)  # what broken libraries raise
RUNTIMES = ("onnxruntime", "torch")
SEE_SETTINGS = (
    "`alphapose config` prints all settings, as --config takes them; --set takes their names"
)
SOURCE_ROS = "Source ROS 2 (source /opt/ros/jazzy/setup.bash), or activate the .venv of `make env`"


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument("topic", nargs="?", default="", help="of the camera; default: look round")
    parser.add_argument(
        "--seconds", type=_seconds, default=5.0, metavar="S", help="to listen (default 5)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what is found, too")
    add_settings(parser)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= LONGEST_S:
        raise ArgumentTypeError(f"{text} is not between 0 and {LONGEST_S:g}")
    return value


def run(options: Namespace) -> None:
    """Look at everything and print what is found.

    Raises:
        SystemExit: 1 where something is wrong (FAIL).
    """
    findings = [
        *examine_ros(options.topic, options.seconds),
        *examine_machine(lambda: chosen(options)),
    ]
    print(table(findings))
    if options.json:
        options.json.write_text(_report(options, findings), encoding="utf-8")
    if worst(findings) == FAIL:
        raise SystemExit(1)


def _report(options: Namespace, findings: list[Finding]) -> str:
    report = {
        "topic": options.topic,
        "seconds": options.seconds,
        "worst": worst(findings),
        "findings": [vars(finding) for finding in findings],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


# ROS, in a process of its own


def examine_ros(topic: str, seconds: float, slack_s: float = SLACK_S) -> list[Finding]:
    """Return what there is to say of the graph; whatever happens, within bounded time."""
    if find_spec("rclpy") is None:
        level = FAIL if topic else WARN
        return [Finding(level, "ROS 2", "rclpy is not installed for this Python", SOURCE_ROS)]
    command = [sys.executable, "-m", "alphapose_ros.nodes.doctor"]
    command += [*([topic] if topic else []), f"--seconds={seconds:g}"]
    env = {**os.environ}
    env.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)  # each Python finds its libraries itself
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, timeout=seconds + slack_s, check=False
        )
    except subprocess.TimeoutExpired as late:
        text = f"the examination did not end within {seconds + slack_s:g} s"
        remedy = "See whether `ros2 topic list` comes back; if not: `ros2 daemon stop`, reboot"
        return [*from_lines(_text(late.stdout)), Finding(FAIL, "ROS 2", text, remedy), _messages()]
    found = from_lines(_text(done.stdout))
    if done.returncode:
        besides = [one for one in _text(done.stdout).splitlines() if not one.startswith("{")]
        said = _text(done.stderr).strip() or "\n".join(besides)  # some log to standard output
        found.append(_judge_end(done.returncode, said, env))
    return [*found, _messages()]


def _judge_end(code: int, said: str, env: Mapping[str, str]) -> Finding:
    """Say why the examination broke off, as far as that is known."""
    reason = _last_words(said)
    domain, middleware = env.get("ROS_DOMAIN_ID", ""), env.get("RMW_IMPLEMENTATION", "")
    text = f"the examination broke off with exit code {code}: {reason or 'it said nothing'}"
    remedy = "See whether `ros2 topic list` works in this terminal"
    if domain and not (re.fullmatch(r"[0-9]{1,9}", domain) and int(domain) <= HIGHEST_DOMAIN):
        text = f"ROS_DOMAIN_ID is {domain!r}, not a number from 0 to {HIGHEST_DOMAIN}: {reason}"
        remedy = "Unset ROS_DOMAIN_ID, or export the number that the camera's terminal has"
    elif middleware and middleware in said:
        text = f"RMW_IMPLEMENTATION is {middleware!r}, which is not to be had here: {reason}"
        package = f"ros-{env.get('ROS_DISTRO') or 'jazzy'}-{middleware.replace('_', '-')}"
        remedy = f"Unset RMW_IMPLEMENTATION here and for all nodes, or install {package}"
    elif "ModuleNotFoundError" in reason or "ImportError" in reason:
        remedy = SOURCE_ROS
    return Finding(FAIL, "ROS 2", text, remedy)


def _last_words(said: str) -> str:
    """Return the end of what a program said: of a traceback, its exception."""
    *_, end = re.sub(r"\x1b\[[0-9;]*m", "", said).rpartition("Traceback (most recent call last)")
    lines = [line for line in end.splitlines() if line.strip(" \0^~")]
    if end != said and "Traceback" in said:
        lines = [line for line in lines[1:] if not line.startswith(" ")] or lines
    return " | ".join(line.strip(" \0") for line in lines[-TAIL_LINES:])


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "replace")


def _messages() -> Finding:
    """Say whether the messages of this package are compiled for this Python."""
    if find_spec("alphapose_ros.msg") is not None:
        return Finding(OK, "messages", "alphapose_ros.msg is there")
    remedy = "Build (colcon build, or `make env`) and source install/setup.bash"
    return Finding(FAIL, "messages", "alphapose_ros.msg is not compiled or not sourced", remedy)


# Device, weights, networks


def examine_machine(settings: Callable[[], Config]) -> Iterator[Finding]:
    """Yield what there is to say of the settings, the device, the weights and the networks."""
    try:
        config = settings()
    except (ValueError, OSError, KeyError) as error:
        message = error.args[0] if isinstance(error, KeyError) else str(error)
        yield Finding(FAIL, "settings", message, SEE_SETTINGS)
        return
    device = judge_device(config)
    yield device
    weights = [_judge_weights(*entry) for entry in _weights_of(config)]
    yield from weights
    if worst((device, *weights)) != FAIL:
        yield judge_networks(config)


def judge_device(config: Config) -> Finding:
    """Say on what networks will run, and whether something better lies idle."""
    from alphapose_ros.devices import (
        has_nvidia_driver,
        has_onnx_runtime,
        has_torch,
        pick_compute,
    )

    found = {name: _version(name) for name in RUNTIMES}
    try:
        compute = pick_compute(config.device, config.runtime, config.threads)
    except (ValueError, ImportError) as error:
        return Finding(FAIL, "device", str(error), "See `alphapose config`: device, runtime")
    values = {
        "asked": config.device,
        "device": compute.device,
        "threads": compute.threads,
        "nvidia_driver": has_nvidia_driver(),
        **found,
    }
    programs = ", ".join(f"{name} {found[name] or 'not installed'}" for name in found)
    text = f"{compute.device} (asked: {config.device}), {compute.threads} threads; {programs}"
    if compute.device == "cpu" and has_nvidia_driver() and config.device == "auto":
        what = "this PyTorch does not see it" if has_torch() else "PyTorch is not installed"
        remedy = "Install a PyTorch for your CUDA: https://pytorch.org/get-started/locally"
        return Finding(
            WARN, "device", f"{text}; there is an NVIDIA GPU, but {what}", remedy, values
        )
    takes_graphs = compute.device == "cpu" and compute.runtime == "auto"
    if takes_graphs and not has_onnx_runtime() and has_torch():
        text = f"{text}; without ONNX Runtime networks are slower on a processor"
        return Finding(WARN, "device", text, "pip install onnxruntime", values)
    return Finding(OK, "device", text, values=values)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # from apt, or not there
        return "of unknown version" if find_spec(name) else ""


def _weights_of(config: Config) -> list[tuple[str, str]]:
    """Return name and task of the weights that settings name; files of the user's are not here."""
    named = []
    if config.detector.name in ("yolox", "yolov3") and not config.detector.weights:
        named.append((config.detector.model, "detection"))
    if not config.pose.weights:
        named.append((config.pose.model, "pose"))
    if config.tracker.name == "msim" and config.reid.name != "none" and not config.reid.weights:
        small = config.reid.name == "small"
        named.append(("reid_small" if small else config.reid.model, "reid"))
    return [(name, task) for name, task in named if name != "auto"]


def _judge_weights(name: str, task: str) -> Finding:
    """Say whether the file of weights is there and what it should be."""
    from alphapose_ros.cli import models
    from alphapose_ros.zoo import find_weights, is_embedded, require_file

    try:
        weights: Weights = find_weights(name, task)
        file = require_file(weights)
        problem = models.hash_problem(weights, file)
    except (ValueError, OSError) as error:
        return Finding(FAIL, "weights", str(error), f"alphapose models info {name}")
    if problem:
        return Finding(FAIL, "weights", f"{name}: {problem}", f"alphapose models verify {name}")
    if is_embedded(weights):
        known = "it comes with the package"
    else:
        known = "its hash is right" if models.known_hash(weights, file) else "its hash is not known"
    return Finding(
        OK, "weights", f"{name} ({task}): the file is there, {known}", values={"file": str(file)}
    )


def judge_networks(config: Config) -> Finding:
    """Load the networks as a node would, and take the time of one picture without people."""
    try:
        import numpy as np

        from alphapose_ros.frame import Frame
        from alphapose_ros.pipeline import Pipeline

        pipeline = Pipeline(config)
        picture = np.full((*SIZE, 3), 127, np.uint8)
        times_s = []
        for index in range(RUNS):
            begin_s = time.perf_counter()
            pipeline(Frame(image=picture, stamp_ns=index * 10**8, index=index))
            times_s.append(time.perf_counter() - begin_s)
    except (ValueError, OSError, ImportError) as error:  # its message says what to do
        if isinstance(error, ImportError) or isinstance(error.__cause__, NOT_LOADED):
            return _judge_import(error)
        return Finding(FAIL, "networks", str(error), "alphapose models verify")
    except Exception as error:  # noqa: BLE001  whatever breaks here is what was looked for
        text = f"{type(error).__name__}: {error}"
        return Finding(FAIL, "networks", text, "Install the package and its requirements again")
    best_ms = 1e3 * min(times_s)
    text = f"load and run: {best_ms:.0f} ms for a 720p picture without people"
    return Finding(OK, "networks", text, values={"milliseconds": round(best_ms, 1)})


def _judge_import(error: Exception) -> Finding:
    """Say which program is broken or missing, after an import that failed."""
    for name in RUNTIMES:
        if find_spec(name) is None:
            continue
        try:
            import_module(name)
        except Exception as reason:  # noqa: BLE001  broken libraries raise whatever they like
            text = f"{name} is installed, but does not load: {type(reason).__name__}: {reason}"
            return Finding(FAIL, "networks", text, f"pip install --force-reinstall {name}")
    text = f"{type(error).__name__}: {error}"
    return Finding(FAIL, "networks", text, "Install the package and its requirements again")
