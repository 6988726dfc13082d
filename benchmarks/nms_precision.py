"""Average precision (AP) without pose NMS and with the constants of config/pose_nms.

    python benchmarks/nms_precision.py --data DIR [--crowds DIR ...] [--set NAME=VALUE ...]

--data holds pose_datasets, of which the pictures of COCO are taken; --crowds are folders that
`alphapose synth --scenes` made, of other seeds than the constants were fitted to. The default
detector and pose network are used; "jittered" are copies of the true poses in place of the
network's, see `alphapose fit-nms --jitter poses`. Keypoints are taken from the 136 by name; where
labels have 17 of 136 keypoints, these count. "All real" are the pictures of COCO, COCO-WholeBody
and Halpe as one data set. AP is that of COCO; that of the body stands beside it, since a network of
modest size has next to none of whole bodies. Each person found has the number of poses in brackets.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from alphapose_ros.cli.fit_nms import LAYOUTS
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import Config, SuppressionConfig, load_config, with_values
from alphapose_ros.evaluation.datasets.coco import read_coco, read_coco_people
from alphapose_ros.evaluation.datasets.wholebody import read_halpe, read_wholebody
from alphapose_ros.evaluation.inference import DETECTED, InferenceOptions, estimate
from alphapose_ros.evaluation.records import Predictions, Truth
from alphapose_ros.evaluation.redundant import Jitter, jittered_poses
from alphapose_ros.evaluation.suppressed import (
    NONE,
    Redundant,
    average_precision,
    groups_of,
    poses_per_found,
)
from alphapose_ros.skeletons import skeleton

CONSTANTS = Path(__file__).resolve().parents[1] / "config" / "pose_nms"
JITTER = Jitter(seed=7)

ALL = tuple(LAYOUTS)

Labelled = tuple[str, Truth, Path, tuple[str, ...]]  # name, labels, folder of pictures, layouts


def real(folder: Path) -> Iterator[Labelled]:
    """Read the labels of photographs."""
    people = folder / "coco_people"
    yield "COCO, 80 pictures", read_coco_people(people / "labels.json"), people / "images", ALL
    images = folder / "coco" / "images"
    whole_body = folder / "coco_wholebody_eval" / "example_gt.json"
    yield "COCO-WholeBody, 3", read_wholebody(whole_body), images, ("133",)
    yield "Halpe, 2", read_halpe(folder / "halpe" / "test_halpe.json"), images, ("26", "136")


def rendered(folders: list[Path]) -> Iterator[Labelled]:
    """Read the labels of rendered crowds."""
    for crowds in folders:
        name = f"crowds {crowds.name}"
        yield name, read_coco(crowds / "annotations.json"), crowds / "images", ALL


def line(name: str, layout: str, *found: tuple[Truth, Predictions]) -> str:
    """Return a line of the table, of all data sets ``found`` as one."""
    layout_of = skeleton(LAYOUTS[layout])
    redundant = Redundant.joined([Redundant.of(*one, layout_of) for one in found])
    constants = load_config(CONSTANTS / f"{layout}.yaml").suppression
    ways = (NONE, SuppressionConfig(min_score=0.0), with_values(constants, {"min_score": 0.0}))
    cells = [name, layout]
    for config in ways:
        left = redundant.suppressed(config)
        body = groups_of(redundant.truth.skeleton).get("body")
        values = [average_precision(redundant.truth, left, rows) for rows in (None, body)]
        each = poses_per_found(redundant.truth, left)
        cells.append(f"{values[0]:.4f}, {values[1]:.4f} ({each:.2f})")
    return f"| {' | '.join(cells)} |"


def found_in(truth: Truth, images: Path, config: Config) -> Predictions:
    """Find all poses in what the detector finds."""
    options = InferenceOptions(config=config, boxes=DETECTED, suppression=False)
    return estimate(truth, images, options)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--crowds", type=Path, nargs="+", default=[], metavar="DIR")
    add_settings(parser)
    options = parser.parse_args()
    head = (
        "pictures",
        "keypoints",
        "AP, of body (poses each): without",
        "defaults",
        "config/pose_nms",
    )
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    photographs = []
    for name, truth, images, layouts in real(options.data / "pose_datasets"):
        photographs.append((truth, found_in(truth, images, chosen(options))))
        print_lines(name, layouts, *photographs[-1])
    for layout in ALL:
        print(line("all real", layout, *photographs))
    for name, truth, images, layouts in rendered(options.crowds):
        print_lines(name, layouts, truth, found_in(truth, images, chosen(options)))


def print_lines(name: str, layouts: tuple[str, ...], truth: Truth, found: Predictions) -> None:
    """Print a line for what was found and one for jittered poses, in each of ``layouts``."""
    for layout in layouts:
        print(line(name, layout, (truth, found)))
        print(line(f"{name}, jittered", layout, (truth, jittered_poses(truth, JITTER))))


if __name__ == "__main__":
    main()
