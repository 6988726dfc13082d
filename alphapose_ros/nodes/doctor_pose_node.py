"""The pose nodes that run: their state, what they listen to, and what they say of themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import GetParameters
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo

from alphapose_ros.io.findings import FAIL, OK, WARN, Finding
from alphapose_ros.nodes.doctor_camera import INFO, info_topic, info_topics
from alphapose_ros.nodes.doctor_images import KINDS, images_elsewhere
from alphapose_ros.nodes.doctor_transport import full_name
from alphapose_ros.nodes.publishers import fitting
from alphapose_ros.nodes.reliability import is_compatible, shown_profile
from alphapose_ros.nodes.silence import (
    COMPRESSED,
    RAW,
    SUFFIX,
    cameras,
    is_pose_node,
    services_of,
)

NAME = "pose_node"
USUAL = "/camera/image_raw"  # where a camera publishes
LAUNCH = "ros2 launch alphapose_ros pose.launch.py"
DISABLED = "disabled by ~/enable"  # as a node says it of itself
ANSWER_S = 2.0  # for a service
STATES = {
    State.PRIMARY_STATE_UNCONFIGURED: "unconfigured",
    State.PRIMARY_STATE_INACTIVE: "inactive",
    State.PRIMARY_STATE_ACTIVE: "active",
    State.PRIMARY_STATE_FINALIZED: "finalized",
}
TOLD = (  # of the figures of a report
    *("rate_hz", "processed_hz", "frames_dropped", "frames_lost", "people"),
    *("recent_latency_ms_p50", "recent_latency_ms_p95"),
)
NEXT = {"unconfigured": "configure", "inactive": "activate"}  # transitions


class Reports:
    """The last word of every part of every node on /diagnostics."""

    def __init__(self, node: Node) -> None:
        self.statuses: dict[str, DiagnosticStatus] = {}
        node.create_subscription(DiagnosticArray, "/diagnostics", self._add, 10)

    def _add(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = status

    def of(self, name: str) -> dict[str, DiagnosticStatus]:
        """Return those of the node called ``name`` in full, by part."""
        start = f"{name.lstrip('/')}: "
        return {
            key.removeprefix(start): status
            for key, status in self.statuses.items()
            if key.startswith(start)
        }


def pose_nodes(node: Node) -> list[str]:
    """Return the full names of all pose nodes: by their services, or by name where none is seen.

    What a node publishes says nothing: filters and bags that are played publish tracks as well.
    """
    found = {
        f"{space.rstrip('/')}/{name}"
        for name, space in node.get_node_names_and_namespaces()
        if is_pose_node(node, name, space) or (name == NAME and not services_of(node, name, space))
    }
    return sorted(found)


def judge_overlay(node: Node, topic: str) -> Finding | None:
    """Say that a topic is what a pose node draws; None where a camera, or nobody, publishes it."""
    name = _painter(node, topic)
    if not name:
        return None
    ears = [ear for ear in _ears(node, name, set(KINDS)) if not _painter(node, ear)]
    if ears:
        commands = " or ".join(f"alphapose doctor {ear}" for ear in ears)
        remedy = f"Examine what {name} listens to: {commands}"
    else:
        remedy = f"{name} listens to no camera by now. {images_elsewhere(topic, cameras(node))}"
    text = f"{topic} is the overlay of the pose node {name}, not a camera"
    return Finding(FAIL, "publisher", text, remedy, {"node": name, "cameras": ears})


def _painter(node: Node, topic: str) -> str:
    """Return which pose node draws the images of a topic; "" where a camera, or nobody, does."""
    publishers = [
        one for one in node.get_publishers_info_by_topic(topic) if one.topic_type in KINDS
    ]
    is_drawn = all(is_pose_node(node, one.node_name, one.node_namespace) for one in publishers)
    return full_name(publishers[0]) if publishers and is_drawn else ""


@dataclass(frozen=True)
class Asked:
    """The camera that was asked for, among those that there are."""

    topic: str  # "" where none was
    cameras: dict[str, list[TopicEndpointInfo]]  # who publishes, by topic
    is_taken: bool = False  # some pose node listens to it

    def is_heard_by(self, ears: dict[str, TopicEndpointInfo]) -> bool:
        """Whether images of this camera come by one of ``ears``, be it in its other form."""
        return any(
            ear == self.topic or (ear in self.cameras and _camera(ear) == _camera(self.topic))
            for ear in ears
        )

    def may_be_left_for(self, ears: dict[str, TopicEndpointInfo]) -> bool:
        """Whether a node with ``ears`` has a camera, and nothing speaks for this one instead."""
        has_camera = any(ear in self.cameras for ear in ears)
        return has_camera and (self.is_taken or self.topic not in self.cameras)


def _camera(topic: str) -> str:
    """Return the topic of a camera's raw images."""
    return topic.removesuffix(SUFFIX)


def judge_nodes(node: Node, executor: Executor, topic: str, reports: Reports) -> list[Finding]:
    """Judge all pose nodes; ``topic`` is the camera's, "" where none is asked for."""
    names = pose_nodes(node)
    if not names:
        text = "none is seen"
        there = cameras(node)
        way = _way(Asked(_nearest(topic or USUAL, there), there))
        command = "ros2 run alphapose_ros pose_node" if way.startswith("--ros-args") else LAUNCH
        return [Finding(OK, "pose node", text, f"To start one: {command} {way}")]
    call = _caller(node, executor)
    found = []
    there = cameras(node)
    asked = Asked(_published(topic, there), there)
    is_taken = any(asked.is_heard_by(_ears(node, name, set(KINDS))) for name in names)
    asked = replace(asked, is_taken=is_taken)
    for name in names:
        state = _state(call, name)
        found.append(_judge_state(name, state))
        if state == "active":
            parts = reports.of(name)
            found += _judge_input(node, name, asked, parts)
            found += _judge_reports(name, parts)
    return found


def _published(topic: str, there: Collection[str]) -> str:
    """Return the form of a camera's topic that is among ``there``, all of them; "" if none is.

    Where there is none at all, any topic may become one.
    """
    forms = [form for form in (topic, topic + SUFFIX) if form in there]
    if forms:
        return forms[0]
    return "" if there else topic


def _nearest(topic: str, there: Collection[str]) -> str:
    """Return which of ``there``, the topics of all cameras, is likely to be meant by ``topic``."""
    published = _published(topic, there)
    return published or get_close_matches(topic, there, n=1, cutoff=0.0)[0]


def _way(asked: Asked, ears: tuple[str, ...] = (), infos: tuple[str, ...] = ()) -> str:
    """Return the arguments with which a pose node takes the camera asked for.

    Args:
        asked: the camera.
        ears: where the node that is to do so listens for images by now.
        infos: likewise, for CameraInfo.
    """
    publishers = asked.cameras.get(asked.topic, [])
    types = {one.topic_type for one in publishers}
    is_compressed = COMPRESSED in types or (not types and asked.topic.endswith(SUFFIX))
    info = info_topic(asked.topic)
    if is_compressed and not asked.topic.endswith(SUFFIX):  # the launch file cannot name it
        way = f"--ros-args -p image_transport:=compressed -r image{SUFFIX}:={asked.topic}"
        return way if info in infos else f"{way} -r camera_info:={info}"
    words = []
    if is_compressed:
        words.append("image_transport:=compressed")
    elif any(ear.endswith(SUFFIX) for ear in ears):
        words.append("image_transport:=raw")
    words.append(f"image_topic:={_camera(asked.topic) if is_compressed else asked.topic}")
    return " ".join(words if info in infos else [*words, f"camera_info_topic:={info}"])


Call = Callable[[type, str, Any], Any]


def _caller(node: Node, executor: Executor) -> Call:
    def call(kind: type, name: str, request: Any) -> Any:
        """Return the answer of a service, None where none comes in time."""
        client = node.create_client(kind, name)
        end_s = time.monotonic() + ANSWER_S
        try:
            while not client.service_is_ready() and time.monotonic() < end_s:
                executor.spin_once(timeout_sec=0.05)
            future = client.call_async(request)
            while not future.done() and time.monotonic() < end_s:
                executor.spin_once(timeout_sec=0.05)
            return future.result() if future.done() else None
        finally:
            node.destroy_client(client)

    return call


def _state(call: Call, name: str) -> str:
    answer = call(GetState, f"{name}/get_state", GetState.Request())
    if answer is None:
        return ""
    return STATES.get(answer.current_state.id, answer.current_state.label)


def is_set(node: Node, executor: Executor, name: str, parameter: str) -> bool | None:
    """Return whether a boolean parameter of a node is true; None where it does not say."""
    request = GetParameters.Request(names=[parameter])
    answer = _caller(node, executor)(GetParameters, f"{name}/get_parameters", request)
    values: list[ParameterValue] = answer.values if answer is not None else []
    return values[0].bool_value if values else None


def _judge_state(name: str, state: str) -> Finding:
    values = {"node": name, "state": state}
    if not state:
        text = f"{name} does not answer within {ANSWER_S:g} s"
        return Finding(FAIL, "pose node", text, "See its log; end it and start it again", values)
    if state == "active":
        return Finding(OK, "pose node", f"{name} is active", values=values)
    step = NEXT.get(state)
    remedy = f"ros2 lifecycle set {name} {step}" if step else "See its log; start it again"
    return Finding(WARN, "pose node", f"{name} is {state}", remedy, values)


def _judge_input(
    node: Node, name: str, asked: Asked, parts: dict[str, DiagnosticStatus]
) -> list[Finding]:
    """Judge where a node listens for images, and whether it can hear who publishes there."""
    ears = _ears(node, name, set(KINDS))
    if not ears:
        return [_judge_deafness(name, parts)]
    found = []
    is_well_placed = not asked.topic or asked.is_heard_by(ears) or asked.may_be_left_for(ears)
    infos = _ears(node, name, {INFO})
    if not is_well_placed:
        text = f"{name} listens to {', '.join(ears)}, not to {asked.topic}"
        remedy = f"If it is to, start it with {_way(asked, tuple(ears), tuple(infos))}"
        found.append(Finding(WARN, "its input", text, remedy))
    for heard, ear in ears.items():
        publishers = [
            one
            for one in node.get_publishers_info_by_topic(heard)
            if one.topic_type == ear.topic_type
        ]
        unheard = _judge_publishers(name, heard, ear, publishers)
        found += unheard
        if is_well_placed and not publishers:
            found.append(_judge_vacancy(name, heard, asked, tuple(ears), tuple(infos)))
        elif is_well_placed and not unheard:
            text = f"{name} listens to {heard} ({shown_profile(ear.qos_profile)})"
            if heard != asked.topic and _camera(heard) == _camera(asked.topic):
                text += f": {'raw' if ear.topic_type == RAW else 'compressed'}, of the same camera"
            found.append(Finding(OK, "its input", text, values={"topic": heard}))
    its_own = [ear for ear in ears if ear in asked.cameras]
    camera = its_own[0] if its_own else asked.topic or next(iter(ears))
    return found + _judge_info(node, name, camera, tuple(infos))


def _judge_deafness(name: str, parts: dict[str, DiagnosticStatus]) -> Finding:
    """Judge an active node without a subscription of images: as a rule it is switched off."""
    remedy = f'ros2 service call {name}/enable std_srvs/srv/SetBool "{{data: true}}"'
    if not parts:
        text = f"{name} listens to no images: perhaps {DISABLED}"
        return Finding(WARN, "its input", text, remedy)
    if any(status.message == DISABLED for status in parts.values()):
        return Finding(WARN, "its input", f"{name} takes no images: {DISABLED}", remedy)
    return Finding(FAIL, "its input", f"{name} listens to no images", "See its log")


def _judge_vacancy(
    name: str, heard: str, asked: Asked, ears: tuple[str, ...], infos: tuple[str, ...]
) -> Finding:
    """Judge a node that listens to ``heard``, where nobody publishes what it takes."""
    text = f"{name} listens to {heard}, where nobody publishes the images that it takes"
    remedy = "Start the camera driver"
    if asked.cameras and len(ears) == 1:  # of several, who knows which is that of the depth
        camera = Asked(_nearest(heard, asked.cameras), asked.cameras)
        remedy += f", or the pose node with {_way(camera, ears, infos)}"
    return Finding(WARN, "its input", text, remedy)


def _judge_publishers(
    name: str, heard: str, ear: TopicEndpointInfo, publishers: list[TopicEndpointInfo]
) -> list[Finding]:
    """Return what there is to say of publishers that a node cannot hear by ``ear``."""
    return [
        Finding(
            FAIL,
            "its input",
            f"{name} asks for {shown_profile(ear.qos_profile)} on {heard}, {full_name(one)} "
            f"offers {shown_profile(one.qos_profile)}: no image comes through",
            fitting([one], ear.qos_profile),
        )
        for one in publishers
        if not is_compatible(one, ear.qos_profile)
    ]


def _judge_info(node: Node, name: str, camera: str, infos: tuple[str, ...]) -> list[Finding]:
    """Judge where a node listens for CameraInfo, if nobody publishes it there.

    Args:
        node: that sees the graph.
        name: of the pose node.
        camera: topic of the images that it takes, or is to take.
        infos: where it listens for CameraInfo.
    """
    published = info_topics(node)
    deaf = [info for info in infos if info not in published]
    if not deaf:
        return []
    text = f"{name} listens to {deaf[0]}, where nobody publishes CameraInfo"
    beside = info_topic(camera)
    is_depth = "depth" in deaf[0]
    argument = "depth_camera_info_topic" if is_depth else "camera_info_topic"
    free = [topic for topic in published if topic not in infos]
    if beside in free and not is_depth:
        remedy = f"{argument}:={beside}, in the launch file"
    elif free:
        near = get_close_matches(deaf[0], free, n=1, cutoff=0.0)[0]
        remedy = f"Have the driver publish it there; or, if of this camera, {argument}:={near}"
    elif beside == deaf[0] or is_depth:
        remedy = "Have the camera driver publish it there"
    else:
        remedy = f"Have the camera driver publish {beside}, and set {argument}:={beside}"
    return [Finding(WARN, "its camera info", text, remedy)]


def _ears(node: Node, name: str, kinds: set[str]) -> dict[str, TopicEndpointInfo]:
    """Return the subscriptions of a node to messages of some kinds, by topic."""
    return {
        topic: one
        for topic, types in node.get_topic_names_and_types()
        if set(types) & kinds
        for one in node.get_subscriptions_info_by_topic(topic)
        if full_name(one) == name and one.topic_type in kinds
    }


def _judge_reports(name: str, parts: dict[str, DiagnosticStatus]) -> list[Finding]:
    if not parts:
        text = f"{name} said nothing on /diagnostics while we listened"
        return [Finding(WARN, "its health", text, "Listen longer (--seconds 5); see its log")]
    return [_judge_report(part, status) for part, status in sorted(parts.items())]


def _judge_report(part: str, status: DiagnosticStatus) -> Finding:
    level = {DiagnosticStatus.OK: OK, DiagnosticStatus.WARN: WARN}.get(status.level, FAIL)
    values = {pair.key: pair.value for pair in status.values}
    figures = ", ".join(f"{key} {values[key]}" for key in TOLD if key in values)
    text = f"{part}: {status.message}" + (f" ({figures})" if figures else "")
    return Finding(level, "its health", text, values=values)
