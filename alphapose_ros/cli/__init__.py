"""The command `alphapose`: the library without ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from alphapose_ros import __version__

VERBS = {
    "config": "print all settings as a ROS parameter file",
    "eval": "measure results, networks and trackers on a data set",
    "models": "list the weights that there are",
    "run": "find the people in a video or picture",
    "synth": "render labelled pictures of synthetic people",
    "train": "train a network from a YAML file",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; each lies in the module of its name, with add_arguments() and run().

    Returns:
        The exit code: 0, or 1 after a wrong file or setting, whose error is printed.
    """
    parser = argparse.ArgumentParser(
        prog="alphapose", description="Whole-body poses and tracks of people."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, meaning in VERBS.items():
        verb = verbs.add_parser(name, help=meaning, description=meaning)
        import_module(f"{__name__}.{name}").add_arguments(verb)
    options = parser.parse_args(arguments)
    try:
        import_module(f"{__name__}.{options.verb}").run(options)
    except (ValueError, OSError, KeyError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f"alphapose {options.verb}: {message}", file=sys.stderr)
        return 1
    return 0
