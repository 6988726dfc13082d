"""Names and numbers are given once, and those of a video take no memory."""

from __future__ import annotations

import sys

import pytest
from made_results import made_results, write

from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.formats.names import Names, Numbers, PictureIds, printable


@pytest.mark.parametrize(
    "given", [(), (3,), (0, 1, 2, 3), (4, 7, 10), (0, 1, 5, 2), (5, 3, 4), (0, 2, 4, 5, 6, 3)]
)
def test_numbers_are_known_again(given):
    numbers = Numbers()
    for number in given:
        assert number not in numbers
        numbers.add(number)
    assert [number for number in range(20) if number in numbers] == sorted(given)
    assert numbers.largest == max(given, default=-1)


@pytest.mark.parametrize(
    "given", [("0.jpg", "2.jpg", "1.jpg"), ("1.jpg", "1.png", "01.jpg", "a/1.jpg", "1"), ("",)]
)
def test_names_are_known_again(given):
    names = Names()
    for name in given:
        assert name not in names
        names.add(name)
        assert name in names


def test_a_long_video_takes_no_memory():
    names, ids = Names(), PictureIds()
    tracks = made_results(1, counts=(0,)).frames[0].tracks
    for index in range(0, 40_000, 2):
        names.add(f"{index}.jpg")
        about = {"stamp_ns": 0, "width": 0, "height": 0, "tracks": tracks}
        assert ids.of(FrameResult(name=f"{index}.jpg", index=index, **about)) == index
    held = (names._others, names._indices._others, ids._given._others)
    assert [len(one) for one in held] == [0, 0, 0]
    assert sum(map(sys.getsizeof, held)) < 1000


def test_frames_of_one_number_get_others():
    tracks = made_results(1, counts=(0,)).frames[0].tracks
    ids, about = PictureIds(), {"stamp_ns": 0, "width": 0, "height": 0, "tracks": tracks}
    names = (("000007.jpg", 0), ("7.png", 0), ("7.bmp", 0))
    found = [ids.of(FrameResult(name=name, index=index, **about)) for name, index in names]
    assert found == [7, 0, 8]


@pytest.mark.parametrize("name", FORMATS)
def test_names_that_are_no_text_can_be_written(tmp_path, name):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    made = made_results(1, counts=(1,), predicted=0)
    frame = made.frames[0]
    named = FrameResult(**{**vars(frame), "name": "caf\udce9.jpg"})
    target = FORMATS[name]
    path = write(
        tmp_path / f"a{target.suffix}", target, type(made)(**{**vars(made), "frames": [named]})
    )
    (got,) = read_results(path).frames
    if "names" in target.holds:
        assert printable(got.name) == "caf\\udce9.jpg"
