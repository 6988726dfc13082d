"""How good tracks and poses are on a clip with true boxes, beside a mean skeleton as yardstick.

    python benchmarks/pets_clip.py FOLDER [--json FILE] [--set NAME=VALUE ...]

FOLDER holds video.mp4, gt_480x360.txt (MOTChallenge: frame, id, x, y, width, height) and
video.pose_ultralight_simplepose.json (COCO-17 poses of another network, in AlphaPose's form).
Every frame that has true boxes is processed. The yardstick puts the mean of the other network's
own poses on this clip into each of our boxes: what one gets without looking at the picture, and
flattered by knowing the mean of what it is compared with.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros import Frame, Pipeline, skeleton
from alphapose_ros.boxes import from_xywh, iou
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.matching import Matching, match

BODY = skeleton("coco_17")
MIN_IOU = 0.5
CONFIDENT = 0.3  # score of a keypoint


@dataclass
class Tally:
    """What is counted over the clip for one way of placing keypoints."""

    is_inside: list[bool] = field(default_factory=list)  # confident keypoints
    is_upright: list[bool] = field(default_factory=list)  # people
    distances: list[float] = field(default_factory=list)  # keypoints, in box heights

    def add(self, keypoints: np.ndarray, box: np.ndarray, other: np.ndarray | None) -> None:
        """Count one person: keypoints (17, 3), true box (4,), the other network's pose."""
        sure = keypoints[keypoints[:, 2] >= CONFIDENT, :2]
        self.is_inside += ((sure >= box[:2]) & (sure <= box[2:])).all(axis=1).tolist()
        self.is_upright.append(is_upright(keypoints))
        if other is not None:
            both = (other[:, 2] >= CONFIDENT) & np.isfinite(keypoints[:, 0])
            way = np.linalg.norm(keypoints[both, :2] - other[both, :2], axis=1)
            self.distances += (way / (box[3] - box[1])).tolist()

    def row(self, tracked: float) -> list[float]:
        """Return the four figures."""
        return [tracked, np.mean(self.is_inside), np.mean(self.is_upright), np.mean(self.distances)]


def is_upright(keypoints: np.ndarray) -> bool:
    """Tell whether nose, middle of the hips and middle of the ankles lie one below the other."""
    rows = [("nose",), ("left_hip", "right_hip"), ("left_ankle", "right_ankle")]
    heights = [np.mean([keypoints[BODY.index(name), 1] for name in names]) for names in rows]
    return bool(heights[0] < heights[1] < heights[2])  # False where one is NaN


def by_overlap(boxes: np.ndarray, others: np.ndarray) -> Matching:
    """Match boxes to others that overlap them enough."""
    return match(1 - iou(boxes, others), 1 - MIN_IOU)


def true_boxes(folder: Path) -> dict[int, np.ndarray]:
    """Return {frame from 1: boxes (N, 4)}."""
    rows = np.loadtxt(folder / "gt_480x360.txt", delimiter=",")
    return {int(n): from_xywh(rows[rows[:, 0] == n, 2:6]) for n in np.unique(rows[:, 0])}


def other_poses(folder: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return {frame from 1: (boxes (N, 4), keypoints (N, 17, 3))} of the other network."""
    found: dict[int, list[dict]] = {}
    text = (folder / "video.pose_ultralight_simplepose.json").read_text()
    for entry in json.loads(text):
        found.setdefault(int(Path(str(entry["image_id"])).stem) + 1, []).append(entry)
    return {
        number: (
            from_xywh(np.array([entry["box"] for entry in entries])),
            np.array([entry["keypoints"] for entry in entries]).reshape(-1, 17, 3),
        )
        for number, entries in found.items()
    }


def with_partners(
    boxes: np.ndarray, others: tuple[np.ndarray, np.ndarray] | None
) -> list[np.ndarray | None]:
    """Return the other network's pose (17, 3) for each box, None where it has none there."""
    partners: list[np.ndarray | None] = [None] * len(boxes)
    if others is not None:
        for row, column in by_overlap(boxes, others[0]).pairs:
            partners[row] = others[1][column]
    return partners


def mean_skeleton(
    truth: dict[int, np.ndarray], others: dict[int, tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Return the other network's mean pose (17, 2), in parts of the true box."""
    placed = []
    for number, boxes in truth.items():
        for box, pose in zip(boxes, with_partners(boxes, others.get(number)), strict=True):
            if pose is not None:
                weak = pose[:, 2:] < CONFIDENT
                place = (pose[:, :2] - box[:2]) / (box[2:] - box[:2])
                placed.append(np.where(weak, np.nan, place))
    return np.nanmean(placed, axis=0)


def measure(folder: Path, pipeline: Pipeline) -> dict[str, list[float]]:
    """Run the clip; return four figures for the pipeline and for the mean skeleton."""
    truth, others = true_boxes(folder), other_poses(folder)
    mean = mean_skeleton(truth, others)
    ours, yardstick = Tally(), Tally()
    people = tracked = 0
    columns = pipeline.skeleton.rows_of(BODY)
    capture = cv2.VideoCapture(str(folder / "video.mp4"))
    rate_hz = capture.get(cv2.CAP_PROP_FPS)
    for number in range(1, max(truth) + 1):
        image = capture.read()[1]
        frame = Frame(image=image, stamp_ns=round(number / rate_hz * 1e9), index=number - 1)
        tracks = pipeline(frame)
        seen = tracks[tracks.detection_rows >= 0].poses
        boxes = truth.get(number, np.empty((0, 4)))
        pairs = by_overlap(boxes, seen.boxes).pairs
        people, tracked = people + len(boxes), tracked + len(pairs)
        partners = with_partners(boxes, others.get(number))
        for row, column in pairs:
            ours.add(seen.keypoints[column][columns], boxes[row], partners[row])
            box = seen.boxes[column]
            placed = np.column_stack((mean * (box[2:] - box[:2]) + box[:2], np.ones(17)))
            yardstick.add(placed, boxes[row], partners[row])
    share = tracked / people
    return {"ours": ours.row(share), "mean skeleton in our boxes": yardstick.row(share)}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    add_settings(parser)
    options = parser.parse_args()
    results = measure(options.folder, Pipeline(chosen(options)))
    print(
        "| | people tracked, IoU 0.5 | confident keypoints in the true box | upright | "
        "distance to the other network |"
    )
    print("|---|---|---|---|---|")
    for name, (tracked, inside, upright, distance) in results.items():
        print(f"| {name} | {tracked:.3f} | {inside:.3f} | {upright:.3f} | {distance:.3f} |")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
