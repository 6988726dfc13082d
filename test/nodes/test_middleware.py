from __future__ import annotations

import pytest

from alphapose_ros.nodes import middleware
from alphapose_ros.nodes.middleware import (
    profiles,
    receive_bytes_allowed,
    receive_bytes_asked,
    room_for_images,
)

MIB = 2**20
BUFFER = "<Internal><SocketReceiveBufferSize {}/></Internal>"


@pytest.fixture
def use(monkeypatch):
    """Has another middleware in use."""

    def change(name):
        monkeypatch.setattr(middleware, "get_rmw_implementation_identifier", lambda: name)

    return change


@pytest.mark.parametrize(
    ("rmw", "words"),
    [
        ("rmw_fastrtps_cpp", "camera driver, and all who listen, with FASTRTPS_DEFAULT_PROFILES"),
        (
            "rmw_cyclonedds_cpp",
            "the pose node, and all who listen to the camera, with CYCLONEDDS_URI=file:///",
        ),
        ("rmw_zenoh_cpp", "as rmw_zenoh_cpp wants it"),
    ],
)
def test_each_middleware_has_its_own_remedy(use, rmw, words):
    use(rmw)
    assert words in room_for_images()


@pytest.mark.parametrize(
    ("library", "names"),
    [
        ("libfastrtps.so.2.14", ["FASTRTPS_DEFAULT_PROFILES_FILE"]),
        ("libfastdds.so.3.1", ["FASTDDS_DEFAULT_PROFILES_FILE"]),
        ("", ["FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"]),
    ],
)
def test_the_remedy_names_what_the_loaded_fast_dds_reads(
    use, monkeypatch, tmp_path, library, names
):
    use("rmw_fastrtps_cpp")
    monkeypatch.setattr(middleware, "LOADED", tmp_path / "maps")
    if library:
        (tmp_path / "maps").write_text(f"7f0000-7f1000 r-xp 0 fd:01 7  /opt/ros/lib/{library}\n")
    assert list(middleware.read_profile_names()) == names
    assert f"listen, with {names[0]}=/" in room_for_images()


def test_the_profiles_come_with_the_package(root):
    found = {name: value.removeprefix("file://") for name, value in profiles().items()}
    assert found == {
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(root / "config/fastdds_images.xml"),
        "FASTDDS_DEFAULT_PROFILES_FILE": str(root / "config/fastdds_images.xml"),
        "CYCLONEDDS_URI": str(root / "config/cyclonedds_images.xml"),
    }


@pytest.mark.parametrize(
    ("uri", "size"),
    [
        ("", MIB),
        (BUFFER.format('max="16MiB"'), 16 * MIB),
        (BUFFER.format("min='4 MB' max='8 MB'"), 8_388_608),
        (BUFFER.format("min='9 MB' max='8 MB'"), 9_437_184),
        (BUFFER.format('max="2000kB"'), 2_048_000),  # 1024 bytes each, as by KiB
        (BUFFER.format('max="2000 KiB"'), 2_048_000),
        (BUFFER.format('max="1.5MiB"'), 1_572_864),
        (BUFFER.format('max="1GB"'), 1_073_741_824),
        (BUFFER.format('max="1GiB"'), 1_073_741_824),
        (BUFFER.format('max="200kB"'), 204_800),  # less than as shipped
        ("<Domain><General/></Domain>", MIB),
        ("/nowhere.xml", MIB),
        ("{folder}/large.xml", 10 * MIB),
        ("file://{folder}/none.xml,file://{folder}/large.xml", 10 * MIB),
    ],
)
def test_what_cyclone_is_told_to_ask_for_is_read(tmp_path, uri, size):
    (tmp_path / "none.xml").write_text("<CycloneDDS/>")
    (tmp_path / "large.xml").write_text(BUFFER.format('min="10485760B"'))
    assert receive_bytes_asked(uri.replace("{folder}", str(tmp_path))) == size


def test_our_profile_asks_for_plenty():
    assert receive_bytes_asked(profiles()["CYCLONEDDS_URI"]) == 16 * MIB


def test_the_kernels_limit_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(middleware, "RECEIVE_LIMIT", tmp_path / "rmem_max")
    assert receive_bytes_allowed() is None
    (tmp_path / "rmem_max").write_text("212992\n")
    assert receive_bytes_allowed() == 212992
