"""Videos to their end or to where they break off, and streams that break off and come back."""

from __future__ import annotations

import functools
import http.server
import shutil
import struct
import subprocess
import threading
from itertools import islice

import cv2
import numpy as np
import pytest

from alphapose_ros.io import video_sources
from alphapose_ros.io.video import VideoError, VideoSink
from alphapose_ros.io.video_sources import StreamSource, VideoFileSource, video_source

SIZE = (64, 48)


def film(path, count=40, fps=20.0, codec="MJPG"):
    """Write grey images that grow brighter; the codec keeps each by itself."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, SIZE)
    assert writer.isOpened()
    for number in range(count):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 10 + 5 * number, np.uint8))
    writer.release()
    return path


def read(source):
    with source:
        return list(source)


def brightness(items):
    return [round(float(item.frame.image.mean() - 10) / 5) for item in items]


@pytest.mark.parametrize(
    ("name", "count", "rate_hz", "shape"),
    [
        ("intel/store_aisle.mp4", 67, 15, (270, 480, 3)),
        ("intel/asl_walk.mkv", 89, 30, (480, 640, 3)),
        ("davis/tennis.mp4", 70, 24, (240, 432, 3)),
        ("mot17_clips/mmpose_demo.mp4", 5, 5, (540, 960, 3)),
        ("openpose/video.avi", 205, 50, (720, 1280, 3)),
    ],
)
def test_real_videos_are_read_to_their_end(data, name, count, rate_hz, shape):
    source = VideoFileSource(data / "videos" / name)
    last = None
    with source:
        for index, item in enumerate(source):  # one image at a time
            assert (item.frame.index, item.name) == (index, f"{index}.jpg")
            assert item.frame.image.shape == shape
            assert item.received_ns == item.frame.stamp_ns
            assert last is None or item.frame.stamp_ns > last
            last = item.frame.stamp_ns
    assert (index + 1, source.frame_count, source.is_sequence) == (count, count, True)
    assert source.rate_hz == pytest.approx(rate_hz, rel=1e-3)
    assert source.problems == []
    assert last / 1e9 == pytest.approx((count - 1) / rate_hz, rel=0.02)


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_a_truncated_video_keeps_what_came_before_and_tells_where_it_ends(tmp_path, suffix):
    path = film(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    source = VideoFileSource(path)
    items = read(source)
    assert 10 < len(items) < 30 and brightness(items) == list(range(len(items)))
    (problem,) = source.problems
    assert problem.where == f"a.{suffix}, frame {len(items)}"
    assert "ends there, though it announces 40 frames" in problem.what


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_frames_that_cannot_be_decoded_are_told_with_their_place(tmp_path, suffix):
    path = film(tmp_path / f"a.{suffix}")
    content = bytearray(path.read_bytes())
    starts = [at for at in range(len(content) - 1) if content[at : at + 3] == b"\xff\xd8\xff"]
    for start in starts[11:14]:
        content[start : start + 200] = bytes(200)
    path.write_bytes(content)
    source = VideoFileSource(path)
    items = read(source)
    assert brightness(items) == [*range(11), *range(14, 40)]
    assert [item.frame.index for item in items] == list(range(37))
    assert items[11].frame.stamp_ns == 700_000_000  # the file's time
    (problem,) = source.problems
    assert problem.where == f"a.{suffix}, frame 11"
    assert "3 frames before it cannot be decoded and were left out" in problem.what
    source = VideoFileSource(path)
    with source:
        frames = iter(source)
        assert len(list(islice(frames, 11))) == 11 and source.problems == []
        next(frames)  # it is told at once, however many frames are wanted
        assert [one.where for one in source.problems] == [problem.where]


def test_a_variable_rate_is_kept_and_is_no_problem(tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("makes the file with ffmpeg")
    path = tmp_path / "vfr.mkv"
    # Of 20 images a second those at 0, 1, 2, 10, 11 and 19.
    keep = "select='lt(n,3)+eq(n,10)+eq(n,11)+eq(n,19)'"
    command = ["ffmpeg", "-loglevel", "error", "-i", film(tmp_path / "a.avi", 20), "-vf", keep]
    subprocess.run([*command, "-vsync", "vfr", "-c:v", "mjpeg", path], check=True)
    source = VideoFileSource(path)
    items = read(source)
    times = [item.frame.stamp_ns / 1e9 for item in items]
    assert times == pytest.approx([0, 0.05, 0.1, 0.5, 0.55, 0.95], abs=2e-3)
    assert brightness(items) == [0, 1, 2, 10, 11, 19]


def turned(path, degrees):
    """Write the matrix of a rotation into the track's header of an mp4."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # version 0: behind times, id, duration, layer, volume
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]
    content[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)


def on_its_side(path, degrees):
    """Write a video that is to be shown turned; return its images as they lie in the file."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24] = (250, 0, 0)
    image[24:, :32] = (0, 0, 250)
    with VideoSink(path, 10, SIZE) as sink:
        for _ in range(3):
            sink.write(image)
    turned(path, degrees)
    return image


@pytest.mark.parametrize(("degrees", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_a_video_held_on_its_side_is_turned_as_its_file_says(tmp_path, degrees, turns):
    wanted = np.rot90(on_its_side(tmp_path / "a.mp4", degrees), turns)
    items = read(VideoFileSource(tmp_path / "a.mp4"))
    assert [item.frame.image.shape for item in items] == [wanted.shape] * 3
    assert np.abs(items[0].frame.image.astype(int) - wanted).mean() < 15


@pytest.mark.skipif(cv2.__version__.startswith("4.6."), reason="there the test above shows it")
@pytest.mark.parametrize(("degrees", "more_turns"), [(90, 2), (180, 0), (270, 2)])
def test_quarter_turns_that_opencv_4_6_takes_the_other_way_are_put_right(
    tmp_path, monkeypatch, degrees, more_turns
):
    on_its_side(tmp_path / "a.mp4", degrees)
    right = read(VideoFileSource(tmp_path / "a.mp4"))[0].frame.image
    monkeypatch.setattr(cv2, "__version__", "4.6.0")
    image = read(VideoFileSource(tmp_path / "a.mp4"))[0].frame.image
    np.testing.assert_array_equal(image, np.rot90(right, more_turns))


def test_errors_name_the_file_at_once(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"a\.mp4: OpenCV cannot read this"):
        VideoFileSource(tmp_path / "a.mp4")
    with pytest.raises(FileNotFoundError, match=r"b\.mp4: no such video"):
        VideoFileSource(tmp_path / "b.mp4")
    with pytest.raises(VideoError, match="inside the `with` block"):
        list(VideoFileSource(film(tmp_path / "c.avi")))


# Streams


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and /live: JPEG after JPEG as cameras do, 5 at a time, as often as is left."""

    def do_GET(self):
        if self.path != "/live":
            super().do_GET()
            return
        self.server.asked += 1
        if self.server.asked > self.server.times:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=next")
        self.end_headers()
        for number in range(5):
            image = np.full((48, 64, 3), 10 + 5 * number, np.uint8)
            data = cv2.imencode(".jpg", image)[1].tobytes()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")

    def do_HEAD(self):
        if self.path == "/live":
            self.send_error(405)
        else:
            super().do_HEAD()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        found.asked, found.times = 0, 10**6
        found.address = f"http://127.0.0.1:{found.server_port}"
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def test_a_stream_that_breaks_off_is_opened_again_and_ends_in_order(server):
    server.times = 2
    source = StreamSource(f"{server.address}/live", attempts=3, pause_s=0.01)
    items = read(source)
    assert len(items) in (8, 9, 10)  # the last image of each is complete with the next one's head
    half = len(items) // 2
    assert brightness(items) == [*range(half)] * 2
    assert [item.frame.index for item in items] == list(range(len(items)))
    stamps = [item.frame.stamp_ns for item in items]
    assert stamps[0] == 0 and stamps == sorted(stamps)
    assert [problem.where for problem in source.problems] == [
        f"{server.address}/live, frame {half}",
        f"{server.address}/live, frame {2 * half}",
    ]
    assert "was opened again" in source.problems[0].what
    assert "did not come back in 3 attempts" in source.problems[1].what
    assert server.asked == 4  # two, and two attempts more


def test_a_stream_that_never_comes_is_an_error(server):
    server.times = 0
    with (
        pytest.raises(VideoError, match=r"/live: cannot be opened"),
        StreamSource(f"{server.address}/live"),
    ):
        pass


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_the_address_of_a_file_has_its_times_and_its_end(server, tmp_path, suffix):
    film(tmp_path / f"a.{suffix}", 20)
    source = video_source(f"{server.address}/a.{suffix}")
    items = read(source)
    assert brightness(items) == list(range(20)) and source.problems == []
    assert (source.name, source.frame_count) == (f"a.{suffix}", 20)
    assert items[19].frame.stamp_ns == pytest.approx(0.95e9, abs=2e6)


def test_an_address_of_a_file_that_does_not_tell_its_length_ends_once(server, tmp_path):
    images = [np.full((48, 64, 3), 10 + 5 * number, np.uint8) for number in range(20)]
    data = b"".join(cv2.imencode(".jpg", image)[1].tobytes() for image in images)
    (tmp_path / "a.mjpeg").write_bytes(data)
    source = video_source(f"{server.address}/a.mjpeg")
    assert isinstance(source, StreamSource)
    assert brightness(read(source)) == list(range(20)) and source.problems == []


class Camera:
    """A camera that gives two images whenever it is opened, as often as it can be."""

    opened = 0

    def __init__(self, _):
        Camera.opened += 1
        if Camera.opened > 4:
            raise VideoError("gone")
        self.fps = 30.0

    def __iter__(self):
        yield np.zeros((4, 4, 3), np.uint8), 0.0
        yield np.zeros((4, 4, 3), np.uint8), 0.1
        raise VideoError("no image any more")

    def close(self):
        pass


def test_attempts_are_counted_until_a_minute_of_images_has_come(monkeypatch):
    monkeypatch.setattr(video_sources, "VideoSource", Camera)
    for steady_s, expected in ((60.0, 6), (-1.0, 8)):
        Camera.opened = 0
        monkeypatch.setattr(video_sources, "STEADY_S", steady_s)
        source = StreamSource(0, attempts=2, pause_s=0.0)
        with source:
            assert source.rate_hz == 30.0
            assert len(list(source)) == expected
        assert source.name == "camera 0"


def test_cameras_are_not_opened_before_they_are_entered():
    source = video_source(97)
    with pytest.raises(VideoError, match="camera 97: cannot be opened"), source:
        pass


def test_passwords_are_not_shown():
    source = StreamSource("rtsp://user:secret@127.0.0.1:1/live")
    assert source.name == "rtsp://127.0.0.1:1/live"
    with pytest.raises(VideoError) as told, source:
        pass
    assert "secret" not in str(told.value)
