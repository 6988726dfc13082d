"""One pose per person."""

from __future__ import annotations

import numpy as np

from alphapose_ros.boxes import to_centre_size
from alphapose_ros.config import SuppressionConfig
from alphapose_ros.frame import Poses
from alphapose_ros.keypoints import PoseSimilarity, comparable_rows
from alphapose_ros.suppression.parametric import PoseNms

METHODS = ("parametric", "none")


def pose_nms(
    poses: Poses, method: str = "parametric", *, config: SuppressionConfig | None = None
) -> Poses:
    """Remove poses of nobody, and of people who are there already in a better pose.

    Args:
        poses: N poses of one frame.
        method: "parametric", or "none" to leave all.
        config: the constants; None for the default ones.

    Returns:
        The poses that stay, best first.

    Raises:
        ValueError: there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"pose NMS {method!r} is none of {', '.join(METHODS)}")
    if method == "none":
        return poses
    config = config or SuppressionConfig()
    poses = poses[evidence(poses) >= config.min_score]
    suppress = PoseNms(
        PoseSimilarity(config.score_scale, config.distance_scale, config.distance_weight),
        config.threshold,
    )
    sizes = to_centre_size(poses.boxes)[:, 2:]
    return poses[suppress(poses.keypoints, sizes, poses.scores)]


def evidence(poses: Poses) -> np.ndarray:
    """Return how much each pose looks like that of a person: (N,) in [0, 1].

    The mean score of the better half of the body's keypoints: half a body at the image's border
    is a person as well, and a lamp post has not even that.
    """
    scores = np.sort(poses.keypoints[:, comparable_rows(poses.skeleton), 2], axis=1)
    return scores[:, scores.shape[1] // 2 :].mean(axis=1)
