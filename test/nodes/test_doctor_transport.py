"""The doctor on how messages travel: middleware, profiles, and room for images."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from doctor_rig import always, fast_dds, having, rig_with

from alphapose_ros.io.findings import FAIL, OK, WARN
from alphapose_ros.nodes import doctor_transport, middleware

PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"


@pytest.fixture(scope="module")
def rig(domains):
    with rig_with(next(domains), "plain") as rig:
        yield rig


@fast_dds
def test_a_camera_with_room_for_its_images_is_found_by_its_process(rig):
    room = rig.examine("/plain/image", until=having("room for images", OK))["room for images"]
    assert room.values["pid"] == rig.cameras.pid
    assert room.values["segment_bytes"] > 30e6


@fast_dds
def test_a_camera_without_room_for_its_images_is_told_by_its_process(rig):
    with rig.running("big size=1280x720", FASTDDS_BUILTIN_TRANSPORTS="SHM") as process:
        room = rig.examine("/big/image", until=always)["room for images"]
    assert room.level == WARN
    assert room.values["pid"] == process.pid
    assert room.values["segment_bytes"] < 1e6
    assert "fastdds_images.xml" in room.remedy


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
    ("size", "segment_bytes"),  # which is twice as large; kB by Fast DDS is not kB by CycloneDDS
    [
        ("600000", 1_200_000),
        ("600000B", 1_200_000),
        ("2000kB", 4_000_000),
        ("2000KiB", 4_096_000),
        ("3MB", 6_000_000),
        ("3MiB", 6_291_456),
        ("1GB", 2_000_000_000),
        ("1GiB", 2_147_483_648),
    ],
)
def test_sizes_are_in_the_units_of_fast_dds(size, segment_bytes):
    env = {"FASTDDS_BUILTIN_TRANSPORTS": f"SHM?max_msg_size=1MB&sockets_size={size}"}
    assert doctor_transport.judge_settings(env).values["segment_bytes"] == segment_bytes


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
def test_a_profile_that_this_middleware_does_not_read_is_told(rig):
    read = middleware.read_profile_names()
    (unread,) = set(middleware.PROFILE_NAMES) - set(read)
    found = doctor_transport.judge_settings({unread: "/profile.xml"})
    assert found.level == WARN
    assert f"does not read {unread}" in found.text
    assert read[0] in found.remedy


@pytest.fixture
def cyclone(monkeypatch):
    """CycloneDDS, on a kernel that lets 4 MB wait."""
    name = "rmw_cyclonedds_cpp"
    monkeypatch.setattr(middleware, "get_rmw_implementation_identifier", lambda: name)
    monkeypatch.setattr(doctor_transport, "receive_bytes_allowed", lambda: 4 * 2**20)


def test_what_may_wait_with_cyclone_is_told(cyclone, root):
    ours = {"CYCLONEDDS_URI": (root / "config/cyclonedds_images.xml").as_uri()}
    assert doctor_transport.judge_settings({}).values["receive_bytes"] == 2**20
    assert doctor_transport.judge_settings(ours).values["receive_bytes"] == 4 * 2**20


@pytest.mark.parametrize(
    ("uri", "size", "level", "remedies"),
    [
        ("", (640, 480), OK, set()),
        ("", (1280, 720), WARN, {"Start the pose node, and all who listen to the camera, with"}),
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
