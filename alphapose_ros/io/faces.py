"""Covers faces in images, so that nothing of them is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.skeletons import Skeleton

FILL = (64, 64, 64)  # blue, green, red
SURE_POSE = 0.5  # smallest score of a pose that is not likely to be upside down or somebody else's
SURE = 0.4  # smallest score of a keypoint by which a head is located
FEWEST_ON_FACES = 10  # keypoints of the group face that are sure: a face, and no chance
AROUND = 0.25  # keypoints may lie so far out of the box, in parts of its sides

# Size of the cover from its centre to its sides, in parts of ...
FACE = 0.8  # ... the extent of all that is seen of face and head
EYES_EARS = 1.3  # ... that of nose, eyes and ears
EYES = 1.8  # ... that of nose and eyes
SHOULDERS = 0.5  # ... the distance between the shoulders
HEIGHT = 0.07  # ... the height of the person's box
SMALLEST_PX = 4.0

_FEATURES = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_ENDS = ("head", "head_top", "head_bottom")
_NECKS = ("neck", "upper_neck")  # only where nothing of the face is seen
_SHOULDERS = ("left_shoulder", "right_shoulder")


def cover_faces(image: np.ndarray, poses: Poses) -> None:
    """Fill the place of each face, in the image itself; nothing below can be recovered.

    Where the head cannot be located by keypoints, the upper part of the person's box is filled, and
    the whole box where the pose is unsure.

    Args:
        image: (H, W, 3) uint8.
        poses: N people, with predicted boxes and without keypoints where they are not seen.
    """
    for keypoints, box, score in zip(poses.keypoints, poses.boxes, poses.scores, strict=True):
        head = head_of(poses.skeleton, keypoints, box)
        fill(image, head if score >= SURE_POSE else around(head, box))


def head_of(skeleton: Skeleton, keypoints: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return where the head of a person is.

    Args:
        skeleton: what the keypoints are.
        keypoints: (K, 3) x y [px], score.
        box: (4,) of the person.

    Returns:
        (4,) x1 y1 x2 y2 [px]: around the face and a good deal more, or the upper part of the box.
    """
    sure = _sure(keypoints, box)
    seen = {name: xy for name, xy in zip(skeleton.names, sure, strict=True) if xy[0] == xy[0]}
    features = _places(seen, _FEATURES)
    on_face = sure[skeleton.group("face") if "face" in skeleton.groups else slice(0)]
    on_face = on_face[np.isfinite(on_face[:, 0])]
    if len(on_face) < FEWEST_ON_FACES:
        on_face = on_face[:0]
    ends = _places(seen, _ENDS if len(features) or len(on_face) else (*_ENDS, *_NECKS))
    points = np.concatenate((features, on_face, ends))
    if len(points) == 0:
        return upper_part(box)
    low, high = points.min(axis=0), points.max(axis=0)
    size = max(
        FACE * max(high - low),
        EYES_EARS * _extent(features),
        EYES * _extent(_places(seen, _FEATURES[:3])),
        SHOULDERS * _extent(_places(seen, _SHOULDERS)),
        HEIGHT * (box[3] - box[1]),
        SMALLEST_PX,
    )
    middle = 0.5 * (low + high)
    head = np.concatenate((np.minimum(middle - size, low), np.maximum(middle + size, high)))
    return head if len(points) > 1 else around(head, upper_part(box))  # one alone may be wrong


def upper_part(box: np.ndarray) -> np.ndarray:
    """Return where the head can be in a box (4,) of which nothing else is known.

    As much of its height as it is wide: the head and chest of somebody upright, all of somebody
    who lies or of whom little more than the head is in the picture; with a margin.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    bottom = y1 + min(height, max(width, 0.3 * height))
    return np.array((x1 - 0.1 * width, y1 - 0.1 * height, x2 + 0.1 * width, bottom))


def around(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the box (4,) around two."""
    return np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))


def fill(image: np.ndarray, place: np.ndarray) -> None:
    """Fill a rectangle x1 y1 x2 y2 of an image, as far as it lies in it; NaN is everywhere."""
    height, width = image.shape[:2]
    place = place if np.isfinite(place).all() else np.array((0, 0, width, height))
    x1, y1 = np.clip(np.floor(place[:2]), 0, (width, height)).astype(int)
    x2, y2 = np.clip(np.ceil(place[2:]), 0, (width, height)).astype(int)
    image[y1:y2, x1:x2] = FILL


def _sure(keypoints: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Blank keypoints of low scores, and those far out of the box: (K, 2) x y, NaN there."""
    margin = AROUND * (box[2:] - box[:2])
    xy = keypoints[:, :2]
    with np.errstate(invalid="ignore"):
        is_near = ((xy >= box[:2] - margin) & (xy <= box[2:] + margin)).all(axis=1)
        is_sure = is_near & (keypoints[:, 2] >= SURE)
    return np.where(is_sure[:, None], xy, np.nan)


def _places(seen: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """Return the places (P, 2) of those keypoints that are seen."""
    return np.array([seen[name] for name in names if name in seen]).reshape(-1, 2)


def _extent(points: np.ndarray) -> float:
    """Return the longer side of the box around (P, 2) points, 0 for less than two."""
    return float(np.ptp(points, axis=0).max()) if len(points) > 1 else 0.0


def without_faces(tracks: Tracks) -> Tracks:
    """Return tracks whose keypoints of the face are absent, for pictures made of keypoints."""
    poses = tracks.poses
    if "face" not in poses.skeleton.groups:
        return tracks
    face = poses.skeleton.group("face")
    keypoints = poses.keypoints.copy()
    keypoints[:, face] = (np.nan, np.nan, 0)
    lifted = poses.keypoints_3d
    if lifted is not None:
        lifted = lifted.copy()
        lifted[:, face] = np.nan
    return replace(tracks, poses=replace(poses, keypoints=keypoints, keypoints_3d=lifted))
