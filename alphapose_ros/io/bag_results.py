"""The people in a bag, read back: of the offline way or recorded from a pose node."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alphapose_ros.conversions import to_numpy
from alphapose_ros.frame import Tracks
from alphapose_ros.io.bag import BagError, BagReader, header_ns
from alphapose_ros.io.bag_salvage import SalvageReader, at, messages_left, open_bag
from alphapose_ros.io.ends import FrameResult, Problem
from alphapose_ros.io.formats.results import Results
from alphapose_ros.messages import tracks_from_message
from alphapose_ros.skeletons import SKELETONS, Skeleton, skeleton

TRACKS = "alphapose_ros/msg/TrackedPersonArray"
DEFINITION = "alphapose_ros/msg/SkeletonDefinition"

log = logging.getLogger(__name__)


def read_bag_results(path: str | Path, topic: str = "") -> Results:
    """Read the tracks in a bag.

    The last word of a pose node, which says without people that nobody is followed any more, is
    no frame. Frames are called INDEX.jpg, as those of a video. Of a damaged bag what is left is
    read, and logged what is not.

    Args:
        path: bag folder, or a single file of one.
        topic: of the tracks; "": the only one of its type.

    Raises:
        BagError: the bag cannot be read, or there is not one topic to be read.
        ValueError: the skeleton is unknown, or changes.
    """
    problems: list[Problem] = []
    with open_bag(Path(path), problems) as bag:
        topic = topic or _only_topic(bag)
        if bag.topics.get(topic) != TRACKS:
            raise BagError(f"{path}: {topic} holds no tracks; {_listed(bag)}")
        bodies = _Bodies(bag)
        messages = _frames(_decoded(bag, topic, problems))
        frames = [
            FrameResult(
                name=f"{index}.jpg",
                index=index,
                stamp_ns=header_ns(message),
                width=message.image_width,
                height=message.image_height,
                tracks=_tracks(message, bodies, f"{path}, message {index} of {topic}"),
                frame_id=_frame_of(message),
            )
            for index, message in enumerate(messages)
        ]
    if bodies.first is None:
        why = f" that can be read; {_told(problems)}" if problems else ""
        raise BagError(f"{path}: there is no message on {topic}{why}")
    if problems:
        log.warning(
            "%s is damaged; %d frames of %s are kept. %s", path, len(frames), topic, _told(problems)
        )
    return Results(skeleton=bodies.first, frames=frames, source_name=Path(path).name)


class _Bodies:
    """The skeletons that a bag defines, and the first one that is used."""

    def __init__(self, bag: BagReader | SalvageReader) -> None:
        topics = [topic for topic, type_name in bag.topics.items() if type_name == DEFINITION]
        found = [one for topic in topics for one in _decoded(bag, topic, [])]
        self._defined = {one.id: one for one in found}
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


def _frame_of(message: Any) -> str:
    """Return the frame of positions where it is not that of the camera."""
    frame_id = message.header.frame_id
    return "" if getattr(message, "image_frame_id", frame_id) == frame_id else frame_id


def _tracks(message: Any, bodies: _Bodies, where: str) -> Tracks:
    try:
        return tracks_from_message(message, bodies(message.skeleton_id))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    except AttributeError as error:  # of a definition that is too old
        raise ValueError(f"{where} cannot be read: {error}; record the bag anew") from error


def _only_topic(bag: BagReader | SalvageReader) -> str:
    topics = [topic for topic, type_name in bag.topics.items() if type_name == TRACKS]
    if len(topics) == 1:
        return topics[0]
    if not topics:
        raise BagError(
            f"{bag.path} holds no tracks of people ({TRACKS}); `alphapose run {bag.path} --save "
            "bag` makes a bag that does"
        )
    raise BagError(f"{bag.path}: which tracks are meant, {' or '.join(sorted(topics))}?")


def _listed(bag: BagReader | SalvageReader) -> str:
    return f"its topics are {', '.join(sorted(bag.topics)) or 'none'}"


def _decoded(bag: BagReader | SalvageReader, topic: str, problems: list[Problem]) -> Iterator[Any]:
    """Give the messages of a topic that are left, decoded; note those that are not."""
    for sent in messages_left(bag, [topic], problems):
        try:
            yield bag.decode(sent)
        except BagError as error:
            problems.append(Problem(where=at(topic, sent.stamp_ns), what=str(error)))


def _told(problems: list[Problem]) -> str:
    more = f", and {len(problems) - 1} more problems" if len(problems) > 1 else ""
    return f"{problems[0].where}: {problems[0].what}{more}"


def _frames(messages: Iterator[Any]) -> Iterator[Any]:
    """Leave out a node's last word: without people, of the image before or of none at all."""
    last_ns = 0
    for message in messages:
        stamp_ns = header_ns(message)
        of_an_image = message.image_width and (not stamp_ns or stamp_ns != last_ns)
        if message.people or of_an_image:
            yield message
        last_ns = stamp_ns
