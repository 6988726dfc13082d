"""Boxes of which a network says two things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.frame import Detections, array


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates(Detections):
    """Boxes that are chosen by ``scores`` and handed on with ``objectness``."""

    objectness: np.ndarray = array("N")  # noqa: RUF009  [0, 1], at least the score

    def by_objectness(self) -> Detections:
        """Return the boxes with objectness for score."""
        return Detections(boxes=self.boxes, scores=self.objectness, embeddings=self.embeddings)
