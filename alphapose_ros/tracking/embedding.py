"""What people look like: embeddings of the rows of a frame, made only where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alphapose_ros.frame import Poses

Embed = Callable[[np.ndarray], np.ndarray]  # rows (M,) -> (M, D) unit vectors, NaN where unknown


@dataclass(frozen=True)
class EmbeddingSpace:
    """What is to be known of the network that embeds."""

    max_distance: float = 0.7  # cosine distance up to which two are the same person (paper 4.2)
    digest: str = ""  # names network and weights: others' embeddings cannot be compared


class Looks:
    """The embeddings of one frame's people; each is asked for once at most.

    Args:
        people: N of one frame; where they bring embeddings, these are taken.
        embed: makes embeddings of rows; None: there are none.
    """

    def __init__(self, people: Poses, embed: Embed | None) -> None:
        self.can_ask = people.embeddings is None and embed is not None
        self.is_known = np.full(len(people), people.embeddings is not None)
        self._embed = embed
        self._embeddings = people.embeddings
        if people.embeddings is None:
            self._embeddings = np.empty((len(people), 0), np.float32)

    @property
    def can_know(self) -> bool:
        """Whether anything can be said of anybody."""
        return self.can_ask or self._embeddings.shape[1] > 0

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Return the embeddings (M, D) of ``rows``, making those that are not known yet.

        Raises:
            ValueError: the network gave no row per person.
        """
        missing = rows[~self.is_known[rows]]
        if self.can_ask and len(missing):
            made = np.asarray(self._embed(missing), np.float32)
            if made.ndim != 2 or len(made) != len(missing):
                raise ValueError(
                    f"embeddings of {len(missing)} people must have shape ({len(missing)}, D), "
                    f"got {made.shape}"
                )
            if not self._embeddings.shape[1]:
                shape = (len(self._embeddings), made.shape[1])
                self._embeddings = np.full(shape, np.nan, np.float32)
            self._embeddings[missing] = made
            self.is_known[missing] = True
        return self._embeddings[rows]
