"""Training files: YAML whose sections fill typed settings, checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from alphapose_ros.config import Section, parse_setting, setting, with_values

AnySection = TypeVar("AnySection", bound=Section)
AnyData = TypeVar("AnyData", bound="DataConfig")


@dataclass(frozen=True)
class RunConfig(Section):
    """What the loop does, whatever the task."""

    steps: int = setting(60000, "Steps of the optimiser, all in all", low=1, high=100_000_000)
    stop_after_minutes: float = setting(
        0.0, "Save and stop after so long, to be resumed; 0 = at the last step", low=0, high=1e6
    )
    seed: int = setting(0, "Of weights, batches and augmentation", low=0, high=2**31 - 1)
    optimizer: str = setting("adamw", "Optimiser", choices=("adamw", "adam"))
    learning_rate: float = setting(2e-3, "At its highest", low=0.0, high=10.0)
    weight_decay: float = setting(
        0.02, "Of weights of more than one dimension, not of biases and norms", low=0.0, high=10.0
    )
    schedule: str = setting("cosine", "How the rate falls", choices=("cosine", "step", "constant"))
    warmup_steps: int = setting(150, "In which the rate rises to its full", low=0, high=1_000_000)
    hold: float = setting(
        0.15, "Schedule cosine: part of all steps before the rate falls", low=0.0, high=1.0
    )
    drops: tuple = setting((0.7, 0.9), "Schedule step: parts of all steps where it falls to 1/10")
    ema_decay: float = setting(
        0.999, "Of the moving average of the weights, the result; 0 = none", low=0.0, high=1.0
    )
    clip_norm: float = setting(
        5.0, "Longest gradient; longer ones are scaled down; 0 = any", low=0.0, high=1e9
    )
    precision: str = setting(
        "bfloat16", "Of the network's forward pass", choices=("float32", "bfloat16", "float16")
    )
    device: str = setting("auto", "Where to train: auto, cpu, cuda or cuda:N")
    threads: int = setting(
        1,
        "Of the network on a processor; 0 = all, or all but one of 2 to 4",
        low=0,
        high=256,
    )
    workers: int = setting(
        0, "Processes that make batches; 0 = the training process itself", low=0, high=256
    )
    log_steps: int = setting(50, "Steps between rows of log.csv", low=1, high=1_000_000)
    evaluate_steps: int = setting(
        2000, "Steps between evaluations, each with a sheet of predictions", low=1, high=100_000_000
    )
    checkpoint_minutes: float = setting(5.0, "Minutes between checkpoints", low=0.0, high=1e6)
    tensorboard: bool = setting(False, "Whether to write events for TensorBoard as well")


def read_training_file(path: str | Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Return the tree of settings in a training file, with ``overrides`` put in.

    Args:
        path: YAML with ``task`` and sections of settings.
        overrides: ``dotted.name=value`` each; a number in the name is a row of a list.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no YAML tree, or an override is none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"training file {path} does not exist; see config/training")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: no YAML: {error}") from None
    if not isinstance(tree, dict):
        raise ValueError(f"{path}: expected sections of settings; see config/training")
    for text in overrides:
        name, value = parse_setting(text)
        _put(tree, name, value)
    return tree


def _put(tree: dict[str, Any], name: str, value: Any) -> None:
    *parents, leaf = name.split(".")
    place: Any = tree
    try:
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        place[int(leaf) if isinstance(place, list) else leaf] = value
    except (AttributeError, IndexError, TypeError, ValueError):
        raise ValueError(f"{name}: there is no such place in the training file") from None


def section_from(tree: Any, default: AnySection, name: str) -> AnySection:
    """Return ``default`` with the values of one section of a training file.

    Args:
        tree: {setting: value}, or None for a section that is empty.
        default: the section with its default values.
        name: of the section, for errors.

    Raises:
        ValueError: a name is unknown or a value breaks its rules.
    """
    if tree is not None and not isinstance(tree, Mapping):
        raise ValueError(f"{name}: expected settings with values, got {tree!r}")
    values = {str(key): _fixed(value) for key, value in (tree or {}).items()}
    try:
        return with_values(default, values)
    except (KeyError, ValueError) as error:
        message = str(error.args[0]).replace("; see config/pose.yaml for all names", "")
        raise ValueError(f"{name}: {message}") from None


def _fixed(value: Any) -> Any:
    """Turn lists into tuples, all the way down."""
    return tuple(map(_fixed, value)) if isinstance(value, list) else value


def check_sections(tree: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse sections that nobody reads.

    Raises:
        ValueError: there is one.
    """
    for name in tree:
        if name not in set(known):
            raise ValueError(f"unknown section {name!r}; known are {', '.join(known)}")


@dataclass(frozen=True)
class DataConfig(Section):
    """One data set."""

    folder: str = setting("", "Pack, or pictures with annotations.json; ${NAME} is filled in")
    ratio: float = setting(
        1.0, "Share of the batches, beside the others'; 0: only for figures", low=0.0, high=1e6
    )


def data_sets(rows: Any, root: Path, default: AnyData) -> Iterator[tuple[AnyData, Path]]:
    """Yield the settings of each data set of a training file, and its folder.

    Args:
        rows: section ``data``.
        root: folder that the data sets' folders are relative to.
        default: of one data set.

    Raises:
        ValueError: there is no data set, or a setting is wrong.
        FileNotFoundError: there is no such folder.
    """
    if not isinstance(rows, list) or not rows:
        raise ValueError("data: expected a list of data sets, each with folder and ratio")
    for number, row in enumerate(rows):
        config = section_from(row, default, f"data.{number}")
        if not config.folder:
            raise ValueError(f"data.{number}: folder is missing")
        yield config, data_folder(config.folder, root)


def data_folder(text: str, root: Path) -> Path:
    """Return the folder that a training file names: ``${NAME}`` filled in, under ``root``.

    Raises:
        ValueError: the environment has no such variable.
        FileNotFoundError: there is no such folder.
    """
    filled = os.path.expandvars(text)
    if "$" in filled:
        raise ValueError(f"data folder {text!r}: set the environment variable that it names")
    folder = root / Path(filled).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"data folder {folder} does not exist; see --data and the file")
    return folder
