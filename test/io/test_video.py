import logging

import cv2
import numpy as np
import pytest

from alphapose_ros.io import video
from alphapose_ros.io.video import VideoError, VideoSink, VideoSource, read_video

SIZE = (64, 48)


def image(number, size=SIZE):
    """Flat grey that grows with the number, and survives compression."""
    return np.full((size[1], size[0], 3), 10 + 20 * number, np.uint8)


def write(path, count=8, fps=10.0, size=SIZE):
    with VideoSink(path, fps, size) as sink:
        for number in range(count):
            sink.write(image(number, size))
    return path


def test_what_was_written_is_read_back_in_order(tmp_path):
    with read_video(write(tmp_path / "grey.mp4")) as source:
        assert (source.width, source.height, source.fps, source.frame_count) == (*SIZE, 10.0, 8)
        frames = list(source)
    assert len(frames) == 8
    for number, (found, time_s) in enumerate(frames):
        assert found.shape == (48, 64, 3) and found.dtype == np.uint8
        assert abs(found.mean() - (10 + 20 * number)) < 4
        assert time_s == pytest.approx(number / 10.0, abs=1e-3)


@pytest.mark.parametrize("fps", [5.0, 23.976, 29.97, 60.0])
def test_the_frame_rate_is_kept(tmp_path, fps):
    with read_video(write(tmp_path / "rate.mp4", fps=fps)) as source:
        assert source.fps == pytest.approx(fps, rel=1e-3)
        times = [time_s for _, time_s in source]
    np.testing.assert_allclose(times, np.arange(8) / fps, atol=2e-3)


def test_images_are_bgr(tmp_path):
    blue = np.zeros((48, 64, 3), np.uint8)
    blue[..., 0] = 250
    with VideoSink(tmp_path / "blue.mp4", 10, SIZE) as sink:
        sink.write(blue)
    with read_video(tmp_path / "blue.mp4") as source:
        ((found, _),) = source
    assert found[..., 0].mean() > 200 and found[..., 2].mean() < 50


@pytest.mark.parametrize("name", ["pets09_s2l1_part1/video.mp4", "intel/asl_walk.mkv"])
def test_real_files_are_read_to_their_end(data, name):
    with read_video(data / "videos" / name) as source:
        times = [time_s for _, time_s in source]
        assert len(times) == source.frame_count
    assert times[0] == 0.0 and (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx((len(times) - 1) / source.fps, rel=0.02)


class Capture:
    """A capture that plays what a test asks for."""

    def __init__(self, stamps_ms, fps=10.0, count=-1.0):
        self.stamps_ms, self.fps, self.count, self.number = stamps_ms, fps, count, 0

    def isOpened(self):
        return True

    def read(self):
        self.number += 1
        found = self.number <= len(self.stamps_ms)
        return found, image(0) if found else None

    def get(self, what):
        if what == cv2.CAP_PROP_POS_MSEC:
            return self.stamps_ms[self.number - 1]
        return {cv2.CAP_PROP_FPS: self.fps, cv2.CAP_PROP_FRAME_COUNT: self.count}.get(what, 48.0)

    def release(self):
        self.number = len(self.stamps_ms)


def play(monkeypatch, source, *args, **more):
    monkeypatch.setattr(video.cv2, "VideoCapture", lambda _: Capture(*args, **more))
    return VideoSource(source)


def test_an_uneven_frame_rate_is_kept_and_times_begin_at_zero(monkeypatch, tmp_path):
    (tmp_path / "a.mp4").touch()
    source = play(monkeypatch, tmp_path / "a.mp4", [500.0, 540.0, 900.0])
    assert [t for _, t in source] == pytest.approx([0.0, 0.04, 0.4])


def test_times_grow_though_the_file_s_do_not(monkeypatch, tmp_path):
    (tmp_path / "a.mp4").touch()
    source = play(monkeypatch, tmp_path / "a.mp4", [0.0, 0.0, 0.0, 250.0, 240.0])
    assert [t for _, t in source] == pytest.approx([0.0, 0.1, 0.2, 0.25, 0.35])


def test_what_the_source_does_not_know_is_none(monkeypatch, tmp_path):
    (tmp_path / "a.mp4").touch()
    for fps, count in ((0.0, 0.0), (float("nan"), -9.2e18), (-1.0, 1e18)):
        source = play(monkeypatch, tmp_path / "a.mp4", [0.0], fps, count)
        assert source.fps is None and source.frame_count is None
        assert play(monkeypatch, 0, [0.0], 30.0, 99.0).frame_count is None  # a camera


def test_a_camera_has_the_clock_s_times_and_its_end_is_an_error(monkeypatch):
    clock = iter([70.0, 70.5, 71.75])
    monkeypatch.setattr(video.time, "monotonic", lambda: next(clock))
    times = []
    with pytest.raises(VideoError, match=r"camera 0: no image any more after 3.*connected"):
        times.extend(time_s for _, time_s in play(monkeypatch, 0, [0.0, 0.0, 0.0]))
    assert times == [0.0, 0.5, 1.75]


def test_a_number_in_text_is_a_camera_unless_it_is_a_file(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(video.cv2, "VideoCapture", lambda s: opened.append(s) or Capture([0.0]))
    monkeypatch.chdir(tmp_path)
    read_video("2")
    (tmp_path / "2").touch()
    read_video("2")
    read_video("rtsp://camera/1")
    assert opened == [2, "2", "rtsp://camera/1"]


def test_a_file_that_ends_early_is_reported(monkeypatch, tmp_path, caplog):
    (tmp_path / "a.mp4").touch()
    with caplog.at_level(logging.WARNING):
        assert len(list(play(monkeypatch, tmp_path / "a.mp4", [0.0, 100.0], count=100.0))) == 2
    assert "ended after 2 of 100 images" in caplog.text


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4: no such video; check the path"):
        read_video(tmp_path / "none.mp4")


def test_a_folder_is_no_video(tmp_path):
    with pytest.raises(VideoError, match="is a folder"):
        read_video(tmp_path)


@pytest.mark.parametrize("content", [b"", b"this is no video\n" * 100])
def test_a_file_that_is_no_video_is_refused_with_remedy(tmp_path, content):
    (tmp_path / "text.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=r"text\.mp4: OpenCV cannot read this.*convert"):
        read_video(tmp_path / "text.mp4")


def test_a_video_without_one_readable_image_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(VideoError, match="not one image can be decoded"):
        list(play(monkeypatch, tmp_path / "a.mp4", []))


def test_an_absent_camera_is_named():
    with pytest.raises(VideoError, match=r"camera 97: cannot be opened; is it connected"):
        read_video(97)


def test_the_file_appears_with_the_first_image_and_its_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "a.mp4"
    with VideoSink(path, 10, SIZE) as sink:
        assert not path.parent.exists()
        sink.write(image(1))
        assert path.exists() and sink.frames == 1
    with VideoSink(tmp_path / "unused.mp4", 10, SIZE):
        pass
    assert not (tmp_path / "unused.mp4").exists()


def test_the_file_is_finished_when_the_block_fails(tmp_path):
    with pytest.raises(RuntimeError), VideoSink(tmp_path / "a.mp4", 10, SIZE) as sink:
        sink.write(image(1))
        raise RuntimeError
    sink.close()  # twice is allowed
    with read_video(tmp_path / "a.mp4") as source:
        assert len(list(source)) == 1


@pytest.mark.parametrize(
    "wrong", [image(0, (48, 64)), image(0).astype(np.float32), image(0)[..., 0]]
)
def test_images_of_another_size_or_type_are_refused(tmp_path, wrong):
    sink = VideoSink(tmp_path / "a.mp4", 10, SIZE)
    with pytest.raises(ValueError, match=r"takes \(48, 64, 3\) uint8, got"):
        sink.write(wrong)
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize(
    ("name", "fps", "size", "message"),
    [
        ("a.avi", 10, SIZE, r"as \.mp4 only"),
        ("a.mp4", 0, SIZE, "cannot write 0 images per second"),
        ("a.mp4", float("nan"), SIZE, "cannot write nan"),
        ("a.mp4", 10, (0, 48), r"of size \(0, 48\)"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(tmp_path, name, fps, size, message):
    with pytest.raises(ValueError, match=message):
        VideoSink(tmp_path / name, fps, size)


def test_a_place_or_codec_that_cannot_be_opened_is_an_error(tmp_path):
    (tmp_path / "a.mp4").mkdir()  # OpenCV cannot open this for writing
    sink = VideoSink(tmp_path / "a.mp4", 10, SIZE)
    with pytest.raises(VideoError, match=r"a\.mp4: OpenCV cannot write here with codec mp4v"):
        sink.write(image(0))


def test_odd_sizes_are_written(tmp_path):
    with read_video(write(tmp_path / "odd.mp4", size=(65, 47))) as source:
        assert len(list(source)) == 8
        assert abs(source.width - 65) <= 1 and abs(source.height - 47) <= 1
