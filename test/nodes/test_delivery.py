"""Large images over the middleware as it is shipped, and with the profile of this package."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from alphapose_ros.nodes.middleware import is_cyclone, is_fast_dds, profiles

FRAMES = 120
fast_dds = pytest.mark.skipif(not is_fast_dds(), reason="the middleware is not Fast DDS")
cyclone = pytest.mark.skipif(not is_cyclone(), reason="the middleware is not CycloneDDS")


def environment(**changes):
    """What a user's shell has: discovery on this machine only, and no transport chosen."""
    values = {**os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", **changes}
    del values["FASTDDS_BUILTIN_TRANSPORTS"]
    return values


def play(video, env, boxes):
    """Film a video with a camera and a pose node; return what the node said."""

    def start(name, **parameters):
        command = [sys.executable, "-m", f"alphapose_ros.nodes.{name}", "--ros-args"]
        for key, value in parameters.items():
            command += ["-p", f"{key}:={value}"]
        return subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    node = start("pose_node", **{"detector.name": "file", "detector.boxes_file": boxes})
    camera = start("video_source", video=video, wait_for_subscribers=1, reliability="best_effort")
    try:
        told, _ = camera.communicate(timeout=60)
        assert camera.returncode == 0, told
        node.send_signal(signal.SIGINT)
        said, _ = node.communicate(timeout=20)
        assert node.returncode == 0, said
    finally:
        camera.kill()
        node.kill()
    return said


@pytest.fixture
def boxes(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text("[]")
    return path


@pytest.fixture(scope="module")
def video(make_video):
    return make_video(frames=FRAMES, fps=30, size=(1280, 720))


@fast_dds
def test_lost_images_are_noticed_and_the_remedy_named(video, boxes):
    said = play(video, environment(), boxes)
    assert "images arrived on /image: DDS loses them on the way" in said
    assert "config/fastdds_images.xml" in said


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("FASTRTPS_DEFAULT_PROFILES_FILE", marks=fast_dds),
        pytest.param("CYCLONEDDS_URI", marks=cyclone),
    ],
)
def test_the_profile_of_this_package_lets_them_through(video, boxes, name):
    said = play(video, environment(**{name: profiles()[name]}), boxes)
    assert "DDS loses them" not in said
    received = int(re.search(r"images: (\d+) received", said).group(1))
    assert received > 0.8 * FRAMES
    assert "ERROR" not in said
