"""Whole-body poses and tracks of people, from camera images to ROS 2 topics."""

from __future__ import annotations

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alphapose_ros.config import load_config
    from alphapose_ros.conversions import Person, from_numpy, to_numpy
    from alphapose_ros.frame import Detections, Frame, Poses, Tracks, TrackState
    from alphapose_ros.pipeline import Pipeline
    from alphapose_ros.skeletons import skeleton

__version__ = "0.1.0"

# The compiled messages (alphapose_ros.msg, .srv) may lie in another folder.
__path__ = extend_path(__path__, __name__)

_HOME = {
    "Detections": "frame",
    "Frame": "frame",
    "Person": "conversions",
    "Pipeline": "pipeline",
    "Poses": "frame",
    "TrackState": "frame",
    "Tracks": "frame",
    "from_numpy": "conversions",
    "load_config": "config",
    "skeleton": "skeletons",
    "to_numpy": "conversions",
}
__all__ = [
    "Detections",
    "Frame",
    "Person",
    "Pipeline",
    "Poses",
    "TrackState",
    "Tracks",
    "from_numpy",
    "load_config",
    "skeleton",
    "to_numpy",
]


def __getattr__(name: str) -> Any:
    """Import public names when first used: who only wants a message must not load torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
