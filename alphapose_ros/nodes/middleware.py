"""What middlewares differ in: how images get room, and what is told of those that are lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rclpy.utilities import get_rmw_implementation_identifier

from alphapose_ros.files import share

PROFILE_NAMES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")  # Fast DDS 2, 3
LOADED = Path("/proc/self/maps")  # libraries
CYCLONE_URI = "CYCLONEDDS_URI"
CYCLONE_BYTES = 2**20  # that CycloneDDS as shipped asks the kernel for
SIZE = r"m(?:ax|in)\s*=\s*[\"'](\d+(?:\.\d*)?)\s*(\w*)"  # max="16 MiB"
RECEIVE_LIMIT = Path("/proc/sys/net/core/rmem_max")
_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}  # bytes, by name in capitals
FAST_DDS_UNITS = {**_UNITS, "KB": 10**3, "MB": 10**6, "GB": 10**9}
CYCLONE_UNITS = {**_UNITS, "KB": 2**10, "MB": 2**20, "GB": 2**30}  # kB and KiB are the same there


def is_fast_dds() -> bool:
    """Whether messages travel by Fast DDS."""
    return "fastrtps" in get_rmw_implementation_identifier()


def is_cyclone() -> bool:
    """Whether messages travel by CycloneDDS.

    It tells neither of images that are lost nor the numbers of those that come.
    """
    return "cyclonedds" in get_rmw_implementation_identifier()


def profiles() -> dict[str, str]:
    """Return the environment variables that give images room, whatever the middleware."""
    cyclone = share("config/cyclonedds_images.xml").as_uri()
    fast_dds = str(share("config/fastdds_images.xml"))
    return dict.fromkeys(PROFILE_NAMES, fast_dds) | {CYCLONE_URI: cyclone}


def setting() -> str:
    """Return the environment variable, with its value, that gives images room here; "" if none."""
    name = CYCLONE_URI if is_cyclone() else read_profile_names()[0]
    return f"{name}={profiles()[name]}" if is_cyclone() or is_fast_dds() else ""


def read_profile_names() -> tuple[str, ...]:
    """Return which variables with a profile the loaded Fast DDS reads; all where none is seen."""
    try:
        loaded = LOADED.read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux
        return PROFILE_NAMES
    if "libfastdds.so" in loaded:
        return PROFILE_NAMES[1:]
    return PROFILE_NAMES[:1] if "libfastrtps.so" in loaded else PROFILE_NAMES


def room_for_images() -> str:
    """Return what is to be started how, so that images are not lost: "Start ..."."""
    if is_cyclone():
        return f"the pose node, and all who listen to the camera, with {setting()}"
    if is_fast_dds():
        return f"the camera driver, and all who listen, with {setting()}"
    return f"all with room for large messages, as {get_rmw_implementation_identifier()} wants it"


def receive_bytes_asked(uri: str) -> int:
    """Return how much CycloneDDS asks the kernel to hold of what has come.

    Args:
        uri: what CYCLONEDDS_URI says: files by path or address, with commas between, or XML.
    """
    sizes = [
        round(float(size) * CYCLONE_UNITS.get(unit.upper(), 1))
        for text in _texts(uri)
        for element in re.finditer(r"<SocketReceiveBufferSize([^>]*)>", text, re.IGNORECASE)
        for size, unit in re.findall(SIZE, element[1])
    ]
    return max(sizes, default=CYCLONE_BYTES)


def _texts(uri: str) -> Iterator[str]:
    """Yield the pieces of XML that an address list leads to, as far as they can be read."""
    if "<" in uri:
        yield uri
        return
    for part in filter(None, uri.split(",")):
        try:
            yield Path(part.removeprefix("file://")).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def receive_bytes_allowed() -> int | None:
    """Return the most that the kernel holds for one receiver; None where it does not tell."""
    try:
        return int(RECEIVE_LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
