"""No tracking, for who needs poses only."""

from __future__ import annotations

from collections.abc import Iterator

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, Tracks


class NoTracker:
    """Follows nobody: `tracks` stay empty."""

    def __init__(self, config: TrackerConfig, ids: Iterator[int]) -> None:
        self.config = config

    def reset(self) -> None:
        """Forget everybody, of whom there is nobody."""

    def update(self, people: Poses, stamp_ns: int) -> Tracks:
        """Return no tracks, whoever is there."""
        return Tracks.empty(people.skeleton)
