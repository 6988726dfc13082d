"""How well the node is doing: figures, what they mean, and the messages that say so (REP-107)."""

from __future__ import annotations

import math
import operator
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time

from alphapose_ros.config import DiagnosticsConfig
from alphapose_ros.frame import Tracks, TrackState

REMEMBERED = 10_000  # frames
AHEAD_S = 0.5  # stamps may be so much later than the clock
SCARCE = 0.05  # part of a memory that should at least be free
STUCK_S = 30.0  # that no image should take
SLOW = (
    "Choose smaller networks (detector.model, pose.model), fewer people (filter.max_people) or a "
    "GPU (device)"
)

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Judgement(NamedTuple):
    """How something is doing: what a robot's aggregator goes by, and what a person reads."""

    level: bytes  # OK, WARN or ERROR
    message: str  # the state in a few words; where it is not well, with the remedy


@dataclass(frozen=True)
class Counts:
    """Images, since the node was activated or since the last report."""

    received: int = 0
    lost: int = 0  # by the middleware
    dropped: int = 0  # newer ones came before they were processed
    processed: int = 0
    failed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*map(operator.sub, astuple(self), astuple(other)))


class Statistics:
    """Figures of the node since it was activated; filled by the worker, read by a timer."""

    def __init__(self) -> None:
        self.people = 0  # in the last frame
        self.tracks = 0  # ever confirmed
        self._confirmed: set[int] = set()  # of those that are alive
        self._latencies_ms: deque[float] = deque(maxlen=REMEMBERED)
        self._recent_ms: deque[float] = deque(maxlen=REMEMBERED)  # since take_recent_ms()
        self._stages_ms: dict[str, deque[float]] = {}

    def add(self, tracks: Tracks, latency_ms: float, stage_ms: Mapping[str, float]) -> None:
        """Count one processed frame.

        Args:
            tracks: what was published.
            latency_ms: from the image's stamp to the publishing of its tracks; NaN: not known.
            stage_ms: duration of each stage.
        """
        self.people = int((tracks.detection_rows >= 0).sum())
        tracked = set(tracks.ids[tracks.states == TrackState.TRACKED].tolist())
        self.tracks += len(tracked - self._confirmed)
        self._confirmed = (self._confirmed & set(tracks.ids.tolist())) | tracked
        if not math.isnan(latency_ms):
            self._latencies_ms.append(latency_ms)
            self._recent_ms.append(latency_ms)
        for name, duration in stage_ms.items():
            self._stages_ms.setdefault(name, deque(maxlen=REMEMBERED)).append(duration)

    def take_recent_ms(self) -> tuple[float, float]:
        """Return the 50th and 95th percentile of the latencies since the last call."""
        return percentiles([self._recent_ms.popleft() for _ in range(len(self._recent_ms))])

    def figures(self) -> dict[str, str]:
        """Return all figures since the activation by name, as text."""
        half, most = percentiles(self._latencies_ms)
        stages = {
            f"{name}_ms_p50": f"{percentiles(durations)[0]:.1f}"
            for name, durations in list(self._stages_ms.items())
        }
        return {
            "people": str(self.people),
            "tracks": str(self.tracks),
            "latency_ms_p50": f"{half:.1f}",
            "latency_ms_p95": f"{most:.1f}",
            **stages,
        }


def percentiles(values: Iterable[float]) -> tuple[float, float]:
    """Return the 50th and 95th percentile, NaN of nothing.

    NumPy, slower for so few, keeps memory for each number of values that there ever was.
    """
    known = list(values)  # at once: another thread may add some
    if not known:
        return float("nan"), float("nan")
    twentieths = quantiles(known if len(known) > 1 else 2 * known, n=20, method="inclusive")
    return twentieths[9], twentieths[18]


@dataclass(frozen=True)
class Evidence:
    """What is known of an active node when it reports."""

    limits: DiagnosticsConfig
    recent: Counts = field(default_factory=Counts)  # since the last report
    problem: str = ""  # with the input
    is_silent: bool = False  # for longer than image_timeout_s
    is_unstamped: bool = False  # the last two images
    age_ms: float = float("nan")  # of the last images when they came, median
    latency_ms: float = float("nan")  # of those processed since the last report, median
    input_hz: float = float("nan")  # at most, lately; NaN: not known yet
    output_hz: float = float("nan")
    busy_s: float = 0.0  # with the present image


def judge_input(seen: Evidence) -> Judgement:
    """Say how well images come."""
    limits = seen.limits
    if seen.problem:
        is_mute = seen.is_silent and not seen.recent.received
        return Judgement(ERROR if is_mute else WARN, seen.problem)
    if seen.is_unstamped and seen.recent.received:
        return Judgement(
            WARN,
            "images carry no stamp and count as taken when they arrive: set header.stamp in the "
            "camera driver, or nobody can tell which results belong to which image",
        )
    if seen.age_ms < -1e3 * AHEAD_S:
        return Judgement(
            WARN,
            f"images are stamped {-seen.age_ms / 1e3:.1f} s ahead of this node's clock: set the "
            "clocks of both machines by one server (chrony); with use_sim_time something must "
            "publish /clock",
        )
    if limits.max_latency_s and seen.age_ms > 1e3 * limits.max_latency_s:
        return Judgement(
            WARN,
            f"images are {seen.age_ms / 1e3:.1f} s old when they come: for bags set use_sim_time "
            "and play with --clock; of a camera see its clock and its driver",
        )
    if seen.input_hz < limits.min_rate_hz:
        return Judgement(
            WARN,
            f"{seen.input_hz:.1f} images a second come, diagnostics.min_rate_hz is "
            f"{limits.min_rate_hz:g}: see the camera's rate and exposure",
        )
    return Judgement(OK, "images come" if seen.recent.received else "waiting for images")


def judge_pipeline(seen: Evidence) -> Judgement:
    """Say how well images are processed."""
    limits, recent = seen.limits, seen.recent
    if seen.busy_s > STUCK_S:
        return Judgement(
            ERROR,
            f"at work on one image for {seen.busy_s:.0f} s: deactivate the node, then activate",
        )
    if recent.failed:
        return Judgement(
            WARN if recent.processed else ERROR,
            f"{recent.failed} images could not be processed since the last report; see the log",
        )
    here_ms = seen.latency_ms - max(float(np.nan_to_num(seen.age_ms)), 0.0)
    if limits.max_latency_s and here_ms > 1e3 * limits.max_latency_s:
        return Judgement(WARN, f"images take {here_ms / 1e3:.1f} s from here on. {SLOW}")
    if seen.output_hz < limits.min_rate_hz <= seen.input_hz:
        return Judgement(
            WARN,
            f"{seen.output_hz:.1f} images a second are processed, diagnostics.min_rate_hz is "
            f"{limits.min_rate_hz:g}. {SLOW}",
        )
    return Judgement(OK, "running" if recent.processed else "waiting for images")


def judge_memory(figures: Mapping[str, float]) -> Judgement:
    """Say whether there is enough memory; of what is not known nothing is said."""
    for name, free, total in (
        ("this machine's memory", "free_mb", "total_mb"),
        ("the GPU's memory", "gpu_free_mb", "gpu_total_mb"),
    ):
        if total in figures and figures[free] < SCARCE * figures[total]:
            return Judgement(
                WARN,
                f"only {figures[free]:.0f} MB of {name} are free: end other programs or choose "
                "smaller networks (detector.model, pose.model)",
            )
    return Judgement(OK, "enough memory")


def judge_broken_gpu(error: RuntimeError) -> Judgement:
    """Say what to do about a GPU that does not answer."""
    what = str(error).partition("\n")[0]  # after it PyTorch tells how to debug
    return Judgement(
        ERROR,
        f"the GPU does not answer ({what}): start the node anew; if that does not help, see "
        "`nvidia-smi` and the kernel's log, or choose another device",
    )


def memory() -> dict[str, float]:
    """Return what the process takes and what is left [MB], as far as the system tells; no GPU."""
    own = _kilobytes(Path("/proc/self/status"))
    machine = _kilobytes(Path("/proc/meminfo"))
    names = {
        "rss_mb": own.get("VmRSS"),
        "rss_peak_mb": own.get("VmHWM"),
        "free_mb": machine.get("MemAvailable"),
        "total_mb": machine.get("MemTotal"),
    }
    return {name: value * 1024 / 1e6 for name, value in names.items() if value is not None}


def _kilobytes(file: Path) -> dict[str, int]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:  # no Linux
        return {}
    pairs = (line.partition(":")[::2] for line in lines if line.endswith(" kB"))
    return {name: int(value.split()[0]) for name, value in pairs}


def gpu_memory(device: str = "") -> dict[str, float]:
    """Return the same of the GPU where networks run on one; loads no PyTorch for that.

    Args:
        device: on which they run; without a number it is the one that PyTorch takes.

    Raises:
        RuntimeError: the GPU does not answer.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    kind, _, number = device.partition(":")
    which = int(number) if kind == "cuda" and number.isdecimal() else None
    free, total = torch.cuda.mem_get_info(which)
    taken = torch.cuda.memory_allocated(which)
    reserved = torch.cuda.memory_reserved(which)
    sizes = (taken, reserved, free, total)
    names = ("gpu_allocated_mb", "gpu_reserved_mb", "gpu_free_mb", "gpu_total_mb")
    return {name: size / 1e6 for name, size in zip(names, sizes, strict=True)}


def status(
    name: str, judgement: Judgement, figures: Mapping[str, str], hardware: str = ""
) -> DiagnosticStatus:
    """Make one status.

    Args:
        name: "node: subcomponent" (REP-107).
        judgement: how it is doing.
        figures: what else there is to know.
        hardware: what it runs on.
    """
    return DiagnosticStatus(
        name=name,
        level=judgement.level,
        message=judgement.message,
        hardware_id=hardware,
        values=[KeyValue(key=key, value=value) for key, value in figures.items()],
    )


def diagnostic_array(statuses: Iterable[DiagnosticStatus], now: Time) -> DiagnosticArray:
    """Make the message of all statuses, stamped ``now``."""
    array = DiagnosticArray(status=list(statuses))
    array.header.stamp = now.to_msg()
    return array
