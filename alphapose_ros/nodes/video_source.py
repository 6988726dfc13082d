"""A video file or a webcam as a ROS camera: `image` and `camera_info`."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from alphapose_ros.io.video import VideoError, VideoSource, read_video
from alphapose_ros.nodes.conversions import to_image
from alphapose_ros.nodes.parameters_names import unknown_told
from alphapose_ros.nodes.reliability import RELIABILITIES, reliability
from alphapose_ros.nodes.running import run

USUAL_RATE_HZ = 25.0  # of a file that does not tell its own
_DISCOVERY_S = 0.3  # a subscription that we know of may not know us yet
_GIVEN_UP_S = 1.0  # behind by more than this, the schedule starts anew


class VideoSourceNode(Node):
    """Publishes the frames of a video at a steady rate, then ends the process.

    The stamp is the time of publication, as a camera's driver would give it. Without the
    parameters fx, fy, cx, cy the intrinsics are invented: a pinhole as wide as far (53 degrees).
    """

    def __init__(self) -> None:
        super().__init__(
            "video_source",
            automatically_declare_parameters_from_overrides=True,  # to tell of unknown ones
        )
        with unknown_told(self):
            self._declare()
        self._video = _path_or_index(self._get("video"))
        self._sources = ExitStack()
        self._source = self._sources.enter_context(read_video(self._video))
        self._rate_hz = self._choose_rate()
        self._camera_info = self._make_camera_info()
        chosen = reliability("reliability", self._get("reliability"))
        qos = QoSProfile(depth=5, reliability=chosen)
        self._images = self.create_publisher(Image, "image", qos)
        self._infos = self.create_publisher(CameraInfo, "camera_info", qos)
        self._stopping = threading.Event()
        self.failed = False
        self._thread = threading.Thread(target=self._work, name="video", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread that publishes, and close the video."""
        self._stopping.set()
        self._thread.join()
        self._sources.close()

    def _declare(self) -> None:
        def declare(name: str, default: object, text: str, **rules: bool) -> None:
            descriptor = ParameterDescriptor(description=text, read_only=True, **rules)
            self.declare_parameter(name, default, descriptor)

        declare("video", "", "Path of a video, or index of a webcam", dynamic_typing=True)
        declare("rate_hz", 0.0, "Frames per second; 0: the file's own")
        declare("duration_s", 0.0, "End after this much video; 0: at its end")
        declare("loop", False, "Begin again at the end")
        declare("frame_id", "camera", "Coordinate frame of the images")
        declare("wait_for_subscribers", 0, "Subscriptions of `image` before the first frame")
        declare("reliability", "reliable", f"Of the publishers: {' or '.join(RELIABILITIES)}")
        declare("report", "", "JSON file for the number of frames and seconds; empty: none")
        for name in ("fx", "fy", "cx", "cy"):
            declare(name, 0.0, "Intrinsics of the camera [px]; 0: invented")

    def _get(self, name: str) -> object:
        return self.get_parameter(name).value

    def _choose_rate(self) -> float:
        asked = self._get("rate_hz")
        if not (asked >= 0 and math.isfinite(asked)):
            raise ValueError(f"rate_hz: {asked} is negative or not finite; 0 takes the file's own")
        if asked:
            return asked
        if self._source.fps is None:
            self.get_logger().warning(f"{self._video} tells no rate: taking {USUAL_RATE_HZ} Hz")
            return USUAL_RATE_HZ
        return self._source.fps

    def _make_camera_info(self) -> CameraInfo:
        width, height = self._source.width, self._source.height
        fx = self._get("fx") or float(width)
        fy = self._get("fy") or fx
        cx = self._get("cx") or width / 2
        cy = self._get("cy") or height / 2
        return CameraInfo(
            width=width,
            height=height,
            distortion_model="plumb_bob",
            d=[0.0] * 5,
            k=np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1], np.float64),
            r=np.eye(3).ravel(),
            p=np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0], np.float64),
        )

    def _work(self) -> None:
        try:
            self._wait_for_subscribers()
            self._publish_all()
        except VideoError as error:  # its message says what to do
            self.failed = True
            self.get_logger().error(str(error))
        except Exception:  # noqa: BLE001  end of the thread: nothing may be lost in silence
            self.failed = True
            self.get_logger().error(f"{self._video}: broken off\n{traceback.format_exc()}")
        finally:
            signal.raise_signal(signal.SIGINT)  # ends run()

    def _wait_for_subscribers(self) -> None:
        wanted = self._get("wait_for_subscribers")
        if not wanted:
            return
        while self._images.get_subscription_count() < wanted:
            if self._stopping.wait(0.05):
                return
        self._stopping.wait(_DISCOVERY_S)

    def _publish_all(self) -> None:
        """Publish every frame when it is due, while the next one is being decoded."""
        begin, count = time.monotonic(), 0
        deadlines = self._deadlines()
        frames = self._frames()
        with ThreadPoolExecutor(1, "decode") as pool:
            following = pool.submit(next, frames, None)
            while (image := following.result()) is not None and self._wait_until(next(deadlines)):
                following = pool.submit(next, frames, None)
                self._publish(image)
                count += 1
        frames.close()
        seconds = time.monotonic() - begin
        self._images.wait_for_all_acked(Duration(seconds=2))
        self._report(count, seconds)

    def _frames(self) -> Iterator[np.ndarray]:
        """Give the images, over and over if asked to; runs in the decoding thread."""
        last_s = self._get("duration_s") or math.inf
        source: VideoSource = self._source
        while True:
            for image, time_s in source:
                if time_s >= last_s:
                    break
                yield image
            self._sources.close()
            if not self._get("loop"):
                return
            source = self._sources.enter_context(read_video(self._video))

    def _deadlines(self) -> Iterator[float]:
        """Give the times of the frames: multiples of the period, so that nothing adds up."""
        if isinstance(self._video, int) and not self._get("rate_hz"):
            while True:  # a webcam keeps its own time
                yield time.monotonic()
        start, number = time.monotonic(), 0
        while True:
            due = start + number / self._rate_hz
            if (behind := time.monotonic() - due) > _GIVEN_UP_S:
                self.get_logger().warning(
                    f"{behind:.1f} s behind: {self._rate_hz:g} Hz is too fast for this machine",
                    throttle_duration_sec=10.0,
                )
                start, number = time.monotonic(), 0
                due = start
            yield due
            number += 1

    def _wait_until(self, due: float) -> bool:
        """Wait for a time of the monotonic clock; false when it is time to end."""
        return not self._stopping.wait(max(0.0, due - time.monotonic()))

    def _publish(self, image: np.ndarray) -> None:
        stamp = self.get_clock().now().to_msg()
        header = Header(stamp=stamp, frame_id=self._get("frame_id"))
        self._camera_info.header = header
        self._infos.publish(self._camera_info)
        self._images.publish(to_image(image, header))

    def _report(self, count: int, seconds: float) -> None:
        self.get_logger().info(f"published {count} frames in {seconds:.1f} s")
        if self._get("report"):
            report = {"frames": count, "seconds": seconds, "rate_hz": self._rate_hz}
            Path(self._get("report")).write_text(json.dumps(report), encoding="utf-8")


def _path_or_index(video: str | int) -> str | int:
    if video == "":
        raise ValueError("no video given: set the parameter `video` to a file or a webcam's index")
    if isinstance(video, bool) or not isinstance(video, (str, int)):
        raise ValueError(f"video: {video!r} is neither a path nor a webcam's index")
    return int(video) if isinstance(video, str) and video.isdecimal() else video


def main() -> None:
    """Publish the video that the parameters name."""
    failed = []

    def finish(node: VideoSourceNode) -> None:
        node.stop()
        failed.append(node.failed)

    try:
        run(VideoSourceNode, finish)
    except (OSError, ParameterException, ValueError, VideoError) as error:
        # Its message says what to do.
        sys.exit(f"video_source: {error}")
    sys.exit(int(any(failed)))


if __name__ == "__main__":
    main()
