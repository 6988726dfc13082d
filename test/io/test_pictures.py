"""Image files: colours, turns, depths of colour, broken ones, and what their names tell."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from alphapose_ros.io.pictures import (
    PictureError,
    PictureSource,
    is_numbered,
    natural,
    read_picture,
)

WIDE = np.zeros((40, 60, 3), np.uint8)  # blue above, red below on the left
WIDE[:20] = (250, 0, 0)
WIDE[20:, :30] = (0, 0, 250)


def save(path, image=WIDE):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def with_orientation(path, value):
    """Put an EXIF segment with an orientation behind the start of a JPEG file."""
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 0x112, 3, 1, value, 0)
    body = b"Exif\0\0" + tiff + bytes(4)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])


# Of EXIF 2.3: 1 as it is, 3 upside down, 6 to be turned by a quarter clockwise, 8 the other way.
@pytest.mark.parametrize(
    ("value", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)], ids=["as is", "180", "90", "270"]
)
def test_the_orientation_of_exif_is_respected(tmp_path, value, turns):
    path = save(tmp_path / "a.jpg")
    with_orientation(path, value)
    wanted = np.rot90(WIDE, turns)
    found = read_picture(path)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif", "ppm"])
def test_every_format_gives_bgr(tmp_path, suffix):
    found = read_picture(save(tmp_path / f"a.{suffix}"))
    assert found.dtype == np.uint8 and np.abs(found.astype(int) - WIDE).mean() < 8


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_alpha_and_16_bits_become_8_bit_bgr(tmp_path, suffix):
    grey = np.full((40, 60), 77, np.uint8)
    assert (read_picture(save(tmp_path / f"grey.{suffix}", grey)) == 77).all()
    clear = np.dstack((WIDE, np.full((40, 60), 9, np.uint8)))
    assert np.array_equal(read_picture(save(tmp_path / f"alpha.{suffix}", clear)), WIDE)
    deep = WIDE.astype(np.uint16) * 256 + 255
    found = read_picture(save(tmp_path / f"deep.{suffix}", deep))
    assert np.abs(found.astype(int) - WIDE).max() <= 1  # some round, some cut
    dark = np.full((40, 60), 77 * 256, np.uint16)
    assert (read_picture(save(tmp_path / f"dark.{suffix}", dark)) == 77).all()


def broken(folder):
    """One file of every way to be broken."""
    for suffix in ("jpg", "png"):
        path = save(folder / f"cut.{suffix}")
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no picture")
    huge = save(folder / "huge.png").read_bytes()
    (folder / "huge.png").write_bytes(huge[:16] + struct.pack(">II", 60000, 60000) + huge[24:])
    (folder / "folder.jpg").mkdir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut.jpg", "breaks off before its end; copy it again"),
        ("cut.png", "breaks off before its end"),
        ("empty.jpg", "cannot read it as a picture"),
        ("text.jpg", "cannot read it as a picture"),
        ("huge.png", "damaged or too large|cannot read it"),
        ("folder.jpg", "cannot be opened"),
        ("none.jpg", "cannot be opened"),
    ],
)
def test_a_broken_picture_is_named_with_what_is_wrong(tmp_path, name, message):
    broken(tmp_path)
    with pytest.raises(PictureError, match=rf"{name}: .*({message})"):
        read_picture(tmp_path / name)


def test_broken_pictures_are_reported_and_the_others_given(tmp_path):
    good = [save(tmp_path / f"{number}.png", WIDE + np.uint8(number)) for number in range(3)]
    broken(tmp_path)
    paths = [good[0], tmp_path / "cut.jpg", good[1], tmp_path / "text.jpg", good[2]]
    with PictureSource(paths, rate_hz=10) as source:
        items = list(source)
    assert [item.name for item in items] == ["0.png", "1.png", "2.png"]
    assert [item.frame.index for item in items] == [0, 2, 4]  # their places among all
    assert [item.frame.stamp_ns for item in items] == [0, 200_000_000, 400_000_000]
    assert [problem.where for problem in source.problems] == ["cut.jpg", "text.jpg"]


def test_a_broken_picture_is_named_once(tmp_path):
    save(tmp_path / "brk/b.png")
    (tmp_path / "brk/a.jpg").write_text("no picture")
    source = PictureSource([tmp_path / "brk/a.jpg", tmp_path / "brk/b.png"])
    list(source)
    (problem,) = source.problems
    assert problem.where == "a.jpg"
    assert problem.what == "OpenCV cannot read it as a picture; save it again as PNG"


def test_names_that_are_not_utf_8_can_be_written_and_told_apart(tmp_path):
    data = save(tmp_path / "a.png").read_bytes()
    names = [
        b"caf\xe9.png",
        b"caf\xe8.png",
        "caf\N{REPLACEMENT CHARACTER}_2.png".encode(),
        b"\xe9.jpg",
    ]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    for path in paths:
        path.write_bytes(data if path.suffix == ".png" else b"no picture")
    source = PictureSource(paths)
    mark = "\N{REPLACEMENT CHARACTER}"
    assert [item.name for item in source] == [
        f"caf{mark}.png",
        f"caf{mark}_3.png",
        f"caf{mark}_2.png",
    ]
    (problem,) = source.problems
    assert problem.where == f"{mark}.jpg"
    (problem.where + problem.what + source.name).encode()
    with pytest.raises(PictureError, match=f"{mark}.jpg: OpenCV"):
        list(PictureSource(paths[3:]))


def test_a_source_without_one_good_picture_is_an_error(tmp_path):
    broken(tmp_path)
    with pytest.raises(PictureError, match=r"not one of 2 pictures can be read.*cut\.jpg"):
        list(PictureSource([tmp_path / "cut.jpg", tmp_path / "text.jpg"]))


def test_a_sequence_has_the_times_of_its_rate_and_others_seconds(tmp_path):
    paths = [save(tmp_path / f"{name}.png") for name in ("b", "a", "c")]
    for options, rate_hz, times_s in (
        ({}, None, [0, 1, 2]),
        ({"is_sequence": True}, 25, [0, 0.04, 0.08]),
        ({"rate_hz": 50}, 50, [0, 0.02, 0.04]),
        ({"rate_hz": 50, "is_sequence": False}, None, [0, 1, 2]),
    ):
        with PictureSource(paths, **options) as source:
            items = list(source)
        assert (source.rate_hz, source.frame_count) == (rate_hz, 3)
        assert source.is_sequence == (rate_hz is not None)
        assert [item.frame.stamp_ns / 1e9 for item in items] == times_s
        assert [item.received_ns for item in items] == [item.frame.stamp_ns for item in items]
        assert [item.name for item in items] == ["b.png", "a.png", "c.png"]  # as given


@pytest.mark.parametrize("rate_hz", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(rate_hz):
    with pytest.raises(ValueError, match="give a number above 0"):
        PictureSource([Path("a.png")], rate_hz=rate_hz)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["f_0001.jpg", "f_0002.jpg", "f_0003.jpg"], True),
        (["8.png", "9.png", "10.png"], True),
        (["f10.png", "f20.png", "f30.png"], True),  # every tenth
        (["take2_1.png", "take2_2.png", "take2_3.png"], True),
        (["000139.jpg", "000285.jpg", "000632.jpg"], False),
        (["f1.jpg", "f2.jpg"], False),  # too few to tell
        (["f1.jpg", "g2.jpg", "h3.jpg"], False),
        (["f3.jpg", "f2.jpg", "f1.jpg"], False),
        (["f1.jpg", "f1.jpg", "f1.jpg"], False),
        (["a/1.jpg", "b/2.jpg", "c/3.jpg"], False),
        (["a.jpg", "b.jpg", "c.jpg"], False),
    ],
)
def test_evenly_numbered_names_are_a_sequence(names, expected):
    assert is_numbered([Path(name) for name in names]) == expected


def test_names_are_those_of_the_files_unless_two_are_alike(tmp_path):
    paths = [save(tmp_path / name) for name in ("a/1.png", "b/2.png")]
    assert [item.name for item in PictureSource(paths)] == ["1.png", "2.png"]
    paths.append(save(tmp_path / "b/deep/1.png"))
    assert [item.name for item in PictureSource(paths)] == ["a/1.png", "b/2.png", "b/deep/1.png"]


def test_a_picture_named_twice_is_read_once(tmp_path):
    path = save(tmp_path / "a.png")
    source = PictureSource([path, path])
    assert (len(list(source)), source.frame_count, source.name) == (1, 1, "a.png")


def test_numbers_in_names_are_counted_and_folders_stay_together():
    names = ["a/10.jpg", "a/9.jpg", "B.jpg", "a.jpg", "a/2b.jpg", "a b/1.jpg", "07.jpg", "7.jpg"]
    assert sorted(names, key=lambda name: natural(Path(name))) == [
        *("07.jpg", "7.jpg", "a/2b.jpg", "a/9.jpg", "a/10.jpg", "a b/1.jpg", "a.jpg", "B.jpg")
    ]
