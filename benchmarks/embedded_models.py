"""All figures of the embedded networks, beside version 0, simple baselines and other networks.

    python benchmarks/embedded_models.py DATA [--teachers WEIGHTS] [--version-0 FILE]
        [--training FOLDER ...] [--more FOLDER ...] [--json FILE] [--set NAME=VALUE ...]
    python benchmarks/embedded_models.py DATA --quick
        --pose-weights FILE --input-size 192 128 --decode combined

DATA holds the pictures of the frozen evaluation list, whose hash is printed first, with what of it
is in the training FOLDERs: nothing, or the command fails. `--more` names folders with images/ and
annotations.json of our own layout, such as synthetic people that nobody trained on. `--quick`
leaves out everything but keypoints in true boxes, to look at a checkpoint.

- PCK: share of shoulders, elbows, wrists, hips, knees and ankles within a fifth of the torso.
  *Sports* are LSPET's last 500 names as far as a torso is labelled, 417; *whole torso* are the 290
  of them with all of it and ten keypoints. Some labels are mirrored: *either side* counts the
  better of both. *Everyday* are COCO, CrowdPose, OCHuman, PoseTrack and MPII.
- OKS: mean over people of COCO with labelled keypoints.
- Feet, face, hands: mean distance, in parts of the torso, of the root of the face's area, of the
  hand's longer side; on the people of COCO's pictures that have them labelled.
- *Mean skeleton*: the mean pose of the very set that is measured, put into every box.
- People up to 60 px tall (for keypoints: long, in whatever direction) do not count; PETS, where
  most are smaller, stands there a second time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from contestants import (
    TINY_POSE,
    YOLOX,
    Finder,
    Placer,
    Way,
    other_networks,
    our_way,
    own_finders,
    own_network,
    place_by,
    place_mean,
    plain_way,
    remembering,
)
from evaluation_list import check_training, load_list
from evaluation_sets import (
    WHOLE,
    Person,
    Picture,
    annotated_folder,
    coco_people,
    other_bodies,
    pets,
    sports,
    whole_bodies,
)
from figures import (
    BODY_ROWS,
    PARTS,
    box_figures,
    either_side,
    has_whole_torso,
    mean_oks,
    part_error,
    pck,
    torso_px,
)
from tqdm import tqdm

from alphapose_ros.boxes import iou
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import Config
from alphapose_ros.devices import pick_compute
from alphapose_ros.matching import match
from alphapose_ros.pose import PoseEstimator, build_estimator

MIN_HEIGHT_PX = 60
MIN_IOU = 0.5
VERSION_0 = {"input_size": (128, 96), "decode": "heatmap"}

Table = dict[str, dict[str, float]]  # row -> column -> figure


@dataclass(frozen=True)
class Sets:
    """The pictures of the evaluation list."""

    sports: list[Picture]
    everyday: list[Picture]
    coco: list[Picture]  # the part of everyday in which everybody is labelled
    pets: list[Picture]

    @classmethod
    def load(cls, data: Path) -> Sets:
        """Read them from the data folder."""
        coco = coco_people(data) + whole_bodies(data)
        return cls(sports(data), coco + other_bodies(data), coco, pets(data))


def is_counted(person: Person) -> bool:
    """Tell whether a person takes part in the figures of keypoints."""
    is_large = person.size_px > MIN_HEIGHT_PX
    return is_large and not person.is_ignored and bool((person.keypoints[:, 2] > 0).any())


def people_of(pictures: Sequence[Picture]) -> list[Person]:
    """Return the people that take part in the figures of keypoints."""
    return [person for picture in pictures for person in picture.people if is_counted(person)]


def in_true_boxes(place: Placer, pictures: Sequence[Picture]) -> np.ndarray:
    """Return poses (N, 136, 3) of the N people who count, from their true boxes."""
    found = [np.empty((0, len(WHOLE.names), 3))]
    for picture in tqdm(pictures, leave=False, disable=None):
        boxes = [person.box for person in people_of([picture])]
        if boxes:
            found.append(place(picture.image, np.array(boxes)))
    return np.concatenate(found)


def end_to_end(way: Way, pictures: Sequence[Picture]) -> np.ndarray:
    """Return poses (N, 136, 3) of the N people who count, NaN where nobody was found.

    People and found boxes are matched one to one, by their overlap.
    """
    found = [np.empty((0, len(WHOLE.names), 3))]
    for picture in tqdm(pictures, leave=False, disable=None):
        people = people_of([picture])
        poses = np.full((len(people), len(WHOLE.names), 3), np.nan)
        if people:
            boxes, placed = way(picture.image)
            truth = np.array([person.box for person in people])
            for row, column in match(1 - iou(truth, boxes), 1 - MIN_IOU).pairs:
                poses[row] = placed[column]
        found.append(poses)
    return np.concatenate(found)


def pose_table(placers: dict[str, Placer | None], sets: Sets) -> Table:
    """Return figures of keypoints in true boxes; None stands for the mean skeleton."""
    table = {}
    groups = {"sports": sets.sports, "everyday": sets.everyday, "coco": sets.coco}
    people = {name: people_of(pictures) for name, pictures in groups.items()}
    is_whole = np.array([has_whole_torso(person) for person in people["sports"]])
    whole = [people["sports"][row] for row in np.flatnonzero(is_whole)]
    for row, placer in placers.items():
        poses = {
            name: in_true_boxes(placer or place_mean(people[name]), pictures)
            for name, pictures in groups.items()
        }
        table[row] = {
            "sports PCK": pck(poses["sports"], people["sports"]),
            "whole torso": pck(poses["sports"][is_whole], whole),
            "either side": pck(either_side(poses["sports"], people["sports"]), people["sports"]),
            "everyday PCK": pck(poses["everyday"], people["everyday"]),
            "COCO OKS": mean_oks(*with_body(poses["coco"], people["coco"])),
            **parts(poses["coco"], people["coco"]),
        }
    return table


def more_table(placers: dict[str, Placer | None], pictures: Sequence[Picture]) -> Table:
    """Return figures of keypoints in true boxes, where whole people are labelled."""
    people = people_of(pictures)
    table = {}
    for row, placer in placers.items():
        poses = in_true_boxes(placer or place_mean(people), pictures)
        table[row] = {"PCK": pck(poses, people), **parts(poses, people)}
    return table


def with_body(poses: np.ndarray, people: Sequence[Person]) -> tuple[np.ndarray, list[Person]]:
    """Return those who have at least one of the 17 keypoints of COCO labelled."""
    has_body = np.array([(person.keypoints[BODY_ROWS, 2] > 0).any() for person in people], bool)
    return poses[has_body], [people[row] for row in np.flatnonzero(has_body)]


def parts(poses: np.ndarray, people: Sequence[Person]) -> dict[str, float]:
    """Return the errors of feet, face and hands."""
    return {part.replace("_", " "): part_error(poses, people, part) for part in PARTS}


def box_table(finders: dict[str, Finder], sets: Sets, min_score: float) -> Table:
    """Return figures of boxes."""
    table: Table = {}
    for row, find in finders.items():
        table[row] = {}
        for name, pictures in (("COCO", sets.coco), ("PETS", sets.pets)):
            found = [find(picture.image) for picture in tqdm(pictures, leave=False, disable=None)]
            heights = {name: MIN_HEIGHT_PX} | ({"PETS, all": 0} if name == "PETS" else {})
            for label, height in heights.items():
                figures = box_figures(found, pictures, height, min_score)
                table[row] |= {f"{label}: {key}": value for key, value in figures.items()}
    return table


def way_table(ways: dict[str, Way], sets: Sets) -> Table:
    """Return figures from picture to poses; who is not found has no keypoint right."""
    table: Table = {}
    for row, way in ways.items():
        table[row] = {}
        for name, pictures in (("sports", sets.sports), ("everyday", sets.everyday)):
            people, poses = people_of(pictures), end_to_end(way, pictures)
            is_found = np.isfinite(poses[..., 0]).any(axis=1)
            has_torso = [np.isfinite(torso_px(person.keypoints)) for person in people]
            table[row][f"{name}: found"] = float(is_found[has_torso].mean())
            table[row][f"{name}: PCK"] = pck(poses, people)
    return table


def show(title: str, table: Table) -> Table:
    """Print a table and return it."""
    columns = list(next(iter(table.values())))
    print(f"\n**{title}**\n\n| | {' | '.join(columns)} |\n{'|---' * (len(columns) + 1)}|")
    for row, figures in table.items():
        cells = ("-" if np.isnan(figures[name]) else f"{figures[name]:.3f}" for name in columns)
        print(f"| {row} | {' | '.join(cells)} |", flush=True)
    return table


def own_estimators(options: argparse.Namespace, config: Config) -> dict[str, PoseEstimator]:
    """Return our networks by row: the one of the settings or of a file, and version 0."""
    compute = pick_compute(config.device, config.runtime, config.threads)
    if options.pose_weights:
        changes = {"input_size": tuple(options.input_size), "decode": options.decode}
        found = {"ours": own_network(options.pose_weights, compute, **changes)}
    else:
        found = {"ours": build_estimator(config.pose, compute)}
    if options.version_0:
        found["version 0"] = own_network(options.version_0, compute, **VERSION_0)
    return found


def own_ways(
    estimators: dict[str, PoseEstimator], finders: dict[str, Finder], config: Config
) -> dict[str, Way]:
    """Return our pipeline, and what becomes of it with another detector or network."""
    score, suppression = config.detector.score_threshold, config.suppression
    return {
        f"{detector}, {network}": our_way(find, estimator, score, suppression)
        for network, estimator in estimators.items()
        for detector, find in finders.items()
    }


def measure(options: argparse.Namespace, config: Config) -> dict[str, Table]:
    """Print all tables and return them by name."""
    sets = Sets.load(options.data)
    estimators = own_estimators(options, config)
    placers: dict[str, Placer | None] = {row: place_by(one) for row, one in estimators.items()}
    placers["mean skeleton"] = None
    others, finders = other_networks(options.teachers) if options.teachers else ({}, {})
    placers |= others
    results = {"poses": show("Keypoints in true boxes", pose_table(placers, sets))}
    for folder in options.more:
        table = more_table(placers, annotated_folder(folder))
        results[folder.name] = show(f"Keypoints in true boxes: {folder.name}", table)
    if options.quick:
        return results
    score = config.detector.score_threshold
    own = own_finders(config, pick_compute(config.device, config.runtime, config.threads))
    own, finders = ({row: remembering(find) for row, find in x.items()} for x in (own, finders))
    table = box_table(own | finders, sets, score)
    results["boxes"] = show(f"Boxes at IoU 0.5; recall, wrong ones a picture at {score}", table)
    ways = own_ways(estimators, own, config)
    first = next(iter(own))
    mean = place_mean(people_of(sets.sports + sets.everyday))
    ways[f"{first}, mean skeleton"] = plain_way(own[first], mean, score)
    if others:
        ways[f"{YOLOX}, {TINY_POSE}"] = plain_way(finders[YOLOX], others[TINY_POSE], score)
    results["end to end"] = show("From picture to poses", way_table(ways, sets))
    return results


def main() -> None:
    """Print the tables."""
    options = parse_arguments()
    is_clean = check_training(options.training)
    results = measure(options, chosen(options))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"evaluation_list": load_list().digest, "is_clean": is_clean, **results}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sys.exit(not is_clean)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--teachers", type=Path, metavar="WEIGHTS")
    parser.add_argument("--version-0", type=Path, metavar="FILE")
    parser.add_argument("--pose-weights", type=Path, metavar="FILE")
    parser.add_argument("--input-size", type=int, nargs=2, default=(192, 128))
    parser.add_argument("--decode", default="combined")
    parser.add_argument("--training", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--more", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    add_settings(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
