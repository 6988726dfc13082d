"""Positions of people in metres, from depth images or the ground plane."""

from __future__ import annotations

from alphapose_ros.config import LiftingConfig
from alphapose_ros.lifting.ground import Ground
from alphapose_ros.lifting.lifter import Lifter

__all__ = ["Ground", "Lifter", "build_lifter"]


def build_lifter(config: LiftingConfig) -> Lifter | None:
    """Return what gives tracks their positions, or None where ``config`` names nothing."""
    return None if config.name == "none" else Lifter(config)
