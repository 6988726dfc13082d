"""`alphapose config`: all settings with their meanings."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import to_yaml


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    add_settings(parser)


def run(options: Namespace) -> None:
    """Print a ROS parameter file."""
    print(to_yaml(chosen(options)), end="")
