"""A subscription of images that suits what their publishers offer, and knows what it misses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CompressedImage, Image

from alphapose_ros.config import Config
from alphapose_ros.nodes.reliability import (
    RELIABILITIES,
    is_compatible,
    overridden_policies,
    shown,
    shown_profile,
    suited_reliability,
)
from alphapose_ros.nodes.silence import COMPRESSED, RAW
from alphapose_ros.nodes.topics import TOPICS

try:
    from rclpy.event_handler import (
        QoSMessageLostInfo,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        QoSMessageLostInfo,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

LOOK_S = 0.5  # between looks at who publishes
NAMELESS = "_NODE_NAME_UNKNOWN_"  # what rclpy says until a publisher's node is known as well
NAMED_S = 3.0  # after which it has none
TELLS_NUMBERS = hasattr(Subscription, "CallbackType")  # of messages; not in Humble


class Gate(MutuallyExclusiveCallbackGroup):
    """Lets messages in only while there is room for them; the executor does other things then.

    Those that come meanwhile wait in the middleware, as many as the subscription keeps.
    """

    def __init__(self, has_room: Callable[[], bool]) -> None:
        super().__init__()
        self._has_room = has_room

    def can_execute(self, entity: Any) -> bool:
        """Whether the executor may wait for, and handle, this entity; it asks all the time."""
        is_shut = isinstance(entity, Subscription) and not self._has_room()
        return not is_shut and super().can_execute(entity)


class Gaps:
    """Counts the numbers that are missing between the messages of one publisher.

    Every publisher numbers its own, and nothing tells whose a message is. So what is missing
    counts only once a look at the publishers has found the same one as the look before.
    """

    def __init__(self) -> None:
        self.counted = 0
        self._mixed = 0  # messages to come that may be anybody's
        self._number: int | None = None  # of the last message
        self._unsure = 0  # missing since the last look

    @property
    def is_counting(self) -> bool:
        """Whether what is missing before the next message will be seen."""
        return self._number is not None

    def add(self, number: int) -> None:
        """Take the number of the next message."""
        if self._mixed:
            self._mixed -= 1
            return
        if self._number is not None:
            follows = number > self._number
            self._unsure = self._unsure + number - self._number - 1 if follows else 0
        self._number = number

    def look(self, publishers: int, *, are_the_same: bool, waiting: int) -> None:
        """Take what a look at the publishers found.

        Args:
            publishers: how many there are.
            are_the_same: whether they are those of the last look.
            waiting: messages that wait in the middleware, at most.
        """
        if publishers > 1:  # what waits may be of any of them, and wait for long
            self._mixed = waiting
        if publishers > 1 or not are_the_same:
            self._number, self._unsure = None, 0
        self.settle()

    def settle(self) -> None:
        """Count what is missing by now."""
        self.counted += self._unsure
        self._unsure = 0


class ImageSubscription:
    """Calls back with every image of a topic.

    With `image_reliability: auto` it follows what the publishers offer, and is made anew when that
    changes. A user's `qos_overrides` come before everything else. Publishers that nothing can come
    from are errors in the log, one for each profile.

    Args:
        node: whose subscription it is.
        kind: Image or CompressedImage.
        topic: in full.
        callback: called with every image; must not wait.
        config: image_reliability, process_every_frame, queue_size.
        has_room: whether there may be an image; until then they wait in the middleware.

    Raises:
        ValueError: a `qos_overrides` parameter is wrong; the message names it.
    """

    def __init__(
        self,
        node: Node,
        kind: type[Image] | type[CompressedImage],
        topic: str,
        callback: Callable[[Image | CompressedImage], None],
        config: Config,
        has_room: Callable[[], bool],
    ) -> None:
        self._node, self._kind, self._topic, self._callback = node, kind, topic, callback
        self._config, self._gate = config, Gate(has_room)
        self.type_name = RAW if kind is Image else COMPRESSED
        self._lost = 0  # as DDS tells
        self._gaps = Gaps()
        self._publishers: dict[bytes, float] = {}  # and when each was seen first [s]
        self._told: set[str] = set()  # mismatches
        self._overrides = overridden_policies(node, topic)
        self._subscription = self._subscribe(self._first_reliability())
        self._glance = node.create_guard_condition(self._look)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # also where simulated time stands still
        self._timer = node.create_timer(LOOK_S, self._look, clock=steady)

    @property
    def qos(self) -> QoSProfile:
        """The profile in use."""
        return self._subscription.qos_profile

    @property
    def lost(self) -> int:
        """Images that were published and did not come.

        What DDS loses on the way it reports itself. With `process_every_frame` that is not enough:
        a subscription whose images are not taken in time has acknowledged them already, so that
        the publisher goes on, and overwrites the oldest of them in silence. So the gaps in the
        publisher's numbering are counted instead, from the first image that came, where there is
        one publisher; up to a look at the publishers later.
        """
        return self._lost + self._gaps.counted

    def stop(self) -> None:
        """Receive nothing more."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_guard_condition(self._glance)
        self._node.destroy_subscription(self._subscription)
        self._gaps.settle()

    # Quality of service

    def _first_reliability(self) -> ReliabilityPolicy:
        config = self._config
        if config.process_every_frame:
            if config.image_reliability == "best_effort":
                self._node.get_logger().warning(
                    "process_every_frame asks for reliable images, whatever image_reliability says"
                )
            return ReliabilityPolicy.RELIABLE
        if config.image_reliability == "auto":
            return suited_reliability(self._offers())
        return RELIABILITIES[config.image_reliability]

    @property
    def _is_auto(self) -> bool:
        is_overridden = QoSPolicyKind.RELIABILITY in self._overrides
        is_asked = self._config.image_reliability == "auto" and not is_overridden
        return is_asked and not self._config.process_every_frame

    def _offers(self) -> list[TopicEndpointInfo]:
        """Return the publishers of what this node takes."""
        publishers = self._node.get_publishers_info_by_topic(self._topic)
        return [one for one in publishers if one.topic_type == self.type_name]

    def _look(self) -> None:
        """Follow what the publishers offer; tell of those that nothing can come from."""
        offers, known, now_s = self._offers(), self._publishers, time.monotonic()
        gids = [bytes(one.endpoint_gid) for one in offers]
        self._publishers = {gid: known.get(gid, now_s) for gid in gids}
        are_the_same = not known or known == self._publishers
        self._gaps.look(len(gids), are_the_same=are_the_same, waiting=self.qos.depth)
        if offers and self._is_auto:
            self._change_over(suited_reliability(offers))
        for gid, publisher in zip(gids, offers, strict=True):
            is_named = publisher.node_name != NAMELESS or now_s - self._publishers[gid] > NAMED_S
            if is_named and not is_compatible(publisher, self.qos):
                self._tell_mismatch(publisher)

    def _change_over(self, wanted: ReliabilityPolicy) -> None:
        if wanted == self.qos.reliability:
            return
        self._node.get_logger().info(
            f"images on {self._topic} are taken {shown(wanted)} from now on"
        )
        self._node.destroy_subscription(self._subscription)  # first: no image may come twice
        self._subscription = self._subscribe(wanted)

    def _tell_mismatch(self, publisher: TopicEndpointInfo) -> None:
        offered = shown_profile(publisher.qos_profile)
        if offered in self._told:
            return
        self._told.add(offered)
        self._node.get_logger().error(
            f"incompatible quality of service on {self._topic}: requested "
            f"{shown_profile(self.qos)}, offered {offered} by node {publisher.node_name}; no image "
            f"comes from there. {self._remedy()}"
        )

    def _remedy(self) -> str:
        if self._overrides:
            return f"Change qos_overrides.{self._topic}.subscription, or leave it out"
        if self._config.process_every_frame:
            return (
                "process_every_frame needs a reliable publisher: change its reliability (of bags: "
                "`ros2 bag play --qos-profile-overrides-path`), or do without"
            )
        return "Set image_reliability to auto or best_effort, or let the publisher be reliable"

    def _subscribe(self, reliability: ReliabilityPolicy) -> Subscription:
        every = self._config.process_every_frame
        depth = self._config.queue_size if every else TOPICS["image"].depth
        callback = self._on_numbered if every and TELLS_NUMBERS else self._callback
        fixed = (
            self._kind,
            self._topic,
            callback,
            QoSProfile(depth=depth, reliability=reliability),
        )
        more = {
            "callback_group": self._gate,
            "qos_overriding_options": QoSOverridingOptions(self._overrides),
        }
        mismatched = {"incompatible_qos": lambda _: self._glance.trigger()}
        try:
            events = SubscriptionEventCallbacks(message_lost=self._on_lost, **mismatched)
            return self._node.create_subscription(*fixed, event_callbacks=events, **more)
        except UnsupportedEventTypeError:  # a middleware that does not count what it loses
            events = SubscriptionEventCallbacks(**mismatched)
            return self._node.create_subscription(*fixed, event_callbacks=events, **more)

    # Arrivals

    def _on_numbered(self, image: Image | CompressedImage, info: dict[str, Any]) -> None:
        number = info.get("publication_sequence_number")
        if number is not None:
            self._gaps.add(number)
        self._callback(image)

    def _on_lost(self, event: QoSMessageLostInfo) -> None:
        if not self._gaps.is_counting:  # or they are counted already
            self._lost += event.total_count_change
