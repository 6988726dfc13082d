"""Bags as sources: images in the order of their arrival, with camera and depth."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import Frame
from alphapose_ros.images import read_depth, read_image
from alphapose_ros.io.bag import BagError, BagMessage, BagReader, header_ns
from alphapose_ros.io.bag_depth import on_image
from alphapose_ros.io.bag_pairing import Stamped, pair
from alphapose_ros.io.bag_salvage import SalvageReader, at, messages_left, open_bag
from alphapose_ros.io.bag_topics import COMPRESSED, IMAGE, BagTopic, BagTopics, choose
from alphapose_ros.io.bag_transforms import MOVING, STATIC, BagTransforms
from alphapose_ros.io.ends import Item, Problem
from alphapose_ros.lifting.camera_info import doubt
from alphapose_ros.lifting.camera_reader import CameraReader
from alphapose_ros.lifting.registered import camera_of_depth

USUAL_SLOP_S = LiftingConfig().slop_s
TRANSFORMS = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")  # the second one in ROS 1
PERIODS = 10  # from which the rate is taken

__all__ = ["BagSource", "BagTopics"]


class Taken(NamedTuple):
    """One decoded message and what the camera was by then."""

    stamp_ns: int
    received_ns: int
    message: Any
    info: Any | None


class BagSource:
    """The frames of a bag of ROS 2 or ROS 1; a context manager, to be iterated once.

    Stamps are those of the headers. A damaged bag gives what is left of it. ``topics`` are those
    that are read.

    Args:
        path: folder, or .mcap, .db3 or .bag file.
        topics: which to read.
        slop_s: largest difference of the stamps of an image and its depth.
        target_frame: frame_id of which each item tells how points of the camera come there; "":
            none.
        is_rectified: whether the images have been rectified; depth is what its CameraInfo says.

    Raises:
        BagError: it cannot be read, holds no images, or it is not clear which are meant.
    """

    def __init__(
        self,
        path: str | Path,
        topics: BagTopics | None = None,
        *,
        slop_s: float = USUAL_SLOP_S,
        target_frame: str = "",
        is_rectified: bool = False,
    ) -> None:
        self.path = Path(path)
        self.name = self.path.name or str(self.path.resolve().name)
        self.is_sequence = True
        self.problems: list[Problem] = []
        self._slop_ns = round(slop_s * 1e9)
        self.target_frame = target_frame.lstrip("/")
        self._transforms = BagTransforms()
        self._given = self._alone = self._astray = 0  # images: all, without depth, without place
        self._said: set[str] = set()  # what is worth one problem, however many images it costs
        self._is_rectified = is_rectified
        self._camera = CameraReader(
            lambda what: self._note_once(self.topics.camera_info, what), is_rectified=is_rectified
        )
        self._own_camera = CameraReader(lambda what: None)  # which is told by the one above
        self._depth_camera = CameraReader(
            lambda what: self._note_once(self.topics.depth_camera_info, what)
        )
        with open_bag(self.path, self.problems) as bag:
            found = _look(bag)
            self.topics = choose(topics or BagTopics(), found, self.name)
            self.frame_count: int | None = found[self.topics.image].count
            self.rate_hz = self._rate_hz(bag)

    def __enter__(self) -> BagSource:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing stays open between two images that is not closed with their iterator."""

    def __iter__(self) -> Iterator[Item]:
        """Yield the frames; depth has the pixels of the image.

        Raises:
            BagError: not one image can be read.
        """
        self._read_transforms()
        try:
            for index, (picture, depth) in enumerate(pair(self._images(), self._slop_ns)):
                item = self._item(index, picture, depth)
                if item is not None:
                    self._given += 1
                    self._alone += bool(self.topics.depth) and depth is None
                    self._astray += bool(self.target_frame) and item.to_target is None
                    yield item
        finally:  # also where the rest is not wanted
            self._tell_counts()
        if self._given == 0:
            what = (
                f" ({self.problems[-1].where}: {self.problems[-1].what})" if self.problems else ""
            )
            raise BagError(f"{self.name}: not one image of {self.topics.image} can be read{what}")

    def _read_transforms(self) -> None:
        """Learn where everything was at any time, as far as it is needed."""
        wanted = {STATIC, MOVING} if self.target_frame else {STATIC}
        with open_bag(self.path) as bag:
            for topic in sorted(wanted & bag.topics.keys()):
                if bag.topics[topic] not in TRANSFORMS:
                    what = f"it is of {bag.topics[topic]}, so it tells no transforms"
                    self._note(f"{self.name}, {topic}", what)
                    wanted.remove(topic)
            # Damage is told with the images.
            for sent, message in self._decoded(bag, messages_left(bag, wanted, [])):
                self._transforms.add(message, is_static=sent.topic == STATIC)

    def _tell_counts(self) -> None:
        """Say of how many images something is missing."""
        given, slop_s = self._given, self._slop_ns / 1e9
        if self._alone:
            what = f"{self._alone} of {given} images have no depth image within {slop_s:g} s"
            self._note(self.topics.depth, what)
        if self._astray:
            self._note(
                self.topics.image,
                f"people of {self._astray} of {given} images have no positions: {STATIC} and "
                f"{MOVING} do not tell where their camera was seen from {self.target_frame!r}",
            )

    def _images(self) -> Iterator[Stamped]:
        """Give pictures and depth images as they were recorded, with the newest CameraInfo."""
        chosen = self.topics
        wanted = {chosen.image, chosen.depth, chosen.camera_info, chosen.depth_camera_info} - {""}
        infos: dict[str, Any] = {}
        with open_bag(self.path) as bag:
            for topic in {chosen.camera_info, chosen.depth_camera_info} - {""}:
                first = next(self._decoded(bag, _readable(bag, topic)), None)
                infos[topic] = None if first is None else first[1]
            for sent, message in self._decoded(bag, messages_left(bag, wanted, self.problems)):
                if sent.topic in infos:
                    infos[sent.topic] = message
                if sent.topic in (chosen.image, chosen.depth):
                    is_depth_image = sent.topic != chosen.image
                    info = chosen.depth_camera_info if is_depth_image else chosen.camera_info
                    stamp_ns = self._stamp_ns(sent, message)
                    taken = Taken(stamp_ns, sent.stamp_ns, message, infos.get(info))
                    yield Stamped(is_depth_image, stamp_ns, taken)

    def _decoded(
        self, bag: BagReader | SalvageReader, messages: Iterator[BagMessage]
    ) -> Iterator[tuple[BagMessage, Any]]:
        for sent in messages:
            try:
                message = bag.decode(sent)
            except BagError as error:
                self.problems.append(
                    Problem(where=at(f"{self.name}, {sent.topic}", sent.stamp_ns), what=str(error))
                )
                continue
            yield sent, message

    def _item(self, index: int, picture: Taken, depth: Taken | None) -> Item | None:
        try:
            frame = Frame(
                image=read_image(picture.message),
                stamp_ns=picture.stamp_ns,
                frame_id=picture.message.header.frame_id,
                index=index,
            )
        except ValueError as error:
            self._note(at(f"{self.name}, {self.topics.image}", picture.stamp_ns), str(error))
            return None
        frame = replace(frame, camera=self._camera(picture.info))
        if picture.info is not None and not self._is_rectified:
            problem = doubt(picture.info, self.topics.image)
            if problem:
                self._note_once(self.topics.image, problem)
        if depth is not None:
            frame = replace(frame, depth=self._depth(frame, picture.info, depth))
        return Item(
            frame=frame,
            name=f"{index}.jpg",
            received_ns=picture.received_ns,
            target_frame=self.target_frame,
            to_target=self._to_target(frame),
        )

    def _to_target(self, frame: Frame) -> np.ndarray | None:
        """Return (4, 4), takes points of the camera to the target frame; None if it is unknown."""
        if not self.target_frame:
            return None
        return self._transforms.find(self.target_frame, frame.frame_id, frame.stamp_ns)

    def _depth(self, frame: Frame, info: Any | None, depth: Taken) -> np.ndarray | None:
        """Return depth (H, W) [m] with the pixels of the frame's image, None if it is unknown."""
        topic = self.topics.depth
        try:
            metres = read_depth(depth.message)
        except ValueError as error:
            self._note(at(f"{self.name}, {topic}", depth.stamp_ns), str(error))
            return None
        try:
            camera = self._depth_camera(depth.info)
            if frame.camera is not None:
                camera = camera_of_depth(frame.camera, self._own_camera(info), camera)
            place = depth.message.header.frame_id
            return on_image(metres, frame, camera, place, self._transforms)
        except ValueError as error:
            self._note_once(topic, f"depth ignored: {error}")
            return None

    def _rate_hz(self, bag: BagReader | SalvageReader) -> float | None:
        """Return the rate by the first stamps of the images; None where they do not tell."""
        stamps = []
        for sent in itertools.islice(_readable(bag, self.topics.image), PERIODS + 1):
            with suppress(BagError):  # which is reported when it is its turn
                stamps.append(header_ns(bag.decode(sent)) or sent.stamp_ns)
        periods = [after - before for before, after in itertools.pairwise(stamps)]
        period_ns = statistics.median(periods) if periods else 0
        return round(1e9 / period_ns, 3) if period_ns > 0 else None

    def _stamp_ns(self, sent: BagMessage, message: Any) -> int:
        """Return when an image was taken; where its header does not say it, when it came."""
        stamp_ns = header_ns(message)
        if not stamp_ns:
            self._note_once(sent.topic, "headers hold no stamps; those of the recording are taken")
        return stamp_ns or sent.stamp_ns

    def _note(self, where: str, what: str) -> None:
        self.problems.append(Problem(where=where, what=what))

    def _note_once(self, topic: str, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._note(f"{self.name}, {topic}", what)


def _look(bag: BagReader | SalvageReader) -> dict[str, BagTopic]:
    """Return the topics that hold messages."""
    found = {}
    for topic, type_name in bag.topics.items():
        if not bag.counts[topic]:
            continue
        encoding = ""
        if type_name in (IMAGE, COMPRESSED):
            for sent in itertools.islice(_readable(bag, topic), 1):
                encoding = _encoding(bag, sent)
        found[topic] = BagTopic(type_name=type_name, count=bag.counts[topic], encoding=encoding)
    return found


def _encoding(bag: BagReader | SalvageReader, sent: BagMessage) -> str:
    try:
        message = bag.decode(sent)
    except BagError:
        return ""
    return message.format if hasattr(message, "format") else message.encoding


def _readable(bag: BagReader | SalvageReader, topic: str) -> Iterator[BagMessage]:
    """Give the messages of a topic until damage, which is reported when it is its turn."""
    with suppress(BagError):
        yield from bag.messages([topic])
