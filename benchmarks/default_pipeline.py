"""How soon and how fast the default pipeline runs, by ONNX Runtime and by PyTorch.

    python benchmarks/default_pipeline.py PICTURE PICTURE PICTURE [--runs N] [--set NAME=VALUE ...]

The pictures, best of one person each, are put side by side into an image of 640x480: the first
one alone, then all three. Every run is a process of its own, which starts, makes a pipeline, and
processes first the one image, then the other, again and again. Runtimes take turns, so that
whatever else the machine does meets both. Medians are printed: of a run's frames, then of runs.
Where other programs run, processor time (cpu) says more than the time that passes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros import Frame, Pipeline
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import Config

SIZE = (640, 480)  # width, height [px]
RUNTIMES = ("onnx", "torch")
WARM_UP = 3  # frames of each scene that are not counted
RATE_HZ = 30.0  # by the stamps


def scene(pictures: list[Path]) -> np.ndarray:
    """Return the pictures side by side, each as large as fits, on grey.

    Raises:
        ValueError: one of them is no picture.
    """
    image = np.full((SIZE[1], SIZE[0], 3), 127, np.uint8)
    width = SIZE[0] // len(pictures)
    for number, path in enumerate(pictures):
        picture = cv2.imread(str(path))
        if picture is None:
            raise ValueError(f"{path}: no picture that OpenCV can read")
        scale = min(width / picture.shape[1], SIZE[1] / picture.shape[0])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = small[: SIZE[1], :width]
        left = number * width + (width - small.shape[1]) // 2
        image[: small.shape[0], left : left + small.shape[1]] = small
    return image


def peak_mb() -> float:
    """Return the largest memory that this process has had (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def measure(config: Config, pictures: list[Path], frames: int, began_s: float) -> dict:
    """Run in this process, which began at ``began_s`` (time.time)."""
    images = [scene(pictures[:1]), scene(pictures)]
    pipeline = Pipeline(config)
    pipeline(Frame(image=images[0], stamp_ns=0))
    start = {
        "start_s": time.time() - began_s,
        "start_cpu_s": time.process_time(),
        "start_mb": peak_mb(),
    }
    scenes = [frames_of(pipeline, image, frames) for image in images]
    return {**start, "scenes": scenes, "peak_mb": peak_mb()}


def frames_of(pipeline: Pipeline, image: np.ndarray, frames: int) -> dict[str, float]:
    """Return medians over frames of one image: people found, milliseconds in all and by stage."""
    pipeline.reset()
    rows = []
    for number in range(WARM_UP + frames):
        frame = Frame(image=image, stamp_ns=round(number / RATE_HZ * 1e9), index=number)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        result = pipeline.run(frame)
        frame_ms = 1e3 * (time.perf_counter() - began_s)
        cpu_ms = 1e3 * (time.process_time() - began_cpu_s)
        people = len(result.poses)
        rows.append({"people": people, "frame": frame_ms, "cpu": cpu_ms, **result.stage_ms})
    return medians(rows[WARM_UP:])


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each column."""
    return {name: float(np.median([row[name] for row in rows])) for name in rows[0]}


def fresh_run(arguments: list[str], runtime: str) -> dict:
    """Return what a new process measures."""
    command = [sys.executable, __file__, *arguments, "--child", runtime, str(time.time())]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def print_tables(results: dict[str, list[dict]]) -> None:
    """Print medians of all runs: the start, then the frames."""
    print("| runtime | first result | cpu until then | VmHWM then | VmHWM at the end |")
    print("|---|---|---|---|---|")
    for runtime, runs in results.items():
        row = medians([{n: v for n, v in run.items() if n != "scenes"} for run in runs])
        print(
            f"| {runtime} | {row['start_s']:.2f} s | {row['start_cpu_s']:.2f} s "
            f"| {row['start_mb']:.0f} MB | {row['peak_mb']:.0f} MB |"
        )
    stages = [name for name in results[RUNTIMES[0]][0]["scenes"][0] if name != "people"]
    print(f"\n| runtime | pictures | people found | fps | {' | '.join(stages)} |")
    print("|---" * (4 + len(stages)) + "|")
    for runtime, runs in results.items():
        for number, pictures in enumerate((1, 3)):
            row = medians([run["scenes"][number] for run in runs])
            cells = " | ".join(f"{row[stage]:.1f} ms" for stage in stages)
            fps = 1e3 / row["frame"]
            print(f"| {runtime} | {pictures} | {row['people']:.0f} | {fps:.1f} | {cells} |")


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs=3)
    parser.add_argument("--runs", type=int, default=5, help="of each runtime")
    parser.add_argument("--frames", type=int, default=40, help="of each image in a run")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)  # runtime, when it began
    add_settings(parser)
    options = parser.parse_args()
    if options.child:
        runtime, began_s = options.child
        config = replace(chosen(options), device="cpu", runtime=runtime)
        print(json.dumps(measure(config, options.pictures, options.frames, float(began_s))))
        return
    runs = [
        {runtime: fresh_run(sys.argv[1:], runtime) for runtime in RUNTIMES}
        for _ in range(options.runs)
    ]
    print_tables({runtime: [run[runtime] for run in runs] for runtime in RUNTIMES})


if __name__ == "__main__":
    main()
