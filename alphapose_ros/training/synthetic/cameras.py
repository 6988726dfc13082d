"""Pinhole cameras: where they stand, where they look, what they see.

The world has y up; the camera x right, y down, z forward (REP-103's optical frame). The centre of
the first pixel is 0 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# From our world to one of REP-103: x forward, y left, z up.
TO_MAP = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], np.float64)


@dataclass(frozen=True)
class Camera:
    """Intrinsics and pose."""

    matrix: np.ndarray  # (3, 3) K
    rotation: np.ndarray  # (3, 3) from the world to the camera
    eye: np.ndarray  # (3,) where the camera is in the world [m]

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 3) of the world in the camera's frame [m]."""
        return (points - self.eye) @ self.rotation.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return x y [px] and depth [m] (..., 3) of points of the world (..., 3)."""
        seen = self.to_camera(points)
        depth = seen[..., 2:]
        safe = np.where(abs(depth) > 1e-6, depth, 1e-6)
        return np.concatenate([(seen @ self.matrix.T)[..., :2] / safe, depth], axis=-1)

    def window(self, left: float, top: float, scale: float) -> Camera:
        """Return the camera whose picture is a part of this one's, enlarged by ``scale``.

        Pixel x of this picture lies at (x - left) * scale of the new one.
        """
        cut = np.array([[scale, 0, -left * scale], [0, scale, -top * scale], [0, 0, 1]])
        return Camera(cut @ self.matrix, self.rotation, self.eye)

    def finer(self, factor: int) -> Camera:
        """Return the camera with ``factor`` times the pixels on each side of a pixel."""
        shift = (factor - 1) / 2  # the centre of a pixel, counted in fine ones
        grow = np.array([[factor, 0, shift], [0, factor, shift], [0, 0, 1]])
        return Camera(grow @ self.matrix, self.rotation, self.eye)

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return float(self.matrix[0, 0])


def pinhole(focal_px: float, size: tuple[int, int]) -> np.ndarray:
    """Return K (3, 3) of a camera whose axis meets the middle of a picture height x width."""
    height, width = size
    return np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1.0]])


def looking(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Return the rotation (3, 3) from the world to a camera that looks along these angles [rad].

    Args:
        yaw: 0 looks along -z of the world, towards people who face the camera; positive to the
            camera's right.
        pitch: positive looks down.
        roll: positive turns the picture clockwise.
    """
    forward = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0.0, np.sin(yaw)])
    down = np.cross(forward, right)
    upright = np.stack([right, down, forward])
    c, s = np.cos(roll), np.sin(roll)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ upright


def looking_at(eye: np.ndarray, target: np.ndarray, roll: float = 0.0) -> np.ndarray:
    """Return the rotation (3, 3) of a camera at ``eye`` (3,) that looks at ``target`` (3,)."""
    x, y, z = np.asarray(target, np.float64) - eye
    return looking(np.arctan2(x, -z), -np.arctan2(y, np.hypot(x, z)), roll)
