"""The command `alphapose`: the library without ROS."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from alphapose_ros import __version__

VERBS = {
    "compare": "say in what two results of the same images differ: bags, files, runs",
    "config": "print all settings as a ROS parameter file",
    "convert": "turn result files from one format into another",
    "doctor": "say what is wrong with camera, transport, weights or node, and the remedy",
    "eval": "measure results, networks and trackers on a data set",
    "fit-nms": "fit the constants of pose NMS to labelled pictures",
    "models": "weights: list, show, download, verify, identify, export as graphs",
    "run": "find the people in videos, pictures, cameras and bags",
    "synth": "render labelled pictures of synthetic people",
    "train": "train a network from a YAML file",
    "view": "show the results of a run as one web page, which opens without a server",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; each lies in the module of its name (- is _), with add_arguments() and run().

    Returns:
        The exit code: 0, 1 after a wrong file or setting, whose error is printed, 130 after
        Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog="alphapose", description="Whole-body poses and tracks of people."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, meaning in VERBS.items():
        verb = verbs.add_parser(
            name,
            help=meaning,
            description=meaning,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        import_module(f"{__name__}.{_module(name)}").add_arguments(verb)
    options = parser.parse_args(arguments)
    try:
        import_module(f"{__name__}.{_module(options.verb)}").run(options)
    except KeyboardInterrupt:
        print(f"alphapose {options.verb}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, KeyError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f"alphapose {options.verb}: {message}", file=sys.stderr)
        return 1
    return 0


def _module(verb: str) -> str:
    return verb.replace("-", "_")
