"""Following people over time: trackers by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
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


TRACKERS: dict[str, Callable[[TrackerConfig, Iterator[int]], Tracker]] = {
    "msim": MsimTracker,
    "none": NoTracker,
}


def build_tracker(config: TrackerConfig, ids: Iterator[int] | None = None) -> Tracker:
    """Return the tracker that ``config`` names: .update(poses, stamp_ns) -> Tracks, .reset().

    Args:
        config: its settings.
        ids: numbers of the tracks, 1, 2, ... by default; to be handed on where a tracker takes
            the place of another one, so that no id comes twice.
    """
    return TRACKERS[config.name](config, itertools.count(1) if ids is None else ids)
