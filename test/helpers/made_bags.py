"""Bags of small pictures, made as a camera's driver would have recorded them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from mcap.reader import make_reader
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from alphapose_ros.io.bag_source import BagSource

TYPES = get_typestore(Stores.ROS2_JAZZY)
TYPES1 = get_typestore(Stores.ROS1_NOETIC)
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
START_NS = 1_700_000_000 * 10**9


class Sent(NamedTuple):
    topic: str
    type_name: str
    received_ns: int
    message: Any


def header(stamp_ns, frame_id="camera", types=TYPES):
    time = types.types["builtin_interfaces/msg/Time"](
        sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
    )
    seq = {"seq": 7} if types is TYPES1 else {}
    return types.types["std_msgs/msg/Header"](stamp=time, frame_id=frame_id, **seq)


def picture(number, width=64, height=48):
    """Noise that belongs to the number, so that pictures are told apart and do not compress."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def raw(pixels, stamp_ns, encoding="bgr8", frame_id="camera", types=TYPES):
    return types.types[IMAGE](
        header=header(stamp_ns, frame_id, types),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=np.frombuffer(pixels.tobytes(), np.uint8),
    )


def compressed(pixels, stamp_ns, suffix=".png", name="bgr8; png compressed bgr8", types=TYPES):
    data = np.frombuffer(cv2.imencode(suffix, pixels)[1].tobytes(), np.uint8)
    return types.types[COMPRESSED](header=header(stamp_ns, types=types), format=name, data=data)


def info(stamp_ns, fx=50.0, size=(64, 48), frame_id="camera", types=TYPES):
    roi = types.types["sensor_msgs/msg/RegionOfInterest"](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    names = "DKRP" if types is TYPES1 else "dkrp"
    arrays = (
        np.zeros(5),
        np.array([fx, 0, size[0] / 2, 0, fx, size[1] / 2, 0, 0, 1.0]),
        np.eye(3).ravel(),
        np.zeros(12),
    )
    return types.types[INFO](
        header=header(stamp_ns, frame_id, types),
        height=size[1],
        width=size[0],
        distortion_model="plumb_bob",
        binning_x=0,
        binning_y=0,
        roi=roi,
        **dict(zip(names, arrays, strict=True)),
    )


def transform(parent, child, place, turn=(0, 0, 0, 1), stamp_ns=None):
    """A place (x, y, z) [m] and turn (x, y, z, w), on /tf at a time, without one on /tf_static."""

    def make(name, **values):
        return TYPES.types[f"geometry_msgs/msg/{name}"](**values)

    one = make(
        "TransformStamped",
        header=header(stamp_ns or 0, parent),
        child_frame_id=child,
        transform=make(
            "Transform",
            translation=make("Vector3", **dict(zip("xyz", map(float, place), strict=True))),
            rotation=make("Quaternion", **dict(zip("xyzw", map(float, turn), strict=True))),
        ),
    )
    message = TYPES.types["tf2_msgs/msg/TFMessage"](transforms=[one])
    topic = "/tf_static" if stamp_ns is None else "/tf"
    return Sent(topic, "tf2_msgs/msg/TFMessage", stamp_ns or START_NS, message)


def at(number, period_ns=100_000_000, later_ns=0):
    return START_NS + number * period_ns + later_ns


def camera(count=10, topic="/camera/image_raw", with_info=True, types=TYPES):
    """Pictures 0.. at 10 Hz, recorded 5 ms after they were taken, each behind its CameraInfo."""
    sent = []
    for number in range(count):
        message = raw(picture(number), at(number), types=types)
        if with_info:
            beside = f"{topic.rpartition('/')[0]}/camera_info"
            received_ns = at(number, later_ns=4_000_000)
            sent.append(Sent(beside, INFO, received_ns, info(at(number), types=types)))
        sent.append(Sent(topic, IMAGE, at(number, later_ns=5_000_000), message))
    return sent


def write(path: Path, sent, storage="mcap", compression="none", types=TYPES) -> Path:
    """Write a bag of ROS 2; compression none, file, message or storage (chunks of mcap)."""
    writer = Writer(path, version=9, storage_plugin=StoragePlugin[storage.upper()])
    if compression != "none":
        writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    connections = {}
    with writer:
        for one in sorted(sent, key=lambda one: one.received_ns):
            if one.topic not in connections:
                connections[one.topic] = writer.add_connection(
                    one.topic, one.type_name, typestore=types
                )
            data = one.message
            if not isinstance(data, bytes):
                data = types.serialize_cdr(data, one.type_name)
            writer.write(connections[one.topic], one.received_ns, data)
    return path


def write_ros1(path: Path, sent, compression=None) -> Path:
    writer = Writer1(path)
    if compression:
        writer.set_compression(Writer1.CompressionFormat[compression])
    connections = {}
    with writer:
        for one in sorted(sent, key=lambda one: one.received_ns):
            if one.topic not in connections:
                connections[one.topic] = writer.add_connection(
                    one.topic, one.type_name, typestore=TYPES1
                )
            data = TYPES1.serialize_ros1(one.message, one.type_name)
            writer.write(connections[one.topic], one.received_ns, data)
    return path


def frames(path, topics=None, **options):
    """Read a bag to its end: the source and its items."""
    with BagSource(path, topics, **options) as source:
        return source, list(source)


def is_picture(item, number):
    return np.array_equal(item.frame.image, picture(number))


def cut(path, part):
    """Leave a part of a file."""
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])


def with_lz4(path, target, chunk_size=20_000):
    """Write an mcap file again, with chunks of lz4."""
    with path.open("rb") as file, target.open("wb") as other:
        writer = McapWriter(other, compression=CompressionType.LZ4, chunk_size=chunk_size)
        writer.start("ros2", "test")
        ids = {}
        for schema, channel, message in make_reader(file).iter_messages():
            if channel.topic not in ids:
                schema_id = writer.register_schema(schema.name, schema.encoding, schema.data)
                ids[channel.topic] = writer.register_channel(
                    channel.topic, channel.message_encoding, schema_id, channel.metadata
                )
            writer.add_message(
                ids[channel.topic], message.log_time, message.data, message.publish_time
            )
        writer.finish()
    return target
