"""The weights that come with the package, and how weights of any kind are loaded."""

from __future__ import annotations

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.models.official import build_official

__all__ = ["build_official", "load_checkpoint"]
