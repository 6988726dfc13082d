"""Results with something in every column, and what is left of them after a round trip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.results import Results
from alphapose_ros.skeletons import skeleton

BODIES = ("coco_17", "halpe_26", "halpe_136", "coco_wholebody_133", "posetrack_15")


def made_tracks(rng, body, count, *, is_lifted=True, has_ids=True, predicted=0.3):
    """Return tracks of ``count`` people; some keypoints are absent, some people predicted."""
    points = rng.uniform(-20, 2000, (count, len(body.names), 3)).astype(np.float32)
    points[..., 2] = rng.random(points.shape[:2])
    points[rng.random(points.shape[:2]) < 0.2] = np.nan, np.nan, 0
    is_seen = rng.random(count) >= predicted
    points[~is_seen] = np.nan, np.nan, 0
    corners = rng.uniform(-50, 1900, (count, 2, 2))
    corners.sort(axis=1)
    poses = Poses(
        skeleton=body,
        keypoints=points,
        boxes=corners.reshape(count, 4),
        box_scores=rng.random(count),
        scores=rng.random(count),
    )
    lifted = {}
    if is_lifted and count:
        lifted = {
            "positions": rng.normal(0, 5, (count, 3)),
            "position_covariances": symmetric(rng, count),
            "velocities": rng.normal(0, 1, (count, 3)),
            "velocity_covariances": symmetric(rng, count),
            "position_sources": rng.integers(1, 3, count),
            "facings": rng.normal(0, 1, (count, 3)),
            "facing_stds": rng.random(count),
        }
        lifted["positions"][rng.random(count) < 0.1] = np.nan
        if np.isnan(lifted["positions"]).all():
            del lifted["positions"]
    return Tracks(
        poses=poses,
        ids=rng.permutation(1000)[:count] + 1 if has_ids else -np.ones(count),
        states=np.where(is_seen, TrackState.TRACKED, TrackState.LOST),
        ages_s=rng.random(count) * 100,
        unseen_s=np.where(is_seen, 0, 1.25),
        hits=rng.integers(1, 100, count),
        detection_rows=np.where(is_seen, np.arange(count), -1),
        velocities_px=rng.normal(0, 30, (count, 2)),
        person_ids=rng.integers(-1, 5, count),
        identity_scores=np.where(rng.random(count) < 0.5, np.nan, rng.random(count)),
        **lifted,
    )


def symmetric(rng, count):
    half = rng.normal(0, 1, (count, 3, 3))
    return half + half.transpose(0, 2, 1)


def made_results(seed=0, name="halpe_26", counts=(2, 0, 1, 3), is_video=True, **options):
    """Return results with ``counts`` people in the frames.

    Frames of a video are called INDEX.jpg, and some may be missing; pictures have other names.
    """
    rng, body = np.random.default_rng(seed), skeleton(name)
    steps = np.cumsum(rng.integers(1, 3, len(counts))) - 1 if is_video else np.arange(len(counts))
    frames = [
        FrameResult(
            name=f"{index}.jpg" if is_video else f'street {row}, "left".png',
            index=int(index),
            stamp_ns=1_700_000_000_123_456_789 + int(index) * 40_000_000,
            width=1920,
            height=1080,
            tracks=made_tracks(rng, body, count, **options),
        )
        for row, (index, count) in enumerate(zip(steps, counts, strict=True))
    ]
    return Results(skeleton=body, frames=frames, source_name="made")


@st.composite
def any_results(draw, names=BODIES):
    """Draw results of up to five frames with up to four people."""
    return made_results(
        seed=draw(st.integers(0, 2**32 - 1)),
        name=draw(st.sampled_from(names)),
        counts=draw(st.lists(st.integers(0, 4), max_size=5)),
        is_video=draw(st.booleans()),
        is_lifted=draw(st.booleans()),
        has_ids=draw(st.booleans()),
    )


def write(path, target, results):
    """Write results in a format."""
    with target.writer(path, results.skeleton) as file:
        for frame in results.frames:
            file.add(frame)
    return path


def seen_only(results):
    """Leave out people that are predicted, and then frames without people."""
    frames = [
        replace(frame, tracks=frame.tracks[frame.tracks.detection_rows >= 0])
        for frame in results.frames
    ]
    return [frame for frame in frames if len(frame.tracks)]
