"""Bags that are damaged, cut off or not finished: what is left is given, the rest told of."""

from __future__ import annotations

import shutil

import made_bags as made
import numpy as np
import pytest
from mcap.reader import make_reader

from alphapose_ros.io import bag_salvage
from alphapose_ros.io.bag import BagError
from alphapose_ros.io.bag_source import BagSource

TOPIC = "/camera/image_raw"


def test_an_image_that_cannot_be_decoded_is_reported_and_skipped(tmp_path):
    sent = made.camera(5)
    at = [number for number, one in enumerate(sent) if one.topic == TOPIC][2]
    sent[at] = sent[at]._replace(message=made.raw(made.picture(2), made.at(2), "rgb12"))
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert [item.frame.index for item in items] == [0, 1, 3, 4]
    assert made.is_picture(items[2], 3)
    (problem,) = source.problems
    assert problem.where == "bag, /camera/image_raw at 1700000000.200 s"
    assert "unknown image encoding 'rgb12'" in problem.what


def test_bytes_that_are_no_message_are_reported_and_skipped(tmp_path):
    sent = made.camera(5)
    at = [number for number, one in enumerate(sent) if one.topic == TOPIC][2]
    sent[at] = sent[at]._replace(message=b"\x00\x01\x00\x00\x01\x02")
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert [item.frame.stamp_ns for item in items] == [made.at(n) for n in (0, 1, 3, 4)]
    (problem,) = source.problems
    assert problem.where == "bag, /camera/image_raw at 1700000000.205 s"
    assert "is no sensor_msgs/msg/Image" in problem.what


def test_a_bag_of_which_no_image_can_be_read_is_an_error(tmp_path):
    wrong = made.raw(made.picture(0), made.at(0), "rgb12")
    path = made.write(tmp_path / "bag", [made.Sent(TOPIC, made.IMAGE, made.at(0), wrong)])
    with pytest.raises(BagError, match=r"not one image of /camera/image_raw.*rgb12"):
        made.frames(path)


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
def test_a_truncated_bag_gives_what_came_before_and_tells_where_it_ends(
    tmp_path, storage, compression
):
    path = made.write(tmp_path / "bag", made.camera(200), storage, compression)
    (file,) = [item for item in path.iterdir() if item.suffix != ".yaml"]
    made.cut(file, 0.6)
    source, items = made.frames(path)
    least = 100 if compression == "none" else 70  # of zstd only whole blocks can be unpacked
    assert least <= len(items) <= 125 and source.frame_count == len(items)
    assert all(made.is_picture(item, number) for number, item in enumerate(items))
    (problem, *_) = source.problems
    assert problem.where.startswith(file.name.removesuffix(".zstd"))
    assert "byte" in problem.where or "message" in problem.where


def test_of_a_cut_chunk_of_lz4_what_can_be_unpacked_is_kept(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(100)) / "bag.mcap"
    path = made.with_lz4(path, tmp_path / "lz4.mcap", chunk_size=10**7)  # one chunk
    made.cut(path, 0.6)
    source, items = made.frames(path)
    assert 50 < len(items) < 65
    assert all(made.is_picture(item, number) for number, item in enumerate(items))
    assert source.problems[0].where.startswith("lz4.mcap, byte ")


def test_the_place_where_a_truncated_mcap_ends_is_that_of_its_last_record(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(200)) / "bag.mcap"
    made.cut(path, 0.6)
    source, _ = made.frames(path)
    (problem,) = source.problems
    start = int(problem.where.removeprefix("bag.mcap, byte "))
    assert path.read_bytes()[start] == 6  # a chunk
    assert f"breaks off there, at {path.stat().st_size} bytes" in problem.what


def test_a_truncated_bag_of_ros_1_gives_what_came_before(tmp_path):
    path = made.write_ros1(tmp_path / "a.bag", made.camera(400, types=made.TYPES1))
    made.cut(path, 0.9)
    source, items = made.frames(path)
    assert 50 < len(items) < 400
    assert all(made.is_picture(item, number) for number, item in enumerate(items))
    assert source.problems[0].where.startswith("a.bag, byte ")


def test_a_recording_that_never_ended_is_read(tmp_path):
    for storage in ("mcap", "sqlite3"):
        path = made.write(tmp_path / storage, made.camera(20), storage)
        (path / "metadata.yaml").unlink()
        source, items = made.frames(path)
        assert len(items) == 20 and "metadata.yaml" in source.problems[0].what


def test_a_damaged_chunk_in_the_middle_costs_its_own_images_only(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(300), compression="storage") / "bag.mcap"
    with path.open("rb") as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    start = chunks[1].chunk_start_offset + 60  # within what is compressed
    content = bytearray(path.read_bytes())
    content[start : start + 50] = bytes(50)
    path.write_bytes(content)
    source, items = made.frames(path)
    numbers = [round((item.frame.stamp_ns - made.START_NS) / 1e8) for item in items]
    assert numbers == sorted(set(numbers)) and numbers[0] == 0 and numbers[-1] == 299
    assert 100 < len(items) < 300
    assert all(made.is_picture(item, number) for item, number in zip(items, numbers, strict=True))
    assert [problem.what[:15] for problem in source.problems] == ["a damaged chunk"]


def test_damaged_pages_of_a_database_cost_their_own_images_only(tmp_path, monkeypatch):
    monkeypatch.setattr(bag_salvage, "MISSES", 100)  # fewer than rows that follow
    path = made.write(tmp_path / "bag", made.camera(300), "sqlite3") / "bag.db3"
    content = bytearray(path.read_bytes())
    for page in range(300, 340):  # their pages' headers
        content[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    path.write_bytes(content)
    source, items = made.frames(path)
    numbers = [round((item.frame.stamp_ns - made.START_NS) / 1e8) for item in items]
    assert numbers[0] == 0 and numbers[-1] == 299 and 200 < len(items) < 300
    assert source.problems


def test_flipped_bytes_never_give_another_error(tmp_path):
    made.write(tmp_path / "mcap", made.camera(20))
    made.write(tmp_path / "sqlite3", made.camera(20), "sqlite3")
    made.write_ros1(tmp_path / "one.bag", made.camera(20, types=made.TYPES1))
    rng = np.random.default_rng(3)
    for file in (
        tmp_path / "mcap/mcap.mcap",
        tmp_path / "sqlite3/sqlite3.db3",
        tmp_path / "one.bag",
    ):
        good = file.read_bytes()
        for _ in range(25):
            bad = bytearray(good)
            for at in rng.integers(0, len(good), 30):
                bad[at] ^= 0xFF
            file.write_bytes(bad)
            try:
                source, items = made.frames(file)
            except BagError:
                continue
            assert len(items) == 20 or source.problems


def test_a_split_recording_whose_second_file_is_cut_keeps_the_rest(tmp_path):
    first = made.write(tmp_path / "first", made.camera(100))
    later = [
        made.Sent(one.topic, one.type_name, one.received_ns + 10**11, one.message)
        for one in made.camera(100)
    ]
    second = made.write(tmp_path / "second", later)
    path = tmp_path / "bag"
    path.mkdir()
    shutil.copy(first / "first.mcap", path / "bag_0.mcap")
    shutil.copy(second / "second.mcap", path / "bag_1.mcap")
    made.cut(path / "bag_1.mcap", 0.5)
    source, items = made.frames(path)
    assert 130 < len(items) < 160
    assert source.problems[0].where.startswith("bag_1.mcap, byte")


def test_nothing_left_is_an_error_that_names_the_bag(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(20)) / "bag.mcap"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(BagError, match=r"bag\.mcap: damaged or cut off"):
        BagSource(path)
    with pytest.raises(BagError, match="nowhere: no bag there"):
        BagSource(tmp_path / "nowhere")
