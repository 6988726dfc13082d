"""Subscribes a camera, publishes its people: poses, tracks, skeleton, markers, overlay."""

from __future__ import annotations

import math
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import (
    LifecycleNode,
    LifecycleState,
    TransitionCallbackReturn,
)
from std_srvs.srv import SetBool, Trigger

from alphapose_ros.config import Config, leaves
from alphapose_ros.following.records import NOBODY
from alphapose_ros.lifting.camera_reader import CameraReader
from alphapose_ros.memory import give_back_memory
from alphapose_ros.nodes.conversions import to_frame
from alphapose_ros.nodes.diagnostics import ERROR, OK, Judgement, diagnostic_array, status
from alphapose_ros.nodes.health import Health, Report, memory_report
from alphapose_ros.nodes.outputs import Done, Outputs
from alphapose_ros.nodes.owner import enroll, find_owner
from alphapose_ros.nodes.parameters import declare, is_override, watch
from alphapose_ros.nodes.reception import Arrival
from alphapose_ros.nodes.reliability import useless_overrides
from alphapose_ros.nodes.running import run
from alphapose_ros.nodes.space import Space
from alphapose_ros.nodes.target import Follower
from alphapose_ros.nodes.topics import SERVICES, TOPICS
from alphapose_ros.nodes.transitions import (
    forget_destroyed,
    reported,
    survive_wrong_requests,
)
from alphapose_ros.nodes.worker import Worker
from alphapose_ros.pipeline import Pipeline, check_fits
from alphapose_ros.srv import SetTarget
from alphapose_ros.tracking.ids import Ids

SERVICE_CLASSES = {
    "~/enable": SetBool,
    "~/reset": Trigger,
    "~/set_target": SetTarget,
    "~/enroll": Trigger,
    "~/clear_target": Trigger,
}
REPORT_S = 1.0  # between diagnostics
REPEAT_S = 60.0  # until the log tells again of what is not well
PATIENCE_S = 20.0  # for the image at work, when the node is deactivated
ENROLL_S = 2.0  # likewise, for ~/enroll
NOT_THE_PIPELINES = (  # fixed settings that networks do not depend on
    "autostart",
    "image_rectified",
    "image_reliability",
    "image_transport",
    "process_every_frame",
    "queue_size",
)


def fixed(config: Config) -> dict[str, object]:
    """Return the settings that the pipeline is built from and that are not live."""
    return {
        name: value
        for name, (value, rules) in leaves(config).items()
        if not rules.live and name not in NOT_THE_PIPELINES
    }


class PoseNode(LifecycleNode):
    """Every processed image yields one message on each output, under the image's own header.

    Callbacks only store; one worker thread does everything else.

    Args:
        build_pipeline: makes the stages from the settings and the numbers to be given.
        patience_s: how long deactivation waits for the image at work.
        options: what rclpy's nodes take.
    """

    def __init__(
        self,
        build_pipeline: Callable[[Config, Ids], Pipeline] = Pipeline,
        patience_s: float = PATIENCE_S,
        **options: object,
    ) -> None:
        super().__init__(
            "pose_node",
            automatically_declare_parameters_from_overrides=True,  # to tell of unknown ones
            allow_undeclared_parameters=True,  # likewise; none is ever accepted
            **options,
        )
        survive_wrong_requests(self)
        self._build_pipeline, self._patience_s = build_pipeline, patience_s
        self._overrides = [name for name in self.get_parameters_by_prefix("") if is_override(name)]
        self._config = declare(self, Config())
        self._ids = Ids()  # of tracks and people, for as long as the node lives
        self._is_active = self._is_finalized = False
        self._trouble = ""  # why it cannot be configured or activated
        self._pipeline: Pipeline | None = None
        self._space: Space | None = None
        self._worker: Worker | None = None
        self._health = Health()
        self._logged_s: dict[str, float] = {}  # when, by what
        self._at_work = threading.Lock()  # held while an image is processed
        self._telling = threading.Lock()  # held while results are published
        self._forget = threading.Event()  # all tracks, before the next image
        watch(self, lambda: self._config, self._accept, lambda: self._is_active)
        self._follower = Follower(self._config.target)
        self._outputs = Outputs(self, self._follower)
        answers = {
            "~/enable": self._on_enable,
            "~/reset": self._on_reset,
            "~/set_target": self._follower.set_target,
            "~/enroll": self._on_enroll,
            "~/clear_target": self._follower.clear_target,
        }
        for name in SERVICES:
            self.create_service(SERVICE_CLASSES[name], name, answers[name])
        self._diagnostics = self.create_publisher(
            DiagnosticArray, "/diagnostics", TOPICS["/diagnostics"].qos
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # also where simulated time stands still
        self.create_timer(REPORT_S, self._report, clock=steady)

    def start(self) -> None:
        """Configure and activate the node, where `autostart` says so."""
        if self._config.autostart and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _accept(self, config: Config) -> None:
        if self._pipeline is not None and fixed(config) == fixed(self._built):
            check_fits(config, self._pipeline.skeleton)
        with self._telling:  # whoever hears that privacy is on sees no face after that
            self._config = config  # the worker takes it over before its next frame

    # Transitions

    @reported
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        if not self._build():
            return TransitionCallbackReturn.FAILURE
        self._outputs.open()
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        is_built = self._pipeline is not None and fixed(self._config) == fixed(self._built)
        if not is_built and not self._build():
            return TransitionCallbackReturn.FAILURE
        done = super().on_activate(state)  # outputs first: the worker publishes
        self._health = Health()
        self._calibration = CameraReader(
            self.get_logger().error, is_rectified=self._config.image_rectified
        )
        self._outputs.begin(self._pipeline.skeleton)
        try:
            self._begin()
        except ValueError as error:  # its message says what to do
            self._fail(f"cannot be activated: {error}")
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        self._is_active, self._trouble = True, ""
        self.get_logger().info(f"active, waiting for images on {self._worker.reception.topic}")
        return done

    @reported
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._is_active = False
        self._end()
        counts = ", ".join(f"{n} {name}" for name, n in asdict(self._health.counts()).items())
        self.get_logger().info(f"inactive; images: {counts}")
        self._report()
        try:
            self._pipeline.keep()
        except OSError as error:
            self.get_logger().error(f"people known are not kept: {error}")
        return super().on_deactivate(state)

    @reported
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release()
        self._trouble = ""
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self._is_active:
            self.on_deactivate(state)
        self._release()
        self._trouble, self._is_finalized = "", True
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._is_active = False
        self._trouble = "an error ended the last transition; see the log, then configure again"
        super().on_deactivate(state)
        self._release()
        return TransitionCallbackReturn.SUCCESS  # unconfigured again

    def finish(self) -> None:
        """Say the last word, if the node is active."""
        if self._is_active:
            self.trigger_deactivate()

    def _build(self) -> bool:
        self._pipeline = None  # two at once may be more than there is memory for
        self._leave_space()
        try:
            self._space = Space(self, self._config)
            self._pipeline = self._build_pipeline(self._config, self._ids)
            file = self._config.target.file
            self._owner = find_owner(self._pipeline.gallery, file) if file else NOBODY
        except (ValueError, OSError) as error:  # its message says what to do
            self._pipeline = None
            self._leave_space()
            self._fail(f"cannot be configured: {error}")
            return False
        self._built, self._trouble = self._config, ""
        return True

    def _leave_space(self) -> None:
        if self._space is not None:
            self._space.stop()
            self._space = None

    def _fail(self, trouble: str) -> None:
        self._trouble = trouble
        self.get_logger().error(trouble)

    def _begin(self) -> None:
        """Take images.

        Raises:
            ValueError: a quality of service that the user asks for is wrong.
        """
        if self._owner != NOBODY:
            self._follower.seek(self._owner, self._pipeline.skeleton)
        work = partial(self._work, self._pipeline, self._space)  # it may outlive both here
        self._worker = Worker(self, self._config, work, self._tell)
        self._health.attend(self._worker)
        for trouble in useless_overrides(self, self._overrides):
            self.get_logger().warning(f"parameter ignored: {trouble}")
        self._overrides = []  # they have been told of

    def _end(self) -> None:
        """Take no more images, say that nobody is there any more, and forget everybody.

        Raises:
            TimeoutError: an image takes too long.
        """
        try:
            if self._worker is not None:
                self._worker.stop(self._patience_s)  # before anything it uses goes away
                self._worker = None
        finally:
            self._follower.reset()
            self._outputs.end(self._pipeline.skeleton)
            forget_destroyed(self)
        self._forget_all()

    def _forget_all(self) -> None:
        """Forget everybody."""
        self._pipeline.reset()
        self._space.reset()

    def _release(self) -> None:
        """Give up networks, and a worker that did not end in time."""
        if self._worker is not None:
            self._worker.abandon()
        self._pipeline = self._worker = None
        self._leave_space()
        self._health.detach()
        forget_destroyed(self)
        give_back_memory()

    # Services

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success, response.message = self._enable(request.data)
        self.get_logger().info(f"{'enable' if request.data else 'disable'}: {response.message}")
        return response

    def _enable(self, is_wanted: bool) -> tuple[bool, str]:
        """Take images or do not; return whether that is so now, and what there is to say."""
        if not self._is_active:
            return False, "the node is not active; an active one takes images until disabled"
        worker = self._worker
        if is_wanted == (worker is not None and worker.is_wanted) and (is_wanted or not worker):
            return True, "nothing to do"
        if is_wanted and worker is not None and worker.is_alive:
            return False, f"still at work on one image, for {worker.busy_s:.0f} s by now"
        try:
            if is_wanted:
                if worker is not None:  # it did not end in time
                    self._forget_all()
                self._begin()
            else:
                self._end()
        except (ValueError, TimeoutError) as error:
            return False, str(error)
        return True, "images are taken" if is_wanted else "no images are taken"

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._is_active:
            self._forget.set()
        response.success = self._is_active
        response.message = (
            "all tracks are forgotten before the next image"
            if self._is_active
            else "the node is not active and follows nobody"
        )
        return response

    def _on_enroll(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._pipeline is None or not self._at_work.acquire(timeout=ENROLL_S):
            response.message = "the node is not configured, or too long at work on one image"
            return response
        try:
            person_id, file = self._follower.person_id, self._config.target.file
            response.message = enroll(person_id, self._pipeline.gallery, file)
            response.success, self._owner = True, person_id
        except (ValueError, OSError) as error:
            response.message = str(error)
        finally:
            self._at_work.release()
        return response

    # In the worker's thread

    def _work(self, pipeline: Pipeline, space: Space, arrival: Arrival) -> Done:
        config = self._config
        pipeline.reconfigure(config)
        if self._forget.is_set():
            self._forget.clear()
            pipeline.reset()
            space.reset()
        frame = to_frame(*arrival[:3], self._calibration, arrival.taken_ns)
        frame = space.prepare(frame, arrival, config)
        ground = space.ground(frame)
        with self._at_work:
            result = pipeline.run(frame) if ground is None else pipeline.run(frame, ground)
        placed = space.place(result.tracks, frame)
        return Done(frame, result, arrival.image.header, config, placed)

    def _tell(self, done: Done) -> None:
        with self._telling:
            self._publish(done)

    def _publish(self, done: Done) -> None:
        if self._config.output.privacy:  # since the work on this image has begun
            output = replace(done.config.output, privacy=True)
            done = done._replace(config=replace(done.config, output=output))
        self._outputs.tell(done)
        now_ns, stamp_ns = self.get_clock().now().nanoseconds, done.frame.stamp_ns
        age_ms = (now_ns - stamp_ns) / 1e6 if stamp_ns else math.nan
        self._health.statistics.add(done.result.tracks, age_ms, done.result.stage_ms)
        self._outputs.show(done)

    # Health

    def figures(self) -> dict[str, str]:
        """Return how the node has been doing since it was activated, by name, as text."""
        told = self._health.figures()
        return told["input"] | told["pipeline"] | self._choices()

    def _choices(self) -> dict[str, str]:
        config = self._config
        return {
            "device": "" if self._pipeline is None else str(self._pipeline.device),
            "detector": config.detector.name,
            "detector_weights": config.detector.weights or config.detector.model,
            "pose_model": config.pose.model,
            "pose_weights": config.pose.weights or config.pose.model,
        }

    def _report(self) -> None:
        name = self.get_fully_qualified_name().lstrip("/")  # there may be one per camera
        choices = self._choices()
        statuses = []
        for part, judgement, figures in [*self._reports(), memory_report(choices["device"])]:
            told = figures | choices if part == "pipeline" else figures
            statuses.append(status(f"{name}: {part}", judgement, told, choices["device"]))
            self._log_judgement(part, judgement)
        self._diagnostics.publish(diagnostic_array(statuses, self.get_clock().now()))

    @property
    def _takes_images(self) -> bool:
        return self._worker is not None and self._worker.is_wanted

    def _reports(self) -> list[Report]:
        if self._is_active:
            told = self._health.report(self._config, is_enabled=self._takes_images)
            return told + self._space.report(self._worker.depth if self._worker else None)
        idle = "finalized" if self._is_finalized else "unconfigured"
        state = Judgement(OK, "inactive" if self._pipeline else idle)
        judgement = Judgement(ERROR, self._trouble) if self._trouble else state
        return [(part, judgement, told) for part, told in self._health.figures().items()]

    def _log_judgement(self, part: str, judgement: Judgement) -> None:
        """Log what is not well, not all the time."""
        if judgement.level == OK or not self._is_active:
            return
        now_s = time.monotonic()
        may_pass = part in ("input", "positions")
        pause_s = self._config.image_timeout_s if may_pass else REPEAT_S
        about = part + re.sub(r"[\d.]+", "", judgement.message)  # whatever the figures
        if now_s - self._logged_s.get(about, -math.inf) >= pause_s:
            self._logged_s[about] = now_s
            self.get_logger().warning(judgement.message)


def main() -> None:
    """Run the node."""
    try:
        run(PoseNode, PoseNode.finish, PoseNode.start)
    except (ValueError, ParameterException) as error:  # its message says what to do
        sys.exit(f"pose_node: {error}")


if __name__ == "__main__":
    main()
