"""Take the network out of a re-ID training: no classifier, half precision, and as a graph.

    python tools/reid_result.py runs/reid/ema.safetensors OUT

writes OUT.safetensors and OUT.onnx, which compute the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from alphapose_ros.models.export_reid import export_reid
from alphapose_ros.zoo import Weights

PREFIX = "reid."  # of the network's names in the training's
NETWORK, SIZE = "reid_small", (128, 64)


def take_out(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the network's tensors, those that are numbers with a fraction in half precision.

    Raises:
        ValueError: the file is not of a re-ID training.
    """
    own = {name[len(PREFIX) :]: value for name, value in state.items() if name.startswith(PREFIX)}
    if not own:
        raise ValueError(f"no tensor's name begins with {PREFIX!r}: not from a re-ID training")
    return {
        name: value.half() if value.is_floating_point() else value for name, value in own.items()
    }


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="ema.safetensors of a training")
    parser.add_argument("out", type=Path, help="without an ending")
    options = parser.parse_args()
    weights, graph = (options.out.with_suffix(end) for end in (".safetensors", ".onnx"))
    about = {"network": NETWORK, "input_size": "{}x{}".format(*SIZE)}
    save_file(take_out(load_file(options.weights)), weights, metadata=about)
    entry = Weights(
        name=NETWORK,
        task="reid",
        network=NETWORK,
        input_size=SIZE,
        licence="Apache-2.0",
    )
    export_reid(entry, graph, weights)
    for file in (weights, graph):
        sys.stdout.write(f"{file}: {file.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
