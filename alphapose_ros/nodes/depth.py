"""Depth images: received beside the colour image, paired with it, brought to its pixels."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image

from alphapose_ros.config import Config, LiftingConfig
from alphapose_ros.frame import Camera, Frame
from alphapose_ros.images import read_depth
from alphapose_ros.lifting.camera import register, scaled
from alphapose_ros.lifting.camera_reader import CameraReader
from alphapose_ros.lifting.registered import camera_of_depth, check_registered
from alphapose_ros.lifting.resizing import resized
from alphapose_ros.nodes.conversions import to_ns
from alphapose_ros.nodes.image_subscription import ImageSubscription
from alphapose_ros.nodes.info_subscription import InfoSubscription
from alphapose_ros.nodes.losses import Losses
from alphapose_ros.nodes.pairing import Pairing
from alphapose_ros.nodes.reception import Arrival, DepthArrival
from alphapose_ros.nodes.reliability import overridden_policies

BY_DEPTH = ("depth", "auto")  # what lifting.name is where depth is taken
ENOUGH = 10  # images, until the share of those that found depth is judged
LONELY = 0.8  # smallest share that is still ordinary
SHORTEST_S = 0.005  # between looks at what has waited long enough

Find = Callable[[str, str, int], np.ndarray]  # (to frame_id, from frame_id, stamp_ns) -> (4, 4)


@dataclass(frozen=True)
class DepthCounts:
    """What became of colour and depth images, since the node began to take them."""

    received: int  # depth images
    paired: int
    without_depth: int  # colour images that went on alone
    unpaired: int  # depth images that no colour image came for
    lost: int  # depth images that were published and did not come, as far as is known


class DepthReception:
    """Subscriptions of `depth` and `depth_camera_info`; hands on colour images with their depth.

    Args:
        node: whose topics these are.
        take: called with every colour image and its depth, if any, in order; must not wait.
        config: lifting.slop_s, lifting.wait_s, and how images are received.
        has_room: whether there may be an image; until then they wait in the middleware.

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
        self._node, self._lifting, self._has_room = node, config.lifting, has_room
        self._pairing = Pairing(
            lambda arrival, depth: take(arrival._replace(depth=depth)),
            slop_s=config.lifting.slop_s,
            wait_s=config.lifting.wait_s,
            report=node.get_logger().error,
        )
        self._received = 0
        self._last_s = time.monotonic()
        self._without_depth = 0  # images, at the last look
        self._judged = (0, 0)  # paired, and without depth, at the last judgement
        self._verdict = ""
        self._camera_info: CameraInfo | None = None
        self.topic = node.resolve_topic_name("depth")
        self._losses = Losses(self.topic, config, "depth images")
        info_topic = node.resolve_topic_name("depth_camera_info")
        overridden_policies(node, info_topic)  # first: it may raise
        self._images = ImageSubscription(node, Image, self.topic, self._on_depth, config, has_room)
        self._infos = InfoSubscription(node, info_topic, self._on_info)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # also where simulated time stands still
        period_s = max(config.lifting.wait_s / 2, SHORTEST_S)
        self._timer = node.create_timer(period_s, self._pairing.expire, clock=steady)

    @property
    def counts(self) -> DepthCounts:
        """What became of the images so far."""
        pairing = self._pairing
        return DepthCounts(
            *(self._received, pairing.paired, pairing.colour_alone, pairing.depth_alone),
            lost=self._images.lost,
        )

    @property
    def dropped(self) -> int:
        """Colour images that were not handed on, as their stamps went back."""
        return self._pairing.dropped

    def add_colour(self, arrival: Arrival) -> None:
        """Take a colour image; it waits for its depth for lifting.wait_s at most."""
        self._pairing.add_colour(arrival, to_ns(arrival.image.header.stamp))

    def stop(self) -> None:
        """Receive nothing more; what waits is dropped."""
        self._node.destroy_timer(self._timer)
        self._images.stop()
        self._infos.stop()
        self._pairing.reset()

    def problem(self, timeout_s: float) -> str:
        """Return what seems to be wrong with depth, and the remedy; "" if nothing does."""
        now_s, counts = time.monotonic(), self.counts
        if not self._has_room() and counts.without_depth == self._without_depth:
            self._last_s = now_s  # images wait, nothing is silent
        self._without_depth = counts.without_depth
        silent_s = now_s - self._last_s
        if silent_s > timeout_s:
            self._judged, self._verdict = (counts.paired, counts.without_depth), ""
            self._losses.forget(counts.received, counts.lost)
            return (
                f"no depth image on {self.topic} for {silent_s:.0f} s, people have no positions by "
                f"depth; {self._images.reason_of_silence('depth')}"
            )
        paired, alone = counts.paired - self._judged[0], counts.without_depth - self._judged[1]
        if paired + alone >= ENOUGH:
            self._judged = (counts.paired, counts.without_depth)
            is_well = paired >= LONELY * (paired + alone)
            self._verdict = "" if is_well else self._lonely(alone, paired + alone)
        # What DDS loses is found by no image either: that is the cause, and comes first.
        return self._losses.problem(counts.received, counts.lost, now_s) or self._verdict

    def _lonely(self, alone: int, total: int) -> str:
        return (
            f"{alone} of {total} images found no depth image within {self._lifting.slop_s:g} s of "
            f"their stamps and {self._lifting.wait_s:g} s of waiting. Have the driver send depth "
            "at the rate and with the stamps of the images, or raise lifting.slop_s "
            "(stamps differ) or lifting.wait_s (depth comes late)"
        )

    def _on_depth(self, image: Image) -> None:
        self._received += 1
        self._last_s = time.monotonic()
        arrival = DepthArrival(image, self._camera_info)
        self._pairing.add_depth(arrival, to_ns(image.header.stamp))

    def _on_info(self, info: CameraInfo) -> None:
        self._camera_info = info


class DepthReader:
    """Gives frames the depth of their pixels. What cannot be used is left out and told of.

    Args:
        config: whether depth is registered, and if not, where its camera is.
        find: looks a transform up by TF.

    Raises:
        ValueError: lifting.depth_offset is none.
    """

    def __init__(self, config: LiftingConfig, find: Find) -> None:
        self._config, self._find = config, find
        self._offset = offset_transform(config.depth_offset) if config.depth_offset else None
        self._wrong_info = ""
        self._calibration = CameraReader(self._on_wrong_info)
        self._colour_calibration = CameraReader(lambda problem: None)  # told by who receives it

    def __call__(
        self, frame: Frame, info: CameraInfo | None, depth: DepthArrival | None
    ) -> tuple[Frame, str]:
        """Return the frame with what can be used, and what cannot with its remedy, or "".

        Args:
            frame: of the colour image.
            info: of the colour image.
            depth: that belongs to it.
        """
        problem = self._camera_problem(frame, info)
        if problem:
            return replace(frame, camera=None), problem
        if depth is None:
            return frame, ""
        try:
            metres = self._on_image(frame, info, depth)
        except (ValueError, LookupError) as error:  # its message says what to do
            return frame, f"depth ignored: {error.args[0]}"
        if np.isfinite(metres).any():
            return replace(frame, depth=metres), ""
        return frame, "depth images hold no values: see the depth camera, its range and the light"

    def _camera_problem(self, frame: Frame, info: CameraInfo | None) -> str:
        if info is None:
            return (
                "no CameraInfo has come yet on `camera_info`, people have no positions: remap it "
                "to what the camera's driver publishes beside its images"
            )
        if frame.camera is None:
            return "camera_info is of no calibrated camera, people have no positions: calibrate it"
        height, width = frame.image.shape[:2]
        try:
            scaled(frame.camera, width, height)
        except ValueError as error:
            return f"people have no positions: {error}"
        return ""

    def _on_image(self, frame: Frame, info: CameraInfo, depth: DepthArrival) -> np.ndarray:
        """Return depth (H, W) [m] with the pixels of the frame's image.

        Raises:
            ValueError: the message is no depth image, sizes do not go together, or depth that
                should be registered is of another camera.
            LookupError: where the depth camera is is not known.
        """
        image = depth.image
        metres = read_depth(image)
        height, width = frame.image.shape[:2]
        camera = replace(scaled(frame.camera, width, height), width=width, height=height)
        if self._config.depth_registered:
            found = resized(metres, width, height)
            said, own = self._calibration(depth.camera_info), self._colour_calibration(info)
            depth_camera = camera_of_depth(camera, own, said)
            check_registered(frame.frame_id, image.header.frame_id, camera, depth_camera)
            return found
        transform = self._offset
        if transform is None:
            transform = self._find(frame.frame_id, image.header.frame_id, frame.stamp_ns)
        return register(metres, self._depth_camera(depth.camera_info), camera, transform)

    def _depth_camera(self, info: CameraInfo | None) -> Camera:
        if info is None:
            raise ValueError(
                "no CameraInfo has come yet on `depth_camera_info`, and depth is not registered "
                "(lifting.depth_registered): remap it, or have the driver register depth"
            )
        camera = self._calibration(info)
        if camera is None:
            raise ValueError(
                f"`depth_camera_info` is of no calibrated camera: {self._wrong_info or 'K is zero'}"
            )
        return camera

    def _on_wrong_info(self, problem: str) -> None:
        self._wrong_info = problem


def offset_transform(text: str) -> np.ndarray:
    """Read lifting.depth_offset: (4, 4), takes points of the depth camera to the image's.

    Args:
        text: x y z roll pitch yaw [m, rad]; turns about the fixed axes x, y, z in this order.

    Raises:
        ValueError: it is none.

    Source: REP-103 (fixed axis roll, pitch, yaw).
    """
    try:
        values = np.array(text.replace(",", " ").split(), np.float64)
    except ValueError:
        values = np.empty(0)
    if values.shape != (6,) or not np.isfinite(values).all():
        raise ValueError(
            f"lifting.depth_offset: {text!r} is no x y z roll pitch yaw, six numbers in m and rad"
        )
    found = np.eye(4)
    found[:3, :3] = Rotation.from_euler("xyz", values[3:]).as_matrix()  # lower case: fixed axes
    found[:3, 3] = values[:3]
    return found
