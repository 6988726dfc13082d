"""No tracking, for who needs poses only."""

from __future__ import annotations

import numpy as np

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.tracking.embedding import Embed


class NoTracker:
    """Follows nobody: `tracks` stay empty."""

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config

    def reset(self) -> None:
        """Forget everybody, of whom there is nobody."""

    def keep(self) -> None:
        """Write nothing: nobody is known."""

    def update(
        self,
        people: Poses,
        stamp_ns: int,
        embed: Embed | None = None,
        image: np.ndarray | None = None,
    ) -> Tracks:
        """Return no tracks, whoever is there."""
        return Tracks.empty(people.skeleton)
