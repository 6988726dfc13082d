from __future__ import annotations

import gc
import math
import re
import threading
import weakref
from array import array
from types import SimpleNamespace

import pytest
import rclpy
from builtin_interfaces.msg import Time
from programs import start_camera
from rcl_interfaces.msg import Log
from rclpy.event_handler import UnsupportedEventTypeError
from rclpy.logging import LoggingSeverity
from rclpy.parameter import Parameter
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from alphapose_ros.config import Config, LiftingConfig
from alphapose_ros.nodes.image_subscription import Gaps
from alphapose_ros.nodes.publishers import fitting
from alphapose_ros.nodes.reception import Reception
from alphapose_ros.nodes.reliability import clashing_policies
from alphapose_ros.nodes.worker import Worker

BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
PICTURE = Image(height=1, width=1, encoding="mono8", step=1, data=array("B", b"x"))
LOGS = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RELIABILITIES = SURE, LOOSE = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
DURABILITIES = KEPT, GONE = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE
OVERRIDE = "qos_overrides./image.subscription."


class Receiver:
    """A node that receives, what it took, and what it logged."""

    def __init__(self, graph, overrides, remappings, settings):
        parameters = [Parameter(name, value=value) for name, value in overrides.items()]
        self.node = rclpy.create_node(
            "receiver",
            context=graph.context,
            parameter_overrides=parameters,
            cli_args=["--ros-args", *(part for one in remappings for part in ("-r", one))],
        )
        graph.executor.add_node(self.node)
        self.taken = []
        self.reception = Reception(self.node, self.taken.append, Config(**settings))

    def problem(self):
        return self.reception.problem(timeout_s=0.0)

    def depth(self, topic):
        (one,) = [one for one in self.node.subscriptions if one.topic_name == topic]
        return one.qos_profile.depth


@pytest.fixture
def receive(graph):
    """Make a Receiver of overrides, remappings and settings."""
    made = []

    def make(overrides=None, remappings=(), **settings):
        made.append(Receiver(graph, overrides or {}, remappings, settings))
        return made[-1]

    yield make
    for receiver in made:
        receiver.reception.stop()
        graph.executor.remove_node(receiver.node)
        receiver.node.destroy_node()


@pytest.fixture
def errors(graph):
    logs = graph.listen(Log, "/rosout", LOGS)
    return lambda: [log.msg for log in logs if log.level >= LoggingSeverity.ERROR]


def test_images_come_where_the_middleware_does_not_count_what_it_loses(graph, monkeypatch):
    create = graph.node.create_subscription

    def refusing(*arguments, event_callbacks=None, **options):
        if event_callbacks is not None and event_callbacks.message_lost is not None:
            raise UnsupportedEventTypeError("no such event")
        return create(*arguments, event_callbacks=event_callbacks, **options)

    monkeypatch.setattr(graph.node, "create_subscription", refusing)
    taken = []
    reception = Reception(graph.node, taken.append, Config())
    camera = graph.node.create_publisher(Image, "image", 1)
    graph.spin_until(camera.get_subscription_count)
    camera.publish(PICTURE)
    graph.spin_until(lambda: taken)
    assert (taken[0].index, reception.received, reception.lost) == (0, 1, 0)


@pytest.mark.parametrize(
    ("settings", "offered", "used"),
    [
        ({}, [], "best_effort"),
        ({}, [RELIABLE], "reliable"),
        ({}, [BEST_EFFORT], "best_effort"),
        ({}, [RELIABLE, BEST_EFFORT], "best_effort"),
        ({"image_reliability": "best_effort"}, [RELIABLE], "best_effort"),
        ({"image_reliability": "reliable"}, [BEST_EFFORT], "reliable"),
        ({"process_every_frame": True}, [], "reliable"),
    ],
)
def test_the_reliability_is_that_asked_for_or_at_once_that_offered(
    graph, receive, settings, offered, used
):
    for qos in offered:
        graph.node.create_publisher(Image, "image", qos)
    graph.spin_until(lambda: graph.node.count_publishers("image") == len(offered))
    assert receive(**settings).reception.reliability == used


def test_changing_over_keeps_the_counts_and_leaves_nothing_behind(graph, receive):
    receiver = receive()
    reception, waitables = receiver.reception, len(list(receiver.node.waitables))
    for number, qos in enumerate((RELIABLE, BEST_EFFORT, RELIABLE), 1):
        camera = graph.node.create_publisher(Image, "image", qos)
        wanted = "reliable" if qos is RELIABLE else "best_effort"
        graph.spin_until(lambda wanted=wanted: reception.reliability == wanted)
        graph.spin_until(lambda camera=camera: camera.get_subscription_count() == 1)
        camera.publish(PICTURE)
        graph.spin_until(lambda number=number: reception.received == number)
        graph.node.destroy_publisher(camera)
    assert [arrival.index for arrival in receiver.taken] == [0, 1, 2]
    assert graph.node.count_subscribers("image") == 1
    assert len(list(receiver.node.waitables)) == waitables


SET, LET = f"Set {OVERRIDE}", "let the publisher be"
BY_OVERRIDE = f"{SET}reliability to best_effort, or {LET} reliable ("


@pytest.mark.parametrize(
    ("overrides", "settings", "remedy"),
    [
        (
            {},
            {"process_every_frame": True},
            f"Set process_every_frame to false, or {LET} reliable (",
        ),
        (
            {},
            {"process_every_frame": True, "image_reliability": "reliable"},
            "Set process_every_frame to false and image_reliability to auto or best_effort, or",
        ),
        ({"reliability": "reliable"}, {}, BY_OVERRIDE),
        ({"reliability": "RELIABLE"}, {"process_every_frame": True}, BY_OVERRIDE),
        (
            {"depth": 3},
            {"image_reliability": "reliable"},
            f"Set image_reliability to auto or best_effort, or {LET} reliable (",
        ),
        (
            {"durability": "transient_local"},
            {},
            f"{SET}durability to volatile, or {LET} transient_local (",
        ),
        (
            {"durability": "transient_local", "reliability": "reliable"},
            {},
            f"{SET}reliability to best_effort and {OVERRIDE}durability to volatile, or {LET} "
            "reliable and transient_local (",
        ),
    ],
)
def test_every_mismatch_is_told_once_with_its_own_remedy(
    graph, receive, errors, overrides, settings, remedy
):
    for _ in range(2):  # of one profile
        graph.node.create_publisher(Image, "image", BEST_EFFORT)
    receiver = receive({OVERRIDE + name: value for name, value in overrides.items()}, **settings)
    graph.spin_until(errors)
    graph.spin_for(1.0)
    (error,) = errors()
    assert "offered best_effort, volatile by node tester; no image comes from there" in error
    assert f"from there. {remedy}" in error
    assert f"offered best_effort, volatile. {remedy}" in receiver.problem()


@pytest.mark.parametrize("policy", ["reliability", "durability"])
def test_best_available_is_what_it_became_and_what_helps_is_told(graph, receive, errors, policy):
    settled = {"reliability": "reliable, volatile", "durability": "best_effort, transient_local"}
    demanded = {"reliability": "reliable", "durability": "transient_local"}[policy]
    receiver = receive({OVERRIDE + policy: "best_available"})  # before there is a publisher
    camera = graph.node.create_publisher(Image, "image", BEST_EFFORT)
    graph.spin_until(errors)
    (error,) = errors()
    for told in (error, receiver.problem()):
        assert f"requested {settled[policy]}, offered best_effort, volatile" in told
        assert "(best_available is settled when the node subscribes), or let the" in told
        assert f"or let the publisher be {demanded} (of bags:" in told
    assert not camera.get_subscription_count()
    reliability = settled[policy].partition(",")[0]
    assert receiver.reception.reliability == reliability
    receiver.reception.stop()
    assert receiver.reception.reliability == reliability  # told by diagnostics of a disabled node


@pytest.mark.parametrize(
    ("policy", "value"),
    [("reliability", "reliable"), ("reliability", "best_available")]
    + [("durability", "transient_local"), ("durability", "best_available")],
)
def test_overrides_that_are_set_as_the_remedy_says_let_images_in(graph, receive, policy, value):
    receiver = receive({OVERRIDE + policy: value})
    camera = graph.node.create_publisher(Image, "image", BEST_EFFORT)
    graph.spin_until(lambda: "incompatible" in receiver.problem())
    name, wanted = re.search(r"Set (\S+) to (\w+)", receiver.problem()).groups()
    second = receive({name: wanted})
    graph.spin_until(camera.get_subscription_count)
    camera.publish(PICTURE)
    graph.spin_until(lambda: second.taken)
    assert not receiver.taken


@pytest.mark.parametrize("asked", [(r, d) for r in RELIABILITIES for d in DURABILITIES])
def test_policies_clash_where_rclpy_finds_an_error(asked):
    for offered in ((r, d) for r in RELIABILITIES for d in DURABILITIES):
        ours, theirs = (
            QoSProfile(depth=1, reliability=r, durability=d) for r, d in (asked, offered)
        )
        compatibility, reason = qos_check_compatible(theirs, ours)
        clashing = clashing_policies(theirs, ours)
        assert bool(clashing) == (compatibility == QoSCompatibility.ERROR)
        words = {QoSPolicyKind.RELIABILITY: "effort", QoSPolicyKind.DURABILITY: "olatile publisher"}
        assert all(words[kind] in reason for kind in clashing)
        assert len(clashing) == reason.count("ERROR")


@pytest.mark.parametrize(
    ("offered", "wanted", "less"),
    [
        ((LOOSE, KEPT), "reliable", "image_reliability auto, .* that say otherwise"),
        ((SURE, GONE), "transient_local", "no qos_overrides of the durability"),
        ((LOOSE, GONE), "reliable and transient_local", "image_reliability .*; no qos_.*"),
    ],
)
def test_a_remedy_is_of_the_policies_that_clash(offered, wanted, less):
    asked = QoSProfile(depth=1, reliability=SURE, durability=KEPT)
    reliability, durability = offered
    theirs = QoSProfile(depth=1, reliability=reliability, durability=durability)
    remedy = fitting([SimpleNamespace(qos_profile=theirs)], asked)
    assert re.fullmatch(
        rf"Let the publisher be {wanted} \(of bags: .*\), or ask for less: {less}", remedy
    )


def test_overrides_come_before_the_settings(graph, receive):
    graph.node.create_publisher(Image, "image", RELIABLE)
    overrides = {
        OVERRIDE + "reliability": "best_effort",
        OVERRIDE + "depth": 7,
        "qos_overrides./camera_info.subscription.depth": 3,
    }
    receiver = receive(overrides)
    before = list(receiver.node.subscriptions)
    graph.spin_for(1.2)  # two looks at what is offered
    assert list(receiver.node.subscriptions) == before  # none is made anew
    assert receiver.reception.reliability == "best_effort"
    assert (receiver.depth("/image"), receiver.depth("/camera_info")) == (7, 3)


def test_without_overrides_a_new_reception_goes_by_the_new_settings(graph, receive):
    receiver = receive()
    assert receiver.depth("/image") == 1
    receiver.reception.stop()
    config = Config(process_every_frame=True, queue_size=12)
    receiver.reception = Reception(receiver.node, receiver.taken.append, config)
    assert (receiver.depth("/image"), receiver.reception.reliability) == (12, "reliable")


@pytest.mark.parametrize(
    ("policy", "value", "told"),
    [
        ("reliability", "perhaps", "'perhaps' is none of"),
        ("depth", -1, "-1 is no depth"),
        ("depth", "many", ".*'many' of type"),
        ("reliability", "unknown", "'unknown' is none of .*best_effort"),
        ("durability", "Unknown", "'Unknown' is none of .*volatile"),
        ("history", "unknown", "'unknown' is none of .*keep_last"),
    ],
)
def test_a_wrong_override_is_named(receive, policy, value, told):
    with pytest.raises(ValueError, match=f"qos_overrides./image.subscription.{policy}: {told}"):
        receive({OVERRIDE + policy: value})


@pytest.mark.parametrize(
    ("policy", "value", "told"),
    [("depth", "5", "'5' is no depth"), ("depth", True, "True is no depth")]
    + [("reliability", 1, "1 is none of system_default, reliable")],
)
def test_an_override_of_another_type_that_was_declared_elsewhere_is_named(
    graph, policy, value, told
):
    graph.node.declare_parameter(OVERRIDE + policy, value)
    with pytest.raises(ValueError, match=f"subscription.{policy}: {told}"):
        Reception(graph.node, print, Config())


def test_nothing_is_left_behind_where_an_override_is_wrong(graph):
    wrong = Parameter("qos_overrides./camera_info.subscription.depth", value=-1)
    node = rclpy.create_node("wrong", context=graph.context, parameter_overrides=[wrong])
    before = list(node.subscriptions), len(list(node.timers))
    with pytest.raises(ValueError, match="-1 is no depth"):
        Reception(node, print, Config())
    assert (list(node.subscriptions), len(list(node.timers))) == before
    node.destroy_node()


def test_durable_publishers_are_heard(graph, receive, errors):
    durable = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    camera = graph.node.create_publisher(Image, "image", durable)
    receiver = receive()
    graph.spin_until(camera.get_subscription_count)
    camera.publish(PICTURE)
    graph.spin_until(lambda: receiver.taken)
    assert not errors()


def test_images_come_with_the_newest_camera_info_whatever_its_reliability(graph, receive):
    camera = graph.node.create_publisher(Image, "image", RELIABLE)
    infos = graph.node.create_publisher(CameraInfo, "camera_info", BEST_EFFORT)
    receiver = receive(image_reliability="reliable")
    graph.spin_until(lambda: camera.get_subscription_count() and infos.get_subscription_count())

    def paired():
        infos.publish(CameraInfo(width=3))
        graph.spin_for(0.05)
        camera.publish(PICTURE)
        return receiver.taken and receiver.taken[-1].camera_info is not None

    graph.spin_until(paired)
    assert receiver.taken[-1].camera_info.width == 3


def test_the_rate_follows_the_arrivals(graph, receive, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr("alphapose_ros.nodes.reception.time.monotonic", lambda: now_s[0])
    reception = receive().reception
    assert reception.rate_hz == 0
    for _ in range(60):
        now_s[0] += 0.1
        reception._on_image(PICTURE)
    assert reception.rate_hz == pytest.approx(10, rel=0.05)
    now_s[0] += 10
    assert reception.rate_hz == 0


def test_an_image_of_time_zero_has_no_age_nor_have_those_without_a_stamp(receive):
    reception = receive().reception
    reception._on_image(PICTURE)  # the first of a bag may be of time 0
    assert math.isnan(reception.age_ms)
    reception._on_image(PICTURE)  # the second says nothing
    assert reception.is_unstamped
    assert reception.age_ms == reception.take_recent_age_ms() == 0.0


def test_images_wait_in_the_middleware_while_there_is_no_room(graph):
    release, worked = threading.Event(), []

    def work(arrival):
        release.wait(20)
        worked.append(arrival.image.header.stamp.sec)

    config = Config(process_every_frame=True, queue_size=2)
    worker = Worker(graph.node, config, work, lambda _: None)
    camera = graph.node.create_publisher(Image, "image", RELIABLE)
    graph.spin_until(camera.get_subscription_count)
    for sec in range(5):  # one at work, two in the queue, two in the middleware
        camera.publish(Image(header=Header(stamp=Time(sec=sec))))
        graph.spin_for(0.1)
    graph.spin_for(0.7)  # the executor is free, and looks around
    assert not release.is_set()
    assert worker.reception.received == 3
    assert worker.reception.problem(timeout_s=0.0) == ""  # nothing is silent
    release.set()
    graph.spin_until(lambda: len(worked) == 5)
    assert worked == [0, 1, 2, 3, 4]
    assert worker.reception.lost == 0
    worker.stop(patience_s=5)


@pytest.mark.parametrize("lifting", ["none", "depth"])
def test_a_subscription_that_outlives_its_worker_holds_no_networks(graph, lifting):
    class Networks:
        def __call__(self, arrival):
            pass

    networks = Networks()
    remembered = weakref.ref(networks)
    config = Config(lifting=LiftingConfig(name=lifting))
    worker = Worker(graph.node, config, networks, lambda _: None)
    callbacks = [subscription.callback for subscription in graph.node.subscriptions]
    worker.stop(patience_s=5)
    del worker, networks
    gc.collect()
    assert remembered() is None
    assert callbacks


class Losing:
    """A Receiver that is told how many images came, how many were lost, and what time it is."""

    def __init__(self, receiver, monkeypatch):
        self.now_s, self.reception = 100.0, receiver.reception
        clock = SimpleNamespace(monotonic=lambda: self.now_s)
        monkeypatch.setattr("alphapose_ros.nodes.reception.time", clock)
        self.reception._on_image(PICTURE)

    def problem_after(self, seconds, received=0, lost=0):
        self.now_s += seconds
        for _ in range(received):
            self.reception._on_image(PICTURE)
        self.reception._images._on_lost(SimpleNamespace(total_count_change=lost))
        return self.reception.problem(timeout_s=5.0)


def test_a_slow_camera_whose_images_get_lost_is_told_of_without_a_break(receive, monkeypatch):
    losing = Losing(receive(), monkeypatch)
    told = [losing.problem_after(1.0, received=8, lost=7) for _ in range(8)]
    assert told[0] == ""  # too few to judge
    assert all("DDS loses them on the way" in one for one in told[1:])
    told = [losing.problem_after(1.0, received=10) for _ in range(4)]
    assert told[-1] == ""


def test_what_was_judged_before_a_silence_is_forgotten(receive, monkeypatch):
    losing = Losing(receive(), monkeypatch)
    assert "DDS loses them" in losing.problem_after(1.0, received=20, lost=20)
    assert "DDS loses them" in losing.problem_after(1.0, received=5, lost=5)
    assert "no image on" in losing.problem_after(6.0)
    assert losing.reception.is_silent
    assert losing.problem_after(1.0, received=1) == ""
    assert not losing.reception.is_silent


def test_a_full_queue_is_told_of_until_it_has_lost_nothing_for_a_while(receive, monkeypatch):
    losing = Losing(receive(process_every_frame=True), monkeypatch)
    assert losing.problem_after(1.0, received=1) == ""
    assert "3 images were lost on /image, although" in losing.problem_after(1.0, lost=3)
    assert "3 images were lost" in losing.problem_after(5.0, received=1)
    assert "4 images were lost" in losing.problem_after(4.0, received=1, lost=1)
    assert "4 images were lost" in losing.problem_after(4.0, received=1)
    for _ in range(5):
        told = losing.problem_after(4.0, received=9)
    assert (told, losing.reception.lost) == ("", 4)


def counted(*steps):
    """Return what Gaps counts of numbers, and of looks: publishers, whether they are the same."""
    gaps = Gaps()
    for step in steps:
        if isinstance(step, int):
            gaps.add(step)
        else:
            gaps.look(step[0], are_the_same=step[1], waiting=4)
    return gaps.counted


ONE, OTHERS = (1, True), (1, False)


@pytest.mark.parametrize(
    ("steps", "lost"),
    [
        ((5, 6, 7, ONE), 0),
        ((5, 8, ONE, 9, 12, ONE), 4),
        ((5, 8), 0),  # not known yet
        ((500, ONE, 1, 501, 2, 502, (2, False)), 0),
        ((500, ONE, 1, 501, OTHERS), 0),
        ((500, ONE, 900, 501, 502, ONE), 0),  # another came and went between looks
        ((500, ONE, 1, 2, ONE, 5, ONE), 2),  # a camera that was started anew
        ((500, ONE, (2, False), 1, 501, OTHERS, 502, 2, 600, ONE), 0),  # they waited
        ((500, ONE, (2, False), 1, OTHERS, 2, 501, 502, 503, 504, ONE, 507, ONE), 2),
    ],
)
def test_gaps_count_where_one_publisher_was_there_before_and_after(steps, lost):
    assert counted(*steps) == lost


def test_a_second_publisher_is_no_loss_and_that_of_one_is_still_counted(graph, receive):
    reception = receive(process_every_frame=True).reception
    first = graph.node.create_publisher(Image, "image", RELIABLE)
    graph.spin_until(first.get_subscription_count)

    def send(*cameras):
        for camera in cameras:
            count = reception.received
            camera.publish(PICTURE)
            graph.spin_until(lambda count=count: reception.received > count)

    send(*[first] * 30)
    second = graph.node.create_publisher(Image, "image", RELIABLE)
    graph.spin_until(second.get_subscription_count)
    send(*(second, first) * 3)
    graph.spin_for(1.2)  # two looks
    send(*(second, first) * 3)
    graph.spin_for(1.2)
    assert (reception.lost, reception.received) == (0, 42)


def test_the_nearest_topics_with_images_of_others_are_named(graph, receive):
    receiver = receive()
    for name in ("/camera/image_raw", "/other/thing", "/third/one", "/a/fourth/one"):
        graph.node.create_publisher(Image, name, 1)
    graph.node.create_publisher(CompressedImage, "/arm/image/compressed", 1)
    graph.node.create_publisher(CompressedImage, "/jpeg/image", 1)
    receiver.node.create_publisher(Image, "/overlay_image", 1)  # the receiver's own
    graph.spin_until(lambda: "arm" in receiver.problem() and "jpeg" in receiver.problem())
    assert "no image on /image for 0 s; 0 publishers there. Remap `image`" in receiver.problem()
    for way in (
        "`-r image:=/camera/image_raw`",
        "`-r image:=/arm/image -p image_transport:=compressed`",
        "`-r image/compressed:=/jpeg/image -p image_transport:=compressed`",
    ):
        assert way in receiver.problem()
    assert receiver.problem().count("`-r") == 3  # the nearest ones


def test_who_takes_compressed_images_is_told_how_to_take_raw_ones(graph, receive):
    receiver = receive(image_transport="compressed")
    graph.node.create_publisher(Image, "/camera/image_raw", 1)
    way = "`-r image:=/camera/image_raw -p image_transport:=raw`"
    graph.spin_until(lambda: way in receiver.problem())


def test_it_is_told_where_nobody_has_images(receive):
    assert "no other node publishes images on any topic" in receive().problem()


@pytest.mark.parametrize(
    ("transport", "sent", "remapping", "told"),
    [
        (
            "raw",
            ["--compressed"],
            "image:=/image",
            "1 publisher there, of sensor_msgs/msg/CompressedImage instead of "
            "sensor_msgs/msg/Image. Start with `-p image_transport:=compressed -r "
            "image/compressed:=/image` and without remapping `image`",
        ),
        (
            "raw",
            ["--compressed", "--topic", "camera/compressed"],
            "image:=/camera/compressed",
            "Start with `-p image_transport:=compressed -r image:=/camera`",
        ),
        (
            "compressed",
            ["--topic", "image/compressed"],
            "image:=/image",
            "1 publisher there, of sensor_msgs/msg/Image instead of "
            "sensor_msgs/msg/CompressedImage. Start with `-p image_transport:=raw -r "
            "image:=/image/compressed`",
        ),
    ],
)
def test_another_type_on_the_topic_is_named(graph, receive, transport, sent, remapping, told):
    start_camera(graph, *sent)
    receiver = receive(remappings=[remapping], image_transport=transport)
    graph.spin_until(lambda: told in receiver.problem())


@pytest.mark.parametrize(
    ("remapping", "transport", "sent"),
    [
        ("image:=/camera", "compressed", ["--topic", "camera/compressed"]),
        ("image/compressed:=/jpeg", "compressed", ["--topic", "jpeg"]),
    ],
)
def test_the_remedies_work(graph, receive, remapping, transport, sent):
    start_camera(graph, "--compressed", *sent)
    receiver = receive(remappings=[remapping], image_transport=transport)
    graph.spin_until(lambda: receiver.taken)


def test_a_publisher_that_sends_nothing_is_told_from_one_that_does_not_fit(graph, receive):
    graph.node.create_publisher(Image, "image", RELIABLE)
    receiver = receive()
    told = "1 publisher there, compatible (reliable, volatile). Either the camera sends nothing"
    graph.spin_until(lambda: told in receiver.problem())
    graph.node.create_publisher(Image, "image", BEST_EFFORT)
    demanding = receive(image_reliability="reliable")
    told = (
        "2 publishers there, 1 of an incompatible quality of service: requested reliable, "
        "volatile, offered best_effort, volatile"
    )
    graph.spin_until(lambda: told in demanding.problem())


RECTIFIED = "image:=/camera/image_rect_color"


@pytest.mark.parametrize(
    ("remapping", "is_rectified", "d", "told"),
    [
        (RECTIFIED, False, 0.1, 1),
        (RECTIFIED, True, 0.1, 0),
        (RECTIFIED, False, 0.0, 0),
        ("image:=/direct/image", False, 0.1, 0),
    ],
)
def test_images_that_seem_rectified_are_told_of_once(
    graph, receive, remapping, is_rectified, d, told
):
    logs = graph.listen(Log, "/rosout", LOGS)
    receiver = receive(remappings=[remapping], image_rectified=is_rectified)
    driver = graph.node.create_publisher(CameraInfo, "camera_info", RELIABLE)
    camera = graph.node.create_publisher(Image, receiver.reception.topic, RELIABLE)
    graph.spin_until(lambda: driver.get_subscription_count() and camera.get_subscription_count())
    for _ in range(3):
        driver.publish(CameraInfo(d=[d] * 5))
        graph.spin_for(0.2)
    camera.publish(PICTURE)
    graph.spin_until(lambda: receiver.taken)
    assert receiver.taken[0].camera_info.d[0] == d
    graph.spin_for(0.2)
    assert sum("set image_rectified" in log.msg for log in logs) == told
