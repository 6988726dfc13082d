"""Following people over time: trackers by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.tracking.msim import MsimTracker
from alphapose_ros.tracking.none import NoTracker


class Tracker(Protocol):
    """What every tracker is; ``config`` may be exchanged between two calls."""

    config: TrackerConfig

    def update(self, people: Poses, stamp_ns: int) -> Tracks:
        """Go on to ``stamp_ns`` with the people of one frame; return the live tracks."""

    def reset(self) -> None:
        """Forget everybody; ids go on."""


TRACKERS: dict[str, Callable[[TrackerConfig], Tracker]] = {
    "msim": MsimTracker,
    "none": NoTracker,
}


def build_tracker(config: TrackerConfig) -> Tracker:
    """Return the tracker that ``config`` names: .update(poses, stamp_ns) -> Tracks, .reset()."""
    return TRACKERS[config.name](config)
