"""The doctor, and cameras of all kinds in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_srvs.srv import SetBool

from alphapose_ros.io.findings import FAIL, LEVELS, OK, WARN
from alphapose_ros.msg import TrackedPersonArray
from alphapose_ros.nodes import (
    doctor,
    doctor_camera,
    doctor_images,
    doctor_pose_node,
    doctor_transport,
    silence,
)
from alphapose_ros.nodes.doctor_images import Heard
from alphapose_ros.nodes.middleware import is_fast_dds
from alphapose_ros.srv import SetTarget

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
CAMERAS = Path(__file__).with_name("fake_camera_for_doctor.py")
TRIALS = 30
fast_dds = pytest.mark.skipif(not is_fast_dds(), reason="the middleware is not Fast DDS")
KINDS = (
    "plain",
    "reliable reliable",
    "compressed compressed",
    "words words",
    "silent silent",
    "unknown encoding=32FC7",
    "nameless frame=",
    "elsewhere frame=other",
    "zero stamp=zero info=none",
    "same stamp=same",
    "past stamp=past",
    "future stamp=future",
    "uncalibrated info=uncalibrated",
    "small info=small",
    "short info=short",
)


@contextmanager
def running(keeper, *cameras, publishers=1, env=None):
    """Cameras in a process of their own, once the first of them is known."""
    topic = f"/{cameras[0].split()[0]}/image"
    process = subprocess.Popen(
        [sys.executable, str(CAMERAS), *cameras],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    try:
        latest = time.monotonic() + 40
        while keeper.count_publishers(topic) != publishers:
            assert time.monotonic() < latest, f"{topic} was not published in time"
            time.sleep(0.05)
        yield process
    finally:
        end(process)


def end(process):
    """End a process so that it gives its shared memory back, as far as it can still hear."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def keeper():
    """A node that keeps the graph known from one examination to the next."""
    context = rclpy.Context()
    rclpy.init(context=context)
    yield rclpy.create_node("keeper", context=context)
    rclpy.shutdown(context=context)


@pytest.fixture
def domain(keeper):
    """The one in which the doctor looks."""
    return keeper.context.get_domain_id()


@pytest.fixture(scope="module")
def cameras(keeper):
    with running(keeper, *reversed(KINDS)) as process:  # the last is the first that is known
        while keeper.count_publishers("/plain/image") != 1:
            time.sleep(0.05)
        yield process


@pytest.fixture
def findings(keeper, monkeypatch):
    """Return all that the doctor finds."""
    monkeypatch.setattr(doctor, "STEADY_S", 0.2)
    monkeypatch.setattr(doctor, "MOST_S", 0.4)

    def findings(topic, seconds):
        node = rclpy.create_node("doctor_under_test", context=keeper.context)
        try:
            return list(doctor.Examination(node, topic, seconds).findings())
        finally:
            node.destroy_node()

    return findings


@pytest.fixture
def examine(findings):
    """Return what the doctor finds by subject; where there are several, the worst of them.

    On a busy machine images may need longer than it listens: then it listens again.
    """

    def examine(topic, seconds=0.3, until=has_images):
        for _ in range(TRIALS):
            found = sorted(findings(topic, seconds), key=lambda one: LEVELS.index(one.level))
            by_subject = {finding.subject: finding for finding in found}
            if until(by_subject):
                break
        return by_subject

    return examine


@pytest.fixture
def spinning(keeper):
    """Have a node answer while the doctor asks."""
    executor = SingleThreadedExecutor(context=keeper.context)

    def spin(node):
        executor.add_node(node)
        if not thread.is_alive():
            thread.start()

    thread = threading.Thread(target=executor.spin, daemon=True)
    yield spin
    nodes = executor.get_nodes()
    executor.shutdown()
    thread.join()
    for node in nodes:
        node.destroy_node()


def has_images(found):
    return "rate" not in found or found["rate"].values["images"] > 3


def having(subject, level, without=""):
    return lambda found: subject in found and found[subject].level == level and without not in found


def always(found):
    return True


def levels(found, but=()):
    """The levels of all that is found; nobody publishes TF here."""
    return {one.level for subject, one in found.items() if subject not in ("TF", *but)}


# Cameras


def test_a_good_camera_is_found_good(cameras, examine):
    found = examine("/plain/image", until=lambda found: levels(found) <= {OK})
    assert levels(found) == {OK}
    assert found["publisher"].values == {
        "node": "/cameras",
        "type": "sensor_msgs/msg/Image",
        "reliability": "best_effort",
        "durability": "volatile",
        "depth": None if is_fast_dds() else 5,
    }
    assert found["rate"].values["images"] > 3
    assert found["image"].values["width"] == 64
    assert found["image"].values["encoding"] == "bgr8"
    assert 0 <= found["stamps"].values["age_ms"] < 60_000
    assert found["camera info"].values["fx"] == 60
    assert found["TF"].level == WARN  # nobody publishes it


@fast_dds
def test_a_camera_with_room_for_its_images_is_found_by_its_process(cameras, examine):
    room = examine("/plain/image", until=having("room for images", OK))["room for images"]
    assert room.values["pid"] == cameras.pid
    assert room.values["segment_bytes"] > 30e6


def test_the_page_explains_what_is_found(cameras, examine, root):
    page = (root / "docs/doctor.md").read_text()
    for subject in examine("/plain/image"):
        assert f"| {subject} |" in page or f"| {subject}(s) |" in page, subject


def test_a_reliable_camera_is_heard_as_reliable(cameras, examine):
    found = examine("/reliable/image", until=having("rate", OK))
    assert found["rate"].level == OK
    assert found["rate"].values["reliability"] == "reliable"
    assert found["publisher"].values["reliability"] == "reliable"


def test_a_compressed_camera_is_read(cameras, examine):
    found = examine("/compressed/image/compressed", until=having("rate", OK))
    assert found["image"].level == found["camera info"].level == found["rate"].level == OK
    assert (found["image"].values["width"], found["image"].values["height"]) == (64, 48)


def test_of_a_camera_that_is_compressed_only_one_is_told(cameras, examine):
    found = examine("/compressed/image")
    assert found["publisher"].level == FAIL
    assert "image_transport:=compressed image_topic:=/compressed/image" in found["publisher"].remedy


def test_nobody_there_is_told_with_the_nearest_topic(cameras, examine):
    found = examine("/plain/imagee", seconds=0.1)
    assert found["publisher"].level == FAIL
    assert "nobody publishes on /plain/imagee" in found["publisher"].text
    assert "There are images on /plain/image" in found["publisher"].remedy
    assert "rate" not in found


def test_a_topic_that_is_no_camera_is_told(cameras, examine):
    found = examine("/words/image", seconds=0.1)
    assert found["publisher"].level == FAIL
    assert "std_msgs/msg/String" in found["publisher"].text


def test_a_camera_that_sends_nothing_is_told(cameras, examine):
    found = examine("/silent/image", until=lambda found: found["camera info"].level == OK)
    assert found["rate"].level == FAIL
    assert found["rate"].values["images"] == 0
    assert found["camera info"].level == OK


@pytest.mark.parametrize(
    ("camera", "subject", "level", "words"),
    [
        ("unknown", "image", FAIL, "32FC7"),
        ("nameless", "image", WARN, "frame_id is empty"),
        ("elsewhere", "camera info", WARN, "'lens', that of the images 'other'"),
        ("zero", "stamps", FAIL, "all stamps are 0"),
        ("zero", "camera info", WARN, "nobody publishes /zero/camera_info"),
        ("same", "stamps", FAIL, "in the past, and nobody publishes /clock"),
        ("past", "stamps", FAIL, "years in the past, and nobody publishes /clock"),
        ("future", "stamps", WARN, "before they were taken"),
        ("uncalibrated", "camera info", WARN, "not calibrated"),
        ("small", "camera info", WARN, "images are 64 x 48, expected 32 x 48"),
        ("short", "camera info", WARN, "plumb_bob has 4 or 5 coefficients"),
    ],
)
def test_what_is_wrong_with_a_camera_is_named(cameras, examine, camera, subject, level, words):
    found = examine(f"/{camera}/image")
    assert found[subject].level == level
    assert words in found[subject].text
    assert found[subject].remedy
    of_the_machine = ("rate", "stamps")  # which may be busy
    assert levels(found, but=(subject, "camera info", *of_the_machine)) <= {OK}


def test_without_a_topic_all_with_images_are_listed(cameras, findings):
    found = [finding for finding in findings("", 0.1) if finding.subject == "images"]
    listed = {finding.values["topic"]: finding.values["type"] for finding in found}
    assert listed["/compressed/image/compressed"] == "sensor_msgs/msg/CompressedImage"
    assert listed["/plain/image"] == "sensor_msgs/msg/Image"
    assert "/words/image" not in listed
    assert len(listed) == len(KINDS) - 1


@pytest.mark.parametrize("topic", ["/a camera", "camera//x", "/1a", "camera/", "{a"])
def test_what_is_no_topic_is_told(keeper, topic):
    node = rclpy.create_node("doctor_under_test", context=keeper.context)
    (found,) = doctor._findings(node, topic, 1.0)
    node.destroy_node()
    assert found.level == FAIL
    assert f"{topic!r} is no name for a topic" in found.text
    assert found.remedy == "Name one of `ros2 topic list`"


def test_losses_are_counted_as_dds_reports_them(keeper, monkeypatch):
    """It tells of all since the beginning, with every report."""
    node = rclpy.create_node("doctor_under_test", context=keeper.context)
    examination = doctor.Examination(node, "/plain/image", 0.01)
    given = []
    create = node.create_subscription

    def create_subscription(*arguments, event_callbacks=None):
        given.append(event_callbacks)
        return create(*arguments)

    def spin(seconds):
        for total, change in ((3, 3), (7, 4)):
            given[-1].message_lost(SimpleNamespace(total_count=total, total_count_change=change))

    monkeypatch.setattr(node, "create_subscription", create_subscription)
    monkeypatch.setattr(examination, "_spin", spin)
    assert examination._listen(Image, ReliabilityPolicy.BEST_EFFORT).lost == 7
    node.destroy_node()


@pytest.mark.parametrize("kind", ["nodes", "topics"])
def test_it_waits_until_nothing_more_appears(keeper, monkeypatch, kind):
    """What is seen grows with every look; the pose node, or its topic, comes last."""
    monkeypatch.setattr(doctor, "STEADY_S", 0.3)
    monkeypatch.setattr(doctor, "MOST_S", 60.0)
    looks = iter(range(1000))
    names = [*((f"node_{number}", "/") for number in range(9)), ("pose_node", "/")]
    topics = [(f"/topic_{number}", ["std_msgs/msg/String"]) for number in range(9)]
    topics.append(("/late/image", ["sensor_msgs/msg/Image"]))
    node = rclpy.create_node("doctor_under_test", context=keeper.context)
    if kind == "nodes":
        node.get_node_names_and_namespaces = lambda: names[: next(looks)]
    else:
        node.get_topic_names_and_types = lambda: topics[: next(looks)]
        late = {"/late/image": [endpoint(silence.RAW, "late")]}
        node.get_publishers_info_by_topic = lambda topic: late.get(topic, [])
    found = {one.subject: one for one in doctor.Examination(node, "", 0.01).findings()}
    node.destroy_node()
    if kind == "nodes":
        assert "/pose_node does not answer" in found["pose node"].text
    else:
        assert "/late/image" in found["images"].text


def test_of_pose_nodes_it_says_only_what_it_sees(cameras, examine):
    assert examine("/plain/image", seconds=0.1)["pose node"].text == "none is seen"


def test_two_cameras_on_one_topic_are_told(cameras, keeper, examine):
    with running(keeper, "reliable", publishers=2):
        found = examine("/reliable/image", seconds=0.1)["publishers"]
    assert found.level == WARN
    assert "2 publishers" in found.text


def test_the_time_of_a_bag_is_recognised_by_the_clock(keeper, examine, spinning):
    with running(keeper, "bag stamp=past clock"):
        found = examine("/bag/image", until=has_clock)["stamps"]
        assert found.level == WARN
        assert found.remedy == "Start all nodes with use_sim_time:=true"

        follows = [Parameter("use_sim_time", value=True)]
        node = rclpy.create_node("pose_node", context=keeper.context, parameter_overrides=follows)
        serve(node)
        spinning(node)
        found = examine("/bag/image", until=having("stamps", OK))["stamps"]
        assert "as in the pose node" in found.text


def serve(node, state=State.PRIMARY_STATE_ACTIVE):
    """Have a node answer as a pose node does."""

    def on_get_state(request, response):
        response.current_state.id = state
        return response

    def refuse(request, response):
        return response

    node.create_service(GetState, "~/get_state", on_get_state)
    node.create_service(ChangeState, "~/change_state", refuse)
    node.create_service(SetTarget, "~/set_target", refuse)


def has_clock(found):
    return "stamps" in found and found["stamps"].values["uses_clock"]


@fast_dds
def test_a_camera_without_room_for_its_images_is_told_by_its_process(keeper, examine):
    as_shipped = {**os.environ, "FASTDDS_BUILTIN_TRANSPORTS": "SHM"}
    with running(keeper, "big size=1280x720", env=as_shipped) as process:
        room = examine("/big/image", until=always)["room for images"]
    assert room.level == WARN
    assert room.values["pid"] == process.pid
    assert room.values["segment_bytes"] < 1e6
    assert "fastdds_images.xml" in room.remedy


# Pose nodes


def change_state(graph, transition):
    client = graph.node.create_client(ChangeState, "pose_node/change_state")
    graph.spin_until(client.service_is_ready, 60.0)
    future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
    graph.spin_until(future.done, 60.0)
    assert future.result().success


def test_a_pose_node_is_found_with_its_state_its_input_and_its_health(graph, examine, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text("[]")
    settings = {"detector.name": "file", "detector.boxes_file": boxes}
    graph.start("pose_node", autostart=False, image_reliability="reliable", **settings)
    change_state(graph, Transition.TRANSITION_CONFIGURE)
    found = examine("/image", seconds=0.1, until=having("pose node", WARN))
    assert found["pose node"].level == WARN
    assert found["pose node"].remedy == "ros2 lifecycle set /pose_node activate"

    change_state(graph, Transition.TRANSITION_ACTIVATE)
    found = examine("/other", seconds=0.3, until=having("its health", OK))
    assert found["pose node"].level == OK
    assert found["its health"].values
    assert found["its input"].level == WARN
    assert "listens to /image, not to /other" in found["its input"].text
    assert found["its camera info"].level == WARN
    assert "listens to /camera_info, where nobody" in found["its camera info"].text

    infos = graph.node.create_publisher(CameraInfo, "camera_info", BEST_EFFORT)
    camera = graph.node.create_publisher(Image, "image", BEST_EFFORT)
    found = examine("/image", seconds=0.1, until=having("its input", FAIL, "its camera info"))
    assert found["its input"].level == FAIL
    assert "asks for reliable, volatile on /image, /tester offers best_effort" in (
        found["its input"].text
    )
    assert "its camera info" not in found
    assert "Let the publisher be reliable" in found["its input"].remedy
    assert "process_every_frame false" in found["its input"].remedy
    graph.node.destroy_publisher(camera)
    graph.node.destroy_publisher(infos)


def test_a_pose_node_that_is_switched_off_is_no_failure(graph, examine, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text("[]")
    graph.start("pose_node", **{"detector.name": "file", "detector.boxes_file": boxes})
    examine("/image", seconds=0.3, until=having("pose node", OK))
    client = graph.node.create_client(SetBool, "pose_node/enable")
    graph.spin_until(client.service_is_ready, 60.0)
    graph.spin_until(lambda: call(graph, client, SetBool.Request(data=False)).success, 60.0)
    found = examine("/image", seconds=1.2, until=having("its health", OK, "its camera info"))
    assert found["its input"].level == WARN
    assert found["its input"].text == "/pose_node takes no images: disabled by ~/enable"
    assert "ros2 service call /pose_node/enable std_srvs/srv/SetBool" in found["its input"].remedy
    assert "{data: true}" in found["its input"].remedy


def call(graph, client, request):
    future = client.call_async(request)
    graph.spin_until(future.done, 60.0)
    return future.result()


def test_without_a_word_of_it_a_node_without_input_may_be_switched_off():
    found = doctor_pose_node._judge_deafness("/pose_node", {})
    assert (found.level, "perhaps disabled by ~/enable" in found.text) == (WARN, True)
    status = SimpleNamespace(message="no image on /image for 5 s")
    assert doctor_pose_node._judge_deafness("/pose_node", {"input": status}).level == FAIL


def test_who_publishes_tracks_is_no_pose_node_for_that(keeper, findings):
    """Such as a filter, or a bag that is played."""
    node = rclpy.create_node("people_filter", context=keeper.context)
    node.create_publisher(TrackedPersonArray, "/near/tracks", 1)
    for _ in range(TRIALS):
        found = findings("", 0.3)
        told = [one for one in found if "pose node" in one.subject or "people" in one.text]
        assert [one.text for one in told] == ["none is seen"]
        if keeper.count_publishers("/near/tracks"):
            break
    node.destroy_node()


def services(*names, kind="alphapose_ros/srv/SetTarget"):
    """Stand in for the services of a node, or of one whose name has not come."""
    if not names:
        raise RuntimeError("unknown")
    kinds = {"change_state": "lifecycle_msgs/srv/ChangeState", "set_target": kind}
    return [(f"/front/{name}", [kinds[name.rpartition("/")[2]]]) for name in names]


@pytest.mark.parametrize(
    ("name", "seen", "is_one"),
    [
        ("eyes", ["eyes/change_state", "eyes/set_target"], True),
        ("eyes", ["eyes/change_state"], False),
        ("eyes", ["eyes/set_target"], False),
        ("eyes", ["other/change_state", "other/set_target"], False),
        ("eyes", [], False),
        ("pose_node", [], True),  # as far as can be told
        ("pose_node", ["pose_node/change_state"], False),  # of another package
    ],
)
def test_a_pose_node_is_known_by_its_services(name, seen, is_one):
    node = SimpleNamespace(
        get_node_names_and_namespaces=lambda: [(name, "/front")],
        get_service_names_and_types_by_node=lambda name, namespace: services(*seen),
    )
    assert doctor_pose_node.pose_nodes(node) == ([f"/front/{name}"] if is_one else [])


@pytest.fixture
def pose_node(keeper, spinning):
    """Have a node listen and draw as a pose node does, where it is told to."""
    node = rclpy.create_node("eyes", context=keeper.context)
    serve(node)
    node.create_publisher(Image, "/eyes/overlay", 1)

    def listen(topic, info, kind=Image):
        node.create_subscription(kind, topic, print, BEST_EFFORT)
        node.create_subscription(CameraInfo, info, print, BEST_EFFORT)
        spinning(node)

    return listen


def inputs(findings, topic, until):
    """Return what is told of the inputs of pose nodes, the worst, once that is complete."""
    for _ in range(TRIALS):
        found = [one for one in findings(topic, 0.1) if one.subject.startswith("its ")]
        found.sort(key=lambda one: LEVELS.index(one.level))
        told = {one.subject: one for one in found if one.subject != "its health"}
        if "its input" in told and until(told):
            return told
    raise AssertionError(f"never as it should be: {told}")


def test_a_node_of_another_camera_is_told_how_to_take_a_compressed_one(
    cameras, findings, pose_node
):
    pose_node("/nobody/image", "/nobody/camera_info")
    told = inputs(findings, "/compressed/image/compressed", always)["its input"]
    assert told.level == WARN
    assert told.remedy == (
        "If it is to, start it with image_transport:=compressed image_topic:=/compressed/image "
        "camera_info_topic:=/compressed/camera_info"
    )


def test_a_node_that_takes_compressed_images_is_told_how_to_take_raw_ones(
    cameras, findings, pose_node
):
    pose_node("/nobody/image/compressed", "/plain/camera_info", CompressedImage)
    told = inputs(findings, "/plain/image", lambda told: "its camera info" not in told)["its input"]
    assert told.remedy.endswith("with image_transport:=raw image_topic:=/plain/image")


def test_the_other_form_of_the_same_camera_is_no_other_camera(cameras, findings, pose_node, keeper):
    pose_node("/plain/image", "/plain/camera_info")
    jpegs = keeper.create_publisher(CompressedImage, "/plain/image/compressed", 1)
    told = inputs(findings, "/plain/image/compressed", lambda told: len(told) == 1)["its input"]
    keeper.destroy_publisher(jpegs)
    assert (told.level, told.remedy) == (OK, "")
    assert told.text.endswith(
        "listens to /plain/image (best_effort, volatile): raw, of the same camera"
    )


def test_a_node_is_left_with_its_own_camera_where_another_node_has_this_one(
    cameras, findings, pose_node, keeper, spinning
):
    pose_node("/small/image", "/small/camera_info")
    found = inputs(findings, "/plain/image", always)["its input"]
    assert found.level == WARN  # nobody has this one
    assert "listens to /small/image, not to /plain/image" in found.text
    other = rclpy.create_node("other_eyes", context=keeper.context)
    serve(other)
    other.create_subscription(Image, "/plain/image", print, BEST_EFFORT)
    spinning(other)
    inputs(findings, "/plain/image", lambda told: told["its input"].level == OK)


@pytest.mark.parametrize(
    ("ear", "topic", "is_taken", "may_stay"),
    [
        ("/rear/image", "/front/image", True, True),
        ("/rear/image", "/front/image", False, False),
        ("/rear/image", "/nowhere", False, True),  # no better one
        ("/nobody/image", "/front/image", True, False),
        ("/nobody/image", "/nowhere", False, False),
    ],
)
def test_when_a_node_is_left_with_its_camera(ear, topic, is_taken, may_stay):
    there = {"/front/image": [], "/rear/image": []}
    asked = doctor_pose_node.Asked(topic, there, is_taken)
    assert asked.may_be_left_for({ear: None}) == may_stay


def test_the_camera_info_beside_the_images_is_named(cameras, findings, pose_node):
    pose_node("/plain/image", "/elsewhere/infos")
    found = inputs(findings, "", lambda told: len(told) == 2)["its camera info"]
    assert found.remedy == "camera_info_topic:=/plain/camera_info, in the launch file"


def test_no_camera_info_is_named_where_there_is_none(graph, monkeypatch):
    told = doctor_pose_node._judge_info(graph.node, "/eyes", "/a/image", ("/a/camera_info",))
    assert told[0].remedy == "Have the camera driver publish it there"
    monkeypatch.setattr(doctor_pose_node, "info_topics", lambda node: ["/a/info", "/b/info"])
    told = doctor_pose_node._judge_info(graph.node, "/eyes", "/a/image", ("/a/infos",))
    assert told[0].remedy.endswith("or, if of this camera, camera_info_topic:=/a/info")


def test_a_compressed_topic_without_the_suffix_is_remapped_itself():
    jpegs = [SimpleNamespace(topic_type=silence.COMPRESSED)]
    way = doctor_pose_node._way(doctor_pose_node.Asked("/cam/jpeg", {"/cam/jpeg": jpegs}))
    assert way == (
        "--ros-args -p image_transport:=compressed -r image/compressed:=/cam/jpeg "
        "-r camera_info:=/cam/camera_info"
    )


def test_what_pose_nodes_draw_is_no_camera(graph, keeper, cameras, findings, pose_node):
    pose_node("/plain/image", "/plain/camera_info")
    inputs(findings, "", lambda told: len(told) == 1)
    topics = doctor_images.image_topics(keeper)
    assert "/plain/image" in topics
    assert keeper.count_publishers("/eyes/overlay") == 1
    assert "/eyes/overlay" not in topics
    (found,) = doctor_images.judge_publishers("/eyes/overlayy", [], topics)
    assert "/eyes/overlay" not in found.remedy
    asked = QoSProfile(depth=1)
    told = silence.reason_of_silence(keeper, "/eyes/overlayy", silence.RAW, asked)
    assert "`-r image:=/" in told
    assert "/eyes/overlay`" not in told


def endpoint(kind, name):
    return SimpleNamespace(topic_type=kind, node_name=name, node_namespace="/")


def test_only_what_is_published_makes_a_topic_one_of_images():
    """Who listens to images on a topic of words, or of nobody, says nothing of it."""
    words = "std_msgs/msg/String"
    publishers = {"/words": [endpoint(words, "talker")], "/nobody": []}
    publishers["/camera"] = [endpoint(silence.RAW, "camera"), endpoint(words, "talker")]
    node = SimpleNamespace(
        get_name=lambda: "listener",
        get_namespace=lambda: "/",
        get_topic_names_and_types=lambda: [(name, [words, silence.RAW]) for name in publishers],
        get_publishers_info_by_topic=lambda topic: publishers.get(topic, []),
        get_service_names_and_types_by_node=lambda name, namespace: [],
    )
    assert doctor_images.image_topics(node) == {"/camera": (silence.RAW, 1)}
    asked = QoSProfile(depth=1)
    told = silence.reason_of_silence(node, "/words_", silence.RAW, asked)
    assert told.endswith("to the camera's topic: `-r image:=/camera`")
    del publishers["/camera"]
    told = silence.reason_of_silence(node, "/words_", silence.RAW, asked)
    assert told.endswith("publishes images on any topic: start the camera driver")
    (found,) = doctor_images.judge_topics(doctor_images.image_topics(node))
    assert "Start the camera driver" in found.remedy


# Judgements


def heard(count, period_ms=40, lost=0, drop=()):
    stamps = [10**18 + n * period_ms * 10**6 for n in range(count) if n not in drop]
    return Heard(5.0, stamps, [stamp + 5 * 10**6 for stamp in stamps], lost)


@pytest.mark.parametrize(
    ("what", "level", "seen_hz", "published_hz"),
    [
        (heard(26), OK, 25.0, 25.0),
        (heard(26, lost=1), OK, 25.0, 25.96),
        (heard(101, drop=range(4, 12)), OK, 23.0, 23.0),
        (heard(26, lost=10), WARN, 25.0, 34.62),
        (heard(26, lost=100), FAIL, 25.0, 121.15),
        (heard(2, lost=100), FAIL, 0.4, 20.4),
        (heard(31, drop=range(4, 14)), WARN, 20 / 1.2, 20 / 1.2),  # never sent
        (heard(31, lost=10, drop=range(4, 14)), WARN, 20 / 1.2, 24.6),
    ],
)
def test_the_rate_seen_is_compared_with_the_one_published(what, level, seen_hz, published_hz):
    found = doctor_images.judge_rate(what, "best_effort")
    assert found.level == level
    assert found.values["seen_hz"] == pytest.approx(seen_hz, abs=0.02)
    assert found.values["published_hz"] == pytest.approx(published_hz, rel=0.04)


@fast_dds
def test_gaps_that_dds_does_not_know_of_are_the_cameras_own():
    found = doctor_images.judge_rate(heard(31, drop=range(4, 14)), "reliable")
    assert "10 images were never sent" in found.text
    found = doctor_images.judge_rate(heard(31, lost=10, drop=range(4, 14)), "best_effort")
    assert "fastdds_images.xml" in found.remedy


def test_where_dds_does_not_tell_of_losses_gaps_may_be_either(monkeypatch):
    monkeypatch.setattr(doctor_images, "is_cyclone", lambda: True)
    found = doctor_images.judge_rate(heard(31, drop=range(4, 14)), "best_effort")
    assert found.level == WARN
    assert "10 images are missing: lost by CycloneDDS, which does not tell, or never" in found.text
    assert "exposure" in found.remedy
    assert doctor_images.judge_rate(heard(31), "best_effort").level == OK


def test_old_images_are_told():
    what = heard(10)
    what.arrived_ns = [stamp + 10**9 for stamp in what.stamps_ns]
    found = doctor_images.judge_stamps(what)
    assert (found.level, found.values["age_ms"]) == (WARN, 1000)


def test_stamps_that_go_back_are_told():
    what = heard(10)
    what.stamps_ns[5] -= 10**9
    assert "1 of 9 stamps are not after" in doctor_images.judge_stamps(what).text


def test_the_place_of_the_camera_is_followed_to_the_root():
    parents = {"lens": "head", "head": "base", "base": "odom"}
    assert doctor_camera.chain_of("lens", parents) == ["lens", "head", "base", "odom"]
    assert doctor_camera.chain_of("lens", {"lens": "head", "head": "lens"}) == ["lens", "head"]
    assert doctor_camera.chain_of("other", parents) == ["other"]


def test_transforms_are_read_from_child_to_parent():
    def transform(child, parent):
        return SimpleNamespace(child_frame_id=child, header=SimpleNamespace(frame_id=parent))

    places = doctor_camera.Places()
    places.add(SimpleNamespace(transforms=[transform("lens", "head"), transform("head", "base")]))
    places.add(SimpleNamespace(transforms=[transform("base", "odom")]))
    assert places.parents == {"lens": "head", "head": "base", "base": "odom"}


class OneTransformPublisher:
    """Stands in for a node that sees TF."""

    @staticmethod
    def count_publishers(topic):
        return int(topic == "/tf")


def test_tf_knows_the_camera_or_not(monkeypatch):
    monkeypatch.setattr(doctor_camera, "TFMessage", object)
    places = doctor_camera.Places({"lens": "base"})
    assert doctor_camera.judge_tf(OneTransformPublisher, places, "lens").level == OK
    assert doctor_camera.judge_tf(OneTransformPublisher, places, "base").level == OK
    found = doctor_camera.judge_tf(OneTransformPublisher, places, "eye")
    assert (found.level, "none of 1 transforms names 'eye'") == (WARN, found.text)


def test_the_place_of_the_camera_is_read_from_real_transforms(cameras, examine, graph):
    message_class = pytest.importorskip("tf2_msgs.msg").TFMessage
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = graph.node.create_publisher(message_class, "/tf_static", latched)
    place = TransformStamped(child_frame_id="lens")
    place.header.frame_id = "base"
    publisher.publish(message_class(transforms=[place]))
    found = examine("/plain/image", until=having("TF", OK))
    assert found["TF"].values["chain"] == ["lens", "base"]


@pytest.mark.parametrize(
    ("topic", "info"),
    [
        ("/camera/image_raw", "/camera/camera_info"),
        ("/camera/image_raw/compressed", "/camera/camera_info"),
        ("/image", "/camera_info"),
    ],
)
def test_camera_info_is_beside_the_images(topic, info):
    assert doctor_camera.info_topic(topic) == info


# Transport

PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"


@fast_dds
def test_the_profile_of_this_package_makes_room(root):
    found = doctor_transport.judge_settings({PROFILE: str(root / "config/fastdds_images.xml")})
    assert (found.level, found.values["segment_bytes"]) == (OK, 2**25)


@fast_dds
def test_as_shipped_there_is_little_room():
    assert doctor_transport.judge_settings({}).values["segment_bytes"] == 2**19


@fast_dds
def test_what_the_tests_themselves_set_is_read():
    found = doctor_transport.judge_settings(dict(os.environ))
    assert found.values["segment_bytes"] == 32_000_000


@fast_dds
@pytest.mark.parametrize(
    ("env", "level", "words"),
    [
        ({PROFILE: "/nowhere.xml"}, FAIL, "no such file"),
        ({PROFILE: __file__}, FAIL, "is no XML"),
        (
            {
                "FASTDDS_BUILTIN_TRANSPORTS": "SHM?sockets_size=16MB",
                "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            },
            WARN,
            "has no effect",
        ),
    ],
)
def test_settings_that_do_not_work_are_told(env, level, words):
    found = doctor_transport.judge_settings(env)
    assert found.level == level
    assert words in found.text
    assert "fastdds_images.xml" in found.remedy


@fast_dds
def test_a_profile_that_this_middleware_does_not_read_is_told(keeper):
    read = doctor_transport._read_profile_names()
    (unread,) = set(doctor_transport.PROFILE_NAMES) - set(read)
    found = doctor_transport.judge_settings({unread: "/profile.xml"})
    assert found.level == WARN
    assert f"does not read {unread}" in found.text
    assert read[0] in found.remedy


@pytest.fixture
def cyclone(monkeypatch):
    """CycloneDDS, on a kernel that lets 4 MB wait."""
    monkeypatch.setattr(doctor_transport, "is_cyclone", lambda: True)
    monkeypatch.setattr(doctor_transport, "receive_bytes_allowed", lambda: 4 * 2**20)


def test_what_may_wait_with_cyclone_is_told(cyclone, root):
    ours = {"CYCLONEDDS_URI": (root / "config/cyclonedds_images.xml").as_uri()}
    assert doctor_transport.judge_settings({}).values["receive_bytes"] == 2**20
    assert doctor_transport.judge_settings(ours).values["receive_bytes"] == 4 * 2**20


@pytest.mark.parametrize(
    ("uri", "size", "level", "remedies"),
    [
        ("", (640, 480), OK, set()),
        ("", (1280, 720), WARN, {"Start the pose node"}),
        ('<SocketReceiveBufferSize max="16MB"/>', (1920, 1080), OK, set()),
        ('<SocketReceiveBufferSize max="16MB"/>', (3840, 2160), WARN, {"rmem_max=16777216"}),
        ("", (3840, 2160), WARN, {"Start the pose node", "rmem_max"}),
    ],
)
def test_images_larger_than_what_may_wait_are_told(cyclone, uri, size, level, remedies):
    found = doctor_transport.judge_receiving({"CYCLONEDDS_URI": uri}, 3 * size[0] * size[1])
    assert found.level == level
    assert all(words in found.remedy for words in remedies)
    assert len(list(filter(None, found.remedy.split(". ")))) == len(remedies)


def test_little_shared_memory_is_told(monkeypatch):
    little = os.statvfs_result((4096, 4096, 100, 10, 10, 0, 0, 0, 0, 255))
    monkeypatch.setattr(doctor_transport.os, "statvfs", lambda _: little)
    found = doctor_transport.judge_space()
    assert (found.level, found.values["free_bytes"]) == (WARN, 40960)
    assert "--shm-size" in found.remedy


def test_domain_and_discovery_are_told():
    found = doctor_transport.judge_middleware({"ROS_DOMAIN_ID": "7", "ROS_DISTRO": "jazzy"})
    assert "jazzy" in found.text
    assert "domain 7" in found.text
    assert doctor_transport.judge_middleware({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}).level == WARN


def test_somebody_elses_identity_leads_to_no_process():
    assert doctor_transport.process_of(bytes(16)) is None
    nobody = b"\x01\x0f" + bytes(2) + b"\x00\x00" + bytes(10)
    assert doctor_transport.process_of(nobody, Path("/proc/self/fdinfo")) is None


def test_a_node_whose_name_has_not_come_is_called_so():
    early = SimpleNamespace(node_name="_NODE_NAME_UNKNOWN_", node_namespace="_UNKNOWN_")
    assert doctor_transport.full_name(early) == "a node whose name has not come"
    assert not doctor_transport.is_named(early)
    known = SimpleNamespace(node_name="camera", node_namespace="/front")
    assert doctor_transport.full_name(known) == "/front/camera"


def test_pictures_are_judged_as_the_node_would_read_them():
    jpeg = CompressedImage(format="jpeg", data=b"no picture")
    assert doctor_images.judge_picture(jpeg).level == FAIL
    info = CameraInfo(width=4, height=4, k=np.eye(3).ravel(), distortion_model="fisheye", d=[1.0])
    found = doctor_camera.judge_info(None, "", info, {"width": 4, "height": 4})
    assert "equidistant has 4 coefficients" in found.text


K = [600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0]
VGA = {"width": 640, "height": 480}


@pytest.mark.parametrize(
    ("fields", "picture", "problem"),
    [
        ({"distortion_model": "plumb_bob", "d": [0.1, 0.2, 0.3, 0.4]}, VGA, ""),
        ({"distortion_model": "radtan", "d": [0.1] * 5}, VGA, ""),
        ({"distortion_model": "", "d": [0.1] * 5}, VGA, ""),
        ({"distortion_model": "fisheye", "d": [0.1] * 4}, VGA, ""),
        ({"distortion_model": "kannala_brandt", "d": [0.1] * 4}, VGA, ""),
        ({"distortion_model": "rational_polynomial", "d": [0.1] * 5}, VGA, ""),
        ({"distortion_model": "plumb_bob", "d": [0.1] * 5 + [0.0] * 3}, VGA, ""),
        ({"distortion_model": "double_sphere", "d": [0.1] * 2}, VGA, "'double_sphere', which is"),
        ({"distortion_model": "fov"}, VGA, "'fov', which is none of"),
        ({"k": [600.0, *K[1:4], -1.0, *K[5:]]}, VGA, "which is no camera matrix"),
        ({"k": [0.0, *K[1:]]}, VGA, "which is no camera matrix"),
        ({"k": [0.0] * 9}, VGA, "not calibrated, all of K is 0"),
        ({"binning_x": 2, "binning_y": 2}, {"width": 320, "height": 240}, ""),
        ({"binning_x": 2, "binning_y": 2}, VGA, "images are 640 x 480, expected 320 x 240"),
        ({"roi": RegionOfInterest(width=300, height=200)}, {"width": 300, "height": 200}, ""),
        ({"roi": RegionOfInterest(width=300, height=200)}, VGA, "expected 300 x 200 by its size"),
    ],
)
def test_a_camera_is_judged_as_the_pose_node_reads_it(fields, picture, problem):
    info = CameraInfo(**{**VGA, "k": K, "distortion_model": "plumb_bob", **fields})
    found = doctor_camera.judge_info(None, "", info, picture)
    assert found.level == (WARN if problem else OK), found.text
    assert problem in found.text


def test_it_examines_without_the_messages_of_this_package():
    code = "import sys; sys.modules['alphapose_ros.msg'] = None\nimport alphapose_ros.nodes.doctor"
    subprocess.run([sys.executable, "-c", code], check=True)
