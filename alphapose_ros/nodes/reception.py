"""The camera's topics: what arrives, how old it is, and what seems wrong when little does."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from alphapose_ros.config import Config
from alphapose_ros.lifting.camera_info import doubt
from alphapose_ros.nodes.conversions import to_ns
from alphapose_ros.nodes.diagnostics import percentiles
from alphapose_ros.nodes.image_subscription import ImageSubscription
from alphapose_ros.nodes.info_subscription import InfoSubscription
from alphapose_ros.nodes.losses import Losses
from alphapose_ros.nodes.reliability import overridden_policies, shown
from alphapose_ros.nodes.silence import SUFFIX

RATE_S = 3.0  # over which the rate is taken


class DepthArrival(NamedTuple):
    """One depth image as it came in."""

    image: Image
    camera_info: CameraInfo | None  # the newest by then


class Arrival(NamedTuple):
    """One image as it came in."""

    image: Image | CompressedImage
    index: int  # 0, 1, ... of the images received
    camera_info: CameraInfo | None  # the newest by then
    taken_ns: int  # its stamp; where images carry none, when it came
    depth: DepthArrival | None = None  # that belongs to it


class Reception:
    """Subscriptions of `image` and `camera_info`; callbacks that only count and hand on.

    Args:
        node: whose topics these are.
        take: called with every arrival; must not wait.
        config: image_transport, image_rectified, image_reliability, process_every_frame,
            queue_size.
        has_room: whether there may be an arrival; until then images wait in the middleware.

    Raises:
        ValueError: a `qos_overrides` parameter is wrong; the message names it.
    """

    def __init__(
        self,
        node: Node,
        take: Callable[[Arrival], None],
        config: Config,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._node, self._take, self._config, self._has_room = node, take, config, has_room
        is_raw = config.image_transport == "raw"
        self.topic = node.resolve_topic_name("image" if is_raw else compressed_topic(node))
        self.received = 0
        self._losses = Losses(self.topic, config)
        self._camera_info: CameraInfo | None = None
        self._doubts = not config.image_rectified  # until it has been told of
        self._ages_ms: deque[float] = deque(maxlen=1000)
        self._recent_ms: deque[float] = deque(maxlen=1000)  # ages since take_recent_age_ms()
        self._recent_age_ms = math.nan  # at its last call
        self._times_s: deque[float] = deque(maxlen=1000)
        self._began_s = self._last_image_s = time.monotonic()
        self._is_silent = False  # and has been called so
        self._stamp_ns: int | None = None  # of the last image
        self.is_unstamped = False  # the last two images
        info_topic = node.resolve_topic_name("camera_info")
        overridden_policies(node, info_topic)  # first: it may raise
        self._images = ImageSubscription(
            *(node, Image if is_raw else CompressedImage, self.topic, self._on_image, config),
            has_room,
        )
        self._infos = InfoSubscription(node, info_topic, self._on_info)

    @property
    def lost(self) -> int:
        """Images that were published and did not come, as far as is known."""
        return self._images.lost

    @property
    def age_ms(self) -> float:
        """Median age of the images when they reached the callback, by the node's clock."""
        return percentiles(self._ages_ms)[0]

    def take_recent_age_ms(self) -> float:
        """Return the median age of the images since the last call; where none came, the last."""
        if self._recent_ms:
            self._recent_age_ms = percentiles(self._recent_ms)[0]
            self._recent_ms.clear()
        return self._recent_age_ms

    @property
    def rate_hz(self) -> float:
        """Images a second that arrived in the last seconds."""
        now_s = time.monotonic()
        recent = sum(now_s - one_s < RATE_S for one_s in list(self._times_s))
        return recent / max(min(RATE_S, now_s - self._began_s), 1e-3)

    @property
    def is_silent(self) -> bool:
        """Whether problem() has said that no image comes, and none has come since."""
        return self._is_silent

    @property
    def reliability(self) -> str:
        """The reliability in use: reliable or best_effort."""
        return shown(self._images.qos.reliability)

    def stop(self) -> None:
        """Receive nothing more."""
        self._images.stop()
        self._infos.stop()

    def problem(self, timeout_s: float) -> str:
        """Return what seems to be wrong with the input, and the remedy; "" if nothing does."""
        now_s = time.monotonic()
        if not self._has_room():
            self._last_image_s = now_s  # images wait, nothing is silent
        elif now_s - self._last_image_s > timeout_s:
            return self._silence(now_s - self._last_image_s)
        return self._losses.problem(self.received, self.lost, now_s)

    def _silence(self, waited_s: float) -> str:
        self._is_silent = True
        self._losses.forget(self.received, self.lost)  # of another camera perhaps
        reason = self._images.reason_of_silence()
        return f"no image on {self.topic} for {waited_s:.0f} s; {reason}"

    def _on_image(self, image: Image | CompressedImage) -> None:
        now_s, now_ns = time.monotonic(), self._node.get_clock().now().nanoseconds
        if self._is_silent:
            self._is_silent = False
            silent_s = now_s - self._last_image_s
            self._node.get_logger().info(f"images on {self.topic} again, after {silent_s:.0f} s")
        self._last_image_s = now_s
        self._times_s.append(now_s)
        stamp_ns = to_ns(image.header.stamp)
        # The first image of a bag or a simulation may well be of time 0, the next one is not.
        self.is_unstamped = self._stamp_ns == stamp_ns == 0
        self._stamp_ns = stamp_ns
        taken_ns = now_ns if self.is_unstamped else stamp_ns
        arrival = Arrival(image, self.received, self._camera_info, taken_ns)
        self.received += 1
        if taken_ns:  # else its age is not known
            age_ms = (now_ns - taken_ns) / 1e6
            self._ages_ms.append(age_ms)
            self._recent_ms.append(age_ms)
        self._take(arrival)

    def _on_info(self, info: CameraInfo) -> None:
        self._camera_info = info
        if self._doubts and (problem := doubt(info, self.topic)):
            self._doubts = False
            self._node.get_logger().warning(problem)


def compressed_topic(node: Node) -> str:
    """Return where the compressed form of `image` is: remapped first, the suffix appended."""
    return node.resolve_topic_name("image") + SUFFIX
