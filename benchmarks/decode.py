"""How long it takes to find keypoints in heatmaps, beside the reference.

    [ALPHAPOSE_REFERENCE=FOLDER] python benchmarks/decode.py [--people N ...] [--json FILE]

Milliseconds are those of the processor, on one thread, for all people of a picture: the median of
many calls. ALPHAPOSE_REFERENCE names the folder of AlphaPose's own source, which is run on the same
heatmaps, a person at a time as it does it, a few calls of each in turns; `px` is the largest
distance between what both find. Without it, stored times of the reference for one person stand in,
which were taken on another day: what is said of them is rough.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alphapose_ros.pose.heatmap import INTEGRAL_KEYPOINTS, decode

HEIGHT, WIDTH = 64, 48  # of the official models' heatmaps
BOX = (100.25, 50.5, 340.25, 370.5)  # x1 y1 x2 y2 [px]
CASES = {  # keypoints: decodings
    136: ("combined", "integral", "heatmap", "combined_dark", "dark"),
    26: ("integral", "heatmap", "dark"),
    17: ("integral", "heatmap", "dark"),
}
CALLS = 4  # of one way, until it is the other one's turn
STORED_MS = {  # of the reference: decoding, keypoints: one person (EPYC, PyTorch 2.13, NumPy 2.4)
    ("heatmap", 17): 0.25,
    ("heatmap", 26): 0.38,
    ("heatmap", 136): 1.94,
    ("integral", 17): 0.32,
    ("integral", 26): 0.44,
    ("integral", 136): 2.15,
    ("combined", 136): 2.18,
}

Decoder = Callable[[Tensor, np.ndarray], np.ndarray]  # heatmaps, boxes -> keypoints (N, K, 3)


def made_heatmaps(people: int, keypoints: int, rng: np.random.Generator) -> Tensor:
    """Return heatmaps (N, K, h, w) with a peak of 1 each, in noise."""
    x, y = rng.uniform(2, [[[WIDTH - 3]], [[HEIGHT - 3]]], (2, people, keypoints))[..., None]
    across = np.exp(-((np.arange(WIDTH) - x) ** 2) / 8)
    down = np.exp(-((np.arange(HEIGHT) - y) ** 2) / 8)
    noise = rng.normal(0, 0.02, (people, keypoints, HEIGHT, WIDTH))
    heatmaps = down[..., :, None] * across[..., None, :] + noise
    return torch.from_numpy(heatmaps.astype(np.float32))


def reference_module() -> ModuleType | None:
    """Return the reference's functions, None where it is not said where they are.

    Raises:
        SystemExit: they are not there.
    """
    folder = os.environ.get("ALPHAPOSE_REFERENCE")
    if not folder:
        return None
    sys.path.insert(0, folder)
    try:
        return import_module("alphapose.utils.transforms")
    except ImportError as error:
        raise SystemExit(f"ALPHAPOSE_REFERENCE: {folder} cannot be used: {error}") from None


def reference_decoder(module: ModuleType, method: str) -> Decoder | None:
    """Return the reference's way to decode by ``method``, None where it has none."""

    def by_heatmap(heatmaps: Tensor, box: list[float]) -> np.ndarray:
        return np.concatenate(module.heatmap_to_coord_simple(heatmaps, box), axis=-1)

    def by_integral(heatmaps: Tensor, box: list[float]) -> np.ndarray:
        size, norm = (HEIGHT, WIDTH), "sigmoid"
        found = module.heatmap_to_coord_simple_regress(heatmaps, box, size, norm)
        return np.concatenate(found, axis=-1)

    def combined(heatmaps: Tensor, box: list[float]) -> np.ndarray:
        first = len(heatmaps) - INTEGRAL_KEYPOINTS[len(heatmaps)]
        parts = by_heatmap(heatmaps[:first], box), by_integral(heatmaps[first:], box)
        return np.concatenate(parts)

    one = {"heatmap": by_heatmap, "integral": by_integral, "combined": combined}.get(method)
    if one is None:
        return None
    return lambda heatmaps, boxes: np.stack(
        [one(person, box.tolist()) for person, box in zip(heatmaps, boxes, strict=True)]
    )


def cpu_ms(decoder: Decoder, heatmaps: Tensor, boxes: np.ndarray) -> list[float]:
    """Return how long each of some calls takes.

    After one that is not measured: a network has just written its heatmaps, so they are in the
    cache, and what the other one left there is not our business.
    """
    spent = []
    for _ in range(1 + CALLS):
        start_s = time.process_time()
        decoder(heatmaps, boxes)
        spent.append(1e3 * (time.process_time() - start_s))
    return spent[1:]


def measured(
    method: str, heatmaps: Tensor, module: ModuleType | None, rounds: int
) -> dict[str, Any]:
    """Measure one decoding of some heatmaps, ours and the reference's in turns."""
    people, keypoints = heatmaps.shape[:2]
    boxes = np.tile(BOX, (people, 1))
    ways: dict[str, Decoder] = {"ours_ms": partial(decode, method=method)}
    theirs = reference_decoder(module, method) if module else None
    if theirs:
        ways["reference_ms"] = theirs
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            spent[name] += cpu_ms(way, heatmaps, boxes)
    row = {"keypoints": keypoints, "people": people, "decoding": method, "reference_ms": None}
    row |= {name: statistics.median(times) for name, times in spent.items()}
    if theirs:
        found = [way(heatmaps, boxes)[..., :2] for way in ways.values()]
        row["px"] = float(np.nanmax(np.abs(found[0] - found[1])))
    elif not module and (method, keypoints) in STORED_MS:
        row["reference_ms"] = people * STORED_MS[method, keypoints]
    if row["reference_ms"]:
        row["times"] = row["reference_ms"] / row["ours_ms"]
    return row


def table(rows: list[dict[str, Any]], reference: str) -> str:
    """Return one line for each decoding and number of people."""
    lines = [f"| keypoints | people | decoding | ours, ms | {reference}, ms | times | px |"]
    lines.append("|---" * 7 + "|")
    for row in rows:
        texts = [str(row["keypoints"]), str(row["people"]), row["decoding"]]
        texts.append(f"{row['ours_ms']:.2f}")
        texts.append(f"{row['reference_ms']:.1f}" if row["reference_ms"] else "-")
        texts.append(f"{row['times']:.1f}" if "times" in row else "-")
        texts.append(f"{row['px']:.0e}" if "px" in row else "-")
        lines.append(f"| {' | '.join(texts)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--keypoints", type=int, nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    module = reference_module()
    rng = np.random.default_rng(options.seed)
    rows = []
    for keypoints in options.keypoints:
        for people in options.people:
            heatmaps = made_heatmaps(people, keypoints, rng)
            for method in CASES[keypoints]:
                rows.append(measured(method, heatmaps, module, options.rounds))
    print(table(rows, "reference" if module else "reference (stored)"))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
