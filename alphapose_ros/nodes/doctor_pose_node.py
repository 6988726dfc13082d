"""The pose nodes that run: their state, what they listen to, and what they say of themselves."""

from __future__ import annotations

import time
from collections.abc import Callable
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
from alphapose_ros.nodes.doctor_camera import INFO, info_topic
from alphapose_ros.nodes.doctor_images import KINDS
from alphapose_ros.nodes.doctor_transport import full_name, is_named
from alphapose_ros.nodes.reliability import is_compatible, shown_profile
from alphapose_ros.nodes.silence import FITTING

NAME = "pose_node"
TRACKS = "alphapose_ros/msg/TrackedPersonArray"
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
    """Return the full names of all pose nodes: by their name, or by what they publish."""
    found = {
        f"{space.rstrip('/')}/{name}"
        for name, space in node.get_node_names_and_namespaces()
        if name == NAME
    }
    for topic, types in node.get_topic_names_and_types():
        if TRACKS in types:
            told = node.get_publishers_info_by_topic(topic)
            found |= {full_name(one) for one in told if is_named(one)}  # others cannot be asked
    return sorted(found)


def judge_nodes(node: Node, executor: Executor, topic: str, reports: Reports) -> list[Finding]:
    """Judge all pose nodes; ``topic`` is the camera's, "" where none is asked for."""
    names = pose_nodes(node)
    if not names:
        text = "none is seen"
        camera = topic.removesuffix("/compressed") or "/camera/image_raw"
        remedy = f"To start one: ros2 launch alphapose_ros pose.launch.py image_topic:={camera}"
        return [Finding(OK, "pose node", text, remedy)]
    call = _caller(node, executor)
    found = []
    for name in names:
        state = _state(call, name)
        found.append(_judge_state(name, state))
        if state == "active":
            found += _judge_input(node, name, topic)
            found += _judge_reports(name, reports.of(name))
    return found


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


def uses_sim_time(node: Node, executor: Executor, name: str) -> bool | None:
    """Return whether a node takes its time from /clock; None where it does not say."""
    request = GetParameters.Request(names=["use_sim_time"])
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


def _judge_input(node: Node, name: str, topic: str) -> list[Finding]:
    """Judge where a node listens for images, and whether it can hear who publishes there."""
    ears = _ears(node, name, set(KINDS))
    if not ears:
        return [Finding(FAIL, "its input", f"{name} listens to no images", "See its log")]
    found = []
    if topic and topic not in ears:
        heard = ", ".join(ears)
        text = f"{name} listens to {heard}, not to {topic}"
        found.append(Finding(WARN, "its input", text, f"image_topic:={topic}, in the launch file"))
    for heard, ear in ears.items():
        deaf = [
            one
            for one in node.get_publishers_info_by_topic(heard)
            if one.topic_type == ear.topic_type and not is_compatible(one, ear.qos_profile)
        ]
        found += [
            Finding(
                FAIL,
                "its input",
                f"{name} asks for {shown_profile(ear.qos_profile)} on {heard}, {full_name(one)} "
                f"offers {shown_profile(one.qos_profile)}: no image comes through",
                FITTING,
            )
            for one in deaf
        ]
        if not found:
            text = f"{name} listens to {heard} ({shown_profile(ear.qos_profile)})"
            found.append(Finding(OK, "its input", text, values={"topic": heard}))
    return found + _judge_info(node, name, topic)


def _judge_info(node: Node, name: str, topic: str) -> list[Finding]:
    """Judge where a node listens for CameraInfo, if nobody publishes it there."""
    deaf = [one for one in _ears(node, name, {INFO}) if not node.count_publishers(one)]
    if not deaf:
        return []
    text = f"{name} listens to {deaf[0]}, where nobody publishes CameraInfo"
    there = info_topic(topic) if topic else ""
    remedy = "camera_info_topic:=, in the launch file, as the camera driver names it"
    if there and node.count_publishers(there):
        remedy = f"camera_info_topic:={there}, in the launch file"
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
