"""One pose per person."""

from __future__ import annotations

import math

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.config import SuppressionConfig
from alphapose_ros.frame import Poses
from alphapose_ros.keypoints import (
    PoseSimilarity,
    comparable_rows,
    keypoint_weights,
    pose_scores,
)
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.suppression.oks import oks_nms, soft_oks_nms
from alphapose_ros.suppression.parametric import PoseNms, merged
from alphapose_ros.suppression.reference import constants_for, reference_nms

METHODS = ("parametric", "reference", "oks", "soft_oks", "none")
DEFAULTS = SuppressionConfig(min_score=0.0)  # whom to believe in is for the caller to say
SHIFT_SCALE = 0.01  # a tenth of the person, squared: who stands so far away is hardly the same


def pose_nms(
    poses: Poses,
    method: str = "parametric",
    constants: str = "heatmap",
    *,
    config: SuppressionConfig | None = None,
    min_area: float = 0.0,
) -> Poses:
    """Remove poses of nobody, and make one of the poses of each person.

    Args:
        poses: N poses of one frame.
        method: "parametric", the default; "reference" for the reference's rule; "oks" and
            "soft_oks", which look at the keypoints' OKS; or "none" to leave all.
        constants: for "reference", those it takes for "heatmap" or for "regression".
        config: the numbers of the other methods; None for the default ones, by which no pose is
            too weak to be a person.
        min_area: for "reference", the smallest area of a person [px^2].

    Returns:
        The poses that stay, best first, in the boxes of the best of each person; those of
        "reference" in the order in which it picks them, which is by the keypoints' scores.

    Raises:
        ValueError: there is no such method, or there are no such constants.
    """
    if method not in METHODS:
        raise ValueError(f"pose NMS {method!r} is none of {', '.join(METHODS)}")
    if method == "reference":
        return _by_reference(poses, constants, min_area)
    if method == "none":
        return poses
    config = config or DEFAULTS
    if config.min_score > 0 and not (is_person := evidence(poses) >= config.min_score).all():
        poses = poses[is_person]
    if len(poses) == 0:
        return poses
    return _parametric(poses, config) if method == "parametric" else _by_oks(poses, method, config)


def evidence(poses: Poses) -> np.ndarray:
    """Return how much each pose looks like that of a person: (N,) in [0, 1].

    The mean score of the better half of the body's keypoints: half a body at the image's border
    is a person as well, and a lamp post has not even that.
    """
    scores = np.fmax(poses.keypoints[:, comparable_rows(poses.skeleton), 2], 0)
    scores.sort(axis=1)
    better = scores[:, scores.shape[1] // 2 :]
    return better.sum(axis=1) / better.shape[1]


def pose_similarity(config: SuppressionConfig, skeleton: Skeleton) -> PoseSimilarity:
    """Return the similarity by which ``config`` finds redundant poses."""
    return PoseSimilarity(
        config.score_scale,
        config.distance_scale,
        config.distance_weight,
        SHIFT_SCALE,
        keypoint_weights(
            skeleton,
            body=config.body_weight,
            feet=config.feet_weight,
            face=config.face_weight,
            hands=config.hands_weight,
        ),
    )


def _parametric(poses: Poses, config: SuppressionConfig) -> Poses:
    suppress = PoseNms(pose_similarity(config, poses.skeleton), config.threshold)
    people = poses.keypoints, poses.boxes
    groups, are_close = suppress.groups(*people, poses.scores)
    if config.merge and are_close and len(groups) < len(poses):
        means = merged(groups, *people, radius=math.inf)
        groups = suppress.joined(groups, means, poses.boxes[groups.best])
    if not config.merge or len(groups) == len(poses):
        return poses[groups.best]
    # The score of the best stays: how often somebody was found says little about how well.
    means = merged(groups, *people)
    return _chosen(poses, groups.best, means, poses.scores[groups.best])


def _by_reference(poses: Poses, constants: str, min_area: float) -> Poses:
    numbers = constants_for(constants, poses.keypoints.shape[1])
    rows, keypoints = reference_nms(poses.keypoints, poses.boxes, numbers, min_area)
    scores = np.clip(pose_scores(keypoints, poses.box_scores[rows]), 0, 1)
    return _chosen(poses, rows, keypoints, scores)


def _by_oks(poses: Poses, method: str, config: SuppressionConfig) -> Poses:
    people = poses.keypoints, area(poses.boxes), poses.scores
    sigmas = poses.skeleton.sigmas
    if method == "oks":
        return poses[oks_nms(*people, sigmas, config.oks_threshold)]
    rows, scores = soft_oks_nms(*people, sigmas, config.oks_threshold)
    return _chosen(poses, rows, poses.keypoints[rows], scores)


def _chosen(poses: Poses, rows: np.ndarray, keypoints: np.ndarray, scores: np.ndarray) -> Poses:
    return Poses(
        skeleton=poses.skeleton,
        keypoints=keypoints,
        boxes=poses.boxes[rows],
        box_scores=poses.box_scores[rows],
        scores=scores,
        embeddings=None if poses.embeddings is None else poses.embeddings[rows],
        keypoints_3d=None if poses.keypoints_3d is None else poses.keypoints_3d[rows],
    )
