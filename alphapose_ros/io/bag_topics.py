"""Which topics of a bag are the picture, its camera and its depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alphapose_ros.images import ONLY_DEPTH
from alphapose_ros.io.bag import BagError

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
DEPTH_SUFFIX = "/compressedDepth"  # of the topics that image_transport adds
SUFFIXES = ("/compressed", DEPTH_SUFFIX)
ALIGNED = "aligned_depth"  # how drivers call depth that has the pixels of the picture


@dataclass(frozen=True, kw_only=True)
class BagTopics:
    """Topics to be read; "" for what is to be found.

    The picture is the only topic of images that is no depth; a compressed form beside the raw one
    does not count. Depth is taken without being asked for where exactly one topic is called
    aligned_depth, or else exactly one holds 16UC1 or 32FC1. A CameraInfo is the topic
    ``camera_info`` beside that of the image.
    """

    image: str = ""
    depth: str = ""  # "-": none
    camera_info: str = ""
    depth_camera_info: str = ""


@dataclass(frozen=True, kw_only=True)
class BagTopic:
    """What is there to choose from."""

    type_name: str
    count: int  # of messages
    encoding: str  # of the first image; "" where there is none


def choose(wanted: BagTopics, found: Mapping[str, BagTopic], name: str) -> BagTopics:
    """Return the topics to be read, "" for what there is none of.

    Args:
        wanted: what the user asked for.
        found: the topics of the bag that hold messages.
        name: of the bag, for errors.

    Raises:
        BagError: a topic is not there or of the wrong type, or it is not clear which is meant.
    """
    images = [topic for topic, what in found.items() if what.type_name in (IMAGE, COMPRESSED)]
    depths = [topic for topic in images if is_depth(topic, found[topic])]
    pictures = _without_copies([topic for topic in images if topic not in depths])
    if wanted.image:
        image = _asked(wanted.image, "image", (IMAGE, COMPRESSED), (found, name))
    elif len(pictures) == 1:
        image = pictures[0]
    else:
        raise BagError(_unclear(pictures, found, name))
    if wanted.depth == "-":
        depth = ""
    elif wanted.depth:
        depth = _asked(wanted.depth, "depth", (IMAGE, COMPRESSED), (found, name))
    else:
        depth = _only_depth(depths, image)
    return BagTopics(
        image=image,
        depth=depth,
        camera_info=_info_of(image, wanted.camera_info, "camera_info", (found, name)),
        depth_camera_info=_info_of(
            *(depth, wanted.depth_camera_info, "depth_camera_info", (found, name))
        ),
    )


def listed(found: Mapping[str, BagTopic]) -> str:
    """Say which topics there are, with types and numbers of messages, one a line."""
    width = max(map(len, found), default=0)
    return "".join(
        f"\n  {topic:{width}}  {what.type_name}, {what.count} messages"
        f"{f', {what.encoding}' * bool(what.encoding)}"
        for topic, what in sorted(found.items())
    )


def is_depth(topic: str, what: BagTopic) -> bool:
    """Tell whether a topic of images holds depth."""
    stored = what.encoding.partition(";")[0]
    return stored in ONLY_DEPTH or topic.endswith(DEPTH_SUFFIX)


def _asked(
    topic: str, key: str, types: tuple[str, ...], bag: tuple[Mapping[str, BagTopic], str]
) -> str:
    found, name = bag
    for candidate in (topic, f"/{topic}"):
        if candidate in found and found[candidate].type_name in types:
            return candidate
    short = " or ".join(kind.rpartition("/")[2] for kind in types)
    raise BagError(f"{name}: {key}={topic} is no topic of {short}; it holds{listed(found)}")


def _unclear(pictures: list[str], found: Mapping[str, BagTopic], name: str) -> str:
    if not pictures:
        return f"{name}: no topic of images; it holds{listed(found) or ' nothing'}"
    listing = listed({topic: found[topic] for topic in pictures})
    return f"{name}: which images? Say --topics image=TOPIC with one of{listing}"


def _without_copies(topics: list[str]) -> list[str]:
    """Leave out what image_transport made of another topic that is there."""
    return [topic for topic in topics if _base(topic) == topic or _base(topic) not in topics]


def _base(topic: str) -> str:
    for suffix in SUFFIXES:
        topic = topic.removesuffix(suffix)
    return topic


def _only_depth(depths: list[str], image: str) -> str:
    others = _without_copies([topic for topic in depths if topic != image])
    aligned = [topic for topic in others if ALIGNED in topic]
    likely = aligned or others
    return likely[0] if len(likely) == 1 else ""


def _info_of(topic: str, wanted: str, key: str, bag: tuple[Mapping[str, BagTopic], str]) -> str:
    if wanted:
        return _asked(wanted, key, (CAMERA_INFO,), bag)
    beside = f"{_base(topic).rpartition('/')[0]}/camera_info"
    found, _ = bag
    is_there = bool(topic) and beside in found and found[beside].type_name == CAMERA_INFO
    return beside if is_there else ""
