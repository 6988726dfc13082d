"""Following people over time: trackers by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.tracking.baselines import ByteTracker, IouTracker
from alphapose_ros.tracking.embedding import Embed, EmbeddingSpace
from alphapose_ros.tracking.file import FileTracker
from alphapose_ros.tracking.ids import Ids
from alphapose_ros.tracking.msim import MsimTracker
from alphapose_ros.tracking.none import NoTracker


class Tracker(Protocol):
    """What every tracker is; ``config`` may be exchanged between two calls."""

    config: TrackerConfig

    def update(
        self,
        people: Poses,
        stamp_ns: int,
        embed: Embed | None = None,
        image: np.ndarray | None = None,
    ) -> Tracks:
        """Go on to ``stamp_ns`` with the people of one frame; return the live tracks.

        ``embed`` makes embeddings of rows of ``people``, where they bring none; it is called a few
        times at most, for the rows that need it. ``image`` (H, W, 3) BGR is for trackers that
        take out the camera's own motion.
        """

    def reset(self) -> None:
        """Forget everybody; ids go on."""

    def keep(self) -> None:
        """Write down what outlives the tracker, where the settings ask for it."""


TRACKERS: dict[str, Callable[[TrackerConfig, Ids, EmbeddingSpace], Tracker]] = {
    "msim": MsimTracker,
    "iou": lambda config, ids, space: IouTracker(config, ids),
    "byte": lambda config, ids, space: ByteTracker(config, ids),
    "file": lambda config, ids, space: FileTracker(config),
    "none": lambda config, ids, space: NoTracker(config),
}


def build_tracker(
    config: TrackerConfig, ids: Ids | None = None, space: EmbeddingSpace | None = None
) -> Tracker:
    """Return the tracker that ``config`` names: .update(poses, stamp_ns) -> Tracks, .reset().

    Args:
        config: its settings.
        ids: numbers of tracks and people, 1, 2, ... by default; to be handed on where a tracker
            takes the place of another one, so that no id comes twice.
        space: of the embeddings that it will be given, if any.
    """
    return TRACKERS[config.name](config, ids or Ids(), space or EmbeddingSpace())
