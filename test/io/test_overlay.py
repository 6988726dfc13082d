"""The film of a run lasts as long as the run, and its sheet is spread over it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.io.overlay import Film, OverlayFilm, Spread, Timeline
from alphapose_ros.io.video import VideoError
from alphapose_ros.skeletons import skeleton

NOBODY = Tracks.empty(skeleton("coco_17"))


def ns(seconds):
    return 10**18 + round(seconds * 1e9)


def shown_at(timeline, stamps_s):
    """Frame numbers of the video at which frames of these stamps begin."""
    numbers, following = [], 0
    for stamp_s in stamps_s:
        following += timeline.frames_to_hold(ns(stamp_s))
        numbers.append(following)
        following += 1
    return numbers


def test_every_frame_is_one_frame_where_none_is_missing():
    assert shown_at(Timeline(10.0), np.arange(50) / 10) == list(range(50))


def test_jitter_neither_drops_nor_doubles_frames():
    rng = np.random.default_rng(0)
    stamps = np.arange(500) / 10 + rng.uniform(-0.04, 0.04, 500)
    stamps[0] = 0.0
    assert shown_at(Timeline(10.0), stamps) == list(range(500))


def test_gaps_are_filled():
    # At 10 Hz the frames of 0.3 and 1.0 s are numbers 3 and 10.
    assert shown_at(Timeline(10.0), [0.0, 0.3, 0.4, 1.0]) == [0, 3, 4, 10]


def test_a_rate_that_is_no_part_of_the_frames_does_not_drift():
    numbers = shown_at(Timeline(30.0), np.arange(1000) / 7.3)
    np.testing.assert_allclose(np.array(numbers) / 30, np.arange(1000) / 7.3, atol=0.5 / 30 + 1e-9)


def test_frames_faster_than_the_video_all_appear():
    assert shown_at(Timeline(10.0), [0.0, 0.01, 0.02, 0.03, 0.5]) == [0, 1, 2, 3, 5]


@pytest.mark.parametrize("jump", [-100.0, -0.5, 5.5, 1e6])
def test_a_jump_of_the_clock_is_a_cut(jump):
    stamps = [0.0, 0.1, 0.2, 0.3 + jump, 0.4 + jump, 0.6 + jump]
    assert shown_at(Timeline(10.0), stamps) == [0, 1, 2, 3, 4, 6]


@pytest.mark.parametrize("count", [0, 1, 3, 8, 9, 16, 17, 100, 1023])
def test_a_few_items_are_spread_evenly_over_any_run(count):
    spread = Spread(8)
    for number in range(count):
        if spread.wants_next():
            spread.add(number)
    steps = set(np.diff(spread.items))
    assert len(spread.items) <= 8 and len(spread.items) >= min(count, 4)
    assert len(steps) <= 1 and spread.items[:1] == [0][:count]
    assert count == 0 or count - spread.items[-1] <= (steps.pop() if steps else 1)


def read(path):
    capture = cv2.VideoCapture(str(path))
    images = []
    while (read := capture.read())[0]:
        images.append(read[1])
    return images, capture.get(cv2.CAP_PROP_FPS)


def grey(level, size=(96, 64)):
    return np.full((size[1], size[0], 3), level, np.uint8)


def test_the_video_shows_each_frame_for_its_time(tmp_path):
    with OverlayFilm(tmp_path, rate_hz=20.0, keypoint_score=0.3) as film:
        for level, stamp_s in [(40, 0.0), (120, 0.1), (200, 0.5)]:
            film.add(grey(level), NOBODY, ns(stamp_s))
        assert film.frames == 3
    images, rate_hz = read(tmp_path / "overlay.mp4")
    levels = [round(float(image.mean()) / 40) * 40 for image in images]
    assert rate_hz == pytest.approx(20.0)
    assert levels == [40] * 2 + [120] * 8 + [200]


def test_the_sheet_shows_the_run(tmp_path):
    with OverlayFilm(tmp_path, rate_hz=10.0, keypoint_score=0.3, sheet_images=8) as film:
        for number in range(100):
            film.add(grey(2 * number), NOBODY, ns(number / 10))
    sheet = cv2.imread(str(tmp_path / "contact_sheet.png"))
    assert sheet.shape[1] >= 4 * 96 and 2 * 64 < sheet.shape[0] < 3 * 64
    # Every 4th frame is kept, 0 to 96; eight of these 25, in even steps, make two full rows.
    assert {0, 24, 56, 80, 112, 136, 168, 192} <= set(sheet[:, :, 0].ravel())


def test_another_image_size_is_fitted(tmp_path):
    with OverlayFilm(tmp_path, rate_hz=10.0, keypoint_score=0.3) as film:
        film.add(grey(50), NOBODY, ns(0.0))
        film.add(grey(50, (200, 100)), NOBODY, ns(0.1))
    images, _ = read(tmp_path / "overlay.mp4")
    assert [image.shape for image in images] == [(64, 96, 3)] * 2


def test_a_film_with_privacy_shows_no_face_of_anybody_found(tmp_path):
    found = Poses(
        skeleton=NOBODY.poses.skeleton,
        keypoints=np.full((1, len(NOBODY.poses.skeleton.names), 3), np.nan),
        boxes=[(20, 10, 60, 60)],
        box_scores=[0.9],
        scores=[0.0],
    )
    for name, privacy in (("open", False), ("private", True)):
        (tmp_path / name).mkdir()
        film = OverlayFilm(tmp_path / name, rate_hz=10.0, keypoint_score=0.3, privacy=privacy)
        with film:
            film.add(grey(220), NOBODY, 0, found)
    shown = [read(tmp_path / name / "overlay.mp4")[0][0] for name in ("open", "private")]
    assert shown[0][20:50, 30:50].min() > 180
    assert shown[1][20:50, 30:50].max() < 100 and shown[1][:, 80:].min() > 180


def test_no_frame_no_file(tmp_path):
    with OverlayFilm(tmp_path, rate_hz=10.0, keypoint_score=0.3):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_film_of_which_a_part_is_missing_is_an_error(tmp_path):
    film = Film(tmp_path, 10.0)
    for number in range(3):
        film.add(grey(50), ns(number / 10))
    film._sink.frames += 1  # as when the disk takes nothing any more, which OpenCV does not tell
    with pytest.raises(VideoError, match="only 3 of 4 frames arrived on the disk"):
        film.close()


def test_the_sheet_is_written_though_the_film_failed(tmp_path):
    film = OverlayFilm(tmp_path, rate_hz=10.0, keypoint_score=0.3)
    film.add(grey(50), NOBODY, ns(0))
    film._film._sink.frames += 1
    with pytest.raises(VideoError):
        film.close()
    assert (tmp_path / "contact_sheet.png").exists()
