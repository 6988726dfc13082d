"""A raised hand chooses the target, and the settings of gestures say what a raised hand is."""

from __future__ import annotations

from array import array

from programs import start_program
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import Image

from alphapose_ros.msg import TargetStatus


def test_settings_of_gestures_hold_for_the_choice_of_the_target(graph):
    settings = {"target.select": "raised_hand", "target.raised_hand_s": 1.0}
    start_program(graph, "raising_node", **settings, **{"gestures.gap_s": 3.0})
    camera = graph.node.create_publisher(Image, "image", 10)
    statuses = graph.listen(TargetStatus, "target/status")
    image = Image(height=96, width=128, encoding="bgr8", step=384, data=array("B", bytes(36864)))
    graph.spin_until(camera.get_subscription_count)

    def show():
        image.header.stamp.sec += 1
        camera.publish(image)
        graph.spin_for(0.15)

    def is_answered():
        show()
        return statuses

    graph.spin_until(is_answered)
    for _ in range(6):
        show()
    assert {status.state for status in statuses} == {TargetStatus.SELECTING}  # not high enough

    client = graph.node.create_client(SetParameters, "pose_node/set_parameters")
    graph.spin_until(client.service_is_ready)
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=0.1)
    parameter = Parameter(name="gestures.raise_height", value=value)
    future = client.call_async(SetParameters.Request(parameters=[parameter]))
    graph.spin_until(future.done)
    assert future.result().results[0].successful

    def is_followed():
        show()
        return statuses[-1].state == TargetStatus.TRACKING

    graph.spin_until(is_followed)
    assert statuses[-1].reason == "raised_hand"
