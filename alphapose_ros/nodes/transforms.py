"""Where one frame_id is seen from another, by TF."""

from __future__ import annotations

import time

import numpy as np
from geometry_msgs.msg import Transform
from rclpy.node import Node
from rclpy.time import Time
from scipy.spatial.transform import Rotation

from alphapose_ros.config import Config
from alphapose_ros.frame import JUMP_BACK_S

try:
    import tf2_ros
except ImportError:  # it comes with ROS itself only
    tf2_ros = None

LOOK_S = 0.005  # between looks at what has come
RETRY_S = 1.0  # after a wait in vain, until one is worth while again


class NoTransformError(LookupError):
    """TF does not say where one frame is seen from another; the message says what it lacks."""


class Transforms:
    """Looks transforms up at the stamp of an image, in the thread that works on it.

    Where one did not come in time, the next images do not wait for it, but for one now and then:
    two-dimensional results shall not be slow because of it.

    Args:
        node: that subscribes to TF.

    Raises:
        ValueError: tf2_ros is not installed.
    """

    def __init__(self, node: Node) -> None:
        if tf2_ros is None:
            raise ValueError(
                "TF is needed, but tf2_ros cannot be imported. Install it "
                "(apt install ros-$ROS_DISTRO-tf2-ros-py; it is not on PyPI) and source ROS, or "
                "leave target_frame empty and give lifting.depth_offset where depth is not "
                "registered"
            )
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node, spin_thread=False)
        self._stamp_ns = 0  # of the last image
        self._failed_s: dict[tuple[str, str], float] = {}  # when a wait was in vain

    def __call__(self, target: str, source: str, stamp_ns: int, timeout_s: float) -> np.ndarray:
        """Return (4, 4), which takes points of ``source`` to ``target``.

        Args:
            target: frame_id.
            source: frame_id.
            stamp_ns: time.
            timeout_s: how long it may take to come.

        Raises:
            NoTransformError: it does not.
        """
        if target == source:
            return np.eye(4)
        if stamp_ns < 0:
            raise NoTransformError(
                f"the image's stamp is negative ({stamp_ns} ns); mend its driver"
            )
        if self._stamp_ns - stamp_ns > JUMP_BACK_S * 1e9:
            self._buffer.clear()  # or what comes now would be too old for it
        self._stamp_ns = stamp_ns
        key, now_s = (target, source), time.monotonic()
        if now_s - self._failed_s.get(key, -np.inf) < RETRY_S:
            timeout_s = 0.0
        end_s = now_s + timeout_s
        while True:
            try:
                found = self._buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns))
            except tf2_ros.TransformException as error:
                if (left_s := end_s - time.monotonic()) <= 0:
                    if timeout_s:
                        self._failed_s[key] = time.monotonic()
                    raise NoTransformError(self._message(target, source, error)) from None
                time.sleep(min(LOOK_S, left_s))
            else:
                self._failed_s.pop(key, None)
                return to_matrix(found.transform)

    def stop(self) -> None:
        """Receive nothing more."""
        self._listener.unregister()

    @staticmethod
    def _message(target: str, source: str, error: Exception) -> str:
        return (
            f"no transform from {source!r} to {target!r} at the stamp of the image ({error}). See "
            f"`ros2 run tf2_ros tf2_echo {target} {source}`; where it only comes late, raise "
            "tf_timeout_s"
        )


def build_transforms(node: Node, config: Config) -> Transforms | None:
    """Return what looks transforms up, or None where the settings need none.

    Raises:
        ValueError: they do, and tf2_ros is not installed.
    """
    lifting = config.lifting
    needs_depth_camera = (
        lifting.name in ("depth", "auto")
        and not lifting.depth_registered
        and not lifting.depth_offset
    )
    return Transforms(node) if config.target_frame or needs_depth_camera else None


def to_matrix(transform: Transform) -> np.ndarray:
    """Return a geometry_msgs/Transform as (4, 4).

    Raises:
        NoTransformError: its rotation is none.
    """
    q, t = transform.rotation, transform.translation
    turn = np.array([q.x, q.y, q.z, q.w])
    if not 0.5 < turn @ turn < 2.0:  # SciPy would bring any to length 1
        raise NoTransformError(f"TF has a rotation x y z w = {turn.tolist()}, which is none")
    found = np.eye(4)
    found[:3, :3] = Rotation.from_quat(turn).as_matrix()
    found[:3, 3] = t.x, t.y, t.z
    return found
