"""YOLOX-s and FastPose-50 with 136 keypoints, as the reference runs them: loading and speed.

    python benchmarks/official_pipeline.py PICTURE [--people 1 5 20] [--frames 20]

The weights are random, drawn from a fixed seed and written to a temporary folder, since the
official ones cannot be shipped: what is found means nothing, what it costs does. Every one of the
boxes that such a detector draws counts, so that there are always as many people as asked for.

First the pose network is loaded from a file, each time in a process of its own: as the package
loads it, and as is usual, where a network with weights of its own is filled from a second copy.
Then frames are run on the device that `device: auto` picks. Where there is a GPU, heatmaps of the
same crops on it and on the processor are compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from default_pipeline import peak_mb
from torch import nn

from alphapose_ros import Frame, Pipeline
from alphapose_ros.checkpoints import load_checkpoint, load_network
from alphapose_ros.config import Config, load_config, with_values
from alphapose_ros.detection.networks import build_detection_network
from alphapose_ros.pose import build_pose_network

DETECTOR, POSE = "yolox_s", "fastpose_res50_halpe_136_integral"
WAYS = ("ours", "usual")
LOADS = 5  # of each way
WARM_UP = 3  # frames
RATE_HZ = 30.0  # by the stamps


def build_pose() -> nn.Module:
    """Return the pose network with random weights."""
    return build_pose_network("fastpose_res50", "halpe_136", head_channels=256)


def random_weights(folder: Path) -> tuple[Path, Path]:
    """Write random weights of the detector and of the pose network."""
    torch.manual_seed(0)
    files = folder / "yolox_s.pth", folder / "fastpose.pth"
    networks = build_detection_network(DETECTOR), build_pose()
    for file, network in zip(files, networks, strict=True):
        torch.save(network.state_dict(), file)
    return files


def load(way: str, file: Path) -> dict[str, float]:
    """Load the pose network once, in this process."""
    before_mb, began_s = peak_mb(), time.perf_counter()
    if way == "ours":
        load_network(build_pose, file)
    else:
        network = build_pose()
        network.load_state_dict(torch.load(file, weights_only=True))
    return {"seconds": time.perf_counter() - began_s, "grown_mb": peak_mb() - before_mb}


def print_loading(file: Path) -> None:
    """Print how long loading takes and how much memory, by either way."""
    runs: dict[str, list] = {way: [] for way in WAYS}
    for _ in range(LOADS):
        for way in WAYS:
            command = [sys.executable, __file__, "--load", way, str(file)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            runs[way].append(json.loads(done.stdout))
    print(f"\n{file.stat().st_size / 2**20:.0f} MiB from a warm file\n")
    print("| way | seconds | memory grows by |\n|---|---|---|")
    for way, found in runs.items():
        seconds, grown = (np.median([one[key] for one in found]) for key in ("seconds", "grown_mb"))
        print(f"| {way} | {seconds:.2f} | {grown:.0f} MiB |")


def config_for(detector: Path, pose: Path, people: int) -> Config:
    """Return settings by which exactly ``people`` boxes are looked at."""
    values = {
        "detector.model": DETECTOR,
        "detector.weights": str(detector),
        "detector.score_threshold": 0.0,
        "detector.max_people": people,
        "pose.model": POSE,
        "pose.weights": str(pose),
        "suppression.name": "none",
    }
    return with_values(load_config(None), values)


def print_speed(image: np.ndarray, files: tuple[Path, Path], people: list[int], frames: int):
    """Print how fast frames are run."""
    print("\n| device | people | fps | p50 | p95 |\n|---|---|---|---|---|")
    for count in people:
        pipeline = Pipeline(config_for(*files, count))
        spent_ms = []
        for number in range(WARM_UP + frames):
            frame = Frame(image=image, stamp_ns=round(number / RATE_HZ * 1e9), index=number)
            began_s = time.perf_counter()
            found = pipeline.run(frame)
            spent_ms.append(1e3 * (time.perf_counter() - began_s))
        p50, p95 = np.percentile(spent_ms[WARM_UP:], (50, 95))
        fps = 1e3 / np.mean(spent_ms[WARM_UP:])
        device = "cuda" if torch.cuda.is_available() else "cpu"
        print(f"| {device} | {len(found.poses)} | {fps:.1f} | {p50:.0f} ms | {p95:.0f} ms |")


def print_difference(file: Path) -> None:
    """Print how far heatmaps on a GPU are from those on the processor."""
    if not torch.cuda.is_available():
        print("\nheatmaps on a GPU: not run: no GPU")
        return
    crops = torch.rand(4, 3, 256, 192, generator=torch.manual_seed(1)) - 0.45
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    network = load_checkpoint(build_pose(), file)
    with torch.inference_mode():
        ours = network(crops)
        theirs = network.cuda()(crops.cuda()).cpu()
    print(f"\nheatmaps on a GPU: largest difference {(ours - theirs).abs().max():.2e}")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path, nargs="?")
    parser.add_argument("--people", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)  # way, file
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.load[0], Path(options.load[1]))))
        return
    image = cv2.imread(str(options.picture))
    if image is None:
        parser.exit(2, f"{options.picture}: no picture that OpenCV can read\n")
    with tempfile.TemporaryDirectory() as folder:
        files = random_weights(Path(folder))
        print_loading(files[1])
        print_speed(image, files, options.people, options.frames)
        print_difference(files[1])


if __name__ == "__main__":
    main()
