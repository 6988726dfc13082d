"""`alphapose models`: the table of weights, and graphs made from them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from alphapose_ros.zoo import ZOO, find_weights, weights_path


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument("name", nargs="?", help="print the card of these weights")
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write them as a graph for ONNX Runtime (.onnx), in half precision",
    )
    parser.add_argument(
        "--weights", default="", metavar="FILE", help="with --export: weights in place of their own"
    )


def run(options: Namespace) -> None:
    """Print all weights, or the model card of one, or write its graph.

    Raises:
        ValueError: there are no such weights, or options do not go together.
    """
    if not options.name and (options.export or options.weights):
        raise ValueError(f"--export needs the name of a model: {', '.join(ZOO)}")
    if options.weights and not options.export:
        raise ValueError("--weights goes with --export FILE")
    if options.export:
        write_graph(options.name, options.export, options.weights)
    elif options.name:
        print(weights_path(find_weights(options.name)).with_suffix(".md").read_text("utf-8"))
    else:
        list_all()


def write_graph(name: str, path: Path, own_file: str) -> None:
    """Write the graph of the weights called ``name``, or of others for the same network.

    Raises:
        ValueError: there are no such weights, they do not fit, or what writes graphs is missing.
    """
    try:
        from alphapose_ros.models.export import export
    except ImportError as error:
        raise ValueError(f"--export needs {error.name}: pip install onnx onnxscript") from None
    export(find_weights(name), path, own_file)


def list_all() -> None:
    """Print a few lines on each of the weights."""
    for weights in ZOO.values():
        height, width = weights.input_size
        print(f"{weights.name}: {weights.task}, {weights.network}, {height} x {width}")
        print(f"    {weights.licence}; {weights.note}")
        print(f"    {weights_path(weights)}")
