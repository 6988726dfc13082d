"""The examination as a whole: cameras of all kinds in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from doctor_rig import endpoint, having, rig_with, serve
from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import Image

from alphapose_ros.io.findings import FAIL, OK, WARN
from alphapose_ros.nodes import doctor, silence
from alphapose_ros.nodes.middleware import is_fast_dds

KINDS = (
    "plain",
    "reliable reliable",
    "compressed compressed",
    "words words",
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


@pytest.fixture(scope="module")
def rig(domains):
    with rig_with(next(domains), *KINDS) as rig:
        yield rig


@pytest.fixture
def spinning(rig):
    with rig.spinning() as spin:
        yield spin


def levels(found, but=()):
    """The levels of all that is found; nobody publishes TF here."""
    return {one.level for subject, one in found.items() if subject not in ("TF", *but)}


def test_a_good_camera_is_found_good(rig):
    found = rig.examine("/plain/image", until=lambda found: levels(found) <= {OK})
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


def test_the_page_explains_what_is_found(rig, root):
    page = (root / "docs/doctor.md").read_text()
    for subject in rig.examine("/plain/image"):
        assert f"| {subject} |" in page or f"| {subject}(s) |" in page, subject


def test_a_reliable_camera_is_heard_as_reliable(rig):
    found = rig.examine("/reliable/image", until=having("rate", OK))
    assert found["rate"].level == OK
    assert found["rate"].values["reliability"] == "reliable"
    assert found["publisher"].values["reliability"] == "reliable"


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
def test_what_is_wrong_with_a_camera_is_named(rig, camera, subject, level, words):
    found = rig.examine(f"/{camera}/image")
    assert found[subject].level == level
    assert words in found[subject].text
    assert found[subject].remedy
    of_the_machine = ("rate", "stamps")  # which may be busy
    assert levels(found, but=(subject, "camera info", *of_the_machine)) <= {OK}


def test_without_a_topic_all_with_images_are_listed(rig):
    found = [finding for finding in rig.findings("", 0.1) if finding.subject == "images"]
    listed = {finding.values["topic"]: finding.values["type"] for finding in found}
    assert listed["/compressed/image/compressed"] == "sensor_msgs/msg/CompressedImage"
    assert listed["/plain/image"] == "sensor_msgs/msg/Image"
    assert "/words/image" not in listed
    assert len(listed) == len(KINDS) - 1


@pytest.mark.parametrize("topic", ["/a camera", "camera//x", "/1a", "camera/", "{a"])
def test_what_is_no_topic_is_told(rig, topic):
    node = rig.node("doctor_under_test")
    (found,) = doctor._findings(node, topic, 1.0)
    node.destroy_node()
    assert found.level == FAIL
    assert f"{topic!r} is no name for a topic" in found.text
    assert found.remedy == "Name one of `ros2 topic list`"


def test_losses_are_counted_as_dds_reports_them(rig, monkeypatch):
    """It tells of all since the beginning, with every report."""
    node = rig.node("doctor_under_test")
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
def test_it_waits_until_nothing_more_appears(rig, monkeypatch, kind):
    """What is seen grows with every look; the pose node, or its topic, comes last."""
    monkeypatch.setattr(doctor, "STEADY_S", 0.3)
    monkeypatch.setattr(doctor, "MOST_S", 60.0)
    looks = iter(range(1000))
    names = [*((f"node_{number}", "/") for number in range(9)), ("pose_node", "/")]
    topics = [(f"/topic_{number}", ["std_msgs/msg/String"]) for number in range(9)]
    topics.append(("/late/image", ["sensor_msgs/msg/Image"]))
    node = rig.node("doctor_under_test")
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


def test_the_time_of_a_bag_is_recognised_by_the_clock(rig, spinning):
    with rig.running("bag stamp=past clock"):
        found = rig.examine("/bag/image", until=has_clock)["stamps"]
        assert found.level == WARN
        assert found.remedy == "Start all nodes with use_sim_time:=true"

        follows = [Parameter("use_sim_time", value=True)]
        node = rig.node("pose_node", parameter_overrides=follows)
        serve(node)
        spinning(node)
        found = rig.examine("/bag/image", until=having("stamps", OK))["stamps"]
        assert "as in the pose node" in found.text


def test_rectified_images_need_a_setting_of_the_pose_node(rig, spinning):
    with rig.running("image_rect info=bent"):
        found = rig.examine("/image_rect/image", until=having("camera info", WARN))["camera info"]
        assert "the images seem rectified" in found.text
        assert (
            found.remedy == "Start the pose node with image_rectified true, or with the raw images"
        )

        node = rig.node("pose_node")
        node.declare_parameter("image_rectified", True)
        serve(node)
        spinning(node)
        rig.examine("/image_rect/image", until=having("camera info", OK))


def has_clock(found):
    return "stamps" in found and found["stamps"].values["uses_clock"]


def test_it_examines_without_the_messages_of_this_package():
    code = "import sys; sys.modules['alphapose_ros.msg'] = None\nimport alphapose_ros.nodes.doctor"
    subprocess.run([sys.executable, "-c", code], check=True)
