"""Tracks in pixels to tracks in metres, smoothed over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import JUMP_BACK_S, Frame, PositionSource, Tracks, TrackState
from alphapose_ros.lifting.axes import UP_OF_CAMERA
from alphapose_ros.lifting.camera import scaled
from alphapose_ros.lifting.depth import Lifted, lift
from alphapose_ros.lifting.facing import MAX_STD, facings
from alphapose_ros.lifting.ground import Ground, stand
from alphapose_ros.lifting.hips import Places, hips_in_depth
from alphapose_ros.lifting.smoothing import (
    Smoothed,
    corrected,
    one_euro,
    predicted,
    squared_distances,
    started,
)

PREDICT_S = 1.0  # that a position is predicted for, unseen
MAX_DISTANCE = 25.0  # squared Mahalanobis distance: beyond it a position is doubted ...
CHANGING = 0.25  # of the variance of errors that last: what changes from one frame to the next
DOUBT_S = 0.3  # ... for so long; then it counts, and the filters begin anew
TRUSTED_COUNT = 3  # measurements; before, what is doubted is as likely the old one
SMALLEST_STD_M = 0.01  # of a measured position: what models leave out
TURN_STD = 2.0  # [rad/s] how fast people turn
OPPOSED = -0.5  # cosine of the angle between two facings: not turned, but one of them is wrong ...
TRUST_S = 1.0  # ... and the one that was seen for longer counts, of the last so many seconds
LASTING = 0.5  # of the variance of a facing, which does not average out over frames

STATE = np.dtype(
    [
        ("id", np.int64),
        ("seen_ns", np.int64),  # when it was last measured; what follows holds for then
        ("doubt_ns", np.int64),  # since when measurements are doubted; -1: they are not
        ("count", np.int64),  # measurements so far
        ("motion", np.float64, 6),
        ("motion_covariance", np.float64, (6, 6)),
        ("raw", np.float64, 3),  # as measured
        ("place", np.float64, 3),  # after the one-euro filter
        ("speed", np.float64, 3),  # within that
        ("noise", np.float64, (3, 3)),  # left in ``place``
        ("lasting", np.float64, (3, 3)),  # besides that
        ("source", np.uint8),
        ("facing", np.float64, 3),
        ("facing_variance", np.float64),
        ("facing_ns", np.int64),  # when one was last measured; the variance holds for then
        ("support_s", np.float64),  # how much longer it was seen than its opposite ...
        ("support_ns", np.int64),  # ... by then
    ]
)


class Lifter:
    """Gives tracks positions, velocities and facings in metres; ``config`` may be exchanged.

    Args:
        config: where positions come from, and how they are smoothed.
    """

    def __init__(self, config: LiftingConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget all tracks."""
        self._states = np.zeros(0, STATE)
        self._stamp_ns: int | None = None

    def __call__(self, tracks: Tracks, frame: Frame, ground: Ground | None = None) -> Tracks:
        """Return the tracks with all that is in metres, in the camera's optical frame.

        A position is where the hips' middle is thought to be, smoothed; for PREDICT_S after it
        was last seen it is predicted. Its covariance holds the noise that smoothing leaves, the
        filter's lag, and what does not average out.

        Args:
            tracks: the people of the frame.
            frame: with camera; depth where there is any.
            ground: for this frame; by default that of the settings, if they give one.

        Raises:
            ValueError: sizes of image, depth and camera do not go together, or the lens model is
                unknown.
        """
        now_ns = self._advanced(frame.stamp_ns)
        rows = np.flatnonzero((tracks.detection_rows >= 0) & (tracks.states < TrackState.LOST))
        measured = _measured(tracks, rows, frame, ground or _ground_of(self.config), self.config)
        states = self._states_of(tracks.ids)
        motion = _predicted(states, now_ns)
        found = self._update(states, motion, measured, now_ns)
        found |= _turned(states, measured.facings, measured.facing_variances, now_ns)
        is_gone = tracks.states == TrackState.REMOVED
        self._states = states[(states["count"] > 0) & ~is_gone]
        poses = replace(tracks.poses, keypoints_3d=measured.keypoints)
        return replace(tracks, poses=poses, **found)

    def _advanced(self, stamp_ns: int) -> int:
        """Return the stamp to go on to, which is never before the last one."""
        last_ns = stamp_ns if self._stamp_ns is None else self._stamp_ns
        if (last_ns - stamp_ns) / 1e9 > JUMP_BACK_S:
            self.reset()
            last_ns = stamp_ns
        self._stamp_ns = max(stamp_ns, last_ns)
        return self._stamp_ns

    def _states_of(self, ids: np.ndarray) -> np.ndarray:
        """Return the states of tracks (N,), new ones where there are none."""
        states = np.zeros(len(ids), STATE)
        states["id"] = ids
        states["doubt_ns"] = -1
        states["facing_variance"] = np.nan
        places = {int(name): row for row, name in enumerate(self._states["id"])}
        old = np.array([places.get(int(name), -1) for name in ids], np.intp)
        states[old >= 0] = self._states[old[old >= 0]]
        return states

    def _update(
        self,
        states: np.ndarray,
        motion: tuple[np.ndarray, np.ndarray],
        measured: _Measured,
        now_ns: int,
    ) -> dict[str, np.ndarray]:
        """Take in what was measured, and return what is known of all tracks now."""
        is_new = measured.is_there & (states["count"] == 0)
        is_far = _is_doubtful(states, motion, measured, now_ns)
        long_ago = (now_ns - states["doubt_ns"]) / 1e9 >= DOUBT_S
        is_young = states["count"] < TRUSTED_COUNT
        restarts = is_new | (is_far & (is_young | ((states["doubt_ns"] >= 0) & long_ago)))
        goes_on = measured.is_there & ~is_far & ~is_new
        states["doubt_ns"] = np.where(
            is_far & ~restarts, np.where(states["doubt_ns"] < 0, now_ns, states["doubt_ns"]), -1
        )
        _restart(states, motion, measured, restarts)
        lag = self._go_on(states, motion, measured, goes_on, now_ns)
        fresh = restarts | goes_on
        states["seen_ns"][fresh] = now_ns
        states["source"][fresh] = measured.sources[fresh]
        states["lasting"][fresh] = measured.places.lasting[fresh]
        states["count"][fresh] += 1
        states["motion"][fresh] = motion[0][fresh]
        states["motion_covariance"][fresh] = motion[1][fresh]
        return _known(states, motion, lag, fresh, now_ns)

    def _go_on(
        self,
        states: np.ndarray,
        motion: tuple[np.ndarray, np.ndarray],
        measured: _Measured,
        rows: np.ndarray,
        now_ns: int,
    ) -> np.ndarray:
        """Take in measurements of the tracks ``rows`` (N,); return their lags (N,) [s]."""
        lag = np.zeros(len(states))
        if not rows.any():
            return lag
        mean, covariance = motion
        places, noise = measured.places.hips[rows], measured.places.noise[rows]
        mean[rows], covariance[rows] = corrected(mean[rows], covariance[rows], places, noise)
        old = states[rows]
        dt_s = (now_ns - old["seen_ns"]) / 1e9
        hz = (self.config.smoothing_hz, self.config.smoothing_speed)
        last = Smoothed(old["place"], old["speed"], np.ones(len(old)))
        smooth = one_euro(last, old["raw"], places, dt_s, hz)
        weight = smooth.weights[:, None, None]
        states["noise"][rows] = (1 - weight) ** 2 * old["noise"] + weight**2 * noise
        states["place"][rows], states["speed"][rows] = smooth.places, smooth.speeds
        states["raw"][rows] = places
        lag[rows] = dt_s * (1 - smooth.weights) / smooth.weights  # of a steady walk
        return lag


def _measured(
    tracks: Tracks, rows: np.ndarray, frame: Frame, ground: Ground | None, config: LiftingConfig
) -> _Measured:
    """Return what this frame alone says of the tracks ``rows`` (M,)."""
    found = _Measured(*tracks.poses.keypoints.shape[:2])
    if frame.camera is None or not len(rows):
        return found
    poses, size = tracks.poses[rows], frame.image.shape[:2]
    camera = scaled(frame.camera, size[1], size[0])
    lifted = Lifted.nothing(*poses.keypoints.shape[:2])
    if config.name in ("depth", "auto") and frame.depth is not None:
        depth = frame.depth
        lifted = lift(poses.keypoints, poses.boxes, depth, camera, config, poses.skeleton)
        up = np.array(UP_OF_CAMERA) if ground is None else ground.normal
        places = hips_in_depth(poses, lifted, depth, camera, config, up)
        found.take(rows, places, PositionSource.DEPTH)
        found.keypoints[rows] = lifted.points
    is_open = ~found.is_there[rows]
    if config.name in ("ground", "auto") and ground is not None and is_open.any():
        places = stand(poses[is_open], camera, ground, size, config.keypoint_score)
        is_near = np.linalg.norm(places.hips, axis=1) <= config.max_range_m  # NaN is not
        places = Places(*(values[is_near] for values in places))
        found.take(rows[is_open][is_near], places, PositionSource.GROUND)
    normal = None if ground is None else ground.normal
    found.facings[rows], std = facings(
        poses, lifted, found.places.hips[rows], camera, config.keypoint_score, normal
    )
    found.facing_variances[rows] = std**2
    return found


class _Measured:
    """What one frame alone says of N tracks; NaN where it says nothing."""

    def __init__(self, count: int, keypoints: int) -> None:
        self.keypoints = np.full((count, keypoints, 3), np.nan)
        self.places = Places(
            np.full((count, 3), np.nan), *(np.full((count, 3, 3), np.nan) for _ in range(2))
        )
        self.sources = np.zeros(count, np.uint8)
        self.facings = np.full((count, 3), np.nan)
        self.facing_variances = np.full(count, np.nan)

    @property
    def is_there(self) -> np.ndarray:
        """Which tracks have a position (N,)."""
        return self.sources != PositionSource.NONE

    def take(self, rows: np.ndarray, places: Places, source: PositionSource) -> None:
        """Take over the places of the tracks ``rows`` (M,) that are known."""
        is_known = _is_finite(*places)
        rows = rows[is_known]
        for own, new in zip(self.places, places, strict=True):
            own[rows] = new[is_known]
        self.places.noise[rows] += SMALLEST_STD_M**2 * np.eye(3)
        self.sources[rows] = source


def _is_finite(*columns: np.ndarray) -> np.ndarray:
    """Tell in which rows (N,) all numbers of all ``columns`` (N, ...) are finite."""
    return np.all([np.isfinite(c).all(axis=tuple(range(1, c.ndim))) for c in columns], axis=0)


def _ground_of(config: LiftingConfig) -> Ground | None:
    """Return the ground that the settings give, if they do."""
    if config.camera_height_m <= 0:
        return None
    return Ground.from_pitch(config.camera_height_m, config.camera_pitch_deg)


def _predicted(states: np.ndarray, now_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the filters of motion think tracks are now: (N, 6), (N, 6, 6)."""
    dt_s = np.where(states["count"] > 0, (now_ns - states["seen_ns"]) / 1e9, 0.0)
    return predicted(states["motion"], states["motion_covariance"], dt_s)


def _is_doubtful(
    states: np.ndarray, motion: tuple[np.ndarray, np.ndarray], measured: _Measured, now_ns: int
) -> np.ndarray:
    """Return which tracks (N,) are measured where they can hardly be."""
    rows = measured.is_there & (states["count"] > 0)
    found = np.zeros(len(states), bool)
    if rows.any():
        places = measured.places
        lasting = places.lasting[rows] + states["lasting"][rows]
        total = motion[1][rows][:, :3, :3] + places.noise[rows] + CHANGING * lasting
        surprise = places.hips[rows] - motion[0][rows][:, :3]
        found[rows] = squared_distances(surprise, total) > MAX_DISTANCE
    return found


def _restart(
    states: np.ndarray, motion: tuple[np.ndarray, np.ndarray], measured: _Measured, rows: np.ndarray
) -> None:
    """Begin the filters of the tracks ``rows`` (N,) anew at what is measured."""
    places, noise = measured.places.hips[rows], measured.places.noise[rows]
    motion[0][rows], motion[1][rows] = started(places, noise)
    states["raw"][rows] = states["place"][rows] = places
    states["speed"][rows] = 0
    states["noise"][rows] = noise
    states["count"][rows] = 0


def _known(
    states: np.ndarray,
    motion: tuple[np.ndarray, np.ndarray],
    lag_s: np.ndarray,
    fresh: np.ndarray,
    now_ns: int,
) -> dict[str, np.ndarray]:
    """Return the fields of Tracks that say where people are and how they move."""
    mean, covariance = motion
    velocities, velocity_covariances = mean[:, 3:].copy(), covariance[:, 3:, 3:].copy()
    # A low pass lags behind who walks. The part of the velocity that is no noise makes it good.
    squared = (velocities**2).sum(axis=1)
    certain = squared / np.maximum(squared + np.trace(velocity_covariances, 0, 1, 2), 1e-12)
    made_good = states["place"] + (certain * lag_s)[:, None] * velocities
    rest = ((1 - certain) ** 2)[:, None, None] * velocities[:, :, None] * velocities[:, None]
    of_lag = (lag_s**2)[:, None, None] * (velocity_covariances + rest)
    smooth = states["noise"] + of_lag
    positions = np.where(fresh[:, None], made_good, mean[:, :3])
    covariances = np.where(fresh[:, None, None], smooth, covariance[:, :3, :3])
    covariances = covariances + states["lasting"]
    is_known = (states["count"] > 0) & ((now_ns - states["seen_ns"]) / 1e9 <= PREDICT_S)
    is_known &= _is_finite(positions, covariances)
    positions[~is_known], covariances[~is_known] = np.nan, np.nan
    is_moving = is_known & (states["count"] > 1)
    velocities[~is_moving], velocity_covariances[~is_moving] = np.nan, np.nan
    return {
        "positions": positions,
        "position_covariances": covariances,
        "velocities": velocities,
        "velocity_covariances": velocity_covariances,
        "position_sources": np.where(is_known, states["source"], PositionSource.NONE),
    }


def _turned(
    states: np.ndarray, measured: np.ndarray, variances: np.ndarray, now_ns: int
) -> dict[str, np.ndarray]:
    """Take in facings (N, 3) +- variances (N,) [rad^2]; return the fields of Tracks.

    Part of the errors stays from frame to frame: a share LASTING of each variance does not shrink.
    Networks take backs for chests now and then: what says the opposite must outlast what was seen.
    Unseen, a facing grows less sure with the time since it was seen, whatever the frame rate.
    """
    is_old = np.isfinite(states["facing_variance"])
    dt_s = np.where(is_old, (now_ns - states["facing_ns"]) / 1e9, 0.0)
    before = states["facing_variance"] + (TURN_STD * dt_s) ** 2
    is_there = np.isfinite(variances)
    is_opposed = is_old & is_there & ((states["facing"] * measured).sum(axis=1) < OPPOSED)
    step_s = np.where(is_old, (now_ns - states["support_ns"]) / 1e9, 0.0)
    passed_s = np.where(is_opposed, -step_s, step_s * is_there)
    support_s = np.minimum(states["support_s"] + passed_s, TRUST_S)
    restarts = is_there & (~is_old | (is_opposed & ((support_s < 0) | ~(before <= MAX_STD**2))))
    goes_on = is_there & ~restarts & ~is_opposed
    states["support_s"] = np.where(restarts, 0.0, support_s)

    weight = np.where(restarts, 1.0, before / (before + variances))
    mixed = states["facing"] + weight[:, None] * (measured - states["facing"])
    mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 0.1)
    is_taken = restarts | goes_on
    states["facing"][is_taken] = np.where(restarts[:, None], measured, mixed)[is_taken]
    after = np.maximum(np.where(restarts, variances, weight * variances), LASTING * variances)
    now = np.where(is_taken, after, before)
    states["facing_variance"][is_there] = now[is_there]
    states["facing_ns"][is_there] = now_ns
    states["support_ns"] = now_ns
    std = np.sqrt(now)
    is_known = std <= MAX_STD  # NaN is not
    return {
        "facings": np.where(is_known[:, None], states["facing"], np.nan),
        "facing_stds": np.where(is_known, std, np.nan),
    }
