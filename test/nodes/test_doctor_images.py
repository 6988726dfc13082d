"""The doctor on images: who publishes them, how many come, of which time, whether they are read."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from doctor_rig import endpoint, fast_dds, having, rig_with
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage

from alphapose_ros.io.findings import FAIL, OK, WARN
from alphapose_ros.nodes import doctor_camera, doctor_images, middleware, silence
from alphapose_ros.nodes.doctor_images import Heard

KINDS = ("plain", "reliable reliable", "compressed compressed", "words words", "silent silent")


@pytest.fixture(scope="module")
def rig(domains):
    with rig_with(next(domains), *KINDS) as rig:
        yield rig


# Who publishes


def test_a_compressed_camera_is_read(rig):
    found = rig.examine("/compressed/image/compressed", until=having("rate", OK))
    assert found["image"].level == found["camera info"].level == found["rate"].level == OK
    assert (found["image"].values["width"], found["image"].values["height"]) == (64, 48)


def test_a_camera_that_is_compressed_only_is_examined_by_its_plain_name(rig):
    found = rig.examine("/compressed/image", until=having("rate", OK))
    assert found["publishers"].level == WARN
    way = "image_transport:=compressed image_topic:=/compressed/image"
    assert way in found["publishers"].remedy
    assert {found[name].level for name in ("publisher", "rate", "image", "camera info")} == {OK}


def test_nobody_there_is_told_with_the_nearest_topic(rig):
    found = rig.examine("/plain/imagee", seconds=0.1)
    assert found["publisher"].level == FAIL
    assert "nobody publishes on /plain/imagee" in found["publisher"].text
    assert "There are images on /plain/image" in found["publisher"].remedy
    assert "rate" not in found


def test_where_nobody_publishes_images_at_all_what_must_be_the_same_is_told():
    (found,) = doctor_images.judge_publishers("/camera/image", [], {})
    same = "set the same ROS_DOMAIN_ID, RMW_IMPLEMENTATION and discovery range here"
    assert found.remedy == f"No images anywhere. Start the camera driver; {same}"
    (found,) = doctor_images.judge_topics({})
    assert found.remedy == f"Start the camera driver; {same}"


def test_a_topic_that_is_no_camera_is_told(rig):
    found = rig.examine("/words/image", seconds=0.1)
    assert found["publisher"].level == FAIL
    assert "std_msgs/msg/String" in found["publisher"].text


def test_a_camera_that_sends_nothing_is_told(rig):
    found = rig.examine("/silent/image", until=lambda found: found["camera info"].level == OK)
    assert found["rate"].level == FAIL
    assert found["rate"].values["images"] == 0
    assert found["camera info"].level == OK


def test_two_cameras_on_one_topic_are_told(rig):
    with rig.running("reliable"):
        found = rig.examine("/reliable/image", seconds=0.1)["publishers"]
    assert found.level == WARN
    assert "2 publishers" in found.text


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


# What arrives


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
    name = "rmw_cyclonedds_cpp"
    monkeypatch.setattr(middleware, "get_rmw_implementation_identifier", lambda: name)
    found = doctor_images.judge_rate(heard(31, drop=range(4, 14)), "best_effort")
    assert found.level == WARN
    assert "10 images are missing: lost by CycloneDDS, which does not tell, or never" in found.text
    assert found.remedy.startswith("Start the pose node, and all who listen to the camera, with ")
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


@pytest.mark.parametrize(
    ("ahead_ms", "level", "words"),  # of /clock, before the last stamp
    [
        (40, WARN, "days in the past, 40 ms before /clock"),
        (0, WARN, "days in the past, 0 ms before /clock"),
        (-1500, WARN, "days in the past, 2 s after /clock"),
        (7_200_000, FAIL, "days in the past, 2.0 hours before /clock"),
    ],
)
def test_stamps_of_another_time_are_held_against_the_clock(ahead_ms, level, words):
    what = heard(10)
    what.arrived_ns = [stamp + 2 * 86400 * 10**9 for stamp in what.stamps_ns]
    what.clock_ns = what.stamps_ns[-1] + ahead_ms * 10**6
    found = doctor_images.judge_stamps(what)
    assert found.level == level
    assert found.text == f"stamps are 2.0 {words}"


def test_pictures_are_judged_as_the_node_would_read_them():
    jpeg = CompressedImage(format="jpeg", data=b"no picture")
    found = doctor_images.judge_picture(jpeg)
    assert found.level == FAIL
    assert found.remedy.startswith("Have the driver send what can be read")
    info = CameraInfo(width=4, height=4, k=np.eye(3).ravel(), distortion_model="fisheye", d=[1.0])
    found = doctor_camera.judge_info(None, "", info, {"width": 4, "height": 4})
    assert "equidistant has 4 coefficients" in found.text
