"""Programs beside the tests of the nodes, started as processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "nodes"


def start_program(graph, name, *arguments, remappings=(), **parameters):
    """Start `name`.py; the graph ends it with the test, and fails where it ends before."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *arguments]
    if remappings or parameters:
        command.append("--ros-args")
    for remapping in remappings:
        command += ["-r", remapping]
    for key, value in parameters.items():
        command += ["-p", f"{key}:={value}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    graph.processes.append(process)
    return process


def start_camera(graph, *arguments):
    """Start a camera that publishes until it is stopped."""
    return start_program(graph, "fake_camera", *arguments)


def stop_camera(graph, process):
    """Stop it, so that its publisher is gone at once."""
    code, said = graph.end(process, signal.SIGTERM)
    assert code == 0, said
    graph.processes.remove(process)
