"""Who publishes on a topic: looked at all the while, and told of where nothing comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile
from rclpy.topic_endpoint_info import TopicEndpointInfo

from alphapose_ros.nodes.reliability import (
    DEMANDS,
    LEFT_OPEN,
    clashing_policies,
    override_name,
    policy_of,
    shown,
    shown_profile,
    wanting,
)

LOOK_S = 0.5  # between looks
NAMELESS = "_NODE_NAME_UNKNOWN_"  # what rclpy says until a publisher's node is known as well
NAMED_S = 3.0  # after which it has none
OF_BAGS = "of bags: `ros2 bag play --qos-profile-overrides-path`"
TO_ASK_FOR_LESS = {
    QoSPolicyKind.RELIABILITY: (
        "image_reliability auto, process_every_frame false, and no qos_overrides that say otherwise"
    ),
    QoSPolicyKind.DURABILITY: "no qos_overrides of the durability",
}


def publishers_of(node: Node, topic: str, type_name: str) -> list[TopicEndpointInfo]:
    """Return who publishes messages of a type on a topic, as far as ``node`` sees by now."""
    publishers = node.get_publishers_info_by_topic(topic)
    return [one for one in publishers if one.topic_type == type_name]


def fitting(publishers: Iterable[TopicEndpointInfo], asked: QoSProfile) -> str:
    """Return the remedy for publishers that do not fit a subscription of unknown settings."""
    kinds = wanting(publishers, asked)
    less = "; ".join(TO_ASK_FOR_LESS[kind] for kind in kinds)
    return f"Let the publisher be {_values(asked, kinds)} ({OF_BAGS}), or ask for less: {less}"


def _values(asked: QoSProfile, kinds: Iterable[QoSPolicyKind]) -> str:
    return " and ".join(shown(policy_of(asked, kind)) for kind in kinds)


class Lookout:
    """Calls back with the publishers of a topic: twice a second, and at every glance().

    Args:
        node: that subscribes.
        topic: in full.
        type_name: of the messages.
        on_look: called with the publishers.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        type_name: str,
        on_look: Callable[[list[TopicEndpointInfo]], None],
    ) -> None:
        def look() -> None:
            on_look(publishers_of(node, topic, type_name))

        self._node = node
        self._glance = node.create_guard_condition(look)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # also where simulated time stands still
        self._timer = node.create_timer(LOOK_S, look, clock=steady)

    def glance(self) -> None:
        """Have a look as soon as the executor can."""
        self._glance.trigger()

    def stop(self) -> None:
        """Look no more."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_guard_condition(self._glance)


class Mismatches:
    """Tells of publishers that offer less than is asked for, and what can be done about it.

    Args:
        node: that subscribes, and in whose log it is told.
        topic: in full.
        what: does not come from there, in one word.
        overrides: policies of the subscription that a user has overridden.
        choice: what to set to be content with best effort, where no override asks for more.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        what: str,
        overrides: Sequence[QoSPolicyKind],
        choice: str = "",
    ) -> None:
        self._node, self._topic, self._what = node, topic, what
        self._overrides, self._choice = overrides, choice
        self._seen_s: dict[bytes, float] = {}  # since when, by publisher
        self._told: set[str] = set()  # profiles

    def tell(self, publishers: Iterable[TopicEndpointInfo], asked: QoSProfile) -> None:
        """Log an error for every profile among ``publishers`` that does not fit; once for each."""
        now_s, before = time.monotonic(), self._seen_s
        by_gid = {bytes(one.endpoint_gid): one for one in publishers}
        self._seen_s = {gid: before.get(gid, now_s) for gid in by_gid}
        for gid, publisher in by_gid.items():
            is_named = publisher.node_name != NAMELESS or now_s - self._seen_s[gid] > NAMED_S
            if is_named and clashing_policies(publisher.qos_profile, asked):
                self._tell_once(publisher, asked)

    def _tell_once(self, publisher: TopicEndpointInfo, asked: QoSProfile) -> None:
        offered = shown_profile(publisher.qos_profile)
        if offered in self._told:
            return
        self._told.add(offered)
        self._node.get_logger().error(
            f"incompatible quality of service on {self._topic}: requested "
            f"{shown_profile(asked)}, offered {offered} by node {publisher.node_name}; no "
            f"{self._what} comes from there. {self.remedy([publisher], asked)}"
        )

    def remedy(self, publishers: Iterable[TopicEndpointInfo], asked: QoSProfile) -> str:
        """Return what to change so that messages come from ``publishers``, which do not fit."""
        kinds = wanting(publishers, asked)
        levers = " and ".join(map(self._lever, kinds))
        return f"Set {levers}, or let the publisher be {_values(asked, kinds)} ({OF_BAGS})"

    def _lever(self, kind: QoSPolicyKind) -> str:
        """Return what to set so that no more of a policy is asked for than everybody offers."""
        if kind not in self._overrides:
            return self._choice
        name = override_name(self._topic, kind)
        value = self._node.get_parameter(name).value.lower()
        hint = f" ({value} is settled when the node subscribes)" if value in LEFT_OPEN else ""
        return f"{name} to {shown(DEMANDS[kind].least)}{hint}"
