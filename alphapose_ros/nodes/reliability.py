"""The quality of service of images: what users choose, what publishers offer, how both fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from difflib import get_close_matches
from typing import NamedTuple

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

OVERRIDES = "qos_overrides."  # how the names of their parameters begin
RELIABILITIES = {
    "reliable": ReliabilityPolicy.RELIABLE,
    "best_effort": ReliabilityPolicy.BEST_EFFORT,
}
_declared: ContextVar[str] = ContextVar("override that is being declared", default="")
_OVERRIDABLE = {  # and the values they take; None: a number above 0
    QoSPolicyKind.RELIABILITY: ReliabilityPolicy,
    QoSPolicyKind.DURABILITY: DurabilityPolicy,
    QoSPolicyKind.HISTORY: HistoryPolicy,
    QoSPolicyKind.DEPTH: None,
}


class Demand(NamedTuple):
    """Two values of a policy: who asks for the first hears nothing of who offers the second."""

    most: ReliabilityPolicy | DurabilityPolicy
    least: ReliabilityPolicy | DurabilityPolicy


DEMANDS = {
    QoSPolicyKind.RELIABILITY: Demand(ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT),
    QoSPolicyKind.DURABILITY: Demand(DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE),
}
LEFT_OPEN = ("best_available", "system_default")  # values that the middleware puts others for


def reliability(parameter: str, name: str) -> ReliabilityPolicy:
    """Return the policy of a name.

    Raises:
        ValueError: there is none; the message names ``parameter``.
    """
    if name not in RELIABILITIES:
        raise ValueError(f"{parameter}: {name!r} is none of {', '.join(RELIABILITIES)}")
    return RELIABILITIES[name]


def suited_reliability(publishers: Sequence[TopicEndpointInfo]) -> ReliabilityPolicy:
    """Return what gets the most of all ``publishers``: reliable if every one of them is.

    A best-effort subscription matches publishers of both kinds, and so is right for a mixture.
    """
    offered = {publisher.qos_profile.reliability for publisher in publishers}
    if offered == {ReliabilityPolicy.RELIABLE}:
        return ReliabilityPolicy.RELIABLE
    return ReliabilityPolicy.BEST_EFFORT


def all_keep(publishers: Sequence[TopicEndpointInfo]) -> bool:
    """Whether every one of ``publishers`` sends what it published before to those who come late.

    Reliable subscriptions alone get it: nothing is sent again by best effort.
    """
    profiles = [publisher.qos_profile for publisher in publishers]
    return bool(profiles) and all(
        policy_of(profile, kind) == demand.most
        for profile in profiles
        for kind, demand in DEMANDS.items()
    )


def clashing_policies(offered: QoSProfile, asked: QoSProfile) -> list[QoSPolicyKind]:
    """Return of which policies a publisher offers less than a subscription asks for."""
    return [
        kind
        for kind, demand in DEMANDS.items()
        if (policy_of(asked, kind), policy_of(offered, kind)) == demand
    ]


def wanting(publishers: Iterable[TopicEndpointInfo], asked: QoSProfile) -> list[QoSPolicyKind]:
    """Return of which policies any of ``publishers`` offers less than a subscription asks for."""
    clashes = [clashing_policies(one.qos_profile, asked) for one in publishers]
    return [kind for kind in DEMANDS if any(kind in one for one in clashes)]


def policy_of(qos: QoSProfile, kind: QoSPolicyKind) -> ReliabilityPolicy | DurabilityPolicy:
    """Return the reliability or the durability of a profile."""
    return qos.reliability if kind == QoSPolicyKind.RELIABILITY else qos.durability


def profile_in_use(node: Node, subscription: Subscription, type_name: str) -> QoSProfile:
    """Return the profile of a subscription, with what the middleware put for policies left open.

    `best_available` is such a one: it goes by the publishers that were there when the subscription
    was made, and is the strictest where none was.

    Args:
        node: whose subscription it is.
        subscription: which knows what was asked for only.
        type_name: of its messages.
    """
    asked = subscription.qos_profile
    if not {shown(policy_of(asked, kind)) for kind in DEMANDS}.intersection(LEFT_OPEN):
        return asked
    own = (node.get_name(), node.get_namespace(), type_name)
    for one in node.get_subscriptions_info_by_topic(subscription.topic_name):
        if (one.node_name, one.node_namespace, one.topic_type) == own:
            return QoSProfile(
                depth=asked.depth,
                reliability=one.qos_profile.reliability,
                durability=one.qos_profile.durability,
            )
    return asked


def is_compatible(publisher: TopicEndpointInfo, asked: QoSProfile) -> bool:
    """Whether a subscription of the profile ``asked`` gets what ``publisher`` sends."""
    compatibility, _ = qos_check_compatible(publisher.qos_profile, asked)
    return compatibility != QoSCompatibility.ERROR


def shown_profile(qos: QoSProfile) -> str:
    """Return the two policies of ``qos`` that publisher and subscription disagree on, as text."""
    return f"{shown(qos.reliability)}, {shown(qos.durability)}"


def shown(policy: ReliabilityPolicy | DurabilityPolicy) -> str:
    """Return the name of a policy as users write it."""
    return policy.name.lower()


def overridden_policies(node: Node, topic: str) -> list[QoSPolicyKind]:
    """Return which policies of the subscription of ``topic`` a user has overridden.

    Every policy is a read-only parameter `qos_overrides.<topic>.subscription.<policy>`, as
    everywhere in ROS 2; here its default is empty (0 for the depth), which leaves the policy to
    the node. So a policy that the node changes later on is not held to what it was at first.

    Args:
        node: on which the parameters are declared unless they are already.
        topic: in full.

    Raises:
        ValueError: a value is none of its policy; the message names the parameter.
    """
    return [kind for kind in _OVERRIDABLE if _override(node, topic, kind)]


def override_name(topic: str, kind: QoSPolicyKind) -> str:
    """Return the parameter that overrides one policy of the subscription of ``topic``."""
    return f"{OVERRIDES}{topic}.subscription.{kind.name.lower()}"


def useless_overrides(node: Node, given: Iterable[str]) -> list[str]:
    """Return what is wrong with those names of overrides that no subscription of ``node`` has."""
    there = [name for name in node.get_parameters_by_prefix("") if name.startswith(OVERRIDES)]
    told = []
    for name in given:
        if name not in there:
            near = get_close_matches(name, there, n=2, cutoff=0.7)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(there)}"
            told.append(f"{name} overrides nothing: only what is received can be; {hint}")
    return told


def is_being_declared(name: str) -> bool:
    """Whether a parameter is an override that overridden_policies() is about to declare.

    A callback of parameters cannot tell otherwise: it is asked of those that are declared and of
    those that somebody sets alike.
    """
    return bool(name) and name == _declared.get()


def _override(node: Node, topic: str, kind: QoSPolicyKind) -> str | int:
    """Return the value that a user gave for one policy, "" or 0 where none."""
    values, name = _OVERRIDABLE[kind], override_name(topic, kind)
    if not node.has_parameter(name):
        policy = kind.name.lower()
        descriptor = ParameterDescriptor(
            description=f"{policy} of the subscription of {topic}; empty or 0: the node chooses",
            read_only=True,
        )
        token = _declared.set(name)
        try:
            node.declare_parameter(name, 0 if values is None else "", descriptor)
        except InvalidParameterTypeException as error:
            raise ValueError(f"{name}: {error}") from None
        finally:
            _declared.reset(token)
    value = node.get_parameter(name).value  # of any type, if somebody else declared it
    if values is None:
        if type(value) is not int or value < 0:
            raise ValueError(f"{name}: {value!r} is no depth")
        return value
    names = [one for one in values.__members__ if one != "UNKNOWN"]  # which nobody can ask for
    if not isinstance(value, str) or (value and value.upper() not in names):
        raise ValueError(f"{name}: {value!r} is none of {', '.join(names).lower()}")
    return value
