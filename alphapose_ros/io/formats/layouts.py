"""Orders of keypoints that only files have: OpenPose's, CMU Panoptic's and PoseTrack's.

Source: OpenPose, output.md (COCO-18, BODY_25, face, hand); CMU Panoptic, data description
(joints19).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alphapose_ros.io.formats.numbers import in_layout
from alphapose_ros.skeletons import Skeleton, skeleton


def _sided(side: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{side}_{name}" for name in names)


_ARM, _LEG, _FOOT = (
    ("shoulder", "elbow", "wrist"),
    ("hip", "knee", "ankle"),
    ("big_toe", "small_toe", "heel"),
)
_UPPER = ("nose", "neck", *_sided("right", *_ARM), *_sided("left", *_ARM))
_LEGS = (*_sided("right", *_LEG), *_sided("left", *_LEG))
_EYES_AND_EARS = ("right_eye", "left_eye", "right_ear", "left_ear")

COCO_18 = (*_UPPER, *_LEGS, *_EYES_AND_EARS)
BODY_25 = (
    *(*_UPPER, "hip", *_LEGS, *_EYES_AND_EARS),
    *(*_sided("left", *_FOOT), *_sided("right", *_FOOT)),
)
FACE = skeleton("face_68").names  # of OpenPose's 70 the last two are pupils, which we do not know
FACE_COUNT = 70
LEFT_HAND, RIGHT_HAND = (
    tuple(f"{side}_hand_{name}" for name in skeleton("single_hand_21").names)
    for side in ("left", "right")
)
PANOPTIC_19 = (
    *("neck", "nose", "hip", *_sided("left", *_ARM), *_sided("left", *_LEG)),
    *(*_sided("right", *_ARM), *_sided("right", *_LEG)),
    *("left_eye", "left_ear", "right_eye", "right_ear"),
)
MIDDLES = {"neck": ("left_shoulder", "right_shoulder"), "hip": ("left_hip", "right_hip")}

POSETRACK = skeleton("posetrack_15")
HEADS = {  # what stands in for the ends of its head, the first that a skeleton has
    "head_top": ("head",),
    "head_bottom": ("upper_neck", "neck"),
}


def has_feet(body: Skeleton) -> bool:
    """Say whether a skeleton's keypoints fill BODY_25 rather than COCO-18."""
    return "left_heel" in body.names


def picked(keypoints: np.ndarray, body: Skeleton, names: tuple[str, ...]) -> np.ndarray:
    """Return the keypoints called ``names`` (N, len(names), 3); absent where there are none.

    Neck and middle of the hips of skeletons that have none are the middles of both sides, with the
    lesser score.
    """
    out = np.full((len(keypoints), len(names), 3), [np.nan, np.nan, 0.0])
    for column, name in enumerate(names):
        if name in body.names:
            out[:, column] = keypoints[:, body.index(name)]
        elif name in MIDDLES and set(MIDDLES[name]) <= set(body.names):
            sides = keypoints[:, [body.index(side) for side in MIDDLES[name]]].astype(np.float64)
            out[:, column, :2] = sides[..., :2].mean(axis=1)
            out[:, column, 2] = sides[..., 2].min(axis=1)
    return out


def for_posetrack(keypoints: np.ndarray, body: Skeleton) -> np.ndarray:
    """Return keypoints (N, 15, 3) of posetrack_15: by name, and the ends of the head by HEADS."""
    moved = np.array(in_layout(keypoints, body, POSETRACK))
    for target, source in heads_of(body).items():
        moved[:, POSETRACK.index(target)] = keypoints[:, body.index(source)]
    return moved


def heads_of(body: Skeleton) -> dict[str, str]:
    """Return which keypoints of a skeleton stand in for the ends of PoseTrack's head."""
    return {
        target: next(name for name in sources if name in body.names)
        for target, sources in HEADS.items()
        if target not in body.names and set(sources) & set(body.names)
    }


def keeping(*names: str) -> Callable[[Skeleton], frozenset[str]]:
    """Return a function that says which keypoints of a skeleton are among those of others."""
    known = frozenset(name for one in names for name in skeleton(one).names)
    return lambda body: known & frozenset(body.names)


def keeps_all(body: Skeleton) -> frozenset[str]:
    """Keep every keypoint."""
    return frozenset(body.names)


def keeps_none(body: Skeleton) -> frozenset[str]:
    """Keep no keypoint."""
    del body
    return frozenset()


def keeps_openpose(body: Skeleton) -> frozenset[str]:
    """Keep body, face and hands; feet in BODY_25, in COCO-18 no neck, which is computed."""
    pose = BODY_25 if has_feet(body) else COCO_18
    names = set(body.names) & {*pose, *FACE, *LEFT_HAND, *RIGHT_HAND}
    return frozenset(names if has_feet(body) else names - {"neck"})


def keeps_cmu(body: Skeleton) -> frozenset[str]:
    """Keep the keypoints of COCO-18; the neck, which is computed, is not read back."""
    return frozenset(body.names) & frozenset(COCO_18) - {"neck"}


def keeps_posetrack(body: Skeleton) -> frozenset[str]:
    """Keep the keypoints of PoseTrack and what stands in for its ends of the head."""
    return frozenset(body.names) & {*POSETRACK.names, *heads_of(body).values()}


def halpe_of(body: Skeleton) -> Skeleton:
    """Return the skeleton of Halpe's that takes most of another one's keypoints."""
    if body.id.startswith("halpe_"):
        return body
    has = set(body.names)
    if "chin" in has:
        return skeleton("halpe_136")
    return skeleton("halpe_68" if "left_hand_wrist" in has else "halpe_26")


def keeps_halpe(body: Skeleton) -> frozenset[str]:
    """Keep the keypoints of Halpe's 26, 68 or 136."""
    return frozenset(body.names) & frozenset(halpe_of(body).names)
