"""Parametric pose NMS: of poses that are too much alike, the best one stays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from alphapose_ros.keypoints import PoseSimilarity


@dataclass(frozen=True)
class PoseNms:
    """Parametric pose NMS.

    The paper eliminates a pose when its *distance* is at most eta (Eq. 16), but what Eq. 19
    defines grows with likeness; hence a pose goes when its similarity exceeds ``threshold``.

    Source: paper 3.4. Distances are in parts of the box here, in pixels in the reference.
    """

    similarity: PoseSimilarity = field(default_factory=PoseSimilarity)
    threshold: float = 0.25  # eta

    def __call__(self, keypoints: np.ndarray, sizes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return the rows to keep, best first: each removes the poses that are too much like it.

        Row by row and not all pairs at once: the work shrinks with every person found.

        Args:
            keypoints: (N, K, 3) x y [px], score; N may be 0.
            sizes: (N, 2) widths and heights of the boxes [px].
            scores: (N,).
        """
        waiting = np.argsort(-scores, kind="stable")
        kept = []
        while len(waiting):
            best, waiting = waiting[0], waiting[1:]
            kept.append(best)
            alike = self.similarity(keypoints[best], sizes[best], keypoints[waiting])
            waiting = waiting[alike <= self.threshold]
        return np.array(kept, dtype=np.intp)
