"""Bags: what is written is read again, by us and by rosbags, and damage is reported."""

from __future__ import annotations

import made_bags as made
import numpy as np
import pytest
from mcap.writer import Writer as McapWriter
from rosbags.highlevel import AnyReader

from alphapose_ros.io.bag import (
    BagError,
    BagMessage,
    BagReader,
    BagWriter,
    OfferedQos,
    message_types,
    remove_bag,
)

TRACKS = "alphapose_ros/msg/TrackedPersonArray"
SKELETON = "alphapose_ros/msg/SkeletonDefinition"
TYPES = message_types()


def header(sec):
    stamp = TYPES.types["builtin_interfaces/msg/Time"](sec=sec, nanosec=5)
    return TYPES.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")


def serialised(topic, type_name, stamp_ns, **fields):
    message = TYPES.types[type_name](**fields)
    return BagMessage(topic, type_name, stamp_ns, bytes(TYPES.serialize_cdr(message, type_name)))


def skeleton(stamp_ns=1):
    return serialised(
        "/skeleton",
        SKELETON,
        stamp_ns,
        header=header(0),
        id="pair",
        keypoint_names=["left_hip", "right_hip"],
        edges=np.array([0, 1], np.uint16),
        group_names=["body"],
        group_offsets=np.array([0, 2], np.uint16),
        flip_pairs=np.array([0, 1], np.uint16),
        sigmas=np.array([0.107, 0.107], np.float32),
    )


def tracks(sec):
    return serialised(
        "/tracks",
        TRACKS,
        sec * 10**9,
        header=header(sec),
        image_frame_id="camera",
        image_width=640,
        image_height=480,
        skeleton_id="pair",
        people=[],
    )


@pytest.fixture
def path(tmp_path):
    """A bag with a latched skeleton and 50 messages of tracks."""
    path = tmp_path / "bag"
    with BagWriter(path) as bag:
        bag.write(skeleton(), OfferedQos(depth=1, latched=True))
        for sec in range(1, 51):
            bag.write(tracks(sec), OfferedQos(depth=5))
    return path


def test_messages_of_our_own_types_come_back_as_they_were_written(path):
    with BagReader(path) as bag:
        assert bag.topics == {"/skeleton": SKELETON, "/tracks": TRACKS}
        assert bag.counts == {"/skeleton": 1, "/tracks": 50}
        first, *rest = bag.messages()
        definition = bag.decode(first)
        assert first == skeleton()
        assert rest == [tracks(sec) for sec in range(1, 51)]
        assert definition.keypoint_names == ["left_hip", "right_hip"]
        assert definition.sigmas.tolist() == pytest.approx([0.107, 0.107])


def test_another_reader_finds_stamps_types_and_definitions(path):
    with AnyReader([path]) as bag:  # takes the types from the bag alone
        for connection, stamp_ns, data in bag.messages():
            message = bag.deserialize(data, connection.msgtype)
            if connection.topic == "/tracks":
                assert message.header.stamp.sec * 10**9 == stamp_ns
                assert (message.header.stamp.nanosec, message.image_width) == (5, 640)
        assert {c.topic: c.msgcount for c in bag.connections} == {"/skeleton": 1, "/tracks": 50}


def test_a_latched_topic_stays_latched(path):
    with BagReader(path) as bag:
        assert bag.qos == {
            "/skeleton": OfferedQos(depth=1, reliable=True, latched=True),
            "/tracks": OfferedQos(depth=5, reliable=True, latched=False),
        }


def test_topics_are_chosen(path):
    with BagReader(path) as bag:
        assert [m.topic for m in bag.messages(["/skeleton"])] == ["/skeleton"]
        assert list(bag.messages(["/nothing"])) == []


def test_a_single_file_is_read_without_its_folder(path):
    with BagReader(path / "bag.mcap") as bag:
        assert len(list(bag.messages())) == 51


def test_other_definitions_are_registered(tmp_path):
    definitions = {"other/msg/Answer": "int32 value\n"}
    data = b"\x00\x01\x00\x00\x2a\x00\x00\x00"  # little-endian CDR: 42
    with BagWriter(tmp_path / "bag", definitions=definitions) as bag:
        bag.write(BagMessage("/answer", "other/msg/Answer", 7, data))
    with BagReader(tmp_path / "bag") as bag:
        (message,) = bag.messages()
        assert (bag.decode(message).value, message.stamp_ns) == (42, 7)


def test_an_unknown_type_is_refused_by_name(tmp_path):
    with BagWriter(tmp_path / "bag") as bag, pytest.raises(BagError, match=r"other/msg/Thing.*/x"):
        bag.write(BagMessage("/x", "other/msg/Thing", 1, b""))


def test_a_bag_is_not_overwritten_unasked(path):
    before = (path / "bag.mcap").read_bytes()
    with pytest.raises(BagError, match="exists; delete it"):
        BagWriter(path)
    assert (path / "bag.mcap").read_bytes() == before


def test_a_bag_is_overwritten_when_asked(path):
    with BagWriter(path, overwrite=True) as bag:
        bag.write(tracks(1))
    with BagReader(path) as bag:
        assert bag.counts == {"/tracks": 1}


def test_only_bags_are_ever_deleted(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for path in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(BagError, match="no bag and is not deleted"):
            BagWriter(path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()
    remove_bag(tmp_path / "nothing")


def test_a_failing_recording_leaves_a_readable_bag(tmp_path):
    with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / "bag") as bag:
        bag.write(tracks(1))
        raise ZeroDivisionError
    with BagReader(tmp_path / "bag") as bag:
        assert list(bag.messages()) == [tracks(1)]


def test_a_bag_without_messages_is_readable(tmp_path):
    with BagWriter(tmp_path / "bag"):
        pass
    with BagReader(tmp_path / "bag") as bag:
        assert bag.topics == {} and list(bag.messages()) == []


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_bag_is_reported(path, part):
    file = path / "bag.mcap"
    file.write_bytes(file.read_bytes()[: int(part * file.stat().st_size)])
    with (
        pytest.raises(BagError, match=r"bag: damaged or cut off.*mcap recover"),
        BagReader(path) as bag,
    ):
        list(bag.messages())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.mcap", r"or save what is left with `mcap recover`$"),
        ("a.db3", r"or save what is left with `sqlite3 a\.db3 \.recover \| sqlite3 NEW\.db3`$"),
        ("a.bag", r"copy it again$"),
    ],
)
def test_the_remedy_for_a_damaged_file_is_one_for_its_kind(tmp_path, name, remedy):
    (tmp_path / name).write_bytes(b"no bag at all" * 100)
    with pytest.raises(BagError, match=remedy), BagReader(tmp_path / name):
        pass


def test_flipped_bytes_are_reported_or_harmless_but_never_another_error(path):
    rng = np.random.default_rng(1)
    file = path / "bag.mcap"
    good = file.read_bytes()
    reported = 0
    for at in rng.integers(0, len(good), 40):
        file.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        try:
            with BagReader(path) as bag:
                for message in bag.messages():
                    bag.decode(message)
        except BagError:
            reported += 1
    assert reported > 3


def test_an_unfinished_recording_says_how_to_get_at_it(path):
    (path / "metadata.yaml").unlink()
    with pytest.raises(BagError, match=r"without metadata.yaml.*\.mcap"), BagReader(path):
        pass


def test_a_missing_bag_is_named(tmp_path):
    with pytest.raises(BagError, match="nowhere: no bag there"), BagReader(tmp_path / "nowhere"):
        pass


def test_a_closed_bag_takes_and_gives_nothing(path, tmp_path):
    writer = BagWriter(tmp_path / "other")
    with pytest.raises(BagError, match="inside the `with` block"):
        writer.write(tracks(1))
    with pytest.raises(BagError, match="inside the `with` block"):
        list(BagReader(path).messages())


def test_bytes_of_another_type_are_reported(path):
    with BagReader(path) as bag, pytest.raises(BagError, match="/x is no"):
        bag.decode(BagMessage("/x", TRACKS, 0, b"\x00\x01\x00\x00\x01"))


def test_bags_of_ros_1_are_read_by_their_own_definitions(tmp_path):
    path = made.write_ros1(tmp_path / "a.bag", made.camera(3, types=made.TYPES1))
    with BagReader(path) as bag:
        assert bag.is_ros1 and bag.qos == {}
        assert bag.counts == {"/camera/image_raw": 3, "/camera/camera_info": 3}
        info, image, *_ = bag.messages()
        assert bag.decode(info).K[0] == 50.0
        assert bag.decode(image).header.seq == 7
        assert "time stamp" in bag.definitions["sensor_msgs/msg/Image"]


def test_a_truncated_bag_of_ros_1_is_reported(tmp_path):
    path = made.write_ros1(tmp_path / "a.bag", made.camera(3, types=made.TYPES1))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BagError, match=r"a\.bag: damaged or cut off"), BagReader(path):
        pass


def test_definitions_are_told_with_what_they_consist_of(path, tmp_path):
    with BagReader(path) as bag:
        definitions = bag.definitions
    assert set(definitions) == {TRACKS, SKELETON}
    with BagWriter(tmp_path / "copy", definitions=definitions) as copy:  # needs no others
        copy.write(tracks(1))
    with BagReader(tmp_path / "copy") as copy:
        (message,) = copy.messages()
        assert copy.decode(message).image_width == 640


def test_definitions_in_idl_are_read_with_what_they_consist_of(tmp_path):
    line = "=" * 80 + "\n"
    inner = "module other { module msg { struct Inner { long value; }; }; };"
    outer = "module other { module msg { struct Outer { other::msg::Inner inner; }; }; };"
    text = f"{line}IDL: other/msg/Outer\n{outer}\n{line}IDL: other/msg/Inner\n{inner}\n"
    with (tmp_path / "a.mcap").open("wb") as file:
        writer = McapWriter(file)
        writer.start("ros2", "test")
        schema = writer.register_schema("other/msg/Outer", "ros2idl", text.encode())
        channel = writer.register_channel("/x", "cdr", schema)
        writer.add_message(channel, 7, b"\x00\x01\x00\x00\x2a\x00\x00\x00", 7)
        writer.finish()
    with BagReader(tmp_path / "a.mcap") as bag:
        (message,) = bag.messages()
        assert bag.decode(message).inner.value == 42


def test_bag_errors_are_errors_of_the_operating_system():
    assert issubclass(BagError, OSError)  # as of other files: one `except` for all
