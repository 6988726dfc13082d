"""What a detector of low thresholds finds more of, and how pose NMS removes what is redundant.

    python benchmarks/recall.py --data DIR [--json FILE] [--set NAME=VALUE ...]

DIR holds the sets of evaluation_sets.py, of which COCO's pictures with people and the clip of
PETS are taken. The detector runs with the thresholds of the paper, score 0.1 and IoU 0.6, and with
those that are usual where nothing thins out poses, 0.3 and 0.45. A box is of the person whose true
box overlaps it most, by an IoU of 0.5 or more; a person with a box is found. Pose NMS is the
default one but for min_score, which is 0: what it removes is redundant, not unsure.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from evaluation_sets import Picture, coco_people, pets

from alphapose_ros.boxes import iou
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import Config, with_values
from alphapose_ros.detection import build_detector
from alphapose_ros.devices import pick_compute
from alphapose_ros.pose import build_estimator
from alphapose_ros.suppression import pose_nms

THRESHOLDS = {  # of the detector: score, IoU of box NMS
    "0.3 / 0.45": (0.3, 0.45),
    "0.1 / 0.6": (0.1, 0.6),
}
SAME = 0.5  # IoU of a box and the person that it is of


@dataclass
class Tally:
    """How many boxes people have."""

    people: int = 0
    found: int = 0  # who have a box
    theirs: int = 0  # boxes of people
    others: int = 0  # boxes of nobody

    def add(self, boxes: np.ndarray, people: np.ndarray) -> None:
        """Count the boxes (N, 4) of a picture and its people (M, 4)."""
        owners = np.empty(0, int)
        if len(boxes) and len(people):
            overlap = iou(boxes, people)
            owners = overlap.argmax(axis=1)[overlap.max(axis=1) >= SAME]
        self.people += len(people)
        self.found += len(np.unique(owners))
        self.theirs += len(owners)
        self.others += len(boxes) - len(owners)

    @property
    def recall(self) -> float:
        """Share of the people who are found."""
        return self.found / self.people

    @property
    def each(self) -> float:
        """Boxes of each person found; 1 is best."""
        return self.theirs / max(self.found, 1)


def measure(pictures: Sequence[Picture], config: Config) -> tuple[Tally, Tally]:
    """Return what detector and pose network find, and what pose NMS leaves of it.

    People whom nobody need find, crowds in one box, do not count; boxes on them are nobody's.
    """
    compute = pick_compute(config.device, config.runtime, config.threads)
    detect, estimate = (
        build_detector(config.detector, compute),
        build_estimator(config.pose, compute),
    )
    before, after = Tally(), Tally()
    for number, picture in enumerate(pictures):
        people = [person.box for person in picture.people if not person.is_ignored]
        true_boxes = np.reshape(people, (-1, 4))
        poses = estimate(picture.image, detect(picture.image, number))
        left = pose_nms(poses, config.suppression.name, config=config.suppression)
        before.add(poses.boxes, true_boxes)
        after.add(left.boxes, true_boxes)
    return before, after


def at(config: Config, score: float, box_iou: float) -> Config:
    """Return the settings with thresholds of the detector, and pose NMS that minds no scores."""
    return with_values(
        config,
        {
            "detector.score_threshold": score,
            "detector.nms_iou": box_iou,
            "suppression.min_score": 0.0,
        },
    )


def main() -> None:
    """Print the table."""
    options = parse_arguments()
    sets = {"COCO": coco_people(options.data), "PETS": pets(options.data)}
    found = {
        (name, thresholds): measure(pictures, at(chosen(options), *values))
        for name, pictures in sets.items()
        for thresholds, values in THRESHOLDS.items()
    }
    head = ("people", "detector", "found", "recall", "boxes each", "of nobody")
    head += ("recall after pose NMS", "poses each", "of nobody")
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for (name, thresholds), (before, after) in found.items():
        cells = [f"{name}: {before.people}", thresholds, str(before.found), f"{before.recall:.3f}"]
        cells += [f"{before.each:.2f}", str(before.others)]
        cells += [f"{after.recall:.3f}", f"{after.each:.2f}", str(after.others)]
        print("| " + " | ".join(cells) + " |")
    if options.json:
        rows = [[*key, *map(asdict, value)] for key, value in found.items()]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    add_settings(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
