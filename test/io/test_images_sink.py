"""Each picture is drawn under a name of its own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from made_runs import job, people, processed

from alphapose_ros.io.images_sink import ImagesSink, drawn_name

BOX = (100, 60, 200, 220)


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("12.jpg", "12.jpg"),
        ("street/1.JPG", "street/1.JPG"),
        ("a.png", "a.png.jpg"),
        ("a.jpeg", "a.jpeg.jpg"),
        ("/data/x/1.jpg", "data/x/1.jpg"),
        ("../1.jpg", "up/1.jpg"),
        ("a/../../1.jpg", "a/up/up/1.jpg"),
        ("C:\\x\\1.bmp", "C/x/1.bmp.jpg"),
        ("", "picture.jpg"),
    ],
)
def test_names_are_kept_and_stay_in_the_folder(name, drawn):
    assert str(drawn_name(name)) == drawn


def test_folders_of_equal_names_are_kept_apart(tmp_path):
    with ImagesSink(tmp_path, job()) as sink:
        for number, name in enumerate(("a/1.png", "b/1.png", "b/1.jpg")):
            image = np.full((60, 80, 3), 40 + 80 * number, np.uint8)
            sink.add(processed(number, people([]), image, name))
    levels = {
        path.relative_to(tmp_path).as_posix(): round(cv2.imread(str(path)).mean())
        for path in tmp_path.rglob("*.jpg")
    }
    assert levels == {"images/a/1.png.jpg": 40, "images/b/1.png.jpg": 120, "images/b/1.jpg": 200}


def test_names_that_meet_are_numbered_and_the_same_again(tmp_path):
    names = ("a.png", "a.png.jpg", "a:b.jpg", "ab.jpg", "a.png_2.jpg")
    written = []
    for folder in (tmp_path / "first", tmp_path / "resumed"):
        with ImagesSink(folder, job()) as sink:
            for number, name in enumerate(names):
                image = np.full((60, 80, 3), 40 + 40 * number, np.uint8)
                sink.add(processed(number, people([]), image, name))
        paths = sorted((folder / "images").glob("*.jpg"))
        written.append({path.name: round(cv2.imread(str(path)).mean()) for path in paths})
    assert written[0] == written[1]
    assert written[0] == {
        "a.png.jpg": 40,
        "a.png_2.jpg": 80,
        "ab.jpg": 120,
        "ab_2.jpg": 160,
        "a.png_2_2.jpg": 200,
    }


def test_people_are_drawn_and_faces_covered_with_privacy(tmp_path):
    unknown = people([BOX], keypoints=np.full((1, 136, 3), np.nan))
    for name, privacy in (("open", False), ("private", True)):
        with ImagesSink(tmp_path / name, job(output__privacy=privacy)) as sink:
            sink.add(processed(0, unknown))
    shown = [cv2.imread(str(tmp_path / f"{n}/images/0.jpg")) for n in ("open", "private")]
    assert all(np.ptp(image[140, 98:103].astype(int)) > 50 for image in shown)  # the box
    assert shown[0][90, 150].min() > 180 and shown[1][90, 150].max() < 100
