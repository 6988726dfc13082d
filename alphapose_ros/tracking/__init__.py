"""Following people over time: trackers by name."""

from __future__ import annotations

from collections.abc import Callable

from alphapose_ros.config import TrackerConfig
from alphapose_ros.tracking.msim import MsimTracker

TRACKERS: dict[str, Callable[[TrackerConfig], MsimTracker]] = {"msim": MsimTracker}


def build_tracker(config: TrackerConfig) -> MsimTracker:
    """Return the tracker that ``config`` names: .update(poses, stamp_ns) -> Tracks, .reset()."""
    return TRACKERS[config.name](config)
