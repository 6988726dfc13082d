"""Records to messages and back; handed the message classes, so the same for topics and bags."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from alphapose_ros.boxes import from_xywh, to_xywh
from alphapose_ros.frame import Poses, PositionSource, Tracks
from alphapose_ros.skeletons import Skeleton

_NOTHING = np.empty(0, np.float32)


def rows_of(make: Callable[..., Any], **columns: Iterable[Any]) -> list[Any]:
    """Make a message of each row of the columns, which are its fields."""
    rows = zip(*columns.values(), strict=True)
    return [make(**dict(zip(columns, row, strict=True))) for row in rows]


@dataclass(frozen=True)
class Dialect:
    """How messages are made: of rclpy's classes, or of those of a bag's type store."""

    msgs: SimpleNamespace  # what makes our messages, by name, and Duration, Point, Vector3
    # array of any shape -> a float32[] or uint16[] of a message, as are slices of it
    flat: Callable[[np.ndarray], Any]
    rows_of: Callable[..., list[Any]] = rows_of  # many messages of one class


@dataclass(frozen=True)
class About:
    """What the messages of one frame say besides its people."""

    header: Any  # std_msgs/Header of the image, taken over as it is
    width: int  # of the image [px]
    height: int
    first_id: int = 1  # detection_id of the frame's first pose; the others follow
    embeddings: bool = False  # whether it is told what people look like


def poses_to_message(poses: Poses, about: About, dialect: Dialect) -> Any:
    """Make a PoseArray of N people; N may be 0."""
    ids = range(about.first_id, about.first_id + len(poses))
    return dialect.msgs.PoseArray(
        header=about.header,
        image_width=about.width,
        image_height=about.height,
        skeleton_id=poses.skeleton.id,
        people=_people(poses, ids, [True] * len(poses), about, dialect) if len(poses) else [],
    )


def _people(
    poses: Poses,
    detection_ids: Sequence[int],
    are_seen: Sequence[bool],
    about: About,
    dialect: Dialect,
) -> list[Any]:
    are_known = [False] * len(poses)
    if about.embeddings and poses.embeddings is not None:
        are_known = np.isfinite(poses.embeddings).all(axis=1).tolist()
    are_lifted = [True] * len(poses)
    return dialect.rows_of(
        dialect.msgs.PersonPose,
        detection_id=detection_ids,
        score=poses.scores.tolist(),
        bbox=to_xywh(poses.boxes).astype(np.float32),
        bbox_score=poses.box_scores.tolist(),
        keypoints=_rows(poses.keypoints, are_seen, dialect),
        keypoints_3d=_rows(poses.keypoints_3d, are_lifted, dialect),
        keypoints_3d_covariance=_rows(None, are_lifted, dialect),
        embedding=_rows(poses.embeddings, are_known, dialect),
    )


def _rows(values: np.ndarray | None, are_told: Sequence[bool], dialect: Dialect) -> list[Any]:
    """Return each row of (N, ...) as an array of a message, an empty one where it is not told."""
    is_any = values is not None and any(are_told)
    flat = dialect.flat(values if is_any else _NOTHING)  # as a whole, which is far faster
    length = len(flat) // len(are_told)
    return [flat[row * length : (row + is_told) * length] for row, is_told in enumerate(are_told)]


def tracks_to_message(tracks: Tracks, about: About, dialect: Dialect) -> Any:
    """Make a TrackedPersonArray; people who were not seen carry no keypoints."""
    return dialect.msgs.TrackedPersonArray(
        header=about.header,
        image_frame_id=about.header.frame_id,
        image_width=about.width,
        image_height=about.height,
        skeleton_id=tracks.poses.skeleton.id,
        people=_tracked(tracks, about, dialect) if len(tracks) else [],
    )


def _tracked(tracks: Tracks, about: About, dialect: Dialect) -> list[Any]:
    msgs, count, rows = dialect.msgs, len(tracks), tracks.detection_rows.tolist()
    detection_ids = [about.first_id + row if row >= 0 else 0 for row in rows]
    has_position, positions = _triples(msgs.Point, tracks.positions, count, dialect)
    has_velocity, velocities = _triples(msgs.Vector3, tracks.velocities, count, dialect)
    has_facing, facings = _triples(msgs.Vector3, tracks.facings, count, dialect)
    return dialect.rows_of(
        msgs.TrackedPerson,
        track_id=tracks.ids.tolist(),
        person_id=[str(number) if number >= 0 else "" for number in tracks.person_ids.tolist()],
        identity_score=tracks.identity_scores.tolist(),
        state=tracks.states.tolist(),
        age=_durations(tracks.ages_s, dialect),
        time_since_update=_durations(tracks.unseen_s, dialect),
        hits=tracks.hits.tolist(),
        position_source=_of_each(tracks.position_sources, PositionSource.NONE, count),
        position_valid=has_position,
        position=positions,
        position_covariance=_nines(tracks.position_covariances, count),
        velocity_valid=has_velocity,
        velocity=velocities,
        velocity_covariance=_nines(tracks.velocity_covariances, count),
        facing_valid=has_facing,
        facing=facings,
        facing_std=_of_each(tracks.facing_stds, math.nan, count),
        velocity_2d=tracks.velocities_px.copy(),  # that of the record is read-only
        pose=_people(tracks.poses, detection_ids, [row >= 0 for row in rows], about, dialect),
    )


def _triples(
    make: Callable[..., Any], values: np.ndarray | None, count: int, dialect: Dialect
) -> tuple[list[bool], list[Any]]:
    """Return which of (T, 3) are known, and a Point or a Vector3 of each; all NaN where none is."""
    if values is None:
        unknown = [math.nan] * count
        return [False] * count, dialect.rows_of(make, x=unknown, y=unknown, z=unknown)
    x, y, z = values.T.tolist()  # as a whole, which is far faster than one by one
    return np.isfinite(values).all(axis=1).tolist(), dialect.rows_of(make, x=x, y=y, z=z)


def _of_each(values: np.ndarray | None, unknown: float, count: int) -> list[Any]:
    """Return (T,) as a list, ``unknown`` for all where there are none."""
    return [unknown] * count if values is None else values.tolist()


def _nines(covariances: np.ndarray | None, count: int) -> np.ndarray:
    """Return (T, 9) float32; NaN where nothing is known (REP-117)."""
    if covariances is None:
        return np.full((count, 9), np.nan, np.float32)
    return covariances.reshape(count, 9).astype(np.float32)


def _durations(seconds: np.ndarray, dialect: Dialect) -> list[Any]:
    """Make a Duration of each of (T,) seconds."""
    whole = np.floor(seconds)
    rest = np.minimum(np.rint((seconds - whole) * 1e9), 10**9 - 1)
    return dialect.rows_of(
        dialect.msgs.Duration,
        sec=whole.astype(int).tolist(),
        nanosec=rest.astype(int).tolist(),
    )


def duration(seconds: float, dialect: Dialect) -> Any:
    """Make a Duration."""
    whole, rest = divmod(round(seconds * 1e9), 10**9)
    return dialect.msgs.Duration(sec=whole, nanosec=rest)


def skeleton_to_message(skeleton: Skeleton, header: Any, dialect: Dialect) -> Any:
    """Make a SkeletonDefinition."""
    starts = [start for start, _ in skeleton.groups.values()]
    return dialect.msgs.SkeletonDefinition(
        header=header,
        id=skeleton.id,
        keypoint_names=list(skeleton.names),
        edges=dialect.flat(skeleton.edge_rows.astype(np.uint16)),
        group_names=list(skeleton.groups),
        group_offsets=dialect.flat(np.array([*starts, len(skeleton.names)], np.uint16)),
        flip_pairs=dialect.flat(np.array(skeleton.flip_pairs, np.uint16)),
        sigmas=dialect.flat(np.array(skeleton.sigmas, np.float32)),
    )


def poses_from_message(message: Any, skeleton: Skeleton) -> Poses:
    """Read a PoseArray; columns in 3-D and embeddings are None where known of nobody.

    Raises:
        ValueError: the message is of another skeleton, or an array has a wrong length.
    """
    if message.skeleton_id != skeleton.id:
        raise ValueError(f"poses are of skeleton {message.skeleton_id!r}, not {skeleton.id!r}")
    return _poses_from(message.people, skeleton)


def tracks_from_message(message: Any, skeleton: Skeleton) -> Tracks:
    """Read a TrackedPersonArray.

    Rows without keypoints get NaN NaN 0; columns in 3-D and embeddings are None where they are
    known of nobody, and NaN for those of whom they are not known.

    ``detection_rows`` are -1 for those who are not seen in this image. Of the others the message
    tells the order in the frame's Poses, but not who of these is in no track: they count 0, 1, ...
    in that order. rows_in_poses() gives the rows themselves.

    Raises:
        ValueError: the message is of another skeleton, or an array has a wrong length.
    """
    if message.skeleton_id != skeleton.id:
        raise ValueError(f"tracks are of skeleton {message.skeleton_id!r}, not {skeleton.id!r}")
    people = message.people
    if not people:
        return Tracks.empty(skeleton)
    return Tracks(
        poses=_poses_from([person.pose for person in people], skeleton),
        ids=[person.track_id for person in people],
        states=[person.state for person in people],
        ages_s=[_seconds(person.age) for person in people],
        unseen_s=[_seconds(person.time_since_update) for person in people],
        hits=[person.hits for person in people],
        detection_rows=_ranks(_detection_ids(people)),
        velocities_px=[person.velocity_2d for person in people],
        person_ids=[_person_id(person, index) for index, person in enumerate(people)],
        identity_scores=[person.identity_score for person in people],
        **_in_space(people),
    )


def _person_id(person: Any, index: int) -> int:
    """Return who it is, -1 where re-identification says nothing."""
    try:
        return int(person.person_id or -1)
    except ValueError:
        raise ValueError(
            f"person_id of people[{index}] must be a whole number or empty, got "
            f"{person.person_id!r}"
        ) from None


def rows_in_poses(tracks: Any, poses: Any) -> np.ndarray:
    """Tell which row of a PoseArray each person of a TrackedPersonArray is; -1 where not seen.

    Raises:
        ValueError: the messages are of two images.
    """
    stamps = [(stamp.sec, stamp.nanosec) for stamp in (tracks.header.stamp, poses.header.stamp)]
    rows = {person.detection_id: row for row, person in enumerate(poses.people)}
    detection_ids = _detection_ids(tracks.people)
    unknown = [one for one in detection_ids if one is not None and one not in rows]
    if stamps[0] != stamps[1] or unknown:
        why = f"detection_id {unknown[0]} is none of theirs" if unknown else "their stamps differ"
        raise ValueError(f"poses are not of the image that the tracks are of: {why}")
    return np.array([rows.get(one, -1) for one in detection_ids], np.int64)


def _detection_ids(people: list[Any]) -> list[int | None]:
    """Return who each tracked person is among the frame's poses, None where not seen."""
    return [person.pose.detection_id if len(person.pose.keypoints) else None for person in people]


def _ranks(detection_ids: list[int | None]) -> np.ndarray:
    """Return the place of each in the order of the ids, from 0; -1 where there is none."""
    seen = [row for row, one in enumerate(detection_ids) if one is not None]
    ranks = np.full(len(detection_ids), -1)
    ranks[sorted(seen, key=lambda row: detection_ids[row])] = np.arange(len(seen))
    return ranks


def _in_space(people: list[Any]) -> dict[str, Any]:
    """Read the columns in metres of people; bags of old may have messages without some of them."""
    sources = [getattr(person, "position_source", PositionSource.NONE) for person in people]
    has_position, has_velocity, has_facing = (
        [getattr(person, f"{name}_valid", False) for person in people]
        for name in ("position", "velocity", "facing")
    )
    return {
        "positions": _valid(people, "position", has_position),
        "position_covariances": _valid(people, "position_covariance", has_position, (3, 3)),
        "velocities": _valid(people, "velocity", has_velocity),
        "velocity_covariances": _valid(people, "velocity_covariance", has_velocity, (3, 3)),
        "position_sources": sources if any(sources) else None,
        "facings": _valid(people, "facing", has_facing),
        "facing_stds": _valid(people, "facing_std", has_facing, ()),
    }


def _poses_from(people: list[Any], skeleton: Skeleton) -> Poses:
    if not people:
        return Poses.empty(skeleton)
    count = len(skeleton.names)
    keypoints = _stacked(people, "keypoints", 3 * count)
    keypoints = keypoints.reshape(-1, count, 3)
    keypoints[..., 2][np.isnan(keypoints[..., 2])] = 0
    is_lifted = any(len(person.keypoints_3d) for person in people)
    length = max(len(person.embedding) for person in people)
    return Poses(
        skeleton=skeleton,
        keypoints=keypoints,
        boxes=from_xywh(np.array([person.bbox for person in people], np.float32)),
        box_scores=[person.bbox_score for person in people],
        scores=[person.score for person in people],
        embeddings=_stacked(people, "embedding", length) if length else None,
        keypoints_3d=(
            _stacked(people, "keypoints_3d", 3 * count).reshape(-1, count, 3) if is_lifted else None
        ),
    )


def _stacked(people: list[Any], name: str, length: int) -> np.ndarray:
    """Return a field as (N, length) float32, NaN where it is empty.

    Raises:
        ValueError: somebody has another number of values.
    """
    stacked = np.full((len(people), length), np.nan, np.float32)
    for index, person in enumerate(people):
        row = getattr(person, name)
        if len(row) not in (0, length):
            raise ValueError(
                f"{name} of people[{index}] must have {length} numbers or none, got {len(row)}"
            )
        if len(row):
            stacked[index] = row
    return stacked


def _valid(
    people: list[Any], name: str, is_valid: list[bool], shape: tuple[int, ...] = (3,)
) -> np.ndarray | None:
    """Return a field as (N, *shape) float64, NaN where not valid; None where nothing is."""
    if not any(is_valid):
        return None
    values = [getattr(person, name) for person in people]
    if shape == (3,):
        values = [(vector.x, vector.y, vector.z) for vector in values]
    rows = np.array(values, np.float64).reshape(-1, *shape)
    rows[~np.array(is_valid)] = np.nan
    return rows


def _seconds(duration: Any) -> float:
    return duration.sec + duration.nanosec / 1e9
