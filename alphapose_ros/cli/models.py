"""`alphapose models`: the table of weights."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from alphapose_ros.zoo import ZOO, find_weights, weights_path


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument("name", nargs="?", help="print the card of these weights")


def run(options: Namespace) -> None:
    """Print all weights, or the model card of one."""
    if options.name:
        print(weights_path(find_weights(options.name)).with_suffix(".md").read_text("utf-8"))
        return
    for weights in ZOO.values():
        height, width = weights.input_size
        print(f"{weights.name}: {weights.task}, {weights.network}, {height} x {width}")
        print(f"    {weights.licence}; {weights.note}")
        print(f"    {weights_path(weights)}")
