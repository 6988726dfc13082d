"""What following people costs per frame, and whether memory grows with time.

    python benchmarks/tracking_cost.py [--tracker msim] [--frames 100000]

The first table has crowds in which more people are tracked than are seen in a frame; each person
shows up in every frame with the same probability. The last lines follow people who come and go for
--frames frames and fit a line to the memory of the process.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros import skeleton
from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses
from alphapose_ros.tracking import TRACKERS, build_tracker

CROWDS = ((5, 5), (20, 50), (200, 400))  # people seen in a frame, people tracked
PERIOD_NS = 40_000_000
WIDTH, HEIGHT = 1920, 1080  # [px]
WHOLE_BODY = skeleton("halpe_136")
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

    def step(self, seen: int) -> Poses:
        """Let everybody walk on; return the poses of ``seen`` of them."""
        self.places += self.speeds
        self.speeds[(self.places < 0) | (self.places > [WIDTH, HEIGHT])] *= -1
        rows = self.rng.permutation(self.count)[:seen]
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

    def replace(self, row: int) -> None:
        """Let one person leave and another one come."""
        new = Crowd(self.rng, 1)
        for mine, other in (
            (self.places, new.places),
            (self.speeds, new.speeds),
            (self.heights, new.heights),
            (self.shapes, new.shapes),
        ):
            mine[row] = other[0]


def cost(name: str, seen: int, tracked: int, frames: int = 200) -> tuple[float, float, float]:
    """Return milliseconds per frame, median and worst, and the mean number of tracks."""
    crowd, tracker = Crowd(np.random.default_rng(0), tracked), build_tracker(config(name))
    durations, counts = [], []
    for number in range(frames):
        people = crowd.step(seen)
        start_s = time.perf_counter()
        tracks = tracker.update(people, number * PERIOD_NS)
        if number >= frames // 2:  # everybody has been seen
            durations.append(1e3 * (time.perf_counter() - start_s))
            counts.append(len(tracks))
    return float(np.median(durations)), max(durations), float(np.mean(counts))


def growth(name: str, frames: int) -> tuple[float, int]:
    """Follow five people, one of whom is replaced every second; return bytes per frame, and ids."""
    crowd, tracker = Crowd(np.random.default_rng(1), 5), build_tracker(config(name))
    numbers, sizes, last = [], [], 0
    for number in range(frames):
        if number % 25 == 0:
            crowd.replace(number // 25 % crowd.count)
        tracks = tracker.update(crowd.step(crowd.count), number * PERIOD_NS)
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
    parser.add_argument("--tracker", choices=sorted(TRACKERS), default="msim")
    parser.add_argument("--frames", type=int, default=0, help="of the test of memory; 0: none")
    options = parser.parse_args()
    print(f"{options.tracker}, {len(WHOLE_BODY.names)} keypoints, one thread")
    print("\n| people seen | tracks | median ms | worst ms |\n|---|---|---|---|")
    for seen, tracked in CROWDS:
        median, worst, count = cost(options.tracker, seen, tracked)
        print(f"| {seen} | {count:.0f} | {median:.2f} | {worst:.2f} |")
    if options.frames:
        slope, ids = growth(options.tracker, options.frames)
        print(f"\n{options.frames} frames, {ids} tracks: memory grows by {slope:.2f} bytes a frame")


if __name__ == "__main__":
    main()
