"""Our nodes as child processes of a command: started, listened to, ended, never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alphapose_ros.nodes.middleware import CYCLONE_URI, profiles

PRIVATE_DOMAINS = 100  # beyond 101 the ports may be taken by other programs
TAIL_LINES = 25
LAST_CHANCE_S = 5.0  # to complete its files, where the command has failed


class ProcessError(Exception):
    """A node that failed; the message holds the last that it said."""


def environment() -> dict[str, str]:
    """Return the environment for our nodes: apart from other ROS programs, with room for images.

    What the user has set stays: a domain, a discovery range, a transport profile.
    """
    chosen = dict(os.environ)
    chosen.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)  # each Python finds its libraries itself
    chosen.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % PRIVATE_DOMAINS))
    chosen.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "SYSTEM_DEFAULT")
    has_transports = "FASTDDS_BUILTIN_TRANSPORTS" in chosen
    for name, profile in profiles().items():
        if name == CYCLONE_URI or not has_transports:
            chosen.setdefault(name, profile)
    return chosen


class NodeProcess:
    """One of our nodes in a process of its own; a context manager that leaves none behind."""

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        logs: Path,
        env: Mapping[str, str],
        is_shown: bool = False,
    ) -> None:
        """Start it.

        Args:
            name: of the module in alphapose_ros.nodes.
            parameters: value by name; their types become those of the ROS parameters.
            logs: folder for NAME.yaml, the parameters, and NAME.log, all that the node says.
            env: environment.
            is_shown: what it says is passed on to stderr, too.
        """
        self.name = name
        self.log = logs / f"{name}.log"
        self._tail: deque[bytes] = deque(maxlen=400)
        file = logs / f"{name}.yaml"  # JSON is YAML, and leaves no doubt what is a string
        tree = {"/**": {"ros__parameters": dict(parameters)}}
        file.write_text(json.dumps(tree, indent=1, ensure_ascii=False), encoding="utf-8")
        module = (sys.executable, "-m", f"alphapose_ros.nodes.{name}")
        self._process = subprocess.Popen(
            [*module, "--ros-args", "--params-file", str(file)],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the command, which ends its nodes in order
        )
        self._reader = threading.Thread(target=self._listen, args=(is_shown,), daemon=True)
        self._reader.start()

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(LAST_CHANCE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process.stdout.close()

    def _listen(self, is_shown: bool) -> None:
        with self.log.open("wb") as log:
            while piece := os.read(self._process.stdout.fileno(), 65536):
                self._tail.append(piece)
                log.write(piece)
                log.flush()
                if is_shown:
                    sys.stderr.buffer.write(piece)
                    sys.stderr.flush()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._process.poll() is not None

    def said(self) -> str:
        """Return the last lines that it said."""
        text = b"".join(self._tail).decode("utf-8", "replace").replace("\r", "\n")
        lines = [line for line in text.splitlines() if line.strip()]
        return "\n".join(lines[-TAIL_LINES:])

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            ProcessError: it has ended.
        """
        if self.is_over:
            raise self.failure(f"ended too early, with exit code {self._process.returncode}")

    def stop(self, seconds: float) -> None:
        """Ask it to end as Ctrl-C does, and wait.

        Raises:
            ProcessError: it does not end in time, or with an error.
        """
        if not self.is_over:
            self._process.send_signal(signal.SIGINT)
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait for its end.

        Raises:
            ProcessError: it does not end in time, or with an error.
        """
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self.failure(f"did not end within {seconds:g} s") from None
        if code != 0:
            raise self.failure(f"failed with exit code {code}")

    def failure(self, reason: str) -> ProcessError:
        """Return the error for a reason, with what the node said last."""
        self._reader.join(1.0)
        return ProcessError(f"{self.name} {reason}; {self.log} ends with\n{self.said()}")

    def peak_memory_mb(self) -> float | None:
        """Return the most memory that it has held so far [MB]; None where there is no /proc."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return None
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
        return None
