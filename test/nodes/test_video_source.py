"""The camera made of a video: real process, real topics."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

MANY = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


def stamp_ns(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def now_ns(graph):
    return graph.node.get_clock().now().nanoseconds


def play(graph, qos=MANY, **parameters):
    """Play a video to its end; return what was heard and the process."""
    images = graph.listen(Image, "image", qos)
    infos = graph.listen(CameraInfo, "camera_info", MANY)
    process = graph.start("video_source", wait_for_subscribers=1, **parameters)
    graph.spin_until(lambda: process.poll() is not None)
    graph.spin_for(0.2)
    assert process.returncode == 0, process.stdout.read()
    return images, infos, process


def test_every_frame_comes_in_order_with_its_pixels(graph, make_video):
    images, _, process = play(graph, video=make_video(frames=20))
    assert len(images) == 20
    for number, message in enumerate(images):
        assert (message.width, message.height, message.step) == (320, 240, 960)
        assert (message.encoding, message.is_bigendian) == ("bgr8", 0)
        image = np.frombuffer(message.data, np.uint8).reshape(240, 320, 3)
        columns = np.flatnonzero(image[120, :, 2].astype(int) - image[120, :, 0] > 100)
        assert abs(columns[0] - 4 * number) <= 2 and abs(columns[-1] - 4 * number - 39) <= 2
    assert "published 20 frames" in process.stdout.read()


def test_stamps_are_the_time_of_publication_at_the_rate_of_the_file(graph, make_video):
    before = now_ns(graph)
    images, _, _ = play(graph, video=make_video(frames=201, fps=100.0))
    stamps = np.array([stamp_ns(message) for message in images])
    assert before < stamps[0] and stamps[-1] < now_ns(graph)
    # 200 periods of 10 ms; single frames may be late, but lateness must not add up.
    assert len(stamps) == 201
    assert (stamps[-1] - stamps[0]) / 1e9 == pytest.approx(2.0, abs=0.05)
    assert np.median(np.diff(stamps)) / 1e6 == pytest.approx(10.0, abs=2.0)


def test_another_rate_and_end_are_taken(graph, make_video):
    video = make_video(frames=60, fps=20.0)
    images, _, _ = play(graph, video=video, rate_hz=50.0, duration_s=1.5)
    assert len(images) == 30  # a second and a half of the video, played 2.5 times as fast
    assert (stamp_ns(images[-1]) - stamp_ns(images[0])) / 1e9 == pytest.approx(0.58, abs=0.1)


def test_camera_info_has_the_header_of_its_image_and_a_plausible_pinhole(graph, make_video):
    images, infos, _ = play(graph, video=make_video(frames=5), frame_id="front")
    assert [m.header for m in infos] == [m.header for m in images]
    assert {m.header.frame_id for m in images} == {"front"}
    info = infos[0]
    assert (info.width, info.height, info.distortion_model) == (320, 240, "plumb_bob")
    assert info.k.tolist() == [320, 0, 160, 0, 320, 120, 0, 0, 1]
    assert info.p.tolist() == [320, 0, 160, 0, 0, 320, 120, 0, 0, 0, 1, 0]
    assert info.r.tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1] and list(info.d) == [0] * 5


def test_known_intrinsics_are_published(graph, make_video):
    given = {"fx": 300.5, "fy": 301.5, "cx": 150.0, "cy": 110.0}
    _, infos, _ = play(graph, video=make_video(frames=2), **given)
    assert infos[0].k.tolist() == [300.5, 0, 150, 0, 301.5, 110, 0, 0, 1]


@pytest.mark.parametrize("reliability", ["reliable", "best_effort"])
def test_a_best_effort_subscription_is_served_by_both_kinds(graph, make_video, reliability):
    video = make_video(frames=10)
    images, _, _ = play(graph, qos_profile_sensor_data, video=video, reliability=reliability)
    assert len(images) >= 8


def test_it_waits_for_its_subscribers(graph, make_video):
    process = graph.start("video_source", video=make_video(frames=5), wait_for_subscribers=2)
    first = graph.listen(Image, "image", MANY)
    graph.spin_until(lambda: graph.node.count_publishers("image"))
    graph.spin_for(1.0)
    assert first == [] and process.poll() is None
    second = graph.listen(Image, "image", MANY)
    graph.spin_until(lambda: len(first) == 5 and len(second) == 5)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_loop_goes_on_until_it_is_told_to_stop(graph, make_video, sign):
    images = graph.listen(Image, "image", MANY)
    process = graph.start("video_source", video=make_video(frames=6), loop=True)
    graph.spin_until(lambda: len(images) > 15)
    assert graph.end(process, sign)[0] == 0


def test_mistyped_parameters_are_told_with_the_nearest_names(graph, make_video):
    given = {"video": make_video(frames=2), "frame_ids": "front", "rate_hz": 50.0}
    images, _, process = play(graph, **given)
    said = process.stdout.read()
    assert "parameter ignored: unknown parameter 'frame_ids'; did you mean frame_id" in said
    assert said.count("parameter ignored") == 1
    assert {message.header.frame_id for message in images} == {"camera"}


def test_a_parameter_like_none_is_told_with_all_there_are(graph, make_video):
    _, _, process = play(graph, video=make_video(frames=2), **{"zzz": 1})
    assert "unknown parameter 'zzz'; there are video, rate_hz" in process.stdout.read()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"video": "nowhere.mp4"}, "nowhere.mp4"),
        ({}, "no video given"),
        ({"video": "true"}, "neither a path nor"),
        ({"video": __file__}, "test_video_source.py"),
        ({"rate_hz": -1.0, "video": "make"}, "rate_hz: -1.0"),
        ({"reliability": "perhaps", "video": "make"}, "'perhaps' is none of reliable"),
    ],
)
def test_what_cannot_be_played_ends_with_a_reason(graph, make_video, parameters, words):
    if parameters.get("video") == "make":
        parameters = {**parameters, "video": make_video(frames=2)}
    process = graph.start("video_source", **parameters)
    said, _ = process.communicate(timeout=20)
    assert process.returncode not in (0, None)
    assert words in said and "Traceback" not in said
