"""Programs beside the tests of the nodes, started as processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

FOLDER = Path(__file__).resolve().parents[1] / "nodes"


class Diagnosed:
    """What a node says of itself on /diagnostics."""

    def __init__(self, graph):
        self.reports = graph.listen(DiagnosticArray, "/diagnostics")

    @property
    def _told(self):
        return self.reports[-1].status if self.reports else []

    @property
    def status(self):
        """What is said of the input."""
        inputs = (one for one in self._told if one.name.endswith(": input"))
        return next(inputs, DiagnosticStatus())

    @property
    def figures(self):
        """The figures of all parts, as text; empty where there is none."""
        return defaultdict(str, {pair.key: pair.value for one in self._told for pair in one.values})


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
