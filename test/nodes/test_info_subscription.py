"""CameraInfo that is sent all the while, and that was sent once, before anybody listened."""

from __future__ import annotations

import pytest
import rclpy
from rcl_interfaces.msg import Log
from rclpy.logging import LoggingSeverity
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from alphapose_ros.nodes.info_subscription import InfoSubscription
from alphapose_ros.nodes.reliability import shown_profile

KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
LIVE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
LOSSY = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
KEPT_LOSSY = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
LOGS = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TOPIC = "/camera_info"
OVERRIDE = f"qos_overrides.{TOPIC}.subscription."


class Listener:
    """A node that listens to CameraInfo, and how wide the cameras are that it heard of."""

    def __init__(self, graph, overrides):
        self.node = rclpy.create_node(
            "listener",
            context=graph.context,
            parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
        )
        graph.executor.add_node(self.node)
        self.widths = []
        self.infos = InfoSubscription(self.node, TOPIC, lambda info: self.widths.append(info.width))

    @property
    def asks(self):
        return shown_profile(self.infos.qos)


@pytest.fixture
def listen(graph):
    """Make a Listener of overrides of the topic's policies."""
    made = []

    def make(**overrides):
        made.append(Listener(graph, {OVERRIDE + name: value for name, value in overrides.items()}))
        return made[-1]

    yield make
    for listener in made:
        listener.infos.stop()
        graph.executor.remove_node(listener.node)
        listener.node.destroy_node()


@pytest.fixture
def publish(graph):
    """Make a publisher of a profile, which sends one CameraInfo if a width is given."""

    def make(qos, width=None):
        publisher = graph.node.create_publisher(CameraInfo, "camera_info", qos)
        if width is not None:
            publisher.publish(CameraInfo(width=width))
        return publisher

    return make


@pytest.fixture
def complaints(graph):
    logs = graph.listen(Log, "/rosout", LOGS)
    return lambda: [
        log.msg for log in logs if log.level >= LoggingSeverity.WARN and log.name == "listener"
    ]


def test_what_was_published_once_before_is_heard(graph, publish, listen):
    publish(KEPT, 640)
    graph.spin_until(lambda: graph.node.count_publishers(TOPIC) == 1)
    listener = listen()
    graph.spin_until(lambda: listener.widths)
    assert (listener.widths, listener.asks) == ([640], "reliable, transient_local")


def test_what_was_published_once_is_heard_whoever_is_there_first(graph, publish, listen):
    listener = listen()
    assert listener.asks == "best_effort, volatile"
    publish(KEPT, 640)
    graph.spin_until(lambda: listener.widths)
    graph.spin_until(lambda: listener.asks == "reliable, transient_local")


@pytest.mark.parametrize("qos", [LIVE, LOSSY, KEPT_LOSSY])
def test_what_is_published_all_the_while_is_heard_of_any_publisher(graph, publish, listen, qos):
    publisher = publish(qos)
    graph.spin_until(lambda: graph.node.count_publishers(TOPIC) == 1)
    listener = listen()
    graph.spin_for(1.2)  # two looks
    publisher.publish(CameraInfo(width=320))
    graph.spin_until(lambda: listener.widths)
    assert listener.asks == "best_effort, volatile"


def test_it_follows_the_publishers_and_leaves_nothing_behind(graph, publish, listen, complaints):
    listener = listen()
    waitables = len(list(listener.node.waitables))
    for qos, width in ((KEPT, 1), (LIVE, 2), (KEPT, 3), (LOSSY, 4)):
        publisher = publish(qos)
        wanted = "reliable, transient_local" if qos is KEPT else "best_effort, volatile"
        graph.spin_until(lambda wanted=wanted: listener.asks == wanted)
        graph.spin_until(publisher.get_subscription_count)
        publisher.publish(CameraInfo(width=width))
        graph.spin_until(lambda width=width: width in listener.widths)
        graph.node.destroy_publisher(publisher)
    assert graph.node.count_subscribers(TOPIC) == 1
    assert len(list(listener.node.waitables)) == waitables
    assert not complaints()


def test_among_others_that_keep_nothing_everybody_is_heard_live(graph, publish, listen, complaints):
    publishers = publish(KEPT), publish(LOSSY)
    graph.spin_until(lambda: graph.node.count_publishers(TOPIC) == 2)
    listener = listen()
    graph.spin_for(1.2)
    for width, publisher in enumerate(publishers):
        publisher.publish(CameraInfo(width=width))
        graph.spin_until(lambda width=width: width in listener.widths)
    assert (listener.asks, complaints()) == ("best_effort, volatile", [])


def test_one_override_leaves_the_other_policy_free(graph, publish, listen):
    publish(KEPT, 640)
    graph.spin_until(lambda: graph.node.count_publishers(TOPIC) == 1)
    by_durability, by_reliability = (
        listen(durability="transient_local"),
        listen(reliability="reliable"),
    )
    graph.spin_until(lambda: by_durability.widths and by_reliability.widths)


def test_overrides_come_before_what_publishers_offer(graph, publish, listen):
    live = listen(durability="volatile")
    lossy = listen(reliability="best_effort", durability="volatile")
    before = list(lossy.node.subscriptions)
    publish(KEPT, 640)
    graph.spin_until(lambda: live.asks == "reliable, volatile")
    graph.spin_for(1.2)  # two looks
    assert lossy.asks == "best_effort, volatile"
    assert list(lossy.node.subscriptions) == before  # it is not made anew
    late = listen(durability="volatile")
    graph.spin_for(1.2)
    assert (late.asks, late.widths) == ("reliable, volatile", [])


def test_a_publisher_that_does_not_fit_is_looked_at_at_once(graph, publish, listen, monkeypatch):
    kept = publish(KEPT)
    graph.spin_until(lambda: graph.node.count_publishers(TOPIC) == 1)
    monkeypatch.setattr("alphapose_ros.nodes.publishers.LOOK_S", 600.0)
    listener = listen()
    assert listener.asks == "reliable, transient_local"
    graph.node.destroy_publisher(kept)
    publish(LOSSY)
    graph.spin_until(lambda: listener.asks == "best_effort, volatile")


def test_nothing_is_left_behind_where_it_stops(graph):
    def held():
        node = graph.node
        return [len(list(of)) for of in (node.subscriptions, node.timers, node.guards)]

    before = held()
    infos = InfoSubscription(graph.node, TOPIC, print)
    assert all(now > once for now, once in zip(held(), before, strict=True))
    infos.stop()
    assert held() == before


@pytest.mark.parametrize(
    ("override", "asked", "least"),
    [
        (("durability", "transient_local"), "best_effort, transient_local", "volatile"),
        (("reliability", "reliable"), "reliable, volatile", "best_effort"),
    ],
)
def test_an_override_that_a_publisher_does_not_serve_is_told_once(
    graph, listen, complaints, override, asked, least
):
    policy, value = override
    graph.node.create_publisher(CameraInfo, "camera_info", LOSSY)
    listen(**{policy: value})
    graph.spin_until(complaints)
    graph.spin_for(1.2)
    assert complaints() == [
        f"incompatible quality of service on {TOPIC}: requested {asked}, offered best_effort, "
        f"volatile by node tester; no CameraInfo comes from there. Set {OVERRIDE}{policy} to "
        f"{least}, or let the publisher be {value} (of bags: "
        "`ros2 bag play --qos-profile-overrides-path`)"
    ]
