"""What following people costs per frame, and whether memory grows with time.

    python benchmarks/tracking_cost.py [--tracker msim] [--frames 100000] [--video FILE]

The first table has crowds in which more people are tracked than are seen in a frame; each person
shows up in every frame with the same probability. "with looks" they bring embeddings, and are known
again by them. --video runs the default pipeline on a real video, re-ID network and all, and gives
the part of the time that tracking takes. --frames follows people who come and go for so many
frames, with looks, and fits a line to the memory of the process.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros import Frame, Pipeline, skeleton
from alphapose_ros.config import Config, TrackerConfig
from alphapose_ros.frame import Poses
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.embedding import EmbeddingSpace

CROWDS = ((5, 5), (20, 50), (200, 400))  # people seen in a frame, people tracked
PERIOD_NS = 40_000_000
WIDTH, HEIGHT = 1920, 1080  # [px]
WHOLE_BODY = skeleton("halpe_136")
SPACE = EmbeddingSpace(max_distance=0.45, digest="invented")
SIZE = 128  # of an embedding
TRACKERS = ("msim", "iou", "byte")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Crowd:
    """People who walk about, and turn around at the borders of the picture."""

    rng: np.random.Generator
    count: int

    def __post_init__(self) -> None:
        self.places = self.rng.uniform(0, [WIDTH, HEIGHT], (self.count, 2))
        self.speeds = self.rng.normal(0, 3, (self.count, 2))  # px per frame
        self.heights = self.rng.uniform(80, 160, self.count)
        self.shapes = self.rng.random((self.count, len(WHOLE_BODY.names), 2))
        self.looks = self.rng.normal(size=(self.count, SIZE))
        self.seen = np.empty(0, int)  # in the last step

    def step(self, seen: int) -> Poses:
        """Let everybody walk on; return the poses of ``seen`` of them."""
        self.places += self.speeds
        self.speeds[(self.places < 0) | (self.places > [WIDTH, HEIGHT])] *= -1
        rows = self.seen = self.rng.permutation(self.count)[:seen]
        sizes = self.heights[rows, None] * [0.4, 1.0]
        corners = self.places[rows] + self.rng.normal(0, 1, (seen, 2))
        places = corners[:, None] + self.shapes[rows] * sizes[:, None]
        places += self.rng.normal(0, 1, places.shape)
        scores = np.full((*places.shape[:2], 1), 0.8)
        return Poses(
            skeleton=WHOLE_BODY,
            keypoints=np.concatenate((places, scores), axis=2),
            boxes=np.concatenate((corners, corners + sizes), axis=1),
            box_scores=np.full(seen, 0.9),
            scores=np.full(seen, 0.9),
        )

    def embed(self, rows: np.ndarray) -> np.ndarray:
        """Return what some of those in the last step look like, (M, SIZE)."""
        looks = self.looks[self.seen[rows]]
        looks = looks + 0.5 * self.rng.normal(size=looks.shape)
        return (looks / np.linalg.norm(looks, axis=1, keepdims=True)).astype(np.float32)

    def replace(self, row: int) -> None:
        """Let one person leave and another one come."""
        new = Crowd(self.rng, 1)
        for mine, other in (
            (self.places, new.places),
            (self.speeds, new.speeds),
            (self.heights, new.heights),
            (self.shapes, new.shapes),
            (self.looks, new.looks),
        ):
            mine[row] = other[0]


def cost(
    name: str, seen: int, tracked: int, *, has_looks: bool, frames: int = 200
) -> tuple[float, float, float]:
    """Return milliseconds per frame, median and worst, and the mean number of tracks."""
    crowd = Crowd(np.random.default_rng(0), tracked)
    tracker = build_tracker(config(name), space=SPACE)
    embed = crowd.embed if has_looks else None
    durations, counts = [], []
    for number in range(frames):
        people = crowd.step(seen)
        start_s = time.perf_counter()
        tracks = tracker.update(people, number * PERIOD_NS, embed)
        if number >= frames // 2:  # everybody has been seen
            durations.append(1e3 * (time.perf_counter() - start_s))
            counts.append(len(tracks))
    return float(np.median(durations)), max(durations), float(np.mean(counts))


def shares(video: Path) -> dict[int, tuple[int, float, float]]:
    """Return {people: frames, median ms of tracking, its median part of the frame's time}."""
    pipeline, capture = Pipeline(Config()), cv2.VideoCapture(str(video))
    durations, number = defaultdict(list), 0
    while (image := capture.read()[1]) is not None:
        result = pipeline.run(Frame(image=image, stamp_ns=number * 100_000_000, index=number))
        total = sum(result.stage_ms.values())
        durations[len(result.poses)].append((result.stage_ms["track"], total))
        number += 1
    return {
        people: (
            len(rows),
            float(np.median([track for track, _ in rows])),
            float(np.median([track / total for track, total in rows])),
        )
        for people, rows in sorted(durations.items())
        if people
    }


def growth(name: str, frames: int) -> tuple[float, int]:
    """Follow five people, one of whom is replaced every second; return bytes per frame, and ids."""
    crowd = Crowd(np.random.default_rng(1), 5)
    tracker = build_tracker(config(name), space=SPACE)
    numbers, sizes, last = [], [], 0
    for number in range(frames):
        if number % 25 == 0:
            crowd.replace(number // 25 % crowd.count)
        tracks = tracker.update(crowd.step(crowd.count), number * PERIOD_NS, crowd.embed)
        last = max(last, int(tracks.ids.max(initial=0)))
        if number % max(frames // 200, 1) == 0 and number >= frames // 10:
            numbers.append(number)
            sizes.append(memory_bytes())
    return float(np.polyfit(numbers, sizes, 1)[0]), last


def config(name: str) -> TrackerConfig:
    """Return the settings, with tracks that outlive gaps."""
    return TrackerConfig(name=name, max_age_s=5.0, tentative_age_s=2.0)


def memory_bytes() -> int:
    """Return what the process holds in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracker", choices=TRACKERS, default="msim")
    parser.add_argument("--video", type=Path, help="of people; stamped at 10 frames a second")
    parser.add_argument("--frames", type=int, default=0, help="of the test of memory; 0: none")
    options = parser.parse_args()
    print(f"{options.tracker}, {len(WHOLE_BODY.names)} keypoints, one thread")
    print("\n| people seen | | tracks | median ms | worst ms |\n|---|---|---|---|---|")
    for seen, tracked in CROWDS:
        for has_looks in (False, True):
            median, worst, count = cost(options.tracker, seen, tracked, has_looks=has_looks)
            kind = "with looks" if has_looks else ""
            print(f"| {seen} | {kind} | {count:.0f} | {median:.2f} | {worst:.2f} |")
    if options.video:
        print("\n| people in the video | frames | tracking, ms | part of the frame |")
        print("|---|---|---|---|")
        for people, (frames, median, part) in shares(options.video).items():
            print(f"| {people} | {frames} | {median:.2f} | {100 * part:.1f} % |")
    if options.frames:
        slope, ids = growth(options.tracker, options.frames)
        print(f"\n{options.frames} frames, {ids} tracks: memory grows by {slope:.2f} bytes a frame")


if __name__ == "__main__":
    main()
