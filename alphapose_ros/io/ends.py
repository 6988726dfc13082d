"""The two ends of the offline way: what every source gives and every sink takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # whoever reads a result file needs no networks
    import numpy as np

    from alphapose_ros.config import Config
    from alphapose_ros.frame import Frame, Tracks
    from alphapose_ros.lifting.moving import Placed
    from alphapose_ros.pipeline import Result
    from alphapose_ros.skeletons import Skeleton


@dataclass(frozen=True, kw_only=True)
class Item:
    """One frame of a source, and what it is called there."""

    frame: Frame
    name: str  # the file of a picture; INDEX.jpg of frame INDEX of a video or bag
    received_ns: int  # when a bag recorded it; elsewhere the stamp
    target_frame: str = ""  # in which people are told in metres; "": in that of the camera
    to_target: np.ndarray | None = None  # (4, 4), takes points of the camera there; None: unknown


@dataclass(frozen=True, kw_only=True)
class Processed:
    """One frame of a source and its people."""

    item: Item
    result: Result  # in metres as the camera sees them
    placed: Placed | None = None  # the same people in the target frame; None: there is none


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a source had to skip."""

    where: str  # for people: "street.mp4, frame 12", "bag, /camera/image at 1700000000.100"
    what: str  # one sentence with the remedy, if there is one


@dataclass(frozen=True, kw_only=True)
class FrameResult:
    """The people of one frame, as result files and bags keep them; nobody is an ordinary case."""

    name: str
    index: int
    stamp_ns: int
    width: int  # of the image [px]; 0 where a file does not tell
    height: int
    tracks: Tracks  # ids -1 where a file knows no tracks
    frame_id: str = ""  # of positions in metres; "": that of the camera


class Source(Protocol):
    """Frames in the order of their time, to be iterated once; a context manager.

    What cannot be decoded is skipped and noted in ``problems``; only a source that gives not one
    frame raises.
    """

    name: str
    rate_hz: float | None  # None where the source does not say it
    frame_count: int | None  # None where it is unknown, as for cameras
    is_sequence: bool  # False: pictures that have nothing to do with one another
    problems: list[Problem]

    def __enter__(self) -> Source: ...

    def __exit__(self, *exception: object) -> None: ...

    def __iter__(self) -> Iterator[Item]: ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all sinks of a run may want to know before its first frame."""

    config: Config
    skeleton: Skeleton
    rate_hz: float  # of the frames; a usual one where the source does not say it


class Sink(Protocol):
    """Takes every frame in order; a context manager.

    However the block ends, what was written until then can be read.
    """

    def __enter__(self) -> Sink: ...

    def __exit__(self, *exception: object) -> None: ...

    def add(self, processed: Processed) -> None:
        """Take a frame and its people; arrays in it are read-only and may be kept."""
