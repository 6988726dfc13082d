"""People who stand before a camera at 3 m and hold their arms as told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_tracks import BODY, somebody, tracks_of

FOCAL_PX, MIDDLE = 500.0, np.array([320.0, 240.0])
RANGE_M = 3.0
SHOULDER, HIP, UPPER, LOWER = 0.2, 0.12, 0.3, 0.25  # [m]
SIGN = {"left": 1.0, "right": -1.0}  # the left side of who faces the camera is on the right
FINGERS = ("thumb", "index", "middle", "ring", "little")
HANGING = ((0.1, 1.0, 0.0), (0.05, 1.0, -0.1))


def arm(upper, lower):
    """Directions of upper arm and forearm: outwards, down, away from the camera."""
    return (upper, lower)


def person(left=HANGING, right=HANGING, palms=(), backs=()):
    """Return keypoints in space (136, 3) [m]; NaN but for trunk, arms, eyes and, if said, hands."""
    points = np.full((len(BODY.names), 3), np.nan)

    def put(name, at):
        points[BODY.index(name)] = at

    for side, arms in (("left", left), ("right", right)):
        sign = SIGN[side]
        flip = np.array([sign, 1.0, 1.0])
        put(f"{side}_eye", (0.03 * sign, -0.72, RANGE_M))
        put(f"{side}_hip", (HIP * sign, 0.0, RANGE_M))
        shoulder = np.array([SHOULDER * sign, -0.5, RANGE_M])
        elbow = shoulder + UPPER * flip * unit(arms[0])
        wrist = elbow + LOWER * flip * unit(arms[1])
        for name, at in (("shoulder", shoulder), ("elbow", elbow), ("wrist", wrist)):
            put(f"{side}_{name}", at)
        if side in palms or side in backs:
            # From the palm's side with fingers up the thumb points to the middle of the body.
            inwards = -sign if side in palms else sign
            put(f"{side}_hand_wrist", wrist)
            for number, finger in enumerate(FINGERS):
                for joint in range(1, 5):
                    across = inwards * 0.015 * (2 - number)
                    put(f"{side}_hand_{finger}_{joint}", wrist + [across, -0.05 - 0.03 * joint, 0])
    return points


def seen(points, track_id=1, in_space=False, score=0.9):
    """Return Tracks of one person with these keypoints."""
    tracks = tracks_of(somebody(track_id))
    flat = points[:, :2] * FOCAL_PX / points[:, 2:] + MIDDLE
    known = np.isfinite(points).all(axis=1)
    keypoints = np.column_stack((flat, np.where(known, score, 0.0)))[None]
    lifted = points[None] if in_space else None
    return replace(tracks, poses=replace(tracks.poses, keypoints=keypoints, keypoints_3d=lifted))


def unit(vector):
    """Return a vector of length 1."""
    return np.asarray(vector) / np.linalg.norm(vector)
