"""Up and down: in the optical frame of a camera that stands upright, and in all other frames."""

from __future__ import annotations

# Source: REP-103 (z up; of optical frames y down), REP-105.
UP_OF_CAMERA, DOWN_OF_CAMERA = (0.0, -1.0, 0.0), (0.0, 1.0, 0.0)
UP, DOWN = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)
