"""MPII Human Pose, and its pictures with contours of limbs (MPII-TRB)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alphapose_ros.boxes import area, from_centre_size
from alphapose_ros.evaluation.datasets.coco_form import read_coco_form
from alphapose_ros.evaluation.datasets.extents import boxes_around, distance
from alphapose_ros.evaluation.datasets.matlab import read_mat, structs
from alphapose_ros.evaluation.fields import Entry, read_list
from alphapose_ros.evaluation.records import Picture, Truth
from alphapose_ros.skeletons import Skeleton, skeleton

HEAD_SHARE = 0.6  # of the head box's diagonal: what PCKh measures by
PERSON_PX = 200  # height of a person of scale 1
ONE = 1.0  # MATLAB counts pixels from 1, we from 0
HEAD_BOX = "head: 0.6 of the diagonal of its box"
HEAD_LENGTH = "head: from the neck to its top, for want of head boxes"

_MPII, _TRB = skeleton("mpii_16"), skeleton("mpii_trb_40")
_HEAD_CORNERS = ("x1", "y1", "x2", "y2")


def read_mpii(annotations: Path, head_boxes: Path | None = None) -> Truth:
    """Read MPII from MATLAB's release (.mat) or from the list that many projects keep in JSON.

    The release (mpii_human_pose_v1_u12_1.mat) holds all pictures. Those of its training part are
    labelled; the others are kept as pictures that nobody labelled. People without keypoints are
    left out. Its head boxes give the sizes.

    The list has an object per person: `image`, `joints` 16 x 2, `joints_vis` (1 labelled, 0 not),
    `center` and `scale`, which also give the box: a square of 200 px x scale. It has no head
    boxes; ``head_boxes`` is then the file gt_valid.mat with the same people in the same order
    (`headboxes_src` 2 x 2 x N, `jnt_missing`, `pos_gt_src`).

    Coordinates of both count from 1, as MATLAB does, and are moved to count from 0.

    Sizes are PCKh's: 0.6 of the diagonal of the head box; without any head boxes the length from
    upper_neck to head_top, which is larger and thus more lenient. `size_meaning` says which.
    Visibility is 2, or 1 where the release says that a keypoint is hidden.

    Raises:
        ValueError: an entry is malformed, or ``head_boxes`` is of other people.

    Source: Andriluka et al., 2D Human Pose Estimation: New Benchmark and State of the Art
        Analysis, CVPR 2014.
    """
    if Path(annotations).suffix == ".mat":
        if head_boxes is not None:
            raise ValueError(f"{annotations} has head boxes of its own; leave {head_boxes} out")
        return _read_release(annotations)
    return _read_json(annotations, head_boxes)


def read_mpii_trb(annotations: Path) -> Truth:
    """Read MPII-TRB: a file in COCO's form with 14 keypoints of the body and 26 of its contour.

    The former are copies of MPII's, counted from 1; all 40 are moved to count from 0. `headbox`
    (x1 y1 x2 y2), where a file has it, gives the sizes as for MPII. Annotations name their picture
    by number, which is its file's name without leading zeros. The field `scale` is that of a crop,
    with padding of unstated width; boxes are made around keypoints instead.

    Source: Duan et al., TRB: A Novel Triplet Representation for Understanding 2D Human Body,
        ICCV 2019.
    """
    content = read_coco_form(annotations)
    keypoints = _counted_from_0(content.keypoints(len(_TRB.names)))
    corners = [
        person.array("headbox", 4) if "headbox" in person else np.full(4, np.nan)
        for person in content.people
    ]
    sizes, meaning = _head_sizes(np.array(corners).reshape(-1, 4), keypoints, _TRB)
    return Truth(
        name="mpii_trb",
        skeleton=_TRB,
        pictures=content.pictures,
        **content.columns(keypoints),
        sizes_px=sizes,
        size_meaning=meaning,
    )


def _read_json(annotations: Path, head_boxes: Path | None) -> Truth:
    people = read_list(annotations)
    pictures, rows = _pictures([person.text("image") for person in people])
    keypoints = np.array([_listed_keypoints(person) for person in people]).reshape(-1, 16, 3)
    corners = np.full((len(people), 4), np.nan)
    if head_boxes is not None:
        corners, is_missing = _head_corners(head_boxes, keypoints)
        keypoints[is_missing] = 0
    sizes, meaning = _head_sizes(corners, keypoints, _MPII)
    boxes = np.array([_square(person) for person in people]).reshape(-1, 4)
    return _mpii(pictures, rows, _counted_from_0(keypoints), boxes, (sizes, meaning))


def _read_release(path: Path) -> Truth:
    release = read_mat(path).inside("RELEASE")
    images = list(structs(release, "annolist"))
    is_training = release.array("img_train", len(images)) > 0
    pictures, rows, keypoints, corners = [], [], [], []
    for row, (image, is_labelled) in enumerate(zip(images, is_training, strict=True)):
        name = image.inside("image").text("name")
        pictures.append(Picture(id=name, file=name, is_labelled=bool(is_labelled)))
        for person in structs(image, "annorect"):
            if "annopoints" not in person:
                continue
            rows.append(row)
            keypoints.append(_released_keypoints(person.inside("annopoints")))
            has_box = all(corner in person for corner in _HEAD_CORNERS)
            corners.append([person.number(c) if has_box else np.nan for c in _HEAD_CORNERS])
    found = _counted_from_0(np.array(keypoints).reshape(-1, 16, 3))
    head_sizes = _head_sizes(np.array(corners).reshape(-1, 4), found, _MPII)
    return _mpii(tuple(pictures), np.array(rows, int), found, boxes_around(found), head_sizes)


def _mpii(
    pictures: tuple[Picture, ...],
    rows: np.ndarray,
    keypoints: np.ndarray,
    boxes: np.ndarray,
    head_sizes: tuple[np.ndarray, str],
) -> Truth:
    return Truth(
        name="mpii",
        skeleton=_MPII,
        pictures=pictures,
        rows=rows,
        keypoints=keypoints,
        boxes=boxes,
        areas=area(boxes),
        ids=np.arange(len(rows)),
        is_crowd=np.zeros(len(rows), bool),
        sizes_px=head_sizes[0],
        size_meaning=head_sizes[1],
    )


def _pictures(names: Sequence[str]) -> tuple[tuple[Picture, ...], np.ndarray]:
    """Return each picture once, in the order of the file, and the picture of each name."""
    row_of = {name: row for row, name in enumerate(dict.fromkeys(names))}
    pictures = tuple(Picture(id=name, file=name) for name in row_of)
    return pictures, np.array([row_of[name] for name in names], dtype=np.int64)


def _listed_keypoints(person: Entry) -> np.ndarray:
    is_labelled = person.array("joints_vis", 16) > 0
    return np.column_stack((person.array("joints", 16, 2), 2 * is_labelled))


def _released_keypoints(points: Entry) -> np.ndarray:
    keypoints = np.zeros((16, 3))
    for point in structs(points, "point"):
        row = point.integer("id")
        if not 0 <= row < 16:
            raise point.error("id", f"must be from 0 to 15, is {row}")
        is_hidden = str(point.get("is_visible", 1)).strip() in ("0", "0.0")
        keypoints[row] = point.number("x"), point.number("y"), 1 if is_hidden else 2
    return keypoints


def _square(person: Entry) -> np.ndarray:
    side = PERSON_PX * person.number("scale")
    return from_centre_size(np.array([*(person.array("center", 2) - ONE), side, side]))


def _counted_from_0(keypoints: np.ndarray) -> np.ndarray:
    """Move places by a pixel; those without a label become 0 0 0."""
    return np.where(keypoints[..., 2:] > 0, keypoints - [ONE, ONE, 0], 0.0)


def _head_corners(path: Path, keypoints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return head boxes (N, 4) and which keypoints (N, 16) have no label, by gt_valid.mat."""
    content, count = read_mat(path), len(keypoints)
    corners = content.array("headboxes_src", 2, 2, count).transpose(2, 0, 1)
    is_missing = content.array("jnt_missing", 16, count).T > 0
    apart = content.array("pos_gt_src", 16, 2, count).transpose(2, 0, 1) - keypoints[..., :2]
    is_other = (np.abs(apart).max(axis=2) > 1) & ~is_missing & (keypoints[..., 2] > 0)
    if is_other.any():
        row = int(np.flatnonzero(is_other.any(axis=1))[0])
        raise content.error("pos_gt_src", f"person {row} lies elsewhere in the annotations")
    return corners.reshape(-1, 4), is_missing


def _head_sizes(
    corners: np.ndarray, keypoints: np.ndarray, layout: Skeleton
) -> tuple[np.ndarray, str]:
    """Return head sizes (N,) [px] and what they are, from boxes (N, 4) that may be NaN."""
    if np.isfinite(corners).all(axis=1).any():
        return HEAD_SHARE * np.linalg.norm(corners[:, 2:] - corners[:, :2], axis=1), HEAD_BOX
    return distance(keypoints, layout, "upper_neck", "head_top"), HEAD_LENGTH
