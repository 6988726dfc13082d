"""A subscription of images that suits what their publishers offer, and knows what it misses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CompressedImage, Image

from alphapose_ros.config import Config
from alphapose_ros.nodes.events import (
    QoSMessageLostInfo,
    SubscriptionEventCallbacks,
    UnsupportedEventTypeError,
)
from alphapose_ros.nodes.publishers import Lookout, Mismatches, publishers_of
from alphapose_ros.nodes.reliability import (
    RELIABILITIES,
    overridden_policies,
    profile_in_use,
    shown,
    suited_reliability,
)
from alphapose_ros.nodes.silence import COMPRESSED, RAW, reason_of_silence
from alphapose_ros.nodes.topics import TOPICS

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
        self._seen: set[bytes] = set()  # publishers, at the last look
        self._overrides = overridden_policies(node, topic)
        choice = _choice_of_best_effort(config)
        self._mismatches = Mismatches(node, topic, "image", self._overrides, choice)
        self._last_qos: QoSProfile | None = None  # once it is stopped
        self._subscription = self._subscribe(self._first_reliability())
        self._lookout = Lookout(node, topic, self.type_name, self._look)

    @property
    def qos(self) -> QoSProfile:
        """The profile in use, or the last one."""
        return self._last_qos or profile_in_use(self._node, self._subscription, self.type_name)

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
        self._last_qos = self.qos
        self._lookout.stop()
        self._node.destroy_subscription(self._subscription)
        self._gaps.settle()

    def reason_of_silence(self, name: str = "image") -> str:
        """Return who publishes on the topic that nothing arrives on, and the remedy.

        Args:
            name: of the input.
        """
        return reason_of_silence(
            *(self._node, self._topic, self.type_name, self.qos, name), self._mismatches.remedy
        )

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
            return suited_reliability(publishers_of(self._node, self._topic, self.type_name))
        return RELIABILITIES[config.image_reliability]

    @property
    def _is_auto(self) -> bool:
        is_overridden = QoSPolicyKind.RELIABILITY in self._overrides
        is_asked = self._config.image_reliability == "auto" and not is_overridden
        return is_asked and not self._config.process_every_frame

    def _look(self, publishers: list[TopicEndpointInfo]) -> None:
        """Follow what the publishers offer; tell of those that nothing can come from."""
        known, self._seen = self._seen, {bytes(one.endpoint_gid) for one in publishers}
        are_the_same = not known or known == self._seen
        self._gaps.look(len(publishers), are_the_same=are_the_same, waiting=self.qos.depth)
        if publishers and self._is_auto:
            self._change_over(suited_reliability(publishers))
        self._mismatches.tell(publishers, self.qos)

    def _change_over(self, wanted: ReliabilityPolicy) -> None:
        if wanted == self.qos.reliability:
            return
        self._node.get_logger().info(
            f"images on {self._topic} are taken {shown(wanted)} from now on"
        )
        self._node.destroy_subscription(self._subscription)  # first: no image may come twice
        self._subscription = self._subscribe(wanted)

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
        mismatched = {"incompatible_qos": lambda _: self._lookout.glance()}
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


def _choice_of_best_effort(config: Config) -> str:
    """Return what to set for images to be taken by best effort, where they are not by `auto`."""
    settings = []
    if config.process_every_frame:
        settings.append("process_every_frame to false")
    if config.image_reliability == "reliable" or not settings:
        settings.append("image_reliability to auto or best_effort")
    return " and ".join(settings)
