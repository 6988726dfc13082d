"""The columns of tables: one row per person and frame, the same in CSV and Parquet.

A frame without people is one row of which only the columns of the frame are filled. What is unknown
is empty (null), and so are ids of nobody. Columns are added at the end of their part only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from alphapose_ros.frame import Poses, PositionSource, Tracks, TrackState
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.skeletons import SKELETONS, Skeleton

FRAME = ("frame", "name", "stamp_ns", "width", "height")
UPPER = np.triu_indices(3)  # of a covariance, which is symmetric
XYZ, XX = "xyz", ("xx", "xy", "xz", "yy", "yz", "zz")
WORDS = {"state": TrackState, "position_source": PositionSource}


@dataclass(frozen=True)
class Part:
    """Some columns of a table that come from one column of Tracks or Poses."""

    columns: tuple[str, ...]
    source: str  # field of Tracks; of Poses after "poses."
    meaning: str
    kind: type = np.float64  # float32, float64, int64, or str for words
    unknown: float | None = None  # value of what is left empty, besides NaN

    @property
    def is_covariance(self) -> bool:
        """Whether the columns are the upper half of a matrix."""
        return len(self.columns) == len(XX)


def _vector(name: str, unit: str = "", axes: Sequence[str] = XYZ) -> tuple[str, ...]:
    return tuple(f"{name}_{axis}{unit}" for axis in axes)


PERSON = (
    Part(("id",), "ids", "track; empty where nobody is tracked", np.int64, -1),
    Part(("state",), "states", "tentative, tracked, lost or removed; never empty", str),
    Part(("score",), "poses.scores", "of the person, 0 to 1", np.float32),
    Part(("box_score",), "poses.box_scores", "of the detection, 0 to 1", np.float32),
    Part(("x1", "y1", "x2", "y2"), "poses.boxes", "box in pixels of the image", np.float32),
    Part(
        ("box_velocity_x", "box_velocity_y"),
        "velocities_px",
        "of the box's centre, pixels per second",
        np.float32,
    ),
    Part(("age_s",), "ages_s", "since the track was first seen"),
    Part(("unseen_s",), "unseen_s", "since it was last seen; 0 where it is seen"),
    Part(("hits",), "hits", "frames it was seen in", np.int64),
    Part(
        ("detection_row",),
        "detection_rows",
        "row among the poses of the frame; empty where the box is predicted",
        np.int64,
        -1,
    ),
    Part(("person_id",), "person_ids", "identity by re-ID; empty where unknown", np.int64, -1),
    Part(("identity_score",), "identity_scores", "of that identity, 0 to 1", np.float32),
    Part(_vector("position", "_m"), "positions", "metres, in the camera's or target frame"),
    Part(_vector("position_cov", "", XX), "position_covariances", "square metres"),
    Part(_vector("velocity", "_m_s"), "velocities", "metres per second"),
    Part(_vector("velocity_cov", "", XX), "velocity_covariances", "(metres per second) squared"),
    Part(("position_source",), "position_sources", "none, depth or ground", str),
    Part(_vector("facing"), "facings", "unit vector out of the chest"),
    Part(("facing_std_rad",), "facing_stds", "its standard deviation"),
)
FIXED = (*FRAME, *(name for part in PERSON for name in part.columns))
INTEGERS = tuple(name for part in PERSON if part.kind is np.int64 for name in part.columns)
OPTIONAL = {item.name for item in fields(Tracks) if item.metadata.get("optional")}


def columns_of(body: Skeleton) -> tuple[str, ...]:
    """Return all columns of a table, in order."""
    return (*FIXED, *keypoint_columns(body))


def keypoint_columns(body: Skeleton) -> tuple[str, ...]:
    """Return the columns of the keypoints: x, y in pixels and score of each, empty where absent."""
    return tuple(f"{name}_{what}" for name in body.names for what in ("x", "y", "score"))


def person_parts(tracks: Tracks) -> list[tuple[Part, np.ndarray]]:
    """Return the values (N, columns) of each part; NaN is to be left empty."""
    parts = []
    for part in PERSON:
        values = _value(tracks, part.source)
        if values is None:
            values = np.full((len(tracks), len(part.columns)), np.nan)
        elif part.is_covariance:
            values = values[:, UPPER[0], UPPER[1]]
        values = values.reshape(len(tracks), len(part.columns))
        if part.unknown is not None:
            values = np.where(values == part.unknown, np.nan, values)
        parts.append((part, values))
    return parts


def keypoint_values(tracks: Tracks) -> np.ndarray:
    """Return keypoints (N, 3 K); all three of an absent one are NaN."""
    keypoints = tracks.poses.keypoints
    is_there = np.isfinite(keypoints[..., :2]).all(axis=2)
    flat = np.where(is_there[..., None], keypoints, np.nan)
    return flat.reshape(len(tracks), 3 * keypoints.shape[1])


def word(name: str, number: float) -> str:
    """Return the word for a state or source; "" for NaN."""
    return "" if np.isnan(number) else WORDS[name](int(number)).name.lower()


def number_of(name: str, text: str) -> int:
    """Return the number of a state or source.

    Raises:
        ValueError: there is no such word.
    """
    try:
        return WORDS[name][text.upper()]
    except KeyError:
        known = ", ".join(one.name.lower() for one in WORDS[name])
        raise ValueError(f"{text!r} is none of {known}") from None


def tracks_from(values: Mapping[str, np.ndarray], body: Skeleton) -> Tracks:
    """Make the tracks of one frame.

    Args:
        values: columns (N,) of numbers, NaN where empty; `number_of` words.
        body: skeleton of the keypoints.

    Raises:
        ValueError: a person has no state.
    """
    count = len(values["state"])
    if np.isnan(values["state"]).any():
        raise ValueError("column 'state' is empty in one of several rows")
    found = {}
    for part in PERSON:
        block = np.stack([values[name] for name in part.columns], axis=1)
        if part.source in OPTIONAL and np.isnan(block).all():
            continue
        if part.unknown is not None or part.kind is np.int64:
            block = np.where(np.isnan(block), part.unknown or 0, block)
        if part.is_covariance:
            matrices = np.empty((count, 3, 3))
            matrices[:, UPPER[0], UPPER[1]] = matrices[:, UPPER[1], UPPER[0]] = block
            block = matrices
        elif part.kind is str:
            block = np.nan_to_num(block)
        found[part.source] = block[:, 0] if len(part.columns) == 1 else block
    flat = [values[name] for name in keypoint_columns(body)]
    keypoints = np.stack(flat, axis=1).reshape(count, len(body.names), 3)
    keypoints[..., 2] = np.nan_to_num(keypoints[..., 2])
    own = {name.removeprefix("poses."): v for name, v in found.items() if name.startswith("poses.")}
    others = {name: value for name, value in found.items() if not name.startswith("poses.")}
    return Tracks(poses=Poses(skeleton=body, keypoints=keypoints, **own), **others)


def frame_of(values: Mapping[str, Any], tracks: Tracks) -> FrameResult:
    """Make a frame of the columns of its first row."""
    return FrameResult(
        name=str(values["name"]),
        index=int(values["frame"]),
        stamp_ns=int(values["stamp_ns"]),
        width=int(values["width"]),
        height=int(values["height"]),
        tracks=tracks,
    )


def skeleton_in(columns: Sequence[str], where: object) -> Skeleton:
    """Find the skeleton whose keypoints a table has, and check that no column is missing.

    Raises:
        ValueError: a column is missing, or the keypoints are of no known skeleton.
    """
    fixed = [name for name in FIXED if name not in columns]
    if fixed:
        raise ValueError(f"{where}: not a table of ours: column {fixed[0]!r} is missing")
    start = len(FIXED)
    names = tuple(name.removesuffix("_score") for name in columns[start:][2::3])
    for body in SKELETONS.values():
        if body.names == names and keypoint_columns(body) == tuple(columns[start:]):
            return body
    raise ValueError(
        f"{where}: its {len(columns) - start} columns after {columns[start - 1]!r} are not the "
        "keypoints of any known skeleton"
    )


def _value(tracks: Tracks, source: str) -> np.ndarray | None:
    record, _, name = source.rpartition(".")
    values = vars(tracks.poses if record else tracks)[name]
    return None if values is None else np.asarray(values)
