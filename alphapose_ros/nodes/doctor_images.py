"""The camera's images as a subscriber meets them: from whom, how many, how old, how big."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CompressedImage, Image

from alphapose_ros.images import read_image
from alphapose_ros.io.findings import FAIL, OK, WARN, Finding
from alphapose_ros.nodes.doctor_camera import info_topic
from alphapose_ros.nodes.doctor_transport import full_name, shown_bytes
from alphapose_ros.nodes.middleware import is_cyclone, room_for_images
from alphapose_ros.nodes.reliability import shown, shown_profile
from alphapose_ros.nodes.silence import COMPRESSED, RAW, SUFFIX, cameras, is_pose_node

KINDS = {RAW: Image, COMPRESSED: CompressedImage}
COMPLETE, LOSSY = 0.9, 0.5  # shares of the images that arrive
FEW = 3  # images, from which no rate can be told
OLD_S = 0.5  # age at arrival from which robots suffer
FUTURE_S = 0.005
OTHER_TIME_S = 60.0  # age from which the stamps are of another clock
START = (
    "Start the camera driver; set the same ROS_DOMAIN_ID, RMW_IMPLEMENTATION and discovery range "
    "here"
)
SEE_CAMERA = "See the camera's exposure, its USB or network link, and the load of the machine"
UNREADABLE = "Have the driver send what can be read: the pose node refuses these images as well"
CLOCKS = "synchronise the clocks of both machines (chrony)"
REPLAY = "Play bags with `ros2 bag play --clock` and start the nodes with use_sim_time:=true"


@dataclass
class Heard:
    """What arrived on the topic of a camera while we listened."""

    seconds: float  # for which we listened
    stamps_ns: list[int] = field(default_factory=list)
    arrived_ns: list[int] = field(default_factory=list)  # by the clock of this machine
    lost: int = 0  # as DDS tells
    last: Image | CompressedImage | None = None
    clock_ns: int | None = None  # the last of /clock, at the last image

    def add(self, image: Image | CompressedImage, now_ns: int, clock_ns: int | None) -> None:
        """Note an image."""
        self.stamps_ns.append(image.header.stamp.sec * 10**9 + image.header.stamp.nanosec)
        self.arrived_ns.append(now_ns)
        self.last, self.clock_ns = image, clock_ns


# Who publishes


def image_topics(node: Node) -> dict[str, tuple[str, int]]:
    """Return type and number of publishers of every topic on which cameras publish."""
    return {
        name: (publishers[0].topic_type, len(publishers))
        for name, publishers in cameras(node).items()
    }


def judge_topics(topics: dict[str, tuple[str, int]]) -> list[Finding]:
    """List the topics with images."""
    if not topics:
        text = "nobody publishes images that can be seen from here"
        return [Finding(WARN, "images", text, START)]
    return [
        Finding(
            *(OK, "images", f"{name}  {kind}  {_counted(count)}"),
            values={"topic": name, "type": kind, "publishers": count},
        )
        for name, (kind, count) in sorted(topics.items())
    ]


def judge_form(node: Node, topic: str) -> Finding | None:
    """Judge a camera that publishes compressed images alone, named without the suffix.

    Pose nodes are given that name too. None of every other topic.
    """
    form = topic + SUFFIX
    if node.count_publishers(topic) or form not in image_topics(node):
        return None
    listeners = node.get_subscriptions_info_by_topic(form)
    is_taken = any(is_pose_node(node, one.node_name, one.node_namespace) for one in listeners)
    way = (
        f"Start the pose node with image_transport:=compressed image_topic:={topic} "
        f"camera_info_topic:={info_topic(topic)}"
    )
    text = f"{topic} is published compressed only: {form} is examined"
    return Finding(OK if is_taken else WARN, "publishers", text, "" if is_taken else way)


def judge_publishers(
    topic: str, publishers: list[TopicEndpointInfo], topics: dict[str, tuple[str, int]]
) -> list[Finding]:
    """Say who publishes on the topic, how, and whether these are images."""
    if not publishers:
        text = f"nobody publishes on {topic}"
        return [Finding(FAIL, "publisher", text, images_elsewhere(topic, topics))]
    found = [_publisher(one) for one in publishers]
    if len({one.topic_type for one in publishers}) > 1:
        text = "one topic must have one type: half of the publishers are heard by nobody"
        found.append(Finding(FAIL, "publishers", text, "Remap one of them to a topic of its own"))
    elif len(publishers) > 1:
        text = f"{len(publishers)} publishers: their images would be taken for those of one camera"
        found.append(Finding(WARN, "publishers", text, "Stop or remap all but one"))
    return found


def images_elsewhere(topic: str, topics: Collection[str]) -> str:
    """Return which of ``topics``, all those with images, may be meant by ``topic``."""
    if topics:
        near = get_close_matches(topic, topics, n=3, cutoff=0.0)
        return f"There are images on {', '.join(near)}: name one of these"
    return f"No images anywhere. {START}"


def _publisher(one: TopicEndpointInfo) -> Finding:
    qos = one.qos_profile
    depth = str(qos.depth) if qos.depth else "not told"
    text = f"{full_name(one)}: {one.topic_type}, {shown_profile(qos)}, depth {depth}"
    values = {
        "node": full_name(one),
        "type": one.topic_type,
        "reliability": shown(qos.reliability),
        "durability": shown(qos.durability),
        "depth": qos.depth or None,
    }
    if one.topic_type in KINDS:
        return Finding(OK, "publisher", text, values=values)
    return Finding(FAIL, "publisher", text, f"Name a topic of {' or '.join(KINDS)}", values)


def _counted(publishers: int) -> str:
    return f"{publishers} publisher{'' if publishers == 1 else 's'}"


# What arrives


def judge_rate(heard: Heard, reliability: str) -> Finding:
    """Compare the rate that is seen with the one that is published."""
    count = len(heard.stamps_ns)
    if count == 0:
        text = f"no image in {heard.seconds:g} s ({heard.lost} lost by DDS)"
        remedy = "See whether the camera driver is triggered, and its log"
        if heard.lost:
            remedy = f"Start {room_for_images()}"
        return Finding(FAIL, "rate", text, remedy, {"images": 0, "lost": heard.lost})
    seconds = (heard.arrived_ns[-1] - heard.arrived_ns[0]) / 1e9
    is_steady = count >= FEW and seconds > 0
    seen_hz = (count - 1) / seconds if is_steady else count / heard.seconds
    skipped = _skipped(heard.stamps_ns)
    values = {
        "images": count,
        "lost": heard.lost,
        "skipped": skipped,
        "seen_hz": round(seen_hz, 2),
        "published_hz": round(seen_hz * (count + heard.lost) / count, 2),
        "reliability": reliability,
    }
    judge = _by_gaps if is_cyclone() else _by_losses
    return judge(values, count / (count + max(heard.lost, skipped)))


def _by_losses(values: dict[str, Any], share: float) -> Finding:
    """Judge the rate where DDS tells of losses."""
    lost, skipped, sent = values["lost"], values["skipped"], values["images"] + values["lost"]
    text = f"{values['seen_hz']:.1f} Hz seen of {values['published_hz']:.1f} Hz published"
    text += f" ({values['reliability']}; {lost} of {sent} images lost by DDS)"
    if share >= COMPLETE:
        return Finding(OK, "rate", text, values=values)
    if lost < skipped / 2:
        text += f"; by the gaps between stamps {skipped - lost} images were never sent"
        return Finding(WARN, "rate", text, SEE_CAMERA, values)
    remedy = f"Start {room_for_images()}, or let the camera be reliable"
    return Finding(WARN if share >= LOSSY else FAIL, "rate", text, remedy, values)


def _by_gaps(values: dict[str, Any], share: float) -> Finding:
    """Judge the rate where nothing tells what was lost and what was never sent."""
    text = f"{values['seen_hz']:.1f} Hz seen ({values['reliability']})"
    if share >= COMPLETE:
        return Finding(OK, "rate", text, values=values)
    text += (
        f"; by the gaps between stamps {values['skipped']} images are missing: lost by CycloneDDS, "
        "which does not tell, or never sent"
    )
    remedy = f"Start {room_for_images()}, or let the camera be reliable. {SEE_CAMERA}"
    return Finding(WARN if share >= LOSSY else FAIL, "rate", text, remedy, values)


def _skipped(stamps_ns: list[int]) -> int:
    """Return how many stamps are missing in a row that is otherwise regular."""
    steps = np.diff(np.array(stamps_ns, np.int64))
    steps = steps[steps > 0]
    if len(steps) < FEW:
        return 0
    period = np.median(steps[steps <= np.quantile(steps, 0.5)])
    times = steps / period
    return int(np.sum(np.round(times[times > 1.5]) - 1))


def judge_stamps(heard: Heard) -> Finding:
    """Say how old images are when they arrive, and whose time they carry."""
    stamps = np.array(heard.stamps_ns, np.int64)
    if not stamps.any():
        text = "all stamps are 0: nothing can be followed over time, nor be placed by TF"
        return Finding(FAIL, "stamps", text, "Set header.stamp in the camera driver")
    steps = np.diff(stamps)
    age_s = float(np.median(np.array(heard.arrived_ns, np.int64) - stamps)) / 1e9
    values = {"age_ms": round(1e3 * age_s, 1), "uses_clock": heard.clock_ns is not None}
    if abs(age_s) > OTHER_TIME_S:
        return _other_time(heard, age_s, values)
    if (steps <= 0).any():
        text = f"{int((steps <= 0).sum())} of {len(steps)} stamps are not after the one before"
        remedy = "One camera to a topic; header.stamp set anew for each image in the driver"
        return Finding(WARN if steps.any() else FAIL, "stamps", text, remedy, values)
    if age_s < -FUTURE_S:
        text = f"images arrive {-1e3 * age_s:.0f} ms before they were taken"
        return Finding(WARN, "stamps", text, f"If from another machine, {CLOCKS}", values)
    text = f"images arrive {1e3 * age_s:.0f} ms after their stamps"
    if age_s > OLD_S:
        remedy = f"Smaller or compressed images; fewer buffers in the driver; or {CLOCKS}"
        return Finding(WARN, "stamps", text, remedy, values)
    return Finding(OK, "stamps", text, values=values)


def _other_time(heard: Heard, age_s: float, values: dict[str, object]) -> Finding:
    """Judge stamps that are not of this machine's time."""
    where = f"{shown_time(abs(age_s))} in the {'past' if age_s > 0 else 'future'}"
    if heard.clock_ns is not None:
        behind_s = (heard.clock_ns - heard.stamps_ns[-1]) / 1e9
        side = "before" if behind_s >= 0 else "after"
        text = f"stamps are {where}, {shown_time(abs(behind_s))} {side} /clock"
        if abs(behind_s) < OTHER_TIME_S:
            remedy = "Start all nodes with use_sim_time:=true"
            return Finding(WARN, "stamps", text, remedy, values)
        return Finding(FAIL, "stamps", text, "Images and /clock must come from one source", values)
    text = f"stamps are {where}, and nobody publishes /clock"
    return Finding(FAIL, "stamps", text, f"{REPLAY}; or set the clock of the camera", values)


def shown_time(seconds: float) -> str:
    """Return a time as one reads it."""
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{1e3 * seconds:.0f} ms"


def judge_picture(image: Image | CompressedImage) -> Finding:
    """Read an image as the pose node would."""
    values = {"bytes": len(image.data), "frame_id": image.header.frame_id}
    try:
        pixels = read_image(image)
    except ValueError as error:
        return Finding(FAIL, "image", str(error), UNREADABLE, values)
    height, width = pixels.shape[:2]
    encoding = image.format if isinstance(image, CompressedImage) else image.encoding
    values |= {"width": width, "height": height, "encoding": encoding}
    text = f"{width} x {height}, {encoding or 'format not told'}, {shown_bytes(len(image.data))}"
    if not image.header.frame_id:
        text += ", frame_id is empty"
        remedy = "Set frame_id in the camera driver: RViz and TF need it"
        return Finding(WARN, "image", text, remedy, values)
    return Finding(OK, "image", f"{text}, frame_id {image.header.frame_id}", values=values)
