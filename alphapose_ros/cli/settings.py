"""The options that choose settings, the same for all verbs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from alphapose_ros.config import Config, load_config, parse_setting, with_values


def add_settings(parser: ArgumentParser) -> None:
    """Add --config and --set to a verb."""
    parser.add_argument("--config", metavar="FILE", help="settings, as `alphapose config` prints")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one setting, e.g. tracker.max_age_s=3; may be given several times",
    )


def chosen(options: Namespace) -> Config:
    """Return the settings that the options ask for.

    Raises:
        FileNotFoundError, ValueError, KeyError: a file, name or value is wrong.
    """
    values = dict(parse_setting(text) for text in options.settings)
    return with_values(load_config(options.config), values)
