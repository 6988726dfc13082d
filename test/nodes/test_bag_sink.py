"""Bags of the offline way are what the pose node would have published, read by rclpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from alphapose_ros import markers
from alphapose_ros.config import Config, OutputConfig
from alphapose_ros.following.records import TargetState, TargetStatus
from alphapose_ros.frame import Frame, Poses, PositionSource, Tracks, TrackState
from alphapose_ros.io.bag import BagReader, OfferedQos, message_types
from alphapose_ros.io.bag_messages import NAMES, bag_dialect, header_of
from alphapose_ros.io.bag_sink import OUTPUTS, BagSink
from alphapose_ros.io.ends import Item, Job, Processed
from alphapose_ros.messages import (
    About,
    poses_to_message,
    skeleton_to_message,
    tracks_to_message,
)
from alphapose_ros.msg import SkeletonDefinition, TrackedPersonArray
from alphapose_ros.nodes.conversions import RCLPY
from alphapose_ros.nodes.markers import MarkerBoard
from alphapose_ros.nodes.outputs import MESSAGE_CLASSES
from alphapose_ros.nodes.target import to_pose, to_status
from alphapose_ros.nodes.topics import TOPICS
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
STAMP_NS = 12_000_000_345
NOT_IN_BAGS = {"overlay", "annotations", "/diagnostics"}  # pictures, and the health of a node


def processed():
    """Somebody seen with everything that is known of people, and somebody lost."""
    random = np.random.default_rng(0)
    keypoints = random.uniform(0, 90, (2, 17, 3)).astype(np.float32)
    keypoints[..., 2] /= 100
    keypoints[1] = (np.nan, np.nan, 0)
    lifted = random.normal(size=(2, 17, 3))
    lifted[1] = np.nan
    poses = Poses(
        skeleton=BODY,
        keypoints=keypoints,
        boxes=[[10, 20, 40, 80], [-5, 0, 5, 30]],
        box_scores=[0.9, 0.5],
        scores=[0.75, 0.25],
        embeddings=[[0.6, 0.8], [np.nan, np.nan]],
        keypoints_3d=lifted,
    )
    nowhere = [np.nan] * 3
    tracks = Tracks(
        poses=poses,
        ids=[7, 3],
        states=[TrackState.TRACKED, TrackState.LOST],
        ages_s=[2.25, 1.9999999999],
        unseen_s=[0.0, 0.5],
        hits=[12, 4],
        detection_rows=[0, -1],
        velocities_px=[[3, -4], [0, 0]],
        person_ids=[-1, 2],
        identity_scores=[np.nan, 0.5],
        positions=[[1, 2, 3], nowhere],
        position_covariances=random.random((2, 3, 3)),
        velocities=[[0.5, 0, -1], nowhere],
        velocity_covariances=random.random((2, 3, 3)),
        position_sources=[PositionSource.DEPTH, PositionSource.NONE],
        facings=[[0, 0.6, -0.8], nowhere],
        facing_stds=[0.25, np.nan],
    )
    image = np.zeros((100, 200, 3), np.uint8)
    frame = Frame(image=image, stamp_ns=STAMP_NS, frame_id="camera")
    item = Item(frame=frame, name="0.jpg", received_ns=20_000_000_000)
    return Processed(item=item, result=Result(poses=poses[:1], tracks=tracks, stage_ms={}))


def alike(one, other):
    """Compare two messages field by field, NaN being equal to itself."""
    if hasattr(one, "get_fields_and_field_types"):
        return type(one) is type(other) and all(
            alike(getattr(one, name), getattr(other, name))
            for name in one.get_fields_and_field_types()
        )
    if isinstance(one, str | bytes | bool):
        return one == other
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return np.array_equal(one, other, equal_nan=True)


def read(path, topic):
    with BagReader(path) as bag:
        return [
            deserialize_message(message.data, MESSAGE_CLASSES[topic])
            for message in bag.messages([f"/{topic}"])
        ]


@pytest.fixture
def path(tmp_path):
    config = Config(output=OutputConfig(embeddings=True))
    with BagSink(
        tmp_path / "bag", Job(config=config, skeleton=BODY, rate_hz=25.0), target="nearest"
    ) as sink:
        sink.add(processed())
    return Path(tmp_path / "bag")


def test_topics_types_and_qos_are_those_of_the_node():
    outputs = {name: topic for name, topic in TOPICS.items() if not topic.is_input}
    assert OUTPUTS.keys() <= outputs.keys()
    for name, output in OUTPUTS.items():
        topic = outputs[name]
        assert output.type_name == topic.type
        assert output.qos == OfferedQos(topic.depth, topic.is_reliable, topic.is_latched)


def test_a_node_without_a_namespace_has_these_topics(path):
    with BagReader(path) as bag:
        assert bag.topics == {f"/{name}": TOPICS[name].type for name in OUTPUTS}


def test_rclpy_reads_what_the_node_would_have_published(path):
    one = processed()
    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = 12, 345
    about = About(header, width=200, height=100, first_id=1, embeddings=True)
    tracks, frame = one.result.tracks, one.item.frame
    board = MarkerBoard()
    state = TargetState(
        status=TargetStatus.TRACKING,
        track_id=7,
        confidence=0.75,
        reason="selected",
        position=tracks.positions[0],
        facing=tracks.facings[0],
    )
    expected = {
        "poses": [poses_to_message(one.result.poses, about, RCLPY)],
        "tracks": [tracks_to_message(tracks, about, RCLPY)],
        "skeleton": [skeleton_to_message(BODY, Header(), RCLPY)],
        "markers": [
            board.clear(Header()),
            board.update(tracks, frame, header, OutputConfig()),
        ],
        "target/pose": [to_pose(state, header)],
        "target/status": [to_status(state, header)],
    }
    assert expected.keys() == OUTPUTS.keys()
    for topic, messages in expected.items():
        sent = [deserialize_message(serialize_message(one), type(one)) for one in messages]
        assert alike(read(path, topic), sent), topic


def test_messages_that_differ_are_told_apart():
    one = tracks_to_message(processed().result.tracks, About(Header(), 2, 1), RCLPY)
    other = tracks_to_message(processed().result.tracks, About(Header(), 2, 1), RCLPY)
    assert alike(one, other)
    other.people[0].pose.keypoints[5] += 1
    assert not alike(one, other)


def test_numbers_of_markers_are_those_of_the_definition():
    for name in ("ARROW", "LINE_LIST", "SPHERE_LIST", "TEXT_VIEW_FACING"):
        assert getattr(markers, name) == getattr(Marker, name)
    for name in ("ADD", "DELETE", "DELETEALL"):
        assert getattr(markers, name) == getattr(Marker, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_without_fields_is_as_rclpy_makes_it(name):
    """Also of types with arrays, and with messages inside."""
    types = message_types()
    short = name.rpartition("/")[2]
    made = getattr(bag_dialect(types).msgs, short)()
    if short in ("Time", "Header"):
        return
    theirs = getattr(RCLPY.msgs, short)
    assert alike(deserialize_message(bytes(types.serialize_cdr(made, name)), theirs), theirs())


def test_a_stamp_is_split():
    dialect = bag_dialect(message_types())
    header = header_of(1_700_000_000_000_000_005, "camera", dialect)
    assert (header.stamp.sec, header.stamp.nanosec) == (1_700_000_000, 5)
    assert header.frame_id == "camera"


def test_nothing_is_left_out_but_pictures():
    outputs = {name for name, topic in TOPICS.items() if not topic.is_input}
    assert outputs - OUTPUTS.keys() == NOT_IN_BAGS


def test_a_changed_record_changes_the_bag(path):
    """The comparison above would see it."""
    one = processed()
    tracks = replace(one.result.tracks, person_ids=[4, 2])
    about = About(Header(), width=200, height=100, embeddings=True)
    message = tracks_to_message(tracks, about, RCLPY)
    message.header = read(path, "tracks")[0].header
    message.image_frame_id = "camera"
    assert not alike(read(path, "tracks"), [message])


def test_a_bag_is_replayed_and_who_comes_late_gets_the_skeleton(graph, path):
    """As `ros2 bag play` does it: bytes as they are, with the quality of service of the bag."""
    tracks = graph.listen(TrackedPersonArray, "tracks", TOPICS["tracks"].qos)
    with BagReader(path) as bag:
        publishers = {}
        for topic, offered in bag.qos.items():
            name = topic.removeprefix("/")
            qos = QoSProfile(
                depth=offered.depth,
                reliability=(
                    ReliabilityPolicy.RELIABLE
                    if offered.reliable
                    else ReliabilityPolicy.BEST_EFFORT
                ),
                durability=(
                    DurabilityPolicy.TRANSIENT_LOCAL
                    if offered.latched
                    else DurabilityPolicy.VOLATILE
                ),
            )
            publishers[topic] = graph.node.create_publisher(MESSAGE_CLASSES[name], topic, qos)
        graph.spin_until(publishers["/tracks"].get_subscription_count)
        for message in bag.messages():
            publishers[message.topic].publish(message.data)
    graph.spin_until(lambda: tracks)
    assert alike(tracks, read(path, "tracks"))
    late = graph.listen(SkeletonDefinition, "skeleton", TOPICS["skeleton"].qos)
    graph.spin_until(lambda: late)
    assert alike(late, read(path, "skeleton"))
