"""The people in a bag, read back: of the offline way or recorded from a pose node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alphapose_ros.conversions import to_numpy
from alphapose_ros.frame import Tracks
from alphapose_ros.io.bag import BagError, BagReader
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.results import Results
from alphapose_ros.messages import tracks_from_message
from alphapose_ros.skeletons import SKELETONS, Skeleton, skeleton

TRACKS = "alphapose_ros/msg/TrackedPersonArray"
DEFINITION = "alphapose_ros/msg/SkeletonDefinition"


def read_bag_results(path: str | Path, topic: str = "") -> Results:
    """Read the tracks in a bag.

    The last word of a pose node, which says without people that nobody is followed any more, is
    no frame. Frames are called INDEX.jpg, as those of a video.

    Args:
        path: bag folder, or a single file of one.
        topic: of the tracks; "": the only one of its type.

    Raises:
        BagError: the bag cannot be read, or there is not one topic to be read.
        ValueError: the skeleton is unknown, or changes.
    """
    with BagReader(path) as bag:
        topic = topic or _only_topic(bag)
        if bag.topics.get(topic) != TRACKS:
            raise BagError(f"{path}: {topic} holds no tracks; {_listed(bag)}")
        bodies = _Bodies(bag)
        messages = _frames(bag.decode(message) for message in bag.messages([topic]))
        frames = [
            FrameResult(
                name=f"{index}.jpg",
                index=index,
                stamp_ns=_stamp_ns(message),
                width=message.image_width,
                height=message.image_height,
                tracks=_tracks(message, bodies, f"{path}, message {index} of {topic}"),
            )
            for index, message in enumerate(messages)
        ]
    if bodies.first is None:
        raise BagError(f"{path}: there is no message on {topic}")
    return Results(skeleton=bodies.first, frames=frames, source_name=Path(path).name)


class _Bodies:
    """The skeletons that a bag defines, and the first one that is used."""

    def __init__(self, bag: BagReader) -> None:
        topics = [topic for topic, type_name in bag.topics.items() if type_name == DEFINITION]
        messages = bag.messages(topics) if topics else ()
        self._defined = {one.id: one for one in map(bag.decode, messages)}
        self.first: Skeleton | None = None

    def __call__(self, name: str) -> Skeleton:
        """Return the skeleton of all tracks, known by ``name`` here or in the bag."""
        if self.first is None:
            if name not in SKELETONS and name not in self._defined:
                raise ValueError(
                    f"skeleton {name!r} is neither known here nor defined in the bag; record the "
                    "topic `skeleton` too"
                )
            self.first = skeleton(name) if name in SKELETONS else to_numpy(self._defined[name])
        return self.first


def _tracks(message: Any, bodies: _Bodies, where: str) -> Tracks:
    try:
        return tracks_from_message(message, bodies(message.skeleton_id))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    except AttributeError as error:  # of a definition that is too old
        raise ValueError(f"{where} cannot be read: {error}; record the bag anew") from error


def _only_topic(bag: BagReader) -> str:
    topics = [topic for topic, type_name in bag.topics.items() if type_name == TRACKS]
    if len(topics) == 1:
        return topics[0]
    if not topics:
        raise BagError(
            f"{bag.path} holds no tracks of people ({TRACKS}); `alphapose run {bag.path} --save "
            "bag` makes a bag that does"
        )
    raise BagError(f"{bag.path}: which tracks are meant, {' or '.join(sorted(topics))}?")


def _listed(bag: BagReader) -> str:
    return f"its topics are {', '.join(sorted(bag.topics)) or 'none'}"


def _frames(messages: Iterator[Any]) -> Iterator[Any]:
    """Leave out messages without people that repeat the stamp of the one before."""
    last_ns = 0
    for message in messages:
        stamp_ns = _stamp_ns(message)
        if message.people or not stamp_ns or stamp_ns != last_ns:
            yield message
        last_ns = stamp_ns


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return stamp.sec * 10**9 + stamp.nanosec
