"""What a user may name, and what is said where nothing understands it."""

from __future__ import annotations

import cv2
import made_bags as made
import numpy as np
import pytest

from alphapose_ros.io.bag import BagError
from alphapose_ros.io.bag_source import BagSource, BagTopics
from alphapose_ros.io.pictures import PictureSource
from alphapose_ros.io.sources import open_sources
from alphapose_ros.io.video import VideoError
from alphapose_ros.io.video_sources import StreamSource, VideoFileSource

IMAGE = np.full((48, 64, 3), 90, np.uint8)


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), IMAGE)
    return path


def film(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(IMAGE)
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Pictures, videos, a bag and other files; also the current folder."""
    for number in (10, 9, 1):
        picture(tmp_path / f"walk/{number}.jpg")
    picture(tmp_path / "walk/deep/er/a.png")
    (tmp_path / "walk/notes.md").write_text("not a picture")
    film(tmp_path / "one.avi")
    film(tmp_path / "two.mkv")
    made.write(tmp_path / "bag", made.camera(3))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(source):
    with source:
        return [item.name for item in source]


def test_each_video_and_bag_is_a_source_and_all_pictures_together_are_one(folder):
    picture(folder / "z.png")
    sources = open_sources(["one.avi", "z.png", "bag", "walk", "two.mkv"])
    assert [type(source) for source in sources] == [
        *(VideoFileSource, PictureSource, BagSource, VideoFileSource)
    ]
    assert [source.name for source in sources] == ["one.avi", folder.name, "bag", "two.mkv"]
    assert [source.frame_count for source in sources] == [3, 4, 3, 3]
    assert names(sources[1]) == ["z.png", "1.jpg", "9.jpg", "10.jpg"]
    for source in sources:
        assert source.problems == []


def test_every_source_keeps_to_the_protocol(folder):
    for source in open_sources(["one.avi", "walk", "bag"]):
        with source as entered:
            assert entered is source
            items = list(source)
        assert len(items) == source.frame_count == 3
        stamps = [item.frame.stamp_ns for item in items]
        assert stamps == sorted(set(stamps))
        assert isinstance(source.is_sequence, bool)
        assert source.rate_hz is None or source.rate_hz > 0


def test_a_folder_gives_its_own_pictures_in_their_natural_order(folder):
    (source,) = open_sources(["walk"])
    assert names(source) == ["1.jpg", "9.jpg", "10.jpg"]
    assert source.name == "walk" and not source.is_sequence  # 1, 9, 10 are not even


def test_globs_reach_into_folders_and_pass_over_what_is_no_source(folder):
    (source,) = open_sources(["walk/**/*"])
    assert names(source) == ["1.jpg", "9.jpg", "10.jpg", "a.png"]
    assert [type(source) for source in open_sources(["*"])] == [
        *(BagSource, VideoFileSource, VideoFileSource)
    ]
    everything = open_sources(["**"])  # the bag's own file does not count twice
    assert sorted(source.frame_count for source in everything) == [3, 3, 3, 4]
    assert names(open_sources(["walk/[19].jpg"])[0]) == ["1.jpg", "9.jpg"]


def test_a_folder_of_pictures_and_recordings_is_no_bag(folder):
    made.write(folder / "bag2", made.camera(4))
    (folder / "bag2/bag2.mcap").rename(folder / "walk/a.mcap")
    assert names(open_sources(["walk"])[0]) == ["1.jpg", "9.jpg", "10.jpg"]
    pictures, bag = sorted(open_sources(["walk/**"]), key=lambda source: source.name != "walk")
    assert (pictures.frame_count, bag.name) == (4, "a.mcap")
    (folder / "bag/metadata.yaml").unlink()  # a recording that never ended
    assert isinstance(open_sources(["bag"])[0], BagSource)


def test_a_name_with_the_signs_of_a_glob_is_that_file(folder):
    picture(folder / "a[1].png")
    picture(folder / "a1.png")
    assert names(open_sources(["a[1].png"])[0]) == ["a[1].png"]


def test_a_list_names_paths_from_its_own_folder(folder):
    (folder / "lists").mkdir()
    (folder / "lists/all.txt").write_text(
        "# what we saw\n"
        "../walk/9.jpg\n"
        "\n"
        "../one.avi   # a film\n"
        f"{folder}/walk/1.jpg\n"
        "../walk/deep/**/*.png\n"
        "more.txt\n",
        encoding="utf-8",
    )
    (folder / "lists/more.txt").write_text("../bag\n")
    pictures, video, bag = open_sources(["lists/all.txt"])
    assert names(pictures) == ["9.jpg", "1.jpg", "a.png"]
    assert (video.name, bag.name) == ("one.avi", "bag")


def test_a_line_that_is_wrong_is_told_with_its_number(folder):
    (folder / "list.txt").write_text("walk/1.jpg\nwalk/2.jpg\n")
    with pytest.raises(FileNotFoundError, match=r"list\.txt, line 2: walk/2\.jpg: no such file"):
        open_sources(["list.txt"])
    (folder / "list.txt").write_text("list.txt\n")
    with pytest.raises(ValueError, match=r"line 1: .*this list names itself"):
        open_sources(["list.txt"])


def test_rate_and_sequence_are_for_pictures(folder):
    pictures, video = open_sources(["walk", "one.avi"], rate_hz=50)
    assert (pictures.rate_hz, pictures.is_sequence, video.rate_hz) == (50, True, 10)
    (pictures,) = open_sources(["walk"], is_sequence=True)
    assert pictures.rate_hz == 25
    for number in range(1, 6):
        picture(folder / f"even/f_{number:04}.jpg")
    (pictures,) = open_sources(["even"])
    assert pictures.is_sequence
    (pictures,) = open_sources(["even"], is_sequence=False)
    assert not pictures.is_sequence


def test_topics_are_for_bags(folder):
    made.write(folder / "two", made.camera(2, "/a/image") + made.camera(3, "/b/image"))
    with pytest.raises(BagError, match="--topics image="):
        open_sources(["two"])
    (source,) = open_sources(["two"], topics=BagTopics(image="/b/image"))
    assert source.frame_count == 3


@pytest.mark.parametrize(
    "place", ["bag/bag.mcap", "db/db.db3", "db", "one.bag", "recording", "packed/packed.db3.zstd"]
)
def test_bags_are_known_by_folder_and_file(folder, place):
    made.write(folder / "db", made.camera(3), "sqlite3")
    made.write(folder / "packed", made.camera(3), "sqlite3", "file")
    made.write_ros1(folder / "one.bag", made.camera(3, types=made.TYPES1))
    (folder / "bag/bag.mcap").rename(folder / "recording")  # by its first bytes
    made.write(folder / "other", made.camera(3))
    (folder / "other/other.mcap").rename(folder / "bag/bag.mcap")
    (source,) = open_sources([place])
    assert isinstance(source, BagSource) and len(names(source)) == 3
    assert source.problems == []


def test_what_a_killed_recorder_of_ros_1_left_is_read(folder):
    path = made.write_ros1(folder / "one.bag", made.camera(3, types=made.TYPES1))
    content = path.read_bytes()
    (folder / "two.bag.active").write_bytes(content[: content.index(b"op=\x04")])  # no index
    (source,) = open_sources(["two.bag.active"])
    assert len(names(source)) == 3
    (problem,) = source.problems
    assert problem.where.startswith("two.bag.active, byte ")


def test_files_are_known_by_their_first_bytes_too(folder):
    picture(folder / "walk/x.png").rename(folder / "picture")
    (folder / "one.avi").rename(folder / "film.data")
    assert names(open_sources(["picture"])[0]) == ["picture"]
    assert len(names(open_sources(["film.data"])[0])) == 3


def test_numbers_are_cameras_unless_there_is_such_a_file(folder):
    for name in ("97", "/dev/video97"):
        (source,) = open_sources([name])
        assert isinstance(source, StreamSource) and source.name == "camera 97"
    film(folder / "97.avi").rename(folder / "97")
    assert isinstance(open_sources(["97"])[0], VideoFileSource)


def test_addresses_are_streams_and_file_addresses_are_files(folder):
    (source,) = open_sources(["rtsp://user:secret@camera/1"])
    assert isinstance(source, StreamSource) and source.name == "rtsp://camera/1"
    (source,) = open_sources([f"file://{folder}/one.avi"])
    assert isinstance(source, VideoFileSource)


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ("nowhere.mp4", FileNotFoundError, r"nowhere\.mp4: no such file or folder \(from "),
        ("no/*.jpg", FileNotFoundError, r"no/\*\.jpg: matches nothing"),
        ("walk/*.md", FileNotFoundError, r"\*\.md: matches 1 files, none of them understood"),
        ("walk/notes.md", ValueError, r"notes\.md: neither picture, video nor bag"),
        ("empty", ValueError, r"empty: a folder without pictures .* it holds no files"),
        ("films", ValueError, r"films: a folder without pictures .* it holds \.avi"),
        ("bad.mp4", VideoError, r"bad\.mp4: OpenCV cannot read this as a video"),
        ("bad.mcap", BagError, r"bad\.mcap: damaged"),
        ("empty.txt", ValueError, "no source given"),
    ],
)
def test_what_is_not_understood_is_named_with_what_is(folder, argument, error, message):
    (folder / "empty").mkdir()
    film(folder / "films/a.avi")
    (folder / "bad.mp4").write_text("nothing")
    (folder / "bad.mcap").write_text("nothing")
    (folder / "empty.txt").write_text("# nothing yet\n")
    with pytest.raises(error, match=message) as told:
        open_sources([argument])
    if error in (FileNotFoundError,) or "neither" in message or "no source" in message:
        assert "understood are pictures (.jpg" in str(told.value)
        assert "rtsp://" in str(told.value)


def test_nothing_named_is_an_error():
    with pytest.raises(ValueError, match="no source given; understood are pictures"):
        open_sources([])


def test_real_clips_bags_and_pictures_together(data):
    arguments = [
        str(data / "videos/intel/face_demographics_walking.mp4"),
        str(data / "videos/davis/tennis_mask/*.png"),
        str(data / "ros2_bags/store_aisle_raw_db3"),
    ]
    video, pictures, bag = open_sources(arguments)
    assert len(names(video)) == video.frame_count == 35
    found = names(pictures)
    assert len(found) == pictures.frame_count == 70 and pictures.is_sequence
    assert found == sorted(found)
    assert len(names(bag)) == 20
