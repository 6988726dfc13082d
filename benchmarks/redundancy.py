"""How many poses stay of people who were found five times: pose NMS against the true number.

    python benchmarks/redundancy.py [FOLDER] [--seeds N] [--whole] [--json FILE]

FOLDER holds pose_datasets' `halpe/test_halpe.json`, whose people are taken; without it a made
skeleton is. Every keypoint of a copy moves by a normal error, or with --whole the pose as a whole.
Boxes move as the keypoints do. Everything is seeded.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros import Poses, skeleton
from alphapose_ros.boxes import from_xywh
from alphapose_ros.suppression import pose_nms

SKELETONS = ("coco_17", "halpe_26", "coco_wholebody_133", "halpe_136")
HEIGHTS_PX = (100, 300, 600)
CROWDS = (1, 5, 20)
JITTERS = (0.01, 0.03, 0.06)  # standard deviations in parts of the height
COPIES = 5
METHODS = {
    "default": {"method": "parametric"},
    "reference": {"method": "reference", "constants": "regression"},
}
WHOLE = skeleton("halpe_136")
MIN_LABELS = 13  # of the body's 20
PER_ROW = 5  # people in a row of a crowd
SPACING = (0.8, 0.5)  # from one to the next, in parts of width and height
STANDING = {  # the made skeleton, in parts of the box
    **{"nose": (0.5, 0.08), "head": (0.5, 0.0), "neck": (0.5, 0.16), "hip": (0.5, 0.52)},
    **{"left_shoulder": (0.75, 0.2), "left_elbow": (0.95, 0.36), "left_wrist": (1.0, 0.5)},
    **{"left_hip": (0.65, 0.52), "left_knee": (0.68, 0.75), "left_ankle": (0.7, 0.96)},
    **{"left_ear": (0.6, 0.07), "left_eye": (0.55, 0.06)},
}
CENTRES = {
    "feet": "left_ankle",
    "face": "nose",
    "left_hand": "left_wrist",
    "right_hand": "right_wrist",
}


@dataclass(frozen=True)
class Model:
    """A person of Halpe's 136 keypoints in a box of height 1."""

    keypoints: np.ndarray  # (136, 2) from the box's corner, in parts of the height
    width: float  # in parts of the height


def real_models(path: Path, rng: np.random.Generator) -> list[Model]:
    """Read the people of a Halpe file; what is not labelled gets a place of its own in the box."""
    models = []
    for person in json.loads(path.read_text(encoding="utf-8"))["annotations"]:
        labelled = np.array(person["keypoints"], float).reshape(-1, 3)
        x, y, width, height = person["bbox"]
        is_labelled = labelled[:, 2] > 0
        if is_labelled[WHOLE.group("body")].sum() >= MIN_LABELS:
            anywhere = rng.random((len(labelled), 2)) * [width, height]
            places = np.where(is_labelled[:, None], labelled[:, :2] - [x, y], anywhere)
            models.append(Model(places / height, width / height))
    return models


def made_models(rng: np.random.Generator, count: int = 5) -> list[Model]:
    """Make people who stand; each holds every limb a little differently."""
    models = []
    for _ in range(count):
        places = np.empty((len(WHOLE.names), 2))
        for name, (x, y) in STANDING.items():
            places[WHOLE.index(name)] = x, y
            if name.startswith("left_"):
                places[WHOLE.index(name.replace("left_", "right_", 1))] = 1 - x, y
        body = WHOLE.group("body")
        places[body] += rng.normal(0, 0.04, places[body].shape)
        for group, centre in CENTRES.items():
            rows = WHOLE.group(group)
            spread = rng.normal(0, 0.02, places[rows].shape)
            places[rows] = places[WHOLE.index(centre)] + spread
        width = rng.uniform(0.3, 0.6)
        models.append(Model(places * [width, 1], width))
    return models


def crowd(
    models: list[Model], people: int, name: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw people of height 1 side by side: keypoints (P, K, 2) and boxes (P, 4)."""
    rows = WHOLE.rows_of(skeleton(name))
    widest = max(model.width for model in models)
    keypoints, boxes = [], []
    for person in range(people):
        model = models[rng.integers(len(models))]
        places = model.keypoints[rows]
        if rng.random() < 0.5:
            places = places * [-1, 1] + [model.width, 0]
        down, right = divmod(person, PER_ROW)
        corner = np.array([right * SPACING[0] * widest, down * SPACING[1]])
        keypoints.append(places + corner)
        boxes.append([*corner, model.width, 1])
    return np.array(keypoints), from_xywh(boxes)


def copied(
    people: tuple[np.ndarray, np.ndarray],
    name: str,
    jitter: float,
    is_whole: bool,
    rng: np.random.Generator,
    copies: int = COPIES,
) -> Poses:
    """Find each person of a crowd several times, with errors, in no order."""
    keypoints, boxes = (np.repeat(array, copies, axis=0) for array in people)
    count = len(keypoints)
    shape = (count, 1, 2) if is_whole else keypoints.shape
    keypoints = keypoints + rng.normal(0, jitter, shape)
    boxes = boxes + rng.normal(0, jitter, boxes.shape)
    scores = rng.uniform(0.4, 1, (*keypoints.shape[:2], 1))
    rated = rng.uniform(0.3, 1, count)
    poses = Poses(
        skeleton=skeleton(name),
        keypoints=np.concatenate((keypoints, scores), axis=2),
        boxes=boxes,
        box_scores=rated,
        scores=(rated + scores.mean(axis=(1, 2)) + 1.25 * scores.max(axis=(1, 2))) / 3.25,
    )
    return poses[rng.permutation(count)]


def enlarged(poses: Poses, factor: float) -> Poses:
    """Return the same poses in a picture ``factor`` times as large."""
    return replace(
        poses, keypoints=poses.keypoints * [factor, factor, 1], boxes=poses.boxes * factor
    )


def measure(models: list[Model], seeds: int, is_whole: bool) -> list[dict[str, Any]]:
    """Return for each case how many poses every method keeps, one number per seed."""
    results = []
    for name, jitter, people in product(SKELETONS, JITTERS, CROWDS):
        kept: dict[str, list[int]] = {f"{m}, {h} px": [] for m in METHODS for h in HEIGHTS_PX}
        for seed, height in product(range(seeds), HEIGHTS_PX):
            rng = np.random.default_rng([seed, people, int(1000 * jitter), len(name), height])
            poses = copied(crowd(models, people, name, rng), name, jitter, is_whole, rng)
            poses = enlarged(poses, height)
            for method, how in METHODS.items():
                kept[f"{method}, {height} px"].append(len(pose_nms(poses, **how)))
        count = len(skeleton(name).names)
        results.append({"keypoints": count, "jitter": jitter, "people": people, "kept": kept})
    return results


def share_right(results: list[dict[str, Any]], method: str, jitter: float) -> float:
    """Return the share of crowds in which as many poses stay as there are people."""
    right = [
        count == case["people"]
        for case in results
        if case["jitter"] == jitter
        for name, counts in case["kept"].items()
        if name.startswith(method)
        for count in counts
    ]
    return float(np.mean(right))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--whole", action="store_true", help="move each pose as a whole")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    models = made_models(rng)
    if options.folder:
        models = real_models(options.folder / "halpe/test_halpe.json", rng)
    results = measure(models, options.seeds, options.whole)

    columns = list(results[0]["kept"])
    print(f"| keypoints | jitter | people | {' | '.join(columns)} |")
    print("|---|---|---|" + len(columns) * "---|")
    for case in results:
        shown = " | ".join(f"{np.mean(case['kept'][name]):.1f}" for name in columns)
        jitter = f"{case['jitter']:.0%}"
        print(f"| {case['keypoints']} | {jitter} | {case['people']} | {shown} |")
    for jitter in JITTERS:
        shares = ", ".join(f"{m} {share_right(results, m, jitter):.1%}" for m in METHODS)
        print(f"\nCrowds with the right number at {jitter:.0%}: {shares}.")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
