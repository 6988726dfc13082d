"""Pictures of what a network predicts, to be looked at while it trains."""

from __future__ import annotations

import cv2
import numpy as np

from alphapose_ros.frame import Poses
from alphapose_ros.io.render import contact_sheet, draw
from alphapose_ros.skeletons import Skeleton

ENLARGED = 2  # times: skeletons are hard to see on crops of 192 rows
LOWEST_SCORE = 0.1


def pose_sheet(crops: np.ndarray, keypoints: np.ndarray, layout: Skeleton) -> np.ndarray:
    """Return crops (N, h, w, 3) RGB with predictions (N, K, 3) drawn onto them, in a grid, BGR."""
    images = []
    for crop, points in zip(crops, keypoints, strict=True):
        height, width = (ENLARGED * side for side in crop.shape[:2])
        image = cv2.resize(np.ascontiguousarray(crop[..., ::-1]), (width, height))
        poses = Poses(
            skeleton=layout,
            keypoints=(points * np.array([ENLARGED, ENLARGED, 1]))[None],
            boxes=np.array([[0, 0, width, height]]),
            box_scores=np.ones(1),
            scores=np.ones(1),
        )
        images.append(draw(image, poses, keypoint_score=LOWEST_SCORE))
    scores = [f"{np.nanmean(points[:, 2]):.2f}" for points in keypoints]
    return contact_sheet(images, scores, columns=12, tile_width=images[0].shape[1] // 2)
