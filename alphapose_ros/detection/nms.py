"""Box NMS and soft-NMS: fewer boxes for one person."""

from __future__ import annotations

import numpy as np

from alphapose_ros.boxes import iou
from alphapose_ros.frame import Detections

GAUSSIAN_SIGMA = 0.5  # of soft-NMS, as its authors set it


def nms(detections: Detections, max_iou: float) -> Detections:
    """Keep the best boxes, best first; none overlaps a better one by more than ``max_iou``.

    The first of equal scores wins.
    """
    order = np.argsort(-detections.scores, kind="stable")
    overlaps = iou(detections.boxes, detections.boxes) > max_iou
    kept = []
    while len(order):
        kept.append(order[0])
        order = order[1:][~overlaps[order[0], order[1:]]]
    return detections[np.array(kept, dtype=np.intp)]


def soft_nms(
    detections: Detections, max_iou: float, *, decay: str = "linear", min_score: float = 0.1
) -> Detections:
    """Lower the scores of boxes that overlap better ones, then keep those still high enough.

    Args:
        detections: N boxes.
        max_iou: overlap from which the linear decay acts; the Gaussian one always acts.
        decay: "linear" multiplies by 1 - IoU, "gaussian" by exp(-IoU^2 / 0.5).
        min_score: a box whose score falls below it goes.

    Returns:
        Boxes by falling new score.

    Source: Bodla et al., "Soft-NMS", ICCV 2017, Eq. 2 and 3.
    """
    if decay not in ("linear", "gaussian"):
        raise ValueError(f"decay {decay!r} is none of linear, gaussian")
    overlap = iou(detections.boxes, detections.boxes)
    if decay == "linear":
        factor = np.where(overlap > max_iou, 1 - overlap, 1.0)
    else:
        factor = np.exp(-(overlap**2) / GAUSSIAN_SIGMA)
    scores = detections.scores.astype(np.float64)
    waiting = np.flatnonzero(scores >= min_score)
    kept = []
    while len(waiting):
        best = waiting[np.argmax(scores[waiting])]
        kept.append(best)
        waiting = waiting[waiting != best]
        scores[waiting] *= factor[best, waiting]
        waiting = waiting[scores[waiting] >= min_score]
    rows = np.array(kept, dtype=np.intp)
    chosen = detections[rows]
    return Detections(boxes=chosen.boxes, scores=scores[rows], embeddings=chosen.embeddings)
