from __future__ import annotations

from array import array

from rclpy.event_handler import UnsupportedEventTypeError
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from alphapose_ros.nodes.reception import Reception


def test_images_come_where_the_middleware_does_not_count_what_it_loses(graph, monkeypatch):
    create = graph.node.create_subscription

    def refusing(*arguments, event_callbacks=None):
        if event_callbacks is not None:
            raise UnsupportedEventTypeError("no such event")
        return create(*arguments)

    monkeypatch.setattr(graph.node, "create_subscription", refusing)
    taken = []
    reception = Reception(graph.node, taken.append, QoSProfile(depth=1), "raw")
    camera = graph.node.create_publisher(Image, "image", 1)
    graph.spin_until(camera.get_subscription_count)
    camera.publish(Image(height=1, width=1, encoding="mono8", step=1, data=array("B", b"x")))
    graph.spin_until(lambda: taken)
    assert (taken[0].index, reception.received, reception.lost) == (0, 1, 0)
