"""The records that travel between the stages, and the checks of their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np

from alphapose_ros.skeletons import Skeleton

JUMP_BACK_S = 1.0  # of stamps: a stream that begins anew, and not just images out of order


class TrackState(IntEnum):
    """What is known of a track in one frame; the numbers are those of TrackedPerson.msg."""

    TENTATIVE = 0  # new, not yet confirmed
    TRACKED = 1  # matched in this frame
    LOST = 2  # predicted only
    REMOVED = 3  # reported once, then the id never returns


class PositionSource(IntEnum):
    """What a position in metres comes from; the numbers are those of TrackedPerson.msg."""

    NONE = 0
    DEPTH = 1
    GROUND = 2  # where the feet meet the ground plane


def array(*shape: str | int, dtype: Any = np.float32, optional: bool = False) -> Any:
    """Declare an array field; equal letters in ``shape`` must have equal sizes in a record."""
    default = None if optional else MISSING
    return field(default=default, metadata={"shape": shape, "dtype": dtype, "optional": optional})


@cache  # the frames of a stream are checked often
def _arrays_of(record: type) -> tuple[tuple[str, tuple[str | int, ...], Any, bool], ...]:
    """Return name, declared shape, dtype and whether it may be None, of each array field."""
    return tuple(
        (item.name, item.metadata["shape"], item.metadata["dtype"], item.metadata["optional"])
        for item in fields(record)
        if "shape" in item.metadata
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """Base of the records: arrays get their dtype, are checked once and become read-only."""

    def __post_init__(self) -> None:
        sizes: dict[str | int, int] = {}
        for name, declared, dtype, is_optional in _arrays_of(type(self)):
            value = getattr(self, name)
            if value is None and is_optional:
                continue
            value = np.asarray(value, dtype).view()
            value.setflags(write=False)
            object.__setattr__(self, name, value)
            found = value.shape
            for size, wanted in zip(found, declared, strict=False):
                sizes.setdefault(wanted, size)
            if found != tuple([sizes.get(w, 0) if isinstance(w, str) else w for w in declared]):
                self._refuse(name, found, declared, sizes)

    def _refuse(
        self,
        name: str,
        found: tuple[int, ...],
        declared: tuple[str | int, ...],
        sizes: dict[str | int, int],
    ) -> None:
        wanted = ", ".join(str(w if isinstance(w, int) else sizes.get(w, w)) for w in declared)
        comma = "," if len(declared) == 1 else ""
        raise ValueError(
            f"{type(self).__name__}.{name} must have shape ({wanted}{comma}), got {found}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class People(Record):
    """Base of the records with one row per person; ``record[mask]`` selects rows everywhere."""

    def __len__(self) -> int:
        raise NotImplementedError("a record of people says itself how many there are")

    def __getitem__(self, rows: np.ndarray | slice | Sequence[int]) -> Any:
        """Select rows by a mask, a slice or indices, in every column at once."""
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            rows = rows if rows.dtype == bool else rows.astype(np.intp)
        values = {}
        for item in fields(self):
            value = getattr(self, item.name)
            by_row = isinstance(value, People) or item.metadata.get("shape", ())[:1] == ("N",)
            values[item.name] = value[rows] if by_row and value is not None else value
        return type(self)(**values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Camera(Record):
    """Intrinsics of a pinhole camera and its lens, as sensor_msgs/CameraInfo gives them."""

    matrix: np.ndarray = array(3, 3, dtype=np.float64)  # K [px]
    distortion: np.ndarray = array("D", dtype=np.float64)
    distortion_model: str = "plumb_bob"
    width: int = 0  # [px]
    height: int = 0  # [px]


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame(Record):
    """One camera image and what belongs to it."""

    image: np.ndarray = array("H", "W", 3, dtype=np.uint8)  # BGR
    stamp_ns: int = 0  # acquisition time
    frame_id: str = ""  # coordinate frame of the camera
    index: int = 0  # running number in the stream
    depth: np.ndarray | None = array("H", "W", optional=True)  # [m], NaN = no value
    camera: Camera | None = None

    def __post_init__(self) -> None:
        if np.asarray(self.image).dtype != np.uint8:
            raise ValueError(
                f"Frame.image must be uint8 BGR, got {np.asarray(self.image).dtype}; "
                "images.to_bgr() converts other encodings"
            )
        super().__post_init__()
        if 0 in self.image.shape:
            raise ValueError(f"Frame.image is empty: {self.image.shape[1]} x {self.image.shape[0]}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections(People):
    """Person boxes of one frame."""

    boxes: np.ndarray = array("N", 4)  # x1 y1 x2 y2 [px], may leave the image
    scores: np.ndarray = array("N")  # [0, 1]
    embeddings: np.ndarray | None = array("N", "D", optional=True)  # unit length

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls) -> Detections:
        """Return the detections of a frame without people."""
        return cls(boxes=np.empty((0, 4)), scores=np.empty(0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Poses(People):
    """Keypoints of the people of one frame."""

    skeleton: Skeleton
    keypoints: np.ndarray = array("N", "K", 3)  # x y [px], score; NaN NaN 0 where absent
    boxes: np.ndarray = array("N", 4)  # x1 y1 x2 y2 [px]
    box_scores: np.ndarray = array("N")  # [0, 1]
    scores: np.ndarray = array("N")  # [0, 1]
    embeddings: np.ndarray | None = array("N", "D", optional=True)  # unit length
    keypoints_3d: np.ndarray | None = array("N", "K", 3, optional=True)  # [m], NaN = unknown

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keypoints.shape[1] != len(self.skeleton.names):
            raise ValueError(
                f"Poses.keypoints has {self.keypoints.shape[1]} keypoints, "
                f"skeleton {self.skeleton.id} has {len(self.skeleton.names)}"
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    @classmethod
    def empty(cls, skeleton: Skeleton) -> Poses:
        """Return the poses of a frame without people."""
        return cls(
            skeleton=skeleton,
            keypoints=np.empty((0, len(skeleton.names), 3)),
            boxes=np.empty((0, 4)),
            box_scores=np.empty(0),
            scores=np.empty(0),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracks(People):
    """The people of one frame with their identities over time."""

    poses: Poses  # of N rows; rows without observation: predicted box, NaN keypoints
    ids: np.ndarray = array("N", dtype=np.int64)  # 1.., never reused
    states: np.ndarray = array("N", dtype=np.uint8)  # TrackState
    ages_s: np.ndarray = array("N", dtype=np.float64)  # since the first observation
    unseen_s: np.ndarray = array("N", dtype=np.float64)  # since the last observation
    hits: np.ndarray = array("N", dtype=np.int64)  # frames observed in
    detection_rows: np.ndarray = array("N", dtype=np.int64)  # row in the frame's Poses, or -1
    velocities_px: np.ndarray = array("N", 2)  # of the box centre [px/s]
    person_ids: np.ndarray = array("N", dtype=np.int64)  # -1 where re-ID says nothing
    identity_scores: np.ndarray = array("N")  # [0, 1], NaN where re-ID says nothing
    positions: np.ndarray | None = array("N", 3, dtype=np.float64, optional=True)  # [m]
    position_covariances: np.ndarray | None = array("N", 3, 3, dtype=np.float64, optional=True)
    velocities: np.ndarray | None = array("N", 3, dtype=np.float64, optional=True)  # [m/s]
    velocity_covariances: np.ndarray | None = array("N", 3, 3, dtype=np.float64, optional=True)
    position_sources: np.ndarray | None = array(
        "N", dtype=np.uint8, optional=True
    )  # PositionSource
    facings: np.ndarray | None = array("N", 3, dtype=np.float64, optional=True)  # out of the chest
    facing_stds: np.ndarray | None = array("N", dtype=np.float64, optional=True)  # [rad]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.poses) != len(self.ids):
            raise ValueError(
                f"Tracks.poses must have {len(self.ids)} rows as ids has, got {len(self.poses)}"
            )

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def empty(cls, skeleton: Skeleton) -> Tracks:
        """Return the tracks of a frame without people."""
        return cls(
            poses=Poses.empty(skeleton),
            velocities_px=np.empty((0, 2)),
            **dict.fromkeys(
                ("ids", "states", "ages_s", "unseen_s", "hits", "detection_rows", "person_ids"),
                np.empty(0),
            ),
            identity_scores=np.empty(0),
        )
