"""Positions of people in metres, from depth images or the ground plane."""

from __future__ import annotations

from alphapose_ros.config import LiftingConfig
from alphapose_ros.lifting.ground import Ground
from alphapose_ros.lifting.lifter import Lifter

__all__ = ["Ground", "Lifter", "build_lifter", "needs_ground"]


def build_lifter(config: LiftingConfig) -> Lifter | None:
    """Return what gives tracks their positions, or None where ``config`` names nothing."""
    return None if config.name == "none" else Lifter(config)


def needs_ground(config: LiftingConfig) -> bool:
    """Tell whether people stand on a ground that the settings do not give."""
    return config.name in ("ground", "auto") and config.camera_height_m <= 0
