"""What the pose node costs beyond its pipeline, against a bare relay node in the same run.

    python benchmarks/node_overhead.py [--frames N] [--size WIDTHxHEIGHT] [--trips N]

1. Latency: a camera sends images by best effort; a relay node answers each with its header as soon
   as its callback has it, which is the least that any node in Python can do; the pose node, whose
   pipeline does nothing and finds nobody (or the same 20 people in every image), answers with
   `tracks`. Each is a process of its own; they take turns, image by image. From sending to the
   answer's arrival; medians, and 95 % intervals of the differences of pairs (by the sign test).
2. Time of building and serialising the messages of 20 people of 136 keypoints.
3. Round trips through the lifecycle with images flowing: the slope of the memory over the last 40,
   with its 95 % interval, threads and open files; of the pose node with its real pipeline, with one
   that does nothing, and of a bare node that makes and destroys as many publishers. The pose node
   goes on for 200 more, over which a slope shows that 40 are too few for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alphapose_ros.memory import hold_memory_steady

if "--serve" in sys.argv:  # before rclpy is imported, as whoever starts a node of the package does
    hold_memory_steady()
else:  # shared memory with room for images
    os.environ.update(
        FASTDDS_BUILTIN_TRANSPORTS="SHM?max_msg_size=16MB&sockets_size=16MB",
        ROS_AUTOMATIC_DISCOVERY_RANGE="SYSTEM_DEFAULT",
        ROS_DOMAIN_ID=str(1 + os.getpid() % 101),
    )

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from scipy.stats import binom
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from trend import slope_interval

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.messages import About, poses_to_message, tracks_to_message
from alphapose_ros.msg import TrackedPersonArray
from alphapose_ros.nodes.conversions import RCLPY
from alphapose_ros.nodes.pose_node import PoseNode
from alphapose_ros.nodes.running import run
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
BODY = skeleton("halpe_136")
PEOPLE = 20
WARM_UP = 20  # images and messages that are not counted
TRIPS = 50  # round trips
COUNTED = 40  # of them, the last
MORE = 200  # after them, of the pose node
START_S = 60.0
PERIOD_S = 0.04  # of images
STAMP_SEC = slice(4, 8)  # of a serialised message that begins with a header
UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
ROUND_TRIPS = {
    "real": "pose node",
    "null": "pose node whose pipeline does nothing",
    "bare": "bare node",
}
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


def some_people(count: int) -> tuple[Poses, Tracks]:
    """Return people with random keypoints."""
    numbers = np.random.default_rng(0)
    poses = Poses(
        skeleton=BODY,
        keypoints=numbers.random((count, len(BODY.names), 3)),
        boxes=numbers.random((count, 4)),
        box_scores=numbers.random(count),
        scores=numbers.random(count),
    )
    tracks = Tracks(
        poses=poses,
        ids=np.arange(count) + 1,
        states=np.full(count, TrackState.TRACKED),
        ages_s=numbers.random(count),
        unseen_s=np.zeros(count),
        hits=np.ones(count),
        detection_rows=np.arange(count),
        velocities_px=numbers.random((count, 2)),
        person_ids=np.arange(count),
        identity_scores=numbers.random(count),
    )
    return poses, tracks


class NullPipeline:
    """Stands in for the networks: finds the same people in every image, at once."""

    skeleton = BODY
    device = "none"

    def __init__(self, count: int) -> None:
        self._poses, self._tracks = some_people(count)

    def run(self, frame: object) -> Result:
        """Return what is always found."""
        return Result(poses=self._poses, tracks=self._tracks, stage_ms={})

    def reconfigure(self, config: object) -> None:
        """Change nothing."""

    def reset(self) -> None:
        """Forget nothing."""

    def keep(self) -> None:
        """Write nothing."""


class Relay(Node):
    """Answers every image with its header."""

    def __init__(self) -> None:
        super().__init__("relay")
        publisher = self.create_publisher(Header, "relayed", 5)
        self.create_subscription(
            Image, "image", lambda image: publisher.publish(image.header), NEWEST
        )


class BareNode(LifecycleNode):
    """Makes and destroys as many publishers and subscriptions as the pose node."""

    def __init__(self) -> None:
        super().__init__("pose_node")

    def on_configure(self, state: object) -> TransitionCallbackReturn:
        """Make the publishers."""
        self._ours = [self.create_lifecycle_publisher(String, f"out{n}", 5) for n in range(5)]
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: object) -> TransitionCallbackReturn:
        """Take images."""
        answers = self.create_publisher(TrackedPersonArray, "tracks", 5)
        self._answers = answers
        self._images = self.create_subscription(
            Image,
            "image",
            lambda image: answers.publish(TrackedPersonArray(header=image.header)),
            NEWEST,
        )
        return super().on_activate(state)

    def on_deactivate(self, state: object) -> TransitionCallbackReturn:
        """Take no more images."""
        self.destroy_subscription(self._images)
        self.destroy_publisher(self._answers)
        return super().on_deactivate(state)

    def on_cleanup(self, state: object) -> TransitionCallbackReturn:
        """Destroy the publishers."""
        for publisher in self._ours:
            self.destroy_lifecycle_publisher(publisher)
        return TransitionCallbackReturn.SUCCESS


def serve(kind: str) -> None:
    """Run one of the processes that are measured."""

    def pose_node() -> PoseNode:
        count = int(kind)
        node = PoseNode(build_pipeline=lambda config, ids: NullPipeline(count))
        node.trigger_configure()
        node.trigger_activate()
        return node

    makers: dict[str, Callable[[], Node]] = {
        "relay": Relay,
        "bare": BareNode,
        "real": PoseNode,
        "null": lambda: PoseNode(build_pipeline=lambda config, ids: NullPipeline(0)),
    }
    run(makers.get(kind, pose_node))


class Bench:
    """A camera, and what the processes under test answer."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("bench")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._processes: list[subprocess.Popen] = []

    def start(self, kind: str, *arguments: str) -> subprocess.Popen:
        """Start one process."""
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            "--serve",
            kind,
            "--ros-args",
            *arguments,
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def until(self, condition: Callable[[], object], seconds: float = START_S) -> bool:
        """Spin until something holds; return whether it does."""
        end_s = time.monotonic() + seconds
        while not condition() and time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.005)
        return bool(condition())

    def end(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()


def pixels(size: tuple[int, int]) -> Image:
    """Return an image of noise, (width, height)."""
    width, height = size
    data = array("B", np.random.default_rng(0).bytes(3 * width * height))
    return Image(width=width, height=height, encoding="bgr8", step=3 * width, data=data)


def latencies(bench: Bench, size: tuple[int, int], frames: int) -> dict[str, np.ndarray]:
    """Return the time from sending to each answer [ms], NaN where none came.

    The nodes take turns, image by image, so that none waits for another one's processor.
    """
    kinds = {"relay": "relay", "pose node, nobody": "0", f"pose node, {PEOPLE} people": str(PEOPLE)}
    came: dict[str, dict[int, float]] = {name: {} for name in kinds}
    cameras = {}
    for name, kind in kinds.items():
        of_relay = kind == "relay"

        def hear(message: bytes, name: str = name) -> None:
            came_s = time.perf_counter()
            came[name].setdefault(int.from_bytes(message[STAMP_SEC], "little"), came_s)

        message_class = Header if of_relay else TrackedPersonArray
        bench.node.create_subscription(message_class, f"answer_{kind}", hear, 50, raw=True)
        cameras[name] = bench.node.create_publisher(Image, f"image_{kind}", NEWEST)
        answer = f"{'relayed' if of_relay else 'tracks'}:=answer_{kind}"
        bench.start(kind, *("-r", f"image:=image_{kind}", "-r", answer, "-r", f"__node:=n_{kind}"))
    if not bench.until(lambda: all(one.get_subscription_count() for one in cameras.values())):
        raise TimeoutError("the processes under test did not start")
    image, names = pixels(size), list(kinds)
    sent: dict[str, dict[int, float]] = {name: {} for name in names}
    for number in range(1, WARM_UP + frames + 1):
        image.header.stamp.sec = number
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begin_s = sent[name][number] = time.perf_counter()
            cameras[name].publish(image)
            bench.until(lambda begin_s=begin_s: time.perf_counter() - begin_s > PERIOD_S)
    bench.end()
    numbers = range(WARM_UP + 1, WARM_UP + frames + 1)
    return {
        name: np.array([1e3 * (came[name].get(n, np.nan) - sent[name][n]) for n in numbers])
        for name in names
    }


def median_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the median and its 95 % interval, by the order of the values (sign test)."""
    ordered = np.sort(values[np.isfinite(values)])
    low = int(binom.ppf(0.025, len(ordered), 0.5))
    return float(np.median(ordered)), float(ordered[low]), float(ordered[-1 - low])


def message_ms(runs: int) -> dict[str, float]:
    """Return the median durations of making messages of 20 people of 136 keypoints."""
    poses, tracks = some_people(PEOPLE)
    about = About(Header(frame_id="camera"), 1280, 720)
    found = {}
    for name, make, record in (
        ("poses", poses_to_message, poses),
        ("tracks", tracks_to_message, tracks),
    ):
        message = make(record, about, RCLPY)
        steps = {
            "build": lambda make=make, record=record: make(record, about, RCLPY),
            "serialise": lambda message=message: serialize_message(message),
        }
        for step, act in steps.items():
            times = []
            for _ in range(WARM_UP + runs):
                begin_s = time.perf_counter()
                act()
                times.append(1e3 * (time.perf_counter() - begin_s))
            found[f"{name}: {step}"] = statistics.median(times[WARM_UP:])
    return found


def usage(pid: int) -> tuple[int, int, int]:
    """Return memory [kB], threads and open files of a process.

    The memory is what is resident of its own (RssAnon), without files and what is shared with the
    camera's process: of that it touches more and more, up to the size of the middleware's segments.
    """
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    files = min(len(list(Path(f"/proc/{pid}/fd").iterdir())) for _ in range(20))
    return int(fields["RssAnon"].split()[0]), int(fields["Threads"]), files


def round_trips(bench: Bench, kind: str, trips: int) -> list[tuple[int, int, int]]:
    """Take a node up and down; return its usage after each round trip."""
    name = f"{kind}_{trips}"  # its own: the services of a killed process seem ready for long
    options = ("-p", "autostart:=false", "-r", f"__node:={name}", "--disable-rosout-logs")
    process = bench.start(kind, *options)
    client = bench.node.create_client(ChangeState, f"{name}/change_state")
    bench.until(client.service_is_ready)
    answers: list[TrackedPersonArray] = []
    heard = bench.node.create_subscription(TrackedPersonArray, "tracks", answers.append, 10)
    image, camera = pixels((640, 480)), bench.node.create_publisher(Image, "image", NEWEST)

    def change(number: int) -> None:
        future = client.call_async(ChangeState.Request(transition=Transition(id=number)))
        if not bench.until(future.done) or not future.result().success:
            raise RuntimeError(f"{name}: transition {number} was not made")

    def answered() -> bool:
        image.header.stamp = bench.node.get_clock().now().to_msg()
        camera.publish(image)
        return len(answers) >= 3

    used = []
    for _ in range(trips):
        for number in UP:
            change(number)
        answers.clear()
        bench.until(answered)
        for number in DOWN:
            change(number)
        used.append(usage(process.pid))
    bench.end()
    bench.node.destroy_publisher(camera)
    bench.node.destroy_subscription(heard)
    bench.node.destroy_client(client)
    return used


def report_latencies(found: dict[str, np.ndarray]) -> None:
    """Print the table of latencies."""
    print(f"{'answer of':<22}{'median':>10}{'over the relay':>20}{'95 % interval':>18}{'came':>8}")
    for name, values in found.items():
        share = f"{np.isfinite(values).mean():.0%}"
        row = f"{name:<22}{np.nanmedian(values):>10.2f}"
        if name == "relay":
            print(f"{row}{'':>38}{share:>8}")
            continue
        added, low, high = median_interval(values - found["relay"])
        print(f"{row}{added:>20.2f}{f'{low:.2f} .. {high:.2f}':>18}{share:>8}")


def report_round_trips(bench: Bench, trips: int) -> None:
    """Print what grows over round trips."""
    for kind, name in ROUND_TRIPS.items():
        usages = round_trips(bench, kind, trips + MORE if kind == "real" else trips)
        report_growth(name, usages[:trips], COUNTED)
        if kind == "real":
            report_growth(name, usages, MORE)


def report_growth(name: str, usages: list[tuple[int, int, int]], counted: int) -> None:
    """Print how the last usages grow."""
    used = np.array(usages)[-counted:]
    slope, half = slope_interval(used[:, 0])
    spread = [f"{low} .. {high}" for low, high in zip(used.min(0), used.max(0), strict=True)]
    print(
        f"\n{name}, last {counted} of {len(usages)} round trips: {slope:+.2f} +- {half:.2f} kB "
        f"each; memory {spread[0]} kB, threads {spread[1]}, files {spread[2]}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", default="1280x720")
    trips_help = f"round trips, {COUNTED} at least, and {MORE} more of the pose node; 0: none"
    parser.add_argument("--trips", type=int, default=TRIPS, help=trips_help)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()
    if options.serve:
        serve(options.serve)
        return
    if 0 < options.trips < COUNTED:
        parser.error(f"--trips: {options.trips} are too few, {COUNTED} count")
    width, height = map(int, options.size.split("x"))
    bench = Bench()
    try:
        print(f"{options.frames} images of {width}x{height}, {1 / PERIOD_S:.0f} a second [ms]\n")
        report_latencies(latencies(bench, (width, height), options.frames))
        times = message_ms(options.frames)
        print(f"\nmessages of {PEOPLE} people x {len(BODY.names)} keypoints [ms]")
        for name, duration in (*times.items(), ("in all", sum(times.values()))):
            print(f"{name:<22}{duration:>10.3f}")
        if options.trips:
            report_round_trips(bench, options.trips)
    finally:
        bench.end()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
