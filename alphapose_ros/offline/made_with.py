"""What the results of a run depend on: its source, settings and files of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alphapose_ros import __version__
from alphapose_ros.config import Config, leaves
from alphapose_ros.devices import pick_device, thread_count
from alphapose_ros.downloads import hash_of
from alphapose_ros.io.bag_source import BagSource
from alphapose_ros.io.ends import Source
from alphapose_ros.zoo import ZOO, graph_path, weights_path

FOR_NETWORKS = ("runtime", "detector.", "pose.", "filter.region", "filter.mask", "filter.max")
DIGITS = 16  # of a file's hash


def findings_made_with(config: Config, source: Source) -> dict[str, Any]:
    """Return names and values that poses depend on as the networks give them.

    Args:
        config: all settings.
        source: its name counts; whether its pictures are the same is seen picture by picture.

    Raises:
        ValueError: there is no such device.
    """
    settings = {
        name: value for name, (value, _) in leaves(config).items() if name.startswith(FOR_NETWORKS)
    }
    texts = {name: value for name, value in settings.items() if isinstance(value, str) and value}
    files = {
        f"{name}: {file.name}": hash_of(file)[:DIGITS]
        for name, value in texts.items()
        for file in _files(value)
    }
    topics = {"--topics image": source.topics.image} if isinstance(source, BagSource) else {}
    return {
        "version": __version__,
        "source": source.name,
        "--rate": source.rate_hz,
        "--sequence": source.is_sequence,
        **topics,
        "device": pick_device(config.device),
        "threads": thread_count(config.threads),
        **settings,
        **files,
    }


def run_made_with(config: Config, source: Source, **others: Any) -> dict[str, Any]:
    """Return names and values that all outputs of a run depend on; ``others`` are added."""
    return {
        "version": __version__,
        "source": source.name,
        "source.frame_count": source.frame_count,
        "source.rate_hz": source.rate_hz,
        "source.is_sequence": source.is_sequence,
        **{name: value for name, (value, _) in leaves(config).items()},
        **others,
    }


def _files(value: str) -> list[Path]:
    """Return the files that a setting names: a path, or weights by their name in the zoo."""
    weights = ZOO.get(value)
    if weights is None:
        files = [Path(value)]
    else:
        files = [weights_path(weights)] if weights.file else []
        files += [graph_path(weights)] if weights.onnx else []
    return [file for file in files if file.is_file()]
