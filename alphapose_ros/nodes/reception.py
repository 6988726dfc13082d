"""The camera's topics: what arrives, how old it is, and what seems wrong when little does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from alphapose_ros.nodes.conversions import to_ns
from alphapose_ros.nodes.diagnostics import percentiles

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

ENOUGH = 20  # images taken by the camera, until the share of those that arrived is judged
LOSSY = 0.7  # smallest share that is still ordinary
PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE=<share/alphapose_ros>/config/fastdds_images.xml"

MISMATCHED = (
    "Compare the quality of service (image_reliability); or DDS loses all of them: start the "
    f"camera driver with {PROFILE}"
)


class Arrival(NamedTuple):
    """One image as it came in."""

    image: Image | CompressedImage
    index: int  # 0, 1, ... of the images received
    camera_info: CameraInfo | None  # the newest by then


class Reception:
    """Subscriptions of `image` and `camera_info`; callbacks that only count and hand on.

    What DDS loses on the way it reports itself, by the gaps in the publisher's numbering.

    Args:
        node: whose topics these are.
        take: called with every arrival; must not wait.
        qos: of the image subscription.
        transport: "raw" or "compressed".
    """

    def __init__(
        self, node: Node, take: Callable[[Arrival], None], qos: QoSProfile, transport: str
    ) -> None:
        self._node, self._take = node, take
        is_raw = transport == "raw"
        kind, name = (Image, "image") if is_raw else (CompressedImage, compressed_topic(node))
        lost = SubscriptionEventCallbacks(message_lost=self._on_lost)
        try:
            self._images = node.create_subscription(
                kind, name, self._on_image, qos, event_callbacks=lost
            )
        except UnsupportedEventTypeError:  # a middleware that does not count what it loses
            self._images = node.create_subscription(kind, name, self._on_image, qos)
        self._infos = node.create_subscription(CameraInfo, "camera_info", self._on_info, qos)
        self.topic = self._images.topic_name  # in full
        self.received = self.lost = 0
        self._judged = (0, 0)  # received and lost at the last judgement
        self._camera_info: CameraInfo | None = None
        self._ages_ms: deque[float] = deque(maxlen=1000)
        self._last_image_s = time.monotonic()

    @property
    def age_ms(self) -> float:
        """Median age of the images when they reached the callback."""
        return percentiles(self._ages_ms)[0]

    def stop(self) -> None:
        """Receive nothing more."""
        self._node.destroy_subscription(self._images)
        self._node.destroy_subscription(self._infos)

    def problem(self, timeout_s: float) -> str:
        """Return what seems to be wrong with the input, and the remedy; "" if nothing does."""
        publishers = self._node.count_publishers(self.topic)
        waited_s = time.monotonic() - self._last_image_s
        if waited_s > timeout_s:
            remedy = MISMATCHED if publishers else "Remap `image` to the camera's topic"
            return (
                f"no image on {self.topic} for {waited_s:.0f} s; {publishers} publishers there. "
                f"{remedy}"
            )
        received, lost = self.received - self._judged[0], self.lost - self._judged[1]
        if received + lost < ENOUGH:
            return ""
        self._judged = (self.received, self.lost)
        if received >= LOSSY * (received + lost):
            return ""
        return (
            f"{received} of {received + lost} images arrived on {self.topic}: DDS loses them on "
            f"the way. Start the camera driver and this node with {PROFILE}, or set "
            "image_reliability to reliable"
        )

    def _on_image(self, image: Image | CompressedImage) -> None:
        arrival = Arrival(image, self.received, self._camera_info)
        self.received += 1
        self._last_image_s = time.monotonic()
        age_ns = self._node.get_clock().now().nanoseconds - to_ns(image.header.stamp)
        self._ages_ms.append(age_ns / 1e6)
        self._take(arrival)

    def _on_lost(self, event: QoSMessageLostInfo) -> None:
        self.lost = event.total_count

    def _on_info(self, info: CameraInfo) -> None:
        self._camera_info = info


def compressed_topic(node: Node) -> str:
    """Return where the compressed form of `image` is: remapped first, the suffix appended."""
    return node.resolve_topic_name("image") + "/compressed"
