"""A running `ros2 launch`, and a node that looks on."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import parameter_value_to_python
from rclpy.signals import SignalHandlerOptions

ASK_AGAIN_S = 5.0
PATIENCE_S = 60.0  # a node loads its networks, perhaps on a machine that has other things to do


def until(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> bool:
    """Wait for ``condition``; return whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Launched:
    """A running `ros2 launch`.

    Args:
        file: a launch file of the package by its name, or any other by its absolute path.
        arguments: such as namespace:=front.
        log: where its output and that of its nodes goes.
    """

    def __init__(self, file: str, arguments: Sequence[str], log: Path) -> None:
        where = [file] if Path(file).is_absolute() else ["alphapose_ros", file]
        self._log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                ["ros2", "launch", *where, *arguments],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """All output so far."""
        return self._log.read_text(errors="replace")

    def has_ended(self) -> bool:
        """Whether the launch is over."""
        return self._process.poll() is not None

    def says(self, text: str) -> bool:
        """Wait for ``text``; return whether it came."""
        return until(lambda: text in self.said or self.has_ended()) and text in self.said

    def pids(self, program: str) -> list[int]:
        """Return the processes that were started for a program, oldest first."""
        started = re.findall(r"\[(\w+)-\d+\]: process started with pid \[(\d+)\]", self.said)
        return [int(pid) for name, pid in started if name == program]

    def environment(self, program: str) -> dict[str, str]:
        """Return the environment of a program of the launch."""
        entries = Path(f"/proc/{self.pids(program)[-1]}/environ").read_bytes().split(b"\0")
        return dict(entry.decode().split("=", 1) for entry in entries if b"=" in entry)

    def end(self) -> int:
        """End it as Ctrl-C does; return its exit code."""
        if not self.has_ended():
            self._process.send_signal(signal.SIGINT)
            if not until(self.has_ended, 30):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()


class Onlooker:
    """A node that sees the others, in a thread of its own."""

    def __init__(self) -> None:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C ends the runs in order
        self.node = rclpy.create_node("onlooker")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def close(self) -> None:
        """Leave."""
        rclpy.shutdown()
        self._thread.join()

    def listen(self, message_type: Any, topic: str) -> list[Any]:
        """Return the list that the messages of a topic will be added to."""
        heard: list[Any] = []
        self.node.create_subscription(message_type, topic, heard.append, 10)
        return heard

    def sees(self, name: str) -> bool:
        """Wait for the node of a full name; return whether it came."""
        return until(lambda: name in self.names())

    def names(self) -> list[str]:
        """Return the full names of all nodes."""
        found = self.node.get_node_names_and_namespaces()
        return [f"{namespace.rstrip('/')}/{name}" for name, namespace in found]

    def parameters(self, name: str, wanted: Iterable[str]) -> dict[str, Any]:
        """Return parameters of a node by their dotted names, None where it has no such."""
        wanted = list(wanted)
        values = self._ask(GetParameters, f"{name}/get_parameters", names=wanted).values
        return dict(zip(wanted, map(parameter_value_to_python, values), strict=True))

    def state(self, name: str) -> str:
        """Return the state of a lifecycle node."""
        return self._ask(GetState, f"{name}/get_state").current_state.label

    def change_state(self, name: str, transition: int) -> bool:
        """Do what a lifecycle manager does; return whether the node agreed."""
        request = ChangeState.Request()
        request.transition.id = transition
        return self._call(ChangeState, f"{name}/change_state", request).success

    def subscriptions(self, name: str) -> set[str]:
        """Return the topics that a node subscribes to."""
        namespace, _, base = name.rpartition("/")
        found = self.node.get_subscriber_names_and_types_by_node(base, namespace or "/")
        return {topic for topic, _ in found}

    def publications(self, name: str) -> set[str]:
        """Return the topics that a node publishes."""
        namespace, _, base = name.rpartition("/")
        found = self.node.get_publisher_names_and_types_by_node(base, namespace or "/")
        return {topic for topic, _ in found}

    def _ask(self, service_type: Any, service: str, **fields: Any) -> Any:
        """Ask what changes nothing, again where no answer comes.

        A node that does not know the client yet answers in vain.
        """
        request = service_type.Request(**fields)
        return self._call(service_type, service, request, attempts=PATIENCE_S / ASK_AGAIN_S)

    def _call(self, service_type: Any, service: str, request: Any, attempts: float = 1) -> Any:
        client = self.node.create_client(service_type, service)
        try:
            if not client.wait_for_service(PATIENCE_S):
                raise TimeoutError(f"no service {service}")
            for _ in range(round(attempts)):
                answer = client.call_async(request)
                if until(answer.done, PATIENCE_S / attempts):
                    return answer.result()
            raise TimeoutError(f"{service} does not answer")
        finally:
            self.node.destroy_client(client)
