from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

from alphapose_ros.evaluation.pictures import (
    AHEAD,
    PictureError,
    check_pictures,
    read_ahead,
    read_picture,
)
from alphapose_ros.evaluation.records import Picture


@pytest.fixture
def turned(tmp_path):
    """A picture of 40 x 20 pixels that its camera says to turn by a quarter."""
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 20:] = 255
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    # APP1: Exif, big-endian TIFF with one entry: tag 0x0112 (orientation), short, 6.
    tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    exif = b"Exif\x00\x00" + tiff + b"\x00\x00\x00\x00"
    length = (len(exif) + 2).to_bytes(2, "big")
    (tmp_path / "x.jpg").write_bytes(jpeg[:2] + b"\xff\xe1" + length + exif + jpeg[2:])
    return tmp_path


@pytest.mark.parametrize(("size", "shape"), [(None, (40, 20)), ((20, 40), (40, 20))])
def test_pictures_are_turned_as_their_camera_says(turned, size, shape):
    assert read_picture(Picture(id=1, file="x.jpg", size=size), turned).shape[:2] == shape


def test_pictures_labelled_as_they_lie_in_the_file_are_not_turned(turned):
    assert read_picture(Picture(id=1, file="x.jpg", size=(40, 20)), turned).shape[:2] == (20, 40)


def test_a_picture_of_another_size_than_labelled_is_refused(turned):
    with pytest.raises(PictureError, match=r"x\.jpg has 40 x 20 pixels, its labels are for 80 x 4"):
        read_picture(Picture(id=1, file="x.jpg", size=(80, 40)), turned)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_what_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(PictureError, match=r"x\.jpg is no picture"):
        read_picture(Picture(id=1, file="x.jpg"), tmp_path)


def test_a_picture_that_went_away_is_named(tmp_path):
    with pytest.raises(PictureError, match=r"x\.jpg cannot be read"):
        read_picture(Picture(id=1, file="x.jpg"), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"x\.jpg does not exist"):
        check_pictures([Picture(id=1, file="x.jpg")], tmp_path)


def test_rows_come_in_order_whichever_is_read_first():
    def read(row):
        time.sleep(0.02 if row % 2 == 0 else 0)
        return np.full(1, row)

    found = list(read_ahead(iter(range(9, 30)), read))
    assert [row for row, _ in found] == [int(image[0]) for _, image in found] == [*range(9, 30)]


def test_only_some_are_read_ahead_and_none_after_the_end():
    read = []
    rows = read_ahead(range(1000), read.append)
    next(rows)
    assert len(read) <= AHEAD + 1
    rows.close()
    count = len(read)
    assert count <= AHEAD + 2
    assert not any(thread.name.startswith("pictures") for thread in threading.enumerate())


def test_a_failure_comes_when_it_is_its_turn():
    def read(row):
        if row == 3:
            raise PictureError("third")
        return row

    seen = []
    with pytest.raises(PictureError, match="third"):
        seen.extend(row for row, _ in read_ahead(range(9), read))
    rows = read_ahead(range(9), read)
    assert [next(rows)[0] for _ in range(3)] == [0, 1, 2]
