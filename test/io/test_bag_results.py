"""What is written into a bag is read from it again."""

from __future__ import annotations

from dataclasses import fields, replace

import made_bags as made
import numpy as np
import pytest

from alphapose_ros.config import Config
from alphapose_ros.frame import Frame, Poses, PositionSource, Tracks, TrackState
from alphapose_ros.io.bag import BagError, BagMessage, BagWriter, message_types
from alphapose_ros.io.bag_messages import bag_dialect, header_of
from alphapose_ros.io.bag_results import read_bag_results
from alphapose_ros.io.bag_sink import BagSink
from alphapose_ros.io.ends import Item, Job, Processed
from alphapose_ros.messages import About, skeleton_to_message, tracks_to_message
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
TRACKS = "alphapose_ros/msg/TrackedPersonArray"
TYPES = message_types()
DIALECT = bag_dialect(TYPES)
STAMPS_NS = (1_700_000_000_000_000_005, 1_700_000_000_040_000_005)


def some_tracks(body=BODY, count=3):
    random, k = np.random.default_rng(0), len(body.names)
    keypoints = random.random((count, k, 3)).astype(np.float32)
    keypoints[0, 3] = keypoints[1] = (np.nan, np.nan, 0)
    corners = random.uniform(0, 200, (count, 2))
    poses = Poses(
        skeleton=body,
        keypoints=keypoints,
        boxes=np.concatenate((corners, corners + 50), axis=1).round(),
        box_scores=random.random(count),
        scores=random.random(count),
    )
    nowhere, is_known = np.nan, np.array([[1.0], [np.nan], [1.0]])
    return Tracks(
        poses=poses,
        ids=[7, 3, 4],
        states=[TrackState.TRACKED, TrackState.LOST, TrackState.TENTATIVE],
        ages_s=[2.25, 1.5, 0],
        unseen_s=[0.0, 0.5, 0],
        hits=[12, 4, 1],
        detection_rows=[0, -1, 1],
        velocities_px=[[3, -4], [0, 0], [1, 1]],
        person_ids=[-1, 2, 1],
        identity_scores=[np.nan, 0.5, 0.25],
        positions=is_known * random.random((3, 3)),
        position_covariances=is_known[..., None] * random.random((3, 3, 3)).astype(np.float32),
        velocities=is_known * random.random((3, 3)),
        velocity_covariances=is_known[..., None] * random.random((3, 3, 3)).astype(np.float32),
        position_sources=[PositionSource.DEPTH, PositionSource.NONE, PositionSource.GROUND],
        facings=[[0, 0.6, -0.8], [nowhere] * 3, [1, 0, 0]],
        facing_stds=[0.25, nowhere, 0.5],
    )


def run(path, *people, prefix=""):
    job = Job(config=Config(), skeleton=BODY, rate_hz=25.0)
    with BagSink(path, job, prefix=prefix) as sink:
        for index, (stamp_ns, tracks) in enumerate(zip(STAMPS_NS, people, strict=True)):
            frame = Frame(image=np.zeros((100, 200, 3), np.uint8), stamp_ns=stamp_ns, index=index)
            item = Item(frame=frame, name="street.jpg", received_ns=stamp_ns + index)
            poses = tracks.poses[tracks.detection_rows >= 0]
            sink.add(Processed(item=item, result=Result(poses=poses, tracks=tracks, stage_ms={})))
    return path


def record(path, messages, extra=(), of_none=()):
    """Write messages (stamp, tracks) as they come from a node; numbers ``of_none``: of no image."""
    with BagWriter(path) as bag:
        for message in extra:
            bag.write(message)
        for number, (stamp_ns, tracks) in enumerate(messages):
            width = 0 if number in of_none else 200
            about = About(header_of(stamp_ns, "camera", DIALECT), width=width, height=width // 2)
            message = tracks_to_message(tracks, about, DIALECT)
            data = bytes(TYPES.serialize_cdr(message, TRACKS))
            bag.write(BagMessage("/tracks", TRACKS, 10 + number, data))
    return path


def assert_same(found, wanted):
    assert type(found) is type(wanted)
    for item in fields(wanted):
        one, other = getattr(found, item.name), getattr(wanted, item.name)
        if isinstance(other, Poses):
            assert_same(one, other)
        elif isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other, err_msg=item.name)
        else:
            assert one == other, item.name


def test_the_frame_of_positions_is_told_where_it_is_not_the_cameras(tmp_path):
    for name, frame_id in (("seen", "camera"), ("placed", "odom")):
        about = About(header_of(STAMPS_NS[0], "camera", DIALECT), width=200, height=100)
        message = tracks_to_message(some_tracks(), about, DIALECT)
        message.header = header_of(STAMPS_NS[0], frame_id, DIALECT)
        with BagWriter(tmp_path / name) as bag:
            data = bytes(TYPES.serialize_cdr(message, TRACKS))
            bag.write(BagMessage("/tracks", TRACKS, 10, data))
    assert read_bag_results(tmp_path / "seen").frames[0].frame_id == ""
    assert read_bag_results(tmp_path / "placed").frames[0].frame_id == "odom"


def test_the_people_of_every_frame_come_back(tmp_path):
    people, nobody = some_tracks(), Tracks.empty(BODY)
    results = read_bag_results(run(tmp_path / "street_bag", people, nobody))
    assert results.skeleton is BODY
    assert (results.source_name, results.has_stamps) == ("street_bag", True)
    first, second = results.frames
    assert (first.name, first.index, first.stamp_ns) == ("0.jpg", 0, STAMPS_NS[0])
    assert (second.name, second.index, second.stamp_ns) == ("1.jpg", 1, STAMPS_NS[1])
    assert (first.width, first.height) == (200, 100)
    assert_same(first.tracks, people)
    assert_same(second.tracks, nobody)


def test_a_single_file_of_a_bag_is_enough(tmp_path):
    path = run(tmp_path / "bag", some_tracks(), some_tracks())
    assert len(read_bag_results(path / "bag.mcap").frames) == 2


def test_the_last_word_of_a_node_is_no_frame(tmp_path):
    people, nobody = some_tracks(), Tracks.empty(BODY)
    words = [(1, people), (2, nobody), (3, people), (3, nobody), (4, people), (4, nobody)]
    results = read_bag_results(record(tmp_path / "bag", words))
    assert [frame.stamp_ns for frame in results.frames] == [1, 2, 3, 4]
    assert [len(frame.tracks) for frame in results.frames] == [3, 0, 3, 3]


def test_the_last_word_of_a_node_that_saw_no_image_is_no_frame(tmp_path):
    nobody = Tracks.empty(BODY)
    words = [(0, nobody), (5, some_tracks()), (5, nobody), (0, nobody), (6, nobody)]
    path = record(tmp_path / "bag", words, of_none=(0, 3))
    assert [frame.stamp_ns for frame in read_bag_results(path).frames] == [5, 6]
    path = record(tmp_path / "nothing", words[:1], of_none=(0,))
    with pytest.raises(BagError, match="there is no message on /tracks"):
        read_bag_results(path)


def test_of_a_truncated_bag_the_frames_that_are_left_are_read(tmp_path, caplog):
    words = [(1 + number, some_tracks()) for number in range(300)]
    path = record(tmp_path / "bag", words)
    assert len(read_bag_results(path).frames) == 300 and not caplog.records
    made.cut(path / "bag.mcap", 0.6)
    frames = read_bag_results(path).frames
    assert 50 < len(frames) < 300
    assert [frame.stamp_ns for frame in frames] == list(range(1, len(frames) + 1))
    assert_same(frames[-1].tracks, some_tracks())
    assert f"{len(frames)} frames of /tracks are kept. bag.mcap, byte" in caplog.text


def test_a_message_that_cannot_be_decoded_costs_no_other(tmp_path, caplog):
    cut = BagMessage("/tracks", TRACKS, 1, b"\x00\x01\x00\x00\x01\x02")
    path = record(tmp_path / "bag", [(2, some_tracks()), (3, some_tracks())], [cut])
    assert [frame.stamp_ns for frame in read_bag_results(path).frames] == [2, 3]
    assert "a message of /tracks is no alphapose_ros/msg/TrackedPersonArray" in caplog.text
    path = record(tmp_path / "none", [], [cut])
    with pytest.raises(
        BagError, match=r"no message on /tracks that can be read; /tracks at 0\.000"
    ):
        read_bag_results(path)


def test_cameras_without_stamps_lose_no_frame(tmp_path):
    nobody = Tracks.empty(BODY)
    results = read_bag_results(record(tmp_path / "bag", [(0, nobody), (0, nobody)]))
    assert len(results.frames) == 2


def test_a_skeleton_of_the_publishers_own_is_taken_from_the_bag(tmp_path):
    own = replace(
        BODY,
        id="mine",
        names=tuple(f"my_{name}" for name in BODY.names),
        edges=tuple((f"my_{a}", f"my_{b}") for a, b in BODY.edges),
    )
    name = "alphapose_ros/msg/SkeletonDefinition"
    message = skeleton_to_message(own, header_of(0, "", DIALECT), DIALECT)
    definition = BagMessage("/skeleton", name, 1, bytes(TYPES.serialize_cdr(message, name)))
    path = record(tmp_path / "bag", [(1, some_tracks(own))], [definition])
    results = read_bag_results(path)
    assert (results.skeleton.id, results.skeleton.names) == ("mine", own.names)
    np.testing.assert_array_equal(
        results.frames[0].tracks.poses.keypoints, some_tracks().poses.keypoints
    )
    path = record(tmp_path / "without", [(1, some_tracks(own))])
    with pytest.raises(ValueError, match="'mine' is neither known here nor defined"):
        read_bag_results(path)


def test_a_skeleton_that_changes_is_refused(tmp_path):
    path = record(tmp_path / "bag", [(1, some_tracks()), (2, some_tracks(skeleton("halpe_136")))])
    with pytest.raises(ValueError, match=r"message 1 of /tracks: .*'halpe_136', not 'coco_17'"):
        read_bag_results(path)


def test_which_of_several_topics_is_meant_must_be_said(tmp_path):
    front = run(tmp_path / "front", some_tracks(), Tracks.empty(BODY), prefix="front")
    job = Job(config=Config(), skeleton=BODY, rate_hz=25.0)
    with BagSink(tmp_path / "both", job, prefix="back", copy_from=front) as sink:
        frame = Frame(image=np.zeros((100, 200, 3), np.uint8), stamp_ns=5)
        tracks = Tracks.empty(BODY)
        result = Result(poses=tracks.poses, tracks=tracks, stage_ms={})
        sink.add(Processed(item=Item(frame=frame, name="", received_ns=5), result=result))
    with pytest.raises(BagError, match="which tracks are meant, /back/tracks or /front/tracks"):
        read_bag_results(tmp_path / "both")
    assert len(read_bag_results(tmp_path / "both", "/front/tracks").frames) == 2
    assert len(read_bag_results(tmp_path / "both", "/back/tracks").frames) == 1
    with pytest.raises(BagError, match="/back/poses holds no tracks; its topics are /back/markers"):
        read_bag_results(tmp_path / "both", "/back/poses")


def test_a_bag_without_people_says_how_to_find_them(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        point = "geometry_msgs/msg/Point"
        bag.write(BagMessage("/point", point, 1, b"\x00\x01\x00\x00" + bytes(24)))
    with pytest.raises(BagError, match=r"holds no tracks of people .* `alphapose run"):
        read_bag_results(tmp_path / "bag")


def test_messages_that_are_too_old_are_refused_by_name(tmp_path):
    definitions = {
        "alphapose_ros/msg/TrackedPerson": "uint64 track_id\n",
        TRACKS: "std_msgs/Header header\nuint32 image_width\nuint32 image_height\n"
        "string skeleton_id\nTrackedPerson[] people\n",
    }
    types = message_types(definitions)
    header = types.types["std_msgs/msg/Header"](
        stamp=types.types["builtin_interfaces/msg/Time"](sec=1, nanosec=0), frame_id=""
    )
    people = [types.types["alphapose_ros/msg/TrackedPerson"](track_id=1)]
    message = types.types[TRACKS](
        header=header, image_width=1, image_height=1, skeleton_id="coco_17", people=people
    )
    with BagWriter(tmp_path / "bag", definitions=definitions) as bag:
        data = bytes(types.serialize_cdr(message, TRACKS))
        bag.write(BagMessage("/tracks", TRACKS, 1, data))
    with pytest.raises(ValueError, match=r"message 0 of /tracks cannot be read: .*record the bag"):
        read_bag_results(tmp_path / "bag")
