"""What deformable convolution costs: ours, torchvision's operator and an ordinary convolution.

    python benchmarks/deformable.py [--people N ...] [--rounds N] [--json FILE]

Milliseconds are medians on one thread of the processor, the ways in turns, for the deformable
layers of FastPose-50 on crops of 256 x 192 with offsets of about two pixels, and for the whole
network with all of them (136 keypoints). torchvision's column is there where it is installed;
`difference` is the largest between its numbers and ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor

from alphapose_ros.pose import deformable
from alphapose_ros.pose.fastpose import fastpose_res50, fastpose_res50_dcn

LAYERS = {  # channels, height and width of the input, stride
    "layer2, first": (128, 64, 48, 2),
    "layer2": (128, 32, 24, 1),
    "layer3, first": (256, 32, 24, 2),
    "layer3": (256, 16, 12, 1),
    "layer4, first": (512, 16, 12, 2),
    "layer4": (512, 8, 6, 1),
}
OFFSET_PX = 2.0  # standard deviation
NETWORK = "FastPose-50"

Way = Callable[[], Tensor]


def layer_ways(name: str, people: int) -> dict[str, Way]:
    """Return the ways to compute one layer of LAYERS."""
    channels, height, width, stride = LAYERS[name]
    x = torch.randn(people, channels, height, width)
    offset = OFFSET_PX * torch.randn(people, 18, height // stride, width // stride)
    weight = torch.randn(channels, channels, 3, 3) / (9 * channels) ** 0.5
    how = {"stride": stride, "padding": 1}
    ways = {
        "convolution": partial(F.conv2d, x, weight, **how),
        "ours": partial(deformable.sampled_conv2d, x, offset, weight, **how),
    }
    operator = deformable.torchvision_operator()
    if operator:
        ways["torchvision"] = partial(operator, x, offset, weight, **how)
    return ways


def network_ways(people: int) -> dict[str, Way]:
    """Return the ways to compute all of FastPose-50."""
    x = torch.randn(people, 3, 256, 192)
    ordinary = fastpose_res50(136, 256).eval()
    network = fastpose_res50_dcn(136, 256).eval()
    for name, layer in network.named_modules():
        if name.endswith("conv2_offset"):
            layer.bias.normal_(std=OFFSET_PX)
    ways = {"convolution": partial(ordinary, x), "ours": partial(network, x)}
    operator = deformable.torchvision_operator()
    if operator:

        def by_torchvision(x: Tensor, offset: Tensor, weight: Tensor, mask: None, **how: int):
            return operator(x, offset, weight, mask=mask, **how)

        def with_torchvision() -> Tensor:
            with mock.patch.object(deformable, "sampled_conv2d", by_torchvision):
                return network(x)

        ways["torchvision"] = with_torchvision
    return ways


def measured(layer: str, people: int, rounds: int) -> dict[str, Any]:
    """Measure all ways to compute a layer, or the network, in turns."""
    ways = network_ways(people) if layer == NETWORK else layer_ways(layer, people)
    results = {name: way() for name, way in ways.items()}  # and nothing is done for the first time
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start_s = time.perf_counter()
            way()
            spent[name].append(1e3 * (time.perf_counter() - start_s))
    row = {"layer": layer, "people": people}
    row |= {f"{name}_ms": statistics.median(times) for name, times in spent.items()}
    if "torchvision" in results:
        row["difference"] = (results["torchvision"] - results["ours"]).abs().max().item()
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Return one line for each layer and number of people."""
    lines = ["| layer | people | convolution, ms | ours, ms | torchvision, ms | difference |"]
    lines.append("|---" * 6 + "|")
    for row in rows:
        texts = [row["layer"], str(row["people"])]
        for name in ("convolution", "ours", "torchvision"):
            time_ms = row.get(f"{name}_ms")
            texts.append("-" if time_ms is None else f"{time_ms:.1f}")
        texts.append(f"{row['difference']:.0e}" if "difference" in row else "-")
        lines.append(f"| {' | '.join(texts)} |")
    return "\n".join(lines)


@torch.inference_mode()
def main(arguments: list[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--layers", nargs="+", choices=[*LAYERS, NETWORK])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rows = [
        measured(layer, people, options.rounds)
        for people in options.people
        for layer in options.layers or [*LAYERS, NETWORK]
    ]
    print(table(rows))
    if deformable.torchvision_operator() is None:
        print(
            "torchvision is not installed for this PyTorch: its columns are empty.", file=sys.stderr
        )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
