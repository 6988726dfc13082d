"""What a pose node tells of itself: gathered while it is active, said once a second."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass

from alphapose_ros.config import Config
from alphapose_ros.nodes.diagnostics import (
    OK,
    Counts,
    Evidence,
    Judgement,
    Statistics,
    gpu_memory,
    judge_broken_gpu,
    judge_input,
    judge_memory,
    judge_pipeline,
    memory,
)
from alphapose_ros.nodes.worker import Worker

WINDOW_S = 5.0  # over which rates are judged, at least
FEW = 2  # images in the window at the lowest rate that is asked for
MOST_REPORTS = 4000  # that are remembered

Report = tuple[str, Judgement, dict[str, str]]  # part of the node, how it is doing, figures


@dataclass(frozen=True)
class Past:
    """How much had been done at some time."""

    at_s: float
    counts: Counts


class Health:
    """Keeps count over activations and pauses of a node; made anew when it is activated."""

    def __init__(self) -> None:
        self.statistics = Statistics()
        self._worker: Worker | None = None  # the present one, or the last
        self._earlier = Counts()  # of workers before that
        self._reports: deque[Past] = deque(maxlen=MOST_REPORTS)
        self._reports.append(Past(time.monotonic(), Counts()))

    def attend(self, worker: Worker) -> None:
        """Count what ``worker`` does, on top of all before it."""
        self._earlier, self._worker = self.counts(), worker
        self._reports.clear()  # of another camera perhaps: rates begin anew
        self._reports.append(Past(time.monotonic(), self._earlier))

    def detach(self) -> None:
        """Let go of the worker, but not of what it did."""
        self._earlier, self._worker = self.counts(), None

    def counts(self) -> Counts:
        """Return what became of the images since the activation."""
        return self._earlier if self._worker is None else self._earlier + self._worker.counts

    def figures(self) -> dict[str, dict[str, str]]:
        """Return what there is to tell of `input` and `pipeline`, by name, as text."""
        counts = self.counts()
        told = {"input": {}, "pipeline": {}}
        for name, number in asdict(counts).items():
            of = "input" if name in ("received", "lost") else "pipeline"
            told[of][f"frames_{name}"] = str(number)
        if self._worker is not None:
            reception = self._worker.reception
            told["input"] |= {
                "rate_hz": f"{reception.rate_hz:.1f}",
                "callback_age_ms_p50": f"{reception.age_ms:.1f}",
                "topic": reception.topic,
                "reliability": reception.reliability,
            }
        told["pipeline"] |= self.statistics.figures()
        return told

    def report(self, config: Config, *, is_enabled: bool) -> list[Report]:
        """Judge what happened since the last report.

        Args:
            config: the settings in use.
            is_enabled: whether images are taken.

        Returns:
            Those of `input` and `pipeline`.
        """
        now_s, counts = time.monotonic(), self.counts()
        last = self._reports[-1]
        recent = counts - last.counts
        half_ms, most_ms = self.statistics.take_recent_ms()
        told = self.figures()
        told["pipeline"] |= {
            "recent_latency_ms_p50": f"{half_ms:.1f}",
            "recent_latency_ms_p95": f"{most_ms:.1f}",
            "recent_frames_dropped": str(recent.dropped),
            "recent_frames_failed": str(recent.failed),
            "processed_hz": f"{recent.processed / max(now_s - last.at_s, 1e-3):.1f}",
        }
        told["input"] |= {"recent_frames_lost": str(recent.lost)}
        reception = None if self._worker is None else self._worker.reception
        if reception is not None:
            age_ms = reception.take_recent_age_ms()
            told["input"] |= {"recent_callback_age_ms_p50": f"{age_ms:.1f}"}
        self._reports.append(Past(now_s, counts))
        if not is_enabled or reception is None:
            judged = dict.fromkeys(told, Judgement(OK, "disabled by ~/enable"))
        else:
            problem = reception.problem(config.image_timeout_s)
            input_hz, output_hz = self._rates_hz(config.diagnostics.min_rate_hz)
            evidence = Evidence(
                limits=config.diagnostics,
                recent=recent,
                problem=problem,
                is_silent=reception.is_silent,
                is_unstamped=reception.is_unstamped,
                age_ms=age_ms,
                latency_ms=half_ms,
                input_hz=input_hz,
                output_hz=output_hz,
                busy_s=self._worker.busy_s,
            )
            judged = {"input": judge_input(evidence), "pipeline": judge_pipeline(evidence)}
        return [(name, judged[name], figures) for name, figures in told.items()]

    def _rates_hz(self, min_rate_hz: float) -> tuple[float, float]:
        """Return how many images a second came and were processed lately, at most.

        One image more than were counted: a window may begin just after one. NaN until enough
        time has passed to tell ``min_rate_hz`` from less.
        """
        window_s = max(WINDOW_S, FEW / min_rate_hz if min_rate_hz else 0.0)
        now = self._reports[-1]
        before = [past for past in self._reports if now.at_s - past.at_s >= window_s]
        if not before:
            return float("nan"), float("nan")
        seconds, done = now.at_s - before[-1].at_s, now.counts - before[-1].counts
        return (done.received + 1) / seconds, (done.processed + 1) / seconds


def memory_report(device: str = "") -> Report:
    """Judge the memory of process, machine and GPU.

    Args:
        device: on which networks run, for instance cuda:1; if that is no GPU, or one without a
            number, the GPU is the one that PyTorch takes.
    """
    known = memory()
    try:
        known |= gpu_memory(device)
        judgement = judge_memory(known)
    except RuntimeError as error:  # it would end the node, whose timer calls this
        judgement = judge_broken_gpu(error)
    return "memory", judgement, {name: f"{value:.0f}" for name, value in known.items()}
