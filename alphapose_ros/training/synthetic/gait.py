"""Walking and standing people: where they are, which way they face, how their limbs move.

The angles are those of common gait analysis, as sums of a few bumps over the cycle that begins when
the left heel touches the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.training.synthetic import rotations

_X, _Y, _Z = np.eye(3)
_STRIDE_M = 1.45  # of full steps, for both legs together
_FULL_SPEED = 1.1  # m/s, from which steps are full
_TURNING_S = 0.35  # how long a turn takes


@dataclass(frozen=True)
class Style:
    """How somebody moves."""

    phase: float  # [rad] at the start
    arms_deg: float  # how far the arms hang from the body
    swing: float  # of arms and legs, 1 is usual
    lean_deg: float
    wave_hz: float  # of idle movement


@dataclass(frozen=True)
class Track:
    """Where somebody is in each of F frames."""

    places: np.ndarray  # (F, 2) x and z [m]
    headings: np.ndarray  # (F,) [rad], 0 faces +z
    phases: np.ndarray  # (F,) of the walking cycle [rad]
    strengths: np.ndarray  # (F,) 0 stands, 1 walks


def draw_style(rng: np.random.Generator) -> Style:
    """Draw how somebody moves."""
    return Style(
        phase=rng.uniform(0, 2 * np.pi),
        arms_deg=rng.uniform(4, 16),
        swing=rng.uniform(0.85, 1.1),
        lean_deg=rng.normal(3, 2),
        wave_hz=rng.uniform(0.2, 0.5),
    )


def follow(
    marks_s: np.ndarray, marks: np.ndarray, stamps_s: np.ndarray, style: Style, facing: float
) -> Track:
    """Walk along marks, in a straight line from each to the next.

    Args:
        marks_s: (M,) when each mark is reached [s].
        marks: (M, 2) x and z [m].
        stamps_s: (F,) of the frames.
        style: of the walker.
        facing: where somebody who never walks looks [rad].
    """
    step_s = 0.02  # fine enough to integrate turns and steps
    times = np.arange(min(marks_s[0], stamps_s[0]) - 1, stamps_s[-1] + 1, step_s)
    path = np.stack([np.interp(times, marks_s, marks[:, i]) for i in range(2)], axis=1)
    speed = np.gradient(path, step_s, axis=0)
    fast = np.hypot(*speed.T)
    walks = fast > 0.05
    heading = np.full(len(times), facing)
    if walks.any():
        known = np.unwrap(np.arctan2(speed[walks, 0], speed[walks, 1]))
        heading = np.interp(times, times[walks], known)
    width = max(int(_TURNING_S / step_s), 1)
    kernel = np.hanning(2 * width + 1)
    kernel /= kernel.sum()

    def smooth(values: np.ndarray) -> np.ndarray:
        return np.convolve(np.pad(values, width, mode="edge"), kernel, mode="valid")

    strength = smooth(np.clip(fast / _FULL_SPEED, 0, 1.2))
    stride = _STRIDE_M * np.maximum(strength, 0.4)
    phase = style.phase + 2 * np.pi * np.cumsum(fast / stride) * step_s
    return Track(
        np.stack([np.interp(stamps_s, times, path[:, i]) for i in range(2)], axis=1),
        np.interp(stamps_s, times, smooth(heading)),
        np.interp(stamps_s, times, phase),
        np.interp(stamps_s, times, strength),
    )


def stride_pose(
    joints: tuple[str, ...], phase: float, strength: float, style: Style, time_s: float
) -> np.ndarray:
    """Return a pose (19, 3, 3) of the walking cycle.

    Args:
        joints: the 19 names.
        phase: of the left leg [rad].
        strength: 0 stands, 1 walks.
        style: of the walker.
        time_s: for idle movement.
    """
    rotation = dict.fromkeys(joints, np.eye(3))
    amount = strength * style.swing
    idle = (1 - min(strength, 1)) * np.sin(2 * np.pi * style.wave_hz * time_s)
    twist = rotations.about(_Y, np.radians(5 * amount * np.sin(phase) + 6 * idle))
    trunk = twist @ rotations.about(_X, np.radians(style.lean_deg * strength))
    rotation |= dict.fromkeys(("abdomen", "chest"), trunk)
    look = rotations.about(_Y, np.radians(14 * idle))
    rotation |= dict.fromkeys(("neck", "head"), look)
    for side, sign in (("l", 1), ("r", -1)):
        own = phase + (np.pi if side == "r" else 0)
        hip, knee, foot = (np.radians(angle) for angle in _leg(own, amount))
        rotation[f"{side}Thigh"] = rotations.about(_X, -hip)
        rotation[f"{side}Shin"] = rotations.about(_X, knee - hip)
        rotation[f"{side}Foot"] = rotations.about(_X, -foot)
        swing = np.radians(-20 * amount * np.cos(own) + 5 * idle)
        hang = rotations.about(_Z, -sign * np.radians(90 - style.arms_deg))
        bend = np.radians(14 + 12 * amount * (1 - np.cos(own)) / 2)
        rotation[f"{side}Collar"] = trunk
        rotation[f"{side}Shldr"] = trunk @ rotations.about(_X, -swing) @ hang
        rotation[f"{side}ForeArm"] = trunk @ rotations.about(_X, -swing - bend) @ hang
        rotation[f"{side}Hand"] = rotation[f"{side}ForeArm"]
    return np.stack([rotation[name] for name in joints])


def _leg(phase: float, amount: float) -> tuple[float, float, float]:
    """Return how far hip and knee are bent and the toes raised, in degrees."""
    degrees = np.degrees(phase) % 360
    hip = 4 + 21 * np.cos(phase)
    knee = 5 + 12 * _bump(degrees, 50, 30) + 52 * _bump(degrees, 262, 40)
    foot = 16 * _bump(degrees, 0, 25) - 48 * _bump(degrees, 228, 38)
    return amount * hip, amount * knee, amount * foot


def _bump(degrees: float, middle: float, width: float) -> float:
    away = (degrees - middle + 180) % 360 - 180
    return float(np.exp(-((away / width) ** 2)))
