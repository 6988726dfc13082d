"""How well the node is doing, as figures and as diagnostic messages."""

from __future__ import annotations

from collections import deque

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time

from alphapose_ros.frame import Tracks, TrackState

REMEMBERED = 10_000  # frames


class Statistics:
    """Figures of the node since it was activated; filled by the worker, read by a timer."""

    def __init__(self) -> None:
        self.processed = 0
        self.failed = 0
        self.people = 0  # in the last frame
        self.tracks = 0  # ever confirmed
        self._confirmed: set[int] = set()  # of those that are alive
        self._latencies_ms: deque[float] = deque(maxlen=REMEMBERED)
        self._stages_ms: dict[str, deque[float]] = {}

    def add(self, tracks: Tracks, latency_ms: float, stage_ms: dict[str, float]) -> None:
        """Count one processed frame.

        Args:
            tracks: what was published.
            latency_ms: from the image's stamp to the publishing of its tracks.
            stage_ms: duration of each stage.
        """
        self.processed += 1
        self.people = int((tracks.detection_rows >= 0).sum())
        tracked = set(tracks.ids[tracks.states == TrackState.TRACKED].tolist())
        self.tracks += len(tracked - self._confirmed)
        self._confirmed = (self._confirmed & set(tracks.ids.tolist())) | tracked
        self._latencies_ms.append(latency_ms)
        for name, duration in stage_ms.items():
            self._stages_ms.setdefault(name, deque(maxlen=REMEMBERED)).append(duration)

    def figures(self) -> dict[str, str]:
        """Return all figures by name, as text."""
        half, most = percentiles(self._latencies_ms)
        stages = {
            f"{name}_ms_p50": f"{percentiles(durations)[0]:.1f}"
            for name, durations in list(self._stages_ms.items())
        }
        return {
            "frames_processed": str(self.processed),
            "frames_failed": str(self.failed),
            "people": str(self.people),
            "tracks": str(self.tracks),
            "latency_ms_p50": f"{half:.1f}",
            "latency_ms_p95": f"{most:.1f}",
            **stages,
        }


def percentiles(values: deque[float]) -> tuple[float, float]:
    """Return the 50th and 95th percentile, NaN of nothing."""
    if not values:
        return float("nan"), float("nan")
    half, most = np.percentile(list(values), (50, 95))
    return float(half), float(most)


def diagnostic_array(
    name: str, level: bytes, message: str, figures: dict[str, str], now: Time
) -> DiagnosticArray:
    """Make a message of one status.

    Args:
        name: "node: subcomponent" (REP-107).
        level: DiagnosticStatus.OK, WARN or ERROR.
        message: the state in a few words.
        figures: what else there is to know.
        now: stamp of the message.
    """
    values = [KeyValue(key=key, value=value) for key, value in figures.items()]
    status = DiagnosticStatus(
        name=name,
        level=level,
        message=message,
        hardware_id=figures.get("device", ""),
        values=values,
    )
    array = DiagnosticArray(status=[status])
    array.header.stamp = now.to_msg()
    return array
