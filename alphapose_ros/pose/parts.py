"""Hands and faces in crops of their own: where they are by the body, their keypoints put into it.

In the crop of a whole person a hand is a dozen pixels wide. A network for single hands, or for
faces, sees it in full; where it is, the body's keypoints tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alphapose_ros.boxes import from_centre_size, is_usable
from alphapose_ros.frame import Detections, Poses
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.pose.estimator import PoseEstimator
from alphapose_ros.skeletons import Skeleton

SIDES = ("left", "right")
HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
MIN_SCORE = 0.2  # of a keypoint that counts as found
REACH = 0.33  # from the wrist to the middle of the hand, in forearms
UPPER_ARM = 0.9  # the forearm, in upper arms, where it points at the camera
HAND_SIZE = 0.8  # of the box, in forearms
HEAD_SIZE = 1.0  # of the box, in the largest distance of two keypoints of the head
HEAD_OF_SHOULDERS = 0.5  # the smallest size of the box, in distances of the shoulders
HEAD_DROP = 0.2  # from nose, eyes and ears down to the middle of the face, in sizes of the box


class PartsEstimator:
    """Poses whose hands and faces are found in crops of their own.

    A part that has no box, and each keypoint that is not found in the part's crop, stays as the
    body's network found it. Left and right hands are seen by the same network as they are, all of
    a frame at once.

    Args:
        body: finds whole bodies.
        hands: finds the keypoints of one hand of either side, or None.
        faces: finds those of a face, or None.

    Raises:
        ValueError: the body's skeleton has no place for what the others find, or that is no hand
            or face alone.
    """

    def __init__(
        self,
        body: PoseEstimator,
        hands: PoseEstimator | None = None,
        faces: PoseEstimator | None = None,
    ) -> None:
        self.skeleton = body.skeleton
        self._body = body
        self._parts: list[_Part] = []
        if hands is not None:
            names = [[f"{side}_hand_{name}" for name in hands.skeleton.names] for side in SIDES]
            self._parts.append(_Part(hands, hand_boxes, _rows(body.skeleton, hands, "hand", names)))
        if faces is not None:
            rows = _rows(body.skeleton, faces, "face", [faces.skeleton.names])
            self._parts.append(_Part(faces, lambda poses: head_boxes(poses)[:, None], rows))

    def __call__(self, image: np.ndarray, people: Detections) -> Poses:
        """Return one pose per detection, in the same order."""
        poses = self._body(image, people)
        keypoints = poses.keypoints.copy()
        for part in self._parts:
            boxes = part.find(poses)
            person, which = np.nonzero(is_usable(boxes.reshape(-1, 4)).reshape(boxes.shape[:2]))
            there = Detections(boxes=boxes[person, which], scores=poses.box_scores[person])
            found = part.estimator(image, there)
            places = person[:, None], part.rows[which]
            is_absent = np.isnan(found.keypoints[..., :1])
            keypoints[places] = np.where(is_absent, keypoints[places], found.keypoints)
        return replace(poses, keypoints=keypoints, scores=pose_scores(keypoints, poses.box_scores))


@dataclass(frozen=True)
class _Part:
    """P equal parts of a body, such as two hands."""

    estimator: PoseEstimator
    find: Callable[[Poses], np.ndarray]  # N poses -> boxes (N, P, 4), NaN where there is none
    rows: np.ndarray  # (P, K of the estimator) of the body's skeleton


def _rows(
    body: Skeleton, part: PoseEstimator, group: str, names: Sequence[Sequence[str]]
) -> np.ndarray:
    if list(part.skeleton.groups) != [group]:
        raise ValueError(f"skeleton {part.skeleton.id} is not that of a {group} alone")
    try:
        return np.array([[body.index(name) for name in of_one] for of_one in names])
    except ValueError:
        raise ValueError(
            f"skeleton {body.id} of the body has no place for the keypoints of "
            f"{part.skeleton.id}; single hands (single_hand_21) go with halpe_68, halpe_136 and "
            "coco_wholebody_133, faces (face_68) with the latter two"
        ) from None


def hand_boxes(poses: Poses, min_score: float = MIN_SCORE) -> np.ndarray:
    """Return where the hands should be, by the arms.

    The middle of a hand is a third of the forearm beyond the wrist. Where the elbow is not found,
    it is taken for the wrist, and the hand for as large as the other one.

    Args:
        poses: N people.
        min_score: smallest score of a keypoint that counts as found.

    Returns:
        (N, 2, 4) squares x1 y1 x2 y2 [px], left and right; NaN where the wrist was not found, or
        no elbow at all.

    Raises:
        ValueError: the skeleton has no arms.

    Source: OpenPose's detection of hands: the middle at wrist + 0.33 (wrist - elbow), the size in
        the longer of forearm and 0.9 upper arms, of which its square has 1.5, for the hand with
        its surroundings. Ours has 0.8, to which a crop adds a quarter: in COCO-WholeBody the
        longer side of a hand's box has 0.6 in the mean, 0.8 at most.
    """
    shoulders, elbows, wrists = (
        _places(poses, [f"{side}_{name}" for side in SIDES], min_score)
        for name in ("shoulder", "elbow", "wrist")
    )
    forearms = wrists - elbows
    upper_arms = np.linalg.norm(elbows - shoulders, axis=2)
    sizes = HAND_SIZE * np.fmax(np.linalg.norm(forearms, axis=2), UPPER_ARM * upper_arms)
    sizes = np.where(np.isnan(sizes), sizes[:, ::-1], sizes)
    return _squares(wrists + REACH * np.nan_to_num(forearms), sizes)


def head_boxes(poses: Poses, min_score: float = MIN_SCORE) -> np.ndarray:
    """Return where the faces should be, from the brows to the chin, by the keypoints of the head.

    The face is as large as the head's keypoints are far apart, midway between the outermost of
    them, and somewhat below their mean, where below is towards the shoulders.

    Args:
        poses: N people.
        min_score: smallest score of a keypoint that counts as found.

    Returns:
        (N, 4) squares x1 y1 x2 y2 [px]; NaN where neither nose nor eye was found, or nothing that
        tells the size.

    Raises:
        ValueError: the skeleton has no nose, eyes, ears or shoulders.

    Source: ours; the numbers by the boxes of faces in COCO-WholeBody.
    """
    points = _places(poses, HEAD, min_score)  # (N, 5, 2)
    shoulders = _places(poses, [f"{side}_shoulder" for side in SIDES], min_score)
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=3)  # (N, 5, 5)
    breadth = np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=1)
    sizes = np.fmax(HEAD_SIZE * np.fmax.reduce(apart, axis=(1, 2)), HEAD_OF_SHOULDERS * breadth)
    sizes = np.where(np.isfinite(points[:, :3, 0]).any(axis=1) & (sizes > 0), sizes, np.nan)
    mean = _mean(points)
    down = _directions(shoulders.mean(axis=1) - mean)
    across = np.stack((down[:, 1], -down[:, 0]), axis=1)
    along = np.einsum("nkc,nc->nk", points - mean[:, None], across)
    middle = (np.fmin.reduce(along, axis=1) + np.fmax.reduce(along, axis=1)) / 2
    centres = mean + middle[:, None] * across + HEAD_DROP * sizes[:, None] * down
    return _squares(centres, sizes)


def _places(poses: Poses, names: Sequence[str], min_score: float) -> np.ndarray:
    """Return x y (N, len(names), 2) [px] of keypoints, NaN where they were not found."""
    keypoints = poses.keypoints[:, [poses.skeleton.index(name) for name in names]]
    return np.where(keypoints[..., 2:] >= min_score, keypoints[..., :2], np.nan)


def _mean(points: np.ndarray) -> np.ndarray:
    """Return the means (N, 2) of those of ``points`` (N, K, 2) that are there, NaN without any."""
    is_there = np.isfinite(points[..., :1])
    count = is_there.sum(axis=1)
    return np.where(is_there, points, 0).sum(axis=1) / np.where(count > 0, count, np.nan)


def _directions(ways: np.ndarray) -> np.ndarray:
    """Return ``ways`` (N, 2) at length 1; down in the image where they are NaN or nowhere."""
    lengths = np.linalg.norm(ways, axis=1, keepdims=True)
    down = np.tile(np.array([0, 1], ways.dtype), (len(ways), 1))
    return np.divide(ways, lengths, out=down, where=lengths > 0)


def _squares(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return boxes (..., 4) around ``centres`` (..., 2) of side ``sizes`` (...)."""
    return from_centre_size(np.concatenate((centres, np.stack((sizes, sizes), axis=-1)), axis=-1))
