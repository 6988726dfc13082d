"""Our messages as arrays and back, for programs that subscribe or publish them; needs no PyTorch.

The classes of the messages are those of whoever calls: rclpy's, or for reading also a bag's.
"""
# ruff: noqa: RUF009  array() declares a field

from __future__ import annotations

import sys
from array import array as numbers
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from alphapose_ros.boxes import from_xywh, to_xywh
from alphapose_ros.frame import Poses, Record, Tracks, array
from alphapose_ros.messages import (
    About,
    Dialect,
    poses_from_message,
    poses_to_message,
    rows_in_poses,
    skeleton_to_message,
    tracks_from_message,
    tracks_to_message,
)
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.skeletons import skeleton as find_skeleton

_NOTHING = np.empty(0, np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Person(Record):
    """One person in one image; arrays read from a message are views of it."""

    keypoints: np.ndarray = array("K", 3)  # x y [px], score; NaN NaN 0 where absent; K = 0: unseen
    box: np.ndarray = array(4)  # x1 y1 x2 y2 [px]
    box_score: float = 0.0  # [0, 1]
    score: float = 0.0  # [0, 1]
    detection_id: int = 0
    keypoints_3d: np.ndarray | None = array("K", 3, optional=True)  # [m], NaN = unknown
    embedding: np.ndarray | None = array("D", optional=True)  # unit length


def to_numpy(
    message: Any, skeleton: Skeleton | None = None, *, poses: Any = None
) -> Person | Poses | Tracks | Skeleton:
    """Read a message of this package.

    Args:
        message: a PersonPose, PoseArray, TrackedPersonArray or SkeletonDefinition, of rclpy or as
            a bag was read.
        skeleton: what the keypoints are, where a publisher has a skeleton of its own:
            ``to_numpy()`` of its SkeletonDefinition. By default it is looked up by the
            ``skeleton_id`` of the message.
        poses: the PoseArray of the same image, for a TrackedPersonArray whose ``detection_rows``
            shall be rows of it.

    Returns:
        A Person, Poses, Tracks or Skeleton. Poses and Tracks have a row per person: see
        alphapose_ros.frame. Arrays are read-only. Without ``poses``, the ``detection_rows`` of
        Tracks are -1 for those who are not seen in this image, and count the others 0, 1, ... in
        the order of their detection_id: rows of the Poses only where everybody there is in a
        track, as no message of tracks tells who is in none.

    Raises:
        TypeError: it is another message.
        ValueError: the skeleton is unknown, or not that of the message; an array has a wrong
            length; ``poses`` are of another image.
    """
    name = type(message).__name__.rpartition("__")[2]  # in bags alphapose_ros__msg__PoseArray
    if name not in _READERS or "geometry_msgs" in type(message).__module__:
        raise TypeError(
            f"{type(message).__module__}.{type(message).__name__} is none of alphapose_ros.msg's "
            f"{', '.join(_READERS)}"
        )
    record = _READERS[name](message, skeleton)
    if poses is None:
        return record
    if not isinstance(record, Tracks):
        raise TypeError(f"poses tell the rows of a TrackedPersonArray, not of a {name}")
    return replace(record, detection_rows=rows_in_poses(message, poses))


def from_numpy(
    record: Person | Poses | Tracks | Skeleton,
    message_class: type,
    header: Any = None,
    *,
    size: tuple[int, int] = (0, 0),
    first_id: int = 1,
) -> Any:
    """Make a message of this package, all of whose fields rclpy takes as fast as it can.

    Args:
        record: a Person, Poses, Tracks or Skeleton.
        message_class: of rclpy: PersonPose, PoseArray, TrackedPersonArray or SkeletonDefinition.
        header: that of the image, for Poses and Tracks; it is taken over as it is.
        size: width and height of the image [px].
        first_id: detection_id of the first row of the frame's Poses; the others follow.

    Raises:
        TypeError: the class is not the one for this record, or the header is missing.
    """
    if type(record) not in _WRITERS:
        raise TypeError(f"{type(record).__name__} is none of Person, Poses, Tracks, Skeleton")
    name, write = _WRITERS[type(record)]
    if message_class.__name__ != name or "geometry_msgs" in message_class.__module__:
        raise TypeError(
            f"{type(record).__name__} become an alphapose_ros.msg.{name}, not a "
            f"{message_class.__module__}.{message_class.__name__}"
        )
    if header is None and isinstance(record, Poses | Tracks):
        raise TypeError(f"{name} needs the header of its image: by its stamp others find the image")
    about = About(header, *size, first_id=first_id, embeddings=True)
    return write(record, about, _dialect(message_class))


def flat(values: np.ndarray) -> numbers:
    """Return an array of any shape as an array.array: for message fields the fast legal value.

    rclpy of Humble refuses NumPy arrays, and takes ages to check lists and bytes.
    """
    filled = numbers(values.dtype.char)
    filled.frombytes(np.ascontiguousarray(values).tobytes())
    return filled


# Reading


def _read_person(message: Any, skeleton: Skeleton | None) -> Person:
    if skeleton is not None and len(message.keypoints) not in (0, 3 * len(skeleton.names)):
        raise ValueError(
            f"{len(message.keypoints)} numbers are not the keypoints of {skeleton.id}, which has "
            f"{len(skeleton.names)}"
        )
    for field in ("keypoints", "keypoints_3d"):
        numbers_there = len(getattr(message, field))
        if numbers_there % 3:
            raise ValueError(f"{field} must have three numbers per keypoint, got {numbers_there}")
    return Person(
        keypoints=_floats(message.keypoints).reshape(-1, 3),
        box=from_xywh(_floats(message.bbox)),
        box_score=message.bbox_score,
        score=message.score,
        detection_id=message.detection_id,
        keypoints_3d=(
            _floats(message.keypoints_3d).reshape(-1, 3) if len(message.keypoints_3d) else None
        ),
        embedding=_floats(message.embedding) if len(message.embedding) else None,
    )


def _read_poses(message: Any, skeleton: Skeleton | None) -> Poses:
    return poses_from_message(message, _skeleton_of(message, skeleton))


def _read_tracks(message: Any, skeleton: Skeleton | None) -> Tracks:
    return tracks_from_message(message, _skeleton_of(message, skeleton))


def _read_skeleton(message: Any, skeleton: Skeleton | None) -> Skeleton:
    names = tuple(message.keypoint_names)
    groups = len(message.group_names)
    highest = max(message.edges, default=-1)
    if len(message.edges) % 2 or highest >= len(names):
        raise ValueError(
            f"edges of skeleton {message.id!r} must be pairs of rows of its {len(names)} "
            f"keypoint_names, got {len(message.edges)} numbers up to {highest}"
        )
    if max(len(message.group_offsets), 1) != groups + 1:
        raise ValueError(
            f"group_offsets of skeleton {message.id!r} must be {groups + 1} for {groups} "
            f"group_names, got {len(message.group_offsets)}"
        )
    ends = np.asarray(message.edges, np.intp).reshape(-1, 2)
    bounds = pairwise([int(offset) for offset in message.group_offsets])
    return Skeleton(
        id=message.id,
        names=names,
        edges=tuple((names[start], names[stop]) for start, stop in ends),
        sigmas=tuple(message.sigmas) or (np.nan,) * len(names),
        groups=dict(zip(message.group_names, bounds, strict=True)) or {"all": (0, len(names))},
    )


def _skeleton_of(message: Any, given: Skeleton | None) -> Skeleton:
    if given is None:
        try:
            return find_skeleton(message.skeleton_id)
        except ValueError:
            raise ValueError(
                f"skeleton {message.skeleton_id!r} is not known here: hand to_numpy() the skeleton "
                "that it makes of the SkeletonDefinition on topic `skeleton`"
            ) from None
    if given.id != message.skeleton_id:
        raise ValueError(f"the people are of skeleton {message.skeleton_id!r}, not {given.id!r}")
    return given


def _floats(values: Any) -> np.ndarray:
    """Return the view of a float32[] field."""
    return np.asarray(values, np.float32)


# Writing


def _write_person(person: Person, _: About, dialect: Dialect) -> Any:
    def optional(values: np.ndarray | None) -> numbers:
        return flat(_NOTHING if values is None else values)

    return dialect.msgs.PersonPose(
        detection_id=person.detection_id,
        score=float(person.score),
        bbox=to_xywh(person.box).astype(np.float32),
        bbox_score=float(person.box_score),
        keypoints=flat(person.keypoints),
        keypoints_3d=optional(person.keypoints_3d),
        keypoints_3d_covariance=flat(_NOTHING),
        embedding=optional(person.embedding),
    )


def _write_skeleton(skeleton: Skeleton, about: About, dialect: Dialect) -> Any:
    header = dialect.msgs.SkeletonDefinition().header if about.header is None else about.header
    return skeleton_to_message(skeleton, header, dialect)


def _dialect(message_class: type) -> Dialect:
    """Return how messages are made of rclpy's classes, given one of ours.

    Its module knows the others, so that nothing of ROS is imported here.
    """
    ours = vars(sys.modules[message_class.__module__.rpartition(".")[0]])
    tracked = ours["TrackedPerson"]()
    return Dialect(
        msgs=SimpleNamespace(
            Duration=type(tracked.age),
            Point=type(tracked.position),
            Vector3=type(tracked.velocity),
            **{name: ours[name] for name in (*_READERS, "TrackedPerson")},
        ),
        flat=flat,
    )


_READERS: dict[str, Callable[[Any, Skeleton | None], Any]] = {
    "PersonPose": _read_person,
    "PoseArray": _read_poses,
    "TrackedPersonArray": _read_tracks,
    "SkeletonDefinition": _read_skeleton,
}
_WRITERS: dict[type, tuple[str, Callable[[Any, About, Dialect], Any]]] = {
    Person: ("PersonPose", _write_person),
    Poses: ("PoseArray", poses_to_message),
    Tracks: ("TrackedPersonArray", tracks_to_message),
    Skeleton: ("SkeletonDefinition", _write_skeleton),
}
