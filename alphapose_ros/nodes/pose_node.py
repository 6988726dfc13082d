"""Subscribes a camera, publishes its people: poses, tracks, skeleton, markers, overlay."""

from __future__ import annotations

import functools
import itertools
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import (
    LifecycleNode,
    LifecyclePublisher,
    LifecycleState,
    TransitionCallbackReturn,
)
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from alphapose_ros.config import Config, leaves
from alphapose_ros.frame import Frame, Tracks
from alphapose_ros.io.render import draw
from alphapose_ros.mailbox import Mailbox
from alphapose_ros.messages import (
    About,
    poses_to_message,
    skeleton_to_message,
    tracks_to_message,
)
from alphapose_ros.msg import PoseArray, SkeletonDefinition, TrackedPersonArray
from alphapose_ros.nodes import run
from alphapose_ros.nodes.conversions import RCLPY, to_frame, to_image, to_ns
from alphapose_ros.nodes.diagnostics import Statistics, diagnostic_array
from alphapose_ros.nodes.markers import MarkerBoard
from alphapose_ros.nodes.parameters import declare, watch
from alphapose_ros.nodes.reception import Arrival, Reception
from alphapose_ros.nodes.topics import TOPICS
from alphapose_ros.pipeline import Pipeline, Result

MESSAGE_CLASSES = {
    "image": Image,
    "camera_info": CameraInfo,
    "poses": PoseArray,
    "tracks": TrackedPersonArray,
    "skeleton": SkeletonDefinition,
    "markers": MarkerArray,
    "overlay": Image,
    "/diagnostics": DiagnosticArray,
}
REPORT_S = 1.0  # between diagnostics


Transition = Callable[["PoseNode", LifecycleState], TransitionCallbackReturn]


def reported(transition: Transition) -> Transition:
    """Log what a transition raises: rclpy swallows it."""

    @functools.wraps(transition)
    def wrapped(node: PoseNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception:  # noqa: BLE001  top of the callback, see above
            node.get_logger().error(f"{transition.__name__} failed:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR

    return wrapped


def fixed(config: Config) -> dict[str, object]:
    """Return the settings that networks are built from: all that are not live."""
    return {name: value for name, (value, rules) in leaves(config).items() if not rules.live}


class PoseNode(LifecycleNode):
    """Every processed image yields one message on each output, under the image's own header.

    Callbacks only store; one worker thread does everything else, always with the newest image.

    Args:
        build_pipeline: makes the stages from the settings and the numbers for tracks.
        options: what rclpy's nodes take.
    """

    def __init__(
        self,
        build_pipeline: Callable[[Config, Iterator[int]], Pipeline] = Pipeline,
        **options: object,
    ) -> None:
        super().__init__("pose_node", **options)
        self._build_pipeline = build_pipeline
        self._config = declare(self, Config())
        self._ids = itertools.count(1)  # of tracks, for as long as the node lives
        self._is_active = False
        self._outputs: dict[str, LifecyclePublisher] = {}
        self._reception: Reception | None = None
        self._worker: threading.Thread | None = None
        self._timer: Timer | None = None
        watch(self, lambda: self._config, self._accept, lambda: self._is_active)

    @property
    def autostart(self) -> bool:
        """Whether the node is to configure and activate itself."""
        return self._config.autostart

    def _accept(self, config: Config) -> None:
        self._config = config  # the worker takes it over before its next frame

    # Transitions

    @reported
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        if not self._build():
            return TransitionCallbackReturn.FAILURE
        self._outputs = {
            name: self.create_lifecycle_publisher(MESSAGE_CLASSES[name], name, topic.qos)
            for name, topic in TOPICS.items()
            if not topic.is_input
        }
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if fixed(self._config) != fixed(self._built) and not self._build():
            return TransitionCallbackReturn.FAILURE
        done = super().on_activate(state)  # outputs first: the worker publishes
        self._mailbox: Mailbox[Arrival] = Mailbox()
        self._statistics, self._board = Statistics(), MarkerBoard()
        self._next_detection_id = 1
        self._about = About(header=Header(), width=0, height=0)  # of the last image
        self._publish("skeleton", skeleton_to_message(self._pipeline.skeleton, Header(), RCLPY))
        self._publish("markers", self._board.clear(Header()))
        self._failed_before = 0  # the last report
        self._reception = Reception(
            self, self._mailbox.put, self._input_qos(), self._config.image_transport
        )
        self._timer = self.create_timer(REPORT_S, self._report)
        self._worker = threading.Thread(target=self._work, name="pose", daemon=True)
        self._worker.start()
        self._is_active = True
        self.get_logger().info(f"active, waiting for images on {self._reception.topic}")
        return done

    @reported
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        nobody = Tracks.empty(self._pipeline.skeleton)
        self._publish("tracks", tracks_to_message(nobody, self._about, RCLPY))
        self._publish("markers", self._board.clear(self._about.header))
        self._report()
        told = self.figures()
        names = ("received", "processed", "dropped", "lost", "failed")
        counts = ", ".join(f"{told[f'frames_{name}']} {name}" for name in names)
        self.get_logger().info(f"inactive; images: {counts}")
        self._pipeline.reset()
        try:
            self._pipeline.keep()
        except OSError as error:
            self.get_logger().error(f"people known are not kept: {error}")
        return super().on_deactivate(state)

    @reported
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release()
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self._is_active:
            self.on_deactivate(state)
        self._release()
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._release()
        return TransitionCallbackReturn.SUCCESS  # unconfigured again

    def finish(self) -> None:
        """Say the last word, if the node is active."""
        if self._is_active:
            self.trigger_deactivate()

    def _build(self) -> bool:
        try:
            self._pipeline = self._build_pipeline(self._config, self._ids)
        except (ValueError, OSError) as error:  # its message says what to do
            self.get_logger().error(f"cannot be configured: {error}")
            return False
        self._built = self._config
        return True

    def _stop(self) -> None:
        """End what runs while the node is active, as far as it was begun."""
        self._is_active = False
        if self._reception is not None:
            self._reception.stop()
        if self._worker is not None:
            self._mailbox.close()
            self._worker.join()  # before anything it uses goes away
        if self._timer is not None:
            self.destroy_timer(self._timer)
        self._worker = self._timer = None

    def _release(self) -> None:
        """Give up outputs and networks."""
        for publisher in self._outputs.values():
            self.destroy_lifecycle_publisher(publisher)
        self._outputs = {}
        self._pipeline = self._reception = None

    def _input_qos(self) -> QoSProfile:
        qos = TOPICS["image"].qos
        if self._config.image_reliability == "reliable":
            qos.reliability = ReliabilityPolicy.RELIABLE
        return qos

    # The worker

    def _work(self) -> None:
        while (arrival := self._mailbox.take()) is not None:
            try:
                self._process(arrival)
            except ValueError as error:  # bad input: its message says what to do
                self._statistics.failed += 1
                self.get_logger().error(f"image ignored: {error}", throttle_duration_sec=5.0)
            except Exception:  # noqa: BLE001  top of the thread: nothing may be lost in silence
                self._statistics.failed += 1
                self.get_logger().error(f"frame lost:\n{traceback.format_exc()}")

    def _process(self, arrival: Arrival) -> None:
        config, image = self._config, arrival.image
        self._pipeline.reconfigure(config)
        frame = to_frame(*arrival)
        result = self._pipeline.run(frame)
        height, width = frame.image.shape[:2]
        self._about = About(image.header, width, height, self._next_detection_id)
        self._next_detection_id += len(result.poses)
        self._publish("poses", poses_to_message(result.poses, self._about, RCLPY))
        self._publish("tracks", tracks_to_message(result.tracks, self._about, RCLPY))
        age_ms = (self.get_clock().now().nanoseconds - to_ns(image.header.stamp)) / 1e6
        self._statistics.add(result.tracks, age_ms, result.stage_ms)
        self._show(frame, result, image.header, config)

    def _show(self, frame: Frame, result: Result, header: Header, config: Config) -> None:
        if self._outputs["markers"].get_subscription_count():
            markers = self._board.update(result.tracks, frame, header, config.output)
            self._publish("markers", markers)
        if self._outputs["overlay"].get_subscription_count():
            picture = draw(frame.image, result.tracks, keypoint_score=config.output.keypoint_score)
            self._publish("overlay", to_image(picture, header))

    def _publish(self, name: str, message: object) -> None:
        self._outputs[name].publish(message)

    # Health

    def figures(self) -> dict[str, str]:
        """Return how the active node has been doing, by name, as text."""
        return {
            "frames_received": str(self._reception.received),
            "frames_lost": str(self._reception.lost),
            "frames_dropped": str(self._mailbox.dropped),
            **self._statistics.figures(),
            "callback_age_ms_p50": f"{self._reception.age_ms:.1f}",
            "device": str(self._pipeline.device),
            "detector": self._config.detector.name,
            "pose_model": self._config.pose.model,
        }

    def _report(self) -> None:
        problem = self._reception.problem(self._config.image_timeout_s)
        failed = self._statistics.failed - self._failed_before
        self._failed_before += failed
        if failed and not problem:
            problem = f"{failed} images could not be processed since the last report; see the log"
        elif problem:
            self.get_logger().warning(problem, throttle_duration_sec=self._config.image_timeout_s)
        level = DiagnosticStatus.WARN if problem else DiagnosticStatus.OK
        name, now = f"{self.get_name()}: pipeline", self.get_clock().now()
        message = diagnostic_array(name, level, problem or "running", self.figures(), now)
        self._publish("/diagnostics", message)


def main() -> None:
    """Run the node."""

    def make() -> PoseNode:
        node = PoseNode()
        if node.autostart and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
        return node

    try:
        run(make, finish=PoseNode.finish)
    except (ValueError, ParameterException) as error:  # its message says what to do
        sys.exit(f"pose_node: {error}")


if __name__ == "__main__":
    main()
