"""Records what the pose node publishes: a bag of its messages and a film of the tracked people."""

from __future__ import annotations

import json
import math
import queue
import sys
import threading
import time
import traceback
from collections import OrderedDict, deque
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image
from tqdm import tqdm

from alphapose_ros.io.bag import BagError, BagMessage, BagWriter, OfferedQos
from alphapose_ros.io.overlay import OverlayFilm
from alphapose_ros.messages import tracks_from_message
from alphapose_ros.msg import TrackedPersonArray
from alphapose_ros.nodes.conversions import to_frame, to_ns
from alphapose_ros.nodes.diagnostics import percentiles
from alphapose_ros.nodes.parameters_names import unknown_told
from alphapose_ros.nodes.reception import compressed_topic
from alphapose_ros.nodes.reliability import RELIABILITIES, reliability
from alphapose_ros.nodes.running import run
from alphapose_ros.nodes.silence import COMPRESSED, RAW, reason_of_silence
from alphapose_ros.nodes.topics import TOPICS, Topic
from alphapose_ros.skeletons import skeleton

PICTURES = ("overlay", "annotations")  # can be made again of the rest
TRANSPORTS = {"raw": RAW, "compressed": COMPRESSED}  # types of the messages
RECORDED = [t for t in TOPICS.values() if not t.is_input and t.name not in PICTURES]
WAITING_MB = 128  # of images whose tracks have not come yet, at most
WAITING_PAIRS = 32  # images with tracks, to be drawn
FASTEST_HZ = 30.0  # of the film, where the rate of the camera is not told
REPORT_S = 0.25
QUIET_S = 0.3  # without a message: all has arrived
NO_IMAGE_S = 3.0  # with tracks and without an image: it is told while the camera is there

AnyImage = Image | CompressedImage


class Pairing:
    """Joins images and tracks of one stamp, in whatever order they come.

    Images older than a pair are forgotten, as the pose node never goes back; and the oldest are
    where they take more than ``most_bytes``.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._images: OrderedDict[int, AnyImage] = OrderedDict()
        self._tracks: OrderedDict[int, TrackedPersonArray] = OrderedDict()

    def add_image(self, image: AnyImage) -> tuple[AnyImage, TrackedPersonArray] | None:
        """Keep an image, or return it with its tracks."""
        stamp = to_ns(image.header.stamp)
        tracks = self._tracks.pop(stamp, None)
        if tracks is not None:
            return image, tracks
        self._forget(stamp)
        self._images[stamp] = image
        self._bytes += len(image.data)
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._images)))
        return None

    def add_tracks(self, tracks: TrackedPersonArray) -> tuple[AnyImage, TrackedPersonArray] | None:
        """Keep tracks, or return them with their image."""
        stamp = to_ns(tracks.header.stamp)
        if stamp not in self._images:
            self._tracks[stamp] = tracks
            if len(self._tracks) > WAITING_PAIRS:
                self._tracks.popitem(last=False)
            return None
        image = self._images[stamp]
        for old in [key for key in self._images if key <= stamp]:
            self._forget(old)
        return image, tracks

    def _forget(self, stamp: int) -> None:
        image = self._images.pop(stamp, None)
        self._bytes -= 0 if image is None else len(image.data)


class Recorder(Node):
    """Writes a bag, overlay.mp4 and contact_sheet.png into the folder `out`.

    Callbacks copy messages into the bag's buffer and pair images with tracks; a thread draws.

    Raises:
        BagError, ValueError, OSError: it cannot be written there.
    """

    def __init__(self) -> None:
        super().__init__(
            "recorder",
            automatically_declare_parameters_from_overrides=True,  # to tell of unknown ones
        )
        with unknown_told(self):
            self._declare()
        chosen = reliability("image_reliability", self._get("image_reliability"))
        self._image_qos = QoSProfile(depth=10, reliability=chosen)
        self._image_type = image_type(self._get("image_transport"))
        is_raw = self._image_type == RAW
        self._image_topic = self.resolve_topic_name("image" if is_raw else compressed_topic(self))
        self._out = Path(self._get("out"))
        self._out.mkdir(parents=True, exist_ok=True)
        self._bag = BagWriter(self._out / self._get("bag"), overwrite=self._get("overwrite"))
        self._bag.__enter__()
        self.failed = False
        self._figures = dict.fromkeys(("images", "tracks", "drawn", "not_drawn"), 0)
        self._last_ns = {"image": 0, "tracks": 0}  # stamps
        self._heard_s = time.monotonic()
        self._first_tracks_s = math.inf
        self._no_image = ""  # why none came, once that is told
        self._latencies_ms: deque[float] = deque(maxlen=100_000)
        self._pairing = Pairing(WAITING_MB * 10**6)
        self._pairs: queue.Queue[tuple[AnyImage, TrackedPersonArray] | None]
        self._pairs = queue.Queue(WAITING_PAIRS)
        self._worker = threading.Thread(target=self._work, name="film", daemon=True)
        self._worker.start()
        for topic in RECORDED:
            self._subscribe(topic)
        self._bar = tqdm(
            total=self._get("expected_frames") or None, unit="frame", mininterval=1.0, smoothing=0.1
        )
        self._waiting = self.create_timer(0.1, self._subscribe_images)
        self.create_timer(REPORT_S, self._report)

    def _declare(self) -> None:
        def declare(name: str, default: object, text: str) -> None:
            self.declare_parameter(
                name, default, ParameterDescriptor(description=text, read_only=True)
            )

        declare("out", "out/recording", "Folder for bag, film and figures")
        declare("bag", "bag", "Name of the bag in that folder")
        declare("overwrite", False, "Replace a bag that is there")
        declare("expected_frames", 0, "Length of the progress bar; 0: unknown")
        declare("rate_hz", 0.0, f"Of the camera and the film; 0: unknown, {FASTEST_HZ:g} is taken")
        declare("report", "", "JSON file for figures, written all the time; empty: none")
        declare("keypoint_score", 0.3, "Keypoints below this are not drawn")
        declare("privacy", False, "Whether faces of tracked people are covered")
        declare("image_transport", "raw", "How images come: raw, or compressed on image/compressed")
        declare("image_reliability", "best_effort", f"Of the camera: {' or '.join(RELIABILITIES)}")

    def _get(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _subscribe(self, topic: Topic) -> None:
        qos = topic.qos
        qos.depth = max(qos.depth, 50)  # a slow disk costs nothing
        self.create_subscription(
            message_class(topic.type), topic.name, partial(self._on_message, topic), qos, raw=True
        )

    def _subscribe_images(self) -> None:
        """Subscribe the camera once the pose node's results can be heard.

        A camera that waits for its subscribers thus cannot begin too early.
        """
        if not self.count_publishers(TOPICS["tracks"].name):
            return
        self.destroy_timer(self._waiting)
        kind = message_class(self._image_type)
        self.create_subscription(kind, self._image_topic, self._on_image, self._image_qos)

    def _on_message(self, topic: Topic, data: bytes) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._heard_s = time.monotonic()
        qos = OfferedQos(topic.depth, topic.is_reliable, topic.is_latched)
        name = self.resolve_topic_name(topic.name)
        self._bag.write(BagMessage(name, topic.type, now_ns, data), qos)
        if topic is TOPICS["tracks"]:
            self._on_tracks(deserialize_message(data, TrackedPersonArray), now_ns)

    def _on_tracks(self, tracks: TrackedPersonArray, now_ns: int) -> None:
        stamp_ns = to_ns(tracks.header.stamp)
        if stamp_ns != self._last_ns["tracks"]:  # the last word of the pose node repeats it
            self._figures["tracks"] += 1
            self._first_tracks_s = min(self._first_tracks_s, time.monotonic())
            self._last_ns["tracks"] = stamp_ns
            self._latencies_ms.append((now_ns - stamp_ns) / 1e6)
        self._to_draw(self._pairing.add_tracks(tracks))

    def _on_image(self, image: AnyImage) -> None:
        self._heard_s = time.monotonic()
        self._figures["images"] += 1
        self._last_ns["image"] = to_ns(image.header.stamp)
        self._to_draw(self._pairing.add_image(image))

    def _to_draw(self, pair: tuple[AnyImage, TrackedPersonArray] | None) -> None:
        if pair is None:
            return
        try:
            self._pairs.put_nowait(pair)
        except queue.Full:
            self._figures["not_drawn"] += 1
            self.get_logger().warning(
                "drawing is slower than the pose node; frames are missing in the film",
                throttle_duration_sec=10.0,
            )

    def _work(self) -> None:
        rate_hz = round(self._get("rate_hz"), 2) or FASTEST_HZ
        film = OverlayFilm(
            self._out,
            rate_hz=rate_hz,
            keypoint_score=self._get("keypoint_score"),
            privacy=self._get("privacy"),
        )
        pair = self._pairs.get()
        try:
            with film:
                while pair is not None:
                    self._draw(film, *pair)
                    pair = self._pairs.get()
        except Exception:  # noqa: BLE001  end of the thread: nothing may be lost in silence
            self.failed = True
            self.get_logger().error(f"the film is broken off\n{traceback.format_exc()}")
        while pair is not None:  # the bag goes on
            pair = self._pairs.get()

    def _draw(self, film: OverlayFilm, image: AnyImage, message: TrackedPersonArray) -> None:
        try:
            frame = to_frame(image, film.frames)
            tracks = tracks_from_message(message, skeleton(message.skeleton_id))
        except ValueError as error:  # its message says what to do
            self.get_logger().error(f"not drawn: {error}", throttle_duration_sec=5.0)
            self._figures["not_drawn"] += 1
            return
        film.add(frame.image, tracks, frame.stamp_ns)
        self._figures["drawn"] += 1

    def _report(self) -> None:
        """Move the progress bar, and write the figures."""
        self._bar.set_postfix(processed=self._figures["tracks"], refresh=False)
        self._bar.update(self._figures["images"] - self._bar.n)
        if not self._no_image and time.monotonic() - self._first_tracks_s > NO_IMAGE_S:
            self._tell_of_no_image("nothing can be drawn until images come")
        if not self._get("report"):
            return
        half, most = percentiles(self._latencies_ms)
        report = {
            **self._figures,
            "last_image_ns": self._last_ns["image"],
            "last_tracks_ns": self._last_ns["tracks"],
            "quiet_s": round(time.monotonic() - self._heard_s, 3),
            "latency_ms_p50": half if self._latencies_ms else None,
            "latency_ms_p95": most if self._latencies_ms else None,
        }
        new = Path(self._get("report") + ".new")
        new.write_text(json.dumps(report), encoding="utf-8")
        new.replace(self._get("report"))  # a reader never sees half of it

    def _tell_of_no_image(self, consequence: str) -> None:
        """Log that tracks came and no image, why that was when it was first told, and the remedy.

        Later the camera may have ended.
        """
        if self._figures["images"] or not self._figures["tracks"]:
            return
        topic = self._image_topic
        self._no_image = self._no_image or reason_of_silence(
            *(self, topic, self._image_type, self._image_qos),
            remedy=lambda *_: "Start with `-p image_reliability:=best_effort`",
        )
        self.get_logger().warning(f"{consequence}: no image on {topic}: {self._no_image}")

    def finish(self) -> None:
        """Take what has arrived, then complete all files."""
        begin = time.monotonic()
        while time.monotonic() < min(max(begin, self._heard_s) + QUIET_S, begin + 1.0):
            self.executor.spin_once(timeout_sec=0.05)
        self._bag.close()
        self._pairs.put(None)
        self._worker.join()
        self._report()
        self._bar.close()
        self._tell_of_no_image("no film and no contact sheet")
        self._tell_of_no_pair()

    def _tell_of_no_pair(self) -> None:
        """Log that images and tracks came, but of different images, and the remedy."""
        figures = self._figures
        if not (figures["images"] and figures["tracks"]) or figures["drawn"] + figures["not_drawn"]:
            return
        stamps = (f"{1e-9 * self._last_ns[kind]:.3f} s" for kind in ("image", "tracks"))
        self.get_logger().warning(
            f"no film and no contact sheet: no image on {self._image_topic} has the stamp of any "
            f"tracks (the last: {' and '.join(stamps)}); record the images that the pose node takes"
        )


def image_type(transport: str) -> str:
    """Return the type of images that come so.

    Raises:
        ValueError: there is no such way.
    """
    if transport not in TRANSPORTS:
        raise ValueError(f"image_transport: {transport!r} is none of {', '.join(TRANSPORTS)}")
    return TRANSPORTS[transport]


def message_class(type_name: str) -> type:
    """Return the class of a type such as sensor_msgs/msg/Image."""
    package, kind, name = type_name.split("/")
    return vars(import_module(f"{package}.{kind}"))[name]


def main() -> None:
    """Record until Ctrl-C or SIGTERM."""
    failed = []

    def finish(node: Recorder) -> None:
        node.finish()
        failed.append(node.failed)

    try:
        run(Recorder, finish)
    except (BagError, OSError, ParameterException, ValueError) as error:
        # Its message says what to do.
        sys.exit(f"recorder: {error}")
    sys.exit(int(any(failed)))


if __name__ == "__main__":
    main()
