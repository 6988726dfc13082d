"""What a page carries is what the results say, and browsers show it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_runs import SIZE, SKELETON, frame_result, people

from alphapose_ros.frame import TrackState
from alphapose_ros.io import page_data as packing
from alphapose_ros.io.formats.results import Results
from alphapose_ros.io.page import write_page
from alphapose_ros.io.page_data import page_data
from alphapose_ros.io.page_pictures import Pictures, pictures_of
from alphapose_ros.io.video import VideoSink

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
LOST = TrackState.LOST


def results(frames=20, **columns):
    """Two people who walk; the second comes after half of the time and is person 4."""
    found = []
    for number in range(frames):
        boxes = [(20 + 5 * number, 40, 80 + 5 * number, 200), (200, 50 - number, 260, 210)]
        count = 1 if number < frames // 2 else 2
        states = [LOST if number == 3 else 1, 1][:count]
        tracks = people(
            boxes[:count],
            states=states,
            person_ids=[-1, 4][:count],
            **{name: value(number)[:count] for name, value in columns.items()},
        )
        found.append(frame_result(number, tracks))
    return Results(skeleton=SKELETON, frames=found, source_name="walk.mp4")


def unpacked(facts, numbers):
    """The columns of a page as values, by the words of page_data.py."""
    raw = np.frombuffer(gzip.decompress(numbers), np.uint8)
    columns, at = {}, 0
    for name, width in facts["columns"]:
        count = facts["rows"] * width
        low, high = raw[at : at + count], raw[at + count : at + 2 * count]
        zigzag = low.astype(int) + 256 * high.astype(int)
        signed = np.where(zigzag % 2, -(zigzag + 1) // 2, zigzag // 2)
        columns[name] = signed.reshape(-1, width)
        at += 2 * count
    assert at == len(raw)
    ids = np.repeat([t["id"] for t in facts["tracks"]], [t["rows"] for t in facts["tracks"]])
    for name in ("frame", "box", "x", "y", "keypoint_score", "position"):
        if name not in columns:
            continue
        column = columns[name]
        for row in range(len(column)):
            if row and ids[row] == ids[row - 1] and ids[row] != 0:
                column[row] += column[row - 1]
            elif name in ("x", "y"):
                column[row] += columns["box"][row, "xy".index(name)]
    return ids, columns


def check(run, facts, numbers):
    """Compare every person in every frame with what the page has of them."""
    ids, columns = unpacked(facts, numbers)
    assert len(ids) == sum(len(frame.tracks) for frame in run.frames)
    for number, frame in enumerate(run.frames):
        tracks = frame.tracks
        for row in range(len(tracks)):
            (at,) = np.flatnonzero((columns["frame"][:, 0] == number) & (ids == tracks.ids[row]))
            unit, poses = facts["unit_px"], tracks.poses
            np.testing.assert_allclose(columns["box"][at] * unit, poses.boxes[row], atol=unit)
            there = poses.keypoints[row, :, 2] > 0
            shown = np.stack((columns["x"][at], columns["y"][at]), axis=1) * unit
            np.testing.assert_allclose(
                shown[there], poses.keypoints[row, there, :2], atol=unit / 2 + 1e-3
            )
            score = columns["keypoint_score"][at] / facts["score_steps"]
            np.testing.assert_allclose(score, poses.keypoints[row, :, 2], atol=0.0201)  # 0: absent
            assert columns["state"][at, 0] == tracks.states[row]
            assert columns["score"][at, 0] / 200 == pytest.approx(poses.scores[row], abs=0.003)


def test_everything_is_told_to_half_a_pixel():
    run = results()
    data = page_data(run)
    check(run, data.facts, data.numbers)
    assert [track["person"] for track in data.facts["tracks"]] == [-1, 4]
    assert data.facts["times_ms"][:3] == [0, 100, 200]


def test_absent_keypoints_stay_absent():
    rng = np.random.default_rng(1)

    def keypoints(number):
        points = rng.uniform(0, 300, (2, len(SKELETON.names), 3))
        points[..., 2] = rng.random(points.shape[:2])
        points[rng.random(points.shape[:2]) < 0.4] = np.nan, np.nan, 0
        return points

    run = results(keypoints=keypoints)
    data = page_data(run)
    check(run, data.facts, data.numbers)


def test_positions_are_told_to_a_centimetre_where_known():
    run = results(
        positions=lambda n: np.array([(0.1 * n, 0.0, 3.0), (-1.0, 0.2, np.nan if n < 15 else 7.5)])
    )
    data = page_data(run)
    ids, columns = unpacked(data.facts, data.numbers)
    known = columns["has_position"][:, 0].astype(bool)
    assert known.sum() == 25
    first = (ids == 1) & known
    np.testing.assert_allclose(columns["position"][first, 0] / 100, 0.1 * np.arange(20), atol=0.006)
    np.testing.assert_allclose(columns["position"][(ids == 2) & known, 2] / 100, 7.5)


def test_positions_in_another_frame_are_no_places_before_the_camera():
    run = results(positions=lambda n: [(5000.0, 3.0, 0.0), (0.0, 1.0, 0.0)])
    run = replace(run, frames=[replace(frame, frame_id="map") for frame in run.frames])
    data = page_data(run)
    _, columns = unpacked(data.facts, data.numbers)
    assert "position" not in columns and len(columns["box"])


def test_people_without_tracks_are_shown_all_the_same():
    frames = [
        frame_result(n, people([(9, 9, 60, 90), (90, 9, 150, 90)], ids=[-1, -1])) for n in range(3)
    ]
    data = page_data(Results(skeleton=SKELETON, frames=frames))
    ids, columns = unpacked(data.facts, data.numbers)
    assert set(ids) == {0}
    np.testing.assert_allclose(columns["box"] * 0.5, [(9, 9, 60, 90), (90, 9, 150, 90)] * 3)


def test_large_pictures_have_coarser_places():
    wide = people([(20_000.0, 10, 20_100, 300)])
    frame = frame_result(0, wide)
    size = {"width": 24_000, "height": 1000}
    run = Results(skeleton=SKELETON, frames=[type(frame)(**{**vars(frame), **size})])
    data = page_data(run)
    check(run, data.facts, data.numbers)


def test_files_that_tell_no_size_get_that_of_the_people():
    frame = frame_result(0, people([(10, 20, 110.5, 220)]))
    run = Results(
        skeleton=SKELETON, frames=[type(frame)(**{**vars(frame), "width": 0, "height": 0})]
    )
    assert [page_data(run).facts[side] for side in ("width", "height")] == [111, 220]


def test_nobody_at_all_is_a_page_too_and_no_frame_is_an_error():
    nobody = Results(skeleton=SKELETON, frames=[frame_result(0, people([]))])
    assert page_data(nobody).facts["rows"] == 0
    with pytest.raises(ValueError, match=r"walk\.mp4: there is no frame to show"):
        page_data(Results(skeleton=SKELETON, frames=[], source_name="walk.mp4"))


def test_long_runs_are_thinned(monkeypatch):
    monkeypatch.setattr(packing, "MOST_POSES", 12)
    facts = page_data(results(20)).facts
    assert facts["every"] == 3 and facts["indices"] == [0, 3, 6, 9, 12, 15, 18]


def read(path):
    text = path.read_text(encoding="utf-8")
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', text, re.DOTALL).group(1))
    numbers = re.search(r'id="numbers">(.*?)</script>', text, re.DOTALL).group(1)
    return text, facts, base64.b64decode(numbers)


def test_the_page_has_it_all_and_asks_for_nothing_from_elsewhere(tmp_path):
    run = results()
    size = write_page(tmp_path / "view.html", run)
    text, facts, numbers = read(tmp_path / "view.html")
    check(run, facts, numbers)
    assert size == (tmp_path / "view.html").stat().st_size
    assert not re.search(r"https?://|<link|<script src|@[A-Z]+@", text)


def test_no_name_of_a_file_gets_out_of_its_place(tmp_path):
    name = "</script><script>alert(1)</script>&.mp4"
    run = Results(skeleton=SKELETON, frames=results().frames, source_name=name)
    write_page(tmp_path / "view.html", run)
    text, facts, _ = read(tmp_path / "view.html")
    assert facts["source"] == name and "<script>alert" not in text


def film(path, frames=20):
    with VideoSink(path, 10.0, SIZE) as sink:
        for number in range(frames):
            sink.write(np.full((SIZE[1], SIZE[0], 3), 10 * number, np.uint8))


def level(picture):
    data = np.frombuffer(base64.b64decode(picture.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR).mean()


@pytest.mark.parametrize("is_drawn", [False, True])
def test_pictures_are_of_the_right_frames(tmp_path, is_drawn):
    film(tmp_path / "walk.mp4")
    pictures = pictures_of(
        results(), tmp_path / "walk.mp4", tmp_path / "view.html", stills=3, is_drawn=is_drawn
    )
    assert [frame for frame, _ in pictures.stills] == [0, 10, 19]
    for frame, picture in pictures.stills:
        assert level(picture) == pytest.approx(10 * frame, abs=4)
    assert {"track 1", "person 4"} == {*pictures.portraits}
    assert pictures.video == ""  # MPEG-4 part 2, which browsers do not play


def test_a_run_without_frames_has_the_video_only(tmp_path):
    film(tmp_path / "walk.mp4")
    nothing = Results(skeleton=SKELETON, frames=[])
    page = tmp_path / "view.html"
    pictures = pictures_of(nothing, tmp_path / "walk.mp4", page, stills=3, is_drawn=False)
    assert (pictures.stills, dict(pictures.portraits)) == ((), {})


def test_with_privacy_there_are_neither_pictures_nor_faces(tmp_path):
    run = results()
    with pytest.raises(ValueError, match=r"output\.privacy"):
        write_page(tmp_path / "view.html", run, pictures=Pictures(video="a.mp4"), privacy=True)
    write_page(tmp_path / "view.html", run, privacy=True)
    text, facts, numbers = read(tmp_path / "view.html")
    _, columns = unpacked(facts, numbers)
    assert not columns["keypoint_score"][:, SKELETON.group("face")].any()
    assert columns["keypoint_score"][:, 0].any() and "data:image" not in text


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Runs a page in a browser and returns the document that it has become."""
    if not CHROMIUM:
        pytest.skip("needs chromium or google-chrome to run the page's script")
    profile = tmp_path_factory.mktemp("browser")

    def dom(page, place=""):
        command = [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(f"--user-data-dir={profile}", "--virtual-time-budget=5000"),
            f"{page.as_uri()}{place}",
        ]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120
        ).stdout

    return dom


def test_a_browser_shows_people_and_lists_them(tmp_path, browse):
    write_page(tmp_path / "view.html", results())
    early = browse(tmp_path / "view.html", "#frame=2")
    late = browse(tmp_path / "view.html", "#frame=15&person=person%204")
    assert 'data-drawn="1"' in early and 'data-drawn="2"' in late
    names = re.findall(r'<span class="name">(.*?)</span>', late)
    assert names == ["track 1", "person 4 (track 2)"]
    whens = re.findall(r'<span class="when">(.*?)</span>', late)
    times = [re.findall(r"[\d.]+", when) for when in whens]
    assert times == [["0.00", "2.00", "1.9"], ["1.00", "2.00", "1.0"]]  # first, last, seen [s]
    told = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", late))
    assert (told["track"], told["person"], told["score"]) == ("2", "4", "0.75")
    assert told["box"] == "200, 35, 260, 210 px" and told["keypoints"] == "136 of 136"
    assert "1.50 s · frame 15" in late


def test_a_browser_counts_the_time_of_two_tracks_of_one_person_once(tmp_path, browse):
    boxes = [(20, 40, 80, 200), (200, 50, 260, 210)]
    frames = [frame_result(number, people(boxes, person_ids=[4, 4])) for number in range(20)]
    run = Results(skeleton=SKELETON, frames=frames, source_name="walk.mp4")
    write_page(tmp_path / "view.html", run)
    assert "seen 2.0 s" in browse(tmp_path / "view.html")


def test_a_browser_shows_where_people_stand(tmp_path, browse):
    write_page(tmp_path / "view.html", results(positions=lambda n: [(0.5, 0, 3), (1.25, 0, 4)]))
    shown = browse(tmp_path / "view.html", "#frame=15&person=person%204")
    assert "<dd>1.25, 0.00, 4.00 m</dd>" in shown
    assert not re.search(r'id="above-panel"[^>]*hidden', shown)


def test_a_browser_says_when_the_video_is_missing(tmp_path, browse):
    write_page(tmp_path / "view.html", results(), pictures=Pictures(video="gone.mp4"))
    shown = browse(tmp_path / "view.html")
    assert "gone.mp4 cannot be shown" in shown and 'data-drawn="1"' in shown
