"""A subscription of CameraInfo, which also hears what was published once and kept."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CameraInfo

from alphapose_ros.nodes.events import SubscriptionEventCallbacks
from alphapose_ros.nodes.publishers import Lookout, Mismatches, publishers_of
from alphapose_ros.nodes.reliability import (
    DEMANDS,
    all_keep,
    overridden_policies,
    profile_in_use,
    shown_profile,
)
from alphapose_ros.nodes.topics import TOPICS

INFO = "sensor_msgs/msg/CameraInfo"


class InfoSubscription:
    """Calls back with every CameraInfo of a topic.

    They are taken by best effort, which matches every publisher. Where all of them keep what they
    published for those who come late, the subscription asks for that, and is made anew when that
    changes. A user's `qos_overrides` come before everything else. Publishers that nothing can come
    from are errors in the log, one for each profile.

    Args:
        node: whose subscription it is.
        topic: in full.
        callback: called with every message; must not wait.

    Raises:
        ValueError: a `qos_overrides` parameter is wrong; the message names it.
    """

    def __init__(self, node: Node, topic: str, callback: Callable[[CameraInfo], None]) -> None:
        self._node, self._topic, self._callback = node, topic, callback
        self._overrides = overridden_policies(node, topic)
        self._mismatches = Mismatches(node, topic, "CameraInfo", self._overrides)
        self._is_free = not DEMANDS.keys() <= set(self._overrides)
        self._asks_for_kept = all_keep(publishers_of(node, topic, INFO))
        self._last_qos: QoSProfile | None = None  # once it is stopped
        self._subscription = self._subscribe()
        self._lookout = Lookout(node, topic, INFO, self._look)

    @property
    def qos(self) -> QoSProfile:
        """The profile in use, or the last one."""
        return self._last_qos or profile_in_use(self._node, self._subscription, INFO)

    def stop(self) -> None:
        """Receive nothing more."""
        self._last_qos = self.qos
        self._lookout.stop()
        self._node.destroy_subscription(self._subscription)

    def _look(self, publishers: list[TopicEndpointInfo]) -> None:
        """Follow what the publishers offer; tell of those that nothing can come from."""
        if self._is_free and publishers and all_keep(publishers) != self._asks_for_kept:
            self._change_over()
        self._mismatches.tell(publishers, self.qos)

    def _change_over(self) -> None:
        self._asks_for_kept = not self._asks_for_kept
        self._node.destroy_subscription(self._subscription)
        self._subscription = self._subscribe()
        self._node.get_logger().info(
            f"CameraInfo on {self._topic} is taken {shown_profile(self.qos)} from now on"
        )

    def _subscribe(self) -> Subscription:
        qos = TOPICS["camera_info"].qos  # the newest is enough
        if self._asks_for_kept:
            qos.reliability = ReliabilityPolicy.RELIABLE
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
        return self._node.create_subscription(
            *(CameraInfo, self._topic, self._callback, qos),
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=lambda _: self._lookout.glance()
            ),
            qos_overriding_options=QoSOverridingOptions(self._overrides),
        )
