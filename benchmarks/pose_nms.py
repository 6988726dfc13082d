"""How long pose NMS takes on one thread, beside the AlphaPose reference.

    OMP_NUM_THREADS=1 python benchmarks/pose_nms.py [FOLDER] [--repeats N] [--json FILE]

Where ALPHAPOSE_REFERENCE names the folder of the reference's sources, its own function runs on the
same poses in the same process (needs torch); otherwise its times are those that were stored from
such a run on another day, of one thread of an AMD EPYC. FOLDER as for `redundancy.py`. Every time
is the median of processor times. Poses are of people of 300 px, found several times with errors of
half a percent of their height, or once each.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from redundancy import Model, copied, crowd, enlarged, made_models, real_models

from alphapose_ros import Poses
from alphapose_ros.suppression import pose_nms

NAMES = {"coco_17": 17, "halpe_26": 26, "halpe_136": 136}
PEOPLE = {5: 2, 20: 4, 50: 8, 100: 9}  # by the number of poses
SIZES = tuple(PEOPLE)
STORED_MS = {  # of the reference, by keypoints and whether people are found several times
    (17, True): (0.71, 1.3, 2.7, 3.2),
    (26, True): (0.81, 1.6, 3.1, 3.8),
    (136, True): (2.3, 4.8, 10.3, 12.3),
    (17, False): (None, 6.0, 14.9, 30.6),
    (136, False): (None, 22.8, 58.5, 122.0),
}
SOURCES = "ALPHAPOSE_REFERENCE"
JITTER = 0.005
HEIGHT_PX = 300
WARM_UP = 3
BLOCKS = 5  # the contestants take turns, so that a busy moment of the machine meets all

Contestant = Callable[[Poses], Any]


@dataclass(frozen=True)
class Case:
    """Poses of one number of keypoints, and how long each contestant takes."""

    keypoints: int
    poses: int
    people: int
    stored_ms: float | None
    ms: dict[str, float]


def make_poses(models: list[Model], name: str, count: int, people: int) -> Poses:
    """Find ``people`` in a crowd ``count`` times in all."""
    rng = np.random.default_rng([count, people])
    poses = copied(crowd(models, people, name, rng), name, JITTER, False, rng, -(-count // people))
    return enlarged(poses[:count], HEIGHT_PX)


def reference(folder: str) -> Contestant:
    """Return the reference's own function, fed with tensors."""
    sys.path.insert(0, folder)
    torch = import_module("torch")
    torch.set_num_threads(1)
    suppress = import_module("alphapose.utils.pPose_nms").pose_nms

    def run(poses: Poses) -> int:
        boxes, scores = torch.tensor(poses.boxes), torch.tensor(poses.box_scores[:, None])
        places = torch.tensor(poses.keypoints[..., :2])
        confidences = torch.tensor(poses.keypoints[..., 2:])
        is_whole_body = places.shape[1] in (133, 136)
        ids = torch.zeros(len(poses), 1)
        return suppress(boxes, scores, ids, places, confidences, 0, not is_whole_body)

    return run


def processor_ms(run: Contestant, poses: Poses) -> float:
    """Return how long one call takes."""
    start_ns = time.process_time_ns()
    run(poses)
    return (time.process_time_ns() - start_ns) / 1e6


def measure(contestants: dict[str, Contestant], poses: Poses, repeats: int) -> dict[str, float]:
    """Return the median time of each contestant [ms]."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _, (name, run) in product(range(BLOCKS), contestants.items()):
        for _ in range(WARM_UP):
            run(poses)
        times[name] += [processor_ms(run, poses) for _ in range(max(1, repeats // BLOCKS))]
    return {name: median(found) for name, found in times.items()}


def row(case: Case) -> str:
    """Return a case as a row of the table."""
    theirs = case.ms.get("reference", case.stored_ms)
    ours = [case.ms["default"], case.ms["its rule"]]
    shown = [f"{ms:.3f}" for ms in ours]
    shown += (
        ["-"] * 3 if theirs is None else [f"{theirs:.2f}", *(f"{theirs / ms:.1f}" for ms in ours)]
    )
    return f"| {case.keypoints} | {case.poses} | {case.people} | {' | '.join(shown)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=SIZES)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    models = made_models(rng)
    if options.folder:
        models = real_models(options.folder / "halpe/test_halpe.json", rng)
    contestants: dict[str, Contestant] = {
        "default": pose_nms,
        "its rule": partial(pose_nms, method="reference", constants="regression"),
    }
    if SOURCES in os.environ:
        contestants["reference"] = reference(os.environ[SOURCES])

    print("| keypoints | poses | people | default, ms | its rule, ms | reference, ms | ", end="")
    print("default: times | its rule: times |\n|---|---|---|---|---|---|---|---|")
    cases = []
    for (count, is_redundant), stored in STORED_MS.items():
        name = next(name for name, number in NAMES.items() if number == count)
        for poses, stored_ms in zip(SIZES, stored, strict=True):
            if poses in options.sizes and (is_redundant or stored_ms):
                people = PEOPLE[poses] if is_redundant else poses
                ms = measure(contestants, make_poses(models, name, poses, people), options.repeats)
                cases.append(Case(count, poses, people, stored_ms, ms))
                print(row(cases[-1]), flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps([asdict(case) for case in cases], indent=2) + "\n")


if __name__ == "__main__":
    main()
