"""Stands in for tf2_ros, which is not on PyPI: one topic of single transforms, no chains.

`tf_for_test` carries geometry_msgs/TransformStamped, `tf_sent_for_test` what is broadcast. As in
TF, a transform of the stamp 0 holds at all times, others between the oldest and the newest stamp
only.
"""

from __future__ import annotations

from geometry_msgs.msg import TransformStamped


class TransformException(Exception):
    pass


class LookupException(TransformException):
    pass


class ExtrapolationException(TransformException):
    pass


def nanoseconds(stamp):
    return stamp.sec * 10**9 + stamp.nanosec


class Buffer:
    def __init__(self):
        self.known = {}

    def add(self, transform):
        key = (transform.header.frame_id, transform.child_frame_id)
        self.known.setdefault(key, {})[nanoseconds(transform.header.stamp)] = transform

    def clear(self):
        self.known = {}

    def lookup_transform(self, target_frame, source_frame, time):
        found = self.known.get((target_frame, source_frame))
        if not found:
            raise LookupException(f'"{target_frame}" passed to lookupTransform does not exist')
        if 0 in found:
            return found[0]
        if not min(found) <= time.nanoseconds <= max(found):
            raise ExtrapolationException("Lookup would require extrapolation into the future")
        return found[min(found, key=lambda stamp: abs(stamp - time.nanoseconds))]


class TransformListener:
    def __init__(self, buffer, node, *, spin_thread=False):
        assert not spin_thread
        self._node = node
        self._subscription = node.create_subscription(
            TransformStamped, "tf_for_test", buffer.add, 10
        )

    def unregister(self):
        self._node.destroy_subscription(self._subscription)


class TransformBroadcaster:
    def __init__(self, node):
        self._publisher = node.create_publisher(TransformStamped, "tf_sent_for_test", 100)

    def sendTransform(self, transform):
        self._publisher.publish(transform)
