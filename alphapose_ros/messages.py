"""Records to messages and back; handed the message classes, so the same for topics and bags."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from alphapose_ros.boxes import from_xywh, to_xywh
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.skeletons import Skeleton

_NOTHING = np.empty(0, np.float32)
_UNKNOWN_9 = np.full(9, np.nan, np.float32)


@dataclass(frozen=True)
class Dialect:
    """How messages are made: of rclpy's classes, or of those of a bag's type store."""

    msgs: SimpleNamespace  # our message classes by name, and Duration, Point, Vector3
    flat: Callable[[np.ndarray], Any]  # array of any shape -> a float32[] or uint16[] of a message


@dataclass(frozen=True)
class About:
    """What the messages of one frame say besides its people."""

    header: Any  # std_msgs/Header of the image, taken over as it is
    width: int  # of the image [px]
    height: int
    first_id: int = 1  # detection_id of the frame's first pose; the others follow


def poses_to_message(poses: Poses, about: About, dialect: Dialect) -> Any:
    """Make a PoseArray of N people; N may be 0."""
    return dialect.msgs.PoseArray(
        header=about.header,
        image_width=about.width,
        image_height=about.height,
        skeleton_id=poses.skeleton.id,
        people=[_person(poses, row, about.first_id + row, dialect) for row in range(len(poses))],
    )


def _person(poses: Poses, row: int, detection_id: int, dialect: Dialect) -> Any:
    embedding = _NOTHING if poses.embeddings is None else poses.embeddings[row]
    lifted = _NOTHING if poses.keypoints_3d is None else poses.keypoints_3d[row]
    return dialect.msgs.PersonPose(
        detection_id=detection_id,
        score=float(poses.scores[row]),
        bbox=to_xywh(poses.boxes[row]).astype(np.float32),
        bbox_score=float(poses.box_scores[row]),
        keypoints=dialect.flat(poses.keypoints[row]),
        keypoints_3d=dialect.flat(lifted),
        keypoints_3d_covariance=dialect.flat(_NOTHING),
        embedding=dialect.flat(embedding),
    )


def tracks_to_message(tracks: Tracks, about: About, dialect: Dialect) -> Any:
    """Make a TrackedPersonArray; people who were not seen carry no keypoints."""
    return dialect.msgs.TrackedPersonArray(
        header=about.header,
        image_frame_id=about.header.frame_id,
        image_width=about.width,
        image_height=about.height,
        skeleton_id=tracks.poses.skeleton.id,
        people=[_tracked(tracks, row, about, dialect) for row in range(len(tracks))],
    )


def _tracked(tracks: Tracks, row: int, about: About, dialect: Dialect) -> Any:
    detection_row = int(tracks.detection_rows[row])
    is_seen = detection_row >= 0
    pose = _person(tracks.poses, row, about.first_id + detection_row if is_seen else 0, dialect)
    if not is_seen:
        pose.keypoints = dialect.flat(_NOTHING)
    person_id = int(tracks.person_ids[row])
    return dialect.msgs.TrackedPerson(
        track_id=int(tracks.ids[row]),
        person_id=str(person_id) if person_id >= 0 else "",
        identity_score=float(tracks.identity_scores[row]),
        state=int(tracks.states[row]),
        age=_duration(tracks.ages_s[row], dialect),
        time_since_update=_duration(tracks.unseen_s[row], dialect),
        hits=int(tracks.hits[row]),
        **_place(tracks, row, dialect),
        velocity_2d=np.asarray(tracks.velocities_px[row], np.float32),
        pose=pose,
    )


def _place(tracks: Tracks, row: int, dialect: Dialect) -> dict[str, Any]:
    """Return the 3-D fields; NaN where nothing is known (REP-117)."""
    nowhere = np.full(3, np.nan)
    position = nowhere if tracks.positions is None else tracks.positions[row]
    velocity = nowhere if tracks.velocities is None else tracks.velocities[row]
    return {
        "position_valid": bool(np.isfinite(position).all()),
        "position": dialect.msgs.Point(**_xyz(position)),
        "position_covariance": _nine(tracks.position_covariances, row),
        "velocity_valid": bool(np.isfinite(velocity).all()),
        "velocity": dialect.msgs.Vector3(**_xyz(velocity)),
        "velocity_covariance": _nine(tracks.velocity_covariances, row),
    }


def _xyz(values: np.ndarray) -> dict[str, float]:
    return {axis: float(value) for axis, value in zip("xyz", values, strict=True)}


def _nine(covariances: np.ndarray | None, row: int) -> np.ndarray:
    return _UNKNOWN_9.copy() if covariances is None else covariances[row].ravel().astype(np.float32)


def _duration(seconds: float, dialect: Dialect) -> Any:
    whole = math.floor(seconds)
    return dialect.msgs.Duration(sec=whole, nanosec=min(round((seconds - whole) * 1e9), 10**9 - 1))


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


def tracks_from_message(message: Any, skeleton: Skeleton) -> Tracks:
    """Read a TrackedPersonArray; rows without keypoints get NaN NaN 0.

    Raises:
        ValueError: the message is of another skeleton.
    """
    if message.skeleton_id != skeleton.id:
        raise ValueError(f"tracks are of skeleton {message.skeleton_id!r}, not {skeleton.id!r}")
    people = message.people
    if not people:
        return Tracks.empty(skeleton)
    seen = [bool(len(person.pose.keypoints)) for person in people]
    return Tracks(
        poses=_poses_from([person.pose for person in people], skeleton),
        ids=[person.track_id for person in people],
        states=[person.state for person in people],
        ages_s=[_seconds(person.age) for person in people],
        unseen_s=[_seconds(person.time_since_update) for person in people],
        hits=[person.hits for person in people],
        detection_rows=np.where(seen, np.cumsum(seen) - 1, -1),
        velocities_px=[person.velocity_2d for person in people],
        person_ids=[int(person.person_id or -1) for person in people],
        identity_scores=[person.identity_score for person in people],
    )


def _poses_from(people: list[Any], skeleton: Skeleton) -> Poses:
    absent = np.tile(np.float32([np.nan, np.nan, 0]), (len(skeleton.names), 1))
    return Poses(
        skeleton=skeleton,
        keypoints=[
            np.asarray(person.keypoints, np.float32).reshape(-1, 3)
            if len(person.keypoints)
            else absent
            for person in people
        ],
        boxes=from_xywh(np.array([person.bbox for person in people])),
        box_scores=[person.bbox_score for person in people],
        scores=[person.score for person in people],
    )


def _seconds(duration: Any) -> float:
    return duration.sec + duration.nanosec / 1e9
