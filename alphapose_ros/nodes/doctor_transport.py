"""How messages travel here: middleware, domain, and the room that images need."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

from rclpy.topic_endpoint_info import TopicEndpointInfo
from rclpy.utilities import get_rmw_implementation_identifier

from alphapose_ros.io.findings import FAIL, OK, WARN, Finding
from alphapose_ros.nodes.middleware import (
    CYCLONE_URI,
    FAST_DDS_UNITS,
    PROFILE_NAMES,
    is_cyclone,
    is_fast_dds,
    read_profile_names,
    receive_bytes_allowed,
    receive_bytes_asked,
    room_for_images,
    setting,
)

SHM = Path("/dev/shm")
SEGMENT_BYTES = 512 * 1024  # of Fast DDS as shipped
USABLE = 0.95  # part of a segment that messages may fill
LITTLE_BYTES = 64 * 2**20  # of free shared memory: two processes with our profile
VGA_BYTES = 3 * 640 * 480  # a small raw image
UDP_BYTES = 65536  # largest datagram
SPREAD = 2.0  # an image may be so much larger than what waits: it is read while it comes
PLENTY_BYTES = 16 * 2**20  # to wait, for images of up to 4K
TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
UNNAMED = "_NODE_NAME_UNKNOWN_"  # of rmw_dds_common
VENDOR = b"\x01\x0f"  # with which the identities of Fast DDS begin


def judge_middleware(env: Mapping[str, str]) -> Finding:
    """Say which middleware, domain and discovery range this terminal has."""
    values = {
        "rmw": get_rmw_implementation_identifier(),
        "distribution": env.get("ROS_DISTRO", ""),
        "domain": env.get("ROS_DOMAIN_ID", "0") or "0",
        "discovery": env.get(RANGE, "") or "SUBNET",
        "localhost_only": env.get("ROS_LOCALHOST_ONLY", "0"),
    }
    text = f"{values['rmw']}, domain {values['domain']}, discovery {values['discovery']}"
    if values["distribution"]:
        text = f"{values['distribution']}, {text}"
    if values["localhost_only"] == "1":
        text += ", ROS_LOCALHOST_ONLY"
    if values["discovery"] == "OFF":
        return Finding(
            WARN, "ROS 2", text, f"No other program is found: unset {RANGE}", values=values
        )
    return Finding(OK, "ROS 2", text, values=values)


def judge_settings(env: Mapping[str, str]) -> Finding:
    """Say what room for images the programs of this terminal get."""
    if is_cyclone():
        held = received_bytes(env)
        text = f"programs of this terminal: {shown_bytes(held)} of what comes may wait to be read"
        return Finding(OK, "transport", text, values={"receive_bytes": held})
    if is_fast_dds():
        return _judge_shared_memory(env)
    text = "neither Fast DDS nor CycloneDDS: how much room images have is not known here"
    return Finding(OK, "transport", text)


def _judge_shared_memory(env: Mapping[str, str]) -> Finding:
    file = next((env[name] for name in read_profile_names() if env.get(name)), "")
    segment, source = SEGMENT_BYTES, "Fast DDS as shipped"
    if file:
        try:
            segment, source = _segment_of(Path(file)), file
        except OSError as error:
            text = f"{file}: {error.strerror}; Fast DDS goes on without it"
            return Finding(FAIL, "transport", text, f"export {setting()}")
        except Xml.ParseError as error:
            text = f"{file} is no XML ({error}); Fast DDS goes on without it"
            return Finding(FAIL, "transport", text, f"export {setting()}")
    elif env.get(TRANSPORTS):
        segment, source = _segment_of_transports(env[TRANSPORTS]), f"{TRANSPORTS}={env[TRANSPORTS]}"
        if env.get(RANGE) == "LOCALHOST":
            text = f"{source} has no effect under {RANGE}=LOCALHOST"
            remedy = f"export {RANGE}=SYSTEM_DEFAULT, or {setting()}"
            return Finding(WARN, "transport", text, remedy, {"segment_bytes": SEGMENT_BYTES})
    else:
        unread = [name for name in PROFILE_NAMES if env.get(name)]
        if unread:
            text = f"this Fast DDS does not read {unread[0]}"
            return Finding(WARN, "transport", text, f"set {read_profile_names()[0]} besides")
    text = f"programs of this terminal: {source}, {shown_bytes(segment)} of shared memory each"
    if "SHM" in env.get(TRANSPORTS, "") and not file:
        text += "; programs without this setting are not seen from here, nor do they see these"
    return Finding(OK, "transport", text, values={"segment_bytes": segment, "source": source})


def received_bytes(env: Mapping[str, str]) -> int:
    """Return how much of what comes over CycloneDDS may wait to be read."""
    asked, allowed = receive_bytes_asked(env.get(CYCLONE_URI, "")), receive_bytes_allowed()
    return asked if allowed is None else min(asked, allowed)


def judge_receiving(env: Mapping[str, str], image_bytes: int) -> Finding:
    """Say whether images fit into what CycloneDDS lets wait, here where they are received."""
    held, needed = received_bytes(env), image_bytes / SPREAD
    text = f"{shown_bytes(held)} may wait to be read, an image takes {shown_bytes(image_bytes)}"
    values = {"receive_bytes": held, "bytes": image_bytes}
    if held >= needed:
        return Finding(OK, "room for images", text, values=values)
    steps = []
    if receive_bytes_asked(env.get(CYCLONE_URI, "")) < needed:
        steps.append(f"Start {room_for_images()}")
    if (receive_bytes_allowed() or needed) < needed:
        steps.append(f"Let the kernel hold more: sudo sysctl -w net.core.rmem_max={PLENTY_BYTES}")
    return Finding(WARN, "room for images", text, ". ".join(steps), values)


def judge_space() -> Finding:
    """Say how much shared memory the machine has left."""
    try:
        left = os.statvfs(SHM)
    except OSError as error:
        return Finding(WARN, "shared memory", f"{SHM}: {error.strerror}")
    free = left.f_bavail * left.f_frsize
    text, values = f"{shown_bytes(free)} free in {SHM}", {"free_bytes": free}
    if free >= LITTLE_BYTES:
        return Finding(OK, "shared memory", text, values=values)
    remedy = (
        "Remove what ended programs left there: `fastdds shm clean`; start containers with "
        "--shm-size=512m or --ipc=host"
    )
    return Finding(WARN, "shared memory", text, remedy, values)


def judge_publisher(
    publisher: TopicEndpointInfo, ours: TopicEndpointInfo | None, image_bytes: int | None
) -> Finding | None:
    """Say whether images fit into the shared memory of their publisher.

    Args:
        publisher: of the images.
        ours: our own subscription, if the graph knows it.
        image_bytes: size of an image; None where none came.

    Returns:
        None where nothing can be said: another middleware, or somebody else's process.
    """
    if not is_fast_dds():
        return None
    identity = bytes(publisher.endpoint_gid)
    subject, name = "room for images", full_name(publisher)
    if ours is not None and identity[2:4] != bytes(ours.endpoint_gid)[2:4]:
        text = f"{name} runs on another machine or in a container: shared memory does not help"
        is_small = image_bytes is not None and image_bytes < UDP_BYTES
        remedy = "" if is_small else "Raw images need a fast wired network; compressed ones do not"
        return Finding(WARN if remedy else OK, subject, text, remedy)
    process = process_of(identity)
    if process is None:
        text = f"the process of {name} cannot be looked into: it belongs to somebody else"
        return Finding(OK, subject, text, f"If images are lost: start it with {setting()}")
    values = {"pid": process.pid, "segment_bytes": process.segment_bytes, "bytes": image_bytes}
    what = "an image takes" if image_bytes is not None else "no image came, one of VGA takes"
    needed = image_bytes if image_bytes is not None else VGA_BYTES
    text = (
        f"{name} (process {process.pid}) has {shown_bytes(process.segment_bytes)} of shared "
        f"memory, {what} {shown_bytes(needed)}"
    )
    if USABLE * process.segment_bytes >= needed:
        return Finding(OK, subject, text, values=values)
    return Finding(WARN, subject, text, f"Start {name} with {setting()}", values)


def full_name(one: TopicEndpointInfo) -> str:
    """Return the name of an endpoint's node with its namespace."""
    if not is_named(one):
        return "a node whose name has not come"
    return f"{one.node_namespace.rstrip('/')}/{one.node_name}"


def is_named(one: TopicEndpointInfo) -> bool:
    """Whether the name of an endpoint's node is known: it travels apart from the endpoint."""
    return one.node_name != UNNAMED


@dataclass(frozen=True)
class Process:
    """A program that publishes by Fast DDS on this machine."""

    pid: int
    segment_bytes: int  # its largest segment of shared memory; 0 without any


def process_of(identity: bytes, proc: Path = Path("/proc")) -> Process | None:
    """Find the process of an endpoint; None where it is not to be seen.

    Fast DDS writes the lower half of the process number into the identities that it gives, bytes 4
    and 5, and whoever owns a segment fastrtps_X keeps the file fastrtps_X_el open.
    """
    if identity[:2] != VENDOR:
        return None
    lower = int.from_bytes(identity[4:6], "little")
    for folder in proc.glob("[0-9]*"):
        pid = int(folder.name)
        if pid % 65536 != lower:
            continue
        segments = _segments_of(folder)
        if segments is not None:
            return Process(pid, max(segments, default=0))
    return None


def _segments_of(folder: Path) -> list[int] | None:
    """Return the sizes of the segments of a process; None where one must not look."""
    sizes = []
    try:
        for link in (folder / "fd").iterdir():
            opened = link.readlink()
            if re.fullmatch(rf"{SHM}/fastrtps_[0-9a-f]{{16}}_el", str(opened)):
                sizes.append(opened.with_name(opened.name.removesuffix("_el")).stat().st_size)
    except OSError:  # somebody else's, or just ended
        return None
    return sizes


def _segment_of(profile: Path) -> int:
    """Return the size of the shared-memory segment that an XML profile asks for [bytes].

    Raises:
        OSError, ElementTree.ParseError: it cannot be read.
    """
    if not profile.is_file():
        raise FileNotFoundError(2, "no such file", str(profile))
    sizes = [SEGMENT_BYTES]
    for element in Xml.parse(profile).iter():
        if element.tag.rpartition("}")[2] == "segment_size" and (element.text or "").isdecimal():
            sizes.append(int(element.text or 0))
    return sizes[-1]


def _segment_of_transports(text: str) -> int:
    """Return the size of the segment that FASTDDS_BUILTIN_TRANSPORTS leads to [bytes]."""
    found = re.search(r"sockets_size=(\d+)([A-Za-z]*)", text)
    if found is None:
        return SEGMENT_BYTES
    return 2 * int(found[1]) * FAST_DDS_UNITS.get(found[2].upper(), 1)


def shown_bytes(count: float) -> str:
    """Return a number of bytes as one reads it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"
