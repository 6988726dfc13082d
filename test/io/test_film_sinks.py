from __future__ import annotations

import cv2
import numpy as np

from alphapose_ros.config import Config
from alphapose_ros.frame import Frame, Poses, Tracks
from alphapose_ros.io import film_sinks
from alphapose_ros.io.ends import Item, Job, Processed
from alphapose_ros.io.film_sinks import Drawing, FilmSink, SheetSink
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
JOB = Job(config=Config(), skeleton=BODY, rate_hz=10.0)


def processed(index):
    image = np.full((64, 96, 3), 20 * index, np.uint8)
    frame = Frame(image=image, stamp_ns=index * 10**8, index=index)
    result = Result(poses=Poses.empty(BODY), tracks=Tracks.empty(BODY), stage_ms={})
    return Processed(
        item=Item(frame=frame, name=f"{index}.jpg", received_ns=frame.stamp_ns), result=result
    )


def test_a_frame_is_drawn_once_for_film_and_sheet(tmp_path, monkeypatch):
    drawn = []
    draw = film_sinks.draw
    monkeypatch.setattr(film_sinks, "draw", lambda *a, **o: drawn.append(a) or draw(*a, **o))
    drawing = Drawing(JOB)
    with FilmSink(tmp_path, JOB, drawing) as film, SheetSink(tmp_path, drawing) as sheet:
        for index in range(6):
            one = processed(index)
            film.add(one)
            sheet.add(one)
    assert len(drawn) == 6
    capture = cv2.VideoCapture(str(tmp_path / "overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 6
    assert cv2.imread(str(tmp_path / "contact_sheet.png")) is not None


def test_another_frame_is_drawn_anew_though_it_looks_the_same():
    drawing = Drawing(JOB)
    one, two = processed(3), processed(3)
    assert drawing(one) is drawing(one)
    assert drawing(one) is not drawing(two)
    assert not drawing(two).flags.writeable
