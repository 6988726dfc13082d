"""What each training loss does with the same network, people and number of steps.

    python benchmarks/losses.py FOLDER [--losses NAME ...] [--steps N] [--json FILE]

FOLDER holds pose_datasets' `coco_wholebody_eval/example_gt.json` (COCO-WholeBody annotations) and
`coco/images/`. A fastpose_small with random weights learns the most completely labelled people by
heart, once with every loss, from the same start. This shows that a loss works, and how far it
brings body, face and hands in equal steps; it says nothing about people never seen. The weights
are thrown away.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from alphapose_ros import skeleton
from alphapose_ros.boxes import from_xywh
from alphapose_ros.keypoints import oks
from alphapose_ros.pose import build_pose_network
from alphapose_ros.pose.crop import crop_boxes, crop_people
from alphapose_ros.pose.heatmap import decode
from alphapose_ros.pose.torch_backend import normalised
from alphapose_ros.training.losses import (
    CombinedLoss,
    gaussian_targets,
    heatmap_loss,
    symmetric_integral_loss,
)

WHOLE_BODY = skeleton("coco_wholebody_133")
PARTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
FACE = WHOLE_BODY.group("face")
GROUPS = ("body", "feet", "face", "left_hand", "right_hand")
STRIDE = 4  # crop pixels of a heatmap pixel
SIGMA = 2.0  # of the heatmap targets [heatmap px]
GOOD_OKS = 0.95
LEARNING_RATE = 4e-3

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # heatmaps, positions, weights -> scalar


@dataclass(frozen=True)
class People:
    """N people with their crops."""

    crops: Tensor  # (N, h, w, 3) RGB uint8
    regions: np.ndarray  # (N, 4) that the crops show [px of the picture]
    keypoints: np.ndarray  # (N, 133, 3) x y [px of the picture], 1 where labelled
    areas: np.ndarray  # (N,) [px^2]

    def positions(self) -> Tensor:
        """Return the keypoints (N, 133, 2) in heatmap pixels."""
        size = self.regions[:, None, 2:] - self.regions[:, None, :2]
        part = (self.keypoints[..., :2] - self.regions[:, None, :2]) / size
        height, width = self.crops.shape[1:3]
        return torch.tensor(part * [width / STRIDE, height / STRIDE], dtype=torch.float32)

    def weights(self) -> Tensor:
        """Return (N, 133): 1 where labelled."""
        return torch.tensor(self.keypoints[..., 2], dtype=torch.float32)


@dataclass(frozen=True)
class Variant:
    """A loss, and how the heatmaps that it makes are decoded."""

    loss: Loss
    decode_method: str


def by_heatmap(heatmaps: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Heatmaps for all keypoints."""
    targets = gaussian_targets(positions, tuple(heatmaps.shape[2:]), SIGMA)
    return heatmap_loss(heatmaps, targets, weights)


def by_integral(gradient: str) -> Loss:
    """Integral regression for all keypoints."""
    return partial(symmetric_integral_loss, gradient=gradient)


def combined(heatmaps: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Heatmaps for body and feet, integral for face and hands."""
    loss = CombinedLoss(num_heatmap=FACE.start, num_face=FACE.stop - FACE.start, sigma=SIGMA)
    return sum(loss(heatmaps, positions, weights).values())


VARIANTS = {
    "heatmap": Variant(by_heatmap, "heatmap"),
    "integral, symmetric": Variant(by_integral("symmetric"), "integral"),
    "integral, asymmetric": Variant(by_integral("asymmetric"), "integral"),
    "combined": Variant(combined, "combined"),
}


def read_people(folder: Path, count: int, input_size: tuple[int, int]) -> People:
    """Return the ``count`` people with most labelled keypoints, in crops of a height and width.

    Raises:
        SystemExit: the folder is not what it should be.
    """
    path = folder / "coco_wholebody_eval/example_gt.json"
    if not path.is_file():
        raise SystemExit(f"{path} is missing: FOLDER must be pose_datasets, see --help")
    labels = json.loads(path.read_text(encoding="utf-8"))
    names = {entry["id"]: entry["file_name"] for entry in labels["images"]}
    keypoints = {entry["id"]: read_keypoints(entry) for entry in labels["annotations"]}
    best = sorted(labels["annotations"], key=lambda entry: -keypoints[entry["id"]][:, 2].sum())
    crops, regions = [], []
    for entry in best[:count]:
        image = cv2.imread(str(folder / "coco/images" / names[entry["image_id"]]))
        if image is None:
            raise SystemExit(f"{folder}/coco/images/{names[entry['image_id']]} cannot be read")
        regions.append(crop_boxes(from_xywh(np.array([entry["bbox"]])), input_size))
        crops.append(crop_people(image, regions[-1], input_size))
    return People(
        torch.from_numpy(np.concatenate(crops)),
        np.concatenate(regions),
        np.stack([keypoints[entry["id"]] for entry in best[:count]]),
        np.array([entry["area"] for entry in best[:count]]),
    )


def read_keypoints(entry: dict) -> np.ndarray:
    """Return (133, 3) of one annotation: x y, 1 where labelled."""
    rows = np.concatenate([np.reshape(entry[part], (-1, 3)) for part in PARTS]).astype(float)
    rows[:, 2] = rows[:, 2] > 0
    return rows


def figures(heatmaps: Tensor, method: str, people: People) -> dict[str, float]:
    """Compare decoded heatmaps to the truth.

    Returns:
        "oks" and "worst oks" of the body; "face" and "hands": mean distance in parts of the
        group's own size (root of width times height of what is labelled). Where a heatmap has no
        peak, the middle of the crop stands in.
    """
    middle = (people.regions[:, None, :2] + people.regions[:, None, 2:]) / 2
    found = decode(heatmaps, people.regions, method)[..., :2]
    found = np.where(np.isfinite(found), found, middle)

    def distances(group: str) -> list[float]:
        rows = WHOLE_BODY.group(group)
        errors = []
        for place, truth in zip(found[:, rows], people.keypoints[:, rows], strict=True):
            known = truth[:, 2] > 0
            if known.sum() > 1:  # one keypoint has no size to measure by
                size = np.sqrt(np.ptp(truth[known, :2], axis=0).prod())
                way = np.linalg.norm(place[known] - truth[known, :2], axis=1)
                errors.append(way.mean() / size)
        return errors

    body = WHOLE_BODY.group("body")
    scores = [
        oks(truth[body], pose[None, body], area, WHOLE_BODY.sigmas[body])[0]
        for truth, pose, area in zip(people.keypoints, found, people.areas, strict=True)
    ]
    hands = distances("left_hand") + distances("right_hand")
    return {
        "oks": float(np.mean(scores)),
        "worst oks": float(np.min(scores)),
        "face": float(np.mean(distances("face"))),
        "hands": float(np.mean(hands)),
    }


def train(variant: Variant, people: People, steps: int, seed: int) -> list[dict[str, float]]:
    """Learn the people by heart; return the figures before every step."""
    torch.manual_seed(seed)
    network = build_pose_network("fastpose_small", WHOLE_BODY.id).train()
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=0.1)
    crops, positions, weights = normalised(people.crops), people.positions(), people.weights()
    spent_s, history = 0.0, []
    for step in range(steps):
        start_s = time.process_time()
        heatmaps = network(crops)
        optimizer.zero_grad()
        variant.loss(heatmaps, positions, weights).backward()
        optimizer.step()
        schedule.step()
        spent_s += time.process_time() - start_s
        now = figures(heatmaps.detach(), variant.decode_method, people)
        history.append({"step": step, "cpu_s": spent_s, **now})
        if step % 50 == 49:
            shown = ", ".join(f"{key} {value:.3f}" for key, value in history[-1].items())
            print(shown, file=sys.stderr, flush=True)
    return history


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--input-size", type=int, nargs=2, default=(128, 96), metavar=("H", "W"))
    parser.add_argument("--losses", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if any(side % 32 for side in options.input_size):
        parser.error("--input-size: H and W must be multiples of 32, or heatmaps grow too large")
    torch.set_num_threads(1)  # so that seconds of the processor are seconds
    people = read_people(options.folder, options.people, tuple(options.input_size))
    labelled = people.keypoints[..., 2]
    print(f"{len(people.crops)} people, labelled keypoints of each group: ", end="")
    print(", ".join(f"{g} {labelled[:, WHOLE_BODY.group(g)].sum():.0f}" for g in GROUPS))

    height, width = (side // STRIDE for side in options.input_size)
    perfect = gaussian_targets(people.positions(), (height, width), SIGMA)
    limit = figures(perfect, "heatmap", people)
    print(f"Heatmaps of {height} x {width}, decoded as exactly as they can be: ", end="")
    print(", ".join(f"{name} {value:.3f}" for name, value in limit.items()))

    runs = {}
    print(f"\n| loss | body OKS > {GOOD_OKS} after | CPU seconds | OKS at the end | worst person |")
    print("|---|---|---|---|---|")
    for name in options.losses:
        runs[name] = run = train(VARIANTS[name], people, options.steps, options.seed)
        good = next((row for row in run if row["oks"] > GOOD_OKS), None)
        when = f"{good['step']} steps | {good['cpu_s']:.0f}" if good else "never | -"
        print(
            f"| {name} | {when} | {run[-1]['oks']:.3f} | {run[-1]['worst oks']:.3f} |", flush=True
        )

    marks = [options.steps * part // 8 for part in (1, 2, 4, 6, 8)]
    print("\n| mean error / size of the group | " + " | ".join(f"{n} steps" for n in marks) + " |")
    print("|---|" + len(marks) * "---|")
    for group in ("face", "hands"):
        for name, run in runs.items():
            errors = " | ".join(f"{run[mark - 1][group]:.3f}" for mark in marks)
            print(f"| {group}: {name} | {errors} |")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(runs, indent=2) + "\n")


if __name__ == "__main__":
    main()
