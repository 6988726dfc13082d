"""What five concurrent stages are worth to `alphapose run`, and how much memory they take.

    python benchmarks/offline.py --video VIDEO [--save WHAT] [--frames N] [--rounds R]
        [--set NAME=VALUE ...]
    python benchmarks/offline.py --memory --video VIDEO [--set NAME=VALUE ...]

The first runs the video in five threads and in one, in turns and with the same settings, threads of
the networks among them, in one process with one pipeline, and writes each time what `alphapose run
--save WHAT` would, results.json and overlay.mp4 unless told. Printed are the medians of all rounds,
the ratio of the two in each round, and how long a frame takes in each stage: the slowest stage, or
all of them over the number of cores, bounds what five threads can do.

The second measures the largest memory (VmHWM) of processes that run 1 and 10 minutes of the video,
repeated, at 10 frames per second and 480x270 pixels, with one box per frame from a file in place of
a detector, so that it ends soon; pose network, tracking, drawing and writing are the usual ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import Config, with_values
from alphapose_ros.frame import Frame
from alphapose_ros.io.ends import Item, Problem
from alphapose_ros.io.sources import open_sources
from alphapose_ros.offline.folder import Earlier
from alphapose_ros.offline.run import Wish, run_source
from alphapose_ros.offline.summary import Summary
from alphapose_ros.pipeline import Pipeline

SAVE = ("json", "video")
RATE_HZ = 10.0
SIZE = (480, 270)  # width, height [px]
BOX = (150, 20, 120, 240)  # x y width height [px]
MINUTES = (1, 10)
REPEATED = 50  # frames of the video, which are in memory from the beginning
STAGES = ("read", "detect", "pose", "follow", "write")


class Repeated:
    """The first frames of a video again and again, as a source of some length."""

    def __init__(self, video: str, count: int) -> None:
        self.name, self.rate_hz, self.frame_count = Path(video).name, RATE_HZ, count
        self.is_sequence = True
        self.problems: list[Problem] = []
        capture = cv2.VideoCapture(video)
        read = (capture.read() for _ in range(REPEATED))
        self._images = [cv2.resize(image, SIZE) for is_there, image in read if is_there]

    def __enter__(self) -> Repeated:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is open."""

    def __iter__(self) -> Iterator[Item]:
        for index in range(self.frame_count):
            image = self._images[index % len(self._images)].copy()  # as if it had been decoded
            stamp_ns = round(index * 1e9 / RATE_HZ)
            frame = Frame(image=image, stamp_ns=stamp_ns, index=index)
            yield Item(frame=frame, name=f"{index}.jpg", received_ns=stamp_ns)


def peak_mb() -> float:
    """Return the largest memory that this process has had (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def run_once(video: str, pipeline: Pipeline, wish: Wish, folder: Path) -> Summary:
    """Run a video with a pipeline that has been used before."""
    pipeline.reset()
    [source] = open_sources([video])
    with source:
        return run_source(
            source,
            folder,
            wish,
            earlier=Earlier.OVERWRITTEN,
            build_pipeline=lambda config: pipeline,
        )


def compare(options: argparse.Namespace) -> None:
    """Print what five threads are worth."""
    config = chosen(options)
    pipeline = Pipeline(config)
    wish = Wish(config=config, save=tuple(options.save.split(",")), limit=options.frames)
    found: dict[bool, list[Summary]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        run_once(options.video, pipeline, replace(wish, limit=3), Path(folder) / "warm")
        for number in range(options.rounds):
            turns = (True, False) if number % 2 else (False, True)
            for concurrent in turns:
                turn = replace(wish, concurrent=concurrent)
                found[concurrent].append(
                    run_once(options.video, pipeline, turn, Path(folder) / "out")
                )
    print("| stages | frames/s | " + " | ".join(f"{name} [ms]" for name in STAGES) + " |")
    print("|---" * (len(STAGES) + 2) + "|")
    for concurrent, name in ((False, "one thread"), (True, "five threads")):
        runs = found[concurrent]
        rate = np.median([run.fps for run in runs])
        spent = [np.median([1e3 / run.stage_fps[name] for run in runs]) for name in STAGES]
        print(f"| {name} | {rate:.2f} | " + " | ".join(f"{ms:.1f}" for ms in spent) + " |")
    ratios = np.array([a.fps / b.fps for a, b in zip(found[True], found[False], strict=True)])
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    print(
        f"\nfive threads against one: {middle:.2f} times as fast (median of {len(ratios)} rounds, "
        f"quartiles {low:.2f} to {high:.2f}, worst {ratios.min():.2f}); "
        f"{found[True][0].frames} frames each"
    )


def child(options: argparse.Namespace) -> None:
    """Run some minutes in this process, and print its memory."""
    count = round(60 * RATE_HZ * options.child)
    with tempfile.TemporaryDirectory() as folder:
        boxes = Path(folder) / "boxes.json"
        entries = [{"image_id": i, "bbox": BOX, "score": 0.9} for i in range(count)]
        boxes.write_text(json.dumps(entries))
        values = {
            "detector.name": "file",
            "detector.boxes_file": str(boxes),
            "suppression.min_score": 0.0,  # there is always somebody
            "tracker.min_score": 0.0,
        }
        config: Config = with_values(chosen(options), values)
        wish = Wish(config=config, save=SAVE)
        summary = run_source(Repeated(options.video, count), Path(folder) / "out", wish)
    figures = {"frames": summary.frames, "poses": summary.poses, "seconds": summary.seconds}
    print(json.dumps({**figures, "peak_mb": peak_mb()}))


def memory(options: argparse.Namespace, arguments: list[str]) -> None:
    """Print the memory of processes of some minutes."""
    print("| minutes | frames | poses | took | VmHWM |")
    print("|---|---|---|---|---|")
    peaks = []
    for minutes in MINUTES:
        command = [sys.executable, __file__, *arguments, "--child", str(minutes)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = json.loads(out.splitlines()[-1])
        peaks.append(found["peak_mb"])
        print(
            f"| {minutes} | {found['frames']} | {found['poses']} | {found['seconds']:.0f} s "
            f"| {found['peak_mb']:.1f} MB |",
            flush=True,
        )
    print(f"\n{MINUTES[1]} minutes against {MINUTES[0]}: {100 * (peaks[1] / peaks[0] - 1):+.1f} %")


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", required=True)
    parser.add_argument(
        "--save", default=",".join(SAVE), help="outputs, as `alphapose run` has them"
    )
    parser.add_argument("--frames", type=int, help="at most, of the video")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="memory in place of speed")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    add_settings(parser)
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    if options.child:
        child(options)
    elif options.memory:
        memory(options, arguments)
    else:
        compare(options)


if __name__ == "__main__":
    main()
