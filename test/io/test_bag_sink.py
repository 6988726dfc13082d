"""What the offline way writes into a bag: topics, stamps, targets, copies; the same every time."""

from __future__ import annotations

from dataclasses import replace
from errno import ENOSPC
from itertools import islice
from types import SimpleNamespace

import made_bags as made
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from alphapose_ros.config import Config, OutputConfig, TargetConfig
from alphapose_ros.frame import Frame, Poses, Tracks, TrackState
from alphapose_ros.io import bag_sink
from alphapose_ros.io.bag import BagError, BagMessage, BagReader, BagWriter, OfferedQos
from alphapose_ros.io.bag_sink import OUTPUTS, RESERVE, BagSink, wish_of
from alphapose_ros.io.ends import Item, Job, Processed
from alphapose_ros.io.video import read_video
from alphapose_ros.lifting.moving import Placed, moved
from alphapose_ros.pipeline import Pipeline, Result
from alphapose_ros.skeletons import skeleton

BODY = skeleton("halpe_136")
SECOND = 10**9
START_NS = 1_700_000_000 * SECOND + 5
LATE_NS = 30_000_000  # images are received so long after their stamps
STRANGE = "int32 value\nstd_msgs/Header header\n"
PLACE = np.array([10.0, 0.0, 1.0])
PLAIN = ["/markers", "/poses", "/skeleton", "/tracks"]


def job(**output):
    return Job(config=Config(output=OutputConfig(**output)), skeleton=BODY, rate_hz=10.0)


def processed(number, ids=(1, 2), lost=(), positions=None):
    """Frame ``number`` in which people stand side by side, 100 pixels apart."""
    random, n = np.random.default_rng(number), len(ids)
    is_lost = np.isin(ids, lost)
    boxes = np.array([(100 * (i % 5), 20, 100 * (i % 5) + 80, 220) for i in ids]).reshape(n, 4)
    keypoints = np.concatenate(
        (boxes[:, None, :2] + random.uniform(0, 80, (n, 136, 2)), random.random((n, 136, 1))), 2
    )
    keypoints[is_lost] = (np.nan, np.nan, 0)
    looks = np.tile([0.6, 0.8], (n, 1))
    poses = Poses(
        skeleton=BODY,
        keypoints=keypoints,
        boxes=boxes,
        box_scores=np.full(n, 0.9),
        scores=np.full(n, 0.75),
        embeddings=looks,
    )
    rows = np.where(is_lost, -1, np.cumsum(~is_lost) - 1)
    tracks = Tracks(
        poses=poses,
        ids=ids,
        states=np.where(is_lost, TrackState.LOST, TrackState.TRACKED),
        ages_s=np.full(n, number / 10),
        unseen_s=is_lost * 0.5,
        hits=np.full(n, number),
        detection_rows=rows,
        velocities_px=np.zeros((n, 2)),
        person_ids=np.full(n, -1),
        identity_scores=np.full(n, np.nan),
        positions=positions,
    )
    stamp_ns = START_NS + number * SECOND // 10
    image = np.zeros((240, 640, 3), np.uint8)
    frame = Frame(image=image, stamp_ns=stamp_ns, frame_id="front_camera", index=number)
    item = Item(frame=frame, name=f"{number}.jpg", received_ns=stamp_ns + LATE_NS)
    result = Result(poses=poses[~is_lost], tracks=tracks, stage_ms={})
    return Processed(item=item, result=result)


def write(path, frames, settings=None, **options):
    with BagSink(path, settings or job(), **options) as sink:
        for one in frames:
            sink.add(one)
    return path


def read(path, topic=None):
    """Return (topic, time, message) of all messages, decoded by what the bag itself says."""
    with AnyReader([path]) as bag:
        return [
            (connection.topic, stamp_ns, bag.deserialize(data, connection.msgtype))
            for connection, stamp_ns, data in bag.messages()
            if topic in (None, connection.topic)
        ]


def stamp_of(header):
    return header.stamp.sec * SECOND + header.stamp.nanosec


def test_every_frame_is_a_message_on_each_topic_under_the_header_of_its_image(tmp_path):
    path = write(tmp_path / "bag", [processed(n) for n in range(3)])
    for topic in ("/poses", "/tracks"):
        messages = read(path, topic)
        assert [stamp_ns for _, stamp_ns, _ in messages] == [
            START_NS + n * SECOND // 10 + LATE_NS for n in range(3)
        ]
        for n, (_, _, message) in enumerate(messages):
            assert stamp_of(message.header) == START_NS + n * SECOND // 10
            assert message.header.frame_id == "front_camera"
            assert (message.image_width, message.image_height) == (640, 240)
            assert (message.skeleton_id, len(message.people)) == ("halpe_136", 2)
    markers = read(path, "/markers")
    assert len(markers) == 1 + 3
    for _, _, message in markers[1:]:
        assert {stamp_of(m.header) for m in message.markers} <= {
            START_NS + n * SECOND // 10 for n in range(3)
        }


def test_the_skeleton_stands_once_at_the_start_and_is_latched(tmp_path):
    path = write(tmp_path / "bag", [processed(n) for n in range(3)])
    topics = [topic for topic, _, _ in read(path)]
    assert topics[0] == "/skeleton"
    assert topics.count("/skeleton") == 1
    with BagReader(path) as bag:
        assert bag.qos["/skeleton"] == OfferedQos(depth=1, reliable=True, latched=True)
    ((_, stamp_ns, message),) = read(path, "/skeleton")
    assert stamp_ns == START_NS + LATE_NS
    assert tuple(message.keypoint_names) == BODY.names
    assert np.reshape(message.edges, (-1, 2)).tolist() == BODY.edge_rows.tolist()


def test_markers_begin_with_a_clean_picture(tmp_path):
    path = write(tmp_path / "bag", [processed(0)])
    first, second = (message for _, _, message in read(path, "/markers"))
    assert [marker.action for marker in first.markers] == [3]  # DELETEALL
    assert {(marker.ns, marker.id) for marker in second.markers} == {
        (name, number) for name in ("skeleton", "keypoints", "label") for number in (1, 2)
    }


def test_numbers_of_detections_go_on_from_frame_to_frame(tmp_path):
    path = write(tmp_path / "bag", [processed(0), processed(1, ids=(1, 2, 3), lost=(2,))])
    numbers = [[p.detection_id for p in m.people] for _, _, m in read(path, "/poses")]
    assert numbers == [[1, 2], [3, 4]]
    tracks = [[p.pose.detection_id for p in m.people] for _, _, m in read(path, "/tracks")]
    assert tracks == [[1, 2], [3, 0, 4]]


def test_a_frame_without_people_is_there_too(tmp_path):
    path = write(tmp_path / "bag", [processed(0, ids=())])
    assert [len(m.people) for _, _, m in read(path, "/tracks")] == [0]
    assert [len(m.people) for _, _, m in read(path, "/poses")] == [0]


def test_topics_are_put_into_a_namespace(tmp_path):
    path = write(tmp_path / "bag", [processed(0)], prefix="/front/")
    with BagReader(path) as bag:
        assert sorted(bag.topics) == [f"/front{name}" for name in PLAIN]


@pytest.mark.parametrize(
    ("settings", "is_told"),
    [
        ({}, False),
        ({"embeddings": True}, True),
        ({"embeddings": True, "privacy": True}, False),
    ],
)
def test_what_people_look_like_is_told_only_where_it_is_wanted(tmp_path, settings, is_told):
    path = write(tmp_path / "bag", [processed(0)], job(**settings))
    for topic in ("/poses", "/tracks"):
        ((_, _, message),) = read(path, topic)
        for person in message.people:
            pose = getattr(person, "pose", person)
            assert len(pose.embedding) == (2 if is_told else 0)


def test_privacy_draws_no_faces(tmp_path):
    counts = {}
    for privacy in (False, True):
        path = write(tmp_path / str(privacy), [processed(0)], job(privacy=privacy))
        *_, (_, _, message) = read(path, "/markers")
        points = [marker for marker in message.markers if marker.ns == "keypoints"]
        counts[privacy] = sum(len(marker.points) for marker in points)
    scores = processed(0).result.tracks.poses.keypoints[:, BODY.group("face"), 2]
    assert counts[False] - counts[True] == (scores >= 0.3).sum() > 0


def test_the_nearest_person_is_followed(tmp_path):
    near = [[0, 0, 5.0], [1, 0, 2.0]]
    frames = [processed(n, positions=near if n < 3 else near[::-1]) for n in range(5)]
    path = write(tmp_path / "bag", frames, target="nearest")
    statuses = [message for _, _, message in read(path, "/target/status")]
    assert [(s.state, s.track_id) for s in statuses] == [(2, 2)] * 5
    assert {s.header.frame_id for s in statuses} == {"front_camera"}
    poses = [message for _, _, message in read(path, "/target/pose")]
    assert [pose.pose.position.z for pose in poses] == [2.0] * 3 + [5.0] * 2
    assert [stamp_of(p.header) for p in poses] == [one.item.frame.stamp_ns for one in frames]
    assert all(pose.pose.orientation.w == 1.0 for pose in poses)


def test_people_in_another_frame_are_told_there_and_shown_where_the_camera_sees_them(tmp_path):
    frames = [processed(n, positions=[[0, 0, 5.0], [1, 0, 2.0]]) for n in range(2)]
    looking_ahead = np.array([[0, 0, 1, 10.0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]])
    placed = [
        replace(one, placed=Placed(moved(one.result.tracks, looking_ahead), "odom", PLACE))
        for one in frames
    ]
    path = write(tmp_path / "bag", placed, target="nearest")
    for _, _, message in read(path, "/tracks"):
        assert (message.header.frame_id, message.image_frame_id) == ("odom", "front_camera")
        places = [person.position for person in message.people]
        assert [(one.x, one.y, one.z) for one in places] == [(15, 0, 1), (12, -1, 1)]
    for _, _, message in read(path, "/target/pose"):  # the nearest one by the camera's place
        assert message.header.frame_id == "odom"
        assert (message.pose.position.x, message.pose.position.y) == (12, -1)
    plain = write(tmp_path / "plain", frames, target="nearest")
    for topic in ("/poses", "/markers", "/target/status"):
        assert repr(read(path, topic)) == repr(read(plain, topic))


def test_a_target_that_comes_later_or_goes_is_told_of(tmp_path):
    frames = [processed(n, ids=(1, 2) if n in (2, 3) else (1,)) for n in range(5)]
    path = write(tmp_path / "bag", frames, target="track:2")
    states = [message.state for _, _, message in read(path, "/target/status")]
    assert states[:4] == [0, 0, 2, 2]
    assert states[4] in (0, 3)
    assert read(path, "/target/pose") == []


def test_somebody_who_holds_up_a_hand_is_followed(tmp_path):
    settings = Job(
        config=Config(target=TargetConfig(raised_hand_s=0.1)), skeleton=BODY, rate_hz=10.0
    )
    frames = []
    for n in range(12):
        one = processed(n, ids=(4,))
        keypoints = one.result.tracks.poses.keypoints.copy()
        places = {
            "left_shoulder": (60, 60),
            "right_shoulder": (20, 60),
            "left_hip": (55, 120),
            "right_hip": (25, 120),
            "right_elbow": (10, 30),
            "right_wrist": (10, -10),
            "left_elbow": (65, 90),
            "left_wrist": (65, 120),
        }
        for name, place in places.items():
            keypoints[0, BODY.index(name)] = (*place, 0.9)
        tracks = one.result.tracks
        tracks = replace(tracks, poses=replace(tracks.poses, keypoints=keypoints))
        frames.append(replace(one, result=replace(one.result, tracks=tracks)))
    path = write(tmp_path / "bag", frames, settings, target="raised_hand")
    statuses = [message for _, _, message in read(path, "/target/status")]
    assert (statuses[0].state, statuses[0].track_id) == (1, 0)  # SELECTING
    assert (statuses[-1].state, statuses[-1].track_id) == (2, 4)


@pytest.mark.parametrize("text", ["tallest", "track:", "track:-1", "person:x", "nearest:1", ":2"])
def test_a_target_that_makes_no_sense_is_refused(text, tmp_path):
    with pytest.raises(ValueError, match="is none of nearest, centre, raised_hand, track:NUMBER"):
        BagSink(tmp_path / "bag", job(), target=text)
    assert not (tmp_path / "bag").exists()


def test_targets_are_read():
    assert wish_of("raised_hand") is None
    assert (wish_of("track:12").track_id, wish_of("person:3").person_id) == (12, 3)


def test_two_writings_of_the_same_frames_are_equal_byte_for_byte(tmp_path):
    frames = [processed(n, ids=(1, 2, n + 3), lost=(1,) if n > 4 else ()) for n in range(8)]
    paths = [write(tmp_path / name / "bag", frames, target="nearest") for name in "ab"]
    with BagReader(paths[0]) as one, BagReader(paths[1]) as other:
        messages = list(one.messages())
        assert messages == list(other.messages())
        assert len(messages) == 2 + 8 * 4
    for name in ("bag.mcap", "metadata.yaml"):
        assert (paths[0] / name).read_bytes() == (paths[1] / name).read_bytes()


def test_a_broken_off_run_leaves_a_readable_bag(tmp_path):
    with pytest.raises(ZeroDivisionError), BagSink(tmp_path / "bag", job()) as sink:
        sink.add(processed(0))
        raise ZeroDivisionError
    assert len(read(tmp_path / "bag", "/tracks")) == 1


def fill_disk(monkeypatch, left):
    """Let the disk have so many bytes left, one number after the other."""
    values = iter(left)
    usage = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=next(values)))
    monkeypatch.setattr(bag_sink, "shutil", usage)


def test_a_full_disk_ends_the_bag_before_it_is_spoiled(tmp_path, monkeypatch):
    fill_disk(monkeypatch, [RESERVE, RESERVE, RESERVE - 1])
    with (
        pytest.raises(OSError, match="no space is left but 16 MiB") as error,
        BagSink(tmp_path / "bag", job()) as sink,
    ):
        for number in range(3):
            sink.add(processed(number))
    assert (error.value.errno, error.value.filename) == (ENOSPC, str(tmp_path / "bag"))
    assert len(read(tmp_path / "bag", "/tracks")) == 2


def test_a_disk_that_is_filled_by_copies_ends_them_too(tmp_path, monkeypatch, source):
    fill_disk(monkeypatch, [2 * RESERVE, 2 * RESERVE, RESERVE + len(POINT_DATA) - 1])
    with (
        pytest.raises(OSError, match="no space is left"),
        BagSink(tmp_path / "bag", job(), copy_from=source) as sink,
    ):
        sink.add(processed(0))
    assert [topic for topic, _, _ in read(tmp_path / "bag")] == ["/strange"]


def test_a_bag_is_replaced_only_when_asked(tmp_path):
    write(tmp_path / "bag", [processed(0)])
    with pytest.raises(BagError, match="exists; delete it"):
        write(tmp_path / "bag", [processed(1)])
    write(tmp_path / "bag", [processed(0), processed(1)], overwrite=True)
    assert len(read(tmp_path / "bag", "/tracks")) == 2


# Copies of other topics

POINT = "geometry_msgs/msg/Point"
POINT_DATA = b"\x00\x01\x00\x00" + np.array([1.0, 2.0, 3.0]).tobytes()
STRANGE_DATA = b"\x00\x01\x00\x00" + np.array([42, 7, 8, 1, 0], "<i4").tobytes()


@pytest.fixture
def source(tmp_path):
    """A bag with a topic every 50 ms, a latched one of a foreign type, and old tracks."""
    path = tmp_path / "source"
    with BagWriter(path, definitions={"odd/msg/Strange": STRANGE}) as bag:
        strange = BagMessage("/strange", "odd/msg/Strange", START_NS - SECOND, STRANGE_DATA)
        bag.write(strange, OfferedQos(depth=7, latched=True))
        for n in range(10):
            stamp_ns = START_NS + n * SECOND // 20
            bag.write(BagMessage("/odom/place", POINT, stamp_ns, POINT_DATA), OfferedQos(depth=3))
            bag.write(BagMessage("/tracks", POINT, stamp_ns, POINT_DATA))
    return path


def test_other_topics_are_copied_in_the_order_of_time(tmp_path, source):
    path = write(tmp_path / "bag", [processed(n) for n in range(3)], copy_from=source)
    messages = read(path)
    times = [stamp_ns for _, stamp_ns, _ in messages]
    assert times == sorted(times)
    topics = [topic for topic, _, _ in messages]
    assert topics[0] == "/strange"
    assert topics.count("/odom/place") == 10
    assert topics[-1] == "/odom/place"  # also what comes after the last frame
    assert topics.count("/tracks") == 3  # not the old ones
    with BagReader(path) as new, BagReader(source) as old:
        for name in ("/odom/place", "/strange"):
            assert list(new.messages([name])) == list(old.messages([name]))
            assert new.qos[name] == old.qos[name]
            assert new.type_hashes[name] == old.type_hashes[name]
    ((_, _, message),) = read(path, "/strange")
    assert (message.value, message.header.stamp.sec) == (42, 7)


@pytest.mark.parametrize(
    ("patterns", "copied"),
    [(["/odom/*"], ["/odom/place"]), (["/strange", "/odom/place"], ["/odom/place", "/strange"])],
)
def test_topics_to_be_copied_are_chosen_by_pattern(tmp_path, source, patterns, copied):
    path = write(tmp_path / "bag", [processed(0)], copy_from=source, copy_topics=patterns)
    with BagReader(path) as bag:
        assert sorted(set(bag.topics) - set(PLAIN)) == copied


def test_in_a_namespace_nothing_is_in_the_way(tmp_path, source):
    path = write(tmp_path / "bag", [processed(0)], copy_from=source, prefix="offline")
    with BagReader(path) as bag:
        assert bag.counts["/tracks"] == 10
        assert bag.counts["/offline/tracks"] == 1


def test_a_pattern_without_topics_is_an_error_that_names_them(tmp_path, source):
    with pytest.raises(BagError, match=r"no topic '/camera/\*' .* it has /odom/place, /strange"):
        write(tmp_path / "bag", [], copy_from=source, copy_topics=["/camera/*"])
    assert not (tmp_path / "bag").exists()


def test_a_broken_off_run_copies_no_further_than_its_frames(tmp_path, source):
    with (
        pytest.raises(KeyboardInterrupt),
        BagSink(tmp_path / "bag", job(), copy_from=source) as sink,
    ):
        sink.add(processed(0))
        sink.add(processed(1))
        raise KeyboardInterrupt
    messages = read(tmp_path / "bag")
    assert max(stamp_ns for _, stamp_ns, _ in messages) == START_NS + SECOND // 10 + LATE_NS
    assert len(read(tmp_path / "bag", "/odom/place")) == 3  # at 0, 50 and 100 ms


def test_another_definition_of_a_known_type_is_refused(tmp_path):
    """An old recording of ours, say, whose messages had other fields."""
    source, old = tmp_path / "source", "alphapose_ros/msg/TargetStatus"
    definitions = {
        old: "uint8 state\n",
        "odd/msg/Pair": "alphapose_ros/TargetStatus first\nalphapose_ros/TargetStatus second\n",
    }
    with BagWriter(source, definitions=definitions) as bag:
        bag.write(BagMessage("/direct", old, 1, b"\x00\x01\x00\x00\x02"))
        bag.write(BagMessage("/inside", "odd/msg/Pair", 1, b"\x00\x01\x00\x00\x02\x03"))
    for topic in ("/direct", "/inside"):
        with pytest.raises(
            BagError, match=rf"TargetStatus \({topic}\) is another .* leave {topic}"
        ):
            write(tmp_path / "bag", [processed(0)], copy_from=source, copy_topics=[topic])


def test_a_damaged_source_costs_only_what_is_damaged(tmp_path, source, caplog):
    file = source / "source.mcap"
    whole = BagReader(file)
    with whole:
        assert len(list(whole.messages())) == 21
    data = bytearray(file.read_bytes())
    at = data.find(POINT_DATA[4:]) + 4
    data[at - 40 : at + 400] = b"\xff" * 440
    file.write_bytes(data)
    path = write(tmp_path / "bag", [processed(n) for n in range(3)], copy_from=source)
    assert len(read(path, "/tracks")) == 3
    assert "copied no further" in caplog.text


@pytest.mark.parametrize(
    ("storage", "compression"), [("mcap", "none"), ("sqlite3", "none"), ("sqlite3", "message")]
)
def test_of_a_truncated_bag_what_is_left_is_copied(tmp_path, caplog, storage, compression):
    source = made.write(tmp_path / "source", made.camera(100), storage, compression)
    with BagReader(source) as bag:
        whole = list(bag.messages(["/camera/image_raw"]))
    (file,) = [item for item in source.iterdir() if item.suffix != ".yaml"]
    pages = file.stat().st_size * 6 // 10 // 4096
    file.write_bytes(file.read_bytes()[: pages * 4096])
    path = write(tmp_path / "bag", [processed(0)], copy_from=source, copy_topics=["/camera/*"])
    with BagReader(path) as bag:
        copied = list(bag.messages(["/camera/image_raw"]))
    assert 30 < len(copied) < 65 and copied == whole[: len(copied)]
    assert "what is left was copied" in caplog.text


def test_of_a_truncated_bag_another_definition_of_a_known_type_is_refused(tmp_path):
    source, old = tmp_path / "source", "alphapose_ros/msg/TargetStatus"
    with BagWriter(source, definitions={old: "uint8 state\n"}) as bag:
        bag.write(BagMessage("/old", old, 1, b"\x00\x01\x00\x00\x01"))
    file = source / "source.mcap"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(BagError, match=r"TargetStatus \(/old\) is another than the one of today"):
        write(tmp_path / "bag", [processed(0)], copy_from=source)


def test_topics_of_ros_1_are_not_copied(tmp_path):
    with pytest.raises(BagError, match="rosbags-convert --src"):
        write(tmp_path / "bag", [], copy_from=tmp_path / "old.bag")


def test_every_output_has_its_definition(tmp_path):
    write(tmp_path / "bag", [processed(0, positions=[[0, 0, 1], [0, 0, 2]])], target="nearest")
    with BagReader(tmp_path / "bag") as bag:
        assert bag.topics == {f"/{name}": output.type_name for name, output in OUTPUTS.items()}
        assert set(bag.definitions) == set(bag.topics.values())


def test_two_runs_of_the_whole_pipeline_are_equal_byte_for_byte(tmp_path, data):
    settings = Config(threads=1)
    images = []
    with read_video(data / "videos/walking/white_cane_toward.mp4") as video:
        for image, time_s in islice(video, 5):
            images.append((image, round(time_s * 1e9)))
    paths = []
    for name in "ab":
        pipeline = Pipeline(settings)
        whole = Job(config=settings, skeleton=pipeline.skeleton, rate_hz=25.0)
        with BagSink(tmp_path / name / "bag", whole, target="nearest") as sink:
            for index, (image, stamp_ns) in enumerate(images):
                frame = Frame(image=image, stamp_ns=stamp_ns, frame_id="camera", index=index)
                item = Item(frame=frame, name=f"{index}.jpg", received_ns=stamp_ns)
                sink.add(Processed(item=item, result=pipeline.run(frame)))
        paths.append(tmp_path / name / "bag")
    with BagReader(paths[0]) as one, BagReader(paths[1]) as other:
        messages = list(one.messages())
        assert messages == list(other.messages())
    assert len(read(paths[0], "/tracks")[-1][2].people) > 0
    assert (paths[0] / "bag.mcap").read_bytes() == (paths[1] / "bag.mcap").read_bytes()
