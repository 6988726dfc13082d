"""How far upright people are, by the slopes of the rays to parts of their bodies.

Somebody is a pole of unknown stature on the ground. Each part is a known share of the stature up,
and its ray ties that to the range: height of the camera + slope * range = share * stature. Feet
tell the range alone; the rest of a body does with what is known of people's statures. Both are
weighed together. Where the feet are too far away for the body, those that were found are no feet:
they are hidden, or below the image, and the body alone counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STATURE_M, STATURE_STD_M = 1.65, 0.3  # adults of all countries are 1.65 +- 0.09; and children
HIP_SHARE = 0.53  # of the stature, as high are the hips
PITCH_STD = np.radians(1.0)  # of the plane's direction, as it is measured or calibrated
HEIGHT_STD = 0.02  # of the camera's height, in parts of it
TOO_FAR = 2.0  # standard deviations of feet behind the body
MAX_STD = 0.3  # of a range, in parts of it; beyond, nothing is known
FIRST_RANGE_M, STEPS = 4.0, 3  # of the search for ranges, on which the noise depends
RANGES_M = (0.05, 100.0)
UNSEEN = 1e6  # [m^2] variance of what is not seen, and of ranges before anything is


@dataclass(frozen=True)
class Cues:
    """P parts of N people: where they are seen, and what is known of them."""

    slopes: np.ndarray  # (N, P) rise per metre along the ground; 0 where not seen
    is_seen: np.ndarray  # (N, P)
    shares: np.ndarray  # (P,) of the stature, as high is the part; 0: it belongs to a foot
    heights_m: np.ndarray  # (N, P) besides that
    stds_m: np.ndarray  # (P,) of its height
    angle_stds: np.ndarray  # (N, P) of rays [rad]


@dataclass(frozen=True)
class Poles:
    """N people on the ground."""

    values: np.ndarray  # (N, 2) range along the ground, stature [m]; NaN where unknown
    noise: np.ndarray  # (N, 2, 2) [m^2] of what differs from frame to frame
    lasting: np.ndarray  # (N, 2, 2) [m^2] of what is wrong in the same way for long
    tilts_m: np.ndarray  # (N,) standard deviation of the ground's height there
    height_m: float  # of the camera


def stood(cues: Cues, height_m: float) -> Poles:
    """Return where people stand, seen from a camera ``height_m`` above the ground.

    Source of the stature: NCD Risk Factor Collaboration: A century of trends in adult human
        height, eLife 2016.
    """
    is_foot = cues.shares == 0
    feet, body = cues.is_seen & is_foot, cues.is_seen & ~is_foot
    by_feet, by_body, by_all = (_Fit(cues, seen, height_m) for seen in (feet, body, cues.is_seen))
    gain = by_feet.gain[:, 0] - by_body.gain[:, 0]
    spread = np.einsum("np,npq,nq->n", gain, by_all.noise + by_all.lasting, gain)
    spread += (by_body.of_stature[:, 0] * STATURE_STD_M) ** 2
    behind = by_feet.values[:, 0] - by_body.values[:, 0]
    is_hidden = body.any(axis=1) & (behind > TOO_FAR * np.sqrt(spread))
    values = np.where(is_hidden[:, None], by_body.values, by_all.values)
    (noise, lasting), (others, other_lasting) = by_all.covariances(), by_body.covariances()
    noise = np.where(is_hidden[:, None, None], others, noise)
    lasting = np.where(is_hidden[:, None, None], other_lasting, lasting)
    std = np.sqrt(noise[:, 0, 0] + lasting[:, 0, 0])
    is_known = (std <= MAX_STD * values[:, 0]) & (values[:, 0] > RANGES_M[0])
    tilts = np.hypot(PITCH_STD * values[:, 0], HEIGHT_STD * height_m)
    return Poles(np.where(is_known[:, None], values, np.nan), noise, lasting, tilts, height_m)


class _Fit:
    """The most likely ranges and statures by some of the cues; linear, but for the noise."""

    def __init__(self, cues: Cues, is_seen: np.ndarray, height_m: float) -> None:
        ways = np.stack((cues.slopes, np.broadcast_to(-cues.shares, is_seen.shape)), axis=2)
        ways = ways * is_seen[..., None]  # d (height above the share of the stature) / d values
        wanted = (cues.heights_m - height_m) * is_seen
        self.range_m = np.full(len(is_seen), FIRST_RANGE_M)
        for _ in range(STEPS):
            self._weigh(cues, is_seen, ways, height_m)
            self.values = (self.gain @ wanted[..., None])[..., 0] + self.of_stature * STATURE_M
            self.range_m = np.clip(self.values[:, 0], *RANGES_M)

    def _weigh(self, cues: Cues, is_seen: np.ndarray, ways: np.ndarray, height_m: float) -> None:
        """Set noise (N, P, P), and how much each cue and the mean stature count."""
        turn = self.range_m[:, None] * (1 + cues.slopes**2) * is_seen  # d height / d angle
        is_foot = cues.shares == 0
        place = np.eye(is_seen.shape[1])
        steps = np.where(is_foot, cues.stds_m, 0.0) ** 2
        shapes = np.where(is_foot, 0.0, cues.stds_m) ** 2
        self.noise = (((turn * cues.angle_stds) ** 2 + steps) * is_seen)[..., None] * place
        common = PITCH_STD * turn, HEIGHT_STD * height_m * is_seen
        self.lasting = (shapes * is_seen)[..., None] * place
        for one in common:
            self.lasting = self.lasting + one[:, :, None] * one[:, None]
        total = self.noise + self.lasting + (UNSEEN * ~is_seen)[..., None] * place
        weighed = np.swapaxes(np.linalg.solve(total, ways), 1, 2)  # (N, 2, P)
        known = weighed @ ways + np.diag((1 / UNSEEN, STATURE_STD_M**-2))
        spread = np.linalg.inv(known)
        self.gain = spread @ weighed
        self.of_stature = spread[:, :, 1] / STATURE_STD_M**2

    def covariances(self) -> tuple[np.ndarray, np.ndarray]:
        """Return those of the values (N, 2, 2): of noise, and of what lasts."""
        turned = np.swapaxes(self.gain, 1, 2)
        own = self.of_stature * STATURE_STD_M
        lasting = self.gain @ self.lasting @ turned + own[:, :, None] * own[:, None]
        return self.gain @ self.noise @ turned, lasting
