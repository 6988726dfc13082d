"""Figures of poses and boxes against labels, for the tables about our networks.

Poses here are arrays (N, 136, 3) of x, y, score, row by row beside the people that they belong to;
a keypoint that was not found is NaN and counts as wrong.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from evaluation_sets import WHOLE, Person, Picture
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from alphapose_ros.boxes import to_xywh
from alphapose_ros.frame import Detections
from alphapose_ros.keypoints import oks
from alphapose_ros.skeletons import skeleton

SIDES = ("left", "right")
LIMBS = [
    [WHOLE.index(f"{side}_{name}") for side in SIDES]
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
]
SHOULDERS, HIPS = LIMBS[0], LIMBS[3]
BODY = skeleton("coco_17")
BODY_ROWS = WHOLE.rows_of(BODY)
PARTS = ("feet", "face", "left_hand", "right_hand")


def torso_px(keypoints: np.ndarray) -> float:
    """Return the longer way from a shoulder to the opposite hip [px], NaN where neither is known.

    Args:
        keypoints: (136, 3) x, y, visibility.
    """
    ways = [
        np.linalg.norm(keypoints[shoulder, :2] - keypoints[hip, :2])
        for shoulder, hip in zip(SHOULDERS, reversed(HIPS), strict=True)
        if keypoints[shoulder, 2] > 0 and keypoints[hip, 2] > 0
    ]
    return float(max(ways, default=np.nan)) or np.nan


def has_whole_torso(person: Person) -> bool:
    """Tell whether both shoulders and hips, and most other limb keypoints, are labelled."""
    is_labelled = person.keypoints[:, 2] > 0
    return bool(is_labelled[SHOULDERS + HIPS].all() and is_labelled[np.ravel(LIMBS)].sum() >= 8)


def pck(poses: np.ndarray, people: Sequence[Person], part: float = 0.2) -> float:
    """Return the share of shoulders, elbows, wrists, hips, knees and ankles that lie right.

    Each kind of keypoint weighs the same; right is within ``part`` of the torso. People whose
    torso is not labelled do not count.
    """
    rows = np.ravel(LIMBS)
    truth = np.array([person.keypoints[rows] for person in people]).reshape(-1, len(rows), 3)
    scale = np.array([torso_px(person.keypoints) for person in people])[:, None]
    way = np.linalg.norm(poses[:, rows, :2] - truth[..., :2], axis=2)
    is_counted = (truth[..., 2] > 0) & np.isfinite(scale)
    is_right = is_counted & (way < part * scale)  # False where NaN
    count = is_counted.sum(axis=0)
    return (
        float(np.mean(is_right.sum(axis=0)[count > 0] / count[count > 0]))
        if count.any()
        else np.nan
    )


def either_side(poses: np.ndarray, people: Sequence[Person]) -> np.ndarray:
    """Return each pose with left and right as they fit better: some labels are mirrored."""
    found = poses.copy()
    for row, person in enumerate(people):
        mirrored = poses[row][WHOLE.flip_order]
        if pck(mirrored[None], [person]) > pck(poses[row][None], [person]):
            found[row] = mirrored
    return found


def mean_oks(poses: np.ndarray, people: Sequence[Person]) -> float:
    """Return the mean object keypoint similarity of the 17 keypoints of COCO."""
    values = [
        np.nansum(oks(person.keypoints[BODY_ROWS], pose[None, BODY_ROWS], person.area, BODY.sigmas))
        for pose, person in zip(poses, people, strict=True)
    ]
    return float(np.mean(values))


def part_error(poses: np.ndarray, people: Sequence[Person], part: str) -> float:
    """Return the mean distance of a part's keypoints, in the part's own size.

    The size of a face is the root of the area of the box around its labelled points, that of a
    hand the longer side of that box, that of feet the torso. A distance of more than one size, or
    a point not found, counts as one. NaN where nobody has three points labelled, or a network has
    none of them for anybody.
    """
    rows = WHOLE.group(part)
    if np.isnan(poses[:, rows, 0]).all():
        return np.nan
    errors = []
    for pose, person in zip(poses, people, strict=True):
        truth, size = person.keypoints[rows], part_size_px(person.keypoints, part)
        is_labelled = truth[:, 2] > 0
        if is_labelled.sum() >= 3 and size > 0:
            way = np.linalg.norm(pose[rows, :2] - truth[:, :2], axis=1)[is_labelled] / size
            errors.append(np.nan_to_num(way, nan=1).clip(0, 1).mean())
    return float(np.mean(errors)) if errors else np.nan


def part_size_px(keypoints: np.ndarray, part: str) -> float:
    """Return the size by which errors of a part are divided, NaN where nothing is labelled."""
    if part == "feet":
        return torso_px(keypoints)
    points = keypoints[WHOLE.group(part)]
    points = points[points[:, 2] > 0, :2]
    if len(points) == 0:
        return np.nan
    width, height = np.ptp(points, axis=0)
    return float(np.sqrt(width * height) if part == "face" else max(width, height))


def box_figures(
    found: Sequence[Detections], pictures: Sequence[Picture], min_height: float, min_score: float
) -> dict[str, float]:
    """Return AP and recall at IoU 0.5, and boxes of nobody per picture.

    Smaller people and boxes, and crowds, neither count nor harm. Recall and wrong boxes are those
    of boxes with at least ``min_score``; AP counts all.
    """
    at_work = [boxes[boxes.scores >= min_score] for boxes in found]
    ap, _ = _evaluated(found, pictures, min_height)
    _, outcome = _evaluated(at_work, pictures, min_height)
    return {"AP50": ap, **outcome}


def _evaluated(
    found: Sequence[Detections], pictures: Sequence[Picture], min_height: float
) -> tuple[float, dict[str, float]]:
    """Return average precision, and recall and wrong boxes of all boxes given."""
    truth, results = [], []
    for number, (boxes, picture) in enumerate(zip(found, pictures, strict=True)):
        truth += [
            _entry(number, person.box, iscrowd=person.is_ignored) for person in picture.people
        ]
        results += [
            _entry(number, box, score=float(score))
            for box, score in zip(boxes.boxes, boxes.scores, strict=True)
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_coco(truth, len(pictures)), _coco(results, len(pictures)), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.areaRng = [[min_height**2, 1e10]]  # _entry's area: height squared
        evaluation.params.areaRngLbl = ["tall"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    wrong = sum(
        int((~one["dtIgnore"][0].astype(bool) & (one["dtMatches"][0] == 0)).sum())
        for one in evaluation.evalImgs
        if one is not None
    )
    outcome = {"recall": float(recall.mean()), "wrong": wrong / len(pictures)}
    return float(precision.mean()), outcome


def _entry(number: int, box: np.ndarray, **more: Any) -> dict[str, Any]:
    """Return a box in COCO's form; its "area" is its height squared, to tell people by height."""
    area = float(box[3] - box[1]) ** 2
    shape = {"bbox": to_xywh(box).tolist(), "area": area}
    return {"image_id": number, "category_id": 1, "iscrowd": 0, **shape, **more}


def _coco(entries: list[dict[str, Any]], images: int) -> COCO:
    data = COCO()
    data.dataset = {
        "images": [{"id": number} for number in range(images)],
        "categories": [{"id": 1}],
        "annotations": [{"id": number, **entry} for number, entry in enumerate(entries, 1)],
    }
    data.createIndex()
    return data
