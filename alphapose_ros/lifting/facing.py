"""Where people face: out of the chest, from shoulders, hips, face and feet.

The direction about the axis up is sine and cosine of the angle away from the camera: shoulders and
hips show the cosine by their width in the image, left and right telling front from back, and the
sine by their depths. From the side, one shoulder hides the other: there nose and feet tell it.
"""

from __future__ import annotations

import numpy as np

from alphapose_ros.frame import Camera, Poses
from alphapose_ros.lifting.axes import UP_OF_CAMERA
from alphapose_ros.lifting.camera import rays
from alphapose_ros.lifting.depth import Lifted

WIDTHS_M = {"shoulder": 0.35, "hip": 0.2}  # between left and right
WIDTH_STD = 0.15  # of these, in parts of them
AHEAD_M = {"face": 0.11, "foot": 0.19}  # nose before the ears, toe before the heel
AHEAD_STD_M = {"face": 0.06, "foot": 0.09}  # heads turn, and feet
KEYPOINT_STD_M = 0.035  # of a keypoint, across the ray
SURFACE_STD_M = 0.03  # of a surface's distance from its joint, left against right
HIDDEN_BELOW = 0.7  # of its width: from there on the far side begins to be hidden
TORSO_MIN_M, TORSO_MAX_M = 0.25, 0.8  # from hips to shoulders
MAX_LEAN = np.radians(50)  # a torso that leans more does not stand on the ground
UNKNOWN_STD = 0.75  # of sine and cosine, where nothing is seen
LEAST_LENGTH = 0.01  # of sine and cosine together: who is shorter points nowhere
LEAST_STD = 0.2  # [rad] networks err in all keypoints of one person alike
MAX_STD = 1.0  # [rad] above it nothing is known

_NAMES = {"nose"} | {
    f"{side}_{name}"
    for side in ("left", "right")
    for name in ("ear", "shoulder", "hip", "big_toe", "heel")
}


def facings(
    poses: Poses,
    lifted: Lifted,
    places: np.ndarray,
    camera: Camera,
    min_score: float,
    normal: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find where people face.

    Args:
        poses: N people.
        lifted: their keypoints on the surface, as far as they are known.
        places: (N, 3) [m] where the people are; NaN where unknown.
        camera: of the image.
        min_score: smallest score of a keypoint that counts.
        normal: (3,) unit vector up from the ground, where it is known; otherwise up is from the
            hips to the shoulders.

    Returns:
        unit vectors (N, 3), at a right angle to up, and standard deviations (N,) [rad] of their
        angle; NaN where it is not known to MAX_STD.
    """
    rows = _Rows(poses, lifted, places, camera, min_score)
    up = _up(rows, normal)
    line = places / np.linalg.norm(places, axis=1, keepdims=True)
    away = line - (line * up).sum(axis=1, keepdims=True) * up
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    aside = np.cross(away, up)  # to the right in the image
    sine, cosine = _Sum(len(poses)), _Sum(len(poses))
    for name in WIDTHS_M:
        _add_pair(rows, name, (aside, away), (sine, cosine))
    _add_ahead(rows.face(aside), "face", sine)
    for side in ("left", "right"):
        _add_ahead(rows.foot(side, aside), "foot", sine)
    return _combined(sine, cosine, aside, away)


class _Sum:
    """Measurements of N numbers, weighed by their variances, from UNKNOWN_STD on."""

    def __init__(self, count: int) -> None:
        self.weights = np.full(count, UNKNOWN_STD**-2)
        self._sums, self._squares, self.counts = np.zeros((3, count))

    def add(self, values: np.ndarray, scale: float, variances: np.ndarray) -> None:
        """Take in ``values`` (N,), which are the number times ``scale``; NaN says nothing."""
        is_there = np.isfinite(values) & np.isfinite(variances)
        values, weights = values / scale, scale**2 / variances
        self.weights += np.where(is_there, weights, 0)
        self._sums += np.where(is_there, weights * values, 0)
        self._squares += np.where(is_there, weights * values**2, 0)
        self.counts += is_there

    def mean(self) -> tuple[np.ndarray, np.ndarray]:
        """Return means and their variances (N,), larger where measurements disagree."""
        mean = self._sums / self.weights
        surprise = (self._squares - self._sums * mean) / np.maximum(self.counts, 1)
        return mean, np.maximum(surprise, 1) / self.weights


class _Rows:
    """Keypoints by name."""

    def __init__(
        self, poses: Poses, lifted: Lifted, places: np.ndarray, camera: Camera, min_score: float
    ) -> None:
        self._points, self._variances = lifted.points, lifted.depth_variances
        self._skeleton = skeleton = poses.skeleton
        names = [n for n in skeleton.names if n in _NAMES]
        self._columns = {name: column for column, name in enumerate(names)}
        chosen = poses.keypoints[:, [skeleton.index(name) for name in names]]
        pixels = chosen[..., :2].astype(np.float64)
        pixels[~(chosen[..., 2] >= min_score)] = np.nan
        self._flat = rays(pixels, camera) * places[:, None, 2:]  # all as far as the person
        self._nothing = np.full((len(poses), 3), np.nan)

    def flat(self, name: str) -> np.ndarray:
        """Return where a keypoint's ray passes the person (N, 3) [m]."""
        return self._flat[:, self._columns[name]] if name in self._columns else self._nothing

    def solid(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a keypoint on the surface (N, 3) [m] and the variance of its depth (N,)."""
        if name not in self._columns:
            return self._nothing, self._nothing[:, 0]
        row = self._skeleton.index(name)
        return self._points[:, row], self._variances[:, row]

    def face(self, aside: np.ndarray) -> np.ndarray:
        """Return how far the nose is to the right of the ears, or of the one seen (N,) [m]."""
        ears = np.stack((self.flat("left_ear"), self.flat("right_ear")))
        with np.errstate(invalid="ignore"):
            middle = np.where(np.isnan(ears[0]), ears[1], ears[0])
            middle = np.where(np.isnan(ears).any(axis=0), middle, ears.mean(axis=0))
        return ((self.flat("nose") - middle) * aside).sum(axis=1)

    def foot(self, side: str, aside: np.ndarray) -> np.ndarray:
        """Return how far the big toe is to the right of the heel (N,) [m]."""
        return ((self.flat(f"{side}_big_toe") - self.flat(f"{side}_heel")) * aside).sum(axis=1)


def _up(rows: _Rows, normal: np.ndarray | None) -> np.ndarray:
    """Return unit vectors (N, 3): the ground's, or from hips to shoulders, or up in the image."""
    middles = {
        name: (rows.solid(f"left_{name}")[0] + rows.solid(f"right_{name}")[0]) / 2
        for name in WIDTHS_M
    }
    up = middles["shoulder"] - middles["hip"]
    other = np.array(UP_OF_CAMERA) if normal is None else np.asarray(normal, np.float64)
    length = np.linalg.norm(up, axis=1, keepdims=True)
    is_clear = (length > TORSO_MIN_M) & (length < TORSO_MAX_M)
    up = np.where(is_clear, up / np.where(is_clear, length, 1), other)
    if normal is None:
        return up
    is_upright = (up * other).sum(axis=1, keepdims=True) > np.cos(MAX_LEAN)
    return np.where(is_upright, other, up)


def _add_pair(
    rows: _Rows, name: str, axes: tuple[np.ndarray, np.ndarray], sums: tuple[_Sum, _Sum]
) -> None:
    """Take in a left and a right keypoint of the torso.

    Args:
        rows: the keypoints.
        name: of the two, without their side.
        axes: unit vectors (N, 3) to the right in the image, and away from the camera.
        sums: for sine and cosine.
    """
    (aside, away), (sine, cosine), width = axes, sums, WIDTHS_M[name]
    to_right = rows.flat(f"right_{name}") - rows.flat(f"left_{name}")
    wide = (to_right * aside).sum(axis=1)  # -width times the cosine
    spread = (WIDTH_STD * width) ** 2
    cosine.add(-wide, width, 2 * KEYPOINT_STD_M**2 + spread)
    (left, left_variance), (right, right_variance) = (
        rows.solid(f"{side}_{name}") for side in ("left", "right")
    )
    deep = ((right - left) * away).sum(axis=1)  # -width times the sine
    hidden = np.clip(1 - np.abs(wide) / (HIDDEN_BELOW * width), 0, 1) * 2 * width
    variance = left_variance + right_variance + 2 * SURFACE_STD_M**2 + spread + hidden**2
    sine.add(-deep, width, variance)


def _add_ahead(aside: np.ndarray, name: str, sine: _Sum) -> None:
    """Take in how far something that points forward points to the right (N,) [m]."""
    variance = AHEAD_STD_M[name] ** 2 + 2 * KEYPOINT_STD_M**2
    sine.add(aside, AHEAD_M[name], np.full(len(aside), variance))


def _combined(
    sine: _Sum, cosine: _Sum, aside: np.ndarray, away: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors and standard deviations of the angle; NaN where nothing tells it."""
    (s, s_variance), (c, c_variance) = sine.mean(), cosine.mean()
    squared = s**2 + c**2
    is_told = (sine.counts + cosine.counts > 0) & (squared >= LEAST_LENGTH**2)
    squared = np.where(is_told, squared, np.nan)
    variance = (c**2 * s_variance + s**2 * c_variance) / squared**2
    found = s[:, None] * aside - c[:, None] * away
    found /= np.sqrt(squared)[:, None]
    std = np.sqrt(variance + LEAST_STD**2)
    is_known = (std <= MAX_STD) & np.isfinite(found).all(axis=1)
    return np.where(is_known[:, None], found, np.nan), np.where(is_known, std, np.nan)
