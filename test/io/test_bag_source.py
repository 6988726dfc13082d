"""Bags as sources: real ones to their end, made ones in every form, topics found and asked for."""

from __future__ import annotations

import sqlite3

import made_bags as made
import numpy as np
import pytest

from alphapose_ros.io.bag import BagError
from alphapose_ros.io.bag_source import BagSource, BagTopics

TOPIC = "/camera/image_raw"


@pytest.mark.parametrize(
    ("name", "count", "rate_hz", "shape"),
    [
        ("pets_compressed_db3", 70, 10, (360, 480, 3)),
        ("asl_walk_compressed_mcap", 89, 30, (480, 640, 3)),
        ("store_aisle_raw_db3", 20, 15, (135, 240, 3)),
        ("uva_person_rgbd_mcap_zstd", 20, 5, (480, 640, 3)),
    ],
)
def test_real_bags_are_read_to_their_end(data, name, count, rate_hz, shape):
    source, items = made.frames(data / "ros2_bags" / name)
    assert (source.name, source.frame_count, len(items)) == (name, count, count)
    assert (source.rate_hz, source.is_sequence, source.problems) == (rate_hz, True, [])
    assert {item.frame.image.shape for item in items} == {shape}
    assert [item.frame.index for item in items] == list(range(count))
    assert [item.name for item in items[:2]] == ["0.jpg", "1.jpg"]
    for index, item in enumerate(items):  # as the bags were made
        assert item.frame.stamp_ns == pytest.approx(1.7e18 + index * 1e9 / rate_hz, abs=1)
        assert item.frame.camera.matrix[0, 0] > 0


def test_depth_of_the_real_bag_is_found_and_paired_by_itself(data):
    source, items = made.frames(data / "ros2_bags/uva_person_rgbd_mcap_zstd")
    assert source.topics.depth == "/camera/aligned_depth_to_color/image_raw"
    assert items[0].frame.camera.matrix[0, 0] == 525
    for item in items:
        metres = item.frame.depth
        assert metres.shape == (480, 640) and 0.3 < np.nanmedian(metres) < 10


def test_a_bag_without_images_is_told_with_what_it_holds(data):
    with pytest.raises(
        BagError, match=r"(?s)mcap: no topic of images; it holds\n.*/topic  .*String, 10"
    ):
        BagSource(data / "ros2_bags/rosbag2_test_resources/mcap")


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        ("mcap", "none"),
        ("mcap", "storage"),
        ("mcap", "file"),
        ("sqlite3", "none"),
        ("sqlite3", "file"),
        ("sqlite3", "message"),
    ],
)
def test_every_storage_and_compression_gives_the_same_frames(tmp_path, storage, compression):
    path = made.write(tmp_path / "bag", made.camera(), storage, compression)
    source, items = made.frames(path)
    assert (len(items), source.frame_count, source.rate_hz, source.problems) == (10, 10, 10, [])
    for number, item in enumerate(items):
        assert made.is_picture(item, number)
        assert item.frame.stamp_ns == made.at(number)  # of the header
        assert item.received_ns == made.at(number, later_ns=5_000_000)  # of the bag
        assert item.frame.frame_id == "camera" and item.frame.camera.matrix[0, 0] == 50


@pytest.mark.parametrize("compression", [None, "BZ2", "LZ4"])
def test_bags_of_ros_1_give_the_same_frames(tmp_path, compression):
    sent = made.camera(types=made.TYPES1)
    source, items = made.frames(made.write_ros1(tmp_path / "a.bag", sent, compression))
    assert (len(items), source.frame_count, source.rate_hz) == (10, 10, 10)
    for number, item in enumerate(items):
        assert made.is_picture(item, number) and item.frame.stamp_ns == made.at(number)
        assert item.frame.camera.matrix[0, 0] == 50


def test_a_single_file_and_chunks_of_lz4_are_read(tmp_path):
    path = made.write(tmp_path / "bag", made.camera()) / "bag.mcap"
    for file in (path, made.with_lz4(path, tmp_path / "lz4.mcap")):
        source, items = made.frames(file)
        assert (source.name, source.problems) == (file.name, [])
        assert [made.is_picture(item, number) for number, item in enumerate(items)] == [True] * 10


def test_old_bags_without_definitions_are_read_with_those_of_jazzy(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(), "sqlite3")
    with sqlite3.connect(path / "bag.db3") as database:
        database.execute("DROP TABLE message_definitions")
        database.execute("UPDATE schema SET schema_version = 3")
    database.close()
    source, items = made.frames(path)
    assert len(items) == 10 and made.is_picture(items[9], 9) and source.problems == []


# Topics


def two_cameras():
    return made.camera(3, "/left/image_raw") + made.camera(4, "/right/image_raw")


def test_several_topics_are_listed_with_the_remedy(tmp_path):
    path = made.write(tmp_path / "bag", two_cameras())
    with pytest.raises(BagError) as told:
        BagSource(path)
    text = str(told.value)
    assert "--topics image=TOPIC" in text
    assert "/left/image_raw   sensor_msgs/msg/Image, 3 messages, bgr8" in text
    assert "/right/image_raw  sensor_msgs/msg/Image, 4 messages, bgr8" in text
    assert "camera_info" not in text


@pytest.mark.parametrize("name", ["/right/image_raw", "right/image_raw"])
def test_the_topic_asked_for_is_read_with_its_own_camera_info(tmp_path, name):
    source, items = made.frames(made.write(tmp_path / "bag", two_cameras()), BagTopics(image=name))
    assert len(items) == 4
    assert source.topics.camera_info == "/right/camera_info"


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        (BagTopics(image="/nothing"), r"image=/nothing is no topic of Image or CompressedImage"),
        (BagTopics(image="/left/camera_info"), r"image=/left/camera_info is no topic of Image"),
        (BagTopics(image="/left/image_raw", depth="/far"), r"depth=/far is no topic"),
        (
            BagTopics(image="/left/image_raw", camera_info="/left/image_raw"),
            r"camera_info=/left/image_raw is no topic of CameraInfo; it holds\n  /left/camera_info",
        ),
    ],
)
def test_a_topic_that_is_not_there_is_told_with_those_that_are(tmp_path, topics, message):
    path = made.write(tmp_path / "bag", two_cameras())
    with pytest.raises(BagError, match=message):
        BagSource(path, topics)


def test_a_compressed_copy_beside_the_raw_images_does_not_count(tmp_path):
    sent = made.camera(3)
    for number in range(3):
        message = made.compressed(made.picture(number), made.at(number))
        sent.append(made.Sent(f"{TOPIC}/compressed", made.COMPRESSED, made.at(number), message))
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert source.topics.image == TOPIC and len(items) == 3


def test_compressed_images_find_the_camera_info_of_their_base(tmp_path):
    sent = [one for one in made.camera(3) if one.type_name == made.INFO]
    for number in range(3):
        message = made.compressed(made.picture(number), made.at(number))
        sent.append(made.Sent(f"{TOPIC}/compressed", made.COMPRESSED, made.at(number), message))
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert source.topics.camera_info == "/camera/camera_info"
    assert (
        made.is_picture(items[0], 0) and items[0].frame.camera is not None
    )  # though it came later


def test_without_camera_info_frames_have_no_camera(tmp_path):
    _, items = made.frames(made.write(tmp_path / "bag", made.camera(2, with_info=False)))
    assert [item.frame.camera for item in items] == [None, None]


def test_the_camera_is_one_object_until_the_camera_info_changes(tmp_path):
    sent = [one for one in made.camera(4) if one.type_name == made.IMAGE]
    for number in range(4):
        message = made.info(made.at(number), fx=50.0 if number < 2 else 60.0)
        sent.append(made.Sent("/camera/camera_info", made.INFO, made.at(number), message))
    _, items = made.frames(made.write(tmp_path / "bag", sent))
    cameras = [item.frame.camera for item in items]
    assert cameras[0] is cameras[1] and cameras[2] is cameras[3]
    assert [camera.matrix[0, 0] for camera in cameras] == [50, 50, 60, 60]


def test_a_wrong_camera_info_is_one_problem_and_costs_no_image(tmp_path):
    sent = [one for one in made.camera(5) if one.type_name == made.IMAGE]
    for number in range(5):
        message = made.info(made.at(number), fx=-1.0)
        sent.append(made.Sent("/camera/camera_info", made.INFO, made.at(number), message))
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert len(items) == 5 and items[0].frame.camera is None
    (problem,) = source.problems
    assert problem.where == "bag, /camera/camera_info" and "no camera matrix" in problem.what


def test_images_without_stamps_have_those_of_the_recording(tmp_path):
    sent = [
        made.Sent(TOPIC, made.IMAGE, made.at(number), made.raw(made.picture(number), 0))
        for number in range(3)
    ]
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert [item.frame.stamp_ns for item in items] == [made.at(number) for number in range(3)]
    assert len(source.problems) == 1 and "no stamps" in source.problems[0].what
    assert source.rate_hz == 10


def test_where_the_camera_is_in_the_target_frame_is_told_of_every_image(tmp_path):
    sent = made.camera(5)
    sent.append(made.transform("base", "camera", (0, 0, 1)))
    for number in (0, 3):  # 1 m/s along x, until 0.3 s
        sent.append(made.transform("odom", "base", (number / 10, 0, 0), stamp_ns=made.at(number)))
    path = made.write(tmp_path / "bag", sent)
    source, items = made.frames(path, target_frame="odom")
    assert {item.target_frame for item in items} == {"odom"}
    places = [item.to_target[:3, 3].round(6).tolist() for item in items[:4]]
    assert places == [[0, 0, 1], [0.1, 0, 1], [0.2, 0, 1], [0.3, 0, 1]]
    assert items[4].to_target is None
    (problem,) = source.problems
    assert problem.what == (
        "people of 1 of 5 images have no positions: /tf_static and /tf do not tell where their "
        "camera was seen from 'odom'"
    )
    source, items = made.frames(path)
    assert {(item.target_frame, item.to_target) for item in items} == {("", None)}
    assert source.problems == []


def test_transforms_after_damage_are_read_as_images_are(tmp_path):
    sent = made.camera(40)
    for number in range(41):
        sent.append(made.transform("odom", "camera", (number / 10, 0, 0), stamp_ns=made.at(number)))
    made.write(tmp_path / "bag", sent)
    path = made.with_lz4(next((tmp_path / "bag").glob("*.mcap")), tmp_path / "bag.mcap")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 200] = bytes(200)
    path.write_bytes(data)
    source, items = made.frames(path, target_frame="odom")
    assert 30 < len(items) < 40 and source.problems
    assert sum(item.to_target is None for item in items) < 5


def test_what_is_no_transform_is_told_and_left_alone(tmp_path):
    text = made.TYPES.types["std_msgs/msg/String"](data="lost")
    sent = [*made.camera(2), made.Sent("/tf", "std_msgs/msg/String", made.at(0), text)]
    source, items = made.frames(made.write(tmp_path / "bag", sent), target_frame="/odom")
    assert {(item.target_frame, item.to_target) for item in items} == {("odom", None)}
    told = [problem.what for problem in source.problems]
    assert told[0] == "it is of std_msgs/msg/String, so it tells no transforms"
    assert told[1].startswith("people of 2 of 2 images have no positions")


def test_of_a_part_of_a_bag_it_is_told_what_was_missing_there(tmp_path):
    source = BagSource(made.write(tmp_path / "bag", made.camera(5)), target_frame="map")
    with source:
        items = iter(source)
        for _ in range(3):
            next(items)
        items.close()
    (problem,) = source.problems
    assert problem.what.startswith("people of 3 of 3 images have no positions")
