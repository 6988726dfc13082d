"""Skeletons: names, order, edges, groups and OKS sigmas of every keypoint layout we know.

Names are the data sets' own in lower_snake_case, with the subject's own left and right. Equal
names mean the same place in every skeleton; `left_wrist` is the body's, `left_hand_wrist` the root
of the hand. All indices are computed from names.

Sigmas follow pycocotools: `sigma` in ``OKS = mean(exp(-d**2 / (2 * area * (2 * sigma)**2)))``,
hence half of the constant k of the COCO papers. Each table below says whose values it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

Edges = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Skeleton:
    """Names and structure of the K keypoints that one network predicts.

    Raises:
        ValueError: names repeat, an edge or a left name has no counterpart, the number of sigmas
            differs, or the groups do not cover all rows in order.
    """

    id: str
    names: tuple[str, ...]  # the subject's own left and right
    edges: Edges  # limbs to draw, by name
    sigmas: tuple[float, ...]  # OKS standard deviations per keypoint, in units of sqrt(area)
    groups: dict[str, tuple[int, int]] = field(hash=False)  # start and stop row, in order

    def __post_init__(self) -> None:
        if len(self._rows) != len(self.names):
            raise ValueError(f"skeleton {self.id}: a name occurs twice")
        if len(self.sigmas) != len(self.names):
            raise ValueError(
                f"skeleton {self.id}: {len(self.sigmas)} sigmas for {len(self.names)} keypoints"
            )
        bounds = [0, *(row for start_stop in self.groups.values() for row in start_stop)]
        if bounds[0::2] != [*bounds[1::2], len(self.names)]:
            raise ValueError(
                f"skeleton {self.id}: groups {self.groups} do not cover rows 0 to "
                f"{len(self.names)} in order"
            )
        _ = self.edge_rows, self.flip_order  # each checks its names

    def index(self, name: str) -> int:
        """Return the row of keypoint ``name``.

        Raises:
            ValueError: the skeleton has no such keypoint.
        """
        if name not in self._rows:
            raise ValueError(f"skeleton {self.id} has no keypoint {name!r}")
        return self._rows[name]

    def group(self, name: str) -> slice:
        """Return the rows of group ``name`` (body, contour, feet, face, left_hand...).

        Raises:
            ValueError: the skeleton has no such group.
        """
        if name not in self.groups:
            raise ValueError(
                f"skeleton {self.id} has no group {name!r}, only {', '.join(self.groups)}"
            )
        return slice(*self.groups[name])

    @cached_property
    def edge_rows(self) -> np.ndarray:
        """Rows of the edges' ends, (E, 2) integers, read-only."""
        rows = [(self.index(start), self.index(stop)) for start, stop in self.edges]
        return _fixed(np.array(rows, dtype=np.intp).reshape(-1, 2))

    @cached_property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """Rows that swap when the image is mirrored, found by name, (left, right)."""
        return tuple(
            (row, self.index(name.replace("left_", "right_", 1)))
            for row, name in enumerate(self.names)
            if name.startswith("left_")
        )

    @cached_property
    def flip_order(self) -> np.ndarray:
        """Where each row of a mirrored pose comes from, (K,) integers, read-only."""
        order = np.arange(len(self.names))
        for left, right in self.flip_pairs:
            order[[left, right]] = right, left
        return _fixed(order)

    def rows_of(self, other: Skeleton) -> np.ndarray:
        """Find the keypoints of ``other`` here by name.

        Returns:
            (K_other,) integers: the row in this skeleton, -1 where it has no such keypoint.
        """
        return np.array([self._rows.get(name, -1) for name in other.names], dtype=np.intp)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}


def skeleton(name: str) -> Skeleton:
    """Return a skeleton by its id, such as "halpe_136".

    Raises:
        ValueError: no such skeleton.
    """
    if name not in SKELETONS:
        raise ValueError(f"skeleton {name!r} is none of {', '.join(SKELETONS)}")
    return SKELETONS[name]


def _fixed(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _both(*names: str) -> tuple[str, ...]:
    """Name the left and the right one of each: left_a, right_a, left_b, right_b."""
    return tuple(f"{side}_{name}" for name in names for side in ("left", "right"))


def _numbered(name: str, numbers: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in numbers)


def _chain(*names: str) -> Edges:
    """Join each name to the next."""
    return tuple(pairwise(names))


def _ring(*names: str) -> Edges:
    """Join each name to the next and the last to the first."""
    return _chain(*names, names[0])


_ARMS_AND_LEGS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_COCO = ("nose", *_both("eye", "ear", *_ARMS_AND_LEGS))
_LIMBS = tuple(
    edge
    for side in ("left", "right")
    for names in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
    for edge in _chain(*(f"{side}_{name}" for name in names))
)
_HEAD_EDGES = (
    *_chain("left_ear", "left_eye", "nose", "right_eye", "right_ear"),
    ("left_eye", "right_eye"),
)
_TORSO = _ring("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_COCO_EDGES = (
    *_HEAD_EDGES,
    ("left_ear", "left_shoulder"),
    ("right_ear", "right_shoulder"),
    *_TORSO,
    *_LIMBS,
)

# Measured by COCO on pictures annotated twice (cocodataset.org, Keypoint Evaluation).
_COCO_SIGMA = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}


def _sigmas(names: Iterable[str], **more: float) -> tuple[float, ...]:
    """Look up the sigma of each name, with ``more`` before COCO's, either side alike."""
    table = {**_COCO_SIGMA, **more}
    return tuple(table.get(name) or table[name.split("_", 1)[-1]] for name in names)


_COCO_17 = Skeleton("coco_17", _COCO, _COCO_EDGES, _sigmas(_COCO), {"body": (0, 17)})

# The order of the annotation files of PoseTrack 2018, without the ears, which it keeps a place for
# but never labels. PoseTrack evaluates by PCKh, not OKS. Our choice: COCO's sigmas, and for both
# ends of the head those that CrowdPose gives to head and neck.
_POSETRACK = ("nose", "head_bottom", "head_top", *_both(*_ARMS_AND_LEGS))
_POSETRACK_15 = Skeleton(
    "posetrack_15",
    _POSETRACK,
    (
        *_chain("head_top", "nose", "head_bottom", "left_shoulder"),
        ("head_bottom", "right_shoulder"),
        *_TORSO,
        *_LIMBS,
    ),
    _sigmas(_POSETRACK, head_bottom=0.079, head_top=0.079),
    {"body": (0, 15)},
)

# MPII evaluates by PCKh, too. Our choice: COCO's sigmas, with those of the hips for the pelvis,
# of the shoulders for the thorax, and CrowdPose's for neck and head.
_MPII = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("pelvis", "thorax", "upper_neck", "head_top"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)
_MPII_16 = Skeleton(
    "mpii_16",
    _MPII,
    (
        *_chain("head_top", "upper_neck", "thorax", "pelvis"),
        *_chain("left_shoulder", "thorax", "right_shoulder"),
        *_chain("left_hip", "pelvis", "right_hip"),
        *_LIMBS,
    ),
    _sigmas(_MPII, pelvis=0.107, thorax=0.079, upper_neck=0.079, head_top=0.079),
    {"body": (0, 16)},
)

# MPII-TRB: the keypoints of MPII without pelvis and thorax, then two points of contour for each of
# neck and limbs, one on either side (the `medial` one of a shoulder is the armpit). The data set's
# `head`, `neck` and `bow` are MPII's head_top and upper_neck, and the elbow. Evaluated by PCKh;
# sigmas as above, and for a point of contour that of the keypoint beside it.
_TRB_BODY = (*_both(*_ARMS_AND_LEGS), "head_top", "upper_neck")
_TRB_CONTOUR = (
    *("right_neck", "left_neck"),
    *(
        f"{side}_{which}_{name}"
        for names in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
        for side in ("right", "left")
        for name in names
        for which in ("medial", "lateral")
    ),
)
_TRB_CONTOUR_EDGES = tuple(
    edge
    for side in ("left", "right")
    for names in (
        ("neck", "lateral_shoulder", "lateral_elbow", "lateral_wrist"),
        ("medial_wrist", "medial_elbow", "medial_shoulder", "lateral_hip"),
        ("lateral_hip", "lateral_knee", "lateral_ankle"),
        ("medial_hip", "medial_knee", "medial_ankle"),
    )
    for edge in _chain(*(f"{side}_{name}" for name in names))
)
_MPII_TRB_40 = Skeleton(
    "mpii_trb_40",
    (*_TRB_BODY, *_TRB_CONTOUR),
    (
        *_chain("head_top", "upper_neck", "left_shoulder"),
        ("upper_neck", "right_shoulder"),
        *(*_TORSO, *_LIMBS, *_TRB_CONTOUR_EDGES),
    ),
    (
        *_sigmas(_TRB_BODY, head_top=0.079, upper_neck=0.079),
        *(*2 * (0.079,), *(_COCO_SIGMA[name.rsplit("_", 1)[1]] for name in _TRB_CONTOUR[2:])),
    ),
    {"body": (0, 14), "contour": (14, 40)},
)

# Leeds Sports Poses, evaluated by PCK. Our choice: COCO's sigmas, CrowdPose's for neck and head.
# The neck lies 0.18 of the way from the shoulders to the top of the head (median of 3,839 labelled
# people), as CrowdPose's does and MPII's upper_neck does not.
_LSP = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
    *("neck", "head_top"),
)
_LSP_14 = Skeleton(
    "lsp_14",
    _LSP,
    (
        *_chain("head_top", "neck", "left_shoulder"),
        ("neck", "right_shoulder"),
        *_TORSO,
        *_LIMBS,
    ),
    _sigmas(_LSP, neck=0.079, head_top=0.079),
    {"body": (0, 14)},
)

# Sigmas of CrowdPose's own evaluator (crowdposetools): COCO's, and 0.079 for head and neck.
_CROWDPOSE = (*_both(*_ARMS_AND_LEGS), "head", "neck")
_CROWDPOSE_14 = Skeleton(
    "crowdpose_14",
    _CROWDPOSE,
    (
        *_chain("head", "neck", "left_shoulder"),
        ("neck", "right_shoulder"),
        *_TORSO,
        *_LIMBS,
    ),
    _sigmas(_CROWDPOSE, head=0.079, neck=0.079),
    {"body": (0, 14)},
)


# From the wrist, each finger from its root to its tip.
_FINGERS = tuple(
    _numbered(finger, range(1, 5)) for finger in ("thumb", "index", "middle", "ring", "little")
)
_HAND = ("wrist", *(name for finger in _FINGERS for name in finger))
_HAND_EDGES = tuple(edge for finger in _FINGERS for edge in _chain("wrist", *finger))


def _hand(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_hand_{name}" for name in _HAND)


def _hand_edges(side: str) -> Edges:
    arm = (f"{side}_wrist", f"{side}_hand_wrist")
    return (arm, *((f"{side}_hand_{a}", f"{side}_hand_{b}") for a, b in _HAND_EDGES))


# The 68 points of 300-W. Their order begins at the subject's right; numbers run from the outside
# of the face to its middle.
_EYE = ("outer_corner", "upper_outer", "upper_inner", "inner_corner", "lower_inner", "lower_outer")
_RIGHT_EYE = tuple(f"right_eye_{name}" for name in _EYE)
_LEFT_EYE = tuple(f"left_eye_{_EYE[i]}" for i in (3, 2, 1, 0, 5, 4))
_OUTER_LIPS = (
    *("right_mouth_corner", "right_upper_lip_1", "right_upper_lip_2", "upper_lip"),
    *("left_upper_lip_2", "left_upper_lip_1", "left_mouth_corner"),
    *("left_lower_lip_1", "left_lower_lip_2", "lower_lip"),
    *("right_lower_lip_2", "right_lower_lip_1"),
)
_INNER_LIPS = (
    *("right_inner_mouth_corner", "right_inner_upper_lip", "inner_upper_lip"),
    *("left_inner_upper_lip", "left_inner_mouth_corner"),
    *("left_inner_lower_lip", "inner_lower_lip", "right_inner_lower_lip"),
)
_JAW = (
    *_numbered("right_jaw", range(1, 9)),
    "chin",
    *_numbered("left_jaw", range(8, 0, -1)),
)
_RIGHT_EYEBROW = _numbered("right_eyebrow", range(1, 6))
_LEFT_EYEBROW = _numbered("left_eyebrow", range(5, 0, -1))
_NOSE_BRIDGE = _numbered("nose_bridge", range(1, 5))
_NOSTRILS = (
    *("right_nostril_1", "right_nostril_2", "nose_base", "left_nostril_2", "left_nostril_1"),
)
_FACE = (
    *(*_JAW, *_RIGHT_EYEBROW, *_LEFT_EYEBROW, *_NOSE_BRIDGE, *_NOSTRILS),
    *(*_RIGHT_EYE, *_LEFT_EYE, *_OUTER_LIPS, *_INNER_LIPS),
)
_FACE_EDGES = (
    *(*_chain(*_JAW), *_chain(*_RIGHT_EYEBROW), *_chain(*_LEFT_EYEBROW)),
    *(*_chain(*_NOSE_BRIDGE, "nose_base"), *_chain(*_NOSTRILS)),
    *(*_ring(*_RIGHT_EYE), *_ring(*_LEFT_EYE), *_ring(*_OUTER_LIPS), *_ring(*_INNER_LIPS)),
)

_FOOT = ("big_toe", "small_toe", "heel")
_FEET_EDGES = tuple(
    (f"{side}_ankle", f"{side}_{name}") for side in ("left", "right") for name in _FOOT
)

# COCO-WholeBody's own evaluator (jin-s13/COCO-WholeBody), measured as COCO's were. The foot's are
# in its order: left big toe, small toe, heel, then right. Both hands have the same.
_WHOLEBODY_FEET_SIGMAS = (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
_WHOLEBODY_FACE_SIGMAS = (
    *(0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020),  # jaw
    *(0.023, 0.029, 0.032, 0.037, 0.038, 0.043, 0.041, 0.045),
    *(0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015),  # eyebrows
    *(0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008, 0.016, 0.010),  # nose
    *(0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034),  # eyes
    *(0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007),  # lips
    *(0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.010, 0.008),
)
_WHOLEBODY_HAND_SIGMAS = (
    0.029,  # wrist
    *(0.022, 0.035, 0.037, 0.047),  # thumb
    *(0.026, 0.025, 0.024, 0.035),
    *(0.018, 0.024, 0.022, 0.026),
    *(0.017, 0.021, 0.021, 0.032),
    *(0.020, 0.019, 0.022, 0.031),
)

_COCO_WHOLEBODY_133 = Skeleton(
    "coco_wholebody_133",
    (
        *_COCO,
        *(f"{side}_{name}" for side in ("left", "right") for name in _FOOT),
        *(*_FACE, *_hand("left"), *_hand("right")),
    ),
    (*_COCO_EDGES, *_FEET_EDGES, *_FACE_EDGES, *_hand_edges("left"), *_hand_edges("right")),
    (
        *(*_COCO_17.sigmas, *_WHOLEBODY_FEET_SIGMAS, *_WHOLEBODY_FACE_SIGMAS),
        *(*_WHOLEBODY_HAND_SIGMAS, *_WHOLEBODY_HAND_SIGMAS),
    ),
    {
        "body": (0, 17),
        "feet": (17, 23),
        "face": (23, 91),
        "left_hand": (91, 112),
        "right_hand": (112, 133),
    },
)

# One hand of either side. No evaluator defines OKS for it; our choice is COCO-WholeBody's.
_SINGLE_HAND_21 = Skeleton(
    "single_hand_21", _HAND, _HAND_EDGES, _WHOLEBODY_HAND_SIGMAS, {"hand": (0, 21)}
)

# Both hands as InterHand2.6M numbers them: right before left, fingers from the tip to the root, the
# wrist last. Evaluated in millimetres; our choice of sigmas as for one hand.
_INTERHAND_ORDER = (*(name for finger in _FINGERS for name in reversed(finger)), "wrist")
_HAND_SIGMA = dict(zip(_HAND, _WHOLEBODY_HAND_SIGMAS, strict=True))
_INTERHAND_42 = Skeleton(
    "interhand_42",
    tuple(f"{side}_hand_{name}" for side in ("right", "left") for name in _INTERHAND_ORDER),
    tuple(
        (f"{side}_hand_{start}", f"{side}_hand_{stop}")
        for side in ("right", "left")
        for start, stop in _HAND_EDGES
    ),
    2 * tuple(_HAND_SIGMA[name] for name in _INTERHAND_ORDER),
    {"right_hand": (0, 21), "left_hand": (21, 42)},
)

# A face alone. Faces are evaluated by NME; our choice of sigmas is COCO-WholeBody's.
_FACE_68 = Skeleton("face_68", _FACE, _FACE_EDGES, _WHOLEBODY_FACE_SIGMAS, {"face": (0, 68)})

# WFLW: 300-W's contour and a point halfway after each, eyebrows outlined, three points a lid,
# pupils. Nose, lips and the corners of the eyes are 300-W's; lids and eyebrows have names of their
# own, since no point of theirs is quite where one of 300-W's is. Our choice of sigmas: those of
# COCO-WholeBody, on the contour the one before, and what they are on eyebrows and lids.
_WFLW_CONTOUR = (
    *(f"right_jaw_{kind}{number}" for number in range(1, 9) for kind in ("", "half_")),
    "chin",
    *(f"left_jaw_{kind}{number}" for number in range(8, 0, -1) for kind in ("half_", "")),
)
_WFLW_RIGHT_EYEBROW = (
    *_numbered("right_eyebrow_upper", range(1, 6)),
    *_numbered("right_eyebrow_lower", range(4, 0, -1)),
)
_WFLW_LEFT_EYEBROW = (
    *_numbered("left_eyebrow_upper", range(5, 0, -1)),
    *_numbered("left_eyebrow_lower", range(1, 5)),
)
_WFLW_RIGHT_EYE = (
    *("right_eye_outer_corner", *_numbered("right_upper_lid", range(1, 4))),
    *("right_eye_inner_corner", *_numbered("right_lower_lid", range(3, 0, -1))),
)
_WFLW_LEFT_EYE = (
    *("left_eye_inner_corner", *_numbered("left_upper_lid", range(3, 0, -1))),
    *("left_eye_outer_corner", *_numbered("left_lower_lid", range(1, 4))),
)
_WFLW = (
    *(*_WFLW_CONTOUR, *_WFLW_RIGHT_EYEBROW, *_WFLW_LEFT_EYEBROW, *_NOSE_BRIDGE, *_NOSTRILS),
    *(*_WFLW_RIGHT_EYE, *_WFLW_LEFT_EYE, *_OUTER_LIPS, *_INNER_LIPS, "right_pupil", "left_pupil"),
)
_FACE_SIGMA = dict(zip(_FACE, _WHOLEBODY_FACE_SIGMAS, strict=True))


def _wflw_sigma(name: str) -> float:
    if "eyebrow" in name:
        return 0.012
    if "lid" in name or "pupil" in name:
        return 0.010
    return _FACE_SIGMA[name.replace("_half", "")]


_WFLW_98 = Skeleton(
    "wflw_98",
    _WFLW,
    (
        *(*_chain(*_WFLW_CONTOUR), *_ring(*_WFLW_RIGHT_EYEBROW), *_ring(*_WFLW_LEFT_EYEBROW)),
        *(*_chain(*_NOSE_BRIDGE, "nose_base"), *_chain(*_NOSTRILS)),
        *(*_ring(*_WFLW_RIGHT_EYE), *_ring(*_WFLW_LEFT_EYE)),
        *(*_ring(*_OUTER_LIPS), *_ring(*_INNER_LIPS)),
        *_chain("right_upper_lid_2", "right_pupil", "right_lower_lid_2"),
        *_chain("left_upper_lid_2", "left_pupil", "left_lower_lid_2"),
    ),
    tuple(_wflw_sigma(name) for name in _WFLW),
    {"face": (0, 98)},
)


# Sigmas of Halpe's own evaluator (halpecocotools), by which the published AP were computed: 0.08
# for head, neck and hip, the ankle's 0.089 for the feet, 0.015 for face and hands. The paper says
# 0.015 for the feet, too, and calls it k; the evaluator uses it as a sigma. `head` is its top.
_HALPE_BODY = (*_COCO, "head", "neck", "hip")
_HALPE_FEET = _both(*_FOOT)
_HALPE = (*_HALPE_BODY, *_HALPE_FEET)
_HALPE_EDGES = (
    *_HEAD_EDGES,
    *_chain("head", "neck", "hip"),
    *_chain("left_shoulder", "neck", "right_shoulder"),
    *_chain("left_hip", "hip", "right_hip"),
    *_LIMBS,
    *_FEET_EDGES,
)
_HALPE_SIGMAS = (*_COCO_17.sigmas, *3 * (0.08,), *6 * (0.089,))
_HALPE_FINE_SIGMA = 0.015

_HALPE_26 = Skeleton(
    "halpe_26", _HALPE, _HALPE_EDGES, _HALPE_SIGMAS, {"body": (0, 20), "feet": (20, 26)}
)
_HALPE_68 = Skeleton(
    "halpe_68",
    (*_HALPE, *_hand("left"), *_hand("right")),
    (*_HALPE_EDGES, *_hand_edges("left"), *_hand_edges("right")),
    (*_HALPE_SIGMAS, *42 * (_HALPE_FINE_SIGMA,)),
    {"body": (0, 20), "feet": (20, 26), "left_hand": (26, 47), "right_hand": (47, 68)},
)
_HALPE_136 = Skeleton(
    "halpe_136",
    (*_HALPE, *_FACE, *_hand("left"), *_hand("right")),
    (*_HALPE_EDGES, *_FACE_EDGES, *_hand_edges("left"), *_hand_edges("right")),
    (*_HALPE_SIGMAS, *110 * (_HALPE_FINE_SIGMA,)),
    {
        "body": (0, 20),
        "feet": (20, 26),
        "face": (26, 94),
        "left_hand": (94, 115),
        "right_hand": (115, 136),
    },
)

SKELETONS: dict[str, Skeleton] = {
    known.id: known
    for known in (
        *(_COCO_17, _HALPE_26, _HALPE_68, _HALPE_136, _COCO_WHOLEBODY_133),
        *(_POSETRACK_15, _MPII_16, _CROWDPOSE_14, _SINGLE_HAND_21),
        *(_MPII_TRB_40, _LSP_14, _INTERHAND_42, _FACE_68, _WFLW_98),
    )
}

# Which is meant where a file tells nothing but how many keypoints there are.
ID_OF_COUNT: dict[int, str] = {
    len(known.names): known.id
    for known in (
        *(_CROWDPOSE_14, _POSETRACK_15, _MPII_16, _COCO_17, _SINGLE_HAND_21, _HALPE_26),
        *(_MPII_TRB_40, _INTERHAND_42, _HALPE_68, _WFLW_98, _COCO_WHOLEBODY_133, _HALPE_136),
    )
}
