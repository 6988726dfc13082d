"""What is left of damaged bags, told apart from what is whole."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import made_bags as made
import pytest

from alphapose_ros.io.bag import BagError, BagReader
from alphapose_ros.io.bag_salvage import SalvageReader, is_bag, open_bag, storage_files


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("compression", ["none", "file"])
def test_of_a_whole_bag_everything_is_left(tmp_path, storage, compression):
    path = made.write(tmp_path / "bag", made.camera(30), storage, compression)
    problems = []
    with BagReader(path) as bag, SalvageReader(path, problems.append) as left:
        assert list(left.messages()) == list(bag.messages())
        assert (left.topics, left.counts) == (bag.topics, bag.counts)
        assert left.definitions == bag.definitions
        first = next(left.messages(["/camera/image_raw"]))
        assert first.topic == "/camera/image_raw"
        assert left.decode(first).width == bag.decode(first).width == 64
    assert problems == []


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_another_thread_may_go_on_with_reading(tmp_path, storage):
    path = made.write(tmp_path / "bag", made.camera(30), storage)
    problems = []
    with SalvageReader(path, problems.append) as left, ThreadPoolExecutor(1) as other:
        messages = left.messages()
        first = next(messages)
        rest = other.submit(list, messages).result()
        assert [first, *rest] == list(left.messages())
        assert len(rest) == sum(left.counts.values()) - 1
        messages = left.messages()
        next(messages)
        other.submit(messages.close).result()
    assert problems == []


def test_of_a_whole_bag_of_ros_1_everything_is_left(tmp_path):
    path = made.write_ros1(tmp_path / "a.bag", made.camera(30, types=made.TYPES1), "LZ4")
    problems = []
    with BagReader(path) as bag, SalvageReader(path, problems.append) as left:
        assert list(left.messages()) == list(bag.messages())
        assert left.decode(next(left.messages())).K[0] == 50
    assert problems == []


def test_what_a_killed_recorder_left_beside_its_database_is_read(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(5), "sqlite3") / "bag.db3"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    rows = database.execute("SELECT topic_id, timestamp, data FROM messages").fetchall()
    database.executemany(
        "INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)",
        [(topic, stamp_ns + 10**10, data) for topic, stamp_ns, data in rows],
    )
    database.commit()
    left = tmp_path / "left"
    left.mkdir()
    for file in path.parent.glob("bag.db3*"):  # while it is open, as a killed recorder leaves it
        shutil.copy(file, left)
    database.close()
    assert (left / "bag.db3-wal").exists()
    with open_bag(left, problems := []) as bag:
        assert bag.counts == {"/camera/image_raw": 10, "/camera/camera_info": 10}
    assert problems


def test_a_whole_bag_is_read_by_its_index(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(3))
    with open_bag(path, problems := []) as bag:
        assert isinstance(bag, BagReader)
    (path / "metadata.yaml").unlink()
    with open_bag(path, problems) as bag:
        assert isinstance(bag, SalvageReader)
    (problem,) = problems
    assert problem.where == "bag" and "never ended" in problem.what


def test_files_follow_their_numbers(tmp_path):
    for name in ("a_10.mcap", "a_9.mcap", "a_0.mcap", "other.yaml"):
        (tmp_path / name).touch()
    assert [file.name for file in storage_files(tmp_path)] == ["a_0.mcap", "a_9.mcap", "a_10.mcap"]
    assert is_bag(tmp_path) and not is_bag(tmp_path / "a_0.mcap")


def test_a_folder_without_files_of_a_bag_is_none(tmp_path):
    assert not is_bag(tmp_path)
    with pytest.raises(BagError, match="no file that ends in"):
        storage_files(tmp_path)


def test_a_message_of_another_type_is_told(tmp_path):
    path = made.write(tmp_path / "bag", made.camera(1))
    with SalvageReader(path, print) as left:
        info, image = left.messages()
        with pytest.raises(BagError, match=r"/camera/image_raw is no sensor_msgs/msg/CameraInfo"):
            left.decode(type(image)(image.topic, info.type_name, 0, image.data[:40]))
